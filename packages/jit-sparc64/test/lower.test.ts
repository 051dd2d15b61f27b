import { readFileSync, writeFileSync } from 'node:fs';
import { assemble } from '@polybpf/asm';
import { isBpfError } from '@polybpf/errors';
import { compile, type HelperCalls, listCode } from '@polybpf/jit';
import { describe, expect, it } from 'vitest';
import { sparc64 } from '../src/index.ts';
import { CALLER_AREA_SNIPPETS as SNIPPETS } from '@polybpf-tools/target-tests/snippets';

const GOLDEN = new URL('./lower.txt', import.meta.url);

/** The machine code of a snippet as text, one instruction a line. */
function lowered(text: string, helperCalls: HelperCalls = { kind: 'relocation' }): string[] {
  const program = assemble(`${text}\nexit`, { endian: 'big', name: 'main' });
  return listCode(compile(program, sparc64, { helperCalls })).map(({ offset, bytes, text: line }) => {
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    return `   ${offset.toString(16).padStart(4, '0')}  ${hex} ${line}`;
  });
}

/** Instructions without offsets and bytes. */
function texts(text: string, helperCalls?: HelperCalls): string[] {
  return lowered(text, helperCalls).map((line) => line.replace(/^ +[0-9a-f]+ {2}[0-9a-f]+ /, '').replace(/ +;.*/, ''));
}

const block = (name: string, text: string): string => [`# ${name}: ${text.replaceAll('\n', '; ')}`, ...lowered(text)].join('\n'); // prettier-ignore

const MISALIGNED: readonly (readonly [string, string])[] = [
  ['u64 at an odd place', 'r0 = *(u64 *)(r1 + 1)'],
  ['u64 at a place that is even', 'r0 = *(u64 *)(r1 + 2)'],
  ['u64 at a multiple of 4', 'r0 = *(u64 *)(r1 + 4)'],
  ['s32 at an odd place', 'r0 = *(s32 *)(r1 + 3)'],
  ['u16 at an odd place', 'r0 = *(u16 *)(r1 + 3)'],
  ['u32 through an index', 'r1 += r2\nr0 = *(u32 *)(r1 + 0)'],
  ['u32 through a scaled index', 'r2 <<= 2\nr1 += r2\nr0 = *(u32 *)(r1 + 0)'],
  ['u64 swapped at an odd place', 'r0 = *(u64 *)(r1 + 1)\nr0 = le64 r0'],
  ['store of a u32 at an odd place', '*(u32 *)(r1 + 1) = r2'],
  ['store of a u64 through an index', 'r1 += r2\n*(u64 *)(r1 + 8) = r3'],
  ['store of zero at an odd place', '*(u64 *)(r1 + 1) = 0'],
  ['u64 beyond the displacement', 'r0 = *(u64 *)(r1 + 4091)'],
];

/** `UPDATE_GOLDEN=1` rewrites the file; what changed must be reviewed. */
describe('lowering', () => {
  const all = [...SNIPPETS, ...MISALIGNED];
  const ours = all.map(([name, text]) => block(name, text));
  if (process.env['UPDATE_GOLDEN'] === '1') {
    const head =
      '# What each op becomes: BPF, then offset, bytes and text of its machine code. UPDATE_GOLDEN=1 rewrites.';
    writeFileSync(GOLDEN, `${head}\n\n${ours.join('\n\n')}\n`);
  }
  const golden = readFileSync(GOLDEN, 'utf8').trimEnd().split('\n\n').slice(1);

  it('has a block for each snippet', () => {
    expect(golden.map((text) => text.split('\n')[0])).toEqual(ours.map((text) => text.split('\n')[0]));
  });

  it.each(all.map(([name], k) => [name, k] as const))('%s', (_, k) => {
    expect(ours[k]).toBe(golden[k]);
  });

  it('calls helpers through a table at a fixed address', () => {
    const near = texts('call 7', { kind: 'table', address: 0x10000n, count: 64 });
    expect(near).toContain('sethi %hi(0x10000), %g1');
    expect(near).toContain('ldx [ %g1 + 0x38 ], %g1');
    const far = lowered('call 7\ncall 8', { kind: 'table', address: 0x7fff12345678n, count: 64 }).join('\n');
    expect(far.match(/rd %pc, %g1/g)?.length).toBe(2);
    expect(far.match(/\.quad 0x00007fff12345000/g)?.length).toBe(1);
  });

  it('refuses helpers that the table does not have', () => {
    for (const id of [64, 65, -1]) {
      const code = codeOf(() => lowered(`call ${id}`, { kind: 'table', address: 0n, count: 64 }));
      expect(code).toBe('E_JIT_PROGRAM');
    }
    expect(lowered('call 63', { kind: 'table', address: 0n, count: 64 }).length).toBeGreaterThan(3);
  });

  it('compares ids in a register with the size of the table, however large', () => {
    expect(texts('callx r6', { kind: 'table', address: 0n, count: 4095 })).toContain('cmp %l0, 0xfff');
    expect(texts('callx r6', { kind: 'table', address: 0n, count: 4096 })).toContain('cmp %l0, %g5');
  });

  it('refuses programs of the other byte order', () => {
    expect(codeOf(() => compile(assemble('r0 = 0\nexit'), sparc64))).toBe('E_JIT_PROGRAM');
  });

  it('has no frame for a stack of 40 bytes, and never uses what belongs to the system', () => {
    expect(texts('*(u64 *)(r10 - 40) = r1\nr0 = 0').join()).not.toContain('add %sp');
    expect(texts('*(u64 *)(r10 - 48) = r1\nr0 = 0')[0]).toBe('add %sp, -16, %sp');
    for (const [, text] of all) expect(texts(text).join('\n')).not.toMatch(/%g[67]/);
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
