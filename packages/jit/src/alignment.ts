/**
 * What is known about the addresses of memory accesses, for CPUs that trap on misaligned ones.
 *
 * A value is known by its remainder modulo 1, 2, 4 or 8, written as one number: modulus + remainder, so that 1 is any value
 * and 8 to 15 say all of the low three bits; 0 is what nothing has defined yet. The walk goes forward over the instructions
 * of a function until nothing changes; where paths meet, what both know remains.
 *
 * Some values are presumed to be multiples of 8 if they are pointers: the arguments of the program, results of helpers that
 * look up or reserve memory, and words of 4 or 8 bytes that are loaded from outside the frame. Their callers and the kernel
 * give programs pointers to aligned objects. Used as an index they can be anything: what is presumed ends where two of them,
 * or one and an address in the frame or in global data, are added. Values that wait in the frame keep what is known of
 * them. Arguments of subprograms and all else can have any alignment.
 */
import { type Insn, type InsnRow, jumpTarget, type Program } from '@polybpf/isa';
import type { Analysis, FunctionAnalysis } from './analyse.ts';

/** Any value; a multiple of 8. */
const ANY = 1;
const ALIGNED = 8;
/** Flags: presumed as long as it is an address; certainly an address. */
const PRESUMED = 16;
const POINTER = 32;
const KNOWN = 15;

const REGISTERS = 11;
const R0 = 0;
const R5 = 5;
const R10 = 10;
/** Doublewords of the frame, the one below r10 first, after the registers. */
const SLOTS = 64;

/**
 * Helpers that return the address of a value or record: bpf_map_lookup_elem, bpf_get_local_storage, bpf_ringbuf_reserve
 * (include/uapi/linux/bpf.h).
 */
const ALIGNED_RESULTS: ReadonlySet<number> = /* @__PURE__ */ new Set([1, 81, 131]);

/** For each instruction that accesses memory, what is known of its address, as modulus + remainder; 1 for others. */
export function findAlignments(analysis: Analysis): Uint8Array {
  const addresses = new Uint8Array(analysis.program.insns.length).fill(ANY);
  const places = new Int32Array(addresses.length);
  for (const fn of analysis.functions) walk(analysis, fn, addresses, places);
  return addresses;
}

/**
 * What is known at the places of one function where paths meet: at its start, and where jumps go to. A state is a piece
 * of one array; it has a byte for each register and for each doubleword of the frame that can be known.
 */
interface States {
  readonly width: number;
  readonly bytes: Uint8Array;
  /** By instruction: which state, counted from 1; 0 where there is none. */
  readonly places: Int32Array;
  /** By state: whether a path has been there. */
  readonly isReached: Uint8Array;
}

function makeStates({ isTarget }: Analysis, fn: FunctionAnalysis, places: Int32Array): States {
  // Where the address of the frame is taken, nothing is known of what is in it.
  const width = REGISTERS + (fn.frameAddressTaken ? 0 : Math.min(SLOTS, fn.stackDepth >> 3));
  let count = 0;
  for (let i = fn.start; i < fn.end; i++) if (i === fn.start || isTarget[i] === 1) places[i] = ++count;
  return { width, bytes: new Uint8Array(width * count), places, isReached: new Uint8Array(count) };
}

function walk(analysis: Analysis, fn: FunctionAnalysis, addresses: Uint8Array, places: Int32Array): void {
  const { program, rows, isTarget } = analysis;
  const { start, end } = fn;
  const states = makeStates(analysis, fn, places);
  const state = new Uint8Array(states.width);
  const isProgram = start === 0 && !isReferenced(analysis, start);
  for (let register = R0 + 1; register <= R5; register++) state[register] = isProgram ? PRESUMED | ALIGNED : ANY;
  state[R10] = POINTER | ALIGNED;
  merge(states, start, state);
  const pending: number[] = [start];
  while (pending.length > 0) {
    let i = pending.pop()!;
    load(states, i, state);
    // Straight on until a place where paths meet whose state this path does not change. Only such places keep a state.
    for (;;) {
      const row = rows[i]!;
      const insn = program.insns[i]!;
      noteAddress(addresses, row, insn, i, state);
      if (row.kind === 'end') noteSwappedLoad(addresses, analysis, i);
      transfer(program, row, i, state);
      const isJump = row.kind === 'jmp' || row.kind === 'ja' || row.kind === 'may_goto';
      const target = isJump ? jumpTarget(row, insn, i) : undefined;
      if (target !== undefined && merge(states, target, state)) pending.push(target);
      const next = i + row.slots;
      if (row.kind === 'ja' || row.kind === 'exit' || next >= end) break;
      if (isTarget[next] === 1) {
        if (!merge(states, next, state)) break;
        load(states, next, state);
      }
      i = next;
    }
  }
}

