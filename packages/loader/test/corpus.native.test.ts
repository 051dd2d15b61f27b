import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type Btf, encodeBtf, parseBtf, printC } from '@polybpf/btf';
import { isBpfError } from '@polybpf/errors';
import { decodeInsns, type Insn, type Program } from '@polybpf/isa';
import { describe, expect, test } from 'vitest';
import { generateTypeScript } from '../src/generate-typescript.ts';
import { loadObject } from '../src/load-object.ts';
import type { LoadedObject } from '../src/loaded-object.ts';
import { ciliumObjects, type CorpusObject, libbpfTools } from './corpus.ts';
import { fixtureBytes } from './fixture.ts';
import { describeWithTools, inTemporaryFolder, run } from './system-tools.ts';

const VMLINUX = '/sys/kernel/btf/vmlinux';
const tools = libbpfTools();
const cilium = ciliumObjects();
const missing = [
  ...(tools.length === 0 ? ['libbpf-tools'] : []),
  ...(cilium.length === 0 ? ['golang-github-cilium-ebpf-dev'] : []),
  ...(existsSync('/usr/include/bpf/libbpf.h') ? [] : ['libbpf-dev']),
  ...(existsSync(VMLINUX) ? [] : [VMLINUX]),
  ...(process.platform === 'linux' && process.arch === 'x64' && process.getuid?.() === 0 ? [] : ['root on x86_64']),
];
if (missing.length > 0 && process.env['CI']) throw new Error(`missing: ${missing.join(', ')}`);

const describeCorpus = missing.length > 0 ? describe.skip : describe;
const suffix = missing.length > 0 ? ` (missing: ${missing.join(', ')})` : '';

/** Why libbpf 1.1 does not come as far as the first program, by what it says. */
const LIBBPF_REFUSALS =
  /endianness mismatch|legacy map definitions|is static and not supported|failed to find BTF for extern|: $/;

describeCorpus(`objects of Debian packages${suffix}`, () => {
  const vmlinux = missing.length > 0 ? undefined : parseBtf(new Uint8Array(readFileSync(VMLINUX)));

  test('all load', () => {
    expect([tools.length, cilium.length]).toEqual([52, 36]);
    const refused = [...tools, ...cilium].flatMap(({ name, bytes }) => {
      try {
        loadObject(bytes);
        return [];
      } catch (error) {
        return isBpfError(error) ? [`${name} ${error.code}`] : [`${name} ${String(error)}`];
      }
    });
    expect(refused).toEqual([]);
  });

  test('programs and CO-RE equal libbpf, for the kernel that runs here', () => {
    inTemporaryFolder((folder) => {
      const oracle = buildOracle(folder);
      const totals = { programs: 0, relocations: 0, objects: 0 };
      for (const object of [...tools, ...cilium]) {
        const result = compare(oracle, folder, object, vmlinux!, VMLINUX);
        if (result === undefined) continue;
        totals.objects++;
        totals.programs += result.programs;
        totals.relocations += result.relocations;
      }
      expect(totals.objects).toBeGreaterThanOrEqual(58);
      expect(totals.programs).toBeGreaterThan(240);
      expect(totals.relocations).toBeGreaterThan(500);
    });
  });

  test('their types as C and as TypeScript compile', () => {
    inTemporaryFolder((folder) => {
      const objects = [...tools, ...cilium].map(({ bytes }) => ({ bytes, object: loadObject(bytes) }));
      const headers = objects.flatMap(({ object }, k) => {
        if (object.btf === undefined) return [];
        const file = join(folder, `${k}.c`);
        writeFileSync(file, printC(object.btf));
        return [file];
      });
      expect(headers.length).toBeGreaterThan(80);
      run('clang-19', '-target', 'bpf', '-w', '-fsyntax-only', ...headers);
      const modules = objects.map(({ object, bytes }, k) => {
        const file = join(folder, `${k}.ts`);
        writeFileSync(file, generateTypeScript(object, { source: String(k), bytes: { [object.endian]: bytes } }));
        return file;
      });
      const tsc = join(dirname(createRequire(import.meta.url).resolve('@typescript/native/package.json')), 'bin/tsc');
      run(process.execPath, tsc, '--ignoreConfig', '--noEmit', '--strict', '--target', 'es2022', '--lib', 'es2023,dom', ...modules); // prettier-ignore
    });
  });

  test('big-endian twins of the Go package come out alike, for the same kernel in big-endian', () => {
    const big = parseBtf(encodeBtf({ ...vmlinux!, endian: 'big' }));
    let pairs = 0;
    for (const { name, bytes } of cilium.filter((object) => object.name.endsWith('-eb.elf'))) {
      const twin = cilium.find((object) => object.name === name.replace('-eb.elf', '-el.elf'))!;
      const [ours, theirs] = [appliedTo(bytes, big), appliedTo(twin.bytes, vmlinux!)];
      expect({ name, applied: ours }).toEqual({ name, applied: theirs });
      pairs += Array.isArray(ours) ? ours.length : 0;
    }
    expect(pairs).toBeGreaterThan(100);
  });
});

