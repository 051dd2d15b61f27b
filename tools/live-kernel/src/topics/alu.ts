/** Arithmetic: every operation at edge values, aliased, with dirty upper halves and immediates at their limits. */
import { type Draft, hex, set, tag, type Topic } from '../draft.ts';

const PAIRS: readonly (readonly [bigint, bigint])[] = [
  [0n, 0n],
  [1n, 0xffffffffffffffffn],
  [0x8000000000000000n, 0xffffffffffffffffn],
  [0x7fffffffffffffffn, 0x7fffffffffffffffn],
  [0x123456789abcdef0n, 0xfedcba9876543211n],
  [0xdeadbeef80000000n, 0xcafebabeffffffffn],
  [0xffffffff00000000n, 0x100000003n],
];
const OPS: readonly (readonly [string, string])[] = [
  ['add', '+='], ['sub', '-='], ['mul', '*='], ['or', '|='], ['and', '&='], ['xor', '^='],
]; // prettier-ignore
const DIVISIONS: readonly (readonly [string, string])[] = [
  ['div', '/='], ['mod', '%='], ['sdiv', 's/='], ['smod', 's%='],
]; // prettier-ignore
const DIVISION_PAIRS: readonly (readonly [bigint, bigint])[] = [
  [7n, 0n], [-7n, 0n], [0xdeadbeef00000007n, 0xffffffff00000000n],
  [7n, 2n], [-7n, 2n], [7n, -2n], [-7n, -2n],
  [0x8000000000000000n, -1n], [0xffffffff80000000n, 0x5ffffffffn], [0x1234567880000000n, 0xabcdef01ffffffffn],
  [0xfedcba9876543210n, 0x123456789n], [1n, 0x8000000000000000n], [0x8000000000000000n, 0x8000000000000000n],
]; // prettier-ignore
const IMMEDIATES = [0n, 1n, -1n, 127n, 128n, -128n, -129n, 255n, 256n, 2047n, 2048n, -2048n, -2049n, 4095n, 4096n, 32767n, 32768n, -32768n, -32769n, 65535n, 65536n, 0xfff000n, 0x7fffffffn, -0x80000000n]; // prettier-ignore
const COUNTS = [0n, 1n, 7n, 31n, 32n, 33n, 63n];
const HIGH_COUNTS = [64n, 65n, 255n, 0xffffffffffffffffn, 0x100000001n];

const wide = (register: number, width: number): string => `${width === 64 ? 'r' : 'w'}${register}`;

function binary(): Draft[] {
  const drafts: Draft[] = [];
  for (const width of [64, 32]) {
    for (const [name, op] of OPS) {
      for (const [a, b] of PAIRS) {
        drafts.push({
          id: `${name}${width}-reg-${tag(a)}-${tag(b)}`,
          asm: [set(0, a), set(1, b), `${wide(0, width)} ${op} ${wide(1, width)}`, 'exit'],
        });
      }
      drafts.push({
        id: `${name}${width}-self`,
        flags: ['Aliased'],
        asm: [set(0, 0xc0ffee0087654321n), `${wide(0, width)} ${op} ${wide(0, width)}`, 'exit'],
      });
    }
  }
  return drafts;
}

function immediates(): Draft[] {
  const drafts: Draft[] = [];
  for (const width of [64, 32]) {
    for (const [name, op] of [...OPS, ['mov', '='] as const]) {
      // All limits in one program: each result is folded into r0, so that one wrong one shows.
      const fold = (value: bigint): string[] => [
        set(1, 0x89abcdef76543210n), `${wide(1, width)} ${op} ${value}`, 'r0 ^= r1', 'r0 *= 0x01000193',
      ]; // prettier-ignore
      drafts.push({
        id: `${name}${width}-imm-limits`,
        flags: ['ImmediateLimits'],
        asm: ['r0 = 0', ...IMMEDIATES.flatMap(fold), 'exit'],
      });
      for (const value of [-1n, 0x7fffffffn, -0x80000000n]) {
        drafts.push({
          id: `${name}${width}-imm-${tag(value)}`,
          flags: ['ImmediateLimits'],
          asm: [set(0, 0x89abcdef76543210n), `${wide(0, width)} ${op} ${value}`, 'exit'],
        });
      }
    }
  }
  return drafts;
}

