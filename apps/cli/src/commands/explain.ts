/** `polybpf explain`: what a log of the kernel's verifier means, and where our own run parts from it. */
import { BpfError } from '@polybpf/errors';
import { type Divergence, firstDivergence, type LogLine, readLog, type ReadLog } from '@polybpf/verifier';
import { readInput } from '../files.ts';
import { choosePrograms, readProgramFile } from '../input.ts';
import { readKernelProfiles } from '../kernel-profile.ts';
import { printJson, printLine } from '../print.ts';
import { verifyInputs } from '../verify/object-input.ts';
import { readKernelTypes, runVerifier } from '../verify/run-verifier.ts';

export interface ExplainFlags {
  readonly obj?: string;
  readonly prog?: string;
  readonly type?: string;
  readonly kernel?: string;
  readonly btf?: string;
  readonly all?: boolean;
  readonly json?: boolean;
}

/** Lines before the end that are shown when not all are. */
const TAIL = 40;

/** Runs the command; the exit status is 1 when our own run parts from the log. */
export function runExplain(path: string, flags: ExplainFlags): 0 | 1 {
  const text = new TextDecoder().decode(readInput(path));
  const log = readLog(text);
  if (!log.lines.some(({ kind }) => kind === 'insn' || kind === 'figures' || kind === 'report')) {
    throw new BpfError('E_INPUT', `${path} is no log of the verifier`, {
      expected: 'lines like `0: (b7) r0 = 0` or `processed 3 insns ...`',
    });
  }
  const compared = flags.obj !== undefined;
  const divergence = flags.obj === undefined ? undefined : compare(text, log, flags.obj, flags);
  if (flags.json === true) printJson(documentOf(path, log, compared, divergence));
  else print(log, flags, compared, divergence);
  return divergence === undefined ? 0 : 1;
}

function compare(text: string, log: ReadLog, object: string, flags: ExplainFlags): Divergence | undefined {
  const input = readProgramFile(object, { keepIllegal: true, preferLiveBtf: true });
  const [program, second] = choosePrograms(input, flags.prog);
  if (program === undefined) throw new BpfError('E_LOAD_PROGRAM', 'the file has no program');
  if (second !== undefined) {
    throw new BpfError('E_USAGE', `${object} has several programs`, { expected: '--prog NAME' });
  }
  const kernelBtf = readKernelTypes(flags.btf);
  const profile = readKernelProfiles(flags.kernel ?? '6.18')[0]!;
  const index = input.programs.indexOf(program);
  const level = log.level | (/^verification time/m.test(text) ? 4 : 0);
  const report = runVerifier(verifyInputs(input, flags.type)[index]!, {
    profile,
    privilege: 'root',
    logLevel: level,
    kernelBtf,
  });
  return firstDivergence(text, report.log);
}

function print(log: ReadLog, flags: ExplainFlags, compared: boolean, divergence: Divergence | undefined): void {
  const { lines, advice, report, origins } = log;
  const shown = flags.all === true ? lines : lines.slice(-TAIL);
  if (shown.length < lines.length) printLine(`... ${lines.length - shown.length} lines; --all shows them`);
  for (const line of shown) printLine(annotated(line));
  if (advice !== undefined) {
    printLine(`\n${advice.category}: ${advice.title} [${advice.code}]`);
    printLine(`  ${log.message}`);
    printLine(`  ${advice.reason}`);
    printLine(`required: ${advice.required}`);
    if (origins.length > 0) {
      printLine('where it comes from:');
      for (const { name, insn, text, value } of origins) printLine(`  ${insn}: ${text}  ->  ${name}=${value}`);
    }
    printLine(`suggestion: ${advice.suggestion}`);
  } else if (log.accepted) printLine('\nThe program was accepted.');
  if (report !== undefined) printLine(`\nthe kernel says: ${report.category}: ${report.title}\n  ${report.reason}`);
  if (!compared) return;
  if (divergence === undefined) printLine('\nOur own run says the same.');
  else {
    const { equal, line, theirs, ours } = divergence;
    printLine(`\nOur own run parts from the log after ${equal} lines${line === undefined ? '' : `, at line ${line}`}:`);
    printLine(`  kernel: ${theirs ?? '(end)'}\n  polybpf: ${ours ?? '(end)'}`);
  }
}

function annotated({ text, note }: LogLine): string {
  return note === '' ? text : `${text.padEnd(72)}  # ${note}`;
}

function documentOf(path: string, log: ReadLog, compared: boolean, divergence: Divergence | undefined): object {
  const { insn, advice, report } = log;
  return {
    file: path,
    level: log.level,
    accepted: log.accepted,
    message: log.message,
    insn: insn ?? null,
    advice: advice === undefined ? null : { ...advice, register: advice.register ?? null },
    report: report ?? null,
    origins: log.origins,
    lines: log.lines.map((line) => ({ ...line, insn: line.insn ?? null })),
    compared,
    divergence:
      divergence === undefined
        ? null
        : {
            equal: divergence.equal,
            line: divergence.line ?? null,
            theirs: divergence.theirs ?? null,
            ours: divergence.ours ?? null,
          },
  };
}
