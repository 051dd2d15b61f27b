/**
 * One function while it is built: its lines so far, and what is known at their end. The two masks are what makes every
 * statement right where it lands: `defined` registers hold a number whatever path led here, `reserved` ones hold a
 * pointer or a counter that must stay.
 */
import { type CpuVersion, type InsnRow, makeInsn, rowByName } from '@polybpf/isa';
import type { Label, Line } from './code-lines.ts';
import type { Halves } from './edge-values.ts';
import type { Pick, ProgramFlavour } from './program-shape.ts';

/** A buffer that the function can reach. */
export interface Area {
  readonly kind: 'memory' | 'buffer' | 'stack';
  /** Register that holds its base, or place below r10 where the base is kept. */
  readonly home: { readonly register: number } | { readonly slot: number };
  /** From the kept base to the first byte. */
  readonly delta: number;
  readonly bytes: number;
  /** Accesses must be naturally aligned: the kernel insists on it on the stack. */
  readonly aligned: boolean;
}

/** What functions of a program share. */
export interface ProgramContext {
  readonly isa: CpuVersion;
  readonly flavour: ProgramFlavour;
  readonly memBytes: number;
  /** Stack of one function at most. */
  readonly stackLimit: number;
  /** Instructions executed at most, all calls included. */
  readonly costLimit: number;
}

export interface FunctionContext extends ProgramContext {
  /**
   * A verifier may have seen what follows on another path. Linux 6.18 then forgets that r0 must be zero-extended after a
   * 32-bit cmpxchg that succeeds, which x86_64 does not do by itself: r0 keeps its upper half. Found by this package.
   */
  mayBePruned: boolean;
  lines: Line[];
  /** Registers that hold a number, one bit each. */
  defined: number;
  /** Registers that must not be written; disjoint from `defined`. */
  reserved: number;
  areas: Area[];
  /** Bytes of stack in use. */
  stackBytes: number;
  /** How often the next line is executed at most. */
  times: number;
  /** Instructions executed by a call of this function at most. */
  cost: number;
}

const ALL = 0x3ff;
/** r6 to r9 survive calls. */
export const CALLEE_SAVED = 0x3c0;
/** Registers that a statement may need for itself at once, beside those it keeps. */
const WORKING_SET = 5;

/** An empty function. */
export function createFunctionContext(program: ProgramContext): FunctionContext {
  return {
    ...program,
    mayBePruned: false,
    lines: [],
    defined: 0,
    reserved: 0,
    areas: [],
    stackBytes: 0,
    times: 1,
    cost: 0,
  };
}

/** The row called `name`. */
export function rowNamed(name: string): InsnRow {
  const row = rowByName(name);
  if (row === undefined) throw new Error(`BUG: no row ${name}`);
  return row;
}

/** Operands of {@link emit}; what is missing is 0. */
export interface Operands {
  readonly dst?: number;
  readonly src?: number;
  readonly offset?: number;
  readonly imm?: number;
  readonly nextImm?: number;
  readonly target?: Label;
}

/** Appends one instruction. Fixed fields come from the row. */
export function emit(cx: FunctionContext, name: string, operands: Operands = {}): void {
  const row = rowNamed(name);
  const { dst = 0, src = 0, offset = 0, imm = 0, target } = operands;
  const { fixed } = row;
  const insn = makeInsn(row.opcode, fixed.dst_reg ?? dst, fixed.src_reg ?? src, fixed.offset ?? offset, fixed.imm ?? imm); // prettier-ignore
  const nextImm = row.slots === 2 ? (operands.nextImm ?? 0) : undefined;
  cx.lines.push({ kind: 'insn', insn, nextImm, target });
  if (row.offsetUse === 'jump' || row.immUse === 'jump') cx.mayBePruned = true;
  cx.cost += cx.times;
}

/** `register = value`. */
export function emitConstant(cx: FunctionContext, register: number, { low, high }: Halves): void {
  emit(cx, 'ld_imm64', { dst: register, imm: low, nextImm: high });
  define(cx, register);
}

/** Notes that a register holds a number. */
export function define(cx: FunctionContext, register: number): void {
  cx.defined |= 1 << register;
}

/** Notes that a register holds something else. */
export function undefine(cx: FunctionContext, register: number): void {
  cx.defined &= ~(1 << register);
}

/** A register that may be written, not one of the mask `avoid`. */
export function writable(cx: FunctionContext, pick: Pick, avoid = 0): number {
  const register = choose(ALL & ~cx.reserved & ~avoid, pick);
  if (register === undefined) throw new Error('BUG: every register is reserved');
  return register;
}

/** A register that holds a number, not one of the mask `avoid`; makes one where there is none. */
export function readable(cx: FunctionContext, pick: Pick, avoid = 0): number {
  const register = choose(cx.defined & ~avoid, pick);
  if (register !== undefined) return register;
  const made = writable(cx, pick, avoid);
  emit(cx, 'mov64_imm', { dst: made, imm: pick });
  define(cx, made);
  return made;
}

/**
 * Takes a register out of use for a pointer or counter.
 *
 * @param among - mask of registers that will do
 * @returns undefined when statements would not have enough left
 */
export function reserve(cx: FunctionContext, pick: Pick, among: number): number | undefined {
  if (count(ALL & ~cx.reserved) <= WORKING_SET) return undefined;
  const register = choose(among & ALL & ~cx.reserved, pick);
  if (register === undefined) return undefined;
  keep(cx, register);
  return register;
}

/** Takes one given register out of use. */
export function keep(cx: FunctionContext, register: number): void {
  cx.reserved |= 1 << register;
  undefine(cx, register);
}

/** Puts a register back; it holds a number. */
export function release(cx: FunctionContext, register: number): void {
  cx.reserved &= ~(1 << register);
  define(cx, register);
}

/** Reserves eight bytes of stack. */
export function reserveSlot(cx: FunctionContext): number | undefined {
  if (cx.stackBytes + 8 > cx.stackLimit) return undefined;
  cx.stackBytes += 8;
  return -cx.stackBytes;
}

/** What is known after a call: r0 and what survives. */
export function afterCall(cx: FunctionContext): void {
  cx.defined = (cx.defined & CALLEE_SAVED) | 1;
}

function choose(mask: number, pick: Pick): number | undefined {
  const size = count(mask);
  if (size === 0) return undefined;
  let skip = pick % size;
  for (let register = 0; ; register++) {
    if ((mask & (1 << register)) !== 0 && skip-- === 0) return register;
  }
}

function count(mask: number): number {
  let bits = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) bits++;
  return bits;
}
