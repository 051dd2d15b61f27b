/**
 * Whether the result of a program is defined: the interpreter runs it while a shadow of every register and stack byte
 * says what it holds. Reading what has no value, or letting an address become part of a result, ends the search: engines
 * may differ there and all be right.
 *
 * Pointers may be copied, spilled to the stack and filled, moved by numbers and used as addresses. All else is address
 * dependent: comparing them, masking them, storing them to the program's memory, loading half of one.
 */
import { isBpfError } from '@polybpf/errors';
import { MEM_REGION, runProgram, type TraceView } from '@polybpf/interpreter';
import { suiteHelpers } from '@polybpf/conformance';
import {
  type Endian,
  findSubprograms,
  type Insn,
  type InsnRow,
  jumpTarget,
  makeProgram,
  rowOf,
  STACK_SIZE,
} from '@polybpf/isa';
import type { FuzzProgram } from './build-program.ts';

/** More than any generated program executes, little enough for shrinking not to wait for endless loops. */
export const BUDGET = 400_000;

/** What a register or byte holds. */
const NOTHING = 0;
const NUMBER = 1;
/** The address of a function. */
const FUNCTION = 2;
/** A pointer into a region is this plus the region's number; it must not reach any other region. */
const POINTER = 16;

interface ShadowFrame {
  readonly registers: Uint8Array;
  /** Region number of the frame's stack. */
  readonly region: number;
  readonly stack: Uint8Array;
}

interface Shadow {
  readonly insns: readonly Insn[];
  readonly frames: ShadowFrame[];
  /** A frame was left whose caller has not been looked at. */
  returned: number | undefined;
}

/** Thrown out of the run at the first thing that is not defined. */
class Undefined extends Error {}

/** Whether the program ends without a fault and computes the same wherever its memory and stack lie. */
export function isDefined({ insns, mem }: FuzzProgram, endian: Endian): boolean {
  if (!staysInFunctions(insns)) return false;
  const shadow: Shadow = { insns, frames: [], returned: undefined };
  try {
    runProgram(makeProgram(insns, { endian }), {
      mem: mem.slice(),
      helpers: suiteHelpers(),
      budget: BUDGET,
      trace: (view) => follow(shadow, view, mem.length > 0),
    });
    return true;
  } catch (error) {
    if (error instanceof Undefined || isBpfError(error)) return false;
    throw error;
  }
}

/** Whether no function runs or jumps into another one: the kernel refuses that and compilers need not follow it. */
function staysInFunctions(insns: readonly Insn[]): boolean {
  return findSubprograms(insns).every(({ start, end }) => {
    for (let i = start; i < end; i++) {
      const row = rowOf(insns[i]!);
      if (row === undefined) return false;
      const target = row.immUse === 'subprogram' ? undefined : jumpTarget(row, insns[i]!, i);
      if (target !== undefined && (target < start || target >= end)) return false;
      if (i + row.slots >= end && row.kind !== 'exit' && row.kind !== 'ja') return false;
      i += row.slots - 1;
    }
    return true;
  });
}

function demand(condition: boolean): void {
  if (!condition) throw new Undefined();
}

/** Brings the shadow past the instruction that runs next. */
function follow(cx: Shadow, view: TraceView, hasMemory: boolean): void {
  const frame = currentFrame(cx, view, hasMemory);
  const { registers } = frame;
  const insn = cx.insns[view.insn];
  const row = insn === undefined ? undefined : rowOf(insn);
  if (insn === undefined || row === undefined) throw new Undefined();
  const { kind } = row;
  const { dst_reg, src_reg } = insn;
  switch (kind) {
    case 'alu':
    case 'end':
      registers[dst_reg] = computed(row, registers[dst_reg]!, registers[src_reg]!);
      return;
    case 'jmp':
      demand(registers[dst_reg] === NUMBER && (row.source === 'imm' || registers[src_reg] === NUMBER));
      return;
    case 'ld_imm64':
      registers[dst_reg] = row.op === 'func' ? FUNCTION : NUMBER;
      return;
    case 'load':
    case 'load_acquire':
      registers[dst_reg] = loaded(cx, place(registers, view, src_reg, insn), row.width / 8);
      return;
    case 'store':
    case 'store_imm':
    case 'store_release':
      stored(
        cx,
        place(registers, view, dst_reg, insn),
        row.width / 8,
        kind === 'store_imm' ? NUMBER : registers[src_reg]!,
      );
      return;
    case 'atomic':
      return followAtomic(cx, frame, row, insn, place(registers, view, dst_reg, insn));
    case 'call_helper':
      demand(registers[1] === NUMBER);
      registers.fill(NOTHING, 1, 6);
      registers[0] = NUMBER;
      return;
    case 'callx':
      demand(registers[dst_reg] === FUNCTION);
      return;
    case 'exit':
      demand(cx.frames.length > 1 || registers[0] === NUMBER);
      cx.returned = registers[0];
      return;
    case 'call_local':
    case 'ja':
    case 'may_goto':
      return;
    default:
      demand(false);
  }
}

