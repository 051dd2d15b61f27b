/** Locals of the fast interpreter's function, and what its handlers have in common. */
import type { Endian } from '@polybpf/isa';
import { W, WasmWriter } from './wasm-writer.ts';

export const CODE = 0;
export const P = 1;
export const D = 2;
export const FUEL = 3;
export const DEPTH = 4;
export const T = 5;
export const U = 6;
export const A = 7;
export const V = 8;
export const X = 9;

/** Bytes of a slot. */
export const SLOT = 32;
export class Emitter {
  readonly w: WasmWriter = new WasmWriter();
  readonly big: boolean;
  /** Blocks that are open around the handler that is being written, the loop not counted. */
  open = 0;

  constructor(endian: Endian) {
    this.big = endian === 'big';
  }

  /** Leaves to the host; the instruction has not run. */
  toHost(extra = 0): void {
    this.w.index(W.br, this.open + 1 + extra);
  }

  /** Leaves to the host when the i32 on the stack is not 0. */
  toHostIf(): void {
    this.w.index(W.br_if, this.open + 1);
  }

  /** Goes on with the instruction at `P`. */
  next(): void {
    this.w.index(W.br, this.open);
  }

  /** Goes on with the slot `bytes` after this one. */
  advance(bytes: number = SLOT): void {
    const { w } = this;
    w.get(P);
    w.i32Const(bytes);
    w.op(W.i32_add);
    w.set(P);
    this.next();
  }

  /** Pushes the byte address that a word of the slot names. */
  operand(offset: number): void {
    const { w } = this;
    w.get(P);
    w.access(W.i32_load, offset);
    w.i32Const(2);
    w.op(W.i32_shl);
    w.get(CODE);
    w.op(W.i32_add);
  }

  /** dst = value, given the address of dst on the stack below the value. */
  storeResult(): void {
    this.w.access(W.i64_store, 0);
    this.advance();
  }

  loadD(): void {
    this.w.get(D);
    this.w.access(W.i64_load, 0);
  }

  loadS(): void {
    this.operand(8);
    this.w.access(W.i64_load, 0);
  }

  loadD32(): void {
    this.w.get(D);
    this.w.access(W.i32_load, 0);
  }

  loadS32(): void {
    this.operand(8);
    this.w.access(W.i32_load, 0);
  }

  /** D = address of dst, also left on the stack. */
  dst(): void {
    this.operand(4);
    this.w.tee(D);
  }
}
