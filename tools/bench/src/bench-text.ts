/** Reading and writing programs: decode, encode, assemble, disassemble; load object files, also for a kernel (CO-RE). */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assemble, disassemble } from '@polybpf/asm';
import { parseBtf } from '@polybpf/btf';
import { decodeProgram, encodeProgram, type Program } from '@polybpf/isa';
import { loadObject } from '@polybpf/loader';
import { concatenate } from './concatenate.ts';
import { type Case, interleave, type Rounds, timed } from './repeat.ts';
import type { Summary } from './statistics.ts';

export interface TextRow {
  readonly name: string;
  /** Slots that one pass takes. */
  readonly slots: number;
  /** Bytes read or written in one pass: of the program, the text, the files. */
  readonly bytes: number;
  readonly ns: Summary;
}

/** Objects that are loaded, and where they are from. */
export interface ObjectSet {
  readonly origin: string;
  readonly files: readonly Uint8Array[];
  /** Types of the running kernel, for which the objects are made; absent where there are none, or the objects have no use for them. */
  readonly kernelTypes?: Uint8Array;
}

const OBJECTS: string = fileURLToPath(new URL('../../../examples/objects/little', import.meta.url));
const LARGE = 8192;
const SHORTEST_MS = 5;

/** How many of the largest objects are loaded. */
const LARGEST = 8;
const VMLINUX = '/sys/kernel/btf/vmlinux';

/** The largest of these objects, which use the types of a kernel; without any the objects of the examples, which do not. */
export function largestObjects(found: readonly Uint8Array[], origin: string): ObjectSet {
  if (found.length === 0) {
    const names = readdirSync(OBJECTS).filter((name) => name.endsWith('.o'));
    return { origin: 'examples', files: names.map((name) => new Uint8Array(readFileSync(join(OBJECTS, name)))) };
  }
  const files = [...found].sort((a, b) => b.length - a.length).slice(0, LARGEST);
  const kernelTypes = existsSync(VMLINUX) ? new Uint8Array(readFileSync(VMLINUX)) : undefined;
  return {
    origin: `the ${files.length} largest of ${origin}`,
    files,
    ...(kernelTypes !== undefined && { kernelTypes }),
  };
}

/** Times each on one large program, and on the objects. */
export function benchText(programs: readonly Program[], objects: ObjectSet, rounds: Rounds): TextRow[] {
  const program = concatenate(programs, LARGE);
  const encoded = encodeProgram(program.insns);
  const kernel = disassemble(program);
  const ubpf = disassemble(program, { syntax: 'ubpf' });
  const { files, origin, kernelTypes } = objects;
  const loadedPrograms = files.flatMap((file) => loadObject(file).programs);
  const slots = program.insns.length;
  const loaded = loadedPrograms.reduce((sum, { insns }) => sum + insns.length, 0);
  const textBytes = loadedPrograms.reduce((sum, one) => sum + disassemble(one).length, 0);
  const targetBtf = kernelTypes === undefined ? undefined : parseBtf(kernelTypes);
  const fileBytes = files.reduce((sum, file) => sum + file.length, 0);
  const rows: (readonly [string, number, number, () => void])[] = [
    ['decode', slots, encoded.length, () => decodeProgram(encoded)],
    ['encode', slots, encoded.length, () => encodeProgram(program.insns)],
    ['disassemble, kernel syntax', slots, kernel.length, () => disassemble(program)],
    ['disassemble, ubpf syntax', slots, ubpf.length, () => disassemble(program, { syntax: 'ubpf' })],
    ['assemble, kernel syntax', slots, kernel.length, () => assemble(kernel)],
    ['assemble, ubpf syntax', slots, ubpf.length, () => assemble(ubpf, { syntax: 'ubpf' })],
    [`load, ${origin}`, loaded, fileBytes, () => files.forEach((file) => loadObject(file))],
    [`disassemble, ${origin}`, loaded, textBytes, () => loadedPrograms.forEach((one) => disassemble(one))],
  ];
  if (targetBtf !== undefined) {
    // CO-RE: every field access found in the kernel's types.
    rows.push([`load for this kernel, ${origin}`, loaded, fileBytes, () => files.forEach((file) => loadObject(file, { targetBtf }))]); // prettier-ignore
    rows.push(["parse the kernel's BTF", 0, kernelTypes!.length, () => parseBtf(kernelTypes!)]);
  }
  const cases = rows.map(([name, , , work]): Case => ({ name, run: () => timed(work, SHORTEST_MS) }));
  const summaries = interleave(cases, rounds);
  return rows.map(([name, rowSlots, bytes]) => ({ name, slots: rowSlots, bytes, ns: summaries.get(name)! }));
}
