/**
 * Makes a failing program small: delta debugging over instructions, with jumps that follow what they go to.
 *
 * It works on any program, not only on generated ones, and on instructions rather than on shapes: parts of the frame
 * that every generated program has (prologues, the fold) go as well. `keeps` decides what still fails; it must say no to
 * programs that read what has no value, or shrinking will end at one of them (see `isDefined`).
 */
import { type Endian, type InsnRow, rowOf } from '@polybpf/isa';
import type { FuzzProgram } from './build-program.ts';
import { type CodeLine, insnsOf, type Line, linesOf } from './code-lines.ts';
import { rowNamed } from './function-context.ts';
import { observe } from './reference.ts';

/** Limits of {@link shrinkProgram}. */
export interface ShrinkOptions {
  /** Byte order in which values are looked up; default little. */
  readonly endian?: Endian;
  /** Programs to try at most; default 4000. */
  readonly attempts?: number;
  /** Wall time after which no more are tried, in milliseconds: programs that hang are slow to try. Default 60000. */
  readonly timeMs?: number;
}

interface Shrinking {
  readonly keeps: (program: FuzzProgram) => boolean;
  readonly endian: Endian;
  lines: Line[];
  mem: Uint8Array;
  attempts: number;
  readonly deadline: number;
}

/**
 * The smallest program found for which `keeps` holds, as it must for the given one.
 *
 * @param keeps - whether a program still shows the failure
 */
export function shrinkProgram(
  program: FuzzProgram,
  keeps: (program: FuzzProgram) => boolean,
  options: ShrinkOptions = {},
): FuzzProgram {
  const lines = linesOf(program.insns);
  if (lines === undefined) return program;
  const cx: Shrinking = {
    keeps,
    endian: options.endian ?? 'little',
    lines,
    mem: program.mem,
    attempts: options.attempts ?? 4000,
    deadline: performance.now() + (options.timeMs ?? 60_000),
  };
  for (let size = Infinity; !isOver(cx) && weight(cx) < size;) {
    size = weight(cx);
    removeLines(cx);
    putConstants(cx);
    inlineCalls(cx);
    mergeRegisters(cx);
    moveBases(cx);
    simplifyLines(cx);
    shrinkMemory(cx);
  }
  return { insns: insnsOf(cx.lines)!, mem: cx.mem };
}

/** What must get less for another round to be worth it. */
function weight({ lines, mem }: Shrinking): number {
  let sum = mem.length + mem.reduce((bits, byte) => bits + (byte === 0 ? 0 : 1), 0);
  for (const line of lines) {
    if (line.kind === 'label') continue;
    sum += 1000 + Math.log2(Math.abs(line.insn.imm) + 1) + Math.log2(Math.abs(line.nextImm ?? 0) + 1);
    sum += Math.log2(Math.abs(line.insn.offset) + 1) + (line.nextImm === undefined ? 0 : 200);
    const row = rowOf(line.insn);
    sum += row?.source === 'reg' ? 100 : 0;
    sum += row?.name === 'mov64_reg' ? 0 : 10;
    sum += row?.kind === 'load' ? 200 : 0;
    sum += line.insn.dst_reg + line.insn.src_reg;
  }
  return sum;
}

function isOver({ attempts, deadline }: Shrinking): boolean {
  return attempts <= 0 || performance.now() >= deadline;
}

/** Takes over a candidate if it still fails. */
function attempt(cx: Shrinking, lines: Line[], mem: Uint8Array = cx.mem): boolean {
  if (isOver(cx)) return false;
  cx.attempts--;
  const insns = insnsOf(lines);
  if (insns === undefined || !cx.keeps({ insns, mem })) return false;
  cx.lines = lines;
  cx.mem = mem;
  return true;
}

/** Stretches of half of the program, a quarter and so on, down to single instructions, from the end. */
function removeLines(cx: Shrinking): void {
  for (let length = cx.lines.length >> 1; length >= 1; length >>= 1) {
    for (let end = cx.lines.length; end > 0; end -= length) {
      const start = Math.max(0, end - length);
      const stretch = cx.lines.slice(start, end);
      const kept = stretch.filter(({ kind }) => kind === 'label');
      if (kept.length === stretch.length) continue;
      attempt(cx, [...cx.lines.slice(0, start), ...kept, ...cx.lines.slice(end)]);
    }
  }
}

