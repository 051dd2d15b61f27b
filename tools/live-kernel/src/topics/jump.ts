/** Jumps and constants. */
import { type Draft, hex, set, tag, type Topic } from '../draft.ts';

const CONDITIONS: readonly (readonly [string, string])[] = [
  ['jeq', '=='], ['jne', '!='], ['jgt', '>'], ['jge', '>='], ['jlt', '<'], ['jle', '<='], ['jset', '&'],
  ['jsgt', 's>'], ['jsge', 's>='], ['jslt', 's<'], ['jsle', 's<='],
]; // prettier-ignore
const REG_PAIRS: readonly (readonly [bigint, bigint])[] = [
  [0n, 0n], [1n, 2n], [-1n, 1n], [0x8000000000000000n, 0x7fffffffffffffffn], [0xdeadbeef00000001n, 0x1n],
  [0x1ffffffffn, 0xffffffffn], [0xffffffff80000000n, 0x7fffffffn], [0x180000000n, 0x280000000n],
]; // prettier-ignore
const IMM_PAIRS: readonly (readonly [bigint, bigint])[] = [
  [0n, 0n], [-1n, -1n], [0xffffffffn, -1n], [0x80000000n, -0x80000000n], [0xffffffff80000000n, -0x80000000n],
  [0x100000005n, 5n], [127n, 128n], [-129n, -128n], [4096n, 4095n], [0x7fffffffn, 0x7fffffffn],
]; // prettier-ignore
const wide = (register: number, width: number): string => `${width === 64 ? 'r' : 'w'}${register}`;

function conditional(): Draft[] {
  const drafts: Draft[] = [];
  for (const width of [64, 32]) {
    for (const [name, op] of CONDITIONS) {
      // Bit i of the result says whether pair i jumps.
      const regs = REG_PAIRS.flatMap(([a, b], i) => [
        set(1, a),
        set(2, b),
        `if ${wide(1, width)} ${op} ${wide(2, width)} goto +1`,
        'goto +1',
        `r0 |= ${1 << i}`,
      ]);
      drafts.push({ id: `${name}${width}-reg`, asm: ['r0 = 0', ...regs, 'exit'] });
      const imms = IMM_PAIRS.flatMap(([a, b], i) => [
        set(1, a),
        `if ${wide(1, width)} ${op} ${b} goto +1`,
        'goto +1',
        `r0 |= ${1 << i}`,
      ]);
      drafts.push({ id: `${name}${width}-imm`, asm: ['r0 = 0', ...imms, 'exit'] });
      if (width === 32) {
        // The upper halves are read as well, so that they are really there.
        const upper: [bigint, bigint][] = [[0xff00000000000001n, 0xff00000000000002n], [0x8000000000000003n, 0x8000000000000003n]]; // prettier-ignore
        const kept = [...REG_PAIRS, ...IMM_PAIRS, ...upper].flatMap(([a, b]) => [
          set(1, a), set(2, b), 'r3 = r1', 'r3 += r2',
          `if w1 ${op} w2 goto +1`, 'r0 += 1', 'r0 *= 3',
          ...(BigInt.asIntN(32, b) === b ? [`if w1 ${op} ${b} goto +1`, 'r0 += 1', 'r0 *= 3'] : []),
          'r0 ^= r3', 'r0 += r1', 'r0 += r2',
        ]); // prettier-ignore
        drafts.push({ id: `${name}32-kept`, flags: ['DirtyUpper'], asm: ['r0 = 1', ...kept, 'exit'] });
      }
      drafts.push({
        id: `${name}${width}-self`,
        flags: ['Aliased'],
        asm: [
          'r0 = 1',
          set(1, 0x8000000080000000n),
          `if ${wide(1, width)} ${op} ${wide(1, width)} goto +1`,
          'r0 = 2',
          'exit',
        ],
      });
      for (const bit of [0, 7, 15, 30, 31]) {
        if (name !== 'jset') break;
        drafts.push({
          id: `jset${width}-bit-${bit}`,
          asm: [
            'r0 = 0',
            set(1, 1n << BigInt(bit)),
            `if ${wide(1, width)} & ${(1 << bit) | 0} goto +1`,
            'exit',
            'r0 = 1',
            'exit',
          ],
        });
        drafts.push({
          id: `jset${width}-all-but-bit-${bit}`,
          asm: [
            'r0 = 0',
            set(1, ~(1n << BigInt(bit)) & 0xffffffffn),
            `if ${wide(1, width)} & ${(1 << bit) | 0} goto +1`,
            'exit',
            'r0 = 1',
            'exit',
          ],
        });
      }
    }
  }
  return drafts;
}

