/**
 * What an assembly run builds up: slots, labels, and the references that can only be resolved when all text is read.
 */
import {
  constants,
  makeInsn,
  type Endian,
  type Insn,
  type InsnRow,
  type MapDef,
  type ProgramRelocation,
} from '@polybpf/isa';
import { errorAt, fail, type Scanner } from './scanner.ts';
import { FORM_ROWS, formKey, type Syntax } from './syntax.ts';

/** What a reference by name is for; it decides which field gets the value. */
export type ReferenceUse =
  /** 16-bit distance in `offset` */
  | 'jump'
  /** 32-bit distance in `imm` */
  | 'far-jump'
  /** `call local NAME` */
  | 'local-call'
  /** `call NAME`: a function of this text, or a kfunc declared `.extern` */
  | 'call'
  /** `func NAME ll` */
  | 'func'
  /** `NAME ll`: a map, a function, or a symbol declared `.extern` */
  | 'address'
  /** `map NAME ll` */
  | 'map'
  /** `map_value NAME[offset] ll` */
  | 'map-value';

export interface Reference {
  readonly insn: number;
  readonly use: ReferenceUse;
  readonly name: string;
  /** Where the name stands in the text. */
  readonly pos: number;
  /** Numeric local labels: `1f` looks forward, `1b` backward. */
  readonly direction?: 'forward' | 'backward';
  /** From a relocation line of a listing: undefined symbols stay symbolic, and `imm` counts from the symbol. */
  readonly relocation?: boolean;
}

interface Label {
  readonly insn: number;
  readonly pos: number;
}

export interface Assembly {
  readonly s: Scanner;
  readonly syntax: Syntax;
  readonly endian: Endian;
  /** Whether a leading 0 makes a number octal, as in llvm-mc. */
  readonly octal: boolean;
  /** Id of a helper by name, when the caller knows one. */
  readonly helperId: ((name: string) => number | undefined) | undefined;
  readonly insns: Insn[];
  readonly labels: Map<string, Label>;
  readonly numericLabels: Map<string, Label[]>;
  readonly references: Reference[];
  /** Names that directives declare functions. */
  readonly functions: Set<string>;
  /** Names that may stay undefined; true: weak. */
  readonly externs: Map<string, boolean>;
  readonly maps: MapDef[];
  readonly mapIndex: Map<string, number>;
  readonly relocations: ProgramRelocation[];
  /** Bytes of `.byte` that do not fill a slot yet. */
  readonly bytes: number[];
  /** Where the sections of a listing start; relocations count from there. */
  readonly sectionStarts: Map<string, number>;
  section: string | undefined;
  license: string | undefined;
  /** Inside a section that holds no code: its lines are skipped. */
  skipping: boolean;
  /** Opcode that a listing gives before the instruction, `(b7)`; -1 without. */
  hint: number;
  /** The first exit of a ubpf text, which is what its label `exit` means when nobody defines it; else -1. */
  firstExit: number;
  /** Offset of the memory operand read last. */
  offset: number;
}

/** Appends an instruction of `row`: fixed fields come from the row. */
export function emit(a: Assembly, row: InsnRow, dst: number, src: number, offset: number, imm: number): void {
  if (a.bytes.length > 0) unfinishedBytes(a);
  const { fixed } = row;
  a.insns.push({
    opcode: row.opcode,
    dst_reg: fixed.dst_reg ?? dst,
    src_reg: fixed.src_reg ?? src,
    offset: fixed.offset ?? offset,
    imm: fixed.imm ?? imm,
  });
}

/** Appends both slots of an ld_imm64. */
export function emitWide(a: Assembly, row: InsnRow, dst: number, low: number, high: number): void {
  emit(a, row, dst, 0, 0, low);
  a.insns.push(makeInsn(0, 0, 0, 0, high));
}

export function unfinishedBytes(a: Assembly): never {
  return fail(a.s, 'E_ASM_DIRECTIVE', 'bytes do not fill an instruction slot', a.s.pos, {
    expected: 'a multiple of 8 bytes',
    got: `${a.bytes.length} bytes more`,
  });
}

/** Defines `name` here. */
export function defineLabel(a: Assembly, name: string, pos: number): void {
  const known = a.labels.get(name);
  if (known !== undefined) fail(a.s, 'E_ASM_LABEL', `label ${name} is defined twice`, pos, { got: `"${name}"` });
  a.labels.set(name, { insn: a.insns.length, pos });
}

/** Defines the numeric local label `name` here; it may have been defined before. */
export function defineNumericLabel(a: Assembly, name: string, pos: number): void {
  const label = { insn: a.insns.length, pos };
  const known = a.numericLabels.get(name);
  if (known === undefined) a.numericLabels.set(name, [label]);
  else known.push(label);
}

/** Remembers that the instruction about to be emitted refers to `name`. */
export function refer(
  a: Assembly,
  use: ReferenceUse,
  name: string,
  pos: number,
  direction?: Reference['direction'],
): void {
  a.references.push({ insn: a.insns.length, use, name, pos, ...(direction && { direction }) });
}

/** Fills in every reference, and the relocations of those that stay symbolic. */
export function resolveReferences(a: Assembly): void {
  for (const reference of a.references) {
    if (reference.use === 'map' || reference.use === 'map-value') resolveMap(a, reference);
    else if (reference.use === 'address' && a.mapIndex.has(reference.name)) resolveMap(a, reference);
    else resolveCode(a, reference);
  }
  a.relocations.sort((x, y) => x.insn - y.insn);
}

