import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { decodeInsns, type Insn } from '@polybpf/isa';
import { describe, expect, test } from 'vitest';
import { loadObject } from '../src/load-object.ts';
import type { LoadedObject } from '../src/loaded-object.ts';
import { describeWithTools, inTemporaryFolder, run } from './system-tools.ts';

const FIXTURES = join(import.meta.dirname, 'fixtures');
const SHARED = process.env['POLYBPF_SHARED'] ?? join(import.meta.dirname, '../../../../shared');
const WORKLOADS = join(SHARED, 'bench/workloads/src');
const ORDERS = ['el', 'eb'] as const;

/** A compiler, its options for both byte orders, and what it is called. */
const COMPILERS: readonly (readonly [string, string, (order: 'el' | 'eb') => string[]])[] = [
  ...['v1', 'v2', 'v3'].map((cpu) => clang('14', cpu, '-O2')),
  ...['v1', 'v2', 'v3', 'v4'].map((cpu) => clang('19', cpu, '-O2', '-g')),
  clang('19', 'v3', '-O1'),
  ...['v1', 'v2', 'v3'].map((cpu) => gcc(cpu, '-O2')),
  gcc('v3', '-O2', '-gbtf'),
];

/** The workloads are many; these compilers stand for the rest. */
const WITH_WORKLOADS = /^(clang-14 v1|clang-19 v2|clang-19 v4|bpf-gcc v3 -O2$)/;

function clang(version: string, cpu: string, ...flags: string[]): (typeof COMPILERS)[number] {
  const command = (order: string): string[] => ['-target', `bpf${order}`, `-mcpu=${cpu}`, ...flags];
  return [`clang-${version} ${cpu} ${flags.join(' ')}`, `clang-${version}`, command];
}

function gcc(cpu: string, ...flags: string[]): (typeof COMPILERS)[number] {
  const order = (name: string): string => (name === 'eb' ? '-mbig-endian' : '-mlittle-endian');
  return [`bpf-gcc ${cpu} ${flags.join(' ')}`, 'bpf-gcc', (name) => [order(name), `-mcpu=${cpu}`, '-mxbpf', ...flags]];
}

describeWithTools(
  ['clang-14', 'clang-19', 'bpf-gcc', 'llvm-objdump-19', 'llvm-readelf-19'],
  'against LLVM tools',
  () => {
    const isShared = existsSync(WORKLOADS);
    if (!isShared && process.env['CI']) throw new Error('the shared folder with the workloads is missing');

    describe.each(COMPILERS)('%s', (_, compiler, flags) => {
      test.each(ORDERS)('fixtures, bpf%s', (order) => {
        for (const source of ['features.c', 'nested.c', 'plain.c', 'legacy.c']) {
          // Maps of features.c are defined by BTF.
          const options = source === 'features.c' ? [compiler === 'bpf-gcc' ? '-gbtf' : '-g'] : [];
          const { object, functions } = build(join(FIXTURES, source), compiler, [...flags(order), ...options]);
          expectSameCode(object, functions);
          expect(object.endian).toBe(order === 'el' ? 'little' : 'big');
        }
      });
    });

    const representatives = COMPILERS.filter(([title]) => WITH_WORKLOADS.test(title));
    describe.skipIf(!isShared).each(representatives)(`%s${isShared ? '' : ' (missing: shared folder)'}`, (...row) => {
      const [, compiler, flags] = row;
      test.each(ORDERS)('workloads, bpf%s', (order) => {
        const sources = readdirSync(WORKLOADS).filter((name) => name.endsWith('.c'));
        expect(sources.length).toBeGreaterThan(10);
        for (const source of sources) {
          const { object, functions } = build(join(WORKLOADS, source), compiler, flags(order));
          expect([source, object.programs.map(({ name }) => name)]).toEqual([source, ['prog']]);
          expectSameCode(object, functions);
          // gcc calls its own library for what it has no instructions for; the names must survive.
          const open = object.unresolved.map(({ kind, symbol }) => `${kind} ${symbol}`);
          expect(open.filter((text) => compiler !== 'bpf-gcc' || !/^kfunc (__|abort$)/.test(text))).toEqual([]);
        }
      });
    });
  },
);