function shifts(): Draft[] {
  const drafts: Draft[] = [];
  const values = [0x8000000180000001n, 0x7123456789abcdefn];
  for (const width of [64, 32]) {
    for (const [name, op] of [
      ['lsh', '<<='],
      ['rsh', '>>='],
      ['arsh', 's>>='],
    ] as const) {
      for (const value of values) {
        for (const count of [...COUNTS, ...HIGH_COUNTS]) {
          const flags = count >= BigInt(width) ? ['ShiftMasked'] : [];
          drafts.push({
            id: `${name}${width}-reg-${tag(value)}-by-${tag(count)}`,
            flags,
            asm: [set(0, value), set(1, count), `${wide(0, width)} ${op} ${wide(1, width)}`, 'exit'],
          });
        }
      }
      for (const count of COUNTS.filter((count) => count < BigInt(width))) {
        drafts.push({
          id: `${name}${width}-imm-by-${count}`,
          asm: [set(0, values[0]!), `${wide(0, width)} ${op} ${count}`, 'exit'],
        });
      }
      for (const count of [BigInt(width), -1n]) {
        drafts.push({
          id: `${name}${width}-imm-out-of-range-${tag(count)}`,
          flags: ['ShiftMasked', 'LinuxRefuses'],
          asm: [set(0, values[0]!), `${wide(0, width)} ${op} ${count}`, 'exit'],
          spec: {
            source: 'rfc9669 4.1: shift amounts are masked',
            expect: { r0: hex(shift(name, values[0]!, count, width)) },
          },
        });
      }
      drafts.push({
        id: `${name}${width}-by-itself`,
        flags: ['Aliased', 'ShiftMasked'],
        asm: [set(0, 0xfffffff300000025n), `${wide(0, width)} ${op} ${wide(0, width)}`, 'exit'],
      });
    }
  }
  return drafts;
}

/** RFC 9669 sec. 4.1, written down once more on purpose: the label of what Linux does not load. */
function shift(name: string, value: bigint, count: bigint, width: number): bigint {
  const by = count & BigInt(width - 1);
  const operand = BigInt.asUintN(width, value);
  if (name === 'lsh') return BigInt.asUintN(width, operand << by);
  if (name === 'rsh') return operand >> by;
  return BigInt.asUintN(width, BigInt.asIntN(width, operand) >> by);
}

function divisions(): Draft[] {
  const drafts: Draft[] = [];
  for (const width of [64, 32]) {
    for (const [name, op] of DIVISIONS) {
      for (const [a, b] of DIVISION_PAIRS) {
        const flags = BigInt.asUintN(width, b) === 0n ? ['DivByZero'] : BigInt.asIntN(width, b) === -1n && BigInt.asIntN(width, a) === -(1n << BigInt(width - 1)) ? ['Overflow'] : []; // prettier-ignore
        drafts.push({
          id: `${name}${width}-reg-${tag(a)}-${tag(b)}`,
          flags,
          asm: [set(0, a), set(1, b), `${wide(0, width)} ${op} ${wide(1, width)}`, 'exit'],
        });
      }
      for (const value of [1n, 2n, 3n, 7n, 10n, 16n, 641n, 65536n, 0x7fffffffn, -1n, -2n, -10n, -0x80000000n]) {
        const body = (a: bigint): string[] => [set(1, a), `${wide(1, width)} ${op} ${value}`, 'r0 *= 31', 'r0 ^= r1'];
        const asm = [
          'r0 = 0',
          ...[
            0n,
            1n,
            9n,
            10n,
            0xffffffffn,
            0x80000000n,
            0x7fffffffffffffffn,
            0x8000000000000000n,
            0xffffffffffffffffn,
            0x123456789abcdef0n,
          ].flatMap(body),
          'exit',
        ];
        drafts.push({ id: `${name}${width}-imm-${tag(value)}`, asm });
      }
      drafts.push({
        id: `${name}${width}-self`,
        flags: ['Aliased'],
        asm: [set(0, -9n), `${wide(0, width)} ${op} ${wide(0, width)}`, 'exit'],
      });
      drafts.push({
        id: `${name}${width}-zero-by-itself`,
        flags: ['Aliased', 'DivByZero'],
        asm: ['r0 = 0', `${wide(0, width)} ${op} ${wide(0, width)}`, 'exit'],
      });
      drafts.push({
        id: `${name}${width}-imm-zero`,
        flags: ['DivByZero', 'LinuxRefuses'],
        asm: [set(0, 0xdeadbeef00000007n), `${wide(0, width)} ${op} 0`, 'exit'],
        spec: {
          source: 'rfc9669 4.1: division by zero',
          expect: { r0: name.endsWith('div') ? '0x0' : width === 64 ? '0xdeadbeef00000007' : '0x7' },
        },
      });
      // Every register as dividend and divisor, so that hardware with fixed division registers shows its clashes.
      for (const d of [0, 1, 2, 3, 4, 5, 6, 9]) {
        for (const s of [0, 1, 2, 3, 4, 7]) {
          if (d === s) continue;
          const others = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].filter((r) => r !== d && r !== s);
          const fold = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
            .filter((r) => r !== 0)
            .flatMap((r) => ['r0 *= 33', `r0 ^= r${r}`]);
          drafts.push({
            id: `${name}${width}-registers-r${d}-r${s}`,
            flags: ['Registers'],
            asm: [
              ...others.map((r) => `r${r} = ${1000 + r}`),
              set(d, -1000003n),
              set(s, 0x700000011n),
              `${wide(d, width)} ${op} ${wide(s, width)}`,
              ...fold,
              'exit',
            ],
          });
        }
      }
    }
  }
  return drafts;
}

