/**
 * Pairs of instructions that compilers like to make one of: a value is computed in r1, and the next instruction reads it.
 * Each pair in three surroundings: r1 is dead afterwards, r1 is read again, and a jump lands between the two with
 * another value in r1.
 */
import { type Draft, set, type Topic } from '../draft.ts';

/** r2, r3, r4: dirty upper halves, sign bits in both halves. */
type Inputs = readonly [bigint, bigint, bigint];
const INPUTS: readonly [Inputs, Inputs] = [
  [0xdeadbeef8badf00dn, 0x80000001fedcba97n, 0x1122334485667788n],
  [0xf0000001fffffff8n, 0x7fffffff00000003n, 0xffffffff00000000n],
];

const slot = (width: number): string => `*(u${width} *)(r10 - 16)`;
const value = (register: number, width: number): string => `${width === 64 ? 'r' : 'w'}${register}`;

/** What leaves a value in r1. */
const FIRST: readonly (readonly [string, readonly string[]])[] = [
  ['mov64', ['r1 = r2']],
  ['mov32', ['w1 = w2']],
  ['const', ['r1 = -7']],
  ['add64', ['r1 = r2', 'r1 += r3']],
  ['add32', ['w1 = w2', 'w1 += w3']],
  ['add64-imm', ['r1 = r2', 'r1 += 100']],
  ['add64-imm-twice', ['r1 = r2', 'r1 += 0x7fffffff', 'r1 += 0x7fffffff']],
  ['sub64', ['r1 = r2', 'r1 -= r3']],
  ['mul64', ['r1 = r2', 'r1 *= r3']],
  ['mul64-self', ['r1 = r2', 'r1 *= r1']],
  ['mul64-imm', ['r1 = r2', 'r1 *= 5']],
  ['neg64', ['r1 = r2', 'r1 = -r1']],
  ['and64', ['r1 = r2', 'r1 &= r3']],
  ['and64-byte', ['r1 = r2', 'r1 &= 0xff']],
  ['and64-field', ['r1 = r2', 'r1 &= 0x7f0']],
  ['and64-low31', ['r1 = r2', 'r1 &= 0x7fffffff']],
  ['and64-negative', ['r1 = r2', 'r1 &= -16']],
  ['and32', ['w1 = w2', 'w1 &= w3']],
  ['field-in-both-halves', ['r1 = r2', 'r1 >>= 8', 'r1 &= 240', 'r1 <<= 28']],
  ['or64', ['r1 = r2', 'r1 |= r3']],
  ['xor64', ['r1 = r2', 'r1 ^= r3']],
  ['lsh64-1', ['r1 = r2', 'r1 <<= 1']],
  ['lsh64-3', ['r1 = r2', 'r1 <<= 3']],
  ['lsh64-8', ['r1 = r2', 'r1 <<= 8']],
  ['lsh64-32', ['r1 = r2', 'r1 <<= 32']],
  ['lsh64-56', ['r1 = r2', 'r1 <<= 56']],
  ['lsh32-8', ['w1 = w2', 'w1 <<= 8']],
  ['rsh64-8', ['r1 = r2', 'r1 >>= 8']],
  ['rsh64-31', ['r1 = r2', 'r1 >>= 31']],
  ['rsh64-32', ['r1 = r2', 'r1 >>= 32']],
  ['rsh64-56', ['r1 = r2', 'r1 >>= 56']],
  ['rsh32-8', ['w1 = w2', 'w1 >>= 8']],
  ['arsh64-8', ['r1 = r2', 'r1 s>>= 8']],
  ['arsh32-8', ['w1 = w2', 'w1 s>>= 8']],
  ['movsx64-8', ['r1 = (s8)r2']],
  ['movsx64-32', ['r1 = (s32)r2']],
  ['movsx32-16', ['w1 = (s16)w2']],
  ['bswap16', ['r1 = r2', 'r1 = bswap16 r1']],
  ['bswap32', ['r1 = r2', 'r1 = bswap32 r1']],
  ['bswap64', ['r1 = r2', 'r1 = bswap64 r1']],
  ...[8, 16, 32, 64].map((width): [string, string[]] => [
    `load${width}`,
    [`${slot(width)} = ${value(2, width)}`, `r1 = ${slot(width)}`],
  ]),
  ...[8, 16, 32].map((width): [string, string[]] => [
    `load-signed${width}`,
    [`${slot(width)} = w2`, `r1 = ${slot(width).replace('u', 's')}`],
  ]),
];