function resolveMap(a: Assembly, { insn, name, pos, use }: Reference): void {
  const index = a.mapIndex.get(name);
  if (index === undefined) undefinedSymbol(a, name, pos, 'a map declared with .map', [...a.mapIndex.keys()]);
  const isData = use === 'map-value';
  const row = FORM_ROWS.get(formKey('ld_imm64', isData ? 'map_idx_value' : 'map_idx', 64))!;
  const old = a.insns[insn]!;
  a.insns[insn] = { ...old, src_reg: row.fixed.src_reg!, imm: index };
  const addend = isData ? a.insns[insn + 1]!.imm : 0;
  if (!isData) a.insns[insn + 1] = makeInsn(0, 0, 0, 0, 0);
  a.relocations.push({ insn, kind: isData ? 'data' : 'map', symbol: name, addend });
}

function resolveCode(a: Assembly, reference: Reference): void {
  const { insn, name, use, pos } = reference;
  const label = findLabel(a, reference);
  if (label === undefined) {
    unresolved(a, reference);
    return;
  }
  const old = a.insns[insn]!;
  const addend = reference.relocation === true ? old.imm + 1 : 0;
  const distance = label.insn + addend - insn - 1;
  if (use === 'jump') {
    if (distance < -32768 || distance > 32767) {
      throw errorAt(a.s, 'E_ASM_LABEL', `label ${name} is too far for a 16-bit jump`, pos, {
        expected: 'a distance of -32768 to 32767, or gotol',
        got: String(distance),
      });
    }
    a.insns[insn] = { ...old, offset: distance };
  } else if (use === 'far-jump') a.insns[insn] = { ...old, imm: distance };
  else if (use === 'call' || use === 'local-call') {
    a.insns[insn] = { ...old, src_reg: constants.BPF_PSEUDO_CALL, imm: distance };
  } else {
    a.insns[insn] = { ...old, src_reg: constants.BPF_PSEUDO_FUNC, imm: distance };
    a.insns[insn + 1] = makeInsn(0, 0, 0, 0, 0);
  }
}

function findLabel(a: Assembly, { name, direction, pos, relocation }: Reference): Label | undefined {
  if (direction === undefined) {
    const label = a.labels.get(name);
    const sectionStart = label === undefined && relocation === true ? a.sectionStarts.get(name) : undefined;
    if (sectionStart !== undefined) return { insn: sectionStart, pos };
    return label ?? (name === 'exit' && a.firstExit !== -1 ? { insn: a.firstExit, pos } : undefined);
  }
  // Definitions are in order of text: the first one after `pos` divides backward from forward.
  const definitions = a.numericLabels.get(name) ?? [];
  let low = 0;
  let high = definitions.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (definitions[middle]!.pos > pos) high = middle;
    else low = middle + 1;
  }
  return definitions[direction === 'forward' ? low : low - 1];
}

function unresolved(a: Assembly, reference: Reference): void {
  const { insn, name, use, pos, direction } = reference;
  const weak = a.externs.get(name);
  const mayStay = direction === undefined && (weak !== undefined || reference.relocation === true);
  if (!mayStay || use === 'jump' || use === 'far-jump') {
    const helper = use === 'call' ? a.helperId?.(name) : undefined;
    if (helper !== undefined) {
      a.insns[insn] = { ...a.insns[insn]!, imm: helper };
      return;
    }
    undefinedSymbol(a, name, pos, use === 'address' ? 'a map, label or .extern name' : 'a label', symbolNames(a, use));
  }
  const old = a.insns[insn]!;
  const rest = { symbol: name, addend: 0, ...(weak === true && { weak }) };
  if (use === 'address') a.relocations.push({ insn, kind: 'extern', ...rest });
  else a.relocations.push({ insn, kind: use === 'call' ? 'kfunc' : 'subprogram', ...rest });
  // prettier-ignore
  const src = { address: 0, func: constants.BPF_PSEUDO_FUNC, call: constants.BPF_PSEUDO_KFUNC_CALL, 'local-call': constants.BPF_PSEUDO_CALL, map: 0, 'map-value': 0 }[use];
  a.insns[insn] = { ...old, src_reg: src, imm: -1 };
}

function symbolNames(a: Assembly, use: ReferenceUse): string[] {
  return use === 'address' ? [...a.labels.keys(), ...a.mapIndex.keys()] : [...a.labels.keys()];
}

function undefinedSymbol(a: Assembly, name: string, pos: number, expected: string, known: readonly string[]): never {
  const near = nearest(name, known);
  const hint = near === undefined ? expected : `${expected}; did you mean ${near}?`;
  throw errorAt(a.s, 'E_ASM_LABEL', `undefined name ${name.slice(0, 80)}`, pos, { expected: hint });
}

const LONGEST_COMPARED = 40;
const MOST_COMPARED = 2000;

/** The candidate with the smallest edit distance to `word`, if it is near enough to be meant. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length === 0 || word.length > LONGEST_COMPARED) return undefined;
  let best: string | undefined;
  let bestDistance = Math.min(2, Math.ceil(word.length / 3)) + 1;
  let compared = 0;
  for (const candidate of candidates) {
    if (++compared > MOST_COMPARED) break;
    if (Math.abs(candidate.length - word.length) >= bestDistance) continue;
    const distance = editDistance(word, candidate);
    if (distance >= bestDistance) continue;
    best = candidate;
    bestDistance = distance;
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(change, previous[j]! + 1, current[j - 1]! + 1));
    }
    previous = current;
  }
  return previous[b.length]!;
}

/** The row of ld_imm64 called `op`, undefined when there is none. */
export function imm64Row(op: string): InsnRow | undefined {
  return FORM_ROWS.get(formKey('ld_imm64', op, 64));
}
