/**
 * `npm run demo`: clang's objects of `examples/` through the whole chain, in both byte orders: disassembled, run in the
 * interpreter, compiled for every CPU and run there, and compared with what the C compiler's native code returned.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { disassemble } from '@polybpf/asm';
import { isBpfError } from '@polybpf/errors';
import { createInterpreter, type Helper } from '@polybpf/interpreter';
import type { Endian, Program } from '@polybpf/isa';
import { formatListing } from '@polybpf/jit';
import { loadObject } from '@polybpf/loader';
import { openMachine } from '@polybpf/machine';
import { ALL_TARGETS } from '@polybpf/targets';

interface Example {
  readonly source: string;
  readonly program: string;
  readonly title: string;
  readonly mem: string;
  readonly expect: Readonly<Record<Endian, string>>;
}

type Row = readonly [program: string, cpu: string, bytes: string, result: string, agrees: string];

const examples = new URL('../../examples/', import.meta.url);
const { examples: list } = JSON.parse(readFileSync(new URL('manifest.json', examples), 'utf8')) as {
  examples: Example[];
};
const start = performance.now();
let disagreements = 0;
let missing = 0;

showOne(list[2]!);
const rows: Row[] = [['PROGRAM', 'CPU', 'BYTES', 'RESULT', 'AGREES WITH C']];
for (const example of list) {
  for (const endian of ['little', 'big'] as const) rows.push(interpret(example, endian));
  for (const target of ALL_TARGETS) rows.push(runNative(example, target));
}
console.log(table(rows));
const seconds = ((performance.now() - start) / 1000).toFixed(1);
console.log(
  `\n${list.length} programs, ${rows.length - 1} runs, ${disagreements} disagreements, ${missing} not run here, ${seconds} s`,
);
if (disagreements > 0) process.exitCode = 1;

/** One program in full: eBPF text with its C source, and the machine code of one CPU. */
function showOne(example: Example): void {
  const program = load(example, 'little');
  console.log(
    `${fileURLToPath(new URL(`src/${example.source}.c`, examples))
      .split('/')
      .slice(-3)
      .join('/')}, compiled by clang to eBPF:\n`,
  );
  console.log(disassemble(program, { source: true, targets: 'labels', directives: false }));
  const target = ALL_TARGETS[0]!;
  console.log(`and by polybpf to ${target.title}:\n`);
  using machine = openMachine(target);
  console.log(formatListing(machine.prepare(program).compiled));
}

function load({ source, program }: Example, endian: Endian): Program {
  const object = loadObject(new Uint8Array(readFileSync(new URL(`objects/${endian}/${source}.o`, examples))));
  return object.programs.find(({ name }) => name === program)!;
}

/** Time that advances by 1000 a call and the generator of examples/src/reference-main.c. */
function helpers(): Helper[] {
  let now = 0n;
  let state = 1;
  return [
    { id: 5, name: 'bpf_ktime_get_ns', call: () => (now += 1000n) },
    { id: 7, name: 'bpf_get_prandom_u32', call: () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) },
  ];
}

function interpret(example: Example, endian: Endian): Row {
  const program = load(example, endian);
  const { r0 } = createInterpreter(program, { helpers: helpers() }).run({ mem: bytesOf(example.mem) });
  return row(example, `interpreter, ${endian}`, program.insns.length * 8, r0, endian);
}

function runNative(example: Example, target: (typeof ALL_TARGETS)[number]): Row {
  try {
    using machine = openMachine(target);
    const own = helpers();
    const prepared = machine.prepare(load(example, target.endian), {
      helpers: {
        helper: (id) => own.find((helper) => helper.id === id) as { id: number; call(): bigint | number } | undefined,
      },
    });
    const { r0 } = prepared.run({ mem: bytesOf(example.mem) });
    return row(example, target.name, prepared.compiled.code.length, r0, target.endian);
  } catch (error) {
    if (!isBpfError(error) || error.code !== 'E_MACHINE_MISSING') throw error;
    missing++;
    return [example.program, target.name, '', `not run: ${error.message}`, ''];
  }
}

function row(example: Example, cpu: string, bytes: number, r0: bigint, endian: Endian): Row {
  const result = `0x${r0.toString(16).padStart(16, '0')}`;
  const agrees = result === example.expect[endian];
  if (!agrees) disagreements++;
  return [example.program, cpu, String(bytes), result, agrees ? 'yes' : `no: ${example.expect[endian]}`];
}

function bytesOf(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}

function table(lines: readonly Row[]): string {
  const widths = lines[0]!.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)));
  return lines.map((line) => line.map((cell, i) => (i === 2 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))).join('  ').trimEnd()).join('\n'); // prettier-ignore
}
