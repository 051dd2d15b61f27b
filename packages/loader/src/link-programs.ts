/**
 * Puts programs together: an entry function, and behind it every function that it calls or takes the address of,
 * directly or through others. A function comes before those that it needs itself, and all of these before what its
 * caller needs next, which is libbpf's order (bpf_object__reloc_code).
 */
import { BpfError, type ErrorPlace } from '@polybpf/errors';
import {
  checkInsns,
  jumpTarget,
  makeInsn,
  rowOf,
  type Insn,
  type ProgramRelocation,
  type SourceLine,
  type Subprogram,
} from '@polybpf/isa';
import type { CodeReference, CodeSection } from './code-section.ts';
import { functionAt, type FunctionRange, type FunctionTable } from './functions.ts';
import type { LoadedObject, LoadOptions, ProgramDetails } from './loaded-object.ts';
import type { SourceRecords } from './source-records.ts';

/** What the linking of one program needs of the object. */
export interface CodeContext {
  readonly functions: FunctionTable;
  readonly code: ReadonlyMap<number, CodeSection>;
  /** Functions whose addresses stand in a data map, each once, by index of the map. */
  readonly codeIn: ReadonlyMap<number, readonly FunctionRange[]>;
  /** Data maps that a data map points to, each once. */
  readonly mapsIn: ReadonlyMap<number, readonly number[]>;
  /** Function that the kernel calls after an exception, behind all others. */
  readonly callbackOf: (entry: FunctionRange) => FunctionRange | undefined;
  readonly records: SourceRecords;
  readonly illegal: NonNullable<LoadOptions['illegal']>;
  /** Functions whose instructions were found legal, which does not depend on where a program has them. */
  readonly checked: Set<FunctionRange>;
  /** Slots that may still be made; the programs of a hostile object could each take all of its code. */
  budget: number;
}

/** A linked program without what its section name says. */
export interface LinkedProgram {
  readonly insns: readonly Insn[];
  readonly subprograms: readonly Subprogram[];
  readonly relocations: readonly ProgramRelocation[];
  readonly lines: readonly SourceLine[];
  readonly funcInfo: ProgramDetails['funcInfo'];
  readonly coreRelocations: ProgramDetails['coreRelocations'];
}

/**
 * Functions that programs start with: functions of the sections other than `.text`, without static ones that others
 * use. Functions of `.text` are entries only where no other section has one (libbpf, prog_is_subprog).
 */
export function findEntries(cx: Pick<CodeContext, 'functions' | 'code' | 'codeIn'>): FunctionRange[] {
  const used = usedFunctions(cx);
  const inText: FunctionRange[] = [];
  const elsewhere: FunctionRange[] = [];
  for (const functions of cx.functions.values()) {
    for (const candidate of functions) {
      if (candidate.isGap || (candidate.isLocal && used.has(candidate))) continue;
      (candidate.section.name === '.text' ? inText : elsewhere).push(candidate);
    }
  }
  return elsewhere.length > 0 ? elsewhere : inText;
}

/** Functions that another function or data refers to. */
function usedFunctions({
  functions,
  code,
  codeIn,
}: Pick<CodeContext, 'functions' | 'code' | 'codeIn'>): Set<FunctionRange> {
  const used = new Set<FunctionRange>();
  const note = (from: FunctionRange | undefined, { section, slot }: CodeReference): void => {
    const target = functionAt(functions, section, slot);
    if (target !== undefined && target !== from) used.add(target);
  };
  for (const { section, codeReferences } of code.values()) {
    for (const [slot, reference] of codeReferences) note(functionAt(functions, section.index, slot), reference);
  }
  for (const owners of codeIn.values()) for (const owner of owners) used.add(owner);
  return used;
}

/** Work that a function makes beside its slots, in slots. */
const COST_OF_FUNCTION = 16;

/**
 * Links the program that starts with `entry`.
 *
 * @throws BpfError E_LOAD_PROGRAM when all programs together become too large, E_DECODE_* for an illegal instruction
 */
export function linkProgram(cx: CodeContext, entry: FunctionRange): LinkedProgram {
  const starts = new Map<FunctionRange, number>();
  const order: FunctionRange[] = [];
  /** Functions being looked through, the innermost last, each with its next slot. */
  const open: { readonly part: FunctionRange; slot: number }[] = [];
  let length = 0;
  const place = (candidate: FunctionRange): void => {
    if (starts.has(candidate)) return;
    starts.set(candidate, length);
    order.push(candidate);
    open.push({ part: candidate, slot: candidate.start });
    length += candidate.end - candidate.start;
    if (length + COST_OF_FUNCTION * order.length > cx.budget) {
      throw new BpfError('E_LOAD_PROGRAM', 'the programs of the object have too many instructions together', {
        at: { section: entry.section.name, symbol: entry.name },
      });
    }
  };
  place(entry);
  const seenMaps = new Set<number>();
  const placeAll = (): void => {
    for (let current = open.at(-1); current !== undefined; current = open.at(-1)) {
      if (current.slot < current.part.end) placeNeeded(cx, current.part, current.slot++, place, seenMaps);
      else open.pop();
    }
  };
  placeAll();
  const callback = cx.callbackOf(entry);
  if (callback !== undefined) place(callback);
  placeAll();
  cx.budget -= length + COST_OF_FUNCTION * order.length;

  const insns: Insn[] = [];
  const relocations: ProgramRelocation[] = [];
  for (const current of order) copyFunction(cx, current, starts, insns, relocations);
  if (cx.illegal === 'check') checkLegal(cx, order, starts, insns);
  return {
    insns,
    subprograms: order.map((part) => {
      const start = starts.get(part) ?? 0;
      return { name: part.name, start, end: start + part.end - part.start };
    }),
    relocations,
    lines: order.flatMap((part) => cx.records.lines(part, starts.get(part) ?? 0)),
    funcInfo: order.flatMap((part) => cx.records.funcInfo(part, starts.get(part) ?? 0)),
    coreRelocations: order.flatMap((part) => cx.records.coreRelocations(part, starts.get(part) ?? 0)),
  };
}

