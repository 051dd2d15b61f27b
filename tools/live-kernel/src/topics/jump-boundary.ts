/** Comparisons just below, at and above every limit of an immediate; with what was computed or loaded right before. */
import { type Draft, set, type Topic } from '../draft.ts';

const CONDITIONS: readonly (readonly [string, string])[] = [
  ['jeq', '=='], ['jne', '!='], ['jgt', '>'], ['jge', '>='], ['jlt', '<'], ['jle', '<='], ['jset', '&'],
  ['jsgt', 's>'], ['jsge', 's>='], ['jslt', 's<'], ['jsle', 's<='],
]; // prettier-ignore
const LIMITS = [
  0n, 1n, -1n, 2n, 127n, 128n, 129n, -127n, -128n, -129n, 255n, 256n, 4095n, 4096n, 4097n, -4095n, -4096n, -4097n,
  32767n, 32768n, -32768n, -32769n, 65535n, 65536n, 0xfff000n, 0x1000000n, 0x7ffffffen, 0x7fffffffn, -0x80000000n,
  -0x7fffffffn, 0x12345678n,
]; // prettier-ignore
const wide = (register: number, width: number): string => `${width === 64 ? 'r' : 'w'}${register}`;

/** Counts what does not jump, in a way that tells which one it was. */
const tally = (jump: string): string[] => [jump, 'r0 += 1', 'r0 *= 3'];

function immediates(): Draft[] {
  const drafts: Draft[] = [];
  for (const width of [64, 32]) {
    for (const [name, op] of CONDITIONS) {
      const near = (limit: bigint): bigint[] => [
        limit - 1n,
        limit,
        limit + 1n,
        limit ^ 0x1_0000_0000n,
        limit ^ 0x8000_0000_0000_0000n,
      ];
      const bits = (limit: bigint): bigint[] => [
        limit,
        ~limit,
        limit & -limit,
        ~(limit & -limit),
        BigInt.asUintN(32, limit),
        -1n << 32n,
      ];
      const body = LIMITS.flatMap((limit) =>
        (name === 'jset' ? bits(limit) : near(limit)).flatMap((value) => [
          set(1, value),
          ...tally(`if ${wide(1, width)} ${op} ${limit} goto +1`),
        ]),
      );
      drafts.push({ id: `${name}${width}-imm-around-limits`, asm: ['r0 = 1', ...body, 'exit'] });
    }
  }
  return drafts;
}

const LOADED: Readonly<Record<number, readonly bigint[]>> = {
  8: [0n, 1n, 0x7fn, 0x80n, 0xffn],
  16: [0n, 0x7fn, 0x80n, 0x8000n, 0xffffn],
  32: [0n, 0xffn, 0x7fffffffn, 0x80000000n, 0xffffffffn],
  64: [0n, 0x80n, 0x100000000n, 0x7fffffffffffffffn, -1n],
};
const MASKS = [1n, 0x80n, 0x100n, 0x8000n, 0x10000n, 0x800000n, 0x40000000n, -0x80000000n, 0x180n, 0xff00n, -1n];

function loads(): Draft[] {
  const drafts: Draft[] = [];
  for (const loaded of [8, 16, 32, 64]) {
    for (const [name, op] of CONDITIONS) {
      const limits = name === 'jset' ? MASKS : [0n, -1n, 127n, 128n, 255n];
      const body = LOADED[loaded]!.flatMap((value) => [
        set(2, value),
        `*(u${loaded} *)(r10 - 8) = ${wide(2, loaded)}`,
        ...limits.flatMap((limit) =>
          (limit === 127n ? [64] : [64, 32]).flatMap((width) => [
            `r1 = *(u${loaded} *)(r10 - 8)`,
            ...tally(`if ${wide(1, width)} ${op} ${limit} goto +1`),
          ]),
        ),
        // With a register on either side, and the loaded value read again.
        `r1 = *(u${loaded} *)(r10 - 8)`, ...tally(`if r2 ${op} r1 goto +1`),
        `r1 = *(u${loaded} *)(r10 - 8)`, ...tally(`if w2 ${op} w1 goto +1`),
        `r1 = *(u${loaded} *)(r10 - 8)`, ...tally(`if r1 ${op} r2 goto +1`),
        `r1 = *(u${loaded} *)(r10 - 8)`, ...tally(`if r1 ${op} 100 goto +1`), 'r0 += r1',
      ]); // prettier-ignore
      drafts.push({ id: `load${loaded}-then-${name}`, flags: ['Loaded'], asm: ['r0 = 1', ...body, 'exit'] });
    }
  }
  return drafts;
}

