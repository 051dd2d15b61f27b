/**
 * What rows of the instruction table do to registers and to control, as numbers in arrays by the id of the row: analysis
 * asks each instruction many times, and an array answers faster than the words of the table.
 *
 * Live sets are bit masks: bit r (0..10) = register r is read later; bit 16 + r = its upper half is. The set before an
 * instruction is
 *
 * ```text
 *   (after & ~(killDst << dst | killSrc << src | kill)) | useDst << dst | useSrc << src | use
 * ```
 *
 * An operation whose result's upper half is dead does not read the upper halves of its operands when its low half does
 * not depend on them (add, sub, mul, and, or, xor, mov, neg): so each row has two effects.
 */
import { INSN_TABLE, type InsnRow } from '@polybpf/isa';

/** Bit offset of the upper halves in a live set. */
export const UPPER = 16;
/** Shifted left by the number of a register: the bits of both halves, and of the low one. */
const FULL: number = 1 | (1 << UPPER);
const LOW = 1;
/** r1 to r5, and those that any call defines or destroys. */
const ARGUMENTS: number = FULL * 0b111110;
const CALL_CLOBBERS: number = FULL * 0b111111;

interface Effect {
  readonly killDst: number;
  readonly killSrc: number;
  readonly kill: number;
  readonly useDst: number;
  readonly useSrc: number;
  readonly use: number;
}

const NONE: Effect = { killDst: 0, killSrc: 0, kill: 0, useDst: 0, useSrc: 0, use: 0 };

/** @param upperLive - whether anything reads the upper half of the result */
function effectOf(row: InsnRow, addressBits: 32 | 64, upperLive: boolean): Effect {
  const address = addressBits === 32 ? LOW : FULL;
  const wide = row.width === 64;
  switch (row.kind) {
    case 'alu': {
      const use = wide && (upperLive || !lowHalfIsLocal(row.op)) ? FULL : LOW;
      if (row.op === 'mov') return { ...NONE, killDst: FULL, useSrc: row.source === 'reg' ? use : 0 };
      if (row.op === 'movsx') return { ...NONE, killDst: FULL, useSrc: LOW };
      const count = isShift(row.op) ? LOW : use;
      return { ...NONE, killDst: FULL, useDst: use, useSrc: row.source === 'reg' ? count : 0 };
    }
    case 'end':
      return { ...NONE, killDst: FULL, useDst: wide ? FULL : LOW };
    case 'addr_space_cast':
      return { ...NONE, killDst: FULL, useSrc: FULL };
    case 'jmp': {
      const use = wide ? FULL : LOW;
      return { ...NONE, useDst: use, useSrc: row.source === 'reg' ? use : 0 };
    }
    case 'ja':
    case 'may_goto':
      return NONE;
    case 'call_helper':
    case 'call_local':
    case 'call_kfunc':
      return { ...NONE, kill: CALL_CLOBBERS, use: ARGUMENTS };
    case 'callx':
      return { ...NONE, kill: CALL_CLOBBERS, use: ARGUMENTS, useDst: address };
    case 'exit':
      return { ...NONE, kill: -1, use: FULL };
    case 'ld_imm64':
      return { ...NONE, killDst: FULL };
    case 'load_packet':
      return { ...NONE, kill: CALL_CLOBBERS, use: FULL << 6, useSrc: row.op === 'ind' ? LOW : 0 };
    case 'load':
    case 'load_acquire':
      return { ...NONE, killDst: FULL, useSrc: address };
    case 'store':
    case 'store_release':
      return { ...NONE, useDst: address, useSrc: wide ? FULL : LOW };
    case 'store_imm':
      return { ...NONE, useDst: address };
    case 'atomic': {
      const use = wide ? FULL : LOW;
      if (row.op === 'cmpxchg') return { ...NONE, kill: FULL, useDst: address, useSrc: use, use };
      return { ...NONE, killSrc: row.src === 'readwrite' ? FULL : 0, useDst: address, useSrc: use };
    }
  }
}

export function isShift(op: string): boolean {
  return op === 'lsh' || op === 'rsh' || op === 'arsh';
}

/** Whether the low half of the result depends on low halves only. */
function lowHalfIsLocal(op: string): boolean {
  return op === 'add' || op === 'sub' || op === 'mul' || op === 'and' || op === 'or' || op === 'xor' || op === 'mov' || op === 'neg'; // prettier-ignore
}

/** Numbers for each effect; two effects for each row, the second where the upper half of the result is live. */
const FIELDS = 6;

/** The effects of all rows, for {@link liveBefore}. */
export type EffectTable = Int32Array;

function buildEffects(addressBits: 32 | 64): EffectTable {
  const table = new Int32Array(INSN_TABLE.length * 2 * FIELDS);
  for (const row of INSN_TABLE) {
    for (const upper of [0, 1]) {
      const { killDst, killSrc, kill, useDst, useSrc, use } = effectOf(row, addressBits, upper === 1);
      table.set([killDst, killSrc, kill, useDst, useSrc, use], (2 * row.id + upper) * FIELDS);
    }
  }
  return table;
}

const EFFECTS64: EffectTable = /* @__PURE__ */ buildEffects(64);
const EFFECTS32: EffectTable = /* @__PURE__ */ buildEffects(32);

