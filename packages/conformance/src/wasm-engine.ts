/** The engines in WebAssembly, as runners of vectors: the same face and the same faults as the interpreter. */
import { isBpfError } from '@polybpf/errors';
import {
  type Arena,
  createArena,
  createInterpreter,
  createMemory,
  type Engine as ExecutionEngine,
} from '@polybpf/interpreter';
import { autoEngine, wasmEngine, wasmInterpreterEngine } from '@polybpf/jit-wasm';
import type { Engine, InterpreterEngineOptions, Job, Outcome } from './engine.ts';
import { suiteHelpers } from './suite-helpers.ts';

/** Names of the engines in WebAssembly: compiled code, the fast interpreter, the one and then the other. */
export const WASM_ENGINES = ['wasm', 'wasm-interpreter', 'auto'] as const;
export type WasmEngineName = (typeof WASM_ENGINES)[number];

/** Says whether `name` is one of {@link WASM_ENGINES}. */
export function isWasmEngineName(name: string): name is WasmEngineName {
  return (WASM_ENGINES as readonly string[]).includes(name);
}

/** The engine of this name for `createInterpreter`. `auto` compiles almost at once, for vectors are short. */
export function wasmExecutionEngine(name: WasmEngineName): ExecutionEngine {
  if (name === 'wasm') return wasmEngine();
  return name === 'auto' ? autoEngine({ threshold: 16 }) : wasmInterpreterEngine();
}

/** An engine in WebAssembly with the suite's helpers; all jobs share one arena, one after the other. */
export function wasmVectorEngine(name: WasmEngineName, options: InterpreterEngineOptions = {}): Engine {
  const budget = options.budget ?? 100_000_000;
  const engine = wasmExecutionEngine(name);
  let arena: Arena | undefined;
  return {
    name,
    checksAccesses: true,
    run: (jobs) => {
      arena ??= createArena();
      const shared = arena;
      return jobs.map((job) => runOne(job, engine, shared, budget));
    },
  };
}

function runOne({ program, mem }: Job, engine: ExecutionEngine, arena: Arena, budget: number): Outcome {
  const bytes = mem.slice();
  try {
    const memory = createMemory({ endian: program.endian, arena });
    const { r0 } = createInterpreter(program, { memory, engine, helpers: suiteHelpers(), budget }).run({ mem: bytes });
    return { status: 'done', r0, mem: bytes };
  } catch (error) {
    if (!isBpfError(error)) throw error;
    return { status: 'error', error };
  }
}
