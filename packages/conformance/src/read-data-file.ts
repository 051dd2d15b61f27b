/**
 * The `.data` files of the public suite (Alan-Jowett/bpf_conformance): sections that start with `-- name`, comments
 * from `#`. `asm` is in ubpf syntax, `raw` are 64-bit little-endian words, `mem` is hex, `result` is r0.
 */
import { assemble } from '@polybpf/asm';
import { BpfError } from '@polybpf/errors';
import { decodeProgram, type Endian, INSN_SIZE, makeProgram, type Program } from '@polybpf/isa';
import { type Expectation, parseHex, type Vector } from './vector.ts';

/**
 * The vector of one `.data` file. Its truth is for little-endian memory.
 *
 * @throws BpfError `E_VECTOR_FORMAT` when a section is missing or malformed
 */
export function readDataFile(text: string, file: string): Vector {
  const sections = splitSections(text);
  const at = { file };
  const asm = sections.get('asm');
  const raw = sections.get('raw');
  if (asm === undefined && raw === undefined)
    throw new BpfError('E_VECTOR_FORMAT', 'no program', { at, expected: 'a section asm or raw' });
  const mem = parseHex((sections.get('mem') ?? '').replace(/#.*/g, ''));
  if (mem === undefined) throw new BpfError('E_VECTOR_FORMAT', 'section mem', { at, expected: 'hex bytes' });
  const expectation = readExpectation(sections, file);
  return {
    name: file.replace(/^.*\//, '').replace(/\.data$/, ''),
    source: 'bpf_conformance',
    mem,
    expect: { little: expectation },
    orders: ['little', 'big'],
    // A vector with both sections is decided by asm; raw is what its assembler made of it.
    build: (endian) =>
      asm === undefined ? buildRaw(raw!, file, endian) : assemble(asm, { endian, syntax: 'ubpf', name: 'main', file }),
  };
}

function splitSections(text: string): Map<string, string> {
  const sections = new Map<string, string>();
  let name: string | undefined;
  let lines: string[] = [];
  const close = (): void => {
    if (name !== undefined) sections.set(name, lines.join('\n'));
    lines = [];
  };
  for (const line of text.split(/\r?\n/)) {
    const header = /^--\s+(.*?)\s*$/.exec(line);
    if (header === null) {
      lines.push(line);
    } else {
      close();
      name = header[1]!;
    }
  }
  close();
  return sections;
}

function readExpectation(sections: ReadonlyMap<string, string>, file: string): Expectation {
  const result = sections.get('result')?.replace(/#.*/g, '').trim();
  if (result !== undefined && result !== '') {
    if (!/^(0x[0-9a-fA-F]{1,16}|-?\d+)$/.test(result)) throw new BpfError('E_VECTOR_FORMAT', 'section result', { at: { file }, expected: 'a number of up to 64 bits', got: result }); // prettier-ignore
    return { r0: BigInt.asUintN(64, BigInt(result)) };
  }
  if (sections.has('error')) return { error: '' };
  throw new BpfError('E_VECTOR_FORMAT', 'no expectation', { at: { file }, expected: 'a section result or error' });
}

function buildRaw(raw: string, file: string, endian: Endian): Program {
  const words = raw.replace(/#.*/g, '').split(/\s+/).filter((word) => word !== ''); // prettier-ignore
  const bytes = new Uint8Array(words.length * INSN_SIZE);
  const view = new DataView(bytes.buffer);
  words.forEach((word, i) => {
    if (!/^(0x[0-9a-fA-F]{1,16}|\d+)$/.test(word))
      throw new BpfError('E_VECTOR_FORMAT', 'section raw', { at: { file }, expected: '64-bit words', got: word });
    view.setBigUint64(i * INSN_SIZE, BigInt.asUintN(64, BigInt(word)), true);
  });
  // The words are little-endian instructions; the instructions themselves mean the same in either order.
  return makeProgram(decodeProgram(bytes, 'little'), { endian });
}