/** Narrow loads compared with immediates that are wider than what was loaded. */
function wideLimits(): Draft[] {
  const drafts: Draft[] = [];
  for (const loaded of [8, 16]) {
    for (const [name, op] of CONDITIONS) {
      const body = LOADED[loaded]!.flatMap((value) => [
        set(2, value),
        `*(u${loaded} *)(r10 - 8) = w2`,
        ...[256, 300, 383, 511, 32767, 32768, 65535, 65536, 0x10080, 0x7fffffff, -128, -129, -256, -32768].flatMap((limit) => [
          `r1 = *(u${loaded} *)(r10 - 8)`, ...tally(`if r1 ${op} ${limit} goto +1`),
        ]),
      ]); // prettier-ignore
      drafts.push({
        id: `load${loaded}-then-${name}-wide-immediates`,
        flags: ['Loaded'],
        asm: ['r0 = 1', ...body, 'exit'],
      });
    }
  }
  return drafts;
}

const OPERANDS: readonly (readonly [bigint, bigint])[] = [
  [5n, 5n], [1n, 2n], [0x8000000000000000n, 1n], [0x7fffffffffffffffn, -1n], [0xdeadbeef80000000n, 1n], [0x100000000n, 0n],
]; // prettier-ignore

function results(): Draft[] {
  const drafts: Draft[] = [];
  for (const [name, op] of [
    ['add', '+='],
    ['sub', '-='],
    ['and', '&='],
    ['or', '|='],
    ['xor', '^='],
    ['lsh', '<<='],
    ['rsh', '>>='],
    ['arsh', 's>>='],
    ['neg', ''],
  ] as const) {
    for (const width of [64, 32]) {
      const [d, s] = [wide(1, width), wide(2, width)];
      const line = name === 'neg' ? `${d} = -${d}` : `${d} ${op} ${s}`;
      const body = OPERANDS.flatMap(([a, b]) => [
        set(3, a),
        set(2, b),
        ...CONDITIONS.flatMap(([, condition]) =>
          ['r1', 'w1'].flatMap((compared) => [
            'r1 = r3', line, ...tally(`if ${compared} ${condition} ${condition === '&' ? -1 : 0} goto +1`),
          ]),
        ),
      ]); // prettier-ignore
      drafts.push({ id: `${name}${width}-then-compare`, flags: ['Computed'], asm: ['r0 = 1', ...body, 'exit'] });
    }
  }
  return drafts;
}

