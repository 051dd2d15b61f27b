/**
 * Loads and stores. x86-64 is TSO (SDM vol. 3 sec. 9.2): every load is an acquire and every store a release, so the
 * ordered forms are the plain ones.
 */
import { displacement, emit, hw, hwBase, type LowerContext, type Op } from '@polybpf/jit';
import { INSTRUCTIONS as I } from './instructions.ts';

/** `load`, `load_acquire`. */
export function lowerLoad(cx: LowerContext, op: Op): void {
  const operands = [hw(cx, op.d), hwBase(cx, op.a), displacement(cx, op.a, op.offset)];
  switch (op.width) {
    case 8:
      emit(cx, I.movzx_r32_m8, operands);
      return;
    case 16:
      emit(cx, I.movzx_r32_m16, operands);
      return;
    case 32:
      emit(cx, I.mov_r32_m, operands);
      return;
    case 64:
      emit(cx, op.zext ? I.mov_r64_m : I.mov_r32_m, operands);
  }
}

/** `load_sext`. */
export function lowerLoadSext(cx: LowerContext, op: Op): void {
  const operands = [hw(cx, op.d), hwBase(cx, op.a), displacement(cx, op.a, op.offset)];
  if (op.width === 8) emit(cx, op.zext ? I.movsx_r64_m8 : I.movsx_r32_m8, operands);
  else if (op.width === 16) emit(cx, op.zext ? I.movsx_r64_m16 : I.movsx_r32_m16, operands);
  else emit(cx, op.zext ? I.movsxd_r64_m32 : I.mov_r32_m, operands);
}

/** `load_bswap`. */
export function lowerLoadBswap(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  const operands = [d, hwBase(cx, op.a), displacement(cx, op.a, op.offset)];
  if (op.width === 16) {
    emit(cx, I.movzx_r32_m16, operands);
    emit(cx, I.rol_rm16_imm8, [d, 8]);
  } else if (op.width === 32) {
    emit(cx, I.mov_r32_m, operands);
    emit(cx, I.bswap_r32, [d]);
  } else {
    emit(cx, I.mov_r64_m, operands);
    emit(cx, I.bswap_r64, [d]);
  }
}

/** `store`, `store_release`. */
export function lowerStore(cx: LowerContext, op: Op): void {
  const operands = [hwBase(cx, op.d), displacement(cx, op.d, op.offset), hw(cx, op.b)];
  if (op.width === 8) emit(cx, I.mov_m_r8, operands);
  else if (op.width === 16) emit(cx, I.mov_m_r16, operands);
  else emit(cx, op.width === 32 ? I.mov_m_r32 : I.mov_m_r64, operands);
}

/** `store_imm`: the immediate's low bits, or its sign extension to 64. */
export function lowerStoreImm(cx: LowerContext, op: Op): void {
  const base = hwBase(cx, op.d);
  const disp = displacement(cx, op.d, op.offset);
  if (op.width === 8) emit(cx, I.mov_m8_imm8, [base, disp, (op.imm << 24) >> 24]);
  else if (op.width === 16) emit(cx, I.mov_m16_imm16, [base, disp, (op.imm << 16) >> 16]);
  else emit(cx, op.width === 32 ? I.mov_m32_imm32 : I.mov_m64_imm32, [base, disp, op.imm]);
}
