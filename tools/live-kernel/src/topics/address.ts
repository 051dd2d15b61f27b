/**
 * Computed addresses: a base that is made right before the access, which compilers fold into it. Values are stored and
 * loaded in the same width, so that the results do not depend on byte order, and the memory is zero again at the end.
 */
import { type Draft, set, type Topic } from '../draft.ts';

const VALUE = 0x8899aabbccddeef1n;
const MEM = '00'.repeat(64);
const CLEAR = [0, 8, 16, 24, 32, 40, 48, 56].map((at) => `*(u64 *)(r1 + ${at}) = 0`);

/** How an address is made in a register, and where in the memory at r1 it points; the access adds `offset`. */
interface Form {
  readonly lines: readonly string[];
  readonly base: number;
  readonly offset: number;
  readonly at: number;
}

function forms(bytes: number): Form[] {
  const log2 = Math.log2(bytes);
  return [
    { lines: ['r3 = r1'], base: 3, offset: 8, at: 8 },
    { lines: ['r3 = r1', 'r3 += 16'], base: 3, offset: 8, at: 24 },
    { lines: ['r3 = r1', 'r3 += -8'], base: 3, offset: 40, at: 32 },
    { lines: ['r3 = r1', 'r3 += 16', 'r3 += 8'], base: 3, offset: -16, at: 8 },
    { lines: ['r3 = r1', 'r3 += 30000'], base: 3, offset: -29976, at: 24 },
    { lines: ['r3 = r1', 'r3 += -32760'], base: 3, offset: 32760, at: 0 },
    { lines: ['r3 = r1', 'r3 += 40000', 'r3 += -39992'], base: 3, offset: 32, at: 40 },
    { lines: ['r4 = 24', 'r3 = r1', 'r3 += r4'], base: 3, offset: 0, at: 24 },
    { lines: ['r4 = 24', 'r3 = r1', 'r3 += r4'], base: 3, offset: 8, at: 32 },
    { lines: ['r4 = 24', 'r4 += r1'], base: 4, offset: 0, at: 24 },
    { lines: ['r4 = 3', `r4 <<= ${log2}`, 'r3 = r1', 'r3 += r4'], base: 3, offset: 0, at: 3 * bytes },
    { lines: ['r4 = 3', 'r3 = r1', `r4 <<= ${log2}`, 'r3 += r4'], base: 3, offset: 0, at: 3 * bytes },
    { lines: ['r4 = 2', 'r3 = r1', 'r4 <<= 3', 'r3 += r4'], base: 3, offset: 8, at: 24 },
    { lines: ['r4 = 2', `r4 <<= 3`, 'r4 += r1'], base: 4, offset: 0, at: 16 },
    { lines: [set(4, 0xdeadbeef00000018n), 'w4 = w4', 'r3 = r1', 'r3 += r4'], base: 3, offset: 0, at: 24 },
    { lines: [set(4, 0xdeadbeef00000018n), 'r3 = r1', 'w4 = w4', 'r3 += r4'], base: 3, offset: 0, at: 24 },
    { lines: [set(4, 0xfffffff8n), 'r4 = (s32)r4', 'r3 = r1', 'r3 += 32', 'r3 += r4'], base: 3, offset: 0, at: 24 },
    { lines: [set(4, 0xfffffff8n), 'r3 = r1', 'r3 += 32', 'r4 = (s32)r4', 'r3 += r4'], base: 3, offset: 0, at: 24 },
  ];
}

interface Access {
  readonly name: string;
  readonly width: number;
  /** Uses `place`, leaves its result in r5. */
  readonly lines: (place: string, body: string, base: number) => readonly string[];
}

