/**
 * Class names of the kernel's size table to eBPF. A name is `<operation>[_<operand form>][_zx|_nozx]_d<dst>[s<src>]`:
 *
 * - operation: RFC 9669's word with its width, `add64`, `ldxb`, `fetch_or64`
 * - operand form: `x` a register, `k<value>` an immediate of that value or shape, `fp` memory on the stack, `off0`
 *   displacement 0, `k` some immediate
 * - `zx`: the upper half of the 32-bit result is read; `nozx`, or neither: it is not
 *
 * Jumps jump over one padding instruction, which `J_base` has alone.
 */

/** A class as eBPF. */
export interface SizeClass {
  readonly dst: number;
  readonly src: number;
  /**
   * The class as assembly text.
   *
   * @param copy - 1, 2, ...: wide constants differ from copy to copy, so that no copy can reuse another's
   */
  readonly lines: (copy: number) => readonly string[];
  /** Whether the upper halves of results are read in the end. */
  readonly readsUpper: boolean;
  /** Whether it calls something, so that r1 to r5 do not survive. */
  readonly calls: boolean;
  /** Whether it accesses the stack through r10. */
  readonly usesStack: boolean;
}

/** What a name can be turned into. */
export type ParsedClass =
  { readonly ok: true; readonly sizeClass: SizeClass } | { readonly ok: false; readonly reason: string };

type Lines = SizeClass['lines'];

const ALU_SYMBOLS: Readonly<Record<string, string>> = {
  add: '+=', sub: '-=', mul: '*=', div: '/=', sdiv: 's/=', mod: '%=', smod: 's%=', and: '&=', or: '|=', xor: '^=',
  lsh: '<<=', rsh: '>>=', arsh: 's>>=', mov: '=',
}; // prettier-ignore
const JMP_SYMBOLS: Readonly<Record<string, string>> = {
  jeq: '==', jne: '!=', jgt: '>', jge: '>=', jlt: '<', jle: '<=', jset: '&', jsgt: 's>', jsge: 's>=', jslt: 's<', jsle: 's<=',
}; // prettier-ignore
const WIDTHS: Readonly<Record<string, number>> = { b: 8, h: 16, w: 32, dw: 64 };
const HELPERS: Readonly<Record<string, number>> = { ktime: 5, prandom: 7, smpid: 8 };
const ATOMIC_SYMBOLS: Readonly<Record<string, string>> = { add: '+=', and: '&=', or: '|=', xor: '^=' };

/** A displacement that neither a RISC load nor an addition of a 12-bit immediate reaches at once, a multiple of 8. */
const FAR_OFFSET = 20000;
/** The instruction that a jump of a jump class jumps over. */
const PADDING = 'r0 += 1';

/** Wide values by shape; all copies of a shape need the same number of instructions on every CPU. */
const WIDE_VALUES: Readonly<Record<string, (copy: number) => bigint>> = {
  small: () => 5n,
  large: (copy) => 0x12345678n + 0x01010101n * BigInt(copy),
  neglarge: (copy) => -(0x12345678n + 0x01010101n * BigInt(copy)),
  u32: (copy) => 0xf2345678n - 0x01010101n * BigInt(copy),
  full: (copy) => 0x123456789abcdef0n + 0x0101010101010101n * BigInt(copy),
  hi: (copy) => (0x1234n + BigInt(copy)) << 48n,
  kaddr: (copy) => 0xffff888012345678n + 0x01010101n * BigInt(copy),
};

/** The value that `k<shape>` stands for with an operation. */
function immediate(operation: string, shape: string, copy: number): bigint {
  // The additions of a negative constant were measured with one of more than 8 bits, the logical ones with one of 8.
  if (shape === 'neg') return operation === 'add' ? -1000n : -5n;
  if (shape === 'neg1') return -1n;
  if (shape === '') return operation.startsWith('st') ? 5n : 7n;
  return WIDE_VALUES[shape]?.(copy) ?? BigInt(shape);
}

/** Operations with a 32-bit result that are measured with and without its zero-extension. */
const NARROW = new RegExp(
  `^(?:(?:${Object.keys(ALU_SYMBOLS).join('|')})32_|neg32|movsx\\d+_32$|(?:fetch_[a-z]+|xchg|cmpxchg)32)`,
);

const K = 'k(\\d+|neg1|neglarge|large|neg|)';

