/** Objects linked into C programs by the distribution's cross compilers: the platform's ABI, seen from outside. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assemble } from '@polybpf/asm';
import type { MapDef, Program } from '@polybpf/isa';
import { compile, type Target, writeObject } from '@polybpf/jit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mips64, mips64le } from '../src/index.ts';
import { LINK_CASES } from '../../jit-ppc64/test/link-cases.ts';

const MAIN = fileURLToPath(new URL('./link-main.c', import.meta.url));
const LINKS = [
  { target: mips64, triple: 'mips64-linux-gnuabi64', qemu: 'qemu-mips64', title: 'statically', flags: ['-static'] },
  { target: mips64, triple: 'mips64-linux-gnuabi64', qemu: 'qemu-mips64', title: 'as position-independent executable', flags: ['-pie'] },
  { target: mips64le, triple: 'mips64el-linux-gnuabi64', qemu: 'qemu-mips64el', title: 'statically', flags: ['-static'] },
  { target: mips64le, triple: 'mips64el-linux-gnuabi64', qemu: 'qemu-mips64el', title: 'as position-independent executable', flags: ['-pie'] },
] as const; // prettier-ignore

const missing = [...new Set(LINKS.flatMap(({ triple, qemu }) => [`${triple}-gcc`, qemu]))].filter(
  (tool) => spawnSync(tool, ['--version']).status !== 0,
);
if (missing.length > 0 && process.env['CI']) throw new Error(`missing tools: ${missing.join(', ')}`);

const TABLE: MapDef = { name: 'table', kind: 'map', type: 2, keySize: 4, valueSize: 8, maxEntries: 4, flags: 0 };

function objectFor(target: Target): Uint8Array {
  const compiled = Object.entries(LINK_CASES).map(([name, { text, relocations }]) => {
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
  ({ target, triple, qemu, flags }) => {
    let folder: string;
    let lines: ReadonlyMap<string, string>;

    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'jit-mips64-link-'));
      const file = (name: string): string => join(folder, name);
      writeFileSync(file('programs.o'), objectFor(target));
      writeFileSync(
        file('programs.h'),
        Object.keys(LINK_CASES)
          .map((name) => `P(${name})\n`)
          .join(''),
      );
      const output = file('a.out');
      execFileSync(`${triple}-gcc`, ['-O2', '-w', `-I${folder}`, ...flags, '-o', output, MAIN, file('programs.o')], { stdio: ['ignore', 'inherit', 'inherit'] }); // prettier-ignore
      const sysroot = ['-L', `/usr/${triple}`];
      const text = execFileSync(qemu, ['-cpu', 'MIPS64R2-generic', ...sysroot, output], {
        encoding: 'utf8',
        timeout: 60_000,
      });
      const rows = text.trim().split('\n');
      lines = new Map(rows.map((row) => [row.slice(0, row.indexOf(' ')), row.slice(row.indexOf(' ') + 1)]));
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it.each(Object.entries(LINK_CASES))(
      '%s gives its result, keeps registers and the stack pointer, and its caller keeps gp',
      (name, { expected }) => {
        const hex = expected.toString(16);
        expect(lines.get(name)).toBe(`${hex} kept ${hex}`);
      },
    );
  },
);