function load({ width, bytes, places }: States, at: number, state: Uint8Array): void {
  const from = (places[at]! - 1) * width;
  for (let i = 0; i < width; i++) state[i] = bytes[from + i]!;
}

/** Joins a path's state into the one at `at`; whether that changed. */
function merge({ width, bytes, places, isReached }: States, at: number, incoming: Uint8Array): boolean {
  const place = places[at]! - 1;
  const from = place * width;
  if (isReached[place] === 0) {
    isReached[place] = 1;
    for (let i = 0; i < width; i++) bytes[from + i] = incoming[i]!;
    return true;
  }
  let changed = false;
  for (let i = 0; i < width; i++) {
    const known = bytes[from + i]!;
    if (known === incoming[i]) continue;
    const met = meet(known, incoming[i]!);
    if (met === known) continue;
    bytes[from + i] = met;
    changed = true;
  }
  return changed;
}

/** Largest power of two that is not above what is known. */
function modulusOf(value: number): number {
  const known = value & KNOWN;
  return known >= 8 ? 8 : known >= 4 ? 4 : known >= 2 ? 2 : 1;
}

/** `value` known only modulo `modulus`. */
function reduce(value: number, modulus: number): number {
  return modulus + (value & (modulus - 1));
}

function meet(a: number, b: number): number {
  if (a === 0 || b === 0) return a | b;
  let modulus = Math.min(modulusOf(a), modulusOf(b));
  while (reduce(a, modulus) !== reduce(b, modulus)) modulus >>= 1;
  return reduce(a, modulus) | ((a | b) & PRESUMED) | (a & b & POINTER);
}

/** What is undefined is as good as any: a program that reads it has no meaning. */
function valueOf(state: Uint8Array, at: number): number {
  const value = state[at]!;
  return value === 0 ? ALIGNED : value;
}

/** What is known of a value whatever it is used for. */
function scalarOf(value: number): number {
  return (value & PRESUMED) !== 0 ? ANY : value & KNOWN;
}

/** a + b, a - b when `sign` is -1. */
function sum(a: number, b: number, sign: 1 | -1): number {
  const pointer = (a | b) & POINTER;
  const isIndex = (a & b & PRESUMED) !== 0 || (pointer !== 0 && ((a | b) & PRESUMED) !== 0) || (sign < 0 && (b & PRESUMED) !== 0); // prettier-ignore
  if (isIndex) return ANY | pointer;
  const modulus = Math.min(modulusOf(a), modulusOf(b));
  return (
    reduce((a & (modulus - 1)) + sign * (b & (modulus - 1)) + 8, modulus) | (a & PRESUMED) | (b & PRESUMED) | pointer
  );
}

const constant = (value: number): number => 8 + (value & 7);

function noteAddress(addresses: Uint8Array, row: InsnRow, insn: Insn, i: number, state: Uint8Array): void {
  switch (row.kind) {
    case 'load':
    case 'load_acquire':
      addresses[i] = sum(valueOf(state, insn.src_reg), constant(insn.offset), 1) & KNOWN;
      return;
    case 'store':
    case 'store_imm':
    case 'store_release':
    case 'atomic':
      addresses[i] = sum(valueOf(state, insn.dst_reg), constant(insn.offset), 1) & KNOWN;
      return;
    default:
      return;
  }
}

/** Selection makes one access of a load and the byte swap right behind it, under the index of the swap. */
function noteSwappedLoad(addresses: Uint8Array, { program, rows, isTarget }: Analysis, i: number): void {
  const load = i > 0 ? rows[i - 1] : undefined;
  const isOne =
    load?.kind === 'load' && isTarget[i] === 0 && program.insns[i - 1]!.dst_reg === program.insns[i]!.dst_reg;
  addresses[i] = isOne ? addresses[i - 1]! : ANY;
}

/** Whether the program calls, or takes the address of, its instruction `at`. */
function isReferenced({ program, rows }: Analysis, at: number): boolean {
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i];
    if (row?.immUse === 'subprogram' && i + 1 + program.insns[i]!.imm === at) return true;
  }
  return false;
}

