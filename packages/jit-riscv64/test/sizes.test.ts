/**
 * Bytes of code beside those of the Linux JIT (shared facts, kernel 7.2): no instruction class and no program larger.
 * A class is measured as there: (length with 9 copies - length with 1) / 8; of 32-bit results the low half is used.
 *
 * The kernel ran on a CPU with Zbb and used it: its byte swaps and sign extensions of bytes and halfwords are instructions
 * that RV64GC does not have. Those classes have their own limits here.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeProgram, type Insn, makeProgram } from '@polybpf/isa';
import { compile } from '@polybpf/jit';
import { describe, expect, it } from 'vitest';
import { riscv64 } from '../src/index.ts';
import { imm64, insn } from './insn.ts';

interface Facts {
  readonly programs: Readonly<Record<string, { readonly little: string }>>;
  readonly wholePrograms: Readonly<Record<string, Readonly<Record<string, { readonly bytes: number }>>>>;
  readonly classes: Readonly<Record<string, Readonly<Record<string, { readonly bytes: number }>>>>;
}

const path = join(process.env['POLYBPF_SHARED'] ?? '', 'facts/kernel-jit-sizes.json');
const isPresent = process.env['POLYBPF_SHARED'] !== undefined && existsSync(path);
if (!isPresent && process.env['CI']) throw new Error('missing: POLYBPF_SHARED/facts/kernel-jit-sizes.json');
const facts: Facts = isPresent
  ? JSON.parse(readFileSync(path, 'utf8'))
  : { programs: {}, wholePrograms: {}, classes: {} };

/** A jump over one instruction that must be executed or not. */
const jump = (name: string, d: number, s: number, imm = 0): Insn[] => [
  insn(name, d, s, 1, imm),
  insn('add64_imm', 0, 0, 0, 3),
];
const LARGE = 0x12345678;

