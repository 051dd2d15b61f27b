import { readFileSync, writeFileSync } from 'node:fs';
import { assemble } from '@polybpf/asm';
import { isBpfError } from '@polybpf/errors';
import { compile, type HelperCalls, listCode } from '@polybpf/jit';
import { describe, expect, it } from 'vitest';
import { ppc64, ppc64le } from '../src/index.ts';
import { SNIPPETS } from './snippets.ts';

const GOLDEN = new URL('./lower.txt', import.meta.url);

/** The machine code of a snippet as text, one instruction a line. */
function lowered(text: string, helperCalls: HelperCalls = { kind: 'relocation' }): string[] {
  const program = assemble(`${text}\nexit`, { endian: 'big', name: 'main' });
  return listCode(compile(program, ppc64, { helperCalls })).map(({ offset, bytes, text: line }) => {
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

  it('differs between byte orders in the order of bytes only', () => {
    const text = `r6 = r1\n*(u64 *)(r10 - 8) = r6\nr0 = 0x123456789abcdef0 ll\nr0 += r6\nif r0 > 70000 goto +1\nr0 = r6\nexit`;
    const [big, little] = [ppc64, ppc64le].map(
      (target) => compile(assemble(text, { endian: target.endian, name: 'main' }), target).code,
    ) as [Uint8Array, Uint8Array];
    expect(big.length).toBe(little.length);
    const swapped = little.map((_, i) => little[(i & ~3) + 3 - (i & 3)]!);
    expect(swapped).toEqual(big);
  });

  it('calls helpers through a table at a fixed address', () => {
    const near = lowered('call 7', { kind: 'table', address: 0x10008000n, count: 64 }).join('\n');
    // The low half of a slot's address is signed.
    expect(near).toMatch(/lis r12,4097\n.*ld r12,-32712\(r12\)\n.*mtctr r12\n.*bctrl/);
    const far = lowered('call 7\ncall 8', { kind: 'table', address: 0x7fff12345678n, count: 64 }).join('\n');
    expect(far.match(/lis r12,32767\n.*ori r12,r12,4660\n.*rldic[lr] r12,r12,16/g)?.length).toBe(2);
    const odd = lowered('call 7', { kind: 'table', address: 0x10000002n, count: 64 }).join('\n');
    expect(odd).toMatch(/ori r12,r12,58\n.*ld r12,0\(r12\)/);
  });

  it('refuses helpers that the table does not have', () => {
    for (const id of [64, 65, -1]) {
      const code = codeOf(() => lowered(`call ${id}`, { kind: 'table', address: 0n, count: 64 }));
      expect(code).toBe('E_JIT_PROGRAM');
    }
    expect(lowered('call 63', { kind: 'table', address: 0n, count: 64 }).length).toBeGreaterThan(3);
  });

  it('compares ids in a register with the size of the table, however large', () => {
    const table = (count: number): string => lowered('callx r6', { kind: 'table', address: 0n, count }).join();
    expect(table(65535)).toContain('cmpldi r12,65535');
    expect(table(65536)).toMatch(/lis r0,1,.*cmpld r12,r0/);
  });

  it('refuses programs of the other byte order', () => {
    expect(codeOf(() => compile(assemble('r0 = 0\nexit'), ppc64))).toBe('E_JIT_PROGRAM');
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