/** Quotients that an estimate in double precision misses by one, divisors that share bits with the dividend, large constants. */
function hardDivisions(): Draft[] {
  const pairs: [bigint, bigint][] = [
    [0x2fae26f436c49c34n, 0x3165b23997n], [0xe2c7a3c3eaa41dc7n, 0x67abb894137e398n], [0x5d990acd2bc9cfd9n, 0x16b04d43en],
    [0x2f7161ec765d96e5n, 0x3a6429c091ae439n], [0x2408b5ab12dcacf8n, 0xe7f6c1f228n], [0xaa3bcb6811d03bcen, 0x69e5094e83bbn],
    [0xffffffffffffffffn, 0x100000000n], [0xffffffffffffffffn, 0xffffffffn], [0x8000000000000000n, 0x4000000000000001n],
    [0x1fffffffffffffn, 0x1ffffffffffffen], [0x20000000000000n, 0x100000001n], [0x8000000000000000n, 3n],
  ]; // prettier-ignore
  const drafts: Draft[] = [];
  for (const [name, op] of DIVISIONS) {
    for (const [a, b] of pairs) {
      drafts.push({ id: `${name}64-hard-${tag(a)}-${tag(b)}`, asm: [set(0, a), set(1, b), `r0 ${op} r1`, 'exit'] });
    }
    for (const width of [64, 32]) {
      for (const value of [
        5n,
        6n,
        9n,
        11n,
        12n,
        25n,
        28n,
        100n,
        125n,
        1000n,
        4n,
        8n,
        32n,
        0x40000000n,
        0x7ffffffen,
        -3n,
        -7n,
        -16n,
        -0x7fffffffn,
      ]) {
        const dividends = [0n, 1n, -1n, 0x7fffffffn, 0x80000000n, 0xffffffffn, 0xfffffffen, 0x7fffffffffffffffn, -0x8000000000000000n, 0xfffffffffffffff8n, 0xdeadbeef00000063n]; // prettier-ignore
        const body = (a: bigint): string[] => [set(1, a), `${wide(1, width)} ${op} ${value}`, 'r0 *= 31', 'r0 ^= r1'];
        drafts.push({
          id: `${name}${width}-constant-${tag(value)}`,
          asm: ['r0 = 0', ...dividends.flatMap(body), 'exit'],
        });
      }
    }
  }
  return drafts;
}

/** Quotient and remainder of r2 by r3 in r1: the dividend must survive, and a zero divisor has its own way. */
function divisionsIntoAnother(): Draft[] {
  const drafts: Draft[] = [];
  for (const width of [64, 32]) {
    for (const [name, op] of DIVISIONS) {
      for (const [kind, divisor] of [
        ['by-zero', 0n],
        ['by-minus-one', -1n],
        ['by-seven', 7n],
      ] as const) {
        const asm = ['r0 = 3', set(2, 0xdeadbeef80000000n), set(3, divisor), `${wide(1, width)} = ${wide(2, width)}`, `${wide(1, width)} ${op} ${wide(3, width)}`, 'r0 *= 31', 'r0 += r1', 'r0 *= 31', 'r0 += r2', 'r0 += r3', 'exit']; // prettier-ignore
        drafts.push({ id: `${name}${width}-into-another-${kind}`, asm });
      }
    }
  }
  return drafts;
}