function accesses(): Access[] {
  const list: Access[] = [];
  for (const width of [8, 16, 32, 64]) {
    const narrow = width === 64 ? 'r' : 'w';
    list.push({ name: `load${width}`, width, lines: (place) => [`r5 = *(u${width} *)(${place})`] });
    list.push({
      name: `load${width}-into-base`,
      width,
      lines: (place, _, base) => [`r${base} = *(u${width} *)(${place})`, `r5 = r${base}`],
    });
    if (width < 64)
      list.push({ name: `load-signed${width}`, width, lines: (place) => [`r5 = *(s${width} *)(${place})`] });
    if (width > 8)
      list.push({
        name: `load-swap${width}`,
        width,
        lines: (place) => [`r5 = *(u${width} *)(${place})`, `r5 = bswap${width} r5`],
      });
    list.push({ name: `store${width}`, width, lines: (place) => [`*(u${width} *)(${place}) = ${narrow}2`, 'r5 = 0'] });
    list.push({
      name: `store-zero${width}`,
      width,
      lines: (place) => ['r5 = 0', `*(u${width} *)(${place}) = ${narrow}5`],
    });
    for (const imm of [-2, 100000])
      list.push({
        name: `store-imm${width}-${imm < 0 ? 'negative' : 'positive'}`,
        width,
        lines: (place) => [`*(u${width} *)(${place}) = ${imm}`, 'r5 = 0'],
      });
    list.push({
      name: `load-acquire${width}`,
      width,
      lines: (place) => [`${narrow}5 = load_acquire((u${width} *)(${place}))`],
    });
    list.push({
      name: `store-release${width}`,
      width,
      lines: (place) => [`store_release((u${width} *)(${place}), ${narrow}2)`, 'r5 = 0'],
    });
  }
  for (const width of [32, 64]) {
    const narrow = width === 64 ? 'r' : 'w';
    const dirty = set(5, 0xdeadbeef00000007n);
    for (const op of ['+=', '|=', '&=', '^='])
      list.push({
        name: `atomic-${{ '+=': 'add', '|=': 'or', '&=': 'and', '^=': 'xor' }[op]}${width}`,
        width,
        lines: (place) => [`lock *(u${width} *)(${place}) ${op} ${narrow}2`, 'r5 = 0'],
      });
    for (const op of ['add', 'or', 'and', 'xor'])
      list.push({
        name: `fetch-${op}${width}`,
        width,
        lines: (place) => [dirty, `${narrow}5 = atomic_fetch_${op}((u${width} *)(${place}), ${narrow}5)`],
      });
    list.push({
      name: `xchg${width}`,
      width,
      lines: (place) => [dirty, width === 64 ? `r5 = xchg_64(${place}, r5)` : `w5 = xchg32_32(${place}, w5)`],
    });
  }
  return list;
}

function addressing(): Draft[] {
  const drafts: Draft[] = [];
  for (const { name, width, lines } of accesses()) {
    const narrow = width === 64 ? 'r' : 'w';
    for (const alive of [false, true]) {
      const body = forms(width / 8).flatMap((form) => {
        const sign = form.offset < 0 ? '-' : '+';
        const place = `r${form.base} ${sign} ${Math.abs(form.offset)}`;
        const again =
          alive && !name.endsWith('into-base')
            ? form.base === 3
              ? ['r3 -= r1', 'r0 += r3']
              : ['r4 -= r1', 'r0 += r4']
            : [];
        return [
          `*(u${width} *)(r1 + ${form.at}) = ${narrow}7`,
          // What a load leaves of its register shows; read, or it would not be there.
          'r5 = r2',
          'r0 += r5',
          ...form.lines,
          ...lines(place, '', form.base),
          'r0 *= 31', 'r0 += r5',
          ...again,
          `${narrow}5 = *(u${width} *)(r1 + ${form.at})`,
          'r0 *= 31', 'r0 += r5',
        ]; // prettier-ignore
      });
      if (alive && name.endsWith('into-base')) continue;
      drafts.push({
        id: `${name}-${alive ? 'base-alive' : 'base-dead'}`,
        ...(alive ? { flags: ['Alive'] } : {}),
        mem: MEM,
        asm: ['r0 = 0', set(2, 0x7766554433221100n), set(7, VALUE), ...body, ...CLEAR, 'exit'],
      });
    }
  }
  return drafts;
}

