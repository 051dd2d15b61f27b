/** Where the workloads come from: the shared folder, else the examples. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runProgram } from '@polybpf/interpreter';
import { decodeProgram, makeProgram, type Program } from '@polybpf/isa';
import { loadObject } from '@polybpf/loader';
import { sha256 } from './sha256.ts';
import type { Workload, WorkloadInput, WorkloadSet } from './workload.ts';

interface Manifest {
  readonly workloads: readonly {
    readonly name: string;
    readonly isa: Readonly<Record<string, { readonly file: string }>>;
    readonly inputs: Readonly<Record<'quick' | 'full', ManifestInput>>;
  }[];
}
interface ManifestInput {
  readonly file: string;
  readonly patch_u32_at_0: number;
  readonly len: number;
  readonly r0: string;
  readonly mem_sha256_after: string;
}

/** The bytecode that is timed: what clang makes today, 32-bit jumps and arithmetic included. */
const ISA = 'v3';
const KERNEL_ISA = 'v3k';
/** `HDR` of the sources: sizes and the number of rounds. */
const HEADER_WORDS = 16;
const EXAMPLES: string = fileURLToPath(new URL('../../../examples', import.meta.url));

/**
 * The workloads of the shared folder, or the examples where there is none.
 *
 * @param shared - the folder, see `sharedFolder`
 */
export function loadWorkloads(shared: string | undefined): WorkloadSet {
  return shared === undefined
    ? { origin: 'examples', workloads: exampleWorkloads(EXAMPLES) }
    : { origin: 'shared', workloads: sharedWorkloads(join(shared, 'bench/workloads')) };
}

function sharedWorkloads(folder: string): Workload[] {
  const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as Manifest;
  return manifest.workloads.map(({ name, isa, inputs }) => {
    const programOf = (variant: string): Program => {
      const bytes = new Uint8Array(readFileSync(join(folder, isa[variant]!.file)));
      return makeProgram(decodeProgram(bytes), { name });
    };
    const inputOf = (input: ManifestInput): WorkloadInput => {
      const mem = new Uint8Array(input.len);
      mem.set(readFileSync(join(folder, input.file)).subarray(0, input.len));
      new DataView(mem.buffer).setUint32(0, input.patch_u32_at_0, true);
      return { mem, r0: BigInt(input.r0), memHash: input.mem_sha256_after };
    };
    return {
      name,
      program: programOf(ISA),
      ...(isa[KERNEL_ISA] !== undefined && { forKernel: programOf(KERNEL_ISA) }),
      source: join(folder, 'src', `${name}.c`),
      function: 'prog',
      headerWords: HEADER_WORDS,
      quick: inputOf(inputs.quick),
      full: inputOf(inputs.full),
    };
  });
}

interface ExampleManifest {
  readonly examples: readonly {
    readonly source: string;
    readonly program: string;
    readonly title: string;
    readonly mem: string;
    readonly expect: { readonly little: string };
  }[];
}

function exampleWorkloads(folder: string): Workload[] {
  const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as ExampleManifest;
  const workloads: Workload[] = [];
  for (const { source, program: name, mem, expect } of manifest.examples) {
    const object = loadObject(new Uint8Array(readFileSync(join(folder, 'objects/little', `${source}.o`))));
    const program = object.programs.find((candidate) => candidate.name === name);
    // One input of each source is enough, and helpers would be timed instead of the program that calls them.
    if (program === undefined || workloads.some((known) => known.name === name) || callsHelpers(program)) continue;
    const short = new Uint8Array(Buffer.from(mem, 'hex'));
    checkExample(name, program, short, BigInt(expect.little));
    const [quick, full] = [LONG_INPUT, 4 * LONG_INPUT].map((length) => longInput(program, short, length));
    workloads.push({ name, program, source: join(folder, 'src', `${source}.c`), function: name, quick: quick!, full: full! }); // prettier-ignore
  }
  return workloads;
}

/** The committed inputs take microseconds; timed are longer ones, the same bytes again and again. */
const LONG_INPUT = 1024;

/** What C made of the committed input must be what the interpreter makes of it: it tells what longer ones give. */
function checkExample(name: string, program: Program, mem: Uint8Array, expected: bigint): void {
  const { r0 } = runProgram(program, { mem: mem.slice() });
  if (r0 !== expected) throw new Error(`${name}: the interpreter gives 0x${r0.toString(16)}, native C 0x${expected.toString(16)}`); // prettier-ignore
}

function longInput(program: Program, short: Uint8Array, length: number): WorkloadInput {
  const mem = Uint8Array.from({ length }, (_, i) => short[i % short.length]!);
  const after = mem.slice();
  const { r0 } = runProgram(program, { mem: after });
  return { mem, r0, memHash: sha256(after) };
}

function callsHelpers(program: Program): boolean {
  return program.insns.some((insn) => insn.opcode === 0x85 && insn.src_reg === 0);
}
