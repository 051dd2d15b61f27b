/** Objects linked into C programs by the distribution's cross compilers: the platform's ABI, seen from outside. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assemble } from '@polybpf/asm';
import type { MapDef, Program } from '@polybpf/isa';
import { compile, type Target, withOptions, writeObject } from '@polybpf/jit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ppc64, ppc64le } from '../src/index.ts';
import { LINK_CASES, type LinkCase } from './link-cases.ts';

const MAIN = fileURLToPath(new URL('./link-main.c', import.meta.url));
const LE = { target: ppc64le, gcc: 'powerpc64le-linux-gnu-gcc', qemu: 'qemu-ppc64le' };
const BE = { target: ppc64, gcc: 'powerpc64-linux-gnu-gcc', qemu: 'qemu-ppc64' };
const V1 = { ...BE, target: withOptions(ppc64, ['elfv1']) };
/** Big-endian code of the ELF V2 ABI links with itself only: Debian's libraries for that byte order are of version 1. */
const LINKS = [
  { ...LE, title: 'statically', flags: ['-static'] },
  { ...LE, title: 'as position-independent executable', flags: ['-pie'] },
  { ...V1, title: 'statically', flags: ['-static'] },
  { ...V1, title: 'as position-independent executable', flags: ['-pie'] },
  { ...BE, title: 'without a C library', flags: ['-mabi=elfv2', '-nostdlib', '-static', '-ffreestanding', '-DFREESTANDING'] },
] as const; // prettier-ignore

const missing = [LE.gcc, LE.qemu, BE.gcc, BE.qemu].filter((tool) => spawnSync(tool, ['--version']).status !== 0);
if (missing.length > 0 && process.env['CI']) throw new Error(`missing tools: ${missing.join(', ')}`);

const TABLE: MapDef = { name: 'table', kind: 'map', type: 2, keySize: 4, valueSize: 8, maxEntries: 4, flags: 0 };

/** In version 1, callx takes entries of code and C has addresses of descriptors. */
function casesOf(target: Target): [string, LinkCase][] {
  const takesEntries = target.elf.descriptors !== undefined;
  return Object.entries(LINK_CASES).filter(([name]) => !(takesEntries && name === 'function_pointer'));
}

function objectFor(target: Target): Uint8Array {
  const compiled = casesOf(target).map(([name, { text, relocations }]) => {
    const parsed = assemble(text, { name, syntax: 'kernel', endian: target.endian });
    const program: Program = {
      ...parsed,
      maps: parsed.maps.length > 0 ? [TABLE] : [],
      relocations: relocations ?? parsed.relocations,
    };
    return compile(program, target);
  });
  return writeObject(compiled);
}

describe.skipIf(missing.length > 0).each(LINKS)(
  `$target.name linked into C $title (missing: ${missing.join(', ') || 'nothing'})`,
  ({ target, gcc, qemu, flags }) => {
    let folder: string;
    let lines: ReadonlyMap<string, string>;

    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'jit-ppc64-link-'));
      const file = (name: string): string => join(folder, name);
      writeFileSync(file('programs.o'), objectFor(target));
      writeFileSync(
        file('programs.h'),
        casesOf(target)
          .map(([name]) => `P(${name})\n`)
          .join(''),
      );
      const output = file('a.out');
      execFileSync(gcc, ['-O2', '-w', '-mcpu=power8', `-I${folder}`, ...flags, '-o', output, MAIN, file('programs.o')], { stdio: ['ignore', 'inherit', 'inherit'] }); // prettier-ignore
      const sysroot = ['-L', `/usr/${gcc.replace(/-gcc$/, '')}`];
      const text = execFileSync(qemu, ['-cpu', 'power8', ...sysroot, output], { encoding: 'utf8', timeout: 60_000 });
      const rows = text.trim().split('\n');
      lines = new Map(rows.map((row) => [row.slice(0, row.indexOf(' ')), row.slice(row.indexOf(' ') + 1)]));
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it.each(casesOf(target))(
      '%s gives its result, keeps registers and the stack pointer, and its caller keeps r2',
      (name, { expected }) => {
        const hex = expected.toString(16);
        expect(lines.get(name)).toBe(`${hex} kept ${hex}`);
      },
    );
  },
);
