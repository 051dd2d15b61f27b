/** What runs vectors: the interpreter here, native targets in `@polybpf/conformance/node`. */
import { type BpfError, isBpfError } from '@polybpf/errors';
import { runProgram } from '@polybpf/interpreter';
import type { Endian, Program } from '@polybpf/isa';
import { suiteHelpers } from './suite-helpers.ts';

/** One program with its memory. */
export interface Job {
  readonly program: Program;
  readonly mem: Uint8Array;
}

/** How a job ended. */
export type Outcome =
  | { readonly status: 'done'; readonly r0: bigint; readonly mem: Uint8Array }
  | { readonly status: 'error'; readonly error: BpfError };

export interface Engine {
  /** `interpreter` or `native`. */
  readonly name: string;
  /** CPU, for native engines. */
  readonly target?: string;
  /** The byte order it runs in; undefined for both. */
  readonly endian?: Endian;
  /** Whether it checks every access, so that vectors which expect a fault at run time can be run. */
  readonly checksAccesses: boolean;
  /**
   * Whether accesses that leave the memory of all programs end this one: then vectors that expect \`E_RUN_MEMORY\` are
   * run as well, and those whose access stays in that memory are skipped.
   */
  readonly confinesAccesses?: boolean;
  /** Runs jobs in order; programs are in a byte order that the engine takes. */
  run(jobs: readonly Job[]): Outcome[];
}

/** What {@link interpreterEngine} can be told. */
export interface InterpreterEngineOptions {
  /** Instructions of one vector at most; default 100 million. */
  readonly budget?: number;
}

/** The reference interpreter with the suite's helpers. */
export function interpreterEngine(options: InterpreterEngineOptions = {}): Engine {
  const budget = options.budget ?? 100_000_000;
  return {
    name: 'interpreter',
    checksAccesses: true,
    run: (jobs) => jobs.map((job) => runOne(job, budget)),
  };
}

function runOne({ program, mem }: Job, budget: number): Outcome {
  const memory = mem.slice();
  try {
    const { r0 } = runProgram(program, { mem: memory, helpers: suiteHelpers(), budget });
    return { status: 'done', r0, mem: memory };
  } catch (error) {
    if (!isBpfError(error)) throw error;
    return { status: 'error', error };
  }
}
