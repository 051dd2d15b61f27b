import { readFileSync, writeFileSync } from 'node:fs';
import { assemble } from '@polybpf/asm';
import { isBpfError } from '@polybpf/errors';
import { compile, type HelperCalls, listCode } from '@polybpf/jit';
import { describe, expect, it } from 'vitest';
import { s390x } from '../src/index.ts';
import { CALLER_AREA_SNIPPETS as SNIPPETS } from '@polybpf-tools/target-tests/snippets';

const GOLDEN = new URL('./lower.txt', import.meta.url);

/** The machine code of a snippet as text, one instruction a line. */
function lowered(text: string, helperCalls: HelperCalls = { kind: 'relocation' }): string[] {
  const program = assemble(`${text}\nexit`, { endian: 'big', name: 'main' });
  return listCode(compile(program, s390x, { helperCalls })).map(({ offset, bytes, text: line }) => {
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    return `   ${offset.toString(16).padStart(4, '0')}  ${hex.padEnd(16)} ${line}`;
  });
}

function block(name: string, text: string): string {
  return [`# ${name}: ${text.replaceAll('\n', '; ')}`, ...lowered(text)].join('\n');
}

/** `UPDATE_GOLDEN=1` rewrites the file; what changed must be reviewed. */
describe('lowering', () => {
  const ours = SNIPPETS.map(([name, text]) => block(name, text));
  if (process.env['UPDATE_GOLDEN'] === '1') {
    const head =
      '# What each op becomes: BPF, then offset, bytes and text of its machine code. UPDATE_GOLDEN=1 rewrites.';
    writeFileSync(GOLDEN, `${head}\n\n${ours.join('\n\n')}\n`);
  }
  const golden = readFileSync(GOLDEN, 'utf8').trimEnd().split('\n\n').slice(1);

  it('has a block for each snippet', () => {
    expect(golden.map((text) => text.split('\n')[0])).toEqual(ours.map((text) => text.split('\n')[0]));
  });

  it.each(SNIPPETS.map(([name], k) => [name, k] as const))('%s', (_, k) => {
    expect(ours[k]).toBe(golden[k]);
  });

  it('calls helpers through a table at a fixed address', () => {
    const near = lowered('call 7', { kind: 'table', address: 0x10000n, count: 64 });
    expect(near.join('\n')).toContain('llilh %r1,1\n');
    expect(near.join('\n')).toContain('lg %r1,56(%r1)\n');
    const far = lowered('call 7\ncall 8', { kind: 'table', address: 0x7fff12345678n, count: 64 }).join('\n');
    expect(far.match(/lgrl %r1/g)?.length).toBe(2);
    expect(far.match(/\.quad 0x00007fff12345678/g)?.length).toBe(1);
    const beyond = lowered('call 100000', { kind: 'table', address: 0n, count: 200000 }).join('\n');
    expect(beyond).toContain('llilf %r1,800000');
    expect(beyond).toContain('lg %r1,0(%r1)');
  });

  it('refuses helpers that the table does not have', () => {
    for (const id of [64, 65, -1]) {
      const code = codeOf(() => lowered(`call ${id}`, { kind: 'table', address: 0n, count: 64 }));
      expect(code).toBe('E_JIT_PROGRAM');
    }
    expect(lowered('call 63', { kind: 'table', address: 0n, count: 64 }).length).toBeGreaterThan(3);
  });

  it('compares ids in a register with the size of the table, however large', () => {
    expect(lowered('callx r6', { kind: 'table', address: 0n, count: 255 }).join()).toContain('clgijnl %r1,255');
    expect(lowered('callx r6', { kind: 'table', address: 0n, count: 256 }).join()).toContain('clgfi %r1,256');
  });

  it('refuses programs of the other byte order', () => {
    expect(codeOf(() => compile(assemble('r0 = 0\nexit'), s390x))).toBe('E_JIT_PROGRAM');
  });
});

function codeOf(body: () => unknown): string {
  try {
    body();
    return 'none';
  } catch (error) {
    return isBpfError(error) ? error.code : String(error);
  }
}
