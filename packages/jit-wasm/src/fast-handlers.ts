/** Handlers of the fast interpreter that touch memory or frames. */
import { ARENA_BASES, ARENA_READ_ENDS, ARENA_REGION_LIMIT, ARENA_WRITE_ENDS, FRAME_WORDS } from '@polybpf/interpreter/engine'; // prettier-ignore
import { swapBytes, swapWord } from './byte-order.ts';
import { A, CODE, D, DEPTH, type Emitter, P, SLOT, T, U, V, X } from './fast-emitter.ts';
import { FRAME_REGION_BIAS, MAILBOX } from './mailbox.ts';
import { W } from './wasm-writer.ts';

const FRAME_BYTES = FRAME_WORDS * 4;
/** Byte of r6 and of r10 in the register file. */
const R6 = 48;
const R10 = 80;

/** T = host address of base + offset, checked against the ends in `table`; goes to the host when it is outside. */
export function emitPlace(e: Emitter, base: number, width: number, table: number): void {
  const { w } = e;
  e.operand(base);
  w.access(W.i64_load, 0);
  w.get(P);
  w.access(W.i64_load32_s, 12);
  w.op(W.i64_add);
  w.tee(A);
  w.i64Const(32);
  w.op(W.i64_shr_u);
  w.op(W.i32_wrap_i64);
  w.tee(T);
  w.i32Const(ARENA_REGION_LIMIT);
  w.op(W.i32_ge_u);
  e.toHostIf();
  w.get(A);
  w.i64Const(-1, 0);
  w.op(W.i64_and);
  w.i64Const(width);
  w.op(W.i64_add);
  w.get(T);
  w.i32Const(2);
  w.op(W.i32_shl);
  w.tee(T);
  w.access(W.i64_load32_u, table);
  w.op(W.i64_gt_u);
  e.toHostIf();
  w.get(T);
  w.access(W.i32_load, ARENA_BASES);
  w.get(A);
  w.op(W.i32_wrap_i64);
  w.op(W.i32_add);
  w.set(T);
}

/** Pushes table + scale * (depth + extra); the table's address stands in the mailbox. */
function frameEntry({ w }: Emitter, table: number, scale: number): void {
  w.get(DEPTH);
  w.i32Const(scale);
  w.op(W.i32_mul);
  w.i32Const(0);
  w.access(W.i32_load, table);
  w.op(W.i32_add);
}

/** Makes the stack of frame `DEPTH` accessible or not. */
function setFrameEnds({ w }: Emitter, value: () => void): void {
  for (const table of [ARENA_READ_ENDS, ARENA_WRITE_ENDS]) {
    w.get(DEPTH);
    w.i32Const(2);
    w.op(W.i32_shl);
    value();
    w.access(W.i32_store, table + 4 * FRAME_REGION_BIAS);
  }
}

export function emitCall(e: Emitter): void {
  const { w } = e;
  w.get(DEPTH);
  w.i32Const(1);
  w.op(W.i32_add);
  w.i32Const(0);
  w.access(W.i32_load, MAILBOX.depthLimit);
  w.op(W.i32_ge_u);
  e.toHostIf();
  w.get(DEPTH);
  w.i32Const(1);
  w.op(W.i32_add);
  w.set(DEPTH);
  frameEntry(e, MAILBOX.saved, FRAME_BYTES);
  w.tee(T);
  w.get(P);
  w.i32Const(SLOT);
  w.op(W.i32_add);
  w.get(CODE);
  w.op(W.i32_sub);
  w.i32Const(2);
  w.op(W.i32_shr_u);
  w.access(W.i32_store, 0);
  for (let k = 0; k < 5; k++) {
    w.get(T);
    w.get(CODE);
    w.access(W.i64_load, R6 + 8 * k);
    w.access(W.i64_store, 4 + 8 * k);
  }
  const stackSize = (): void => {
    w.i32Const(0);
    w.access(W.i32_load, MAILBOX.stackSize);
  };
  setFrameEnds(e, stackSize);
  frameEntry(e, MAILBOX.loops, 4);
  w.i32Const(0);
  w.access(W.i32_load, MAILBOX.mayGotoLimit);
  w.access(W.i32_store, 0);
  frameEntry(e, MAILBOX.activation, 4);
  w.tee(T);
  w.get(T);
  w.i32Const(4);
  w.op(W.i32_sub);
  w.access(W.i32_load, 0);
  w.access(W.i32_store, 0);
  w.get(CODE);
  stackSize();
  w.access(W.i32_store, R10);
  w.get(CODE);
  w.get(DEPTH);
  w.i32Const(FRAME_REGION_BIAS);
  w.op(W.i32_add);
  w.access(W.i32_store, R10 + 4);
  e.operand(12);
  w.set(P);
  e.next();
}

