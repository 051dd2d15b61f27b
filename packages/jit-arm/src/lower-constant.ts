/** Constants: of any 32 bits in one or two instructions. */
import type { LowerContext, Op } from '@polybpf/jit';
import { modifiedImmediate } from './fields.ts';
import { hi, lo } from './homes.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { ins, isKept, move, resultRegister, writeHalf } from './operands.ts';
import { IP } from './registers.ts';

const { mov_imm, movt, movw, mvn_imm } = INSTRUCTIONS;

/** Whether a constant can be the last operand of a data-processing instruction. */
export function isModified(value: number): boolean {
  return modifiedImmediate(value) !== undefined;
}

/** rd = a 32-bit constant. */
export function loadImm(cx: LowerContext, rd: number, value: number): void {
  const word = value >>> 0;
  if (isModified(word)) ins(cx, mov_imm, rd, word);
  else if (isModified(~word)) ins(cx, mvn_imm, rd, ~word >>> 0);
  else {
    ins(cx, movw, rd, word & 0xffff);
    if (word > 0xffff) ins(cx, movt, rd, word >>> 16);
  }
}

/** How many instructions {@link loadImm} takes. */
export function immLength(value: number): number {
  const word = value >>> 0;
  return isModified(word) || isModified(~word) || word <= 0xffff ? 1 : 2;
}

/** Both halves of d. */
export function setConstant(
  cx: LowerContext,
  low: number,
  high: number,
  value: readonly [low: number, high: number],
  zext: boolean,
): void {
  const rl = resultRegister(low, IP);
  loadImm(cx, rl, value[0]);
  writeHalf(cx, low, rl);
  if (!zext || !isKept(high)) return;
  const rh = resultRegister(high, IP);
  if ((value[0] | 0) !== (value[1] | 0)) loadImm(cx, rh, value[1]);
  else if (immLength(value[1]) === 2) move(cx, rh, rl);
  else if (rh !== rl) loadImm(cx, rh, value[1]);
  writeHalf(cx, high, rh);
}

export function lowerConst(cx: LowerContext, op: Op): void {
  setConstant(cx, lo(cx, op.d), hi(cx, op.d), [op.imm, op.immHi], op.zext);
}
