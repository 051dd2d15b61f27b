/** `polybpf fuzz --hostile`: programs that try to leave the sandbox. */
import { BpfError } from '@polybpf/errors';
import { type HostileReport, runHostile, usableEngines } from '@polybpf/fuzz/node';
import { formatTable, printJson, printLine } from '../print.ts';

/** What the command was told. */
interface HostileFlags {
  readonly against?: string;
  readonly json?: boolean;
}

/** Runs hostile programs on every target that is named; true when none got out. */
export function runHostileFuzz(
  flags: HostileFlags,
  range: { readonly seed: number; readonly first: number; readonly count: number },
): boolean {
  const engines = flags.against?.split(',') ?? usableEngines().filter((name) => name.startsWith('native:'));
  const targets = engines.map((name) => {
    const target = /^(?:native|sandbox):(.+)$/.exec(name)?.[1];
    if (target === undefined) throw new BpfError('E_USAGE', '--against with --hostile', { expected: 'native:ARCH', got: name }); // prettier-ignore
    return target;
  });
  const reports = targets.map((target) => runHostile({ target, ...range }));
  if (flags.json === true)
    printJson({ targets: reports.map((report) => ({ ...report, elapsedMs: Math.round(report.elapsedMs) })) });
  else printLine(hostileText(reports));
  return reports.every(({ escapes }) => escapes.length === 0);
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