/** Rows of the grammar: a pattern of the name without registers, and what it means. */
const GRAMMAR: readonly (readonly [RegExp, (match: readonly string[], d: number, s: number) => Lines])[] = [
  [
    /^neg(32|64)$/,
    ([, width], d) =>
      () => [`${reg(width!, d)} = -${reg(width!, d)}`],
  ],
  [
    new RegExp(`^(${Object.keys(ALU_SYMBOLS).join('|')})(32|64)_(?:x|${K})$`),
    ([, op, width, shape], d, s) =>
      (copy) => [
        `${reg(width!, d)} ${ALU_SYMBOLS[op!]} ${shape === undefined ? reg(width!, s) : immediate(op!, shape, copy)}`,
      ],
  ],
  [
    /^ldimm64_(small|32|u32|full|neg|hi|kaddr)$/,
    ([, shape], d) => {
      const value = WIDE_VALUES[shape === '32' ? 'large' : shape === 'neg' ? 'neglarge' : shape!]!;
      return (copy) => [`r${d} = 0x${BigInt.asUintN(64, value(copy)).toString(16)} ll`];
    },
  ],
  [
    /^(le|be|bswap)(16|32|64)$/,
    ([, op, width], d) =>
      () => [`r${d} = ${op}${width} r${d}`],
  ],
  [
    /^movsx(8|16|32)_(32|64)$/,
    ([, from, width], d, s) =>
      () => [`${reg(width!, d)} = (s${from})${reg(width!, s)}`],
  ],
  [
    /^ld(s?)x(b|h|w|dw)(?:_(fp|off0))?$/,
    ([, sign, size, where], d, s) => {
      const address = where === 'fp' ? 'r10 - 8' : where === 'off0' ? `r${s} + 0` : `r${s} + 8`;
      return () => [`r${d} = *(${sign === 's' ? 's' : 'u'}${WIDTHS[size!]} *)(${address})`];
    },
  ],
  [
    /^ldxdw_off_pad$/,
    (_, d, s) => () => [`r${s} += -${FAR_OFFSET}`, `r${d} = *(u64 *)(r${s} + ${FAR_OFFSET})`, `r${s} += ${FAR_OFFSET}`],
  ],
  [/^pad_only$/, (_, _d, s) => () => [`r${s} += -${FAR_OFFSET}`, `r${s} += ${FAR_OFFSET}`]],
  [
    /^stx(b|h|w|dw)(?:_(fp))?$/,
    ([, size, where], d, s) =>
      () => [`*(u${WIDTHS[size!]} *)(${where === 'fp' ? 'r10 - 8' : `r${d} + 8`}) = r${s}`],
  ],
  [
    new RegExp(`^st(b|h|w|dw)(?:_(fp))?_${K}$`),
    ([, size, where, shape], d) =>
      (copy) => [
        `*(u${WIDTHS[size!]} *)(${where === 'fp' ? 'r10 - 8' : `r${d} + 8`}) = ${immediate('st', shape!, copy)}`,
      ],
  ],
  [/^J_base$/, () => () => [PADDING]],
  [
    new RegExp(`^(${Object.keys(JMP_SYMBOLS).join('|')})(32|64)_(?:x|${K})$`),
    ([, op, width, shape], d, s) =>
      (copy) => {
        const operand = shape === undefined ? reg(width!, s) : immediate(op!, shape, copy);
        return [`if ${reg(width!, d)} ${JMP_SYMBOLS[op!]} ${operand} goto +1`, PADDING];
      },
  ],
  [
    /^(?:x(add)(32|64)|(and|or|xor)(32|64)_at)$/,
    ([, add, addWidth, op, width], d, s) => {
      const bits = addWidth ?? width!;
      return () => [`lock *(u${bits} *)(r${d} + 8) ${ATOMIC_SYMBOLS[add ?? op!]} ${reg(bits, s)}`];
    },
  ],
  [
    /^fetch_(add|and|or|xor)(32|64)$/,
    ([, op, width], d, s) =>
      () => [`${reg(width!, s)} = atomic_fetch_${op}((u${width} *)(r${d} + 8), ${reg(width!, s)})`],
  ],
  [
    /^(xchg|cmpxchg)(32|64)$/,
    ([, op, width], d, s) => {
      const function_ = `${op}${width === '32' ? '32_32' : '_64'}`;
      if (op === 'xchg') return () => [`${reg(width!, s)} = ${function_}(r${d} + 8, ${reg(width!, s)})`];
      return () => [`${reg(width!, 0)} = ${function_}(r${d} + 8, ${reg(width!, 0)}, ${reg(width!, s)})`];
    },
  ],
  [
    /^load_acq(8|16|32|64)$/,
    ([, width], d, s) =>
      () => [`${reg(width!, d)} = load_acquire((u${width} *)(r${s} + 8))`],
  ],
  [
    /^store_rel(8|16|32|64)$/,
    ([, width], d, s) =>
      () => [`store_release((u${width} *)(r${d} + 8), ${reg(width!, s)})`],
  ],
  [
    new RegExp(`^call_(${Object.keys(HELPERS).join('|')})$`),
    ([, name]) =>
      () => [`call ${HELPERS[name!]}`],
  ],
  [/^nop_ja0$/, () => () => ['goto +0']],
  // An exit alone cannot be repeated: the jump over it is part of the pair.
  [/^exit_pair$/, (_, d) => () => [`if r${d} == 0 goto +1`, 'exit']],
];

function reg(width: string, register: number): string {
  return `${width === '64' ? 'r' : 'w'}${register}`;
}

/**
 * Whether the measured program read the upper half of the result: always that of 64-bit operations and of those that end
 * in zeros by definition (loads, byte swaps), and that of 32-bit arithmetic and atomics where the name says `zx`.
 */
function readsUpper(name: string): boolean {
  return name.endsWith('_zx') || !NARROW.test(name);
}

/** Turns the name of a class into eBPF, or says why it cannot. */
export function parseSizeClass(name: string): ParsedClass {
  const registers = /^(.*)_d(\d)(?:s(\d))?$/.exec(name);
  if (registers === null) return { ok: false, reason: 'its name does not end in registers' };
  const [, whole, dst, src] = registers;
  const operation = whole!.replace(/_(no)?zx$/, '');
  const d = Number(dst);
  const s = src === undefined ? d : Number(src);
  for (const [pattern, meaning] of GRAMMAR) {
    const match = pattern.exec(operation);
    if (match === null) continue;
    const sizeClass: SizeClass = {
      dst: d,
      src: s,
      lines: meaning(match, d, s),
      readsUpper: readsUpper(whole!),
      calls: operation.startsWith('call_'),
      usesStack: operation.includes('_fp'),
    };
    return { ok: true, sizeClass };
  }
  return { ok: false, reason: 'no operation of eBPF has this name' };
}
