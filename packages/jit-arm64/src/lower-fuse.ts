/**
 * Looking back while lowering: the last node and whether the next one can take it in.
 *
 * An instruction may be taken back when its result is read by nobody but the op being lowered: its register is dead
 * afterwards, or is the register that the op writes. Labels are nodes, so that nothing is ever fused across a place
 * where control may come from elsewhere.
 */
import { type LowerContext, type MachineForm, type MachineNode, retargetLast, soleResult } from '@polybpf/jit';
import { INSTRUCTIONS } from './instructions.ts';

const { casal_w, casal_x, movk_w, movk_x, mov_w, sbfm_w, sbfm_x, ubfm_w, ubfm_x } = INSTRUCTIONS;

/** Shift type of a shift by a constant (0 lsl, 1 lsr, 2 asr), or -1 for anything else. */
export function shiftType(node: MachineNode | undefined, wide: boolean): 0 | 1 | 2 | -1 {
  if (node === undefined) return -1;
  const top = wide ? 63 : 31;
  if (node.form === (wide ? ubfm_x : ubfm_w)) {
    const [, , immr, imms] = node.operands;
    if (imms === top) return 1;
    return imms! + 1 === immr ? 0 : -1;
  }
  return node.form === (wide ? sbfm_x : sbfm_w) && node.operands[3] === top ? 2 : -1;
}

/** Amount of a shift that {@link shiftType} knows. */
export function shiftAmount(node: MachineNode, wide: boolean): number {
  const [, , immr, imms] = node.operands;
  const top = wide ? 63 : 31;
  return imms === top ? immr! : top - imms!;
}

/** Extension of a 32-bit register to 64 bits: 0 uxtw, 2 sxtw, -1 for anything else. */
export function extendType(node: MachineNode | undefined): 0 | 2 | -1 {
  if (node === undefined) return -1;
  if (node.form === mov_w) return 0;
  return node.form === sbfm_x && node.operands[2] === 0 && node.operands[3] === 31 ? 2 : -1;
}

/** Lets the last instruction write `to` instead of `from`, which is dead; see `retargetLast`. */
export function retarget(cx: LowerContext, from: number, to: number): boolean {
  return retargetLast(cx, from, to, resultOf);
}

/** The result of an instruction that names it first, unless it reads it as well. */
function resultOf(form: MachineForm): number {
  const isBound = form === movk_x || form === movk_w || form === casal_x || form === casal_w;
  return !isBound && soleResult(form) === 0 ? 0 : -1;
}
