/** Programs without their exit, by what they show: the golden files of lowerings have a block for each. */

/** What it shows, and the text of the program. */
export type Snippet = readonly [string, string];

/** What depends on a CPU: values around the limits of its immediates, and what only some of them have. */
export interface OwnSnippets {
  /** Addends. */
  readonly add: readonly string[];
  /** Masks. */
  readonly and: readonly string[];
  /** Operands of or and xor. */
  readonly or: readonly string[];
  /** Constants of 64 bits besides those of all CPUs. */
  readonly constants: readonly string[];
  /** Loads besides those of all CPUs. */
  readonly loads: readonly Snippet[];
  /** Stacks just within and just beyond what needs no frame. */
  readonly stack: readonly Snippet[];
  /** Right sides of comparisons of 64 bits. */
  readonly compare: readonly string[];
  /** Right sides of comparisons of 32 bits. */
  readonly compare32: readonly string[];
  /** Calls and returns besides those of all CPUs. */
  readonly calls: readonly Snippet[];
}

const arithmetic: Snippet[] = ['+=', '-=', '*=', '&=', '|=', '^='].flatMap((op): Snippet[] => [
  [`r ${op} r`, `r0 = r1\nr0 ${op} r2`],
  [`w ${op} w`, `w0 = w1\nw0 ${op} w2`],
  [`r ${op} r of which the low half is read`, `r3 ${op} r4\nw0 = w3`],
]);

const immediates = (own: OwnSnippets): Snippet[] => [
  ...own.add.flatMap((imm): Snippet[] => [
    [`add ${imm}`, `r1 += ${imm}\nr0 = r1`],
    [`add to a copy ${imm}`, `r0 = r2\nr0 += ${imm}\nr0 ^= r2`],
    [`add32 ${imm}`, `w0 = w1\nw0 += ${imm}`],
  ]),
  ['sub -0x80000000', 'r0 = r1\nr0 -= -0x80000000'],
  ...['3', '-40000', '64'].map((imm): Snippet => [`mul ${imm}`, `r0 = r1\nr0 *= ${imm}`]),
  ...own.and.flatMap((imm): Snippet[] => [
    [`and ${imm}`, `r0 = r1\nr0 &= ${imm}`],
    [`and in place ${imm}`, `r1 += r2\nr1 &= ${imm}\nr0 = r1\nr0 += r1`],
    [`and32 ${imm}`, `w0 = w1\nw0 &= ${imm}`],
  ]),
  ...own.or.flatMap((imm): Snippet[] => [
    [`or ${imm}`, `r0 = r1\nr0 |= ${imm}`],
    [`xor ${imm}`, `r0 = r1\nr0 ^= ${imm}`],
    [`or32 ${imm}`, `w0 = w1\nw0 |= ${imm}`],
  ]),
]; // prettier-ignore

const divisions: Snippet[] = ['/=', '%=', 's/=', 's%='].flatMap((op): Snippet[] => [
  [`r ${op} r`, `r0 = r1\nr0 ${op} r2`],
  [`w ${op} w`, `w0 = w1\nw0 ${op} w2`],
  [`r in place ${op} r`, `r3 ${op} r2\nr0 = r3`],
  [`r ${op} 10`, `r0 = r1\nr0 ${op} 10`],
  [`r ${op} -1`, `r0 = r1\nr0 ${op} -1`],
  [`r ${op} 0`, `r0 = r1\nr0 ${op} 0`],
  [`w ${op} 10`, `w0 = w1\nw0 ${op} 10`],
  [`w ${op} -1`, `w0 = w1\nw0 ${op} -1`],
  [`r ${op} r10`, `r3 ${op} r10\nr0 = r3`],
  [`w ${op} w10`, `w3 ${op} w10\nr0 = r3`],
]);

const shifts: Snippet[] = ['<<=', '>>=', 's>>='].flatMap((op): Snippet[] => [
  [`r ${op} 1`, `r0 = r1\nr0 ${op} 1`],
  [`r ${op} 40`, `r0 = r1\nr0 ${op} 40`],
  [`w ${op} 1`, `w0 = w1\nw0 ${op} 1`],
  [`w ${op} 31`, `w0 = w1\nw0 ${op} 31`],
  [`r ${op} r`, `r0 = r1\nr0 ${op} r2`],
  [`w ${op} w`, `w0 = w1\nw0 ${op} w2`],
  [`w ${op} w twice by one count`, `w3 ${op} w2\nw4 ${op} w2\nw3 += w4\nw0 = w3`],
  [`r ${op} r10`, `r3 ${op} r10\nr0 = r3`],
]);

