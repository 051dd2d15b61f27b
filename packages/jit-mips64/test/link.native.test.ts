/** Objects linked into C programs by the distribution's cross compilers: the platform's ABI, seen from outside. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linesByName, missingTools, writePrograms } from '../../conformance/test/linked-programs.native.ts';
import { mips64, mips64le } from '../src/index.ts';
import { LINK_CASES } from '@polybpf-tools/target-tests/link-cases';

const MAIN = fileURLToPath(new URL('./link-main.c', import.meta.url));
const LINKS = [
  { target: mips64, triple: 'mips64-linux-gnuabi64', qemu: 'qemu-mips64', title: 'statically', flags: ['-static'] },
  { target: mips64, triple: 'mips64-linux-gnuabi64', qemu: 'qemu-mips64', title: 'as position-independent executable', flags: ['-pie'] },
  { target: mips64le, triple: 'mips64el-linux-gnuabi64', qemu: 'qemu-mips64el', title: 'statically', flags: ['-static'] },
  { target: mips64le, triple: 'mips64el-linux-gnuabi64', qemu: 'qemu-mips64el', title: 'as position-independent executable', flags: ['-pie'] },
] as const; // prettier-ignore

const missing = missingTools(LINKS.flatMap(({ triple, qemu }) => [`${triple}-gcc`, qemu]));

describe.skipIf(missing.length > 0).each(LINKS)(
  `$target.name linked into C $title (missing: ${missing.join(', ') || 'nothing'})`,
  ({ target, triple, qemu, flags }) => {
    let folder: string;
    let lines: ReadonlyMap<string, string>;

    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'jit-mips64-link-'));
      const file = (name: string): string => join(folder, name);
      writePrograms(folder, target, LINK_CASES);
      const output = file('a.out');
      execFileSync(`${triple}-gcc`, ['-O2', '-w', `-I${folder}`, ...flags, '-o', output, MAIN, file('programs.o')], { stdio: ['ignore', 'inherit', 'inherit'] }); // prettier-ignore
      const sysroot = ['-L', `/usr/${triple}`];
      const text = execFileSync(qemu, ['-cpu', 'MIPS64R2-generic', ...sysroot, output], {
        encoding: 'utf8',
        timeout: 60_000,
      });
      lines = linesByName(text);
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