export function emitExit(e: Emitter): void {
  const { w } = e;
  w.get(DEPTH);
  w.i32Const(0);
  w.access(W.i32_load, MAILBOX.floor);
  w.op(W.i32_le_u);
  e.toHostIf();
  setFrameEnds(e, () => w.i32Const(0));
  frameEntry(e, MAILBOX.saved, FRAME_BYTES);
  w.set(T);
  for (let k = 0; k < 5; k++) {
    w.get(CODE);
    w.get(T);
    w.access(W.i64_load, 4 + 8 * k);
    w.access(W.i64_store, R6 + 8 * k);
  }
  w.get(DEPTH);
  w.i32Const(1);
  w.op(W.i32_sub);
  w.set(DEPTH);
  w.get(T);
  w.access(W.i32_load, 0);
  w.i32Const(2);
  w.op(W.i32_shl);
  w.get(CODE);
  w.op(W.i32_add);
  w.set(P);
  e.next();
}

export function emitMayGoto(e: Emitter): void {
  const { w } = e;
  frameEntry(e, MAILBOX.loops, 4);
  w.tee(T);
  w.access(W.i32_load, 0);
  w.tee(U);
  w.op(W.if);
  w.op(W.void);
  e.open += 1;
  w.get(T);
  w.get(U);
  w.i32Const(1);
  w.op(W.i32_sub);
  w.access(W.i32_store, 0);
  e.advance();
  e.open -= 1;
  w.op(W.end);
  e.operand(12);
  w.set(P);
  e.next();
}

/** Atomics at aligned addresses; word 6 of the slot is the operation, plus 16 when it is 64 bits wide. */
export function emitAtomic(e: Emitter): void {
  const { w } = e;
  w.get(P);
  w.access(W.i32_load, 24);
  w.i32Const(16);
  w.op(W.i32_and);
  w.op(W.if);
  w.op(W.void);
  e.open += 1;
  emitAtomicOf(e, true);
  e.open -= 1;
  w.op(W.end);
  emitAtomicOf(e, false);
}

function emitAtomicOf(e: Emitter, wide: boolean): void {
  const { w } = e;
  const width = wide ? 8 : 4;
  // Readable as far as writable, and aligned: else the host decides.
  emitPlace(e, 4, width, ARENA_READ_ENDS);
  emitPlace(e, 4, width, ARENA_WRITE_ENDS);
  w.get(A);
  w.op(W.i32_wrap_i64);
  w.i32Const(width - 1);
  w.op(W.i32_and);
  e.toHostIf();
  const access = (load: boolean): void =>
    w.access(load ? (wide ? W.i64_load : W.i64_load32_u) : wide ? W.i64_store : W.i64_store32, 0);
  const swap = (): void => {
    if (!e.big) return;
    if (wide) swapBytes(w, 8, A, U);
    else {
      w.op(W.i32_wrap_i64);
      swapWord(w, U);
      w.op(W.i64_extend_i32_u);
    }
  };
  w.get(T);
  access(true);
  swap();
  w.set(V);
  e.operand(8);
  w.access(wide ? W.i64_load : W.i64_load32_u, 0);
  w.set(X);
  w.get(P);
  w.access(W.i32_load, 24);
  w.i32Const(15);
  w.op(W.i32_and);
  w.set(U);
  // X = new value
  const choose = (op: number, opcode: number): void => {
    w.get(U);
    w.i32Const(3);
    w.op(W.i32_and);
    w.i32Const(op);
    w.op(W.i32_eq);
    w.op(W.if);
    w.op(W.void);
    w.get(V);
    w.get(X);
    w.op(opcode);
    w.set(X);
    w.op(W.else);
  };
  // add or and xor, then the same with fetch: 0 to 7. 8 is xchg: X already. 9 is cmpxchg.
  w.get(U);
  w.i32Const(8);
  w.op(W.i32_lt_u);
  w.op(W.if);
  w.op(W.void);
  choose(0, W.i64_add);
  choose(1, W.i64_or);
  choose(2, W.i64_and);
  w.get(V);
  w.get(X);
  w.op(W.i64_xor);
  w.set(X);
  w.op(W.end);
  w.op(W.end);
  w.op(W.end);
  w.op(W.else);
  w.get(X);
  w.get(V);
  w.get(U);
  w.i32Const(8);
  w.op(W.i32_eq);
  w.get(CODE);
  w.access(wide ? W.i64_load : W.i64_load32_u, 0);
  w.get(V);
  w.op(W.i64_eq);
  w.op(W.i32_or);
  w.op(W.select);
  w.set(X);
  w.op(W.end);
  w.get(T);
  w.get(X);
  if (e.big) {
    // The swap needs U, the operation: keep it in D, which is free here.
    w.get(U);
    w.set(D);
    swap();
    w.get(D);
    w.set(U);
  }
  access(false);
  w.get(U);
  w.i32Const(4);
  w.op(W.i32_ge_u);
  w.op(W.if);
  w.op(W.void);
  w.get(CODE);
  e.operand(8);
  w.get(U);
  w.i32Const(9);
  w.op(W.i32_eq);
  w.op(W.select);
  w.get(V);
  w.access(W.i64_store, 0);
  w.op(W.end);
  e.advance();
}
