/** Vectors on a native target: compiled, linked and run by `@polybpf/machine`, many to a doorbell. */
import { isBpfError } from '@polybpf/errors';
import type { Bounds, Target } from '@polybpf/jit';
import {
  type Machine,
  type MachineHelperRegistry,
  type MachineJob,
  type MachineOptions,
  openMachine,
  type PreparedProgram,
} from '@polybpf/machine';
import type { Engine, Job, Outcome } from '../engine.ts';
import { UNWIND_HELPER } from '../suite-helpers.ts';

/** An engine that holds a machine; close it. */
export interface NativeEngine extends Engine, Disposable {
  readonly machine: Machine;
}

/** Options of {@link nativeEngine}. */
export interface NativeEngineOptions extends MachineOptions {
  /** As in `PrepareOptions.bounds`. */
  readonly bounds?: Bounds;
}

/**
 * Opens a native engine for a target.
 *
 * @throws BpfError `E_MACHINE_MISSING` when nothing runs the target's code here
 */
export function nativeEngine(target: Target, { bounds = 'none', ...options }: NativeEngineOptions = {}): NativeEngine {
  const machine = openMachine(target, { timeoutMs: 5000, ...options });
  return {
    name: 'native',
    target: target.name,
    endian: target.endian,
    checksAccesses: false,
    confinesAccesses: bounds === 'sandbox',
    machine,
    run: (jobs) => runJobs(machine, jobs, bounds),
    [Symbol.dispose]: () => machine.close(),
  };
}

/** The suite's helper for native programs: returns its argument, and ends the program when that is 0. */
const HELPERS: MachineHelperRegistry = {
  helper: (id) =>
    id === UNWIND_HELPER
      ? {
          id,
          name: 'unwind',
          call(cx) {
            const argument = cx.arg(1);
            if (argument === 0n) cx.terminate(0n);
            return argument;
          },
        }
      : undefined,
};

function runJobs(machine: Machine, jobs: readonly Job[], bounds: Bounds): Outcome[] {
  const outcomes = new Array<Outcome>(jobs.length);
  const ready: { readonly index: number; readonly program: PreparedProgram; readonly job: MachineJob }[] = [];
  jobs.forEach(({ program, mem }, index) => {
    try {
      const prepared = machine.prepare(program, { helpers: HELPERS, bounds });
      ready.push({ index, program: prepared, job: { program: prepared, ...(mem.length === 0 ? {} : { mem }) } });
    } catch (error) {
      if (!isBpfError(error)) throw error;
      outcomes[index] = { status: 'error', error };
    }
  });
  const results = machine.runBatch(ready.map(({ job }) => job));
  ready.forEach(({ index, program }, k) => {
    const result = results[k]!;
    outcomes[index] =
      result.status === 'failed'
        ? { status: 'error', error: result.error }
        : { status: 'done', r0: result.r0, mem: result.mem };
    program.dispose();
  });
  return outcomes;
}
