/**
 * Programs that try single instructions: on which registers, with which immediate, and what is read afterwards.
 *
 * Memory holds the value of dst at 0, of src at 8, of r0 at 16 and of a word in memory at 24; results go from 32 on.
 * Each trial uses one register as pointer that the instruction does not name, so it runs on fresh values.
 */
import { type Insn, INSN_TABLE, type InsnRow, makeInsn, rowByName } from '@polybpf/isa';

/** What is read after an instruction: everything, only low halves, or only its main result. */
export type Reading = 'all' | 'low' | 'main';

export interface Trial {
  readonly row: InsnRow;
  readonly dst: number;
  readonly src: number;
  readonly imm: number;
  readonly reading: Reading;
}

/** Frame slot that memory instructions work on, through a pointer or r10. */
const SLOT = -24;
export const FIRST_RESULT = 32;

/** An instruction of a row, with fixed fields in place. */
export function ofRow({ opcode, fixed }: InsnRow, dst: number, src: number, offset: number, imm: number): Insn {
  return makeInsn(opcode, fixed.dst_reg ?? dst, fixed.src_reg ?? src, fixed.offset ?? offset, fixed.imm ?? imm);
}

/** An instruction by the name of its row. */
export function insn(name: string, dst = 0, src = 0, offset = 0, imm = 0): Insn {
  return ofRow(rowByName(name)!, dst, src, offset, imm);
}

/** Rows that can be tried on their own. */
export const TRIABLE_ROWS: readonly InsnRow[] = INSN_TABLE.filter(({ kind }) =>
  ['alu', 'end', 'jmp', 'load', 'store', 'store_imm', 'atomic', 'load_acquire', 'store_release'].includes(kind),
);

/** A program of trials, and how much memory it needs. */
export function trialProgram(trials: readonly Trial[]): { insns: Insn[]; memory: number } {
  const insns: Insn[] = [insn('stxdw', 10, 1, -8)];
  let at = FIRST_RESULT;
  for (const trial of trials) at = appendTrial(insns, trial, at);
  insns.push(insn('mov64_imm', 0, 0, 0, trials.length), insn('exit'));
  return { insns, memory: at };
}

function appendTrial(insns: Insn[], { row, dst, src, imm, reading }: Trial, start: number): number {
  const isLoad = row.kind === 'load' || row.kind === 'load_acquire';
  const isMemory = isLoad || ['store', 'store_imm', 'store_release', 'atomic'].includes(row.kind);
  const hasSrc = row.src === 'read' || row.src === 'readwrite';
  const usesR0 = row.op === 'cmpxchg';
  const named = new Set([dst, ...(hasSrc ? [src] : []), ...(usesR0 ? [0] : [])]);
  const pointer = [9, 6, 3, 2, 1].find((register) => !named.has(register))!;
  const base = isLoad ? src : dst;
  insns.push(insn('ldxdw', pointer, 10, -8), insn('ldxdw', 5, pointer, 24), insn('stxdw', 10, 5, SLOT));
  for (const [register, from] of [
    [0, 16],
    [src, 8],
    [dst, 0],
  ] as const) {
    if (named.has(register) && register !== 10) insns.push(insn('ldxdw', register, pointer, from));
  }
  let at = start;
  const store = (register: number): void => {
    insns.push(insn(reading === 'low' ? 'stxw' : 'stxdw', pointer, register, at));
    at += 8;
  };
  if (row.kind === 'jmp') {
    insns.push(insn('stdw', pointer, 0, at, 1), ofRow(row, dst, src, 1, imm), insn('stdw', pointer, 0, at, 2));
    at += 8;
  } else if (isMemory) {
    if (base !== 10) insns.push(insn('mov64_reg', base, 10), insn('add64_imm', base, 0, 0, SLOT + 100));
    insns.push(ofRow(row, dst, src, base === 10 ? SLOT : -100, imm));
  } else {
    insns.push(ofRow(row, dst, src, 0, imm));
  }
  // Frame addresses differ between engines, so a base register is no result, unless a value replaced it.
  const written = (register: number): boolean =>
    (row.dst !== 'read' && register === dst) || (row.src === 'readwrite' && register === src) || (usesR0 && register === 0); // prettier-ignore
  const main = row.src === 'readwrite' ? src : usesR0 ? 0 : dst;
  for (const register of named) {
    const isAddress = isMemory && register === base && !written(register);
    if (register === 10 || isAddress || (reading === 'main' && register !== main)) continue;
    store(register);
  }
  if (isMemory) {
    // What a store of the base itself left there is an address.
    const storesAddress = hasSrc && src === base && !isLoad;
    if (!storesAddress) insns.push(insn('ldxdw', 5, 10, SLOT), insn('stxdw', pointer, 5, at));
    at += 8;
  }
  return at;
}

/** The trials of a row: all pairs of registers, immediates, and ways to read the results. */
export function trialsOf(row: InsnRow, immediates: readonly number[]): Trial[] {
  const isLoad = row.kind === 'load' || row.kind === 'load_acquire';
  const isStore = ['store', 'store_imm', 'store_release', 'atomic'].includes(row.kind);
  const hasSrc = row.src === 'read' || row.src === 'readwrite';
  const returnsInSrc = row.src === 'readwrite';
  const registers = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
  // r5 and the pointer carry values of the trial itself.
  const dsts = (isStore ? [...registers, 10] : registers).filter((register) => !(isStore || isLoad) || register !== 5);
  const srcs = !hasSrc ? [0] : returnsInSrc || isStore ? registers : [...registers, ...(isLoad ? [10] : [])];
  const imms = row.immUse === 'imm' ? immediates : [0];
  const trials: Trial[] = [];
  for (const dst of dsts) {
    for (const src of srcs) {
      if (isMemoryConflict(row, isLoad, isStore, dst, src)) continue;
      for (const imm of row.immUse === 'imm' && dst !== 1 && dst !== 6 && dst !== 0 ? imms.slice(0, 6) : imms) {
        for (const reading of ['all', 'low', 'main'] as const) trials.push({ row, dst, src, imm, reading });
      }
    }
  }
  return trials;
}

/** r5 carries the word in memory, so memory instructions do not name it; cmpxchg through r0 compares an address. */
function isMemoryConflict(row: InsnRow, isLoad: boolean, isStore: boolean, dst: number, src: number): boolean {
  if (!isLoad && !isStore) return false;
  if (row.op === 'cmpxchg' && (dst === 0 || (src === dst && dst !== 10))) return true;
  // The old value is an address then only in memory, not in the register: fetch and xchg of the base itself are fine.
  return src === 5 && (row.src === 'read' || row.src === 'readwrite');
}