const FACTORS = [0, 1, -1, 2, 3, 5, 6, 7, 9, 10, 15, 17, 31, 33, 100, 1000, -2, -3, -4, -7, -8, -9, -15, -31, -100, 0x7fff, 0x8000, -0x8000, 0x10001, 0xffff, 0x7fffffff, 0x40000000, -0x80000000, -0x7fffffff]; // prettier-ignore
const WIDE_IMMEDIATES = [4095, 4096, 4097, -4095, -4096, -4097, 0x12345, -0x12345, 0x7ffff, 0x80000, -0x80000, -0x80001, 0xfff000, 0xffffff, 0x1000000, -0xffffff, -0x1000000, 0x12345678, -0x12345678]; // prettier-ignore
const MASKS = [1, 2, 0xfe, 0x100, 0x7f0, 0x5555, 0xff00, 0xfffe, 0x10000, 0xff00ff, 0x0ff00ff0, 0x3c3c3c3c, 0x55555555, 0x7fff8000, 0x12345678, 0x00010001, -2, -256, -257, -0x10000, -0x10001, -0xff0001, 0xff0000ff | 0, 0x80000001 | 0, 0xfffdfffd | 0, 0xf0f0f0f0 | 0, 0xffff00ff | 0, 0x8000ffff | 0, 0xc0000003 | 0]; // prettier-ignore

/** Immediates that some CPU has a shorter form for, in place and into another register, with the first operand alive. */
function forms(): Draft[] {
  const drafts: Draft[] = [];
  const groups: [string, string, readonly number[]][] = [
    ['mul', '*=', FACTORS],
    ['add', '+=', WIDE_IMMEDIATES],
    ['sub', '-=', WIDE_IMMEDIATES],
    ['and', '&=', MASKS],
    ['or', '|=', MASKS],
    ['xor', '^=', MASKS],
  ];
  const names: Readonly<Record<string, string>> = {
    mul: 'small-factors',
    add: 'wide-immediates',
    sub: 'wide-immediates',
  };
  for (const width of [64, 32]) {
    for (const [name, op, list] of groups) {
      const [w1, w2] = [wide(1, width), wide(2, width)];
      const body = (imm: number): string[] => [
        'r1 = r2', `${w1} ${op} ${imm}`, 'r0 *= 31', 'r0 += r1',
        'r1 = r3', 'r1 *= 3', `${w1} ${op} ${imm}`, 'r0 *= 31', 'r0 += r1',
        `${w1} = ${w2}`, `${w1} ${op} ${imm}`, `w4 = w1`, 'r0 *= 31', 'r0 += r4',
      ]; // prettier-ignore
      drafts.push({
        id: `${name}${width}-${names[name] ?? 'masks'}`,
        flags: ['ImmediateLimits'],
        asm: ['r0 = 0', set(2, 0x89abcdef76543210n), set(3, 0xfedcba98fedcba97n), ...list.flatMap(body), 'exit'],
      });
    }
  }
  return drafts;
}

/** A count is used twice, then changed, then used again. */
function repeatedCounts(): Draft[] {
  return [64, 32].flatMap((width) =>
    [['lsh', '<<='], ['rsh', '>>='], ['arsh', 's>>=']].map(([name, op]): Draft => {
      const shifts = [1, 2, 3].map((r) => `${wide(r, width)} ${op} ${wide(4, width)}`);
      return {
        id: `${name}${width}-changed-count`,
        asm: [
          ...[1, 2, 3, 5, 6].map((r) => set(r, 0x8123456789abcdefn * BigInt(r + 1))), 'r4 = 37',
          ...shifts, `${wide(4, width)} += 3`, `${wide(5, width)} ${op} ${wide(4, width)}`, 'r4 = r5', `${wide(6, width)} ${op} ${wide(4, width)}`,
          'r0 = 0', ...[1, 2, 3, 4, 5, 6].flatMap((r) => ['r0 *= 31', `r0 ^= r${r}`]), 'exit',
        ],
      };
    }),
  ); // prettier-ignore
}

