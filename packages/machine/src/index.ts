export type { Execution } from './execution.ts';
export type {
  HelperCallContext,
  MachineHelper,
  MachineHelperRegistry,
  MachineKfuncReference,
  MachineMap,
  MachineMapInit,
} from './helper-call.ts';
export { openMachine } from './machine.ts';
export type { ArenaInfo, Machine, MachineJob, MachineOptions, RunOptions, RunResult } from './machine.ts';
export type { HelperMemory, MachineMemory } from './machine-memory.ts';
export type { JobFailure, JobOutcome, JobResult } from './native-job.ts';
export type { PreparedProgram, PreparedPrograms, PrepareOptions } from './prepare.ts';
export { probeMachine } from './probe.ts';
export type { MachineProbe } from './probe.ts';
export { RUNNER_NAMES } from './runners/runner-cpus.ts';