const moves = (own: OwnSnippets): Snippet[] => [
  ['mov', 'r0 = r2'],
  ['mov32', 'w0 = w2'],
  ['frame address', 'r0 = r10'],
  ['frame address minus', 'r0 = r10\nr0 += -16'],
  ...['8', '16', '32'].map((from): Snippet => [`movsx ${from} to 64`, `r0 = (s${from})r1`]),
  ...['8', '16'].map((from): Snippet => [`movsx ${from} to 32`, `w0 = (s${from})w1`]),
  ['neg', 'r0 = r1\nr0 = -r0'],
  ['neg32', 'w0 = w1\nw0 = -w0'],
  ...['le16', 'le32', 'le64', 'be16', 'be32', 'be64', 'bswap16', 'bswap32', 'bswap64'].map((op): Snippet => [op, `r0 = r1\nr0 = ${op} r0`]),
  ...['0', '-1', '0x8000', ...own.constants, '0xffff8000', '0x12340000', '0x123400000000', '0x1234000000000000', '0xffffffff12345678',
    '0xffffffff7fffffff', '0x123456789abcdef0', '0x8000000000000001', '0xfffffffe00000005', '0x5555555555555555',
    '0x1234ffff80000000'].map((imm): Snippet => [`constant ${imm}`, `r0 = ${imm} ll`]),
]; // prettier-ignore

const memory = (own: OwnSnippets): Snippet[] => [
  ...['u8', 'u16', 'u32', 'u64', 's8', 's16', 's32'].map((type): Snippet => [`load ${type}`, `r0 = *(${type} *)(r1 + 8)`]),
  ['load of which the low half is read', 'r3 = *(u32 *)(r1 + 8)\nw3 += w2\nw0 = w3'],
  ['signed load of which the low half is read', 'r3 = *(s16 *)(r1 + 8)\nw3 += w2\nw0 = w3'],
  ['load and swap 32 of which the low half is read', 'r3 = *(u32 *)(r1 + 8)\nr3 = le32 r3\nw3 += w2\nw0 = w3'],
  ['load at the longest displacement', 'r0 = *(u64 *)(r1 - 32768)'],
  ...own.loads,
  ['load through an index', 'r1 += r2\nr0 = *(u8 *)(r1 + 4)'],
  ['load through an index from a copy', 'r3 = r1\nr3 += r2\nr3 = *(u32 *)(r3 + 0)\nr0 = r3'],
  ['load and swap 16', 'r0 = *(u16 *)(r1 + 0)\nr0 = le16 r0'],
  ['load and swap 32', 'r0 = *(u32 *)(r1 + 0)\nr0 = le32 r0'],
  ['load and swap 64', 'r0 = *(u64 *)(r1 + 0)\nr0 = le64 r0'],
  ...['u8', 'u16', 'u32', 'u64'].flatMap((type): Snippet[] => [
    [`store ${type}`, `*(${type} *)(r1 + 8) = r2\nr0 = 0`],
    [`store ${type} far`, `*(${type} *)(r1 - 8) = r2\nr0 = 0`],
    [`store small ${type}`, `*(${type} *)(r1 + 8) = -5\nr0 = 0`],
    [`store large ${type}`, `*(${type} *)(r1 + 8) = 0x12345678\nr0 = 0`],
    [`store small ${type} far`, `*(${type} *)(r1 - 8) = 7\nr0 = 0`],
  ]),
  ...own.stack,
  ['acquire', 'r0 = load_acquire((u32 *)(r1 + 4))'],
  ['release', 'store_release((u64 *)(r1 + 8), r2)\nr0 = 0'],
  ...['+=', '|=', '&=', '^='].flatMap((op): Snippet[] => [
    [`atomic ${op}`, `lock *(u64 *)(r1 + 8) ${op} r2\nr0 = 0`],
    [`atomic32 ${op}`, `lock *(u32 *)(r1 + 8) ${op} w2\nr0 = 0`],
  ]),
  ...['add', 'or', 'and', 'xor'].flatMap((op): Snippet[] => [
    [`fetch ${op}`, `r2 = atomic_fetch_${op}((u64 *)(r1 + 8), r2)\nr0 = r2`],
    [`fetch32 ${op}`, `w2 = atomic_fetch_${op}((u32 *)(r1 + 8), w2)\nr0 = r2`],
  ]),
  ['fetch whose result is dead', 'r2 = atomic_fetch_add((u64 *)(r1 + 8), r2)\nr0 = 0'],
  ['xchg', 'r2 = xchg_64(r1 + 8, r2)\nr0 = r2'],
  ['xchg32', 'w2 = xchg32_32(r1 + 8, w2)\nr0 = r2'],
  ['cmpxchg', 'r0 = r3\nr0 = cmpxchg_64(r1 + 8, r0, r2)'],
  ['cmpxchg32', 'w0 = w3\nw0 = cmpxchg32_32(r1 + 8, w0, w2)'],
]; // prettier-ignore

