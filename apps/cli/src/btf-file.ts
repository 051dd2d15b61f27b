/** Types of a kernel or object, from whatever holds them. */
import { readFileSync } from 'node:fs';
import { type Btf, parseBtf } from '@polybpf/btf';
import { isElf, readElf } from '@polybpf/elf';
import { BpfError } from '@polybpf/errors';
import { readInput } from './files.ts';

/** The types of the running kernel. */
export const LIVE_BTF = '/sys/kernel/btf/vmlinux';

/**
 * BTF of a file: an ELF file with a section `.BTF` (an object, a vmlinux image) or plain BTF. `live` is the running
 * kernel's.
 *
 * @param base - what a split BTF (of a kernel module) builds on
 * @throws BpfError `E_INPUT` when it cannot be read or holds no BTF, `E_BTF_*`, `E_ELF_*`
 */
export function readBtfFile(path: string, base?: Btf): Btf {
  const file = path === 'live' ? LIVE_BTF : path;
  const bytes = readInput(file);
  if (!isElf(bytes)) return parseBtf(bytes, base);
  const section = readElf(bytes).sections.find(({ name }) => name === '.BTF');
  if (section === undefined || section.data.length === 0) {
    throw new BpfError('E_INPUT', `${path} holds no types`, { expected: 'a section .BTF (compile with -g)' });
  }
  return parseBtf(section.data, base);
}

/** Several files: the kernel's types, then those of its modules, which build on them. */
export function readTargetBtf(paths: readonly string[]): Btf[] {
  const [first, ...modules] = paths;
  if (first === undefined) return [];
  const kernel = readBtfFile(first);
  return [kernel, ...modules.map((path) => readBtfFile(path, kernel))];
}

/** The running kernel's types, where there are any that this process may read. */
export function tryLiveBtf(): Btf | undefined {
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(readFileSync(LIVE_BTF));
  } catch {
    return undefined;
  }
  return parseBtf(bytes);
}
