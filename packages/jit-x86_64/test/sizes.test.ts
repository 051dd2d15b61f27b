/**
 * Code size beside that of the Linux JIT (6.18, measured live): no class of instructions larger, whole programs at
 * least a quarter smaller. The figures are in `facts/kernel-jit-sizes.json` of the shared folder.
 */
import { existsSync, readFileSync } from 'node:fs';
import { decodeProgram, type Insn, makeInsn, makeProgram, rowByName } from '@polybpf/isa';
import { compile } from '@polybpf/jit';
import { describe, expect, test } from 'vitest';
import { x86_64 } from '../src/index.ts';

interface Sizes {
  readonly classes: Readonly<Record<string, { readonly x86_64?: { readonly bytes: number } }>>;
  readonly wholePrograms: Readonly<Record<string, { readonly x86_64?: { readonly bytes: number } }>>;
  readonly programs: Readonly<Record<string, { readonly little: string }>>;
}

const file = `${process.env['POLYBPF_SHARED'] ?? ''}/facts/kernel-jit-sizes.json`;
const isThere = existsSync(file);
if (!isThere && process.env['CI'] !== undefined) throw new Error(`${file} is missing`);
const kernel = isThere
  ? (JSON.parse(readFileSync(file, 'utf8')) as Sizes)
  : { classes: {}, wholePrograms: {}, programs: {} };

const insn = (name: string, dst = 0, src = 0, offset = 0, imm = 0): Insn => {
  const { opcode, fixed } = rowByName(name)!;
  return makeInsn(opcode, fixed.dst_reg ?? dst, fixed.src_reg ?? src, fixed.offset ?? offset, fixed.imm ?? imm);
};
const imm64 = (dst: number, low: number, high: number): Insn[] => [
  insn('ld_imm64', dst, 0, 0, low | 0),
  makeInsn(0, 0, 0, 0, high | 0),
];
const LARGE = 0x12345678;

/** Instructions by the kernel's class, from registers d and s: [name, what is repeated]. */
const CLASSES: Readonly<Record<string, (d: number, s: number) => Insn[]>> = {
  ...register({
    add64_x: 'add64_reg', sub64_x: 'sub64_reg', and64_x: 'and64_reg', mul64_x: 'mul64_reg', add32_x_zx: 'add32_reg',
    mul32_x_zx: 'mul32_reg', mov64_x: 'mov64_reg', mov32_x: 'mov32_reg', lsh64_x: 'lsh64_reg', rsh64_x: 'rsh64_reg',
    arsh64_x: 'arsh64_reg', lsh32_x_zx: 'lsh32_reg', div64_x: 'div64_reg', mod64_x: 'mod64_reg', div32_x_zx: 'div32_reg',
    mod32_x_zx: 'mod32_reg', sdiv64_x: 'sdiv64_reg', smod64_x: 'smod64_reg', sdiv32_x_zx: 'sdiv32_reg',
    smod32_x_zx: 'smod32_reg', neg64: 'neg64', neg32_zx: 'neg32', le16: 'le16', le32: 'le32', le64: 'le64', be16: 'be16',
    be32: 'be32', be64: 'be64', bswap16: 'bswap16', bswap32: 'bswap32', bswap64: 'bswap64', movsx8_64: 'movsx64_8',
    movsx16_64: 'movsx64_16', movsx32_64: 'movsx64_32', movsx8_32: 'movsx32_8', movsx16_32: 'movsx32_16',
  }),
  ...immediate({
    add64_k1: ['add64', 1], add64_k1000: ['add64', 1000], add64_klarge: ['add64', LARGE], add64_kneg: ['add64', -1000],
    and64_k255: ['and64', 255], and64_klarge: ['and64', LARGE], or64_klarge: ['or64', LARGE], xor64_kneg: ['xor64', -5],
    mul64_k7: ['mul64', 7], mul64_klarge: ['mul64', LARGE], add32_k1_zx: ['add32', 1], add32_klarge_zx: ['add32', LARGE],
    and32_klarge_zx: ['and32', LARGE], mov64_k0: ['mov64', 0], mov64_k1: ['mov64', 1], mov64_kneg1: ['mov64', -1],
    mov64_klarge: ['mov64', LARGE], mov64_kneglarge: ['mov64', -LARGE], mov32_kneg1: ['mov32', -1],
    mov32_klarge: ['mov32', LARGE], lsh64_k: ['lsh64', 3], rsh64_k: ['rsh64', 3], arsh64_k: ['arsh64', 3],
    lsh64_k40: ['lsh64', 40], lsh32_k_zx: ['lsh32', 3], arsh32_k_zx: ['arsh32', 3], div64_k10: ['div64', 10],
    mod64_k10: ['mod64', 10], div64_k8: ['div64', 8], div32_k10_zx: ['div32', 10], sdiv64_k10: ['sdiv64', 10],
  }),
  ...memory({
    ldxb: 'ldxb', ldxh: 'ldxh', ldxw: 'ldxw', ldxdw: 'ldxdw', ldsxb: 'ldxsb', ldsxh: 'ldxsh', ldsxw: 'ldxsw',
    load_acq64: 'load_acquire64', load_acq32: 'load_acquire32', load_acq8: 'load_acquire8', stxb: 'stxb', stxh: 'stxh',
    stxw: 'stxw', stxdw: 'stxdw', store_rel64: 'store_release64', store_rel8: 'store_release8', stb_k: 'stb', sth_k: 'sth',
    stw_k: 'stw', stdw_k: 'stdw', xadd64: 'atomic_add64', xadd32: 'atomic_add32', and64_at: 'atomic_and64',
    fetch_add64: 'atomic_fetch_add64', fetch_add32_zx: 'atomic_fetch_add32', fetch_and64: 'atomic_fetch_and64',
    fetch_or64: 'atomic_fetch_or64', xchg64: 'atomic_xchg64', xchg32_zx: 'atomic_xchg32', cmpxchg64: 'atomic_cmpxchg64',
  }),
  ldimm64_small: (d) => imm64(d, 5, 0),
  ldimm64_u32: (d) => imm64(d, 0xf2345678, 0),
  ldimm64_full: (d) => imm64(d, LARGE, 0x9abcdef0),
  ldimm64_neg: (d) => imm64(d, -5, -1),
  ldimm64_hi: (d) => imm64(d, 0, 0x12340000),
  ldxdw_off0: (d, s) => [insn('ldxdw', d, s)],
  ldxdw_fp: (d) => [insn('ldxdw', d, 10, -8)],
  stxdw_fp: (_, s) => [insn('stxdw', 10, s, -8)],
  stdw_fp_k: () => [insn('stdw', 10, 0, -8, 5)],
}; // prettier-ignore