/** Instructions of a class by its name in the facts; undefined for padding and other things that are no instruction. */
const CLASSES: Readonly<Record<string, (d: number, s: number) => Insn[]>> = {
  add64_x: (d, s) => [insn('add64_reg', d, s)],
  sub64_x: (d, s) => [insn('sub64_reg', d, s)],
  and64_x: (d, s) => [insn('and64_reg', d, s)],
  mul64_x: (d, s) => [insn('mul64_reg', d, s)],
  add64_k1: (d) => [insn('add64_imm', d, 0, 0, 1)],
  add64_k1000: (d) => [insn('add64_imm', d, 0, 0, 1000)],
  add64_klarge: (d) => [insn('add64_imm', d, 0, 0, LARGE)],
  add64_kneg: (d) => [insn('add64_imm', d, 0, 0, -5)],
  and64_k255: (d) => [insn('and64_imm', d, 0, 0, 255)],
  and64_klarge: (d) => [insn('and64_imm', d, 0, 0, LARGE)],
  or64_klarge: (d) => [insn('or64_imm', d, 0, 0, LARGE)],
  xor64_kneg: (d) => [insn('xor64_imm', d, 0, 0, -5)],
  mul64_k7: (d) => [insn('mul64_imm', d, 0, 0, 7)],
  mul64_klarge: (d) => [insn('mul64_imm', d, 0, 0, LARGE)],
  neg64: (d) => [insn('neg64', d)],
  neg32_zx: (d) => [insn('neg32', d)],
  add32_x_zx: (d, s) => [insn('add32_reg', d, s)],
  add32_x_nozx: (d, s) => [insn('add32_reg', d, s)],
  add32_k1_zx: (d) => [insn('add32_imm', d, 0, 0, 1)],
  add32_klarge_zx: (d) => [insn('add32_imm', d, 0, 0, LARGE)],
  and32_klarge_zx: (d) => [insn('and32_imm', d, 0, 0, LARGE)],
  mul32_x_zx: (d, s) => [insn('mul32_reg', d, s)],
  mov64_x: (d, s) => [insn('mov64_reg', d, s)],
  mov32_x: (d, s) => [insn('mov32_reg', d, s)],
  mov64_k0: (d) => [insn('mov64_imm', d)],
  mov64_k1: (d) => [insn('mov64_imm', d, 0, 0, 1)],
  mov64_kneg1: (d) => [insn('mov64_imm', d, 0, 0, -1)],
  mov64_klarge: (d) => [insn('mov64_imm', d, 0, 0, LARGE)],
  mov64_kneglarge: (d) => [insn('mov64_imm', d, 0, 0, -LARGE)],
  mov32_kneg1: (d) => [insn('mov32_imm', d, 0, 0, -1)],
  mov32_klarge: (d) => [insn('mov32_imm', d, 0, 0, LARGE)],
  ldimm64_small: (d) => imm64(d, 0, 5),
  ldimm64_32: (d) => imm64(d, 0, LARGE),
  ldimm64_u32: (d) => imm64(d, 0, 0xf2345678 | 0),
  ldimm64_full: (d) => imm64(d, LARGE, 0x9abcdef0 | 0),
  ldimm64_neg: (d) => imm64(d, -1, -LARGE),
  ldimm64_hi: (d) => imm64(d, 0x12340000, 0),
  ldimm64_kaddr: (d) => imm64(d, 0xffff8881 | 0, LARGE),
  lsh64_k: (d) => [insn('lsh64_imm', d, 0, 0, 3)],
  rsh64_k: (d) => [insn('rsh64_imm', d, 0, 0, 3)],
  arsh64_k: (d) => [insn('arsh64_imm', d, 0, 0, 3)],
  lsh64_k40: (d) => [insn('lsh64_imm', d, 0, 0, 40)],
  lsh32_k_zx: (d) => [insn('lsh32_imm', d, 0, 0, 3)],
  arsh32_k_zx: (d) => [insn('arsh32_imm', d, 0, 0, 3)],
  lsh64_x: (d, s) => [insn('lsh64_reg', d, s)],
  rsh64_x: (d, s) => [insn('rsh64_reg', d, s)],
  arsh64_x: (d, s) => [insn('arsh64_reg', d, s)],
  lsh32_x_zx: (d, s) => [insn('lsh32_reg', d, s)],
  div64_x: (d, s) => [insn('div64_reg', d, s)],
  mod64_x: (d, s) => [insn('mod64_reg', d, s)],
  div32_x_zx: (d, s) => [insn('div32_reg', d, s)],
  mod32_x_zx: (d, s) => [insn('mod32_reg', d, s)],
  div64_k10: (d) => [insn('div64_imm', d, 0, 0, 10)],
  mod64_k10: (d) => [insn('mod64_imm', d, 0, 0, 10)],
  div64_k8: (d) => [insn('div64_imm', d, 0, 0, 8)],
  div32_k10_zx: (d) => [insn('div32_imm', d, 0, 0, 10)],
  sdiv64_x: (d, s) => [insn('sdiv64_reg', d, s)],
  smod64_x: (d, s) => [insn('smod64_reg', d, s)],
  sdiv32_x_zx: (d, s) => [insn('sdiv32_reg', d, s)],
  smod32_x_zx: (d, s) => [insn('smod32_reg', d, s)],
  sdiv64_k10: (d) => [insn('sdiv64_imm', d, 0, 0, 10)],
  ...Object.fromEntries(
    ['le16', 'le32', 'le64', 'be16', 'be32', 'be64', 'bswap16', 'bswap32', 'bswap64'].map((name) => [
      name,
      (d: number) => [insn(name, d)],
    ]),
  ),
  movsx8_64: (d, s) => [insn('movsx64_8', d, s)],
  movsx16_64: (d, s) => [insn('movsx64_16', d, s)],
  movsx32_64: (d, s) => [insn('movsx64_32', d, s)],
  movsx8_32: (d, s) => [insn('movsx32_8', d, s)],
  movsx16_32: (d, s) => [insn('movsx32_16', d, s)],
  ldxb: (d, s) => [insn('ldxb', d, s, 8)],
  ldxh: (d, s) => [insn('ldxh', d, s, 8)],
  ldxw: (d, s) => [insn('ldxw', d, s, 8)],
  ldxdw: (d, s) => [insn('ldxdw', d, s, 8)],
  ldxdw_fp: (d) => [insn('ldxdw', d, 10, -8)],
  ldxdw_off0: (d, s) => [insn('ldxdw', d, s)],
  ldsxb: (d, s) => [insn('ldxsb', d, s, 8)],
  ldsxh: (d, s) => [insn('ldxsh', d, s, 8)],
  ldsxw: (d, s) => [insn('ldxsw', d, s, 8)],
  stxb: (d, s) => [insn('stxb', d, s, 8)],
  stxh: (d, s) => [insn('stxh', d, s, 8)],
  stxw: (d, s) => [insn('stxw', d, s, 8)],
  stxdw: (d, s) => [insn('stxdw', d, s, 8)],
  stxdw_fp: (_, s) => [insn('stxdw', 10, s, -8)],
  stb_k: (d) => [insn('stb', d, 0, 8, 5)],
  sth_k: (d) => [insn('sth', d, 0, 8, 5)],
  stw_k: (d) => [insn('stw', d, 0, 8, 5)],
  stdw_k: (d) => [insn('stdw', d, 0, 8, 5)],
  stdw_k0: (d) => [insn('stdw', d, 0, 8, 0)],
  stdw_klarge: (d) => [insn('stdw', d, 0, 8, LARGE)],
  stdw_fp_k: () => [insn('stdw', 10, 0, -8, 5)],
  jeq64_x: (d, s) => jump('jeq64_reg', d, s),
  jeq64_k0: (d) => jump('jeq64_imm', d, 0),
  jeq64_k5: (d) => jump('jeq64_imm', d, 0, 5),
  jeq64_klarge: (d) => jump('jeq64_imm', d, 0, LARGE),
  jne64_k5: (d) => jump('jne64_imm', d, 0, 5),
  jgt64_k5: (d) => jump('jgt64_imm', d, 0, 5),
  jgt64_x: (d, s) => jump('jgt64_reg', d, s),
  jsgt64_x: (d, s) => jump('jsgt64_reg', d, s),
  jsgt64_k5: (d) => jump('jsgt64_imm', d, 0, 5),
  jset64_x: (d, s) => jump('jset64_reg', d, s),
  jset64_k1: (d) => jump('jset64_imm', d, 0, 1),
  jset64_klarge: (d) => jump('jset64_imm', d, 0, LARGE),
  jeq32_x: (d, s) => jump('jeq32_reg', d, s),
  jeq32_k5: (d) => jump('jeq32_imm', d, 0, 5),
  jeq32_klarge: (d) => jump('jeq32_imm', d, 0, LARGE),
  jgt32_k5: (d) => jump('jgt32_imm', d, 0, 5),
  jsgt32_x: (d, s) => jump('jsgt32_reg', d, s),
  jset32_k1: (d) => jump('jset32_imm', d, 0, 1),
  xadd64: (d, s) => [insn('atomic_add64', d, s, 8)],
  xadd32: (d, s) => [insn('atomic_add32', d, s, 8)],
  and64_at: (d, s) => [insn('atomic_and64', d, s, 8)],
  fetch_add64: (d, s) => [insn('atomic_fetch_add64', d, s, 8)],
  fetch_add32_zx: (d, s) => [insn('atomic_fetch_add32', d, s, 8)],
  fetch_and64: (d, s) => [insn('atomic_fetch_and64', d, s, 8)],
  fetch_or64: (d, s) => [insn('atomic_fetch_or64', d, s, 8)],
  xchg64: (d, s) => [insn('atomic_xchg64', d, s, 8)],
  xchg32_zx: (d, s) => [insn('atomic_xchg32', d, s, 8)],
  cmpxchg64: (d, s) => [insn('atomic_cmpxchg64', d, s, 8)],
  cmpxchg32: (d, s) => [insn('atomic_cmpxchg32', d, s, 8)],
  load_acq64: (d, s) => [insn('load_acquire64', d, s, 8)],
  load_acq32: (d, s) => [insn('load_acquire32', d, s, 8)],
  load_acq8: (d, s) => [insn('load_acquire8', d, s, 8)],
  store_rel64: (d, s) => [insn('store_release64', d, s, 8)],
  store_rel8: (d, s) => [insn('store_release8', d, s, 8)],
  call_ktime: () => [insn('call_helper', 0, 0, 0, 5)],
  call_prandom: () => [insn('call_helper', 0, 0, 0, 7)],
  call_smpid: () => [insn('call_helper', 0, 0, 0, 8)],
};

