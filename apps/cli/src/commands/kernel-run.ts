/** `polybpf kernel run`: a program in the running kernel, with all 64 bits of its result. */
import { formatHex } from '@polybpf/conformance';
import { BpfError } from '@polybpf/errors';
import { createKernelRunner, type KernelRunResult, openLiveKernel, type PrepareOutcome } from '@polybpf/kernel';
import { writeOutput } from '../files.ts';
import { chooseProgram, type InputKind, readProgramFile } from '../input.ts';
import { parseCount, parseMemory } from '../memory-argument.ts';
import { hex64, printJson, printLine } from '../print.ts';

export interface KernelRunFlags {
  readonly type?: string;
  readonly prog?: string;
  readonly mem?: string;
  readonly memOut?: string;
  readonly data?: string;
  readonly dataOut?: string;
  readonly ctx?: string;
  readonly repeat?: string;
  readonly registers?: boolean;
  readonly input?: InputKind;
  readonly json?: boolean;
}

/** Runs the command. */
export function runKernelRun(path: string, flags: KernelRunFlags): void {
  const input = readProgramFile(path, {
    keepIllegal: true,
    ...(flags.input === undefined ? {} : { kind: flags.input }),
  });
  const program = chooseProgram(input, flags.prog);
  const inContext = flags.data !== undefined || flags.ctx !== undefined;
  if (inContext && (flags.mem !== undefined || flags.memOut !== undefined)) {
    throw new BpfError('E_USAGE', '--mem gives a program memory, --data and --ctx the context of its type', { expected: 'one or the other' }); // prettier-ignore
  }
  const mem = parseMemory(flags.mem);
  const repeat = flags.repeat === undefined ? 1 : parseCount('--repeat', flags.repeat);
  using kernel = openLiveKernel();
  using runner = createKernelRunner(kernel);
  const type = flags.type ?? (inContext ? program.type : undefined);
  const prepared = runner.prepare(program, {
    logLevel: 4,
    license: program.license ?? 'GPL',
    input: inContext ? 'context' : 'memory',
    memSize: mem.length,
    ...(type === undefined ? {} : { type }),
    ...(program.attachType === undefined || type !== program.type ? {} : { attachType: program.attachType }),
  });
  if (!prepared.accepted) throw refusal(prepared);
  const result = prepared.program.run({
    ...(inContext ? contextInput(flags) : { mem }),
    repeat,
  });
  prepared.program.close();
  if (flags.memOut !== undefined) writeOutput(flags.memOut, result.mem);
  if (flags.dataOut !== undefined) writeOutput(flags.dataOut, result.data);
  if (flags.json === true) printJson(describe(program.name, type ?? 'sched_cls', result, repeat));
  else printResult(result, flags.registers === true);
}

function contextInput({ data, ctx }: KernelRunFlags): { data?: Uint8Array; context?: Uint8Array } {
  return {
    ...(data === undefined ? {} : { data: parseMemory(data, '--data') }),
    ...(ctx === undefined ? {} : { context: parseMemory(ctx, '--ctx') }),
  };
}

function refusal({ load, firstInsn }: Extract<PrepareOutcome, { accepted: false }>): BpfError {
  const words = load.message === '' ? 'the kernel refused the program' : load.message;
  const message = words.replace(/\binsn (\d+)/g, (_, insn: string) => `insn ${Number(insn) - firstInsn}`);
  return new BpfError('E_KERNEL_REFUSED', message, { got: load.errnoName });
}

function describe(program: string, type: string, result: KernelRunResult, repeat: number): object {
  const { r0, registers, mem, data, context, retval, durationNs, complete } = result;
  return {
    program,
    type,
    r0: hex64(r0),
    complete,
    registers: registers.map((value) => (value === undefined ? null : hex64(value))),
    retval,
    mem: formatHex(mem),
    data: formatHex(data),
    context: formatHex(context),
    repeat,
    durationNs,
  };
}

function printResult({ r0, registers, complete }: KernelRunResult, withRegisters: boolean): void {
  printLine(hex64(r0));
  if (!complete)
    process.stderr.write('polybpf: the program did not end at an exit of its own; only 32 bits are known\n');
  if (!withRegisters) return;
  registers.forEach((value, register) => printLine(`r${register} ${value === undefined ? 'undefined' : hex64(value)}`));
}