const branches = (own: OwnSnippets): Snippet[] => [
  ...['==', '!=', '>', '>=', '<', '<=', 's>', 's>=', 's<', 's<=', '&'].flatMap((condition): Snippet[] =>
    own.compare.map((right) => [
      `if ${condition} ${right}`, `r0 = 1\nif r1 ${condition} ${right} goto +1\nr0 += 7`,
    ])), // prettier-ignore
  ...['==', '>', 's>', '&'].flatMap((condition): Snippet[] =>
    own.compare32.map((right) => [
      `if32 ${condition} ${right}`, `r0 = 1\nif w1 ${condition} ${right} goto +1\nr0 += 7`,
    ])), // prettier-ignore
  ['test of bits', 'r0 = 1\nr1 &= 12\nif r1 == 0 goto +1\nr0 += 7'],
  ['test of a bit field', 'r0 = 1\nr1 >>= 36\nr1 &= 255\nif r1 != 0 goto +1\nr0 += 7'],
  ['test of a result', 'r0 = 1\nr1 ^= r2\nif r1 == 0 goto +1\nr0 += r1'],
  ['minimum', 'r0 = r1\nif r2 > r1 goto +1\nr0 = r2'],
  ['sorted pair', 'r3 = r1\nif r2 > r1 goto +1\nr3 = r2\nif r2 > r1 goto +1\nr2 = r1\nr0 = r3\nr0 -= r2'],
  ['loop', 'r0 = 0\nr0 += r1\nr1 -= 1\nif r1 != 0 goto -3'],
  ['may_goto', 'r0 = 0\nmay_goto +2\nr0 += r1\ngoto -3'],
];

const fusions: Snippet[] = [
  ['rotation', 'r3 = r1\nr3 >>= 51\nr1 <<= 13\nr1 |= r3\nr0 = r1'],
  ['rotation32', 'w3 = w1\nw3 >>= 19\nw1 <<= 13\nw1 |= w3\nw0 = w1'],
  ['bit field', 'r1 >>= 4\nr1 &= 15\nr0 = r1'],
  ['bit field times four', 'w1 &= 15\nw1 <<= 2\nr0 = r1'],
  ['shifts up and down', 'r1 <<= 40\nr1 >>= 48\nr0 = r1'],
  ['sum of three', 'r3 = r1\nr3 += 100\nr3 += r2\nr0 = r3'],
];

const calls = (own: OwnSnippets): Snippet[] => [
  ['helper', 'call 5'],
  ['helper whose result meets r1', 'r6 = r1\ncall 5\nr0 += r6'],
  ['helper whose result is dead', 'call 5\nr0 = 0'],
  ['register', 'r6 = r1\ncallx r6'],
  ['local', 'call f\nexit\nf:\nr6 = r1\nr0 = r6\nr0 += r6'],
  ['function address', 'r0 = f ll\nexit\nf:\nr0 = 1'],
  ['tail call', 'r2 = 0\nr3 = 1\ncall 12'],
  ...own.calls,
];

/** All snippets, in the order of the golden files. */
export function snippets(own: OwnSnippets): readonly Snippet[] {
  return [
    ...arithmetic,
    ...immediates(own),
    ...divisions,
    ...shifts,
    ...moves(own),
    ...memory(own),
    ...branches(own),
    ...fusions,
    ...calls(own),
  ];
}

/** Those of the CPUs whose functions have an area for the callee in the caller's frame. */
export const CALLER_AREA_SNIPPETS: readonly Snippet[] = snippets({
  add: ['1', '-1', '5000', '600000', '0x12345678', '-0x80000000'],
  and: ['0xff', '0xffff', '0x7fffffff', '0xff00', '-16', '0x12345678', '-0x10001', '0x10001', '0x50000'],
  or: ['5', '0x50000', '0x12345678', '-5'],
  constants: [],
  loads: [],
  stack: [
    ['stack in the area of the caller', '*(u64 *)(r10 - 8) = r1\nr0 = *(u64 *)(r10 - 144)'],
    ['stack in a frame', '*(u64 *)(r10 - 8) = r1\nr0 = *(u64 *)(r10 - 152)'],
  ],
  compare: ['r2', '0', '5', '-5', '200', '-200', '1000', '0x12345678', '-0x12345678'],
  compare32: ['w2', '5', '-5', '200', '1000', '0x12345678', '-0x12345678'],
  calls: [['fifth argument is kept', 'r5 = 1\nr5 += r1\nr0 = r5\nr0 ^= r1']],
});
