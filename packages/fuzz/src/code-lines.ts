/**
 * Instructions whose jumps go to labels instead of distances, so that lines can be put in and taken out anywhere.
 */
import { type Insn, jumpTarget, makeInsn, rowOf } from '@polybpf/isa';

/** A place between instructions; compared by identity. */
export interface Label {
  readonly kind: 'label';
}

/** One instruction: both slots of an ld_imm64. */
export interface CodeLine {
  readonly kind: 'insn';
  readonly insn: Insn;
  /** `imm` of the second slot; undefined for instructions of one slot. */
  readonly nextImm: number | undefined;
  /** What a jump, local call or function address goes to; the field of `insn` that holds the distance is ignored. */
  readonly target: Label | undefined;
}

export type Line = Label | CodeLine;

/** A new label, to be put into a list of lines. */
export function makeLabel(): Label {
  return { kind: 'label' };
}

/**
 * Instructions as lines.
 *
 * @returns undefined when a jump leaves the program or goes into an ld_imm64
 */
export function linesOf(insns: readonly Insn[]): Line[] | undefined {
  const starts = new Map<number, CodeLine>();
  const labels = new Map<number, Label>();
  for (let i = 0; i < insns.length; i++) {
    const insn = insns[i]!;
    const row = rowOf(insn);
    const to = row === undefined ? undefined : jumpTarget(row, insn, i);
    if (to !== undefined && !labels.has(to)) labels.set(to, makeLabel());
    const target = to === undefined ? undefined : labels.get(to);
    const nextImm = row?.slots === 2 ? (insns[i + 1]?.imm ?? 0) : undefined;
    starts.set(i, { kind: 'insn', insn, nextImm, target });
    i += (row?.slots ?? 1) - 1;
  }
  for (const at of labels.keys()) if (!starts.has(at)) return undefined;
  const lines: Line[] = [];
  for (const [at, line] of starts) {
    const label = labels.get(at);
    if (label !== undefined) lines.push(label);
    lines.push(line);
  }
  return lines;
}

/**
 * Lines as instructions, distances filled in.
 *
 * @returns undefined when a label that something goes to is missing or ends the program, or a distance does not fit
 */
export function insnsOf(lines: readonly Line[]): Insn[] | undefined {
  const places = new Map<Label, number>();
  let slots = 0;
  for (const line of lines) {
    if (line.kind === 'label') places.set(line, slots);
    else slots += line.nextImm === undefined ? 1 : 2;
  }
  const insns: Insn[] = [];
  for (const line of lines) {
    if (line.kind === 'label') continue;
    const insn = withDistance(line, insns.length, places, slots);
    if (insn === undefined) return undefined;
    insns.push(insn);
    if (line.nextImm !== undefined) insns.push(makeInsn(0, 0, 0, 0, line.nextImm));
  }
  return insns;
}

function withDistance(line: CodeLine, at: number, places: Map<Label, number>, slots: number): Insn | undefined {
  const { insn, target } = line;
  if (target === undefined) return insn;
  const place = places.get(target);
  if (place === undefined || place >= slots) return undefined;
  const distance = place - at - 1;
  if (rowOf(insn)?.offsetUse !== 'jump') return { ...insn, imm: distance };
  return distance < -32768 || distance > 32767 ? undefined : { ...insn, offset: distance };
}
