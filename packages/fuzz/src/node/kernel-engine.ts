/** The live Linux kernel as an engine. */
import { BpfError } from '@polybpf/errors';
import type { Engine, Job, Outcome } from '@polybpf/conformance';
import { createKernelRunner, type KernelRunner, type LiveKernel, openLiveKernel } from '@polybpf/kernel';

/** An engine that holds a connection to the kernel; close it. */
export interface KernelEngine extends Engine, Disposable {
  readonly kernel: LiveKernel;
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
