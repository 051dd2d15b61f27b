/** `polybpf compat`: the lowest kernel that takes an object, and why. */
import { BpfError } from '@polybpf/errors';
import { KERNEL_PROFILES, PROFILE_NAMES, type Registry } from '@polybpf/helpers';
import { loadObject } from '@polybpf/loader';
import { lacking, lowestKernel, registries } from '../compat/judge.ts';
import { type Need, type ProgramNeeds, programNeeds } from '../compat/needs.ts';
import { readInput } from '../files.ts';
import { detectKind } from '../input.ts';
import { readKernelProfiles } from '../kernel-profile.ts';
import { formatTable, printJson, printLine } from '../print.ts';

export interface CompatFlags {
  readonly kernel?: string;
  readonly prog?: string;
  readonly json?: boolean;
}

/** Runs the command; false when a kernel that was asked for, or every kernel, lacks something. */
export function runCompat(path: string, flags: CompatFlags): boolean {
  const bytes = readInput(path);
  if (detectKind(bytes) !== 'object') throw new BpfError('E_INPUT', path, { expected: 'an ELF object' });
  const all = programNeeds(loadObject(bytes, { illegal: 'keep' }));
  const programs = flags.prog === undefined ? all : all.filter(({ program }) => program.name === flags.prog);
  if (programs.length === 0) {
    throw new BpfError('E_LOAD_PROGRAM', 'program name', { expected: all.map(({ program }) => program.name).join(', ') || 'a program in the object', got: flags.prog ?? 'none' }); // prettier-ignore
  }
  const asked = flags.kernel !== undefined;
  const kernels = registries(asked ? readKernelProfiles(flags.kernel) : PROFILE_NAMES.map((name) => KERNEL_PROFILES[name])); // prettier-ignore
  if (flags.json === true) printJson(describe(path, programs, kernels));
  else print(path, programs, kernels, asked);
  if (asked) return kernels.every((kernel) => programs.every((each) => lacking(kernel, each).length === 0));
  return programs.every(({ needs }) => lowestKernel(needs).release !== null);
}

function describe(path: string, programs: readonly ProgramNeeds[], kernels: readonly Registry[]): object {
  return {
    object: path,
    programs: programs.map(({ program, needs }) => {
      const { release, because } = lowestKernel(needs);
      const { name, section, type, attachType } = program;
      return { program: name, section: section ?? null, type: type ?? null, attachType: attachType ?? null, lowest: release, because: because.map(label), needs }; // prettier-ignore
    }),
    kernels: kernels.map((kernel) => ({
      kernel: kernel.profile.name,
      basis: kernel.profile.basis,
      programs: programs.map((each) => {
        const lacks = lacking(kernel, each);
        return { program: each.program.name, ok: lacks.length === 0, lacks };
      }),
    })),
  };
}

function print(path: string, programs: readonly ProgramNeeds[], kernels: readonly Registry[], asked: boolean): void {
  printLine(`${path}: ${objectLowest(programs)}\n`);
  const summary = programs.map((each) => {
    const { release, because } = lowestKernel(each.needs);
    const marks = kernels.map((kernel) => (lacking(kernel, each).length === 0 ? 'yes' : 'no'));
    return [each.program.name, each.program.section ?? '', release ?? 'none', ...marks, shorten(because.map(label))];
  });
  const names = kernels.map(({ profile }) => profile.name);
  printLine(formatTable([['PROGRAM', 'SECTION', 'LOWEST', ...names, 'BECAUSE OF'], ...summary]));
  if (asked) return printLacks(programs, kernels);
  for (const { program, needs } of programs) {
    printLine(`\n${program.name}${program.type === undefined ? ': the section name tells no program type' : ''}`);
    const rows = [...needs].sort(bySince).map((need) => [need.since ?? '-', need.kind, need.name, need.optional ? 'optional' : '', need.insn === null ? '' : `insn ${need.insn}`, need.note]); // prettier-ignore
    printLine(formatTable([['SINCE', 'KIND', 'NAME', '', 'FIRST AT', 'NOTE'], ...rows]));
  }
  printLine('\noptional: loaders such as libbpf do without it on older kernels');
}

function printLacks(programs: readonly ProgramNeeds[], kernels: readonly Registry[]): void {
  for (const kernel of kernels) {
    const rows = programs.flatMap(
      (each) =>
      lacking(kernel, each).map((need) => [each.program.name, need.kind, need.name, need.since ?? '-', need.insn === null ? '' : `insn ${need.insn}`, need.note]), // prettier-ignore
    );
    const { name, basis } = kernel.profile;
    printLine(`\n${name} (${basis}): ${rows.length === 0 ? 'lacks nothing' : 'lacks'}`);
    if (rows.length > 0) printLine(formatTable([['PROGRAM', 'KIND', 'NAME', 'SINCE', 'FIRST AT', 'NOTE'], ...rows]));
  }
}

function objectLowest(programs: readonly ProgramNeeds[]): string {
  const { release, because } = lowestKernel(programs.flatMap(({ needs }) => needs));
  const why = shorten([...new Set(because.map(label))]);
  if (release === null) return `no kernel takes all of it: ${why}`;
  return `needs Linux ${release}${why === '' ? '' : ` because of ${why}`}`;
}

/** The newest first; what no kernel has before all. */
function bySince(a: Need, b: Need): number {
  const order = ({ since, optional }: Need): number => (since === null ? 1e6 : Number(since.split('.')[0]) * 1000 + Number(since.split('.')[1] ?? 0)) - (optional ? 1e7 : 0); // prettier-ignore
  return order(b) - order(a);
}

function label({ kind, name }: Need): string {
  return `${kind} ${name}`;
}

const SHOWN = 3;

function shorten(list: readonly string[]): string {
  return list.length <= SHOWN ? list.join(', ') : `${list.slice(0, SHOWN).join(', ')} and ${list.length - SHOWN} more`;
}