/** @param addressBits - with 32, accesses to memory do not read the upper half of their base */
export function effectTable(addressBits: 32 | 64): EffectTable {
  return addressBits === 32 ? EFFECTS32 : EFFECTS64;
}

/** The live set before an instruction, from the one after it. */
export function liveBefore(effects: EffectTable, id: number, dst: number, src: number, live: number): number {
  // What computes a value that nothing reads does nothing: selection leaves it out.
  if ((TRAITS[id]! & COMPUTES) !== 0 && (live & (LOW << dst)) === 0) return live;
  const at = (2 * id + ((live >>> (dst + UPPER)) & 1)) * FIELDS;
  const kills = (effects[at]! << dst) | (effects[at + 1]! << src) | effects[at + 2]!;
  return (live & ~kills) | (effects[at + 3]! << dst) | (effects[at + 4]! << src) | effects[at + 5]!;
}

/** The instruction writes dst, src, r0 besides, or as calls do r0 to r5. */
const WRITES_DST = 1;
const WRITES_SRC = 2;
const WRITES_R0 = 4;
const WRITES_CALL = 8;
/** Field dst, or src, is a register that is read and not written. */
export const READS_DST = 0x10;
export const READS_SRC = 0x20;
/** Any call but legacy packet access. */
export const IS_CALL = 0x40;
export const IS_EXIT = 0x80;
/** Conditional or not, `may_goto` included. */
export const IS_JUMP = 0x100;
/** Control never goes on behind it. */
export const ENDS_PATH = 0x200;
/** An access to memory whose base is dst, or src. */
export const BASE_IS_DST = 0x400;
export const BASE_IS_SRC = 0x800;
/** It stores src. */
export const STORES_SRC = 0x1000;
/** It shifts by src. */
export const SHIFTS = 0x2000;
/** It uses dst, or src, in less than 64 bits; shift counts are narrow. */
export const NARROW_DST = 0x4000;
export const NARROW_SRC = 0x8000;
/** Its only effect is a value in dst. */
const COMPUTES = 0x10000;
export const TWO_SLOTS = 0x20000;
/** It names a function of the program. */
export const NAMES_FUNCTION = 0x40000;

function buildTraits(): Int32Array {
  const traits = new Int32Array(INSN_TABLE.length);
  for (const row of INSN_TABLE) {
    const { kind, width, dst, src } = row;
    const calls = kind === 'call_helper' || kind === 'call_local' || kind === 'call_kfunc' || kind === 'callx';
    const stores = kind === 'store' || kind === 'store_release' || kind === 'atomic';
    const shifts = kind === 'alu' && row.source === 'reg' && isShift(row.op);
    const note = (holds: boolean, trait: number): void => {
      if (holds) traits[row.id]! |= trait;
    };
    note(dst === 'write' || dst === 'readwrite', WRITES_DST);
    note(src === 'write' || src === 'readwrite', WRITES_SRC);
    note(kind === 'atomic' && row.op === 'cmpxchg', WRITES_R0);
    note(calls || kind === 'load_packet', WRITES_CALL);
    note(dst === 'read', READS_DST);
    note(src === 'read', READS_SRC);
    note(calls, IS_CALL);
    note(kind === 'exit', IS_EXIT);
    note(kind === 'jmp' || kind === 'ja' || kind === 'may_goto', IS_JUMP);
    note(kind === 'ja' || kind === 'exit', ENDS_PATH);
    note(stores || kind === 'store_imm', BASE_IS_DST);
    note(kind === 'load' || kind === 'load_acquire', BASE_IS_SRC);
    note(stores, STORES_SRC);
    note(shifts, SHIFTS);
    note(dst !== 'none' && width !== 64, NARROW_DST);
    note(src !== 'none' && src !== 'fixed' && (width !== 64 || shifts), NARROW_SRC);
    note(kind === 'alu' || kind === 'end', COMPUTES);
    note(row.slots === 2, TWO_SLOTS);
    note(row.immUse === 'subprogram', NAMES_FUNCTION);
  }
  return traits;
}

/** By row: the bits above. */
export const TRAITS: Int32Array = /* @__PURE__ */ buildTraits();

/** Registers that an instruction writes, as bits 0..10. */
export function writtenRegisters(id: number, dst: number, src: number): number {
  const traits = TRAITS[id]!;
  return (
    ((traits & WRITES_DST) << dst) |
    (((traits & WRITES_SRC) >> 1) << src) |
    ((traits & WRITES_R0) >> 2) |
    (-((traits & WRITES_CALL) >> 3) & 0b111111)
  );
}

/**
 * Largest numbers that the fields may hold, dst + 16 * src: registers beyond r10 would be taken for the scratch registers
 * that ops have beside those of the program. r10 is read only; a fixed field is no register.
 */
export const LAST_REGISTERS: Uint8Array = /* @__PURE__ */ Uint8Array.from(
  INSN_TABLE,
  ({ dst, src }) => lastRegister(dst) + 16 * lastRegister(src),
);

function lastRegister(use: InsnRow['dst']): number {
  return use === 'fixed' ? 15 : use === 'write' || use === 'readwrite' ? 9 : 10;
}