function unary(): Draft[] {
  const drafts: Draft[] = [];
  const values = [
    0n,
    1n,
    -1n,
    0x80n,
    0x7fn,
    0x8000n,
    0x80000000n,
    0x7fffffffn,
    0xffffffff80000000n,
    0x8000000000000000n,
    0x123456789abcdef0n,
  ];
  for (const value of values) {
    for (const width of [64, 32]) {
      const w = wide(0, width);
      drafts.push({ id: `neg${width}-${tag(value)}`, asm: [set(0, value), `${w} = -${w}`, 'exit'] });
      drafts.push({
        id: `mov${width}-reg-${tag(value)}`,
        asm: [set(1, value), set(0, -1n), `${w} = ${wide(1, width)}`, 'exit'],
      });
      for (const from of width === 64 ? [8, 16, 32] : [8, 16]) {
        drafts.push({
          id: `movsx${width}-${from}-${tag(value)}`,
          asm: [set(1, value), set(0, 0x5555555555555555n), `${w} = (s${from})${wide(1, width)}`, 'exit'],
        });
      }
    }
  }
  drafts.push({
    id: 'movsx-self',
    flags: ['Aliased'],
    asm: [
      set(0, 0x1234567887654380n),
      'r1 = r0',
      'r2 = r0',
      'r0 = (s8)r0',
      'r1 = (s16)r1',
      'w2 = (s8)w2',
      'r0 ^= r1',
      'r0 += r2',
      'exit',
    ],
  });
  drafts.push({ id: 'mov32-self-clears', flags: ['DirtyUpper'], asm: [set(0, -1n), 'w0 = w0', 'exit'] });
  return drafts;
}

/** 32-bit operations whose operands have dirty upper halves, and whose result is then used in 64 bits. */
function dirty(): Draft[] {
  const ops = [
    '+= w2',
    '-= w2',
    '*= w2',
    '|= w2',
    '&= w2',
    '^= w2',
    '<<= w2',
    '>>= w2',
    's>>= w2',
    '/= w2',
    '%= w2',
    's/= w2',
    's%= w2',
    '= w2',
    '+= 0',
    '-= 0',
    '|= 0',
    '^= 0',
    '<<= 0',
    '>>= 0',
    's>>= 0',
    '&= -1',
    '*= 1',
    '/= 1',
    '= -1',
  ];
  return ops.map((op, i) => ({
    id: `dirty32-${i}-${op.replace(/[^a-z0-9]+/g, (c) => [...c].map((x) => x.charCodeAt(0).toString(16)).join(''))}`,
    flags: ['DirtyUpper'],
    asm: [
      set(1, 0xdeadbeef00000029n),
      set(2, 0xcafebabe00000005n),
      `w1 ${op}`,
      'r0 = r1',
      'r0 >>= 32',
      'r0 <<= 8',
      'r0 += r1',
      'exit',
    ],
  }));
}

const KEPT_PAIRS: readonly (readonly [bigint, bigint])[] = [
  [0xdeadbeef00000029n, 0xcafebabe00000005n], [0x180000000n, 0xffffffffffffffffn], [0x7fffffffffffffffn, 0x8000000000000021n],
  [0xfffffffffffffff9n, 0xffffffff00000000n],
]; // prettier-ignore

/**
 * Again with dirty upper halves, but read before as well: where nothing else reads them, a compiler need not load upper
 * halves that a 32-bit operation ignores, and what comes out is clean by accident.
 */
