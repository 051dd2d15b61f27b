/** A program as text that assembles back to the same bytes, or as a listing like llvm-objdump's. */
import {
  encodeProgram,
  jumpTarget,
  makeProgram,
  rowOf,
  type Endian,
  type Insn,
  type InsnRow,
  type Program,
} from '@polybpf/isa';
import { KERNEL_PRINTERS } from './format-kernel.ts';
import {
  formatContext,
  NO_NAMES,
  printableRow,
  rawText,
  type FormatContext,
  type FormatNames,
  type FormatStyle,
} from './format-style.ts';
import { UBPF_PRINTERS } from './format-ubpf.ts';
import { formatMapDirective } from './map-directive.ts';
import { quoteString, quoteSymbol, type Syntax } from './syntax.ts';

export interface DisassembleOptions extends FormatStyle {
  /** Byte order of the hex column, when the input is an array of slots; default little. */
  readonly endian?: Endian;
  /**
   * Jump targets: `relative` (default) writes `goto +0x3`, `labels` defines labels and writes `goto L7`, `annotated`
   * writes `goto +0x3 <main+0x38>` as llvm-objdump does.
   */
  readonly targets?: 'relative' | 'labels' | 'annotated';
  /** Insn index before each instruction, and `<name>:` headers, as `llvm-objdump -d`. */
  readonly addresses?: boolean;
  /** The bytes of each instruction before it. */
  readonly bytes?: boolean;
  /** Source lines before their instructions, as `llvm-objdump -S`. */
  readonly source?: boolean;
  /** Directives for maps, functions, section and licence, when there are any; default true. */
  readonly directives?: boolean;
}

/**
 * Disassembles a program or its slots. The text assembles to the same bytes: slots that no instruction describes become
 * `.insn` directives. Maps, function names, section and licence survive too, when they have a directive.
 *
 * @returns lines, the last one ended as well
 */
