import { readFileSync } from 'node:fs';
import { assemble } from '@polybpf/asm';
import { compile, formatListing } from '@polybpf/jit';
import { decodeProgram, makeProgram } from '@polybpf/isa';
import { s390x } from '@polybpf/jit-s390x';
const j = JSON.parse(readFileSync('/work/shared/facts/kernel-jit-sizes.json', 'utf8'));
const size = (text: string, n = 1) => { const p = assemble(text, { endian: 'big', name: 'main' }); return compile(p, s390x); };
const dump = process.argv[2];
for (const [name, { big }] of Object.entries<any>(j.programs)) {
  const bytes = Uint8Array.from(Buffer.from(big, 'hex'));
  const program = makeProgram(decodeProgram(bytes, 'big'), { endian: 'big' } as any);
  const c = compile(program, s390x);
  const k = j.wholePrograms[name].s390x?.bytes;
  console.log(name, c.code.length, k, (c.code.length / k).toFixed(2), c.functions[0]!.registers.join());
  if (dump === name) console.log(formatListing(c));
}
const whole: Record<string, string> = {
  w_ret0: 'r0 = 0\nexit', w_ret42_w: 'w0 = 42\nexit', w_stack8: 'r0 = 0\n*(u64 *)(r10 - 8) = 0\nexit', w_stack512: 'r0=0\n*(u64 *)(r10 - 512) = 0\nexit',
  w_r6: 'r6 = r1\nr0 = *(u32 *)(r6 + 0)\nexit', w_r6789: 'r6 = 1\nr7 = 2\nr8 = 3\nr9 = 4\nr0 = r6\nexit',
  w_call: 'call 5\nr0 = 0\nexit', w_subprog: 'r1 = 1\ncall f\nr0 = 0\nexit\nf:\nr0 = r1\nexit',
};
for (const [name, text] of Object.entries(whole)) { const c = size(text); const k = j.wholePrograms[name]?.s390x?.bytes; console.log(name, c.code.length, k); if (dump === name) console.log(formatListing(c)); }
const cls: Record<string, string> = {
 add64_x: 'r1 += r2', sub64_x: 'r1 -= r2', and64_x: 'r1 &= r2', mul64_x: 'r1 *= r2', add64_k1: 'r1 += 1', add64_k1000: 'r1 += 1000', add64_klarge: 'r1 += 0x12345678', add64_kneg: 'r1 += -5',
 and64_k255: 'r1 &= 0xff', and64_klarge: 'r1 &= 0x12345678', or64_klarge: 'r1 |= 0x12345678', xor64_kneg: 'r1 ^= -5', mul64_k7: 'r1 *= 7', mul64_klarge: 'r1 *= 0x12345678', neg64: 'r1 = -r1', neg32_zx: 'w1 = -w1',
 add32_x_zx: 'w1 += w2', add32_k1_zx: 'w1 += 1', add32_klarge_zx: 'w1 += 0x12345678', and32_klarge_zx: 'w1 &= 0x12345678', mul32_x_zx: 'w1 *= w2',
 mov64_x: 'r1 = r2', mov32_x: 'w1 = w2', mov64_k0: 'r1 = 0', mov64_klarge: 'r1 = 0x12345678', mov64_kneglarge: 'r1 = -0x12345678', mov32_kneg1: 'w1 = -1', mov32_klarge: 'w1 = 0x12345678',
 ldimm64_small: 'r1 = 5 ll', ldimm64_32: 'r1 = 0x12345678 ll', ldimm64_u32: 'r1 = 0xf2345678 ll', ldimm64_full: 'r1 = 0x123456789abcdef0 ll', ldimm64_neg: 'r1 = 0xfffffffff2345678 ll', ldimm64_hi: 'r1 = 0x1234000000000000 ll',
 lsh64_k: 'r1 <<= 3', rsh64_k: 'r1 >>= 3', arsh64_k: 'r1 s>>= 3', lsh32_k_zx: 'w1 <<= 3', arsh32_k_zx: 'w1 s>>= 3', lsh64_x: 'r1 <<= r2', rsh64_x: 'r1 >>= r2', arsh64_x: 'r1 s>>= r2', lsh32_x_zx: 'w1 <<= w2',
 div64_x: 'r1 /= r2', mod64_x: 'r1 %= r2', div32_x_zx: 'w1 /= w2', mod32_x_zx: 'w1 %= w2', div64_k10: 'r1 /= 10', mod64_k10: 'r1 %= 10', div64_k8: 'r1 /= 8', div32_k10_zx: 'w1 /= 10', sdiv64_x: 'r1 s/= r2', smod64_x: 'r1 s%= r2', sdiv32_x_zx: 'w1 s/= w2', smod32_x_zx: 'w1 s%= w2', sdiv64_k10: 'r1 s/= 10',
 le16: 'r1 = le16 r1', le32: 'r1 = le32 r1', le64: 'r1 = le64 r1', be16: 'r1 = be16 r1', be32: 'r1 = be32 r1', be64: 'r1 = be64 r1', bswap16: 'r1 = bswap16 r1', bswap32: 'r1 = bswap32 r1', bswap64: 'r1 = bswap64 r1',
 movsx8_64: 'r1 = (s8)r2', movsx16_64: 'r1 = (s16)r2', movsx32_64: 'r1 = (s32)r2', movsx8_32: 'w1 = (s8)w2', movsx16_32: 'w1 = (s16)w2',
 ldxb: 'r1 = *(u8 *)(r2 + 8)', ldxh: 'r1 = *(u16 *)(r2 + 8)', ldxw: 'r1 = *(u32 *)(r2 + 8)', ldxdw: 'r1 = *(u64 *)(r2 + 8)', ldxdw_fp: 'r1 = *(u64 *)(r10 - 8)', ldsxb: 'r1 = *(s8 *)(r2 + 8)', ldsxh: 'r1 = *(s16 *)(r2 + 8)', ldsxw: 'r1 = *(s32 *)(r2 + 8)',
 stxb: '*(u8 *)(r1 + 8) = r2', stxh: '*(u16 *)(r1 + 8) = r2', stxw: '*(u32 *)(r1 + 8) = r2', stxdw: '*(u64 *)(r1 + 8) = r2', stxdw_fp: '*(u64 *)(r10 - 8) = r2', stb_k: '*(u8 *)(r1 + 8) = 5', sth_k: '*(u16 *)(r1 + 8) = 5', stw_k: '*(u32 *)(r1 + 8) = 5', stdw_k: '*(u64 *)(r1 + 8) = 5', stdw_klarge: '*(u64 *)(r1 + 8) = 0x12345678',
 J_base: 'r3 = r4', jeq64_x: 'if r1 == r2 goto +1\nr3 = r4', jeq64_k5: 'if r1 == 5 goto +1\nr3 = r4', jeq64_klarge: 'if r1 == 0x12345678 goto +1\nr3 = r4', jgt64_k5: 'if r1 > 5 goto +1\nr3 = r4', jsgt64_k5: 'if r1 s> 5 goto +1\nr3 = r4', jset64_x: 'if r1 & r2 goto +1\nr3 = r4', jset64_k1: 'if r1 & 1 goto +1\nr3 = r4', jset64_klarge: 'if r1 & 0x12345678 goto +1\nr3 = r4', jeq32_x: 'if w1 == w2 goto +1\nr3 = r4', jeq32_k5: 'if w1 == 5 goto +1\nr3 = r4', jeq32_klarge: 'if w1 == 0x12345678 goto +1\nr3 = r4', jset32_k1: 'if w1 & 1 goto +1\nr3 = r4',
 xadd64: 'lock *(u64 *)(r1 + 8) += r2', xadd32: 'lock *(u32 *)(r1 + 8) += w2', and64_at: 'lock *(u64 *)(r1 + 8) &= r2', fetch_add64: 'r2 = atomic_fetch_add((u64 *)(r1 + 8), r2)', fetch_add32_zx: 'w2 = atomic_fetch_add((u32 *)(r1 + 8), w2)', fetch_and64: 'r2 = atomic_fetch_and((u64 *)(r1 + 8), r2)', xchg64: 'r2 = xchg_64(r1 + 8, r2)', xchg32_zx: 'w2 = xchg32_32(r1 + 8, w2)', cmpxchg64: 'r0 = cmpxchg_64(r1 + 8, r0, r2)', cmpxchg32: 'w0 = cmpxchg32_32(r1 + 8, w0, w2)',
 call_ktime: 'call 5', exit_pair: 'if r1 == 0 goto +1\nexit',
};
for (const [name, text] of Object.entries(cls)) {
  const k = (j.classes[name + '_d1s2'] ?? j.classes[name + '_d1'] ?? j.classes[name+'_d7s8'])?.s390x?.bytes;
  // every value is used: stored afterwards
  const body = (n: number) => 'r0 = *(u64 *)(r1 + 0)\nr3 = 0\nr4 = *(u64 *)(r1 + 16)\nr5 = r1\nr2 = *(u64 *)(r1 + 8)\nr1 = *(u64 *)(r5 + 24)\n' + (text + '\n').repeat(n) + (name.startsWith('call') || name.startsWith('exit') ? 'exit' : 'r0 += r1\nr0 += r2\nr0 += r3\nexit');
  try {
  const a = size(body(1)), b = size(body(9));
  const per = (b.code.length - a.code.length) / 8;
  console.log(name.padEnd(16), per, k, per > k ? '<<<<<<' : '');
  if (dump === name) console.log(formatListing(b));
  } catch (e) { console.log(name, String(e)); }
}