/** Classes that the kernel compiled to instructions of Zbb (rev8, sext.b, sext.h, zext.h), with what they take here. */
const ZBB: Readonly<Record<string, number>> = {
  le16: 6, be16: 16, bswap16: 16, be32: 38, bswap32: 38, be64: 70, bswap64: 70,
  movsx8_64: 8, movsx16_64: 8, movsx8_32: 8, movsx16_32: 8,
}; // prettier-ignore
/** The kernel reads the CPU's number inline instead of calling the helper. */
const INLINED = /^call_smpid/;

const bytesOf = (insns: readonly Insn[]): number => compile(makeProgram(insns), riscv64).code.length;

/** A program with copies of `body`, each followed by a use of what it may have written. */
function program(body: readonly Insn[], used: number, copies: number, width: 32 | 64): Insn[] {
  const insns = [insn('mov64_reg', 9, 1)];
  for (let register = 0; register < 9; register++) insns.push(insn('ldxdw', register, 9, 8 * register));
  for (let copy = 0; copy < copies; copy++)
    insns.push(...body, insn(width === 32 ? 'stxw' : 'stxdw', 9, used, 400 + 16 * copy));
  for (let register = 0; register < 9; register++) insns.push(insn('stxdw', 9, register, 100 + 24 * register));
  return [...insns, insn('exit')];
}

