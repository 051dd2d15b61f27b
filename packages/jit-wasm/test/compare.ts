/** Runs a program on the interpreter and on an engine, and says where they differ: results, faults, counts, memory. */
import { type Arena, createArena, createInterpreter, createMemory, type Engine, type Helper, type InterpreterOptions, unwindHelper } from '@polybpf/interpreter'; // prettier-ignore
import type { Program } from '@polybpf/isa';
import { autoEngine, wasmEngine, wasmInterpreterEngine } from '../src/index.ts';

export const ENGINES: Readonly<Record<string, () => Engine>> = {
  wasm: () => wasmEngine(),
  'wasm-interpreter': () => wasmInterpreterEngine(),
  auto: () => autoEngine({ threshold: 10 }),
};

/** Helpers of tests: 1 gives r1 back, 2 calls the function in r1 with r2, 3 writes where r1 points, 5 unwinds. */
export const HELPERS: readonly Helper[] = [
  { id: 1, call: (cx) => cx.arg(1) },
  { id: 2, call: (cx) => cx.call(cx.arg(1), [cx.arg(2), 7]) + 1n },
  { id: 3, call: (cx) => void cx.memory.write(cx.arg(1), 8, 0x1122334455667788n) },
  { id: 4, call: (cx) => void cx.setResult(cx.arg(3) + cx.arg(0)) },
  unwindHelper(5),
];

/** What a run is given. */
export interface Input {
  readonly mem?: Uint8Array;
  readonly packet?: Uint8Array;
  readonly args?: readonly bigint[];
}

let shared: Arena | undefined;

/** Everything that a run shows, as text; `runs` of the same interpreter one after the other. */
export function observe(program: Program, input: Input, options: InterpreterOptions, runs = 1): string {
  const engine = options.engine;
  if (engine !== undefined) shared ??= createArena();
  const memory = createMemory({ endian: program.endian, ...(engine === undefined ? {} : { arena: shared! }) });
  const interpreter = createInterpreter(program, { helpers: HELPERS, ...options, memory });
  const lines: string[] = [];
  for (let run = 0; run < runs; run++) {
    const mem = input.mem?.slice();
    const packet = input.packet?.slice();
    const { r0, fault, insnsExecuted } = interpreter.tryRun({
      ...(mem === undefined ? {} : { mem }),
      ...(packet === undefined ? {} : { packet }),
      ...(input.args === undefined ? {} : { args: input.args }),
    });
    const frames = memory.regions.filter(({ kind, data }) => kind === 'stack' && data.some((byte) => byte !== 0));
    lines.push(
      [
        fault === undefined ? `r0 ${r0.toString(16)}` : text(fault),
        `insns ${insnsExecuted}`,
        `mem ${hex(mem)} packet ${hex(packet)}`,
        ...frames.map(({ name, data }) => `${name} ${hex(data)}`),
        ...memory.regions.flatMap(({ kind, name, data }) => (kind === 'data' ? [`${name} ${hex(data)}`] : [])),
      ].join('\n'),
    );
  }
  return lines.join('\n---\n');
}

function hex(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? '-' : [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

function text(value: object): string {
  return JSON.stringify(value, (key, field: unknown) =>
    key === 'reason' ? undefined : typeof field === 'bigint' ? field.toString(16) : field,
  );
}
