/**
 * Loads and stores. x86-64 is TSO (SDM vol. 3 sec. 9.2): every load is an acquire and every store a release, so the
 * ordered forms are the plain ones.
 */
import { displacement, emit, hw, hwBase, type LowerContext, type Op, R10 } from '@polybpf/jit';
import type { X64Form } from './encoder.ts';
import { INSTRUCTIONS as I } from './instructions.ts';
import { takeAddress, takeUpdate } from './lower-fold.ts';

/** `load`, `load_acquire`. */
export function lowerLoad(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  const base = hwBase(cx, op.a);
  const disp = displacement(cx, op.a, op.offset);
  const at = op.a === R10 ? undefined : takeAddress(cx, base, base === d);
  if (at === undefined) emit(cx, loadForm(op), [d, base, disp]);
  else emit(cx, indexedLoadForm(op), [d, at.base, at.index, at.scale, at.disp + disp]);
}

function loadForm({ width, zext }: Op): X64Form {
  if (width === 8) return I.movzx_r32_m8;
  if (width === 16) return I.movzx_r32_m16;
  return width === 64 && zext ? I.mov_r64_m : I.mov_r32_m;
}

function indexedLoadForm({ width, zext }: Op): X64Form {
  if (width === 8) return I.movzx_r32_index8;
  if (width === 16) return I.movzx_r32_index16;
  return width === 64 && zext ? I.mov_r64_index : I.mov_r32_index;
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
  const base = hwBase(cx, op.d);
  const disp = displacement(cx, op.d, op.offset);
  const b = hw(cx, op.b);
  const update = op.width < 32 ? undefined : takeUpdate(cx, b, base, disp, op.width === 64);
  if (update !== undefined) {
    emit(cx, update.form, update.operands);
    return;
  }
  const at = op.d === R10 || b === base ? undefined : takeAddress(cx, base, false);
  if (at === undefined) emit(cx, STORE_FORMS[op.width], [base, disp, b]);
  else emit(cx, INDEXED_STORE_FORMS[op.width], [at.base, at.index, at.scale, at.disp + disp, b]);
}

const STORE_FORMS: Readonly<Record<Op['width'], X64Form>> = {
  8: I.mov_m_r8,
  16: I.mov_m_r16,
  32: I.mov_m_r32,
  64: I.mov_m_r64,
};

const INDEXED_STORE_FORMS: Readonly<Record<Op['width'], X64Form>> = {
  8: I.mov_index_r8,
  16: I.mov_index_r16,
  32: I.mov_index_r32,
  64: I.mov_index_r64,
};

/** `store_imm`: the immediate's low bits, or its sign extension to 64. */
export function lowerStoreImm(cx: LowerContext, op: Op): void {
  const base = hwBase(cx, op.d);
  const disp = displacement(cx, op.d, op.offset);
  if (op.width === 8) emit(cx, I.mov_m8_imm8, [base, disp, (op.imm << 24) >> 24]);
  else if (op.width === 16) emit(cx, I.mov_m16_imm16, [base, disp, (op.imm << 16) >> 16]);
  else emit(cx, op.width === 32 ? I.mov_m32_imm32 : I.mov_m64_imm32, [base, disp, op.imm]);
}
