/** `polybpf fuzz --hostile`: programs that try to leave the sandbox. */
import { BpfError, formatError, isBpfError } from '@polybpf/errors';
import { type HostileReport, runHostile, usableEngines } from '@polybpf/fuzz/node';
import { EXIT_FAILED, exitCodeOf } from '../exit-code.ts';
import { formatTable, printJson, printLine } from '../print.ts';

/** What the command was told. */
interface HostileFlags {
  readonly against?: string;
  readonly json?: boolean;
}

/** Runs hostile programs on every target that is named; sets the exit status of the process when it is done. */
export function runHostileFuzz(
  flags: HostileFlags,
  range: { readonly seed: number; readonly first: number; readonly count: number },
): void {
  const engines = flags.against?.split(',') ?? usableEngines().filter((name) => name.startsWith('native:'));
  const targets = engines.map((name) => {
    const target = /^(?:native|sandbox):(.+)$/.exec(name)?.[1];
    if (target === undefined) throw new BpfError('E_USAGE', '--against with --hostile', { expected: 'native:ARCH', got: name }); // prettier-ignore
    return target;
  });
  void campaign(targets, range, flags.json === true);
}

async function campaign(
  targets: readonly string[],
  range: { readonly seed: number; readonly first: number; readonly count: number },
  json: boolean,
): Promise<void> {
  try {
    const reports: HostileReport[] = [];
    for (const target of targets)
      reports.push(await runHostile({ target, ...range, onProgress: progress(target, range.count) }));
    if (json) printJson({ targets: reports.map((report) => ({ ...report, elapsedMs: Math.round(report.elapsedMs) })) });
    else printLine(hostileText(reports));
    if (reports.some(({ escapes }) => escapes.length > 0)) process.exitCode = EXIT_FAILED;
  } catch (error) {
    if (!isBpfError(error)) throw error;
    process.stderr.write(`polybpf: ${formatError(error)}\n`);
    process.exitCode = exitCodeOf(error.code);
  }
}

/** One counter line on a terminal, nothing elsewhere. */
function progress(target: string, total: number): (done: number) => void {
  if (!process.stderr.isTTY) return () => undefined;
  return (done) => process.stderr.write(`\r${target}: ${done} of ${total}${done === total ? '\n' : ''}`);
}

/** The reports for people. */
export function hostileText(reports: readonly HostileReport[]): string {
  const endings = [...new Set(reports.flatMap((report) => Object.keys(report.endings)))].sort();
  const rows = reports.map((report) => [
    report.target,
    String(report.programs),
    ...endings.map((ending) => String(report.endings[ending] ?? 0)),
    String(report.escapes.length),
    (report.elapsedMs / 1000).toFixed(1),
  ]);
  const seed = reports[0]?.seed ?? 0;
  const escapes = reports.flatMap((report) =>
    report.escapes.map(({ index, reason }) => `${report.target}, program ${index}: ${reason}`),
  );
  const table = formatTable([['TARGET', 'PROGRAMS', ...endings, 'ESCAPES', 'SECONDS'], ...rows]);
  const verdict = escapes.length === 0 ? ['', 'no program got out; guard zones and canaries are untouched'] : ['', ...escapes]; // prettier-ignore
  return [`seed ${seed}`, '', table, ...verdict].join('\n');
}
