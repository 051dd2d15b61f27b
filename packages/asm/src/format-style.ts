/** How instructions are printed, and the pieces that both syntaxes print alike. */
import { rowOf, type Insn, type InsnRow } from '@polybpf/isa';
import type { Syntax } from './syntax.ts';

export interface FormatStyle {
  /** Default `kernel`. */
  readonly syntax?: Syntax;
  /** Immediates and offsets: default `hex` in the kernel syntax, as llvm-objdump prints, and `decimal` in ubpf's. */
  readonly numbers?: 'hex' | 'decimal';
  /**
   * As `--mcpu` of llvm-objdump: `generic` (default) writes `r1 = *(u32 *)(...)`, `v4` writes `w1 = ...` for what has
   * at most 32 bits. Only for the kernel syntax; both are read.
   */
  readonly mcpu?: 'generic' | 'v4';
  /** The name of a helper; printed as `call bpf_map_lookup_elem#1`, which reads as the id. */
  readonly helperName?: (id: number) => string | undefined;
}

/** Names to print in place of numbers. Every method is asked with insn indices or map indices. */
export interface FormatNames {
  /** What to write for a jump or call from `insn` to `target`; undefined: the distance. */
  target(target: number, use: 'jump' | 'call'): string | undefined;
  /** What to write after a distance, ` <main+0x18>` or nothing. */
  annotation(target: number): string;
  /** The quoted name of map `index`; undefined: the index. */
  map(index: number): string | undefined;
  /** The quoted symbol that `insn` refers to and that its fields do not tell; undefined: none. */
  symbol(insn: number): string | undefined;
}

export const NO_NAMES: FormatNames = {
  target: () => undefined,
  annotation: () => '',
  map: () => undefined,
  symbol: () => undefined,
};

/** What a row's printer is given. One object serves a whole program. */
export interface FormatContext {
  readonly number: (value: number) => string;
  /** With a sign always: `+0x3`. */
  readonly signed: (value: number) => string;
  /** Register letter of memory operands of at most 32 bits. */
  readonly narrow: 'r' | 'w';
  readonly isHex: boolean;
  readonly names: FormatNames;
  readonly helperName: ((id: number) => string | undefined) | undefined;
  /** The instruction being printed. */
  index: number;
}

export function formatContext(style: FormatStyle, names: FormatNames): FormatContext {
  const isHex = style.numbers === undefined ? style.syntax !== 'ubpf' : style.numbers === 'hex';
  return {
    number: isHex ? hexNumber : String,
    signed: isHex
      ? (value) => (value < 0 ? hexNumber(value) : `+${hexNumber(value)}`)
      : (value) => (value < 0 ? String(value) : `+${value}`),
    narrow: style.mcpu === 'v4' ? 'w' : 'r',
    isHex,
    names,
    helperName: style.helperName,
    index: 0,
  };
}

/** `0x5`, `-0x5` */
export function hexNumber(value: number): string {
  return value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

/** A signed 64-bit value from its halves. */
export function wideNumber(cx: FormatContext, low: number, high: number): string {
  // high is the sign of low: the value fits 32 bits.
  if (high === low >> 31) return cx.number(low);
  if (!cx.isHex) return String(BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low >>> 0)));
  if (high >= 0) return `0x${hexHalves(low, high)}`;
  return `-0x${hexHalves(-low | 0, low === 0 ? -high : ~high)}`;
}

function hexHalves(low: number, high: number): string {
  const upper = high >>> 0;
  const lower = (low >>> 0).toString(16);
  return upper === 0 ? lower : upper.toString(16) + lower.padStart(8, '0');
}

/** A jump target: a name, or the distance with its annotation. */
export function jumpText(cx: FormatContext, distance: number): string {
  const target = cx.index + 1 + distance;
  return cx.names.target(target, 'jump') ?? cx.signed(distance) + cx.names.annotation(target);
}

/** Calls, which both syntaxes spell alike. */
export function callText(cx: FormatContext, row: InsnRow, insn: Insn): string {
  const symbol = cx.names.symbol(cx.index);
  switch (row.kind) {
    case 'call_local': {
      if (symbol !== undefined) return `call local ${symbol}`;
      const target = cx.index + 1 + insn.imm;
      const name = cx.names.target(target, 'call');
      return name === undefined ? `call local ${cx.signed(insn.imm)}${cx.names.annotation(target)}` : `call ${name}`;
    }
    case 'call_kfunc':
      if (symbol !== undefined) return `call kfunc ${symbol}`;
      return insn.offset === 0
        ? `call kfunc ${cx.number(insn.imm)}`
        : `call kfunc ${cx.number(insn.imm)}, ${cx.number(insn.offset)}`;
    default: {
      const name = insn.imm < 0 ? undefined : cx.helperName?.(insn.imm);
      return name === undefined ? `call ${cx.number(insn.imm)}` : `call ${name}#${insn.imm}`;
    }
  }
}

/** What an ld_imm64 loads, with no `ll`. */
export function imm64Text(cx: FormatContext, row: InsnRow, insn: Insn, high: number): string {
  const symbol = cx.names.symbol(cx.index);
  if (symbol !== undefined) return row.op === 'func' ? `func ${symbol}` : `extern ${symbol}`;
  switch (row.op) {
    case 'imm64':
      return wideNumber(cx, insn.imm, high);
    case 'func': {
      const target = cx.index + 1 + insn.imm;
      const name = cx.names.target(target, 'call');
      return name === undefined ? `func ${cx.signed(insn.imm)}${cx.names.annotation(target)}` : `func ${name}`;
    }
    case 'map_idx': {
      const map = cx.names.map(insn.imm);
      if (map !== undefined) return `map ${map}`;
      break;
    }
    case 'map_idx_value': {
      const map = cx.names.map(insn.imm);
      if (map !== undefined) return `map_value ${map}[${cx.number(high)}]`;
      break;
    }
  }
  const upper = row.nextImmUse === 'offset' || high !== 0 ? `[${cx.number(high)}]` : '';
  return `${row.op}[${cx.number(insn.imm)}]${upper}`;
}

/** A slot as it is, for what no instruction describes. */
export function rawText(insn: Insn): string {
  return `.insn 0x${insn.opcode.toString(16).padStart(2, '0')}, ${insn.dst_reg}, ${insn.src_reg}, ${insn.offset}, ${insn.imm}`;
}

/**
 * The row to print `insns[index]` as, or undefined when text would lose something: no row, reserved fields in use,
 * registers above r10, a damaged second slot. Writes to r10 are printed: their text says it all.
 */
export function printableRow(insns: readonly Insn[], index: number): InsnRow | undefined {
  const insn = insns[index]!;
  const row = rowOf(insn);
  if (row === undefined) return undefined;
  if (
    (row.dst === 'none' ? insn.dst_reg !== 0 : insn.dst_reg > 10 && row.dst !== 'fixed') ||
    (row.src === 'none' ? insn.src_reg !== 0 : insn.src_reg > 10 && row.src !== 'fixed') ||
    (row.offsetUse === 'none' && insn.offset !== 0) ||
    (row.immUse === 'none' && insn.imm !== 0)
  ) {
    return undefined;
  }
  if (row.slots === 1) return row;
  const next = insns[index + 1];
  const isWhole =
    next !== undefined &&
    next.opcode === 0 &&
    next.dst_reg === 0 &&
    next.src_reg === 0 &&
    next.offset === 0 &&
    (row.nextImmUse !== 'none' || next.imm === 0);
  return isWhole ? row : undefined;
}