/** The stored value is the base: it must be the sum that is stored. */
function stored(): Draft[] {
  return [
    {
      id: 'store-base-itself',
      asm: ['r2 = r10', 'r2 += -16', '*(u64 *)(r2 + 0) = r2', 'r0 = *(u64 *)(r10 - 16)', 'r0 -= r10', 'exit'],
    },
    {
      id: 'store-base-after-index',
      asm: ['r3 = -24', 'r2 = r10', 'r2 += r3', '*(u64 *)(r2 + 0) = r2', 'r0 = *(u64 *)(r10 - 24)', 'r0 -= r10', 'exit'],
    },
    {
      id: 'store-index',
      mem: MEM,
      asm: ['r3 = 2', 'r3 <<= 3', 'r2 = r1', 'r2 += r3', '*(u64 *)(r2 + 0) = r3', 'r0 = *(u64 *)(r1 + 16)', ...CLEAR, 'exit'],
    },
    {
      id: 'fetch-add-of-base',
      flags: ['LinuxRefuses'],
      asm: [
        'r1 = r10', 'r1 += -16', 'r2 = 5', '*(u64 *)(r10 - 16) = r2', 'r2 = r1',
        'r1 = atomic_fetch_add((u64 *)(r1 + 0), r1)', 'r3 = *(u64 *)(r10 - 16)', 'r3 -= r2', 'r0 = r1', 'r0 += r3', 'exit',
      ],
      spec: { source: 'rfc9669 5.3: the old value goes to src, memory gets the sum', expect: { r0: '0xa' } },
    },
  ]; // prettier-ignore
}

/** Every register as base and as index, both dead after the access. */
function indexes(): Draft[] {
  const registers = [1, 2, 3, 4, 5, 6, 7, 8, 9];
  return [8, 16, 32, 64].map((width): Draft => {
    const narrow = width === 64 ? 'r' : 'w';
    const body = registers.flatMap((base) =>
      registers.filter((index) => index !== base).flatMap((index) => [
        `r${base} = r10`, `r${base} += -64`, `r${index} = 3`, `r${index} <<= ${Math.log2(width / 8)}`, `r${base} += r${index}`,
        `${narrow}${base} = *(u${width} *)(r${base} + 0)`, `r0 += r${base}`, 'r0 *= 31',
      ]),
    ); // prettier-ignore
    const at = 64 - 3 * (width / 8);
    return {
      id: `index-in-every-register-${width}`,
      asm: ['r0 = 0', set(1, VALUE), `*(u${width} *)(r10 - ${at}) = ${narrow}1`, ...body, 'exit'],
    };
  });
}

