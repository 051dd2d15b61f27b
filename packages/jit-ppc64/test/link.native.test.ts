/** Objects linked into C programs by the distribution's cross compilers: the platform's ABI, seen from outside. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Target, withOptions } from '@polybpf/jit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linesByName, missingTools, writePrograms } from '../../conformance/test/linked-programs.native.ts';
import { ppc64, ppc64le } from '../src/index.ts';
import { LINK_CASES, type LinkCase } from '@polybpf-tools/target-tests/link-cases';

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

const missing = missingTools([LE.gcc, LE.qemu, BE.gcc, BE.qemu]);

/** In version 1, callx takes entries of code and C has addresses of descriptors. */
function casesOf(target: Target): Readonly<Record<string, LinkCase>> {
  const takesEntries = target.elf.descriptors !== undefined;
  const cases = Object.entries(LINK_CASES).filter(([name]) => !(takesEntries && name === 'function_pointer'));
  return Object.fromEntries(cases);
}

describe.skipIf(missing.length > 0).each(LINKS)(
  `$target.name linked into C $title (missing: ${missing.join(', ') || 'nothing'})`,
  ({ target, gcc, qemu, flags }) => {
    let folder: string;
    let lines: ReadonlyMap<string, string>;

    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'jit-ppc64-link-'));
      const file = (name: string): string => join(folder, name);
      writePrograms(folder, target, casesOf(target));
      const output = file('a.out');
      execFileSync(gcc, ['-O2', '-w', '-mcpu=power8', `-I${folder}`, ...flags, '-o', output, MAIN, file('programs.o')], { stdio: ['ignore', 'inherit', 'inherit'] }); // prettier-ignore
      const sysroot = ['-L', `/usr/${gcc.replace(/-gcc$/, '')}`];
      const text = execFileSync(qemu, ['-cpu', 'power8', ...sysroot, output], { encoding: 'utf8', timeout: 60_000 });
      lines = linesByName(text);
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it.each(Object.entries(casesOf(target)))(
      '%s gives its result, keeps registers and the stack pointer, and its caller keeps r2',
      (name, { expected }) => {
        const hex = expected.toString(16);
        expect(lines.get(name)).toBe(`${hex} kept ${hex}`);
      },
    );
  },
);
