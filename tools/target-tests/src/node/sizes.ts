/**
 * Bytes of code beside those of the Linux JIT (shared facts): no instruction class and no program larger. A class is
 * measured as there: (length with 9 copies - length with 1) / 8.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeProgram, type Insn } from '@polybpf/isa';
import { describe, expect, it } from 'vitest';
import { insn } from '../insn.ts';
import { SIZE_CLASSES } from '../size-classes.ts';

interface Facts {
  readonly programs: Readonly<Record<string, { readonly little: string }>>;
  readonly wholePrograms: Readonly<Record<string, Readonly<Record<string, { readonly bytes: number }>>>>;
  readonly classes: Readonly<Record<string, Readonly<Record<string, { readonly bytes: number }>>>>;
}

const path = join(process.env['POLYBPF_SHARED'] ?? '', 'facts/kernel-jit-sizes.json');
const isPresent = process.env['POLYBPF_SHARED'] !== undefined && existsSync(path);
const facts: Facts = isPresent
  ? JSON.parse(readFileSync(path, 'utf8'))
  : { programs: {}, wholePrograms: {}, classes: {} };

/** Small whole programs of the facts. */
const SMALL_PROGRAMS = {
  w_ret0: [insn('mov64_imm'), insn('exit')],
  w_ret42_w: [insn('mov32_imm', 0, 0, 0, 42), insn('exit')],
  w_stack8: [insn('stxdw', 10, 1, -8), insn('mov64_imm'), insn('exit')],
  w_stack512: [insn('stxdw', 10, 1, -512), insn('mov64_imm'), insn('exit')],
  w_r6: [insn('ldxw', 6, 1), insn('mov64_reg', 0, 6), insn('exit')],
  w_call: [insn('call_helper', 0, 0, 0, 5), insn('mov64_imm'), insn('exit')],
  w_subprog: [
    insn('call_local', 0, 0, 0, 2),
    insn('mov64_imm'),
    insn('exit'),
    insn('mov64_imm', 0, 0, 0, 1),
    insn('exit'),
  ],
  w_far3000: [
    insn('jeq64_imm', 1, 0, 3000, 5),
    ...Array.from({ length: 3000 }, () => insn('add64_reg', 1, 2)),
    insn('mov64_reg', 0, 1),
    insn('exit'),
  ],
} as const;

/** What is a target's own in the comparison. */
export interface SizeExpectations {
  /** The target in the facts. */
  readonly target: string;
  /** Bytes of code of a program. */
  bytesOf(insns: readonly Insn[]): number;
  /** Whether of the results of 32-bit classes only the low half is used, as where the facts hold no zero-extension. */
  readonly readsLowHalves: boolean;
  /** What a class may take, by its name without registers and the kernel's bytes; without it, the kernel's bytes. */
  limit?(key: string, kernel: number): number;
  /** The geometric mean over the whole programs, beside the kernel, is below it. */
  readonly meanRatio: number;
  /** The exact bytes of the small programs. */
  readonly bytes: Readonly<Record<keyof typeof SMALL_PROGRAMS, number>>;
  /** Small programs that the kernel's JIT refuses. */
  readonly refusedByKernel?: readonly string[];
}

/** Declares the tests of a target's code size; without the shared facts they are skipped, and with `CI` set they fail. */
export function describeSizes(own: SizeExpectations): void {
  if (!isPresent && process.env['CI']) throw new Error('missing: POLYBPF_SHARED/facts/kernel-jit-sizes.json');
  const { target, bytesOf, limit = (_, kernel) => kernel } = own;

  /** A program with copies of `body`, each followed by a use of what it may have written. */
  function program(body: readonly Insn[], used: number, copies: number, store: string): Insn[] {
    const insns = [insn('mov64_reg', 9, 1)];
    for (let register = 0; register < 9; register++) insns.push(insn('ldxdw', register, 9, 8 * register));
    for (let copy = 0; copy < copies; copy++) insns.push(...body, insn(store, 9, used, 400 + 16 * copy));
    for (let register = 0; register < 9; register++) insns.push(insn('stxdw', 9, register, 100 + 24 * register));
    return [...insns, insn('exit')];
  }

  function classBytes(name: string, body: readonly Insn[], used: number): number {
    const store = own.readsLowHalves && /32/.test(name) ? 'stxw' : 'stxdw';
    const growth = (insns: readonly Insn[]): number =>
      bytesOf(program(insns, used, 9, store)) - bytesOf(program(insns, used, 1, store));
    return (growth(body) - growth([])) / 8;
  }

  describe.skipIf(!isPresent)('sizes beside the kernel (skipped without POLYBPF_SHARED/facts)', () => {
    const rows = Object.entries(facts.classes).flatMap(([name, bytes]) => {
      const [, key = '', d, s] = /^(.*?)_d(\d)(?:s(\d))?$/.exec(name) ?? [];
      const build = SIZE_CLASSES[key];
      const kernel = bytes[target]?.bytes;
      if (build === undefined || kernel === undefined) return [];
      // A jump's class has the padding instruction that it jumps over.
      const body = build(Number(d), Number(s ?? 2));
      return [{ name, key, kernel, body, used: key.startsWith('call') ? 0 : Number(d) }];
    });

    it('knows every class of the facts but padding', () => {
      const known = new Set(rows.map(({ name }) => name));
      const unknown = Object.keys(facts.classes).filter(
        (name) => facts.classes[name]![target] !== undefined && !known.has(name),
      );
      expect(unknown.filter((name) => !/pad|J_base|nop_|exit_pair/.test(name))).toEqual([]);
      expect(rows.length).toBeGreaterThan(200);
    });

    it('is never larger in any class', () => {
      const larger = rows.flatMap(({ name, key, kernel, body, used }) => {
        const ours = classBytes(name, body, used);
        return ours > limit(key, kernel) ? [`${name}: ${ours}, kernel ${kernel}`] : [];
      });
      expect(larger).toEqual([]);
    });

    it('is a quarter smaller over the whole programs, and never larger', () => {
      let logarithms = 0;
      const names = Object.keys(facts.programs);
      for (const name of names) {
        const ours = bytesOf(decodeProgram(Uint8Array.from(Buffer.from(facts.programs[name]!.little, 'hex'))));
        const kernel = facts.wholePrograms[name]![target]!.bytes;
        expect(ours, name).toBeLessThanOrEqual(kernel);
        logarithms += Math.log(ours / kernel);
      }
      expect(names.length).toBe(7);
      expect(Math.exp(logarithms / names.length)).toBeLessThan(own.meanRatio);
    });

    it.each(Object.entries(SMALL_PROGRAMS))('%s', (name, insns) => {
      const bytes = bytesOf(insns);
      expect(bytes).toBe(own.bytes[name as keyof typeof SMALL_PROGRAMS]);
      if (own.refusedByKernel?.includes(name)) return;
      expect(bytes).toBeLessThanOrEqual(facts.wholePrograms[name]![target]!.bytes);
    });
  });
}