/** What reads it; results are in r5, which starts as a copy of r4. */
const SECOND: readonly (readonly string[])[] = [
  ['r5 = r1'],
  ['w5 = w1'],
  ...['+=', '-=', '*=', '|=', '&=', '^='].flatMap((op) => [['r5 = r4', `r5 ${op} r1`], ['w5 = w4', `w5 ${op} w1`]]), // prettier-ignore
  ['r1 -= r4', 'r5 = r1'],
  ['w1 += w4', 'r5 = r1'],
  ...['<<=', '>>=', 's>>='].flatMap((op) => [
    ...[8, 24, 32, 56].map((count) => [`r1 ${op} ${count}`, 'r5 = r1']),
    ...[8, 24].map((count) => [`w1 ${op} ${count}`, 'r5 = r1']),
  ]),
  ...[255, 65280, 0x7fffffff, -2].map((mask) => [`r1 &= ${mask}`, 'r5 = r1']),
  ['w1 &= 255', 'r5 = r1'],
  ['r5 = (s8)r1'],
  ['r5 = (s32)r1'],
  ['w5 = (s16)w1'],
  ['r1 = bswap16 r1', 'r5 = r1'],
  ['r1 = bswap32 r1', 'r5 = r1'],
  ['r1 = bswap64 r1', 'r5 = r1'],
  ['r1 = -r1', 'r5 = r1'],
  ['r1 += 9', 'r5 = r1'],
  ['r1 *= 8', 'r5 = r1'],
  ['r1 /= 8', 'r5 = r1'],
  ['r1 %= 8', 'r5 = r1'],
  ['w1 %= 1000', 'r5 = r1'],
  // r6 is there already: nothing stands between the two.
  ...['+=', '-=', '*=', '|=', '^='].flatMap((op) => [
    [`r6 ${op} r1`, 'r5 = r6', 'r6 ^= r4'],
    [`w6 ${op} w1`, 'r5 = r6', 'r6 ^= r4'],
  ]),
  ['r6 &= r1', 'r5 = r6', 'r6 |= r4'],
  ...[
    'if r1 == 0',
    'if w1 == 0',
    'if r1 != 0',
    'if w1 s< 0',
    'if r1 s> 0',
    'if r1 > 7',
    'if w1 & 4',
    'if r1 == r3',
  ].map((test) => [`${test} goto +1`, 'r6 += 9', 'r5 = r6']),
  ['r1 >>= 8', 'w5 = w1'],
  ['r1 >>= 40', 'w5 = w1'],
  ['r1 s>>= 8', 'w5 = w1'],
  ['r1 /= 3', 'w5 = w1'],
  ['r1 %= 1000', 'w5 = w1'],
  ['r1 s/= 3', 'w5 = w1'],
  ['r1 = bswap64 r1', 'w5 = w1'],
  ['r1 *= r4', 'w5 = w1'],
  ['w1 = w1', 'r5 = r1'],
  ['w1 += 0', 'r5 = r1'],
  ['r5 = r4', 'if r1 == 0 goto +1', 'r5 = r3'],
  ['r5 = r4', 'if w1 != 0 goto +1', 'r5 = r3'],
  ['r5 = r4', 'if r1 & 8 goto +1', 'w5 = w3'],
  ['r5 = r4', 'if r1 s< 0 goto +1', 'r5 = 3'],
  ['r5 = r4', 'if w1 s< 0 goto +1', 'r5 += r3'],
  ['r5 = r4', 'if r1 > 100 goto +1', 'r5 = r3'],
  ['r5 = r4', 'if w1 < w4 goto +1', 'r5 = r3'],
  ...[8, 16, 32, 64].map((width) => [
    `*(u${width} *)(r10 - 8) = ${value(1, width)}`,
    `${value(5, width)} = *(u${width} *)(r10 - 8)`,
  ]),
];

const FOLD = ['r0 *= 0x01000193', 'r0 ^= r5'];

/** Results of two shifts of one value, put together: rotates, and what only looks like one. */
function rotations(): string[][] {
  const join = (left: number, right: number, op: string, wide: boolean): string[] => {
    const r = wide ? 'r' : 'w';
    return [`${r}1 = ${r}2`, `${r}1 <<= ${left}`, `${r}5 = ${r}2`, `${r}5 >>= ${right}`, `${r}5 ${op} ${r}1`];
  };
  return [
    ...[1, 8, 32, 63].flatMap((count) => ['|=', '+=', '^='].map((op) => join(count, 64 - count, op, true))),
    ...[1, 8, 31].flatMap((count) => ['|=', '+=', '^='].map((op) => join(count, 32 - count, op, false))),
    join(8, 55, '|=', true),
    join(8, 57, '|=', true),
    join(8, 23, '|=', false),
    ['r1 = r2', 'r1 <<= 8', 'r5 = r3', 'r5 >>= 56', 'r5 |= r1'],
    ['r1 = r2', 'r1 <<= 8', 'r5 = r2', 'r5 s>>= 56', 'r5 |= r1'],
    ['r5 = r2', 'r5 >>= 56', 'r1 = r2', 'r1 <<= 8', 'r5 |= r1'],
    ['r1 = r2', 'r5 = r1', 'r1 <<= 13', 'r5 >>= 51', 'r5 |= r1'],
    ['r1 = r2', 'r5 = r1', 'r5 >>= 51', 'r1 <<= 13', 'r1 |= r5', 'r5 = r1'],
    ['r1 = r2', 'r1 <<= 8', 'r1 >>= 56', 'r5 = r1'],
    ['r1 = r2', 'r1 <<= 56', 'r1 >>= 48', 'r5 = r1'],
    ['r1 = r2', 'r1 <<= 32', 'r1 >>= 33', 'r5 = r1'],
  ];
}