function kept(): Draft[] {
  const binary = [
    ['add', '+='], ['sub', '-='], ['mul', '*='], ['or', '|='], ['and', '&='], ['xor', '^='], ['lsh', '<<='], ['rsh', '>>='],
    ['arsh', 's>>='], ['div', '/='], ['mod', '%='], ['sdiv', 's/='], ['smod', 's%='], ['mov', '='],
  ] as const; // prettier-ignore
  const operations: [string, string][] = [
    ...binary.flatMap(([name, op]): [string, string][] => [
      [`${name}-reg`, `w1 ${op} w2`],
      [`${name}-self`, `w1 ${op} w1`],
      ...[...(name.endsWith('div') || name.endsWith('mod') ? [] : [0]), 1, 2, 8, ...(/sh$/.test(name) ? [31] : [7, -1, 255, 65535, -256, 0x7fffffff, 100000])]
        .map((imm): [string, string] => [`${name}-imm-${imm < 0 ? `minus-${-imm}` : imm}`, `w1 ${op} ${imm}`]),
    ]),
    ['neg', 'w1 = -w1'], ['movsx-8', 'w1 = (s8)w2'], ['movsx-16', 'w1 = (s16)w2'], ['movsx-8-self', 'w1 = (s8)w1'],
    ['bswap16', 'r1 = bswap16 r1'], ['bswap32', 'r1 = bswap32 r1'],
  ]; // prettier-ignore
  return operations.map(([name, line]) => ({
    id: `kept32-${name}`,
    flags: ['DirtyUpper'],
    asm: [
      'r0 = 0',
      ...KEPT_PAIRS.flatMap(([a, b]) => [
        set(1, a), set(2, b), 'r3 = r1', 'r4 = r2', line,
        ...[1, 2, 3, 4].flatMap((r) => ['r0 *= 31', `r0 ^= r${r}`]),
      ]),
      'exit',
    ],
  })); // prettier-ignore
}

/** One operation on every pair of registers; everything is folded, so that a clobbered bystander shows. */
function registerPairs(): Draft[] {
  const drafts: Draft[] = [];
  const ops = ['+=', '*=', '<<=', 's>>='];
  for (const op of ops) {
    for (let d = 0; d <= 9; d++) {
      const body: string[] = [];
      for (let r = 0; r <= 9; r++) body.push(set(r, 0x1111111111111111n * BigInt(r) + 0x0123456789abcdefn));
      for (let s = 0; s <= 9; s++) body.push(`r${d} ${op} r${s}`, `r${d} += ${s + 1}`);
      const first = d === 0 ? [] : [];
      body.push(...first);
      for (let r = 1; r <= 9; r++) body.push('r0 *= 33', `r0 ^= r${r}`);
      const name = { '+=': 'add', '*=': 'mul', '<<=': 'lsh', 's>>=': 'arsh' }[op]!;
      drafts.push({ id: `${name}64-into-r${d}`, flags: ['Registers'], asm: [...body, 'exit'] });
    }
  }
  return drafts;
}

const NOTES = {
  Aliased: 'source and destination are one register',
  DirtyUpper: 'the upper half of an operand is not zero; a 32-bit result is zero-extended',
  ImmediateLimits: 'immediates around the limits of target encodings, sign-extended to 64 bits',
  ShiftMasked: 'the shift count is masked to the operand width',
  DivByZero: 'x / 0 = 0 and x % 0 = x, not a trap',
  Overflow: 'INT_MIN / -1 = INT_MIN and INT_MIN % -1 = 0, not a trap',
  Registers: 'every register takes part, so that clobbered ones show',
  LinuxRefuses: 'the RFC defines a result, the Linux verifier refuses the program',
};

function used(drafts: readonly Draft[]): Record<string, string> {
  const flags = new Set(drafts.flatMap((draft) => draft.flags ?? []));
  return Object.fromEntries(Object.entries(NOTES).filter(([flag]) => flags.has(flag)));
}

function topic(file: string, name: string, drafts: Draft[]): Topic {
  return { file, topic: name, spec: ['rfc9669 4.1'], notes: used(drafts), drafts };
}

/** All arithmetic topics. */
export const ALU_TOPICS: readonly Topic[] = [
  topic('alu-binary', 'binary arithmetic and logic at edge values', binary()),
  topic('alu-immediate', 'immediates at the limits of encodings', [...immediates(), ...forms()]),
  topic('alu-shift', 'shifts, with counts at and beyond the width', [...shifts(), ...repeatedCounts()]),
  topic('alu-division', 'division and modulo, signed and unsigned', [
    ...divisions(),
    ...hardDivisions(),
    ...divisionsIntoAnother(),
  ]),
  topic('alu-unary', 'negation, moves, sign extensions', unary()),
  topic('alu-dirty-upper', '32-bit operations with dirty upper halves', [...dirty(), ...kept()]),
  topic('alu-registers', 'every pair of registers', registerPairs()),
];
