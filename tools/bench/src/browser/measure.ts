/** The parts of the bench that a browser can run, in the words of the command line. */
import type { Program } from '@polybpf/isa';
import { ALL_TARGETS } from '@polybpf/targets';
import { benchCompile, nativeCompiler, WASM_COMPILER } from '../bench-compile.ts';
import { benchInterpreter } from '../bench-interpreter.ts';
import { benchVerifier } from '../bench-verifier.ts';
import { benchWasm } from '../bench-wasm.ts';
import type { SpeedReport } from '../speed-report.ts';
import type { Workload } from '../workload.ts';

/** What the page was built with. */
export interface PageInputs {
  readonly origin: SpeedReport['inputs']['origin'];
  readonly workloads: readonly Workload[];
}

/** Measures; `onProgress` gets the name of each part before it begins. */
export function measureInBrowser(
  { origin, workloads }: PageInputs,
  isQuick: boolean,
  environment: Readonly<Record<string, string>>,
  onProgress: (part: string) => void,
): SpeedReport {
  const rounds = isQuick ? { warmUp: 1, measured: 3 } : { warmUp: 2, measured: 9 };
  const compileRounds = isQuick ? { warmUp: 5, measured: 5 } : { warmUp: 20, measured: 40 };
  const programs = workloads.map(({ program }): Program => program);
  const part = <T>(name: string, measure: () => T): T => {
    onProgress(name);
    return measure();
  };
  return {
    environment,
    inputs: { origin, interpreter: 'quick', native: 'quick' },
    wasm: part('WebAssembly', () => benchWasm(workloads, 'quick', undefined, rounds)),
    interpreter: part('interpreter', () => benchInterpreter(workloads, 'quick', rounds)),
    compile: part('compilation', () =>
      benchCompile([...ALL_TARGETS.map(nativeCompiler), WASM_COMPILER], programs, compileRounds),
    ),
    verifier: part('verifier', () => benchVerifier(isQuick, rounds, undefined)),
    missing: ['native code and C, and the live kernel: no browser runs them'],
  };
}
