/** Reading and writing programs: decode, encode, assemble, disassemble, load an object file. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assemble, disassemble } from '@polybpf/asm';
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

const OBJECTS: string = fileURLToPath(new URL('../../../examples/objects/little', import.meta.url));
const LARGE = 8192;
const SHORTEST_MS = 5;

/** Times each on one large program; loading on the objects of the examples. */
export function benchText(programs: readonly Program[], rounds: Rounds): TextRow[] {
  const program = concatenate(programs, LARGE);
  const encoded = encodeProgram(program.insns);
  const kernel = disassemble(program);
  const ubpf = disassemble(program, { syntax: 'ubpf' });
  const files = readdirSync(OBJECTS)
    .filter((name) => name.endsWith('.o'))
    .map((name) => new Uint8Array(readFileSync(join(OBJECTS, name))));
  const slots = program.insns.length;
  const loaded = files.flatMap((file) => loadObject(file).programs).reduce((sum, { insns }) => sum + insns.length, 0);
  const fileBytes = files.reduce((sum, file) => sum + file.length, 0);
  const rows: readonly (readonly [string, number, number, () => void])[] = [
    ['decode', slots, encoded.length, () => decodeProgram(encoded)],
    ['encode', slots, encoded.length, () => encodeProgram(program.insns)],
    ['disassemble, kernel syntax', slots, kernel.length, () => disassemble(program)],
    ['disassemble, ubpf syntax', slots, ubpf.length, () => disassemble(program, { syntax: 'ubpf' })],
    ['assemble, kernel syntax', slots, kernel.length, () => assemble(kernel)],
    ['assemble, ubpf syntax', slots, ubpf.length, () => assemble(ubpf, { syntax: 'ubpf' })],
    ['load objects', loaded, fileBytes, () => files.forEach((file) => loadObject(file))],
  ];
  const cases = rows.map(([name, , , work]): Case => ({ name, run: () => timed(work, SHORTEST_MS) }));
  const summaries = interleave(cases, rounds);
  return rows.map(([name, rowSlots, bytes]) => ({ name, slots: rowSlots, bytes, ns: summaries.get(name)! }));
}
