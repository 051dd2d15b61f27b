/** `polybpf inspect`: what an object holds. */
import { BpfError } from '@polybpf/errors';
import { type CpuVersion, type InsnRow, type Program, rowOf } from '@polybpf/isa';
import type { LoadedObject, ProgramDetails } from '@polybpf/loader';
import { readInput } from '../files.ts';
import { detectKind, loadForKernel, type TargetKernelFlags } from '../input.ts';
import { formatTable, printJson, printLine } from '../print.ts';

export interface InspectFlags extends TargetKernelFlags {
  readonly json?: boolean;
}

interface ProgramSummary {
  readonly name: string;
  readonly section: string | null;
  readonly type: string | null;
  readonly attachType: string | null;
  readonly attachTo: string | null;
  readonly insns: number;
  readonly functions: readonly string[];
  readonly helpers: readonly number[];
  readonly maps: readonly string[];
  readonly cpu: CpuVersion;
  readonly linux: string;
  readonly sourceLines: number;
  readonly coreRelocations: number;
  readonly core: readonly CoreSummary[];
}

interface CoreSummary {
  readonly insn: number;
  readonly kind: string;
  readonly outcome: 'patched' | 'poisoned';
  readonly before: string;
  readonly after: string;
  readonly local: string;
  readonly target: string | null;
}

/** Runs the command. */
export function runInspect(path: string, flags: InspectFlags): void {
  const bytes = readInput(path);
  const kind = detectKind(bytes);
  if (kind !== 'object')
    throw new BpfError('E_INPUT', path, { expected: 'an ELF object', got: kind === 'asm' ? 'text' : `${kind} bytes` });
  const object = loadForKernel(bytes, { kernel: flags });
  const programs = object.programs.map((program, k) => summarise(program, object.details[k]!));
  if (flags.json === true) {
    const maps = object.maps.map(({ name, kind: mapKind, type, keySize, valueSize, maxEntries, flags: mapFlags }) => ({ name, kind: mapKind, type, keySize, valueSize, maxEntries, flags: mapFlags })); // prettier-ignore
    const { endian, license, btf, unresolved, warnings } = object;
    printJson({ endian, license: license ?? null, btf: btf !== undefined, programs, maps, unresolved, warnings });
    return;
  }
  print(path, object, programs);
}

function summarise(program: Program, { coreRelocations, appliedCore }: ProgramDetails): ProgramSummary {
  const rows: InsnRow[] = [];
  const helpers = new Set<number>();
  const maps = new Set<string>();
  for (let i = 0; i < program.insns.length; i++) {
    const row = rowOf(program.insns[i]!);
    if (row === undefined) continue;
    rows.push(row);
    if (row.kind === 'call_helper') helpers.add(program.insns[i]!.imm);
    if (row.op === 'map_idx' || row.op === 'map_idx_value') maps.add(program.maps[program.insns[i]!.imm]?.name ?? '?');
    if (row.slots === 2) i++;
  }
  const latest = (a: string, b: string): string => (compareReleases(a, b) < 0 ? b : a);
  return {
    name: program.name,
    section: program.section ?? null,
    type: program.type ?? null,
    attachType: program.attachType ?? null,
    attachTo: program.attachTo ?? null,
    insns: program.insns.length,
    functions: program.subprograms.map((fn) => fn.name),
    helpers: [...helpers].sort((a, b) => a - b),
    maps: [...maps],
    cpu: rows.reduce<CpuVersion>((highest, row) => (row.since > highest ? row.since : highest), 'v1'),
    linux: rows.reduce((newest, row) => latest(newest, row.linux), '3.18'),
    sourceLines: new Set(program.lines.map((line) => `${line.file}:${line.line}`)).size,
    coreRelocations: coreRelocations.length + appliedCore.length,
    core: appliedCore.map(({ insn, kind, outcome, before, after, local, target }) => {
      return { insn, kind, outcome, before: String(before), after: String(after), local, target: target ?? null };
    }),
  };
}

/** Releases by number; `never` is after all. */
function compareReleases(a: string, b: string): number {
  const parts = (release: string): number[] => (release === 'never' ? [Infinity] : release.split('.').map(Number));
  const [x, y] = [parts(a), parts(b)];
  return x[0]! - y[0]! || (x[1] ?? 0) - (y[1] ?? 0);
}

function print(path: string, object: LoadedObject, programs: readonly ProgramSummary[]): void {
  printLine(`${path}: eBPF object, ${object.endian}-endian, license ${object.license ?? 'none'}, ${object.btf === undefined ? 'no BTF' : 'with BTF'}`); // prettier-ignore
  if (programs.length > 0) {
    printLine('');
    const rows = programs.map((p) => [p.name, p.section ?? '', p.type ?? '', p.attachTo ?? '', String(p.insns), String(p.functions.length), p.cpu, p.linux, p.helpers.join(','), p.maps.join(',')]); // prettier-ignore
    printLine(formatTable([['PROGRAM', 'SECTION', 'TYPE', 'ATTACH TO', 'INSNS', 'FUNCTIONS', 'CPU', 'LINUX', 'HELPERS', 'MAPS'], ...rows])); // prettier-ignore
  }
  if (object.maps.length > 0) {
    printLine('');
    const rows = object.maps.map((map) => [map.name, map.kind, String(map.type), String(map.keySize), String(map.valueSize), String(map.maxEntries), `0x${map.flags.toString(16)}`]); // prettier-ignore
    printLine(formatTable([['MAP', 'KIND', 'TYPE', 'KEY', 'VALUE', 'ENTRIES', 'FLAGS'], ...rows]));
  }
  if (object.unresolved.length > 0) {
    printLine('');
    const rows = object.unresolved.map((entry) => [entry.symbol, entry.kind, entry.weak ? 'weak' : '', `${entry.program} insn ${entry.insn}`]); // prettier-ignore
    printLine(formatTable([['UNRESOLVED', 'KIND', '', 'USED BY'], ...rows]));
  }
  const core = programs.flatMap(
    (program) =>
    program.core.map(({ insn, kind, outcome, before, after, local, target }) => [program.name, String(insn), kind, outcome === 'poisoned' ? outcome : `${before} -> ${after}`, local, target ?? '(none)']), // prettier-ignore
  );
  if (core.length > 0) {
    printLine('');
    printLine(formatTable([['CO-RE', 'INSN', 'KIND', 'VALUE', 'IN THE OBJECT', 'IN THE KERNEL'], ...core]));
  }
  for (const warning of object.warnings) printLine(`warning: ${warning}`);
}
