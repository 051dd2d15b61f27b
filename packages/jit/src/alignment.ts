/**
 * What is known about the addresses of memory accesses, for CPUs that trap on misaligned ones.
 *
 * A value is known by its remainder modulo 1, 2, 4 or 8, written as one number: modulus + remainder, so that 1 is any value
 * and 8 to 15 say all of the low three bits; 0 is a register that nothing has defined yet. The walk goes forward over the
 * instructions of a function until nothing changes; where paths meet, what both know remains.
 *
 * Known at the start: r10 is a multiple of 8, and so are the arguments of the program (its callers pass pointers to objects
 * of C) and what helpers return that look up or reserve values. Arguments of subprograms, loaded values and all else can
 * have any alignment.
 */
import { type Insn, type InsnRow, jumpTarget, type Program } from '@polybpf/isa';
import type { Analysis } from './analyse.ts';

/** Any value; a multiple of 8. */
const ANY = 1;
const ALIGNED = 8;
const REGISTERS = 11;
const R0 = 0;
const R5 = 5;
const R10 = 10;

/** Helpers that return the address of a value or record, a multiple of 8: bpf_map_lookup_elem, bpf_get_local_storage, bpf_ringbuf_reserve (include/uapi/linux/bpf.h). */
const ALIGNED_RESULTS: ReadonlySet<number> = /* @__PURE__ */ new Set([1, 81, 131]);

/**
 * For each instruction that accesses memory, what is known of its address, as modulus + remainder; 1 for others.
 */
export function findAlignments(analysis: Analysis): Uint8Array {
  const { program, rows, reachable } = analysis;
  const addresses = new Uint8Array(program.insns.length).fill(ANY);
  const states: (Uint8Array | undefined)[] = new Array<Uint8Array | undefined>(program.insns.length);
  for (const { start, end } of analysis.functions) {
    const entry = new Uint8Array(REGISTERS);
    const isProgram = start === 0 && !isReferenced(analysis, start);
    for (let register = R0 + 1; register <= R5; register++) entry[register] = isProgram ? ALIGNED : ANY;
    entry[R10] = ALIGNED;
    const pending: number[] = [start];
    states[start] = entry;
    while (pending.length > 0) {
      let i = pending.pop()!;
      // Straight on until a place whose state this path does not change.
      while (i < end && reachable[i] === 1) {
        const row = rows[i]!;
        const insn = program.insns[i]!;
        const after = states[i]!.slice();
        noteAddress(addresses, row, insn, i, after);
        if (row.kind === 'end') noteSwappedLoad(addresses, analysis, i);
        transfer(program, row, i, after);
        const target = row.kind === 'jmp' || row.kind === 'ja' || row.kind === 'may_goto' ? jumpTarget(row, insn, i) : undefined; // prettier-ignore
        if (target !== undefined && merge(states, target, after)) pending.push(target);
        const next = i + row.slots;
        if (row.kind === 'ja' || row.kind === 'exit' || next >= end || !merge(states, next, after)) break;
        i = next;
      }
    }
  }
  return addresses;
}

/** Joins a path's state into the one at `at`; whether that changed. */
function merge(states: (Uint8Array | undefined)[], at: number, incoming: Uint8Array): boolean {
  const known = states[at];
  if (known === undefined) {
    states[at] = incoming.slice();
    return true;
  }
  let changed = false;
  for (let register = 0; register < REGISTERS; register++) {
    const met = meet(known[register]!, incoming[register]!);
    if (met === known[register]) continue;
    known[register] = met;
    changed = true;
  }
  return changed;
}

/** Largest power of two that is not above `value`. */
function modulusOf(value: number): number {
  return value >= 8 ? 8 : value >= 4 ? 4 : value >= 2 ? 2 : 1;
}

/** `value` known only modulo `modulus`. */
function reduce(value: number, modulus: number): number {
  return modulus + (value & (modulus - 1));
}

function meet(a: number, b: number): number {
  if (a === 0 || b === 0) return a | b;
  let modulus = Math.min(modulusOf(a), modulusOf(b));
  while (reduce(a, modulus) !== reduce(b, modulus)) modulus >>= 1;
  return reduce(a, modulus);
}