/** Changes the state to the one after instruction `i`. */
function transfer(program: Program, row: InsnRow, i: number, state: Uint8Array): void {
  const insn = program.insns[i]!;
  const { dst_reg, src_reg, imm } = insn;
  switch (row.kind) {
    case 'alu':
      state[dst_reg] = aluResult(row, valueOf(state, dst_reg), row.source === 'reg' ? valueOf(state, src_reg) : constant(imm), imm); // prettier-ignore
      return;
    case 'ld_imm64':
      state[dst_reg] = immediateAddress(program, row, i);
      return;
    case 'end':
      state[dst_reg] = ANY;
      return;
    case 'load':
    case 'load_acquire':
      state[dst_reg] = loaded(row, insn, state);
      return;
    case 'store':
      noteStore(row, insn, state, valueOf(state, src_reg));
      return;
    case 'store_imm':
      noteStore(row, insn, state, constant(imm));
      return;
    case 'store_release':
      noteStore(row, insn, state, ANY);
      return;
    case 'addr_space_cast':
      state[dst_reg] = valueOf(state, src_reg);
      return;
    case 'atomic':
      noteStore(row, insn, state, ANY);
      if (row.op === 'cmpxchg') state[R0] = ANY;
      else if (row.src === 'readwrite') state[src_reg] = ANY;
      return;
    case 'call_helper':
    case 'call_local':
    case 'call_kfunc':
    case 'callx':
    case 'load_packet':
      state.fill(ANY, R0, R5 + 1);
      if (row.kind === 'call_helper' && ALIGNED_RESULTS.has(imm)) state[R0] = PRESUMED | ALIGNED;
      return;
    default:
      return;
  }
}

/** Index in a state of the doubleword at r10 + offset; -1 when it has none. */
function slotAt(offset: number, state: Uint8Array): number {
  const at = REGISTERS - 1 - (offset >> 3);
  return (offset & 7) === 0 && offset < 0 && at < state.length ? at : -1;
}

function loaded(row: InsnRow, { src_reg, offset }: Insn, state: Uint8Array): number {
  if (src_reg === R10) {
    const slot = row.width === 64 ? slotAt(offset, state) : -1;
    return slot < 0 ? ANY : valueOf(state, slot);
  }
  const canBePointer = (row.width === 64 || row.width === 32) && row.signedFrom === 0;
  return canBePointer && (valueOf(state, src_reg) & POINTER) === 0 ? PRESUMED | ALIGNED : ANY;
}

/** A store into the frame; others cannot reach values there, unless the frame's address is taken. */
function noteStore(row: InsnRow, { dst_reg, offset }: Insn, state: Uint8Array, value: number): void {
  if (dst_reg !== R10) return;
  const slot = row.width === 64 ? slotAt(offset, state) : -1;
  if (slot >= 0) {
    state[slot] = value;
    return;
  }
  for (let at = offset & ~7; at < offset + row.width / 8; at += 8) {
    const touched = slotAt(at, state);
    if (touched >= 0) state[touched] = ANY;
  }
}

/** Maps and global data are aligned, numbers say it themselves; symbols of others can be anywhere. */
function immediateAddress({ insns, relocations }: Program, row: InsnRow, i: number): number {
  if (relocations.some(({ insn }) => insn === i)) return ANY | POINTER;
  if (row.op === 'imm64') return constant(insns[i]!.imm);
  return row.op === 'map_idx_value' ? constant(insns[i + 1]!.imm) | POINTER : ANY;
}

/** The low bits of `a op b`, which do not depend on the width. */
function aluResult(row: InsnRow, a: number, b: number, imm: number): number {
  if (row.op === 'mov') return b;
  if (row.op === 'add') return sum(a, b, 1);
  if (row.op === 'sub') return sum(a, b, -1);
  const isConstant = row.source === 'imm';
  const [x, y] = [scalarOf(a), scalarOf(b)];
  const modulus = Math.min(modulusOf(x), modulusOf(y));
  switch (row.op) {
    case 'neg':
      return reduce(8 - (x & (modulusOf(x) - 1)), modulusOf(x));
    case 'or':
      return reduce(x | y, modulus);
    case 'xor':
      return reduce(x ^ y, modulus);
    case 'and': {
      // Zeros at the end of either operand are zeros of the result.
      const zeros = isConstant ? lowBit(imm) : 1;
      return zeros > modulus ? zeros : reduce(x & y, modulus);
    }
    case 'lsh': {
      const amount = imm & (row.width - 1);
      return !isConstant ? ANY : amount >= 3 ? ALIGNED : scaled(x, 1 << amount);
    }
    case 'mul':
      return isConstant ? scaled(x, imm) : reduce((x & (modulus - 1)) * (y & (modulus - 1)), modulus);
    default:
      return ANY;
  }
}

/** Lowest bit of a number that is set, at most 8; 8 for 0. */
function lowBit(value: number): number {
  const bit = value & -value;
  return bit === 0 || bit > 8 || bit < 0 ? 8 : bit;
}

/** `a` times a constant: each factor of two in that is one more bit that is known. */
function scaled(a: number, times: number): number {
  const modulus = modulusOf(a);
  return reduce((a & (modulus - 1)) * (times & 7), Math.min(8, modulus * lowBit(times)));
}
