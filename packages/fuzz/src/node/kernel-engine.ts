/** The live Linux kernel as an engine. */
import { BpfError } from '@polybpf/errors';
import type { Engine, Job, Outcome } from '@polybpf/conformance';
import type { Program } from '@polybpf/isa';
import { createKernelRunner, type KernelRunner, type LiveKernel, openLiveKernel } from '@polybpf/kernel';

/** Log level whose log has the messages and no trace. */
const MESSAGES_ONLY = 4;

/** An engine that holds a connection to the kernel; close it. */
export interface KernelEngine extends Engine, Disposable {
  readonly kernel: LiveKernel;
  /**
   * The verifier's verdict on a program, which is not run.
   *
   * @param type - program type, as the kernel calls it
   */
  judge(program: Program, type: string): KernelVerdict;
}

/** What the verifier said: its last line, '' for an accepted program. */
export interface KernelVerdict {
  readonly accepted: boolean;
  readonly message: string;
}

/**
 * Opens the kernel as an engine. A program that the verifier refuses is `E_UNSUPPORTED` with the verifier's words.
 *
 * @throws BpfError `E_UNSUPPORTED`, saying what is missing
 */
export function kernelEngine(): KernelEngine {
  const kernel = openLiveKernel();
  const runner = createKernelRunner(kernel);
  return {
    name: 'kernel',
    endian: 'little',
    checksAccesses: true,
    kernel,
    run: (jobs) => jobs.map((job) => runInKernel(runner, job)),
    judge: (program, type) => judge(runner, program, type),
    [Symbol.dispose]() {
      runner.close();
      kernel[Symbol.dispose]();
    },
  };
}

function runInKernel(runner: KernelRunner, { program, mem }: Job): Outcome {
  const outcome = runner.run(program, { mem }, { registers: 'r0', memSize: mem.length });
  if (outcome.accepted) return { status: 'done', r0: outcome.r0, mem: outcome.mem };
  const got = outcome.message === '' ? outcome.errnoName : outcome.message;
  return { status: 'error', error: new BpfError('E_UNSUPPORTED', 'the verifier refuses it', { got }) };
}

function judge(runner: KernelRunner, program: Program, type: string): KernelVerdict {
  const outcome = runner.prepare(program, { type, input: 'context', registers: 'r0', logLevel: MESSAGES_ONLY });
  if (!outcome.accepted) return { accepted: false, message: outcome.load.message || outcome.load.errnoName };
  outcome.program.close();
  return { accepted: true, message: '' };
}
