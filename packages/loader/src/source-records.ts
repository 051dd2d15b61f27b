/** `.BTF.ext` by function: lines, function types and CO-RE relocations, with instruction indices of the final program. */
import type { BtfExt, BtfExtSection } from '@polybpf/btf';
import { INSN_SIZE, type SourceLine } from '@polybpf/isa';
import type { FunctionRange } from './functions.ts';
import type { ProgramDetails } from './loaded-object.ts';
import { firstNotBelow } from './sorted-search.ts';

/** Records of a function, moved to where the program has it. */
export interface SourceRecords {
  readonly lines: (part: FunctionRange, start: number) => SourceLine[];
  readonly funcInfo: (part: FunctionRange, start: number) => ProgramDetails['funcInfo'];
  readonly coreRelocations: (part: FunctionRange, start: number) => ProgramDetails['coreRelocations'];
}

export function createSourceRecords(ext: BtfExt | undefined): SourceRecords {
  const lines = index(ext?.lineInfo ?? []);
  const functions = index(ext?.funcInfo ?? []);
  const core = index(ext?.coreRelocations ?? []);
  return {
    lines: (part, start) =>
      within(lines, part).map(({ insnOffset, file, line, column, text }) => {
        return { insn: moved(insnOffset, part, start), file, line, column, text };
      }),
    funcInfo: (part, start) =>
      within(functions, part).map(({ insnOffset, type }) => ({ insn: moved(insnOffset, part, start), type })),
    coreRelocations: (part, start) =>
      within(core, part).map(({ insnOffset, type, access, kind }) => {
        return { insn: moved(insnOffset, part, start), type, access, kind };
      }),
  };
}

interface Placed {
  readonly insnOffset: number;
}

/** Records by section name, in order of instruction, one for each: the last where a hostile file repeats one. */
function index<R extends Placed>(sections: readonly BtfExtSection<R>[]): Map<string, R[]> {
  const bySection = new Map<string, Map<number, R>>();
  for (const { section, records } of sections) {
    const known = bySection.get(section) ?? new Map<number, R>();
    bySection.set(section, known);
    for (const record of records) known.set(Math.floor(record.insnOffset / INSN_SIZE), record);
  }
  const sorted = new Map<string, R[]>();
  for (const [section, records] of bySection) {
    sorted.set(
      section,
      [...records.values()].sort((a, b) => a.insnOffset - b.insnOffset),
    );
  }
  return sorted;
}

function within<R extends Placed>(records: ReadonlyMap<string, readonly R[]>, part: FunctionRange): readonly R[] {
  const all = records.get(part.section.name) ?? [];
  const position = (slot: number): number => firstNotBelow(all, slot * INSN_SIZE, ({ insnOffset }) => insnOffset);
  return all.slice(position(part.start), position(part.end));
}

function moved(insnOffset: number, part: FunctionRange, start: number): number {
  return start + Math.floor(insnOffset / INSN_SIZE) - part.start;
}