/** Branches over more and more code: each size puts the target just in or just out of some encoding's short range. */
function ranges(): Draft[] {
  const drafts: Draft[] = [];
  for (const count of [1, 2, 20, 30, 31, 32, 33, 36, 40, 41, 42, 43, 44, 45, 60, 64, 127, 128, 129, 255, 256]) {
    const filler = Array.from({ length: count }, (_, i) => (i % 2 === 0 ? 'r1 += r2' : 'r1 ^= r3'));
    drafts.push({
      id: `forward-over-${count}`,
      flags: ['Range'],
      asm: [
        'r0 = 1',
        'r1 = 5',
        'r2 = 7',
        'r3 = 11',
        'r4 = 1',
        `if r4 == 1 goto +${count}`,
        ...filler,
        'r0 += r1',
        'exit',
      ],
    });
    drafts.push({
      id: `not-taken-over-${count}`,
      flags: ['Range'],
      asm: [
        'r0 = 1',
        'r1 = 5',
        'r2 = 7',
        'r3 = 11',
        'r4 = 1',
        `if r4 != 1 goto +${count}`,
        ...filler,
        'r0 += r1',
        'exit',
      ],
    });
    drafts.push({
      id: `backward-over-${count}`,
      flags: ['Range'],
      asm: [
        'r0 = 0',
        'r1 = 5',
        'r2 = 7',
        'r3 = 11',
        'r4 = 0',
        ...filler,
        'r4 += 1',
        'r0 += r1',
        `if r4 < 3 goto -${count + 3}`,
        'exit',
      ],
    });
    drafts.push({
      id: `ja-over-${count}`,
      flags: ['Range'],
      asm: [
        'r0 = 1',
        'r1 = 5',
        'r2 = 7',
        'r3 = 11',
        'r4 = 2',
        'if r4 > 1 goto +1',
        'exit',
        `goto +${count}`,
        ...filler.map((line) => line),
        'r0 += r1',
        'exit',
      ],
      comment: 'what is jumped over is dead',
    });
    drafts.push({
      id: `gotol-over-${count}`,
      flags: ['Range'],
      asm: [
        'r0 = 1',
        'r1 = 5',
        'r2 = 7',
        'r3 = 11',
        'r4 = 2',
        'if r4 > 1 goto +1',
        'exit',
        `gotol +${count}`,
        ...filler,
        'r0 += r1',
        'exit',
      ],
      comment: 'what is jumped over is dead',
    });
  }
  return drafts.map((draft) =>
    draft.comment === undefined ? draft : { ...draft, spec: { source: 'rfc9669 4.3', expect: { r0: '0x6' } } },
  );
}

function constants(): Draft[] {
  const values = new Set<bigint>();
  for (const shift of [0n, 7n, 8n, 15n, 16n, 31n, 32n, 47n, 48n, 63n]) {
    for (const base of [1n, 0xffn, 0x8000n, 0xffffn, 0x1234n]) values.add(BigInt.asUintN(64, base << shift));
    values.add(BigInt.asUintN(64, ~(1n << shift)));
    values.add(BigInt.asUintN(64, -1n << shift));
    values.add((1n << shift) - 1n);
  }
  for (const value of [0x8000n, 0xffff8000n, 0x80000000n, 0xffffffff7fffffffn, 0xffffffff80000000n, 0x5555555555555555n, 0xaaaaaaaaaaaaaaaan, 0x0000ffff0000ffffn, 0xffff0000ffff0000n, 0x0123456789abcdefn, 0x00ff00ff00ff00ffn, 0x123400005678n, 0xffff1234ffffffffn, 0x00000000fffffffen, 0xf0f0f0f0f0f0f0f0n, 0x8000ffffn, 0xffff0001n, 0xffff123489abcdefn, 0xffff8000ffff1234n, 0x7fff0000ffff8000n, 0x0000ffff12345678n, 0xffffffff12345678n, 0x123456788000n, 0x80000000ffff0000n]) values.add(value); // prettier-ignore
  return [...values].map((value) => ({
    id: `ld-imm64-${tag(value)}`,
    asm: [set(0, value), 'exit'],
    spec: { source: 'rfc9669 5.4', expect: { r0: hex(value) } },
  }));
}

const NOTES = {
  DirtyUpper: 'the upper halves are not zero, and a 32-bit comparison does not look at them',
  Aliased: 'both operands are one register',
  Range: 'the distance is near the limit of a short branch form of some CPU',
};

function topic(file: string, name: string, spec: string, drafts: Draft[]): Topic {
  const flags = new Set(drafts.flatMap((draft) => draft.flags ?? []));
  const notes = Object.fromEntries(Object.entries(NOTES).filter(([flag]) => flags.has(flag)));
  return { file, topic: name, spec: [spec], notes, drafts };
}

/** All topics of jumps and constants. */
export const JUMP_TOPICS: readonly Topic[] = [
  topic('jump-conditional', 'conditional jumps at edge values, 64 and 32 bits', 'rfc9669 4.3', conditional()),
  topic('jump-range', 'jumps just in and just out of short ranges', 'rfc9669 4.3', ranges()),
  topic('ld-imm64', '64-bit constants: all bit patterns that encodings care for', 'rfc9669 5.4', constants()),
];