/** Neighbouring accesses, which some CPUs can do at once. */
function adjacent(): Draft[] {
  const fold = (...registers: number[]): string[] => registers.flatMap((r) => ['r0 *= 31', `r0 += r${r}`]);
  const drafts: Draft[] = [];
  for (const width of [32, 64]) {
    const [bytes, narrow] = [width / 8, width === 64 ? 'r' : 'w'];
    const place = (at: number, base = 1): string => `*(u${width} *)(r${base} ${at < 0 ? '-' : '+'} ${Math.abs(at)})`;
    const fill = [0, 1, 2, 3].flatMap((k) => [set(5, VALUE * BigInt(k + 1)), `${place(k * bytes)} = ${narrow}5`]);
    const programs: [string, string[]][] = [
      ['loads-ascending', [`r3 = ${place(bytes)}`, `r4 = ${place(2 * bytes)}`, ...fold(3, 4)]],
      ['loads-descending', [`r3 = ${place(2 * bytes)}`, `r4 = ${place(bytes)}`, ...fold(3, 4)]],
      ['loads-same-register', [`r3 = ${place(bytes)}`, `r3 = ${place(2 * bytes)}`, ...fold(3)]],
      ['loads-with-gap', [`r3 = ${place(0)}`, `r4 = ${place(2 * bytes)}`, ...fold(3, 4)]],
      ['loads-overlapping', [`r3 = ${place(bytes)}`, `r4 = ${place(bytes)}`, ...fold(3, 4)]],
      ['loads-three', [`r3 = ${place(0)}`, `r4 = ${place(bytes)}`, `r5 = ${place(2 * bytes)}`, ...fold(3, 4, 5)]],
      ['loads-negative', ['r3 = r1', 'r3 += 24', 'r6 = r3', `r4 = ${place(-24, 3)}`, `r5 = ${place(bytes - 24, 3)}`, 'r6 -= r3', ...fold(4, 5, 6)]],
      ['loads-far', [`r3 = r1`, `r3 += ${-63 * bytes}`, `r4 = ${place(63 * bytes, 3)}`, `r5 = ${place(64 * bytes, 3)}`, 'r3 -= r1', ...fold(3, 4, 5)]],
      ['stores-ascending', [set(3, 77n), `${place(0)} = ${narrow}3`, `${place(bytes)} = ${narrow}2`, `r4 = ${place(0)}`, `r5 = ${place(bytes)}`, ...fold(4, 5)]],
      ['stores-descending', [set(3, 77n), `${place(bytes)} = ${narrow}3`, `${place(0)} = ${narrow}2`, `r4 = ${place(0)}`, `r5 = ${place(bytes)}`, ...fold(4, 5)]],
      ['stores-same-place', [set(3, 77n), `${place(bytes)} = ${narrow}3`, `${place(bytes)} = ${narrow}2`, `r4 = ${place(0)}`, `r5 = ${place(bytes)}`, ...fold(4, 5)]],
      ['store-then-load', [set(3, 77n), `${place(bytes)} = ${narrow}3`, `r4 = ${place(2 * bytes)}`, `r5 = ${place(bytes)}`, ...fold(4, 5)]],
      ['constants', [`${place(0)} = 100000`, `${place(bytes)} = 100000`, `${place(2 * bytes)} = 100001`, ...[0, 1, 2].flatMap((k) => [`r3 = ${place(k * bytes)}`, ...fold(3)])]],
    ]; // prettier-ignore
    for (const [name, lines] of programs)
      drafts.push({ id: `adjacent-${name}-${width}`, mem: MEM, asm: ['r0 = 0', ...fill, ...lines, ...CLEAR, 'exit'] });
  }
  return [
    ...drafts,
    {
      id: 'adjacent-load-changes-base',
      asm: [
        'r1 = r10', 'r1 += -64', '*(u64 *)(r10 - 16) = r1', 'r1 = r10', 'r1 += -40', '*(u64 *)(r10 - 64) = r1',
        set(2, VALUE), '*(u64 *)(r10 - 32) = r2', 'r2 = 5', '*(u64 *)(r10 - 56) = r2',
        'r3 = *(u64 *)(r10 - 16)', 'r3 = *(u64 *)(r3 + 0)', 'r4 = *(u64 *)(r3 + 8)', 'r0 = r4', 'exit',
      ],
    },
    {
      id: 'store-zero-register-alive',
      mem: MEM,
      asm: ['r3 = 77', '*(u64 *)(r1 + 8) = r3', 'r3 = 0', '*(u64 *)(r1 + 8) = r3', 'r0 = *(u64 *)(r1 + 8)', 'r0 += r3', 'exit'],
    },
    {
      id: 'constant-across-label',
      mem: MEM,
      asm: [
        'r0 = 0', 'r7 = 1', '*(u64 *)(r1 + 0) = r7',
        ...[16, 32, 64].flatMap((width) => [
          `*(u${width} *)(r1 + 8) = 100000`, 'if r7 == 1 goto +1', `*(u${width} *)(r1 + 8) = 200000`,
          `*(u${width} *)(r1 + 16) = 200000`, `r3 = *(u${width} *)(r1 + 16)`, ...fold(3),
        ]),
        ...CLEAR, 'exit',
      ],
    },
    {
      id: 'constant-across-call',
      asm: ['*(u64 *)(r10 - 8) = 100000', 'r1 = 7', 'call 5', '*(u64 *)(r10 - 16) = 100000', 'r0 = *(u64 *)(r10 - 8)', 'r1 = *(u64 *)(r10 - 16)', ...fold(1), 'exit'],
    },
  ]; // prettier-ignore
}

const NOTES = {
  Alive: 'the base is read again afterwards',
  LinuxRefuses: 'the Linux verifier does not load it',
};

/** The topic of computed addresses. */
export const ADDRESS_TOPICS: readonly Topic[] = [
  {
    file: 'address',
    topic: 'addresses that are computed right before the access',
    spec: ['rfc9669 5.1', 'rfc9669 5.2', 'rfc9669 5.3'],
    notes: NOTES,
    drafts: [...addressing(), ...stored(), ...indexes(), ...adjacent()],
  },
];