/** Conditional jumps over one padding instruction of the kernel's. */
const JUMPS: Readonly<Record<string, readonly [string, number]>> = {
  jeq64_x: ['jeq64_reg', 0], jeq64_k0: ['jeq64_imm', 0], jeq64_k5: ['jeq64_imm', 5], jeq64_klarge: ['jeq64_imm', LARGE],
  jne64_k5: ['jne64_imm', 5], jgt64_k5: ['jgt64_imm', 5], jgt64_x: ['jgt64_reg', 0], jsgt64_x: ['jsgt64_reg', 0],
  jsgt64_k5: ['jsgt64_imm', 5], jset64_x: ['jset64_reg', 0], jset64_k1: ['jset64_imm', 1], jset64_klarge: ['jset64_imm', LARGE],
  jeq32_x: ['jeq32_reg', 0], jeq32_k5: ['jeq32_imm', 5], jeq32_klarge: ['jeq32_imm', LARGE], jgt32_k5: ['jgt32_imm', 5],
  jsgt32_x: ['jsgt32_reg', 0], jset32_k1: ['jset32_imm', 1],
}; // prettier-ignore

type Classes = Record<string, (d: number, s: number) => Insn[]>;
function map<T>(table: Readonly<Record<string, T>>, make: (entry: T, d: number, s: number) => Insn): Classes {
  return Object.fromEntries(
    Object.entries(table).map(([name, entry]) => [name, (d: number, s: number) => [make(entry, d, s)]]),
  );
}
function register(table: Readonly<Record<string, string>>): Classes {
  return map(table, (name, d, s) => insn(name, d, rowByName(name)!.src === 'read' ? s : 0));
}
function immediate(table: Readonly<Record<string, readonly [string, number]>>): Classes {
  return map(table, ([op, imm], d) => insn(`${op}_imm`, d, 0, 0, imm));
}
function memory(table: Readonly<Record<string, string>>): Classes {
  return map(table, (name, d, s) => insn(name, d, rowByName(name)!.kind === 'store_imm' ? 0 : s, 8, rowByName(name)!.kind === 'store_imm' ? 5 : 0)); // prettier-ignore
}

const sizeOf = (insns: readonly Insn[]): number => compile(makeProgram(insns), x86_64).code.length;

/**
 * Bytes of one copy: length with 9 copies minus length with 1, by 8. Operands are loaded before; after each copy, the
 * result is stored (without the bytes of that store), so that no copy is dead. r0 and r3 are live throughout, so that
 * division finds no free register.
 */