/** In place of whatever computes a register that always gets the same value, that value. */
function putConstants(cx: Shrinking): void {
  const values = observedResults(cx);
  const insnLines = cx.lines.filter((line) => line.kind === 'insn');
  for (const line of insnLines) {
    const value = values.get(line);
    if (value === undefined) continue;
    const at = cx.lines.indexOf(line);
    if (at < 0) continue;
    attempt(cx, cx.lines.with(at, constantLine(resultOf(line), value)));
  }
}

/** The register that a line computes. */
function resultOf({ insn }: CodeLine): number {
  return rowOf(insn)?.kind === 'call_helper' ? 0 : insn.dst_reg;
}

function constantLine(dst_reg: number, { low, high }: { low: number; high: number }): CodeLine {
  const isShort = high === low >> 31;
  const { opcode } = rowNamed(isShort ? 'mov64_imm' : 'ld_imm64');
  const insn = { opcode, dst_reg, src_reg: 0, offset: 0, imm: low };
  return { kind: 'insn', insn, nextImm: isShort ? undefined : high, target: undefined };
}

/** What each line leaves in its destination, if it is the same every time. */
function observedResults(cx: Shrinking): Map<Line, { low: number; high: number }> {
  const insns = insnsOf(cx.lines)!;
  const lineAt = new Map<number, CodeLine>();
  let slot = 0;
  for (const line of cx.lines) {
    if (line.kind === 'label') continue;
    lineAt.set(slot, line);
    slot += line.nextImm === undefined ? 1 : 2;
  }
  const seen = new Map<Line, { low: number; high: number } | undefined>();
  let last: CodeLine | undefined;
  let depth = 0;
  observe({ insns, mem: cx.mem }, cx.endian, (view) => {
    if (last !== undefined && view.callDepth === depth) {
      const low = view.regs[2 * resultOf(last)]!;
      const high = view.regs[2 * resultOf(last) + 1]!;
      const before = seen.get(last);
      const isNew = !seen.has(last);
      seen.set(last, isNew || (before?.low === low && before.high === high) ? { low, high } : undefined);
    }
    const line = lineAt.get(view.insn);
    last = line !== undefined && computes(rowOf(line.insn)) ? line : undefined;
    depth = view.callDepth;
  });
  const results = new Map<Line, { low: number; high: number }>();
  for (const [line, value] of seen) if (value !== undefined) results.set(line, value);
  return results;
}

/** Rows that compute a register and are no constant yet. */
function computes(row: InsnRow | undefined): boolean {
  if (row === undefined) return false;
  if (row.kind === 'load' || row.kind === 'load_acquire' || row.kind === 'end' || row.kind === 'call_helper')
    return true;
  return row.kind === 'alu' && !(row.op === 'mov' && row.source === 'imm' && row.width === 64);
}

/** In place of a call, the lines of the function up to its exit. */
function inlineCalls(cx: Shrinking): void {
  for (let at = 0; at < cx.lines.length; at++) {
    const line = cx.lines[at]!;
    if (line.kind === 'label' || rowOf(line.insn)?.kind !== 'call_local') continue;
    const start = cx.lines.indexOf(line.target!) + 1;
    const body: Line[] = [];
    for (let i = start; i < cx.lines.length; i++) {
      const next = cx.lines[i]!;
      if (next.kind === 'insn' && rowOf(next.insn)?.kind === 'exit') break;
      if (next.kind === 'insn') body.push(next);
    }
    attempt(cx, [...cx.lines.slice(0, at), ...body, ...cx.lines.slice(at + 1)]);
  }
}

/** One register less: every use of it becomes one of another. */
function mergeRegisters(cx: Shrinking): void {
  for (let from = 9; from >= 0; from--) {
    if (!cx.lines.some((line) => line.kind === 'insn' && uses(line, from))) continue;
    for (let to = 0; to < 10; to++) {
      if (to === from) continue;
      if (
        attempt(
          cx,
          cx.lines.map((line) => (line.kind === 'label' ? line : renamed(line, from, to))),
        )
      )
        break;
    }
  }
}

function uses({ insn }: CodeLine, register: number): boolean {
  const row = rowOf(insn);
  if (row === undefined) return false;
  return (isOperand(row.dst) && insn.dst_reg === register) || (isOperand(row.src) && insn.src_reg === register);
}

