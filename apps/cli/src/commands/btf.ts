/** `polybpf btf dump` and `polybpf btf diff`: types of kernels and objects. */
import {
  type Btf,
  type BtfDifference,
  describeBtfType,
  diffBtf,
  findTypes,
  printC,
  printRawBtf,
  printTypeScript,
  typeById,
} from '@polybpf/btf';
import { BpfError } from '@polybpf/errors';
import type { Command } from 'commander';
import { Option } from 'commander';
import { readBtfFile } from '../btf-file.ts';
import { EXIT_DONE, EXIT_FAILED } from '../exit-code.ts';
import { writeStdout } from '../files.ts';
import { printJson, printLine } from '../print.ts';

const FORMATS = ['raw', 'c', 'ts', 'json'] as const;
const FILE = 'ELF file with a section .BTF, plain BTF, or live for the running kernel; - is standard input';

interface DumpFlags {
  readonly format: (typeof FORMATS)[number];
  readonly type: readonly string[];
  readonly base?: string;
  readonly json?: boolean;
}

interface DiffFlags {
  readonly json?: boolean;
}

/**
 * Adds the sub-commands.
 *
 * @param finish - told the exit status of a sub-command that ends badly without an error of its own
 */
export function addBtfCommands(btf: Command, finish: (exitCode: number) => void): void {
  const add = (name: string, description: string): Command =>
    btf
      .command(name)
      .description(description)
      .exitOverride()
      .option('--json', 'print one JSON document; schemas/btf-*.schema.json in the package describes it');
  add('dump', 'print the types of a file')
    .argument('<FILE>', FILE)
    .addOption(
      new Option('--format <format>', 'raw and json as from bpftool, C that compilers take, or TypeScript')
        .choices(FORMATS)
        .default('raw'),
    ) // prettier-ignore
    .option('--type <NAME>', 'only this type, with all that it needs; may be given again', collect, [])
    .option('--base <FILE>', 'what a split BTF (of a kernel module) builds on')
    .action((file: string, flags: DumpFlags) => runBtfDump(file, flags));
  add('diff', 'compare the types of two files by name; exit status 1 when they differ')
    .argument('<A>', FILE)
    .argument('<B>', FILE)
    .action((a: string, b: string, flags: DiffFlags) => finish(runBtfDiff(a, b, flags) ? EXIT_DONE : EXIT_FAILED));
}

function collect(value: string, previous: string[]): string[] {
  return [...previous, value];
}

function runBtfDump(path: string, flags: DumpFlags): void {
  const base = flags.base === undefined ? undefined : readBtfFile(flags.base);
  const btf = readBtfFile(path, base);
  const roots = flags.type.length === 0 ? undefined : flags.type.flatMap((name) => idsOf(btf, name));
  const format = flags.json === true ? 'json' : flags.format;
  switch (format) {
    case 'raw':
      writeStdout(printRawBtf(btf, roots));
      return;
    case 'json': {
      const types = roots === undefined ? btf.types.filter(({ kind }) => kind !== 'VOID') : roots.map((id) => typeById(btf, id)); // prettier-ignore
      printJson({ endian: btf.endian, types: types.map(describeBtfType) });
      return;
    }
    case 'c':
      writeStdout(printC(btf, roots === undefined ? { guard: '__VMLINUX_H__' } : { roots }));
      return;
    case 'ts':
      writeStdout(printTypeScript(btf, roots === undefined ? {} : { roots }));
  }
}

function idsOf(btf: Btf, name: string): number[] {
  const found = findTypes(btf, name).filter(({ kind }) => kind !== 'FWD');
  if (found.length === 0)
    throw new BpfError('E_INPUT', 'type', { expected: 'the name of a type of the file', got: name });
  return found.map(({ id }) => id);
}

/** @returns whether there is no difference */
function runBtfDiff(a: string, b: string, flags: DiffFlags): boolean {
  const differences = diffBtf(readBtfFile(a), readBtfFile(b));
  if (flags.json === true) printJson({ differences: differences.map(describe) });
  else for (const difference of differences) print(difference);
  return differences.length === 0;
}

function describe({ kind, name, change, details }: BtfDifference): object {
  const plain = details.map(({ what, before, after }) => ({ what, before: before ?? null, after: after ?? null }));
  return { kind, name, change, details: plain };
}

const SIGNS = { added: '+', removed: '-', changed: '~' } as const;

function print({ kind, name, change, details }: BtfDifference): void {
  printLine(`${SIGNS[change]} ${kind.toLowerCase()} ${name}`);
  for (const { what, before, after } of details) {
    if (before === undefined) printLine(`    + ${what}: ${after ?? ''}`);
    else if (after === undefined) printLine(`    - ${what}: ${before}`);
    else printLine(`    ~ ${what}: ${before} -> ${after}`);
  }
}