/** Undefined registers are as good as any: a program that reads one has no meaning. */
function valueOf(state: Uint8Array, register: number): number {
  const value = state[register]!;
  return value === 0 ? ALIGNED : value;
}

function sum(a: number, b: number): number {
  const modulus = Math.min(modulusOf(a), modulusOf(b));
  return reduce(a + b, modulus);
}

const constant = (value: number): number => 8 + (value & 7);

function noteAddress(addresses: Uint8Array, row: InsnRow, insn: Insn, i: number, state: Uint8Array): void {
  switch (row.kind) {
    case 'load':
    case 'load_acquire':
      addresses[i] = sum(valueOf(state, insn.src_reg), constant(insn.offset));
      return;
    case 'store':
    case 'store_imm':
    case 'store_release':
    case 'atomic':
      addresses[i] = sum(valueOf(state, insn.dst_reg), constant(insn.offset));
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
  return rows.some((row, i) => {
    const refers = row?.kind === 'call_local' || (row?.kind === 'ld_imm64' && row.op === 'func');
    return refers && i + 1 + program.insns[i]!.imm === at;
  });
}

/** Changes the state to the one after instruction `i`. */
function transfer(program: Program, row: InsnRow, i: number, state: Uint8Array): void {
  const { dst_reg, src_reg, imm } = program.insns[i]!;
  switch (row.kind) {
    case 'alu':
      state[dst_reg] = aluResult(row, valueOf(state, dst_reg), row.source === 'reg' ? valueOf(state, src_reg) : constant(imm), imm); // prettier-ignore
      return;
    case 'ld_imm64':
      state[dst_reg] = immediateAddress(program, row, i);
      return;
    case 'end':
    case 'load':
    case 'load_acquire':
      state[dst_reg] = ANY;
      return;
    case 'addr_space_cast':
      state[dst_reg] = valueOf(state, src_reg);
      return;
    case 'atomic':
      if (row.op === 'cmpxchg') state[R0] = ANY;
      else if (row.src === 'readwrite') state[src_reg] = ANY;
      return;
    case 'call_helper':
    case 'call_local':
    case 'call_kfunc':
    case 'callx':
    case 'load_packet':
      state.fill(ANY, R0, R5 + 1);
      if (row.kind === 'call_helper' && ALIGNED_RESULTS.has(imm)) state[R0] = ALIGNED;
      return;
    default:
      return;
  }
}

/** Maps and global data are aligned, numbers say it themselves; symbols of others can be anywhere. */
function immediateAddress({ insns, relocations }: Program, row: InsnRow, i: number): number {
  if (relocations.some(({ insn }) => insn === i)) return ANY;
  if (row.op === 'imm64') return constant(insns[i]!.imm);
  return row.op === 'map_idx_value' ? constant(insns[i + 1]!.imm) : ANY;
}

/** The low bits of `a op b`, which do not depend on the width. */
function aluResult(row: InsnRow, a: number, b: number, imm: number): number {
  const isConstant = row.source === 'imm';
  const modulus = Math.min(modulusOf(a), modulusOf(b));
  switch (row.op) {
    case 'mov':
      return b;
    case 'add':
      return sum(a, b);
    case 'sub':
      return reduce(a - b + 8, modulus);
    case 'neg':
      return reduce(8 - (a & (modulusOf(a) - 1)), modulusOf(a));
    case 'or':
      return reduce(a | b, modulus);
    case 'xor':
      return reduce(a ^ b, modulus);
    case 'and': {
      // Zeros at the end of either operand are zeros of the result.
      const zeros = isConstant ? lowBit(imm) : 1;
      return zeros > modulus ? zeros : reduce(a & b, modulus);
    }
    case 'lsh': {
      const amount = imm & (row.width - 1);
      return !isConstant ? ANY : amount >= 3 ? ALIGNED : scaled(a, 1 << amount);
    }
    case 'mul':
      return isConstant ? scaled(a, imm) : reduce((a & (modulus - 1)) * (b & (modulus - 1)), modulus);
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
