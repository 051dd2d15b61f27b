/** Calls: of functions of the program, and of the host for what it executes itself. */
import { ARENA_READ_ENDS, ARENA_WRITE_ENDS, CODE_START, slotWord } from '@polybpf/interpreter/engine';
import { NONE } from './flow.ts';
import type { FunctionEmitter } from './function-emitter.ts';
import { SAVED_BYTES } from './interpreter-engine.ts';
import { hostResults } from './liveness.ts';
import { FRAME_REGION_BIAS, MAILBOX } from './mailbox.ts';
import { FIRST_FUNCTION } from './module-context.ts';
import { W } from './wasm-writer.ts';

function loadFuel(f: FunctionEmitter): void {
  const { w, locals } = f;
  w.i32Const(0);
  w.access(W.i64_load, MAILBOX.fuel);
  w.set(locals.fuel);
}

/** Registers of `mask` from the register file. */
function reload(f: FunctionEmitter, mask: number): void {
  const { w, context } = f;
  for (let r = 0; r < 10; r++) {
    if ((mask & (1 << r)) === 0) continue;
    w.i32Const(0);
    w.access(W.i64_load, context.binding.registers + 8 * r);
    f.setRegister(r);
  }
}

/** One instruction that the host executes. It may also have gone on in another program: then the function is over. */
export function emitHost(f: FunctionEmitter, i: number, next: number): void {
  const { w, context } = f;
  const live = context.live.before[i + 1]!;
  for (let r = 6; r <= 9; r++) if ((live & (1 << r)) !== 0) f.makeAbsolute(r);
  for (let r = 6; r <= 9; r++) if (f.relativeTo(r) !== NONE && (live & (1 << r)) !== 0) f.pointers.walk.root[r] = NONE;
  f.spill(context.live.before[i]!, i, false);
  w.op(W.if);
  w.op(W.void);
  w.i32Const(0);
  w.access(W.i64_load, context.binding.registers);
  w.i32Const(0);
  w.access(W.i64_load, MAILBOX.fuel);
  w.op(W.return);
  w.op(W.end);
  loadFuel(f);
  reload(f, live & hostResults(f.flow, i));
  f.release(i);
  f.defined(i, 0);
  f.loadSlots(liveSlotsIn(f, next));
}

/** Slots that are read in `next`, the block behind a call. */
function liveSlotsIn(f: FunctionEmitter, next: number): number {
  return f.slots.slots.length === 0 || next === NONE ? 0 : f.slots.liveIn[next]!;
}

/** @param next - the block behind the call, by its position; {@link NONE} where there is none */
export function emitLocalCall(f: FunctionEmitter, i: number, next: number): void {
  const { w, locals, context, image, flow } = f;
  const target = flow.blockAt[(image.code[slotWord(i) + 3]! - CODE_START) >> 3]!;
  const callee = context.functionAt.get(target)!;
  const { live, binding } = context;
  if (flow.hosted) {
    for (let r = 6; r <= 9; r++) if ((live.before[i + 1]! & (1 << r)) !== 0) f.makeAbsolute(r);
    for (let r = 6; r <= 9; r++)
      if (f.relativeTo(r) !== NONE && (live.before[i + 1]! & (1 << r)) !== 0) f.pointers.walk.root[r] = NONE;
  }
  w.get(locals.depth);
  w.i32Const(1);
  w.op(W.i32_add);
  w.tee(locals.u);
  w.i32Const(0);
  w.access(W.i32_load, MAILBOX.depthLimit);
  w.op(W.i32_ge_u);
  f.exitIf(i);
  const frame = (bytes: number, table: number, value: () => void): void => {
    w.get(locals.u);
    w.i32Const(bytes);
    w.op(W.i32_mul);
    value();
    w.access(W.i32_store, table);
  };
  // Where the caller goes on, for those who look at the call stack.
  frame(SAVED_BYTES, binding.saved, () => w.i32Const(slotWord(i + 1)));
  if (context.usesMayGoto[callee]) frame(4, binding.loops, () => w.i32Const(binding.mayGotoLimit));
  const setEnds = (bytes: number): void => {
    for (const table of [ARENA_READ_ENDS, ARENA_WRITE_ENDS]) frame(4, table + 4 * FRAME_REGION_BIAS, () => w.i32Const(bytes)); // prettier-ignore
  };
  if (context.usesFrame[callee]) setEnds(binding.stackSize);
  const parameters = live.before[flow.start[target]!]! & 0x3ff;
  for (let r = 0; r < 10; r++) if ((parameters & (1 << r)) !== 0) f.getRegister(r);
  w.get(locals.u);
  w.get(locals.fuel);
  w.index(W.call, FIRST_FUNCTION + callee);
  w.set(locals.fuel);
  f.setRegister(0);
  if (context.usesFrame[callee]) {
    w.get(locals.depth);
    w.i32Const(1);
    w.op(W.i32_add);
    w.set(locals.u);
    setEnds(0);
  }
  reload(f, live.before[i + 1]! & live.leaked);
  f.release(i);
  f.defined(i, 0);
  f.loadSlots(liveSlotsIn(f, next));
}