describeWithTools(['gcc', 'clang-19'], `core.c against libbpf${suffix}`, () => {
  test.skipIf(missing.length > 0)('every relocation, with the types of core-target.c', () => {
    inTemporaryFolder((folder) => {
      const target = join(folder, 'target.o');
      const source = join(import.meta.dirname, 'fixtures', 'core-target.c');
      run('clang-19', '-target', 'bpfel', '-g', '-O2', '-c', source, '-o', target);
      const { btf } = loadObject(new Uint8Array(readFileSync(target)));
      const object = { name: 'core.c', bytes: fixtureBytes('core.clang19.el.o') };
      const result = compare(buildOracle(folder), folder, object, btf!, target);
      expect(result?.programs).toBe(21);
      expect(result?.relocations).toBe(90);
    });
  });
});

function buildOracle(folder: string): string {
  const oracle = join(folder, 'relocate');
  execFileSync('gcc', ['-O1', join(import.meta.dirname, 'libbpf-relocate.c'), '-o', oracle, '-lbpf']);
  return oracle;
}

/** What the relocations of an object come to; the bit fields' shifts, which the byte order decides, left out. */
function appliedTo(bytes: Uint8Array, targetBtf: Btf): readonly string[] | string {
  try {
    const { details } = loadObject(bytes, { targetBtf });
    return details.flatMap(({ name, appliedCore }) =>
      appliedCore
        .filter(({ kind }) => kind !== 'field_lshift_u64')
        .map(({ insn, kind, outcome, after }) => `${name} ${insn} ${kind} ${outcome} ${after}`),
    );
  } catch (error) {
    if (!isBpfError(error)) throw error;
    return error.message;
  }
}

/** Fails where a program is not what libbpf makes of it; undefined where libbpf does not take the object. */
function compare(
  oracle: string,
  folder: string,
  { name, bytes }: CorpusObject,
  targetBtf: Btf,
  targetFile: string,
): { programs: number; relocations: number } | undefined {
  const file = join(folder, 'object.o');
  writeFileSync(file, bytes);
  const { stdout, stderr } = spawnSync(oracle, [file, targetFile], { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (/^fail/m.test(stdout)) {
    expect(`${name}: ${stderr}`).toMatch(LIBBPF_REFUSALS);
    return undefined;
  }
  const maps = new Map([...stdout.matchAll(/^map (\d+) (.*)$/gm)].map(([, fd, map]) => [Number(fd), map!]));
  const object = loadObject(bytes, { targetBtf });
  const expected = Object.fromEntries(
    [...stdout.matchAll(/^prog (\S+) (\S*)$/gm)].map(([, program, hex]) => [program, theirs(hex!, maps)]),
  );
  const got = Object.fromEntries(object.programs.map((program) => [program.name, ours(program, object)]));
  expect({ name, programs: got }).toEqual({ name, programs: expected });
  const relocations = object.details.reduce((sum, { appliedCore }) => sum + appliedCore.length, 0);
  return { programs: object.programs.length, relocations };
}

type NamedInsn = Omit<Insn, 'imm'> & { readonly imm: number | string };

/** Maps by name instead of file descriptor; libbpf puts the name of the object before those of data sections. */
function theirs(hex: string, maps: ReadonlyMap<number, string>): NamedInsn[] {
  return decodeInsns(new Uint8Array(Buffer.from(hex, 'hex')), 'little').map((insn) => {
    if (insn.opcode !== 0x18 || (insn.src_reg !== 1 && insn.src_reg !== 2)) return insn;
    return { ...insn, imm: (maps.get(insn.imm) ?? '?').replace(/^[^.]+(?=\.)/, '') };
  });
}

function ours({ insns }: Program, { maps }: LoadedObject): NamedInsn[] {
  return insns.map((insn) => {
    if (insn.opcode !== 0x18 || (insn.src_reg !== 5 && insn.src_reg !== 6)) return insn;
    return { ...insn, src_reg: insn.src_reg - 4, imm: maps[insn.imm]!.name };
  });
}
