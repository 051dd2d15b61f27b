/** `polybpf verify`: would this kernel accept the programs of a file, and why not. */
import { BpfError, isBpfError } from '@polybpf/errors';
import { annotate, explain, formatAnnotation, formatModernLog, type Privilege } from '@polybpf/verifier';
import { z } from 'zod';
import { readInput, writeStdout } from '../files.ts';
import { choosePrograms, type InputKind, readProgramFile } from '../input.ts';
import { readKernelProfiles } from '../kernel-profile.ts';
import { printJson, printLine } from '../print.ts';
import { readCases } from '../verify/case-file.ts';
import { verifyInputs } from '../verify/object-input.ts';
import { annotationDocument, explanationDocument } from '../verify/documents.ts';
import { reportCsv, reportDocument, reportMatrix, reportSarif, reportTable } from '../verify/reports.ts';
import {
  readKernelTypes,
  runVerifier,
  type TimedReport,
  type VerifierSettings,
  verifyOptions,
} from '../verify/run-verifier.ts';

export const VERIFY_LOGS = ['classic', 'v7', 'json', 'sarif'] as const;
export type VerifyLog = (typeof VERIFY_LOGS)[number];
export const PRIVILEGES = ['root', 'bpf', 'none'] as const;

export interface VerifyFlags {
  readonly prog?: string;
  readonly type?: string;
  readonly kernel?: string;
  readonly btf?: string;
  readonly privilege?: Privilege;
  readonly verbose?: string;
  readonly log?: VerifyLog;
  readonly case?: string;
  readonly compare?: string;
  readonly csv?: boolean;
  readonly annotate?: boolean;
  readonly input?: InputKind;
  readonly json?: boolean;
}

const NEWEST = '6.18';
/** What is compared, without a tolerance: all of it is deterministic. */
const COMPARED = ['verdict', 'processed', 'totalStates', 'peakStates'] as const;

const baseSchema = z.object({
  programs: z.array(
    z.object({
      name: z.string(),
      kernel: z.string(),
      verdict: z.string(),
      processed: z.number(),
      totalStates: z.number(),
      peakStates: z.number(),
    }),
  ),
});

/** Runs the command; the exit status is 0 when all are accepted, 1 with a refusal, 3 with something unsupported. */
export function runVerify(path: string | undefined, flags: VerifyFlags, version: string): 0 | 1 | 3 {
  const kernelBtf = readKernelTypes(flags.btf);
  const logLevel = parseLevel(flags.verbose);
  const privilege = flags.privilege ?? 'root';
  const settings = readKernelProfiles(flags.kernel ?? NEWEST).map((profile): VerifierSettings => ({ profile, privilege, logLevel, kernelBtf })); // prettier-ignore
  if (flags.case !== undefined) {
    if (path !== undefined) throw new BpfError('E_USAGE', 'FILE and --case', { expected: 'one of them', got: 'both' });
    return runCases(flags.case, settings[0]!);
  }
  if (path === undefined) throw new BpfError('E_USAGE', 'FILE', { expected: 'a file, or --case' });
  const input = readProgramFile(path, {
    keepIllegal: true,
    preferLiveBtf: true,
    ...(flags.btf === undefined ? {} : { kernel: { btf: [flags.btf] } }),
    ...(flags.input === undefined ? {} : { kind: flags.input }),
  });
  if (input.programs.some(({ endian }) => endian === 'big')) {
    throw new BpfError('E_UNSUPPORTED', 'a big-endian program: the profiles are of little-endian kernels');
  }
  const chosen = new Set(choosePrograms(input, flags.prog));
  const inputs = settings.map(({ profile }) => verifyInputs(input, flags.type, profile.name));
  const reports = input.programs.flatMap((program, index) =>
    chosen.has(program) ? settings.map((how, k) => runVerifier(inputs[k]![index]!, how)) : [],
  );
  print(path, reports, flags, settings, version);
  return statusOf(reports);
}

function statusOf(reports: readonly TimedReport[]): 0 | 1 | 3 {
  if (reports.some(({ verdict }) => verdict === 'reject')) return 1;
  return reports.some(({ verdict }) => verdict === 'unsupported') ? 3 : 0;
}

