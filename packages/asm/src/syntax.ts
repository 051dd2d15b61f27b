/**
 * The spelling of operators, derived tables of rows by what they are called, and the options that both directions
 * share. Opcodes are not here: rows come from `INSN_TABLE`, found by kind, op, width and source.
 */
import { INSN_TABLE, type AluOp, type AtomicOp, type InsnRow, type JmpOp } from '@polybpf/isa';

/**
 * - `kernel`: `r1 += r2`, what llvm-objdump prints, llvm-mc takes and the verifier log and bpftool resemble
 * - `ubpf`: `add %r1, %r2`, the assembly of the public conformance suite
 */
export type Syntax = 'kernel' | 'ubpf';

/** Operators of `dst OP= src`. `neg` and `movsx` have a form of their own. */
export const ALU_SYMBOLS: Record<Exclude<AluOp, 'neg' | 'movsx'>, string> = {
  add: '+=',
  sub: '-=',
  mul: '*=',
  div: '/=',
  sdiv: 's/=',
  or: '|=',
  and: '&=',
  lsh: '<<=',
  rsh: '>>=',
  mod: '%=',
  smod: 's%=',
  xor: '^=',
  mov: '=',
  arsh: 's>>=',
};

/** Operators of `if dst OP src`. */
export const JMP_SYMBOLS: Record<JmpOp, string> = {
  jeq: '==',
  jne: '!=',
  jgt: '>',
  jge: '>=',
  jlt: '<',
  jle: '<=',
  jset: '&',
  jsgt: 's>',
  jsge: 's>=',
  jslt: 's<',
  jsle: 's<=',
};

/** Operators of `lock *(u64 *)(dst + offset) OP= src`; the fetching ones are spelled as calls. */
export const ATOMIC_SYMBOLS: Partial<Record<AtomicOp, string>> = { add: '+=', or: '|=', and: '&=', xor: '^=' };

/** Two rows that differ only in where the second operand comes from. */
export interface RowPair {
  readonly imm: InsnRow | undefined;
  readonly reg: InsnRow | undefined;
}

/** Both widths of an operation. */
export interface RowPairs {
  readonly wide: RowPair;
  readonly narrow: RowPair;
}

function pairs(kind: 'alu' | 'jmp', op: string): RowPairs {
  const find = (width: number, source: string): InsnRow | undefined =>
    INSN_TABLE.find((row) => row.kind === kind && row.op === op && row.width === width && row.source === source);
  return {
    wide: { imm: find(64, 'imm'), reg: find(64, 'reg') },
    narrow: { imm: find(32, 'imm'), reg: find(32, 'reg') },
  };
}

function bySymbol(kind: 'alu' | 'jmp', symbols: Record<string, string>): ReadonlyMap<string, RowPairs> {
  return new Map(Object.entries(symbols).map(([op, symbol]) => [symbol, pairs(kind, op)]));
}

/** `+=` to its rows. */
export const ALU_ROWS: ReadonlyMap<string, RowPairs> = /* @__PURE__ */ bySymbol('alu', ALU_SYMBOLS);
/** `s>=` to its rows. */
export const JMP_ROWS: ReadonlyMap<string, RowPairs> = /* @__PURE__ */ bySymbol('jmp', JMP_SYMBOLS);

/** The key of {@link FORM_ROWS}: kind, op, width and the width that is sign-extended. */
export function formKey(kind: string, op: string, width: number, signedFrom = 0): string {
  return `${kind} ${op} ${width} ${signedFrom}`;
}

function byForm(): ReadonlyMap<string, InsnRow> {
  return new Map(
    INSN_TABLE.filter(
      (row) => row.kind !== 'jmp' && (row.kind !== 'alu' || row.op === 'neg' || row.op === 'movsx'),
    ).map((row) => [formKey(row.kind, row.op, row.width, row.signedFrom), row]),
  );
}

/** Rows other than two-operand alu and jmp, by {@link formKey}. */
export const FORM_ROWS: ReadonlyMap<string, InsnRow> = /* @__PURE__ */ byForm();

/** The only row of a kind that has one row. */
export function soleRow(kind: InsnRow['kind']): InsnRow {
  return INSN_TABLE.find((row) => row.kind === kind)!;
}

/** Words that stand for something else than a symbol where a symbol could be. */
const RESERVED = /^([rwRW]\d+|pc|local|kfunc|helper|map|map_value|map_fd|map_idx|map_idx_value|btf_id|func|extern|ll)$/;
const PLAIN = /^[A-Za-z_.$][A-Za-z0-9_.$]*$/;

/** A symbol as text: as it is, or in quotes where it would be taken for something else. */
export function quoteSymbol(name: string): string {
  if (name.length < 256 && PLAIN.test(name) && !RESERVED.test(name)) return name;
  return quoteString(name);
}

/** Any text in double quotes, as `readString` reads it. */
export function quoteString(text: string): string {
  let out = '"';
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x22 || code === 0x5c) out += `\\${text[i]!}`;
    else if (code >= 0x20 && code !== 0x7f && code !== 0x2028 && code !== 0x2029) out += text[i]!;
    else out += `\\u${code.toString(16).padStart(4, '0')}`;
  }
  return `${out}"`;
}

/** What the ubpf syntax calls a row: the name it prints first, then what it also reads. Calls have no mnemonic of their own. */
export function mnemonicsOf(row: InsnRow): readonly string[] {
  const suffix = row.width === 32 ? '32' : '';
  switch (row.kind) {
    case 'alu':
      return [row.op === 'movsx' ? `movsx${row.signedFrom}${row.width}` : row.op + suffix];
    case 'jmp':
      return [row.op + suffix];
    case 'end':
      return row.op === 'bswap' ? [row.name, `swap${row.width}`] : [row.name];
    case 'atomic':
      return [`lock ${row.op.replace('_', ' ')}${suffix}`];
    case 'ld_imm64':
      return row.op === 'imm64' ? ['lddw'] : [];
    case 'call_helper':
    case 'call_local':
    case 'call_kfunc':
    case 'callx':
      return [];
    default:
      return [row.name];
  }
}
