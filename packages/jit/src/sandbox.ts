/**
 * `bounds: 'sandbox'`: puts a `check` in front of each access whose address is not known to be near a checked one.
 *
 * Knowledge (known-address.ts) flows forward through the ops of a function until nothing changes: what holds at a jump
 * target is what holds on all ways to it. A check itself makes its register known, so that further accesses through it
 * are free until it is written, also in other blocks and in loops that do not move it. See sandbox-layout.ts for what
 * the arena is.
 */
import type { MapDef } from '@polybpf/isa';
import type { FunctionAnalysis } from './analyse.ts';
import { baseField, writesOf } from './access.ts';
import {
  accessed,
  CHECKED,
  type Given,
  isCovered,
  isSame,
  join,
  type Knowledge,
  type Known,
  learn,
  resultOf,
  widened,
} from './known-address.ts';
import { ARENA, blankOp, FRAME, NO_REG, type Op, R10 } from './op.ts';
import { REACH_BYTES } from './sandbox-layout.ts';
import { loadedSlot, noteStore, SLOT_END } from './sandbox-slots.ts';

/** Ops with checks, and what they need. */
export interface Confined {
  readonly ops: Op[];
  /** ARENA and FRAME as far as they are used. */
  readonly registers: readonly number[];
}

/** Visits of a block after which what still changes is given up. */
const PATIENCE = 4;

/** Adds checks to the ops of one function, and moves its BPF stack into the arena where its address is taken. */
export function confine(
  fn: FunctionAnalysis,
  ops: readonly Op[],
  maps: readonly MapDef[],
  arenaBits: number,
  addressBits: 32 | 64 = 64,
  proven?: Uint8Array,
  reach: number = REACH_BYTES,
): Confined {
  const usesFrame = ops.some((op) => leavesFrame(fn, op));
  const given: Given = { maps, addressBits, reach, hasSlots: !usesFrame && fn.frameAccesses > 0 };
  if (usesFrame) for (const op of ops) renameFrame(op);
  const states = flow(ops, given);
  const result: Op[] = [];
  let checks = 0;
  let state: Knowledge = [];
  ops.forEach((op, i) => {
    state = states.get(i)?.slice() ?? state;
    const field = baseField(op);
    const isProven = proven?.[op.insn] === 1;
    if (
      field !== undefined &&
      !isProven &&
      op[field] !== R10 &&
      !isCovered(state[op[field]], op.offset, op.width / 8, reach)
    ) {
      const check = blankOp('check', op.insn);
      check.a = op[field];
      check.b = ARENA;
      check.imm = arenaBits;
      check.offset = op.offset;
      result.push(check);
      checks++;
    }
    result.push(op);
    step(op, state, given);
  });
  return { ops: result, registers: [...(usesFrame || checks > 0 ? [ARENA] : []), ...(usesFrame ? [FRAME] : [])] };
}

/** Whether an op lets the address of the frame out, or accesses what is not the function's own. */
function leavesFrame(fn: FunctionAnalysis, op: Op): boolean {
  const field = baseField(op);
  if (field !== undefined && op[field] === R10) {
    if (op.offset < -fn.stackDepth || op.offset + op.width / 8 > 0) return true;
    return op.b === R10;
  }
  return op.a === R10 || op.b === R10;
}

function renameFrame(op: Op): void {
  if (op.a === R10) op.a = FRAME;
  if (op.b === R10) op.b = FRAME;
  if (op.d === R10) op.d = FRAME;
}

/** What is known in front of the first op of each block, by its index. */
function flow(ops: readonly Op[], given: Given): Map<number, Knowledge> {
  const starts = blockStarts(ops);
  const states = new Map<number, Knowledge>();
  const visits = new Map<number, number>();
  const entry: Knowledge = new Array<Known | undefined>(given.hasSlots ? SLOT_END : FRAME + 1).fill(undefined);
  entry[FRAME] = CHECKED;
  const pending: number[] = [];
  const reach = (start: number, state: Knowledge): void => {
    if (start >= ops.length) return;
    const before = states.get(start);
    if (before === undefined) {
      states.set(start, state.slice());
      pending.push(start);
      return;
    }
    const count = (visits.get(start) ?? 0) + 1;
    visits.set(start, count);
    const joined = before.map((value, r) => {
      const both = join(value, state[r]);
      return count > PATIENCE && !isSame(value, both) ? widened(value, both) : both;
    });
    if (joined.every((value, r) => isSame(value, before[r]))) return;
    states.set(start, joined);
    pending.push(start);
  };
  reach(0, entry);
  while (pending.length > 0) {
    const start = pending.pop()!;
    const state = states.get(start)!.slice();
    for (let i = start; i < ops.length; i++) {
      if (i > start && starts.has(i)) {
        reach(i, state);
        break;
      }
      const op = ops[i]!;
      if (op.kind === 'branch' || op.kind === 'may_goto' || op.kind === 'jump') {
        if (op.label !== NO_REG) {
          const taken = state.slice();
          if (op.kind === 'branch' && given.addressBits === 64) learn(op, taken, true);
          reach(opAt(ops, op.label), taken);
        }
        if (op.kind === 'jump') break;
      }
      step(op, state, given);
    }
  }
  return states;
}

/** Indices of ops that jumps go to. What follows a branch without being a target continues its block. */
function blockStarts(ops: readonly Op[]): Set<number> {
  const starts = new Set<number>();
  for (const { kind, label } of ops) {
    if ((kind === 'branch' || kind === 'may_goto' || kind === 'jump') && label !== NO_REG) starts.add(opAt(ops, label));
  }
  return starts;
}

/** Index of the first op at or behind an insn; ops are in the order of their insns. */
function opAt(ops: readonly Op[], insn: number): number {
  let low = 0;
  let high = ops.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ops[middle]!.insn < insn) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * What is known after an op. An access that was done without a fault was in the arena, for the guard zones around it are
 * not mapped: so its base is near once more, by its offset. Pointers that walk through memory stay near what they read last.
 */
function step(op: Op, state: Knowledge, given: Given): void {
  const field = baseField(op);
  if (field !== undefined && op[field] !== R10) state[op[field]] = accessed(op.offset);
  if (op.kind === 'branch') return given.addressBits === 64 ? learn(op, state, false) : undefined;
  if (given.hasSlots && field === 'd' && op.d === R10) noteStore(op, state);
  const writes = writesOf(op);
  if (writes === 0) return;
  const result = op.d >= 0 && writes === 1 << op.d ? (resultOf(op, state, given) ?? loadedSlot(op, state, given)) : undefined; // prettier-ignore
  for (let r = 0; r < R10; r++) if ((writes & (1 << r)) !== 0) state[r] = undefined;
  if (result !== undefined) state[op.d] = result;
}
