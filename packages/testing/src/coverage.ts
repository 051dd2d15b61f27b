/**
 * Line coverage of the C source: instructions that ran, through the line records of the object (`.BTF.ext`), in the format
 * of lcov (geninfo(1)).
 */
import type { Program } from '@polybpf/isa';
import type { Vm, VmOptions } from '@polybpf/runtime';

/** Coverage of one line. */
export interface LineCoverage {
  readonly line: number;
  /** How often its first instruction ran; of several places the most. */
  readonly hits: number;
}

/** Coverage of one function. */
export interface FunctionCoverage {
  readonly name: string;
  readonly line: number;
  readonly hits: number;
}

/** Coverage of one conditional jump. */
export interface BranchCoverage {
  readonly line: number;
  readonly program: string;
  readonly insn: number;
  readonly taken: number;
  readonly fallenThrough: number;
}

/** Coverage of one source file. */
export interface FileCoverage {
  readonly file: string;
  readonly lines: readonly LineCoverage[];
  readonly functions: readonly FunctionCoverage[];
  readonly branches: readonly BranchCoverage[];
}

/** Collects what runs of one or several VMs covered. */
export interface Coverage {
  /** For `createVm({ trace: coverage.trace })`. */
  readonly trace: NonNullable<VmOptions['trace']>;
  /** Makes the programs of a VM known, so that lines that never ran are counted too. */
  add(vm: Vm): void;
  files(): FileCoverage[];
  /** Lines that ran and lines that there are. */
  summary(): { readonly covered: number; readonly total: number };
  /** A tracefile for genhtml and other readers of lcov. */
  lcov(testName?: string): string;
}

interface Counted {
  readonly program: Program;
  readonly hits: Float64Array;
  /** Conditional jumps: how often the next instruction was not the following one. */
  readonly taken: Float64Array;
}

/** Classes JMP and JMP32, without ja, call and exit. */
function isConditional(opcode: number): boolean {
  const kind = opcode & 7;
  const operation = opcode & 0xf0;
  return (kind === 5 || kind === 6) && operation !== 0 && operation !== 0x80 && operation !== 0x90 && opcode !== 0xe5;
}

/** New coverage. */
export function createCoverage(): Coverage {
  const counted = new Map<string, Counted>();
  let last: { readonly entry: Counted; readonly insn: number; readonly depth: number } | undefined;
  return {
    trace(view) {
      const entry = counted.get(view.program);
      if (entry === undefined) return;
      const { insn, callDepth: depth } = view;
      if (last !== undefined && last.entry === entry && last.depth === depth && insn !== last.insn + 1) {
        entry.taken[last.insn]!++;
      }
      entry.hits[insn]!++;
      last = isConditional(entry.program.insns[insn]!.opcode) ? { entry, insn, depth } : undefined;
    },
    add(vm) {
      for (const { program } of vm.programs) {
        if (counted.has(program.name)) continue;
        const { length } = program.insns;
        counted.set(program.name, { program, hits: new Float64Array(length), taken: new Float64Array(length) });
      }
    },
    files: () => fileCoverage([...counted.values()]),
    summary() {
      const lines = fileCoverage([...counted.values()]).flatMap((file) => file.lines);
      return { covered: lines.filter(({ hits }) => hits > 0).length, total: lines.length };
    },
    lcov: (testName = '') =>
      fileCoverage([...counted.values()])
        .map((file) => lcovRecord(file, testName))
        .join(''),
  };
}

interface FileDraft {
  readonly lines: Map<number, number>;
  readonly functions: Map<string, FunctionCoverage>;
  readonly branches: BranchCoverage[];
}

function fileCoverage(programs: readonly Counted[]): FileCoverage[] {
  const files = new Map<string, FileDraft>();
  const draftOf = (file: string): FileDraft => {
    const known = files.get(file) ?? {
      lines: new Map<number, number>(),
      functions: new Map<string, FunctionCoverage>(),
      branches: [],
    };
    files.set(file, known);
    return known;
  };
  for (const { program, hits, taken } of programs) {
    program.lines.forEach(({ insn, file, line }, index) => {
      if (line === 0) return;
      const draft = draftOf(file);
      draft.lines.set(line, Math.max(draft.lines.get(line) ?? 0, hits[insn] ?? 0));
      const end = program.lines[index + 1]?.insn ?? program.insns.length;
      for (let k = insn; k < end; k++) {
        if (!isConditional(program.insns[k]!.opcode)) continue;
        draft.branches.push({
          line,
          program: program.name,
          insn: k,
          taken: taken[k]!,
          fallenThrough: hits[k]! - taken[k]!,
        });
      }
    });
    for (const { name, start } of program.subprograms) {
      const place = program.lines.find(({ insn }) => insn >= start);
      if (place === undefined) continue;
      const { functions } = draftOf(place.file);
      const before = functions.get(name)?.hits ?? 0;
      functions.set(name, { name, line: place.line, hits: before + (hits[start] ?? 0) });
    }
  }
  return [...files].map(([file, { lines, functions, branches }]) => ({
    file,
    lines: [...lines].map(([line, count]) => ({ line, hits: count })).sort((a, b) => a.line - b.line),
    functions: [...functions.values()],
    branches,
  }));
}

function lcovRecord({ file, lines, functions, branches }: FileCoverage, testName: string): string {
  const ran = (list: readonly { readonly hits: number }[]): number => list.filter(({ hits }) => hits > 0).length;
  const outcomes = branches.flatMap(({ line, taken, fallenThrough }, block) => {
    const reached = taken + fallenThrough > 0;
    return [taken, fallenThrough].map((count, k) => `BRDA:${line},${block},${k},${reached ? count : '-'}`);
  });
  const hitBranches = branches.reduce(
    (sum, { taken, fallenThrough }) => sum + (taken > 0 ? 1 : 0) + (fallenThrough > 0 ? 1 : 0),
    0,
  );
  const text = [
    `TN:${testName}`,
    `SF:${file}`,
    ...functions.map(({ line, name }) => `FN:${line},${name}`),
    ...functions.map(({ hits, name }) => `FNDA:${hits},${name}`),
    `FNF:${functions.length}`,
    `FNH:${ran(functions)}`,
    ...outcomes,
    `BRF:${outcomes.length}`,
    `BRH:${hitBranches}`,
    ...lines.map(({ line, hits }) => `DA:${line},${hits}`),
    `LF:${lines.length}`,
    `LH:${ran(lines)}`,
    'end_of_record',
  ];
  return `${text.join('\n')}\n`;
}