/** Branches around one move, one after the other, with equal and changed operands. */
function moves(): Draft[] {
  const drafts: Draft[] = [];
  const values: readonly (readonly [bigint, bigint])[] = [
    [1n, 2n],
    [2n, 1n],
    [7n, 7n],
    [-1n, 1n],
    [0x1_8000_0000n, 0x2_7fff_ffffn],
  ];
  const fold = ['r0 *= 31', 'r0 += r5', 'r0 *= 31', 'r0 += r6'];
  for (const width of [64, 32]) {
    const [a, b] = [wide(1, width), wide(2, width)];
    for (const [name, op] of CONDITIONS) {
      const bodies: readonly (readonly [string, readonly string[]])[] = [
        ['register', [`if ${a} ${op} ${b} goto +1`, 'r5 = r3']],
        ['register-low', [`if ${a} ${op} ${b} goto +1`, 'w5 = w3']],
        ['immediate', [`if ${a} ${op} 1 goto +1`, 'r5 = r4']],
        ['zero', [`if ${a} ${op} 0 goto +1`, 'r5 = r4']],
        ['twice', [`if ${a} ${op} ${b} goto +1`, 'r5 = r3', `if ${a} ${op} ${b} goto +1`, 'r6 = r4']],
        ['operand-changes', [`if ${a} ${op} ${b} goto +1`, 'r1 = r3', `if ${a} ${op} ${b} goto +1`, 'r6 = r4']],
        ['other-operand-changes', [`if ${a} ${op} ${b} goto +1`, 'r2 = r3', `if ${a} ${op} ${b} goto +1`, 'r6 = r4']],
        ['only-low-half-read', [`if ${a} ${op} ${b} goto +1`, 'r5 = r3', 'w5 = w5']],
        ['over-two', [`if ${a} ${op} ${b} goto +2`, 'r5 = r3', 'r6 = r4']],
        [
          'again-after-label-unchanged',
          ['if r7 == 0 goto +2', `if ${a} ${op} ${b} goto +1`, 'r5 = r3', `if ${a} ${op} ${b} goto +1`, 'r6 = r4'],
        ],
        [
          'again-after-label',
          [
            'if r7 == 0 goto +3',
            `if ${a} ${op} ${b} goto +1`,
            'r5 = r3',
            'r2 = r4',
            `if ${a} ${op} ${b} goto +1`,
            'r6 = r4',
          ],
        ],
      ];
      for (const [kind, body] of bodies) {
        if (!['register', 'operand-changes', 'zero'].includes(kind) && !['jeq', 'jgt', 'jsle', 'jset'].includes(name))
          continue;
        const asm = values.flatMap(([x, y]) => [set(1, x), set(2, y), 'r5 = 55', 'r6 = 66', ...body, ...fold]);
        drafts.push({
          id: `${name}${width}-over-move-${kind}`,
          asm: ['r0 = 0', 'r7 = r0', set(3, 0xfedcba9876543210n), set(4, 0x1_0000_0003n), ...asm, 'exit'],
        });
      }
    }
  }
  return drafts;
}

/** Distances byte by byte where x86 changes from short to long: 64-bit additions have three bytes there, 32-bit ones two. */
function exactRanges(): Draft[] {
  const drafts: Draft[] = [];
  for (let bytes = 118; bytes <= 136; bytes++) {
    const narrow = [0, 2, 1][bytes % 3]!;
    const filler = Array.from({ length: (bytes - 2 * narrow) / 3 }, () => 'r1 += r2').concat(Array.from({ length: narrow }, () => 'w3 += w4')); // prettier-ignore
    const init = ['r0 = 1', 'r1 = 5', 'r2 = 7', 'r3 = 11', 'r4 = 1', 'r5 = 0'];
    const end = ['r0 += r1', 'r0 += r3', 'exit'];
    drafts.push({
      id: `forward-over-${bytes}-bytes`,
      flags: ['Range'],
      asm: [...init, `if r4 == 1 goto +${filler.length}`, ...filler, ...end],
    });
    drafts.push({
      id: `backward-over-${bytes}-bytes`,
      flags: ['Range'],
      asm: [...init, 'r5 += 1', ...filler, `if r5 < 3 goto -${filler.length + 2}`, ...end],
    });
  }
  return drafts;
}

const NOTES = {
  Loaded: 'the compared value has just been loaded',
  Computed: 'the compared value has just been computed',
  Range: 'the distance is near the limit of a short branch form of some CPU',
};

/** The topic of comparisons at limits. */
export const JUMP_BOUNDARY_TOPICS: readonly Topic[] = [
  {
    file: 'jump-boundary',
    topic: 'comparisons around limits, of loaded and computed values; branches over one move',
    spec: ['rfc9669 4.3'],
    notes: NOTES,
    drafts: [...immediates(), ...loads(), ...wideLimits(), ...results(), ...moves(), ...exactRanges()],
  },
];
