/** Reports of the verifier as tables, CSV, JSON and SARIF. */
import { formatInsn } from '@polybpf/asm';
import { errnoName } from '@polybpf/kernel';
import { formatTable } from '../print.ts';
import type { TimedReport } from './run-verifier.ts';

const stackText = ({ stackDepths }: TimedReport): string => (stackDepths.length === 0 ? '' : stackDepths.join('+'));

/** As veristat's, one row for each program and profile. */
export function reportTable(reports: readonly TimedReport[], showProfile: boolean): string {
  const head = ['PROGRAM', ...(showProfile ? ['KERNEL'] : []), 'VERDICT', 'INSNS', 'STATES', 'PEAK', 'STACK', 'TIME', 'MESSAGE']; // prettier-ignore
  const rows = reports.map((report) => [
    report.name,
    ...(showProfile ? [report.profile] : []),
    report.verdict,
    String(report.processed),
    String(report.totalStates),
    String(report.peakStates),
    stackText(report),
    `${report.elapsedMs.toFixed(1)} ms`,
    report.verdict === 'accept' ? '' : refusal(report),
  ]);
  return formatTable([head, ...rows]);
}

/** Programs against profiles. */
export function reportMatrix(reports: readonly TimedReport[]): string {
  const profiles = [...new Set(reports.map(({ profile }) => profile))];
  const names = [...new Set(reports.map(({ name }) => name))];
  const cell = (name: string, profile: string): string =>
    reports.find((report) => report.name === name && report.profile === profile)?.verdict ?? '-';
  return formatTable([
    ['PROGRAM', ...profiles],
    ...names.map((name) => [name, ...profiles.map((profile) => cell(name, profile))]),
  ]);
}

function refusal({ verdict, errno, message }: TimedReport): string {
  return verdict === 'reject' ? `${errnoName(errno)}: ${message}` : message;
}

const csvCell = (text: string): string => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** With the columns of veristat, and the kernel and message beside them. */
export function reportCsv(file: string, reports: readonly TimedReport[]): string {
  const head = 'file_name,prog_name,kernel,verdict,duration,total_insns,total_states,peak_states,stack_depth,message';
  const rows = reports.map((report) =>
    [
      file,
      report.name,
      report.profile,
      report.verdict === 'accept' ? 'success' : report.verdict === 'reject' ? 'failure' : 'unsupported',
      String(Math.round(report.elapsedMs * 1000)),
      String(report.processed),
      String(report.totalStates),
      String(report.peakStates),
      stackText(report),
      report.message,
    ]
      .map(csvCell)
      .join(','),
  );
  return [head, ...rows].join('\n');
}

/** What `--json` and `--log json` print of one program. */
export function reportDocument(report: TimedReport): Record<string, unknown> {
  const source = sourceLine(report);
  return {
    name: report.name,
    kernel: report.profile,
    verdict: report.verdict,
    code: report.code ?? null,
    errno: report.errno,
    message: report.message,
    insn: report.insn ?? null,
    instruction: instructionText(report) ?? null,
    source: source ?? null,
    processed: report.processed,
    totalStates: report.totalStates,
    peakStates: report.peakStates,
    maxStatesPerInsn: report.maxStatesPerInsn,
    stackDepths: report.stackDepths,
    elapsedMs: Number(report.elapsedMs.toFixed(3)),
    ...(report.log === '' ? {} : { log: report.log }),
  };
}

/** The line of source that the instruction at fault came from. */
export function sourceLine({ input, insn }: TimedReport): { file: string; line: number; text: string } | undefined {
  if (insn === undefined) return undefined;
  const found = (input.lines ?? []).findLast((line) => line.insn <= insn);
  return found === undefined ? undefined : { file: found.file ?? '', line: found.line, text: found.text };
}

/** The instruction at fault as text. */
export function instructionText({ input, insn }: TimedReport): string | undefined {
  return insn === undefined || input.insns[insn] === undefined ? undefined : formatInsn(input.insns, insn);
}

/** SARIF 2.1.0: what was refused, on its line of source. */
export function reportSarif(file: string, reports: readonly TimedReport[], version: string): object {
  const refused = reports.filter(({ verdict }) => verdict !== 'accept');
  const rules = [...new Set(refused.map(({ code }) => code ?? 'unknown'))];
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'polybpf', version, rules: rules.map((id) => ({ id })) } },
        results: refused.map((report) => {
          const source = sourceLine(report);
          const text = instructionText(report);
          const where = report.insn === undefined ? '' : ` at insn ${report.insn}${text === undefined ? '' : `: ${text}`}`; // prettier-ignore
          return {
            ruleId: report.code ?? 'unknown',
            level: report.verdict === 'reject' ? 'error' : 'warning',
            message: { text: `${report.name} (Linux ${report.profile}): ${refusal(report)}${where}` },
            locations: [
              {
                physicalLocation: {
                  artifactLocation: { uri: source === undefined || source.file === '' ? file : source.file },
                  ...(source === undefined || source.line < 1 ? {} : { region: { startLine: source.line } }),
                },
                logicalLocations: [{ name: report.name, kind: 'function' }],
              },
            ],
          };
        }),
      },
    ],
  };
}
