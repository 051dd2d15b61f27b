/** The generator of hostile programs: what they try. */
import { makeProgram, rowOf } from '@polybpf/isa';
import { compile } from '@polybpf/jit';
import { ALL_TARGETS } from '@polybpf/targets';
import { describe, expect, it } from 'vitest';
import { hostileProgram } from '../src/hostile-program.ts';

const TARGETS = [0n, 0x4000_0000n, 0x5000_0000n, -8n, 2n ** 63n];
const PROGRAMS = Array.from({ length: 300 }, (_, seed) => hostileProgram(seed, TARGETS));

describe('hostile programs', () => {
  it('depend on their seed only', () => {
    expect(hostileProgram(7, TARGETS)).toEqual(hostileProgram(7, TARGETS));
    expect(hostileProgram(8, TARGETS)).not.toEqual(hostileProgram(7, TARGETS));
  });

  it('use every kind and width of access, calls of every kind, loops and branches', () => {
    const names = new Set(PROGRAMS.flatMap(({ insns }) => insns.map((insn) => rowOf(insn)?.name)));
    for (const name of [
      'ldxb', 'ldxsh', 'ldxw', 'ldxdw', 'load_acquire8', 'load_acquire64', 'stb', 'stxdw', 'store_release32', 'atomic_add32',
      'atomic_fetch_xor64', 'atomic_xchg32', 'atomic_cmpxchg64', 'callx', 'call_local', 'call_helper', 'may_goto', 'ld_imm64',
      'ld_imm64_func', 'add64_imm', 'lsh64_imm', 'mov32_reg', 'bswap64', 'jsgt64_imm', 'jeq32_reg',
    ]) expect(names, name).toContain(name); // prettier-ignore
  });

  it('aim at the addresses that they are given, at frames, and beyond', () => {
    const accesses = PROGRAMS.flatMap(({ insns }) =>
      insns.filter((insn) => rowOf(insn)?.kind === 'store' && insn.dst_reg === 10).map(({ offset }) => offset),
    );
    expect(accesses.some((offset) => offset >= 0)).toBe(true);
    expect(accesses.some((offset) => offset < -512)).toBe(true);
    const wide = PROGRAMS.flatMap(
      ({ insns }) =>
      insns.flatMap((insn, i) => (rowOf(insn)?.name === 'ld_imm64' ? [(BigInt(insns[i + 1]!.imm) << 32n) | BigInt(insn.imm >>> 0)] : [])), // prettier-ignore
    );
    for (const target of TARGETS) expect(wide.map((value) => BigInt.asUintN(64, value))).toContain(BigInt.asUintN(64, target)); // prettier-ignore
  });

  it('compile on every target, with checks and without', () => {
    for (const target of ALL_TARGETS) {
      for (const { insns } of PROGRAMS.slice(0, 12)) {
        const program = makeProgram([...insns], { endian: target.endian });
        const none = compile(program, target);
        const sandbox = compile(program, target, { bounds: 'sandbox' });
        expect(sandbox.code.length).toBeGreaterThan(none.code.length);
        expect(sandbox.bounds).toBe('sandbox');
      }
    }
  });
});