export function disassemble(input: Program | readonly Insn[], options: DisassembleOptions = {}): string {
  const program = isInsns(input) ? makeProgram(input, { endian: options.endian ?? 'little' }) : input;
  const lines: string[] = [];
  const functions = functionLabels(program);
  const targets = options.targets ?? 'relative';
  const labels = targets === 'labels' ? allLabels(program, functions) : functions;
  if (options.directives !== false) pushDirectives(lines, program, functions);
  const cx = formatContext(options, programNames(program, functions, labels, targets, options));
  const printers = options.syntax === 'ubpf' ? UBPF_PRINTERS : KERNEL_PRINTERS;
  const bytes = options.bytes === true ? encodeProgram(program.insns, program.endian) : undefined;
  const source = options.source === true ? sourceAt(program) : undefined;
  const comments = symbolComments(program, options.directives !== false);
  const { insns } = program;
  const indent = labels.size > 0 && options.addresses !== true ? '\t' : '';
  for (let i = 0; i < insns.length;) {
    const label = labels.get(i);
    if (label !== undefined) pushLabel(lines, label, i, options);
    const text = source?.get(i);
    if (text !== undefined) lines.push(`; ${text}`);
    const row = printableRow(insns, i);
    const slots = row?.slots ?? 1;
    cx.index = i;
    const statement = row === undefined ? rawText(insns[i]!) : printers[row.id]!(cx, insns[i]!, insns[i + 1]?.imm ?? 0);
    const comment = comments.get(i);
    const ending = comment === undefined ? '' : ` # ${comment}`;
    const address = options.addresses === true ? `${String(i).padStart(8)}:\t` : indent;
    const column = bytes === undefined ? '' : `${hexColumn(bytes, i, slots)}\t`;
    lines.push(address + column + statement + ending);
    i += slots;
  }
  const end = labels.get(insns.length);
  if (end !== undefined) pushLabel(lines, end, insns.length, options);
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

/**
 * The text of the instruction at `insns[index]`, without names: one slot, or both of an intact ld_imm64 (see
 * {@link slotsAt}). What no instruction describes becomes `.insn`.
 */
export function formatInsn(insns: readonly Insn[], index: number, style: Syntax | FormatStyle = 'kernel'): string {
  const { cx, printers } = typeof style === 'string' ? plainContext(style) : contextOf(style);
  const insn = insns[index];
  if (insn === undefined) return '';
  const row = printableRow(insns, index);
  if (row === undefined) return rawText(insn);
  cx.index = index;
  return printers[row.id]!(cx, insn, insns[index + 1]?.imm ?? 0);
}

/** How many slots the text of {@link formatInsn} stands for: 2 for an intact ld_imm64, else 1. */
export function slotsAt(insns: readonly Insn[], index: number): 1 | 2 {
  return index < insns.length ? (printableRow(insns, index)?.slots ?? 1) : 1;
}

interface Printing {
  readonly cx: FormatContext;
  readonly printers: typeof KERNEL_PRINTERS;
}

function contextOf(style: FormatStyle): Printing {
  return { cx: formatContext(style, NO_NAMES), printers: style.syntax === 'ubpf' ? UBPF_PRINTERS : KERNEL_PRINTERS };
}

const PLAIN: Record<Syntax, Printing> = /* @__PURE__ */ {
  kernel: /* @__PURE__ */ contextOf({ syntax: 'kernel' }),
  ubpf: /* @__PURE__ */ contextOf({ syntax: 'ubpf' }),
};

function plainContext(syntax: Syntax): Printing {
  return PLAIN[syntax];
}

function isInsns(input: Program | readonly Insn[]): input is readonly Insn[] {
  return Array.isArray(input);
}

/** Function names by insn index. A program of one function called main needs none. */
function functionLabels({ subprograms, insns }: Program): Map<number, string> {
  const labels = new Map<number, string>();
  if (subprograms.length <= 1 && (subprograms[0]?.name ?? 'main') === 'main') return labels;
  const taken = new Set<string>();
  for (const { name, start } of subprograms) {
    if (start >= insns.length || labels.has(start) || isSecondSlot(insns, start)) continue;
    labels.set(start, uniqueName(name === '' ? `func_${start}` : name, taken));
  }
  return labels;
}

function uniqueName(wanted: string, taken: Set<string>): string {
  let name = wanted;
  for (let k = 1; taken.has(name); k++) name = `${wanted}.${k}`;
  taken.add(name);
  return name;
}

/** Function names and a label for every other target that text can have a label at. */
function allLabels(program: Program, functions: ReadonlyMap<number, string>): Map<number, string> {
  const { insns } = program;
  const labels = new Map(functions);
  const taken = new Set(functions.values());
  const targets = new Set<number>();
  for (let i = 0; i < insns.length;) {
    const row = printableRow(insns, i);
    const target = row === undefined ? undefined : jumpTarget(row, insns[i]!, i);
    if (target !== undefined && target >= 0 && target <= insns.length) targets.add(target);
    i += row?.slots ?? 1;
  }
  for (const target of [...targets].sort((x, y) => x - y)) {
    if (!labels.has(target) && !isSecondSlot(insns, target)) labels.set(target, uniqueName(`L${target}`, taken));
  }
  return labels;
}

/** Whether the text of the slot before covers this one. It does when that one is an intact ld_imm64 reached in order. */
function isSecondSlot(insns: readonly Insn[], index: number): boolean {
  // A slot with opcode 0 has no row, so it can only be a second slot or raw; two of them in a row are both raw.
  return index > 0 && insns[index]?.opcode === 0 && printableRow(insns, index - 1)?.slots === 2;
}

function pushDirectives(lines: string[], program: Program, functions: ReadonlyMap<number, string>): void {
  if (program.section !== undefined && program.section !== '' && /^[^\s,"]+$/.test(program.section)) {
    lines.push(`.section ${program.section},"ax",@progbits`);
  }
  if (program.license !== undefined) lines.push(`.license ${quoteString(program.license)}`);
  for (const map of printableMaps(program)) lines.push(formatMapDirective(map));
  for (const name of functions.values()) lines.push(`.type ${quoteSymbol(name)},@function`);
  // Functions that are missing need a declaration, others only to be weak.
  const declarations = program.relocations.flatMap(({ kind, symbol, weak }) =>
    weak === true ? [`.weak ${quoteSymbol(symbol)}`] : kind === 'subprogram' ? [`.extern ${quoteSymbol(symbol)}`] : [],
  );
  lines.push(...new Set(declarations));
}

/** The maps, when each can be declared under its own name; else none, and instructions tell their numbers. */
function printableMaps({ maps }: Program): Program['maps'] {
  return new Set(maps.map(({ name }) => name)).size === maps.length ? maps : [];
}

function pushLabel(lines: string[], name: string, index: number, options: DisassembleOptions): void {
  if (options.addresses !== true || !/^[^<>\n"\\]+$/.test(name)) lines.push(`${quoteSymbol(name)}:`);
  else {
    if (lines.length > 0) lines.push('');
    lines.push(`${(index * 8).toString(16).padStart(16, '0')} <${name}>:`);
  }
}

function programNames(
  program: Program,
  functions: ReadonlyMap<number, string>,
  labels: ReadonlyMap<number, string>,
  targets: 'relative' | 'labels' | 'annotated',
  options: DisassembleOptions,
): FormatNames {
  const maps = options.directives === false ? [] : printableMaps(program);
  const mapNames = maps.map(({ name }) => quoteSymbol(name));
  const starts = [...functions.keys()].sort((x, y) => x - y);
  const mainName = program.subprograms[0]?.name ?? program.name;
  const symbols = symbolsOf(program);
  const quoted = (name: string | undefined): string | undefined => (name === undefined ? undefined : quoteSymbol(name));
  return {
    // prettier-ignore
    target: (target, use) => quoted(use === 'jump' ? (targets === 'labels' ? labels.get(target) : undefined) : labels.get(target)),
    annotation: targets === 'annotated' ? (target) => annotation(target, starts, functions, mainName) : () => '',
    map: (index) => mapNames[index],
    symbol: symbols.size === 0 ? () => undefined : (insn) => symbols.get(insn),
  };
}

function annotation(
  target: number,
  starts: readonly number[],
  functions: ReadonlyMap<number, string>,
  main: string,
): string {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (starts[middle]! <= target) low = middle + 1;
    else high = middle;
  }
  const start = low === 0 ? 0 : starts[low - 1]!;
  if (target < start) return '';
  const name = (low === 0 ? main : functions.get(start)!).replace(/[<>\n]/g, '_');
  return target === start ? ` <${name}>` : ` <${name}+0x${((target - start) * 8).toString(16)}>`;
}

/** Unresolved symbols whose text gives the same fields back: those of the form that `ProgramRelocation` describes. */
function symbolsOf({ relocations, insns }: Program): ReadonlyMap<number, string> {
  const symbols = new Map<number, string>();
  for (const { insn, kind, symbol, addend } of relocations) {
    const row = insns[insn] === undefined ? undefined : rowOf(insns[insn]);
    if (row === undefined || insns[insn]!.imm !== -1 || insns[insn]!.offset !== 0) continue;
    if (!hasSymbolForm(row, kind) || (row.slots === 2 && insns[insn + 1]?.imm !== 0)) continue;
    if (addend === 0) symbols.set(insn, quoteSymbol(symbol));
    else if (kind === 'extern' && (addend | 0) === addend) symbols.set(insn, `${quoteSymbol(symbol)}[${addend}]`);
  }
  return symbols;
}

function hasSymbolForm(row: InsnRow, kind: string): boolean {
  switch (kind) {
    case 'extern':
      return row.op === 'imm64';
    case 'kfunc':
      return row.kind === 'call_kfunc';
    default:
      return kind === 'subprogram' && row.immUse === 'subprogram';
  }
}

/** Symbols that the text itself does not name: variables, and maps without a declaration. */
function symbolComments(program: Program, isDeclared: boolean): ReadonlyMap<number, string> {
  const comments = new Map<number, string>();
  const maps = isDeclared ? printableMaps(program) : [];
  const named = symbolsOf(program);
  for (const { insn, kind, symbol } of program.relocations) {
    const map = kind === 'map' || kind === 'data' ? maps[program.insns[insn]?.imm ?? -1] : undefined;
    if (map?.name !== symbol && !named.has(insn)) comments.set(insn, quoteSymbol(symbol));
  }
  return comments;
}

function sourceAt(program: Program): ReadonlyMap<number, string> {
  const lines = new Map<number, string>();
  for (const { insn, text } of program.lines) if (text !== '') lines.set(insn, text.replace(/[\r\n]+/g, ' '));
  return lines;
}

const HEX_BYTES: readonly string[] = /* @__PURE__ */ Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, '0'),
);

function hexColumn(bytes: Uint8Array, index: number, slots: number): string {
  let text = HEX_BYTES[bytes[index * 8]!]!;
  for (let at = index * 8 + 1; at < (index + slots) * 8; at++) text += ` ${HEX_BYTES[bytes[at]!]!}`;
  return text;
}
