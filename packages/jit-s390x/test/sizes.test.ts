import { existsSync, readFileSync } from 'node:fs';
import { assemble } from '@polybpf/asm';
import { decodeProgram, makeProgram, type Program } from '@polybpf/isa';
import { compile } from '@polybpf/jit';
import { describe, expect, it } from 'vitest';
import { s390x } from '../src/index.ts';

/** Sizes of code that the Linux JIT emits for s390x. */
interface Facts {
  readonly classes: Readonly<Record<string, Readonly<Record<string, { readonly bytes: number }>>>>;
  readonly wholePrograms: Facts['classes'];
  readonly programs: Readonly<Record<string, { readonly big: string }>>;
}

const shared = process.env['POLYBPF_SHARED'] ?? new URL('../../../../shared', import.meta.url).pathname;
const path = `${shared}/facts/kernel-jit-sizes.json`;
const isThere = existsSync(path);
if (!isThere && process.env['CI']) throw new Error('the shared folder is missing: kernel-jit-sizes.json');

/**
 * BPF of the instruction classes, on r1 and r2 as their names end in `_d1s2`. Jumps have a padding instruction, as the
 * kernel's figures do.
 */
const CLASSES: Readonly<Record<string, string>> = {
  add64_x: 'r1 += r2', sub64_x: 'r1 -= r2', and64_x: 'r1 &= r2', mul64_x: 'r1 *= r2',
  add64_k1: 'r1 += 1', add64_k1000: 'r1 += 1000', add64_klarge: 'r1 += 0x12345678', add64_kneg: 'r1 += -5',
  and64_k255: 'r1 &= 0xff', and64_klarge: 'r1 &= 0x12345678', or64_klarge: 'r1 |= 0x12345678', xor64_kneg: 'r1 ^= -5',
  mul64_k7: 'r1 *= 7', mul64_klarge: 'r1 *= 0x12345678', neg64: 'r1 = -r1', neg32_zx: 'w1 = -w1',
  add32_x_zx: 'w1 += w2', add32_k1_zx: 'w1 += 1', add32_klarge_zx: 'w1 += 0x12345678', and32_klarge_zx: 'w1 &= 0x12345678',
  mul32_x_zx: 'w1 *= w2', mov64_x: 'r1 = r2', mov32_x: 'w1 = w2', mov64_k0: 'r1 = 0', mov64_k1: 'r1 = 1',
  mov64_kneg1: 'r1 = -1', mov64_klarge: 'r1 = 0x12345678', mov64_kneglarge: 'r1 = -0x12345678', mov32_kneg1: 'w1 = -1',
  mov32_klarge: 'w1 = 0x12345678', ldimm64_small: 'r1 = 5 ll', ldimm64_32: 'r1 = 0x12345678 ll',
  ldimm64_u32: 'r1 = 0xf2345678 ll', ldimm64_full: 'r1 = 0x123456789abcdef0 ll', ldimm64_neg: 'r1 = 0xfffffffff2345678 ll',
  ldimm64_hi: 'r1 = 0x1234000000000000 ll', lsh64_k: 'r1 <<= 3', rsh64_k: 'r1 >>= 3', arsh64_k: 'r1 s>>= 3',
  lsh64_k40: 'r1 <<= 40', lsh32_k_zx: 'w1 <<= 3', arsh32_k_zx: 'w1 s>>= 3', lsh64_x: 'r1 <<= r2', rsh64_x: 'r1 >>= r2',
  arsh64_x: 'r1 s>>= r2', lsh32_x_zx: 'w1 <<= w2', div64_x: 'r1 /= r2', mod64_x: 'r1 %= r2', div32_x_zx: 'w1 /= w2',
  mod32_x_zx: 'w1 %= w2', div64_k10: 'r1 /= 10', mod64_k10: 'r1 %= 10', div64_k8: 'r1 /= 8', div32_k10_zx: 'w1 /= 10',
  sdiv64_x: 'r1 s/= r2', smod64_x: 'r1 s%= r2', sdiv32_x_zx: 'w1 s/= w2', smod32_x_zx: 'w1 s%= w2', sdiv64_k10: 'r1 s/= 10',
  le16: 'r1 = le16 r1', le32: 'r1 = le32 r1', le64: 'r1 = le64 r1', be16: 'r1 = be16 r1', be32: 'r1 = be32 r1',
  be64: 'r1 = be64 r1', bswap16: 'r1 = bswap16 r1', bswap32: 'r1 = bswap32 r1', bswap64: 'r1 = bswap64 r1',
  movsx8_64: 'r1 = (s8)r2', movsx16_64: 'r1 = (s16)r2', movsx32_64: 'r1 = (s32)r2', movsx8_32: 'w1 = (s8)w2',
  movsx16_32: 'w1 = (s16)w2', ldxb: 'r1 = *(u8 *)(r2 + 8)', ldxh: 'r1 = *(u16 *)(r2 + 8)', ldxw: 'r1 = *(u32 *)(r2 + 8)',
  ldxdw: 'r1 = *(u64 *)(r2 + 8)', ldxdw_fp: 'r1 = *(u64 *)(r10 - 8)', ldxdw_off0: 'r1 = *(u64 *)(r2 + 0)',
  ldsxb: 'r1 = *(s8 *)(r2 + 8)', ldsxh: 'r1 = *(s16 *)(r2 + 8)', ldsxw: 'r1 = *(s32 *)(r2 + 8)',
  stxb: '*(u8 *)(r1 + 8) = r2', stxh: '*(u16 *)(r1 + 8) = r2', stxw: '*(u32 *)(r1 + 8) = r2', stxdw: '*(u64 *)(r1 + 8) = r2',
  stxdw_fp: '*(u64 *)(r10 - 8) = r2', stb_k: '*(u8 *)(r1 + 8) = 5', sth_k: '*(u16 *)(r1 + 8) = 5', stw_k: '*(u32 *)(r1 + 8) = 5',
  stdw_k: '*(u64 *)(r1 + 8) = 5', stdw_k0: '*(u64 *)(r1 + 8) = 0', stdw_klarge: '*(u64 *)(r1 + 8) = 0x12345678',
  stdw_fp_k: '*(u64 *)(r10 - 8) = 5', jeq64_x: 'if r1 == r2 goto +1\nr3 += r4', jeq64_k0: 'if r1 == 0 goto +1\nr3 += r4',
  jeq64_k5: 'if r1 == 5 goto +1\nr3 += r4', jeq64_klarge: 'if r1 == 0x12345678 goto +1\nr3 += r4',
  jne64_k5: 'if r1 != 5 goto +1\nr3 += r4', jgt64_k5: 'if r1 > 5 goto +1\nr3 += r4', jgt64_x: 'if r1 > r2 goto +1\nr3 += r4',
  jsgt64_x: 'if r1 s> r2 goto +1\nr3 += r4', jsgt64_k5: 'if r1 s> 5 goto +1\nr3 += r4',
  jset64_x: 'if r1 & r2 goto +1\nr3 += r4', jset64_k1: 'if r1 & 1 goto +1\nr3 += r4',
  jset64_klarge: 'if r1 & 0x12345678 goto +1\nr3 += r4', jeq32_x: 'if w1 == w2 goto +1\nr3 += r4',
  jeq32_k5: 'if w1 == 5 goto +1\nr3 += r4', jeq32_klarge: 'if w1 == 0x12345678 goto +1\nr3 += r4',
  jgt32_k5: 'if w1 > 5 goto +1\nr3 += r4', jsgt32_x: 'if w1 s> w2 goto +1\nr3 += r4', jset32_k1: 'if w1 & 1 goto +1\nr3 += r4',
  xadd64: 'lock *(u64 *)(r1 + 8) += r2', xadd32: 'lock *(u32 *)(r1 + 8) += w2', and64_at: 'lock *(u64 *)(r1 + 8) &= r2',
  fetch_add64: 'r2 = atomic_fetch_add((u64 *)(r1 + 8), r2)', fetch_add32_zx: 'w2 = atomic_fetch_add((u32 *)(r1 + 8), w2)',
  fetch_and64: 'r2 = atomic_fetch_and((u64 *)(r1 + 8), r2)', fetch_or64: 'r2 = atomic_fetch_or((u64 *)(r1 + 8), r2)',
  xchg64: 'r2 = xchg_64(r1 + 8, r2)', xchg32_zx: 'w2 = xchg32_32(r1 + 8, w2)',
  cmpxchg64: 'r0 = cmpxchg_64(r1 + 8, r0, r2)', cmpxchg32: 'w0 = cmpxchg32_32(r1 + 8, w0, w2)', call_ktime: 'call 5',
}; // prettier-ignore