function bytesPerCopy(d: number, s: number, copy: readonly Insn[], keeps: boolean): number {
  const program = (count: number, withCopies: boolean): Insn[] => {
    const insns = [insn('mov64_reg', 9, 1), insn('stdw', 10, 0, -8, 1)];
    for (const register of new Set([0, 3, d, s])) insns.push(insn('ldxdw', register, 9, 8 * register));
    for (let i = 0; i < count; i++) {
      if (withCopies || i === 0) insns.push(...copy);
      if (keeps) insns.push(insn('stxdw', 9, d, 8));
    }
    for (const register of new Set([3, d, s])) insns.push(insn('add64_reg', 0, register));
    return [...insns, insn('exit')];
  };
  return (sizeOf(program(9, true)) - sizeOf(program(keeps ? 9 : 1, false))) / 8;
}

describe.skipIf(!isThere)('sizes (skipped without facts/kernel-jit-sizes.json)', () => {
  const cases = [[1, 2], [7, 8]].flatMap(([d, s]) =>
    Object.entries(CLASSES).map(([name, make]) => [`${name}_d${d}${/^ldimm64/.test(name) ? '' : `s${s}`}`, d!, s!, make] as const),
  ).filter(([name]) => kernel.classes[name]?.x86_64 !== undefined); // prettier-ignore

  test('covers the classes of the table', () => {
    expect(cases.length).toBeGreaterThan(180);
  });

  test.each(cases)('%s', (name, d, s, make) => {
    const copy = make(d, s);
    // results that a further copy would overwrite unread
    const keeps = /^(mov|ldimm|ldx|lds|load_acq|and64_k|stxdw_fp|stdw_fp|st)/.test(name) && !/^st/.test(name);
    expect(bytesPerCopy(d, s, copy, keeps)).toBeLessThanOrEqual(kernel.classes[name]!.x86_64!.bytes);
  });

  test.each(Object.entries(JUMPS))('%s', (name, [row, imm]) => {
    for (const [d, s] of [[1, 2], [7, 8]] as const) {
      const copy = [insn(row, d, row.endsWith('reg') ? s : 0, 1, imm), insn('stxb', 9, 3, 0)];
      const padding = [insn('stxb', 9, 3, 0)];
      const ours = bytesPerCopy(d, s, copy, false) - bytesPerCopy(d, s, padding, false);
      const theirs = kernel.classes[`${name}_d${d}s${s}`]!.x86_64!.bytes - kernel.classes[`J_base_d${d}s${s}`]!.x86_64!.bytes;
      expect(ours).toBeLessThanOrEqual(theirs);
    }
  }); // prettier-ignore

  test("cmpxchg32 takes the kernel's bytes when nothing reads the upper half of r0, else a zero-extension more", () => {
    const copy = [insn('atomic_cmpxchg32', 1, 2, 8)];
    expect(bytesPerCopy(1, 2, copy, false)).toBeLessThanOrEqual(kernel.classes['cmpxchg32_d1s2']!.x86_64!.bytes + 2);
  });

  const WHOLE: Readonly<Record<string, readonly Insn[]>> = {
    w_ret0: [insn('mov64_imm'), insn('exit')],
    w_ret42_w: [insn('mov32_imm', 0, 0, 0, 42), insn('exit')],
    w_stack8: [insn('stdw', 10, 0, -8, 0), insn('mov64_imm'), insn('exit')],
    w_stack512: [insn('stdw', 10, 0, -512, 0), insn('mov64_imm'), insn('exit')],
    w_r6: [insn('mov64_reg', 6, 1), insn('ldxw', 0, 6), insn('exit')],
    w_call: [insn('call_helper', 0, 0, 0, 5), insn('mov64_imm'), insn('exit')],
  };
  for (const [name, { little }] of Object.entries(kernel.programs)) {
    (WHOLE as Record<string, readonly Insn[]>)[name] = decodeProgram(Buffer.from(little, 'hex'), 'little');
  }

  test('whole programs are smaller, in geometric mean by more than a quarter', () => {
    let sum = 0;
    for (const [name, insns] of Object.entries(WHOLE)) {
      const ratio = sizeOf(insns) / kernel.wholePrograms[name]!.x86_64!.bytes;
      expect(ratio, name).toBeLessThan(0.9);
      sum += Math.log(ratio);
    }
    expect(Object.keys(WHOLE)).toHaveLength(13);
    expect(Math.exp(sum / Object.keys(WHOLE).length)).toBeLessThan(0.6);
  });
});
