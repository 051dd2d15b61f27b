/**
 * The record of one register: 24 int32 words in an Int32Array. 64-bit numbers take two words, low half first. A record is
 * addressed by its array and the index of its first word. Stack slots that hold a spilled register use the same record.
 *
 * The order matters: words up to {@link W_VAR} describe what the pointer is, words up to {@link W_ID} everything but
 * identity, so that states can be compared by prefixes (kernel: memcmp up to a member of `struct bpf_reg_state`).
 */

/** Words of a record. */
export const REG_WORDS = 24;

/** Base type in the low 8 bits, flags above. */
export const W_TYPE = 0;
/** Fixed part of the offset of a pointer; the constant delta of a linked scalar. Signed. */
export const W_OFF = 1;
/** By type: map + 1, range of a packet pointer, bytes of memory, BTF type id, subprogram, kind of a stack object. */
export const W_AUX = 2;
/** By type: identity of an inner map, number of the BTF object + 1, dynptr id, depth of an iterator. */
export const W_AUX2 = 3;
/** Known bits: value, then mask of unknown bits (kernel: tnum). */
export const W_VAR = 4;
export const W_MASK = 6;
export const W_SMIN = 8;
export const W_SMAX = 10;
export const W_UMIN = 12;
export const W_UMAX = 14;
export const W_S32MIN = 16;
export const W_S32MAX = 17;
/** Unsigned, stored as int32. */
export const W_U32MIN = 18;
export const W_U32MAX = 19;
/** Which scalars and pointers are the same value; scalars may have {@link ADD_CONST} in it. */
export const W_ID = 20;
export const W_REF = 21;
/** Frame that a stack pointer points into. */
export const W_FRAME = 22;
/** 1: the exact value mattered for the verdict. */
export const W_PRECISE = 23;

/** In an id: the scalar is that of the id plus the constant in {@link W_OFF}, added in 64 bits (kernel: BPF_ADD_CONST64). */
export const ADD_CONST64: number = 1 << 31;
/** The same, added in 32 bits (kernel: BPF_ADD_CONST32). */
export const ADD_CONST32: number = 1 << 30;
/** Either of the two (kernel: BPF_ADD_CONST). */
export const ADD_CONST: number = ADD_CONST64 | ADD_CONST32;

/** Copies a record. */
export function copyRegister(to: Int32Array, t: number, from: Int32Array, f: number): void {
  for (let i = 0; i < REG_WORDS; i++) to[t + i] = from[f + i]!;
}

/** Whether the first `words` words of two records are equal. */
export function sameWords(a: Int32Array, i: number, b: Int32Array, k: number, words: number): boolean {
  for (let n = 0; n < words; n++) if (a[i + n] !== b[k + n]) return false;
  return true;
}
