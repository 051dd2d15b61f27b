/** Moves, constants and addresses. */
import { emit, emitSymbol, emitTo, hw, type LowerContext, type Op, R10 } from '@polybpf/jit';
import type { X64Form } from './encoder.ts';
import { INSTRUCTIONS as I } from './instructions.ts';
import { takeNarrower } from './lower-fold.ts';
import { RAX, RBP } from './registers.ts';

/** Whether an op must compute 64 bits: the upper half of a 64-bit result that nothing reads need not be right. */
export function isWide(op: Op): boolean {
  return op.width === 64 && op.zext;
}

/** `d = a`, nothing when they are the same register. Without `wide`, the upper half of the result is not read. */
export function move(cx: LowerContext, d: number, a: number, wide: boolean): void {
  if (d !== a) emit(cx, wide ? I.mov_rm_r64 : I.mov_r_rm32, [d, a]);
}

/** `d = low 32 bits of a`, zero-extended. */
export function zeroExtend(cx: LowerContext, d: number, a: number): void {
  emit(cx, I.mov_rm_r32, [d, a]);
}

/** `d = a` in the width of the op, as its only effect. */
export function copy(cx: LowerContext, op: Op, d: number, a: number): void {
  if (op.width === 32 && op.zext) zeroExtend(cx, d, a);
  else move(cx, d, a, isWide(op));
}

/** `mov`. */
export function lowerMov(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  if (op.a === R10) return frameAddress(cx, d, 0);
  const a = hw(cx, op.a);
  if (op.width === 8) emit(cx, I.movzx_r32_rm8, [d, a]);
  else if (op.width === 16) emit(cx, I.movzx_r32_rm16, [d, a]);
  else copy(cx, op, d, a);
}

/** `d = r10 + offset`. */
export function frameAddress(cx: LowerContext, d: number, offset: number): void {
  const { base, bias } = cx.frame;
  if (bias + offset === 0) move(cx, d, base, true);
  else emit(cx, I.lea_r64, [d, base, bias + offset]);
}

/** `sext`. */
export function lowerSext(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  const a = hw(cx, op.a);
  const wide = isWide(op);
  const memory = op.from === 0 ? undefined : takeNarrower(cx, a, op.from, d === a);
  if (memory !== undefined) emit(cx, extendingLoad(op.from, wide), [d, ...memory]);
  else if (op.from === 32) {
    if (!wide) move(cx, d, a, false);
    else if (d === RAX && a === RAX) emit(cx, I.cdqe, []);
    else emit(cx, I.movsxd_r64_rm32, [d, a]);
  } else if (op.from === 16) {
    if (!wide && d === RAX && a === RAX) emit(cx, I.cwde, []);
    else emit(cx, wide ? I.movsx_r64_rm16 : I.movsx_r32_rm16, [d, a]);
  } else emit(cx, wide ? I.movsx_r64_rm8 : I.movsx_r32_rm8, [d, a]);
}

function extendingLoad(from: Op['from'], wide: boolean): X64Form {
  if (from === 8) return wide ? I.movsx_r64_m8 : I.movsx_r32_m8;
  if (from === 16) return wide ? I.movsx_r64_m16 : I.movsx_r32_m16;
  return wide ? I.movsxd_r64_m32 : I.mov_r32_m;
}

/** `const`. */
export function lowerConst(cx: LowerContext, op: Op): void {
  // without a live upper half: whichever upper half is shortest
  if (!op.zext) loadImm32(cx, hw(cx, op.d), op.imm);
  else loadImm64(cx, hw(cx, op.d), op.imm, op.immHi);
}

/** `d = imm`; the upper half is undefined. */
export function loadImm32(cx: LowerContext, d: number, imm: number): void {
  if (imm === -1) emit(cx, I.or_rm32_imm8, [d, -1]);
  else loadImm64(cx, d, imm, 0);
}

/** `d = high:low`, in the shortest form; changes the flags. */
export function loadImm64(cx: LowerContext, d: number, low: number, high: number): void {
  if (high === 0) {
    if (low === 0) emit(cx, I.xor_rm_r32, [d, d]);
    else emit(cx, I.mov_r32_imm32, [d, low | 0]);
  } else if (high === -1 && low < 0) {
    if (low === -1) emit(cx, I.or_rm64_imm8, [d, -1]);
    else emit(cx, I.mov_rm64_imm32, [d, low]);
  } else emit(cx, I.movabs_r64_imm64, [d, high | 0, low | 0]);
}

/** `d = a + b` for d other than both. */
export function leaSum(cx: LowerContext, d: number, a: number, b: number, wide: boolean): void {
  // rbp and r13 as base need a displacement byte, as index they do not
  const swap = (a & 7) === RBP;
  emit(cx, wide ? I.lea_r64_index : I.lea_r32_index, [d, swap ? b : a, swap ? a : b, 1, 0]);
}

/** `address`: pc-relative, so the image may lie anywhere within 2 GiB of the symbol. */
export function lowerAddress(cx: LowerContext, op: Op): void {
  const symbol = op.symbol!;
  const d = hw(cx, op.d);
  // a weak function that nobody defines is at 0, which no pc-relative field reaches in a PIE
  if (symbol.kind === 'function' && symbol.weak) emitTo(cx, I.mov_r64_label, [d], cx.symbolLiteral(symbol, op.addend));
  else emitSymbol(cx, I.lea_r64_symbol, [d], symbol, op.addend);
}

/** `function_address`. */
export function lowerFunctionAddress(cx: LowerContext, op: Op): void {
  emitTo(cx, I.lea_r64_label, [hw(cx, op.d)], op.label);
}
