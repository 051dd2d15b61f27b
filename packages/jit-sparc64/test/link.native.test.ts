/** Objects linked into C programs by the distribution's cross compiler: the platform's ABI, seen from outside. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linesByName, missingTools, writePrograms } from '../../conformance/test/linked-programs.native.ts';
import { sparc64 } from '../src/index.ts';
import { LINK_CASES } from '@polybpf-tools/target-tests/link-cases';

const GCC = 'sparc64-linux-gnu-gcc';
const QEMU = 'qemu-sparc64';
const READELF = 'sparc64-linux-gnu-readelf';
const MAIN = fileURLToPath(new URL('./link-main.c', import.meta.url));
const missing = missingTools([GCC, QEMU, READELF]);

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
    writePrograms(folder, sparc64, LINK_CASES);
    const output = file('a.out');
    execFileSync(GCC, ['-O2', '-w', `-I${folder}`, ...flags, '-o', output, MAIN, file('programs.o')], { stdio: ['ignore', 'inherit', 'inherit'] }); // prettier-ignore
    const text = execFileSync(QEMU, ['-L', '/usr/sparc64-linux-gnu', output], { encoding: 'utf8', timeout: 60_000 });
    lines = linesByName(text);
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
