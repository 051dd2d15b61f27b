/** Objects linked into C programs by the distribution's cross compiler: the platform's ABI, seen from outside. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assemble } from '@polybpf/asm';
import type { MapDef, Program } from '@polybpf/isa';
import { compile, type Target, withOptions, writeObject } from '@polybpf/jit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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

const missing = [GCC, READELF, 'qemu-arm', 'qemu-armeb'].filter((tool) => spawnSync(tool, ['--version']).status !== 0);
if (missing.length > 0 && process.env['CI']) throw new Error(`missing tools: ${missing.join(', ')}`);

const TABLE: MapDef = { name: 'table', kind: 'map', type: 2, keySize: 4, valueSize: 8, maxEntries: 4, flags: 0 };
const CASES = Object.entries(LINK_CASES);

function objectFor(target: Target): Uint8Array {
  const compiled = CASES.map(([name, { text, relocations }]) => {
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
  ({ target, qemu, flags }) => {
    let folder: string;
    let lines: ReadonlyMap<string, string>;
    const file = (name: string): string => join(folder, name);

    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'jit-arm-link-'));
      writeFileSync(file('programs.o'), objectFor(target));
      writeFileSync(file('programs.h'), CASES.map(([name]) => `P(${name})\n`).join(''));
      execFileSync(GCC, ['-O2', '-w', '-march=armv7-a', `-I${folder}`, ...flags, '-o', file('a.out'), MAIN, file('programs.o')], { stdio: ['ignore', 'inherit', 'inherit'] }); // prettier-ignore
      const text = execFileSync(qemu, ['-cpu', 'max', file('a.out')], { encoding: 'utf8', timeout: 60_000 });
      const rows = text.trim().split('\n');
      lines = new Map(rows.map((row) => [row.slice(0, row.indexOf(' ')), row.slice(row.indexOf(' ') + 1)]));
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it.each(CASES)('%s gives its result, keeps registers and the stack pointer', (name, { expected }) => {
      const hex = expected.toString(16);
      expect(lines.get(name)).toBe(`${hex} kept ${hex}`);
    });

    it('is an object of version 5 of the ABI, and BE8 where data are big-endian', () => {
      const header = (name: string): string => execFileSync(READELF, ['-h', file(name)], { encoding: 'utf8' });
      expect(header('programs.o')).toMatch(/Class: +ELF32[^]*Machine: +ARM[^]*Flags: +0x5000000, Version5 EABI/);
      expect(header('a.out').includes('BE8')).toBe(target.endian === 'big');
    });
  },
);