/** Slots of a function as llvm-objdump prints their bytes. */
type Functions = ReadonlyMap<string, readonly Insn[]>;

function build(
  source: string,
  compiler: string,
  flags: readonly string[],
): { object: LoadedObject; functions: Functions } {
  return inTemporaryFolder((folder) => {
    const path = join(folder, `${basename(source)}.o`);
    run(compiler, ...flags, '-c', source, '-o', path);
    const object = loadObject(new Uint8Array(readFileSync(path)));
    expectSamePrograms(object, path);
    const names = new Set(object.programs.flatMap(({ subprograms }) => subprograms.map(({ name }) => name)));
    return { object, functions: disassembled(path, object.endian, names) };
  });
}

/** Every global function outside `.text`, or of `.text` when there is no other, as llvm-readelf lists them. */
function expectSamePrograms(object: LoadedObject, path: string): void {
  const [file] = JSON.parse(run('llvm-readelf-19', '-S', '-s', '--elf-output-style=JSON', path)) as [ReadelfFile];
  const functions = file.Symbols.map(({ Symbol }) => Symbol).filter((s) => s.Type.Name === 'Function');
  const global = functions.filter((s) => s.Binding.Name !== 'Local' && s.Section.Name !== 'Undefined');
  const outside = global.filter((s) => s.Section.Name !== '.text');
  const expected = (outside.length > 0 ? outside : global).map((s) => `${s.Section.Name} ${s.Name.Name}`);
  expect(object.programs.map(({ section, name }) => `${section} ${name}`).sort()).toEqual(expected.sort());
}

interface ReadelfFile {
  readonly Symbols: readonly {
    readonly Symbol: Record<'Name' | 'Type' | 'Binding' | 'Section', { readonly Name: string }>;
  }[];
}

/** Labels of basic blocks, which clang 14 leaves in, do not end a function. */
function disassembled(path: string, endian: 'little' | 'big', names: ReadonlySet<string>): Functions {
  const functions = new Map<string, string[]>();
  let current: string[] = [];
  for (const line of run('llvm-objdump-19', '-d', path).split('\n')) {
    const label = /^[0-9a-f]+ <(.*)>:$/.exec(line)?.[1];
    if (label !== undefined && names.has(label)) functions.set(label, (current = []));
    const bytes = /^\s+[0-9a-f]+:\t([0-9a-f]{2}(?: [0-9a-f]{2})*)/.exec(line)?.[1];
    if (bytes !== undefined) current.push(bytes.replaceAll(' ', ''));
  }
  return new Map(
    [...functions].map(([name, lines]) => [
      name,
      decodeInsns(new Uint8Array(Buffer.from(lines.join(''), 'hex')), endian),
    ]),
  );
}

/** All fields of all instructions, but for `src_reg` and `imm` where something was relocated. */
function expectSameCode(object: LoadedObject, functions: Functions): void {
  for (const program of object.programs) {
    const symbolic = new Set(program.relocations.map(({ insn }) => insn));
    for (const { name, start, end } of program.subprograms) {
      const ours = program.insns.slice(start, end);
      const theirs = functions.get(name) ?? [];
      const changed = ours.map((insn, k) => {
        const isLocal = (insn.opcode === 0x85 && insn.src_reg === 1) || (insn.opcode === 0x18 && insn.src_reg === 4);
        return isLocal || symbolic.has(start + k) || symbolic.has(start + k - 1);
      });
      const mask = (insn: Insn, k: number): object => (changed[k] ? { ...insn, src_reg: 0, imm: 0 } : insn);
      expect({ name, insns: ours.map(mask) }).toEqual({ name, insns: theirs.map(mask) });
    }
  }
}