/**
 * The kernel's figures for division hold no tests for 0 and -1: its verifier puts those in front as BPF instructions,
 * and the facts for s390x are of the JIT alone. This is what the JIT emits for them: jne or jeq 12, xor 6, ja 4, mov 4,
 * add 6 (sizes of the same facts).
 */
const VERIFIER_TESTS: Readonly<Record<string, number>> = {
  div64_x: 12 + 6 + 4,
  mod64_x: 12,
  div32_x_zx: 12 + 6 + 4,
  mod32_x_zx: 12,
  sdiv64_x: 4 + 6 + 12 + 12 + 6 + 4,
  smod64_x: 4 + 6 + 12 + 12 + 6 + 4,
  sdiv32_x_zx: 4 + 6 + 12 + 12 + 6 + 4,
  smod32_x_zx: 4 + 6 + 12 + 12 + 6 + 4,
};

const PROGRAMS: Readonly<Record<string, string>> = {
  w_ret0: 'r0 = 0\nexit',
  w_ret42_w: 'w0 = 42\nexit',
  w_stack8: 'r0 = 0\n*(u64 *)(r10 - 8) = r0\nexit',
  w_stack512: 'r0 = 0\n*(u64 *)(r10 - 512) = r0\nexit',
  w_r6: 'r6 = r1\nr0 = *(u32 *)(r6 + 0)\nexit',
  w_r6789: 'r6 = *(u32 *)(r1 + 0)\nr7 = *(u32 *)(r1 + 4)\nr8 = *(u32 *)(r1 + 8)\nr9 = *(u32 *)(r1 + 12)\nr0 = r6\nr0 += r7\nr0 += r8\nr0 += r9\nexit',
  w_call: 'call 5\nr0 = 0\nexit',
  w_subprog: 'r1 = 1\ncall f\nr0 = 0\nexit\nf:\nr0 = r1\nexit',
}; // prettier-ignore

