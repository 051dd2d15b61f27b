/** `polybpf kernel probe`: a profile of the running kernel, and how it differs from another one. */
import { BpfError } from '@polybpf/errors';
import {
  compareProfiles,
  type KernelProfile,
  openLiveKernel,
  parseKernelProfile,
  probeKernel,
  type ProfileDifference,
} from '@polybpf/kernel';
import { readInput, writeOutput } from '../files.ts';
import { formatTable, printJson, printLine } from '../print.ts';

export interface KernelProbeFlags {
  readonly output?: string;
  readonly compare?: string;
  readonly profile?: string;
  readonly json?: boolean;
}

/** Runs the command; false when a comparison found differences of the kernels. */
export function runKernelProbe(flags: KernelProbeFlags): boolean {
  const other = flags.compare === undefined ? undefined : readProfile(flags.compare);
  const started = performance.now();
  const profile = flags.profile === undefined ? probeNow() : readProfile(flags.profile);
  const seconds = (performance.now() - started) / 1000;
  if (flags.output !== undefined) writeOutput(flags.output, `${JSON.stringify(profile, undefined, 1)}\n`);
  const differences = other === undefined ? [] : compareProfiles(profile, other);
  const open = differences.filter(({ explanation }) => explanation === undefined);
  if (flags.json === true) {
    printJson({
      kernel: profile.kernel.release,
      counts: profile.counts,
      file: flags.output ?? null,
      comparedWith: flags.compare ?? null,
      differences: differences.map(describe),
    });
    return open.length === 0;
  }
  if (flags.output === undefined && other === undefined) printLine(JSON.stringify(profile, undefined, 1));
  else printSummary(profile, flags, seconds);
  if (other !== undefined) printDifferences(differences, open.length);
  return open.length === 0;
}

function probeNow(): KernelProfile {
  using kernel = openLiveKernel();
  const progress = createProgress();
  const profile = probeKernel(kernel, { onProgress: progress });
  return parseKernelProfile(JSON.parse(JSON.stringify(profile)), 'the profile of this kernel');
}

/** One line that is written over on a terminal; elsewhere a line every few seconds. */
function createProgress(): (done: number, total: number, what: string) => void {
  const { stderr } = process;
  let last = performance.now();
  return (done, total, what) => {
    const line = `probing ${done}/${total} ${what}`;
    if (stderr.isTTY) {
      stderr.write(`\r\x1b[K${done === total ? '' : line}`);
    } else if (performance.now() - last > 5000) {
      last = performance.now();
      stderr.write(`${line}\n`);
    }
  };
}

function readProfile(path: string): KernelProfile {
  const text = new TextDecoder().decode(readInput(path));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new BpfError('E_INPUT', 'kernel profile', { at: { file: path }, expected: 'JSON', cause });
  }
  return parseKernelProfile(value, path);
}

function printSummary(profile: KernelProfile, flags: KernelProbeFlags, seconds: number): void {
  const { progTypes, mapTypes, helpers, kfuncs, variantsProbed, variantsLoadable } = profile.counts;
  const from = flags.profile === undefined ? `probed in ${seconds.toFixed(1)} s` : `from ${flags.profile}`;
  printLine(`Linux ${profile.kernel.release}, ${from}`);
  printLine(`${progTypes} program types (${variantsLoadable} of ${variantsProbed} variants load), ${mapTypes} map types, ${helpers} helpers, ${kfuncs} kfuncs`); // prettier-ignore
  if (flags.output !== undefined) printLine(`written: ${flags.output}`);
}

function printDifferences(differences: readonly ProfileDifference[], open: number): void {
  printLine('');
  if (differences.length === 0) return printLine('no differences');
  const rows = differences.map(({ path, ours, theirs, explanation }) => [path, ours ?? 'absent', theirs ?? 'absent', explanation ?? '']); // prettier-ignore
  printLine(formatTable([['place', 'this', 'other', 'why'], ...rows]));
  printLine('');
  printLine(`${differences.length} differences, ${differences.length - open} explained`);
}

function describe({ path, ours, theirs, explanation }: ProfileDifference): object {
  return { path, ours: ours ?? null, theirs: theirs ?? null, explanation: explanation ?? null };
}
