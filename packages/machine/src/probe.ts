/** Whether a target's code can run here, without opening a machine. */
import { type BpfError, isBpfError } from '@polybpf/errors';
import type { Target } from '@polybpf/jit';
import { type Execution, findExecution } from './execution.ts';
import { runnerCpu } from './runners/runner-cpus.ts';

/** How a target's code runs here, or why it does not. */
export type MachineProbe =
  { readonly available: true; readonly execution: Execution } | { readonly available: false; readonly error: BpfError };

/** Runs a tiny executable for the target, the first time it is asked. Never throws for a machine that is missing. */
export function probeMachine(target: Target, via?: Execution['kind']): MachineProbe {
  try {
    return { available: true, execution: findExecution(target, runnerCpu(target), via) };
  } catch (error) {
    if (isBpfError(error)) return { available: false, error };
    throw error;
  }
}
