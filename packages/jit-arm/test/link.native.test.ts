/** Objects linked into C programs by the distribution's cross compiler: the platform's ABI, seen from outside. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withOptions } from '@polybpf/jit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linesByName, missingTools, writePrograms } from '../../conformance/test/linked-programs.native.ts';
import { arm, armeb } from '../src/index.ts';
import { LINK_CASES } from './link-cases.ts';

const MAIN = fileURLToPath(new URL('./link-main.c', import.meta.url));
const GCC = 'arm-linux-gnueabi-gcc';
const READELF = 'arm-linux-gnueabi-readelf';
const BARE = ['-nostdlib', '-static', '-ffreestanding', '-DFREESTANDING'];
/** Debian has no C library for big-endian ARM. */
const LINKS = [
  { target: arm, qemu: 'qemu-arm', title: 'without a C library', flags: BARE },
  { target: withOptions(arm, ['idiv']), qemu: 'qemu-arm', title: 'without a C library', flags: BARE },
  { target: arm, qemu: 'qemu-arm', title: 'for the floating-point ABI', flags: [...BARE, '-mfloat-abi=hard', '-mfpu=vfpv3-d16'] }, // prettier-ignore
  { target: arm, qemu: 'qemu-arm', title: 'of Thumb code', flags: [...BARE, '-mthumb'] },
  { target: armeb, qemu: 'qemu-armeb', title: 'without a C library', flags: [...BARE, '-mbig-endian', '-mbe8'] },
] as const;

const missing = missingTools([GCC, READELF, 'qemu-arm', 'qemu-armeb']);

describe.skipIf(missing.length > 0).each(LINKS)(
  `$target.name linked into C $title (missing: ${missing.join(', ') || 'nothing'})`,
  ({ target, qemu, flags }) => {
    let folder: string;
    let lines: ReadonlyMap<string, string>;
    const file = (name: string): string => join(folder, name);

    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'jit-arm-link-'));
      writePrograms(folder, target, LINK_CASES);
      execFileSync(GCC, ['-O2', '-w', '-march=armv7-a', `-I${folder}`, ...flags, '-o', file('a.out'), MAIN, file('programs.o')], { stdio: ['ignore', 'inherit', 'inherit'] }); // prettier-ignore
      const text = execFileSync(qemu, ['-cpu', 'max', file('a.out')], { encoding: 'utf8', timeout: 60_000 });
      lines = linesByName(text);
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it.each(Object.entries(LINK_CASES))(
      '%s gives its result, keeps registers and the stack pointer',
      (name, { expected }) => {
        const hex = expected.toString(16);
        expect(lines.get(name)).toBe(`${hex} kept ${hex}`);
      },
    );

    it('is an object of version 5 of the ABI, and BE8 where data are big-endian', () => {
      const header = (name: string): string => execFileSync(READELF, ['-h', file(name)], { encoding: 'utf8' });
      expect(header('programs.o')).toMatch(/Class: +ELF32[^]*Machine: +ARM[^]*Flags: +0x5000000, Version5 EABI/);
      expect(header('a.out').includes('BE8')).toBe(target.endian === 'big');
    });
  },
);