function renamed(line: CodeLine, from: number, to: number): CodeLine {
  const { insn } = line;
  const row = rowOf(insn);
  if (row === undefined) return line;
  const dst_reg = isOperand(row.dst) && insn.dst_reg === from ? to : insn.dst_reg;
  const src_reg = isOperand(row.src) && insn.src_reg === from ? to : insn.src_reg;
  return { ...line, insn: { ...insn, dst_reg, src_reg } };
}

function isOperand(use: InsnRow['dst']): boolean {
  return use !== 'none' && use !== 'fixed';
}

/** Offsets in place of constants that are added to a base. */
function moveBases(cx: Shrinking): void {
  for (let at = cx.lines.length - 1; at >= 0; at--) {
    const line = cx.lines[at]!;
    if (line.kind === 'label') continue;
    const { name } = rowOf(line.insn) ?? {};
    if (name !== 'add64_imm' && name !== 'sub64_imm') continue;
    const moved = name === 'add64_imm' ? line.insn.imm : -line.insn.imm;
    const rest = cx.lines.slice(at + 1).map((other) => (other.kind === 'label' ? other : rebased(other, line.insn.dst_reg, moved))); // prettier-ignore
    attempt(cx, [...cx.lines.slice(0, at), ...rest]);
  }
}

function rebased(line: CodeLine, base: number, moved: number): CodeLine {
  const { insn } = line;
  const row = rowOf(insn);
  if (row?.offsetUse !== 'offset') return line;
  const isLoad = row.kind === 'load' || row.kind === 'load_acquire';
  const offset = insn.offset + moved;
  if ((isLoad ? insn.src_reg : insn.dst_reg) !== base || offset !== (offset << 16) >> 16) return line;
  return { ...line, insn: { ...insn, offset } };
}

/** Simpler fields, one instruction at a time. */
function simplifyLines(cx: Shrinking): void {
  for (let at = 0; at < cx.lines.length; at++) {
    for (let changed = true; changed;) {
      const line = cx.lines[at]!;
      changed = line.kind === 'insn' && simpler(line).some((other) => attempt(cx, cx.lines.with(at, other)));
    }
  }
}

function simpler(line: CodeLine): CodeLine[] {
  const { insn, nextImm } = line;
  const row = rowOf(insn);
  const candidates: CodeLine[] = [];
  if (row === undefined) return candidates;
  if (row.name === 'ld_imm64') {
    candidates.push(constantLine(insn.dst_reg, { low: insn.imm, high: insn.imm >> 31 }));
    for (const high of smaller(nextImm!)) candidates.push({ ...line, nextImm: high });
  }
  if ((row.kind === 'alu' && row.source === 'reg' && row.name !== 'mov64_reg') || row.name === 'ldxdw') {
    const { opcode } = rowNamed('mov64_reg');
    for (const src_reg of row.kind === 'alu' ? [insn.src_reg] : [1, 10, 2, 3, 4, 5, 6, 7, 8, 9, 0]) {
      candidates.push({ ...line, insn: { opcode, dst_reg: insn.dst_reg, src_reg, offset: 0, imm: 0 } });
    }
  }
  if (row.immUse === 'imm') {
    for (const imm of smaller(insn.imm)) candidates.push({ ...line, insn: { ...insn, imm } });
  }
  if (row.offsetUse === 'offset' && insn.offset !== 0) {
    for (const offset of smaller(insn.offset)) candidates.push({ ...line, insn: { ...insn, offset } });
  }
  return candidates.filter((other) => rowOf(other.insn) !== undefined);
}

/** Numbers that are simpler than this one; following them always ends. */
function smaller(value: number): number[] {
  const magnitude = Math.abs(value);
  return [0, 1, -1, value < 0 ? -(value + 1) : value >> 1, value < 0 ? value >> 1 : -(value >> 1)].filter(
    (other, i, all) => Math.abs(other) < magnitude && all.indexOf(other) === i,
  );
}

function shrinkMemory(cx: Shrinking): void {
  for (let length = cx.mem.length - 8; length >= 0; length -= 8) {
    if (!attempt(cx, cx.lines, cx.mem.slice(0, length))) break;
  }
  for (let width = 8; width >= 1; width >>= 1) {
    for (let at = 0; at < cx.mem.length; at += width) {
      if (cx.mem.subarray(at, at + width).every((byte) => byte === 0)) continue;
      const zeroed = cx.mem.slice();
      zeroed.fill(0, at, at + width);
      attempt(cx, cx.lines, zeroed);
    }
  }
}