/** The frame that runs; makes it after a call and leaves the callee's after a return. */
function currentFrame(cx: Shadow, { callDepth, regs }: TraceView, hasMemory: boolean): ShadowFrame {
  const caller = cx.frames[callDepth - 1];
  if (cx.frames.length > callDepth + 1) {
    cx.frames.length = callDepth + 1;
    const { registers } = cx.frames[callDepth]!;
    registers.fill(NOTHING, 0, 6);
    registers[0] = cx.returned!;
  } else if (cx.frames.length === callDepth) {
    const registers = new Uint8Array(11);
    const region = regs[21]!;
    if (caller === undefined) registers.set([hasMemory ? POINTER + MEM_REGION : NUMBER, NUMBER], 1);
    else registers.set(caller.registers.subarray(1, 6), 1);
    registers[10] = POINTER + region;
    cx.frames.push({ registers, region, stack: new Uint8Array(STACK_SIZE) });
  }
  return cx.frames[callDepth]!;
}

/** What an arithmetic instruction leaves in its destination. */
function computed(row: InsnRow, dst: number, src: number): number {
  const { op, width, source } = row;
  const right = source === 'reg' ? src : NUMBER;
  if (op === 'mov' && width === 64) {
    demand(right !== NOTHING);
    return right;
  }
  if (row.dst !== 'write' && width === 64 && (op === 'add' || op === 'sub')) {
    demand(dst !== NOTHING && dst !== FUNCTION && right !== NOTHING && right !== FUNCTION);
    if (dst >= POINTER && right === NUMBER) return dst;
    if (dst === NUMBER && right >= POINTER && op === 'add') return right;
  }
  demand((row.dst === 'write' || dst === NUMBER) && right === NUMBER);
  return NUMBER;
}

/** An address: region number and offset in it. */
interface Place {
  readonly region: number;
  readonly offset: number;
}

/** The address that an access goes to: in the region that its base points into. */
function place(registers: Uint8Array, { regs }: TraceView, base: number, { offset }: Insn): Place {
  const low = (regs[2 * base]! >>> 0) + offset;
  const region = regs[2 * base + 1]! + Math.floor(low / 2 ** 32);
  demand(registers[base] === POINTER + region);
  return { region, offset: low >>> 0 };
}

/** Shadow of the stack that an address is in; undefined for the program's memory. */
function stackAt(cx: Shadow, { region }: Place): Uint8Array | undefined {
  return cx.frames.find((frame) => frame.region === region)?.stack;
}

function loaded(cx: Shadow, at: Place, bytes: number): number {
  const stack = stackAt(cx, at);
  if (stack === undefined) return NUMBER;
  const kinds = stack.subarray(at.offset, at.offset + bytes);
  const first = kinds[0] ?? NOTHING;
  if (first >= POINTER && bytes === 8 && kinds.length === 8 && kinds.every((kind) => kind === first)) return first;
  demand(kinds.every((kind) => kind === NUMBER));
  return NUMBER;
}

function stored(cx: Shadow, at: Place, bytes: number, kind: number): void {
  const stack = stackAt(cx, at);
  demand(kind === NUMBER || (kind >= POINTER && bytes === 8 && stack !== undefined));
  stack?.fill(kind, at.offset, at.offset + bytes);
}

function followAtomic(cx: Shadow, { registers }: ShadowFrame, row: InsnRow, insn: Insn, at: Place): void {
  demand(registers[insn.src_reg] === NUMBER);
  demand(row.op !== 'cmpxchg' || registers[0] === NUMBER);
  demand(loaded(cx, at, row.width / 8) === NUMBER);
}
