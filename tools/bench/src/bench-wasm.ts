/** The engines in WebAssembly, beside native C of the same run; first calls and emission apart. */
import { createArena, createInterpreter, createMemory, type Engine, type Interpreter } from '@polybpf/interpreter';
import { compileToWasm, wasmEngine, wasmInterpreterEngine } from '@polybpf/jit-wasm';
import type { NativeC } from './native-c.ts';
import { aloneTimer, type Case, interleave, type Rounds } from './repeat.ts';
import { geometricMean, type Summary } from './statistics.ts';
import { type Workload, wrongResult } from './workload.ts';

/** Engines that are timed. `facts`: compiled code that trusts a verifier about every access. */
export const WASM_COLUMNS = ['wasm', 'facts', 'interpreter'] as const;
export type WasmColumn = (typeof WASM_COLUMNS)[number];

export interface WasmRow {
  readonly name: string;
  readonly slots: number;
  /** Executed by one run; ld_imm64 counts once. */
  readonly insns: number;
  /** Of one executed instruction, once V8 has optimised. */
  readonly ns: Readonly<Record<WasmColumn, Summary>>;
  readonly cNs?: Summary;
  /** Nanoseconds from the decoded program to the end of the first call, with an input that ends at once. */
  readonly firstCallNs: number;
  /** Bytes of the stand-alone module. */
  readonly bytes: number;
  readonly wrong?: string;
}

/** Runs are repeated for so long, for the clock's sake; first calls, for the sake of warmth. */
const SHORTEST_MS = 4;
const FIRST_CALLS_MS = 60;
const FIRST_CALL_ROUNDS = 5;

/** Times the engines on one input of each workload. */
export function benchWasm(
  workloads: readonly Workload[],
  size: 'quick' | 'full',
  native: NativeC | undefined,
  rounds: Rounds,
): WasmRow[] {
  const plans = workloads.map((workload) => plan(workload, size));
  const cases = plans.flatMap(({ workload, runs }): Case[] => {
    const input = workload[size];
    const ours = WASM_COLUMNS.map((column): Case => ({ name: `${workload.name} ${column}`, run: runs[column] }));
    if (native === undefined) return ours;
    const c = (): number => Math.min(...[1, 2, 3].map(() => native.run(workload, input.mem, 1).elapsedNs));
    return [...ours, { name: `${workload.name} C`, run: c }];
  });
  const summaries = interleave(cases, { warmUp: rounds.warmUp + 4, measured: rounds.measured });
  return plans.map(({ workload, insns, wrong }): WasmRow => {
    const { name, program } = workload;
    const perInsn = (key: string): Summary => {
      const summary = summaries.get(`${name} ${key}`)!;
      return { ...summary, min: summary.min / insns, median: summary.median / insns };
    };
    return {
      name,
      slots: program.insns.length,
      insns,
      ns: { wasm: perInsn('wasm'), facts: perInsn('facts'), interpreter: perInsn('interpreter') },
      ...(native !== undefined && { cNs: perInsn('C') }),
      firstCallNs: firstCall(workload),
      bytes: compileToWasm(program).bytes.length,
      ...(wrong !== undefined && { wrong }),
    };
  });
}

/** Geometric mean of the ratios to C, and the greatest. */
export function wasmRatio(
  rows: readonly WasmRow[],
  column: WasmColumn,
): { readonly mean: number; readonly most: number } {
  const ratios = rows.flatMap(({ ns, cNs, wrong }) =>
    cNs === undefined || wrong !== undefined ? [] : [ns[column].min / cNs.min],
  );
  return { mean: geometricMean(ratios), most: Math.max(...ratios) };
}

interface Plan {
  readonly workload: Workload;
  readonly insns: number;
  readonly wrong: string | undefined;
  readonly runs: Readonly<Record<WasmColumn, () => number>>;
}

function plan(workload: Workload, size: 'quick' | 'full'): Plan {
  const facts = new Uint8Array(workload.program.insns.length).fill(1);
  const engines: Record<WasmColumn, Engine> = {
    wasm: wasmEngine(),
    facts: wasmEngine({ facts }),
    interpreter: wasmInterpreterEngine(),
  };
  const input = workload[size];
  let insns = 0;
  let wrong: string | undefined;
  const prepare = (column: WasmColumn): (() => number) => {
    const memory = createMemory({ arena: createArena({ size: (8 << 20) + 2 * input.mem.length }) });
    const interpreter: Interpreter = createInterpreter(workload.program, { engine: engines[column], memory, budget: 2 ** 45 }); // prettier-ignore
    const mem = memory.allocate(input.mem.length);
    mem.set(input.mem);
    const first = interpreter.tryRun({ mem });
    insns = first.insnsExecuted;
    const problem = first.error?.message ?? wrongResult(input, { r0: first.r0, mem });
    if (problem !== undefined) wrong = `${column}: ${problem}`;
    const reset = (): void => mem.set(input.mem);
    return aloneTimer(reset, () => interpreter.tryRun({ mem }), SHORTEST_MS);
  };
  const runs = { wasm: prepare('wasm'), facts: prepare('facts'), interpreter: prepare('interpreter') };
  return { workload, insns, wrong, runs };
}

/** Decode, compile, instantiate, first call; the input says 0 rounds. The least of some, warm. */
function firstCall({ program, quick }: Workload): number {
  const arena = createArena();
  let mem: Uint8Array = new Uint8Array(0);
  let memory = createMemory({ arena });
  const fresh = (): void => {
    memory = createMemory({ arena });
    mem = memory.allocate(quick.mem.length);
  };
  const call = (): void => void createInterpreter(program, { engine: wasmEngine(), memory }).tryRun({ mem });
  const time = aloneTimer(fresh, call, FIRST_CALLS_MS);
  return Math.min(...Array.from({ length: FIRST_CALL_ROUNDS }, time));
}
