/**
 * Bytes of whole programs beside those of the Linux JIT (shared facts, kernel 7.2, JIT object without verifier): none
 * larger, and together at least a quarter smaller. `npm run bench -- sizes --target sparc64` compares the classes of
 * instructions.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeProgram, makeProgram } from '@polybpf/isa';
import { assemble } from '@polybpf/asm';
import { compile } from '@polybpf/jit';
import { describe, expect, it } from 'vitest';
import { sparc64 } from '../src/index.ts';

interface Facts {
  readonly programs: Readonly<Record<string, { readonly big: string }>>;
  readonly wholePrograms: Readonly<Record<string, Readonly<Record<string, { readonly bytes: number }>>>>;
}

const path = join(process.env['POLYBPF_SHARED'] ?? '', 'facts/kernel-jit-sizes.json');
const isPresent = process.env['POLYBPF_SHARED'] !== undefined && existsSync(path);
if (!isPresent && process.env['CI']) throw new Error('missing: POLYBPF_SHARED/facts/kernel-jit-sizes.json');
const facts: Facts = isPresent ? JSON.parse(readFileSync(path, 'utf8')) : { programs: {}, wholePrograms: {} };
const measured = Object.keys(facts.programs).filter((name) => facts.wholePrograms[name]?.['sparc64'] !== undefined);

function ours(name: string): number {
  const bytes = Uint8Array.from(Buffer.from(facts.programs[name]!.big, 'hex'));
  return compile(makeProgram(decodeProgram(bytes, 'big'), { endian: 'big', name }), sparc64).code.length;
}

describe.skipIf(!isPresent)('sizes beside the kernel (in POLYBPF_SHARED)', () => {
  it.each(measured)('%s is at least a quarter smaller', (name) => {
    expect(ours(name)).toBeLessThanOrEqual(0.75 * facts.wholePrograms[name]!['sparc64']!.bytes);
  });

  it('knows programs to compare', () => {
    expect(measured.length).toBeGreaterThan(3);
  });
});

/** Instructions of a program text. */
const count = (text: string): number =>
  compile(assemble(text, { endian: 'big', name: 'main' }), sparc64).code.length / 4;

describe('sizes', () => {
  it.each([
    ['a constant result', 'r0 = 0\nexit', 2],
    ['a frame of 40 bytes', 'r0 = 0\n*(u64 *)(r10 - 40) = 5\nexit', 4],
    ['a frame of 512 bytes', 'r0 = 0\n*(u64 *)(r10 - 512) = 0\nexit', 5],
    ['saved registers in a function without calls', 'r6 = r1\nr0 = *(u32 *)(r6 + 0)\nexit', 2],
    ['a division', 'r1 /= r2\nr0 = r1\nexit', 5],
    ['a load in the other byte order', 'r0 = *(u32 *)(r1 + 4)\nr0 = le32 r0\nexit', 3],
    ['an exchange of 32 bits', 'w2 = xchg32_32(r1 + 8, w2)\nr0 = r2\nexit', 3],
    ['a comparison with zero', 'r0 = 1\nif r1 == 0 goto +1\nr0 = r2\nexit', 4],
  ])('%s takes few instructions', (_, text, expected) => {
    expect(count(text)).toBeLessThanOrEqual(expected);
  });
});