function sizeOf(program: Program): number {
  return compile(program, s390x).code.length;
}

/** `count` copies of an instruction on values that nothing is known about, and whose results are all read. */
function copies(text: string, count: number): Program {
  const loads =
    'r2 = *(u64 *)(r1 + 8)\nr3 = *(u64 *)(r1 + 16)\nr4 = *(u64 *)(r1 + 24)\nr0 = *(u64 *)(r1 + 0)\nr1 = *(u64 *)(r1 + 32)\n';
  const reads = text.startsWith('call') ? 'exit' : 'r0 += r1\nr0 += r2\nr0 += r3\nexit';
  return assemble(`${loads}${`${text}\n`.repeat(count)}${reads}`, { endian: 'big', name: 'main' });
}

describe.skipIf(!isThere)(
  `code size against Linux (${isThere ? 's390x, 7.2' : 'the shared folder is missing'})`,
  () => {
    const facts = isThere ? (JSON.parse(readFileSync(path, 'utf8')) as Facts) : undefined;

    it.each(Object.entries(CLASSES))('%s', (name, text) => {
      const fact = facts!.classes[`${name}_d1s2`] ?? facts!.classes[`${name}_d1`] ?? facts!.classes[`${name}_d7s8`];
      const [one, nine] = [sizeOf(copies(text, 1)), sizeOf(copies(text, 9))];
      expect((nine - one) / 8).toBeLessThanOrEqual(fact!['s390x']!.bytes + (VERIFIER_TESTS[name] ?? 0));
    });

    it.each(Object.entries(PROGRAMS))('%s is at least a quarter smaller', (name, text) => {
      const program = assemble(text, { endian: 'big', name: 'main' });
      expect(sizeOf(program)).toBeLessThanOrEqual(0.75 * facts!.wholePrograms[name]!['s390x']!.bytes);
    });

    it('whole programs are at least a quarter smaller, each of them and on average', () => {
      const ratios = Object.entries(facts!.programs).map(([name, { big }]) => {
        const bytes = Uint8Array.from(big.match(/../g)!, (digits) => Number.parseInt(digits, 16));
        const program = makeProgram(decodeProgram(bytes, 'big'), { endian: 'big' });
        return sizeOf(program) / facts!.wholePrograms[name]!['s390x']!.bytes;
      });
      expect(ratios.length).toBeGreaterThanOrEqual(7);
      for (const ratio of ratios) expect(ratio).toBeLessThanOrEqual(0.75);
      const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
      expect(mean).toBeLessThanOrEqual(0.55);
    });
  },
);