function pairs(): Draft[] {
  const drafts: Draft[] = [];
  for (const [name, first] of FIRST) {
    const all = ([a, b, c]: Inputs, body: (second: readonly string[]) => readonly string[]): string[] => [
      'r0 = 0',
      ...[set(2, a), set(3, b), set(4, c), 'r6 = r3'],
      ...SECOND.flatMap((second) => [...body(second), ...FOLD]),
      'exit',
    ];
    const [one, other] = INPUTS;
    drafts.push({ id: `${name}-then-dead`, asm: all(one, (second) => [...first, ...second]) });
    drafts.push({
      id: `${name}-then-alive`,
      flags: ['Alive'],
      asm: all(other, (second) => [...first, ...second, 'r0 += r1']),
    });
  }
  for (const [name, first] of FIRST.filter(([name]) =>
    /^(mov|add32|add64-imm$|lsh64-[38]|rsh64-8|and64-byte|load(8|32)|bswap16)/.test(name),
  )) {
    const body = SECOND.flatMap((second) => {
      // r7 is 1, which only the run knows: the jump is always taken.
      return ['r1 = r4', `if r7 == 1 goto +${first.length}`, ...first, ...second, ...FOLD];
    });
    const [a, b, c] = INPUTS[0];
    drafts.push({
      id: `${name}-then-label`,
      flags: ['Label'],
      asm: ['r0 = 0', 'r7 = 1', '*(u64 *)(r10 - 16) = r7', set(2, a), set(3, b), set(4, c), 'r6 = r3', ...body, 'exit'],
    });
  }
  const [a, b] = INPUTS[0];
  for (const [name, tail] of [
    ['dead', []],
    ['alive', ['r0 += r1']],
  ] as const) {
    drafts.push({
      id: `rotations-${name}`,
      ...(name === 'alive' ? { flags: ['Alive'] } : {}),
      asm: ['r0 = 0', set(2, a), set(3, b), ...rotations().flatMap((lines) => [...lines, ...FOLD, ...tail]), 'exit'],
    });
  }
  return drafts;
}

/** What is alive only around a loop, or in one half only. */
function liveness(): Draft[] {
  const [a, b, c] = INPUTS[0];
  const loop = (name: string, top: string[], bottom: string[]): Draft => ({
    id: `loop-carried-${name}`,
    asm: [
      'r0 = 0', 'r6 = 0', set(1, a), set(2, b), set(3, c),
      ...top, 'r0 *= 31', 'r0 += r5', ...bottom, 'r6 += 1', `if r6 < 4 goto -${top.length + bottom.length + 4}`, 'exit',
    ],
  }); // prettier-ignore
  return [
    loop('value', ['r5 = r1'], ['r1 = r2', 'r1 += r6']),
    loop('upper-half', ['r5 = r1', 'r5 >>= 32'], ['r1 += r2', 'r1 *= r3']),
    loop('low-half', ['w5 = w1'], ['r1 += r2', 'r1 *= r3']),
    loop('through-memory', ['r5 = *(u64 *)(r10 - 8)'], ['*(u64 *)(r10 - 8) = r1', 'r1 += r2']),
  ].map((draft) => (draft.id.endsWith('memory') ? { ...draft, asm: ['*(u64 *)(r10 - 8) = 0', ...draft.asm!] } : draft));
}

const NOTES = {
  Alive: 'the intermediate value is read again afterwards',
  Label: 'a jump lands between the two instructions, with another value in the register',
};

/** The topic of fusions. */
export const FUSION_TOPICS: readonly Topic[] = [
  {
    file: 'fusion',
    topic: 'pairs of instructions that a compiler may make one of',
    spec: ['rfc9669 4.1', 'rfc9669 4.2', 'rfc9669 5.1'],
    notes: NOTES,
    drafts: [...pairs(), ...liveness()],
  },
];