function classBytes(body: readonly Insn[], used: number, width: 32 | 64): number {
  const growth = (insns: readonly Insn[]): number =>
    bytesOf(program(insns, used, 9, width)) - bytesOf(program(insns, used, 1, width));
  return (growth(body) - growth([])) / 8;
}

describe.skipIf(!isPresent)('sizes beside the kernel (skipped without POLYBPF_SHARED/facts)', () => {
  const rows = Object.entries(facts.classes).flatMap(([name, bytes]) => {
    const [, key, d, s] = /^(.*?)_d(\d)(?:s(\d))?$/.exec(name) ?? [];
    const build = CLASSES[key ?? ''];
    if (build === undefined || bytes['riscv64'] === undefined) return [];
    // A jump's class has the padding instruction that it jumps over.
    return [
      {
        name,
        kernel: bytes['riscv64'].bytes,
        body: build(Number(d), Number(s ?? 2)),
        used: /^call/.test(key!) ? 0 : Number(d),
      },
    ];
  });

  it('knows every class of the facts but padding', () => {
    const known = new Set(rows.map(({ name }) => name));
    const unknown = Object.keys(facts.classes).filter(
      (name) => facts.classes[name]!['riscv64'] !== undefined && !known.has(name),
    );
    expect(unknown.filter((name) => !/pad|J_base|nop_|exit_pair/.test(name))).toEqual([]);
    expect(rows.length).toBeGreaterThan(200);
  });

  it('is never larger in any class', () => {
    const larger = rows.flatMap(({ name, kernel, body, used }) => {
      const ours = classBytes(body, used, /32/.test(name) ? 32 : 64);
      const limit = ZBB[name.replace(/_d\d.*$/, '')] ?? kernel;
      return ours > limit && !INLINED.test(name) ? [`${name}: ${ours}, kernel ${kernel}`] : [];
    });
    expect(larger).toEqual([]);
  });

  it('is a quarter smaller over the whole programs, and never larger', () => {
    let logarithms = 0;
    const names = Object.keys(facts.programs);
    for (const name of names) {
      const ours = bytesOf(decodeProgram(Uint8Array.from(Buffer.from(facts.programs[name]!.little, 'hex'))));
      const kernel = facts.wholePrograms[name]!['riscv64']!.bytes;
      expect(ours, name).toBeLessThanOrEqual(kernel);
      logarithms += Math.log(ours / kernel);
    }
    expect(names.length).toBe(7);
    expect(Math.exp(logarithms / names.length)).toBeLessThan(0.66);
  });

  it.each([
    ['w_ret0', [insn('mov64_imm'), insn('exit')], 4],
    ['w_ret42_w', [insn('mov32_imm', 0, 0, 0, 42), insn('exit')], 6],
    ['w_stack8', [insn('stxdw', 10, 1, -8), insn('mov64_imm'), insn('exit')], 10],
    ['w_stack512', [insn('stxdw', 10, 1, -512), insn('mov64_imm'), insn('exit')], 12],
    ['w_r6', [insn('ldxw', 6, 1), insn('mov64_reg', 0, 6), insn('exit')], 6],
    ['w_call', [insn('call_helper', 0, 0, 0, 5), insn('mov64_imm'), insn('exit')], 20],
    [
      'w_subprog',
      [insn('call_local', 0, 0, 0, 2), insn('mov64_imm'), insn('exit'), insn('mov64_imm', 0, 0, 0, 1), insn('exit')],
      20,
    ],
    [
      'w_far3000',
      [
        insn('jeq64_imm', 1, 0, 3000, 5),
        ...Array.from({ length: 3000 }, () => insn('add64_reg', 1, 2)),
        insn('mov64_reg', 0, 1),
        insn('exit'),
      ],
      6014,
    ],
  ] as const)('%s', (name, insns, bytes) => {
    expect(bytesOf(insns)).toBe(bytes);
    expect(bytes).toBeLessThanOrEqual(facts.wholePrograms[name]!['riscv64']!.bytes);
  });
});
