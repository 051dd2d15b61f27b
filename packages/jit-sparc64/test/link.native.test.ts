/** Objects linked into C programs by the distribution's cross compiler: the platform's ABI, seen from outside. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assemble } from '@polybpf/asm';
import type { MapDef, Program } from '@polybpf/isa';
import { compile, writeObject } from '@polybpf/jit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sparc64 } from '../src/index.ts';
import { LINK_CASES } from '../../jit-ppc64/test/link-cases.ts';

const GCC = 'sparc64-linux-gnu-gcc';
const QEMU = 'qemu-sparc64';
const READELF = 'sparc64-linux-gnu-readelf';
const MAIN = fileURLToPath(new URL('./link-main.c', import.meta.url));
const missing = [GCC, QEMU, READELF].filter((tool) => spawnSync(tool, ['--version']).status !== 0);
if (missing.length > 0 && process.env['CI']) throw new Error(`missing tools: ${missing.join(', ')}`);

const TABLE: MapDef = { name: 'table', kind: 'map', type: 2, keySize: 4, valueSize: 8, maxEntries: 4, flags: 0 };

function programsObject(): Uint8Array {
  const compiled = Object.entries(LINK_CASES).map(([name, { text, relocations }]) => {
    const parsed = assemble(text, { name, syntax: 'kernel', endian: 'big' });
    const program: Program = {
      ...parsed,
      maps: parsed.maps.length > 0 ? [TABLE] : [],
      relocations: relocations ?? parsed.relocations,
    };
    return compile(program, sparc64);
  });
  return writeObject(compiled);
}

describe.skipIf(missing.length > 0).each([
  ['statically', ['-static']],
  // The literal of a missing weak symbol is an address in the text.
  ['as position-independent executable', ['-pie', '-Wl,-z,notext']],
] as const)(`linked into C %s (missing: ${missing.join(', ') || 'nothing'})`, (_, flags) => {
  let folder: string;
  let lines: ReadonlyMap<string, string>;
  let header: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'jit-sparc64-link-'));
    const file = (name: string): string => join(folder, name);
    writeFileSync(file('programs.o'), programsObject());
    writeFileSync(
      file('programs.h'),
      Object.keys(LINK_CASES)
        .map((name) => `P(${name})\n`)
        .join(''),
    );
    const output = file('a.out');
    execFileSync(GCC, ['-O2', '-w', `-I${folder}`, ...flags, '-o', output, MAIN, file('programs.o')], { stdio: ['ignore', 'inherit', 'inherit'] }); // prettier-ignore
    const text = execFileSync(QEMU, ['-L', '/usr/sparc64-linux-gnu', output], { encoding: 'utf8', timeout: 60_000 });
    const rows = text.trim().split('\n');
    lines = new Map(rows.map((row) => [row.slice(0, row.indexOf(' ')), row.slice(row.indexOf(' ') + 1)]));
    header = execFileSync(READELF, ['-h', output], { encoding: 'utf8' });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(Object.entries(LINK_CASES))('%s gives its result and keeps what calls keep', (name, { expected }) => {
    const hex = expected.toString(16);
    expect(lines.get(name)).toBe(`${hex} kept ${hex}`);
  });

  it('asks for total store order, which the code relies on', () => {
    expect(header).toMatch(/Machine: +Sparc v9/);
    // gcc's own objects are for relaxed order (rmo).
    expect(header).not.toContain('rmo');
  });
});
