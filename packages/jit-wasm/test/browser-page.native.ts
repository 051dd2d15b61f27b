/** What the page of `chromium.native.test.ts` can do: vectors and generated programs, on every engine. */
import {
  interpreterEngine,
  readDataFile,
  readVectorFile,
  runSuite,
  summarise,
  type SuiteSummary,
  WASM_ENGINES,
  wasmVectorEngine,
} from '@polybpf/conformance';
import { referenceEngine, runDifferential } from '@polybpf/fuzz';
import { compareRandomPrograms, type RandomComparison } from './random-comparison.ts';

/** Vectors on one engine. */
export interface VectorReport extends SuiteSummary {
  readonly engine: string;
  /** Vectors that failed, or of which the engine makes something else than the interpreter; some of them. */
  readonly problems: readonly string[];
}

/** Programs of the fuzzer on all engines. */
export interface FuzzReport {
  readonly programs: number;
  readonly compared: readonly { readonly engine: string; readonly programs: number }[];
  readonly disagreements: readonly unknown[];
}

/** What the page offers to the test that drives it. */
export interface BrowserPage {
  runVectors(files: readonly { readonly name: string; readonly text: string }[]): VectorReport[];
  compareRandom(engine: string, first: number, count: number): RandomComparison;
  fuzz(seed: number, first: number, count: number): FuzzReport;
}

const SHOWN = 5;

const page: BrowserPage = {
  runVectors(files) {
    const vectors = files.flatMap(({ name, text }) =>
      name.endsWith('.data') ? [readDataFile(text, name)] : readVectorFile(text, name),
    );
    const reference = runSuite(vectors, interpreterEngine());
    const engines = [interpreterEngine(), ...WASM_ENGINES.map((name) => wasmVectorEngine(name))];
    return engines.map((engine) => {
      const all = runSuite(vectors, engine);
      const problems = all.flatMap(({ name, status, got }, i) =>
        status === 'failed' || got !== reference[i]!.got ? [`${name}: ${got}, interpreter: ${reference[i]!.got}`] : [],
      );
      return { engine: engine.name, ...summarise(all), problems: problems.slice(0, SHOWN) };
    });
  },
  compareRandom: compareRandomPrograms,
  fuzz(seed, first, count) {
    const engines = [referenceEngine(), ...WASM_ENGINES.map((name) => wasmVectorEngine(name))];
    const { programs, compared, disagreements } = runDifferential({ engines, seed, first, count });
    return {
      programs,
      compared: compared.map(({ engine, programs: number }) => ({ engine, programs: number })),
      disagreements: disagreements.map(({ index, shrunkOutcomes, vector }) => ({ index, shrunkOutcomes, vector })),
    };
  },
};
Object.assign(globalThis, { pageOf: () => page });