/** Places what one slot refers to: a function, or data that holds addresses of functions. */
function placeNeeded(
  cx: CodeContext,
  { section }: FunctionRange,
  slot: number,
  place: (candidate: FunctionRange) => void,
  seenMaps: Set<number>,
): void {
  const code = cx.code.get(section.index);
  const reference = code?.codeReferences.get(slot);
  if (reference !== undefined) place(requireFunction(cx, reference, section.name, slot));
  const map = code?.mapOf.get(slot);
  if (map === undefined || seenMaps.has(map)) return;
  const pending = [map];
  seenMaps.add(map);
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const owner of cx.codeIn.get(next) ?? []) place(owner);
    const others = cx.mapsIn.get(next) ?? [];
    cx.budget -= others.length;
    for (const other of others) {
      if (!seenMaps.has(other)) pending.push(other);
      seenMaps.add(other);
    }
  }
}

function requireFunction(cx: CodeContext, reference: CodeReference, section: string, insn: number): FunctionRange {
  const found = functionAt(cx.functions, reference.section, reference.slot);
  if (found !== undefined) return found;
  throw new BpfError('E_LOAD_RELOCATION', 'no function is where this points to', {
    at: { section, insn },
    got: `slot ${reference.slot}`,
  });
}

function copyFunction(
  cx: CodeContext,
  { section, start, end }: FunctionRange,
  starts: ReadonlyMap<FunctionRange, number>,
  insns: Insn[],
  relocations: ProgramRelocation[],
): void {
  const code = cx.code.get(section.index);
  if (code === undefined) return;
  for (let slot = start; slot < end; slot++) {
    const insn = code.insns[slot]!;
    const at = insns.length;
    const reference = code.codeReferences.get(slot);
    const relocation = code.relocations.get(slot);
    if (relocation !== undefined) relocations.push({ ...relocation, insn: at });
    if (reference === undefined) {
      insns.push(insn);
      continue;
    }
    const callee = requireFunction(cx, reference, section.name, slot);
    const target = (starts.get(callee) ?? 0) + reference.slot - callee.start;
    insns.push(makeInsn(insn.opcode, insn.dst_reg, insn.src_reg, insn.offset, target - at - 1));
  }
}

function checkLegal(
  cx: CodeContext,
  order: readonly FunctionRange[],
  starts: ReadonlyMap<FunctionRange, number>,
  insns: readonly Insn[],
): void {
  const fresh = order.filter((part) => !cx.checked.has(part));
  if (fresh.length === 0) return;
  const entry = order[0]!;
  const place = { section: entry.section.name, symbol: entry.name };
  const problem = checkInsns(insns)[0];
  if (problem !== undefined) {
    const { code, at, expected, got } = problem;
    const suffix = `${expected === undefined ? '' : `, expected ${expected}`}${got === undefined ? '' : `, got ${got}`}`;
    const text = problem.message.replace(/^insn \d+: /, '').slice(0, suffix === '' ? undefined : -suffix.length);
    throw new BpfError(code, text, {
      at: { ...at, ...place },
      ...(expected === undefined ? {} : { expected }),
      ...(got === undefined ? {} : { got }),
    });
  }
  for (const part of fresh) {
    const start = starts.get(part) ?? 0;
    checkJumpsStay(insns, start, start + part.end - part.start, place);
    cx.checked.add(part);
  }
}

/** A jump from one function into another is no call; what it does would depend on the order of the functions. */
function checkJumpsStay(insns: readonly Insn[], start: number, end: number, place: ErrorPlace): void {
  for (let slot = start; slot < end; slot++) {
    const insn = insns[slot]!;
    const row = rowOf(insn);
    if (row === undefined) continue;
    const isJump = row.offsetUse === 'jump' || row.immUse === 'jump';
    const target = isJump ? jumpTarget(row, insn, slot) : undefined;
    if (target !== undefined && (target < start || target >= end)) {
      throw new BpfError('E_DECODE_JUMP', 'jump out of its function', {
        at: { ...place, insn: slot },
        expected: `insn ${start} to ${end - 1}`,
        got: `insn ${target}`,
      });
    }
    if (row.slots === 2) slot++;
  }
}

/** Lists what the relocations of a program leave open. */
export function unresolvedOf(program: string, relocations: readonly ProgramRelocation[]): LoadedObject['unresolved'] {
  return relocations.flatMap(({ insn, kind, symbol, weak }) =>
    kind === 'map' || kind === 'data' ? [] : [{ program, insn, kind, symbol, weak: weak === true }],
  );
}