function print(
  path: string,
  reports: readonly TimedReport[],
  flags: VerifyFlags,
  settings: readonly VerifierSettings[],
  version: string,
): void {
  if (flags.json === true || flags.log === 'json') {
    return printJson({ file: path, programs: reports.map((report) => explained(report, flags, settings)) });
  }
  if (flags.log === 'sarif') return printJson(reportSarif(path, reports, version));
  if (flags.csv === true) return printLine(reportCsv(path, reports));
  const several = settings.length > 1;
  if (several) printLine(`${reportMatrix(reports)}\n`);
  printLine(reportTable(reports, several));
  if (flags.compare !== undefined) printLine(`\n${comparison(flags.compare, reports)}`);
  for (const report of reports) {
    const text = textOf(report, flags, settings);
    if (text !== '') printLine(`\n--- ${report.name}${several ? `, Linux ${report.profile}` : ''}\n${text.trimEnd()}`);
  }
}

/** Log, explanation and annotated program, as far as they are asked for. */
function textOf(report: TimedReport, flags: VerifyFlags, settings: readonly VerifierSettings[]): string {
  const how = settingsOf(report, settings);
  const annotated = flags.annotate === true ? formatAnnotation(annotate(report.input, verifyOptions(how))) : '';
  if (report.verdict === 'accept' && report.log === '') return annotated;
  const { log } = report.log !== '' ? report : runVerifier(report.input, { ...how, logLevel: 1 });
  const explanation = flags.log === 'v7' ? explain(report.input, verifyOptions(how)) : undefined;
  return `${explanation === undefined ? log : formatModernLog(log, explanation)}${annotated === '' ? '' : `\n${annotated}`}`;
}

function settingsOf({ profile }: TimedReport, settings: readonly VerifierSettings[]): VerifierSettings {
  return settings.find((how) => how.profile.name === profile)!;
}

/** A document with the reason of a refusal and, when asked for, the annotated program. */
function explained(report: TimedReport, flags: VerifyFlags, settings: readonly VerifierSettings[]): object {
  const options = verifyOptions(settingsOf(report, settings));
  const explanation = report.verdict === 'reject' ? explain(report.input, options) : undefined;
  return {
    ...reportDocument(report),
    ...(explanation === undefined ? {} : { explanation: explanationDocument(explanation) }),
    ...(flags.annotate === true ? { annotation: annotationDocument(annotate(report.input, options)) } : {}),
  };
}

/** One JSON line for each case. */
function runCases(file: string, settings: VerifierSettings): 0 | 1 | 3 {
  const text = new TextDecoder().decode(readInput(file));
  let status: 0 | 1 | 3 = 0;
  for (const input of readCases(text, file)) {
    const report = runVerifier(input, settings);
    const { name, verdict, message, errno, insn, processed, code } = report;
    writeStdout(`${JSON.stringify({ name, verdict, message, errno, insn: insn ?? null, processed, code: code ?? null })}\n`); // prettier-ignore
    const own = statusOf([report]);
    if (own === 1 || status === 0) status = own;
  }
  return status;
}

function comparison(file: string, reports: readonly TimedReport[]): string {
  const base = readBase(file);
  const lines = reports.flatMap((report) => {
    const before = base.programs.find(({ name, kernel }) => name === report.name && kernel === report.profile);
    if (before === undefined) return [`${report.name}: new`];
    const changes = COMPARED.flatMap((key) => (before[key] === report[key] ? [] : [`${key} ${before[key]} -> ${report[key]}`])); // prettier-ignore
    return changes.length === 0 ? [] : [`${report.name}: ${changes.join(', ')}`];
  });
  for (const { name, kernel } of base.programs) {
    if (!reports.some((report) => report.name === name && report.profile === kernel)) lines.push(`${name}: gone`);
  }
  return lines.length === 0 ? `no change since ${file}` : `changes since ${file}:\n${lines.join('\n')}`;
}

function readBase(file: string): z.infer<typeof baseSchema> {
  try {
    return baseSchema.parse(JSON.parse(new TextDecoder().decode(readInput(file))));
  } catch (cause) {
    if (isBpfError(cause)) throw cause;
    throw new BpfError('E_INPUT', `${file} is not what verify --json prints`, { cause });
  }
}

function parseLevel(text: string | undefined): number {
  if (text === undefined) return 0;
  if (/^[0-7]$/.test(text)) return Number(text);
  throw new BpfError('E_USAGE', '--verbose', { expected: '0 to 2, and 4 more for figures', got: text });
}
