/** Byte reversal, which WebAssembly has no instruction for. The operand is on the stack, the result is left there. */
import { W, type WasmWriter } from './wasm-writer.ts';

/** Reverses the low two bytes of an i64 whose upper bytes are anything; the result is zero-extended. */
export function swap16(w: WasmWriter, temp: number): void {
  w.op(W.i32_wrap_i64);
  w.op(W.i64_extend_i32_u);
  w.tee(temp);
  w.i64Const(8);
  w.op(W.i64_shr_u);
  w.i64Const(0xff);
  w.op(W.i64_and);
  w.get(temp);
  w.i64Const(0xff);
  w.op(W.i64_and);
  w.i64Const(8);
  w.op(W.i64_shl);
  w.op(W.i64_or);
}

/** Reverses the four bytes of an i32, in place on the stack; `temp` is an i32 local. */
export function swapWord(w: WasmWriter, temp: number): void {
  w.tee(temp);
  w.i32Const(8);
  w.op(W.i32_rotl);
  w.i32Const(0x00ff00ff);
  w.op(W.i32_and);
  w.get(temp);
  w.i32Const(8);
  w.op(W.i32_rotr);
  w.i32Const(0xff00ff00 | 0);
  w.op(W.i32_and);
  w.op(W.i32_or);
}

/** Reverses the low four bytes of an i64; the result is zero-extended. `temp` is an i32 local. */
export function swap32(w: WasmWriter, temp: number): void {
  w.op(W.i32_wrap_i64);
  swapWord(w, temp);
  w.op(W.i64_extend_i32_u);
}

/**
 * Reverses the eight bytes of an i64; `temp` is an i64 local. A permutation in a vector register (`i8x16.swizzle`) is
 * shorter, but the way there and back made the workload with most swaps a quarter slower (V8 11.3, x86_64).
 */
export function swap64(w: WasmWriter, temp: number): void {
  lanes(w, temp, 8, 0x00ff00ff);
  lanes(w, temp, 16, 0x0000ffff);
  w.i64Const(32);
  w.op(W.i64_rotl);
}

/** Exchanges neighbouring groups of `bits` bits; `mask` has the lower group of each pair. */
function lanes(w: WasmWriter, temp: number, bits: number, mask: number): void {
  w.tee(temp);
  w.i64Const(bits);
  w.op(W.i64_shr_u);
  w.i64Const(mask, mask);
  w.op(W.i64_and);
  w.get(temp);
  w.i64Const(mask, mask);
  w.op(W.i64_and);
  w.i64Const(bits);
  w.op(W.i64_shl);
  w.op(W.i64_or);
}

/** Reverses the low `width` bytes (1, 2, 4, 8) of an i64. */
export function swapBytes(w: WasmWriter, width: number, temp64: number, temp32: number): void {
  if (width === 8) swap64(w, temp64);
  else if (width === 4) swap32(w, temp32);
  else if (width === 2) swap16(w, temp64);
}
