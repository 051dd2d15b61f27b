/** The functions of an object: which slots of which section belong to which name. */
import { STB, STT, type ElfSection, type ElfSymbol } from '@polybpf/elf';
import { BpfError } from '@polybpf/errors';
import { INSN_SIZE } from '@polybpf/isa';
import { isCode, type ObjectContext } from './object-context.ts';
import { firstNotBelow } from './sorted-search.ts';

/** A function. `start` (inclusive) and `end` (exclusive) count slots of its section. */
export interface FunctionRange {
  /** Unique in the object: a second function of the same name gets a suffix. */
  readonly name: string;
  readonly section: ElfSection;
  readonly start: number;
  readonly end: number;
  readonly isLocal: boolean;
  /** Code between the functions that symbols name. */
  readonly isGap: boolean;
}

/** All functions, by section index and in order of `start`. */
export type FunctionTable = ReadonlyMap<number, readonly FunctionRange[]>;

/**
 * Finds the functions of every section with code. Functions are FUNC symbols; code without any (assembled by hand, or
 * stripped) is split at its global labels, or is one function called like its section.
 *
 * @throws BpfError E_LOAD_SECTION, E_LOAD_PROGRAM
 */
export function findFunctions(cx: ObjectContext): FunctionTable {
  const table = new Map<number, FunctionRange[]>();
  const names = new Map<string, number>();
  for (const section of cx.elf.sections) {
    if (!isCode(section)) continue;
    if (section.size % INSN_SIZE !== 0) {
      throw new BpfError('E_LOAD_SECTION', 'code is not a whole number of instructions', {
        at: { section: section.name },
        expected: 'a multiple of 8 bytes',
        got: `${section.size} bytes`,
      });
    }
    table.set(section.index, sectionFunctions(section, cx.symbolsOf.get(section.index) ?? [], names));
  }
  return table;
}

function sectionFunctions(
  section: ElfSection,
  symbols: readonly ElfSymbol[],
  names: Map<string, number>,
): FunctionRange[] {
  const slots = section.size / INSN_SIZE;
  const typed = symbols.filter((symbol) => symbol.type === STT.STT_FUNC);
  const labels = symbols.filter((symbol) => symbol.type === STT.STT_NOTYPE && symbol.bind !== STB.STB_LOCAL);
  const starts = typed.length > 0 ? typed : labels;
  const ends = endsBySuccessor(starts, section.size);
  const functions = starts.map((symbol, k): FunctionRange => {
    const size = symbol.size === 0 ? (ends[k] ?? 0) - symbol.value : symbol.size;
    if (symbol.value % INSN_SIZE !== 0 || size % INSN_SIZE !== 0 || size <= 0 || symbol.value + size > section.size) {
      throw new BpfError('E_LOAD_PROGRAM', 'function is not a run of instructions of its section', {
        at: { section: section.name, symbol: symbol.name, offset: symbol.value },
        expected: `at most ${section.size} bytes, in multiples of 8`,
        got: `${size} bytes`,
      });
    }
    const isLocal = symbol.bind === STB.STB_LOCAL;
    const start = symbol.value / INSN_SIZE;
    return {
      name: uniqueName(symbol.name, names),
      section,
      start,
      end: start + size / INSN_SIZE,
      isLocal,
      isGap: false,
    };
  });
  if (functions.length === 0) {
    return [{ name: uniqueName(section.name, names), section, start: 0, end: slots, isLocal: false, isGap: false }];
  }
  const gaps = findGaps(functions, slots).flatMap(({ start, end }) => splitGap(section, symbols, start, end, names));
  return [...functions, ...gaps].sort((a, b) => a.start - b.start);
}

/** Slots that no function has: assembly may call labels that are not typed as functions. */
function findGaps(functions: readonly FunctionRange[], slots: number): { start: number; end: number }[] {
  const gaps: { start: number; end: number }[] = [];
  let covered = 0;
  for (const { start, end } of functions) {
    if (start > covered) gaps.push({ start: covered, end: start });
    covered = Math.max(covered, end);
  }
  if (covered < slots) gaps.push({ start: covered, end: slots });
  return gaps;
}

function splitGap(
  section: ElfSection,
  symbols: readonly ElfSymbol[],
  start: number,
  end: number,
  names: Map<string, number>,
): FunctionRange[] {
  const starts = new Map<number, string>([[start, `${section.name}+${start}`]]);
  for (let k = firstNotBelow(symbols, start * INSN_SIZE, ({ value }) => value); k < symbols.length; k++) {
    const { value, name } = symbols[k]!;
    if (value >= end * INSN_SIZE) break;
    if (value % INSN_SIZE === 0) starts.set(value / INSN_SIZE, name);
  }
  const sorted = [...starts].sort(([a], [b]) => a - b);
  return sorted.map(([first, name], k) => {
    const last = sorted[k + 1]?.[0] ?? end;
    return { name: uniqueName(name, names), section, start: first, end: last, isLocal: true, isGap: true };
  });
}

/** Where each symbol would end if it reached to the next one that starts later. */
function endsBySuccessor(symbols: readonly ElfSymbol[], sectionSize: number): number[] {
  const ends: number[] = [];
  let end = sectionSize;
  for (let k = symbols.length - 1; k >= 0; k--) {
    const [value, next] = [symbols[k]?.value ?? 0, symbols[k + 1]?.value];
    if (next !== undefined && next > value) end = next;
    ends[k] = end;
  }
  return ends;
}

function uniqueName(name: string, names: Map<string, number>): string {
  const count = (names.get(name) ?? 0) + 1;
  names.set(name, count);
  return count === 1 ? name : `${name}.${count}`;
}

/** Functions of compilers do not overlap; of overlapping ones so many are looked at. */
const MAX_OVERLAP = 64;

/** The function that a slot of a section belongs to: one that starts there, or else the last that contains it. */
export function functionAt(table: FunctionTable, section: number, slot: number): FunctionRange | undefined {
  const functions = table.get(section) ?? [];
  const low = firstNotBelow(functions, slot, ({ start }) => start);
  const exact = functions[low];
  if (exact?.start === slot) return exact;
  for (let k = low - 1; k >= Math.max(0, low - MAX_OVERLAP); k--) {
    const candidate = functions[k];
    if (candidate !== undefined && slot < candidate.end) return candidate;
  }
  return undefined;
}
