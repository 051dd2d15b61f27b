/** Copies, extensions, negation and byte swaps. */
import { emit, hw, hwBase, isSpent, type LowerContext, type Op, R10 } from '@polybpf/jit';
import { SPARE } from './abi.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { addImmediate } from './lower-constant.ts';
import { emitExtract, fusibleNode, retarget } from './lower-fuse.ts';
import { R0, R1 } from './registers.ts';

const {
  brd, brh, brw, extsb, extsh, extsw, ldbrx, lha, lhax, lhz, lhzx, li, lwa, lwax, lwbrx, lwz, lwzx, neg, or, rldicl, rlwimi, rlwinm, std, stw,
} = INSTRUCTIONS; // prettier-ignore

/** Appends a zero-extension of the low word of `register`. */
export function zext32(cx: LowerContext, register: number): void {
  emit(cx, rldicl, [register, register, 0, 32]);
}

/** Appends `d = a` on 64 bits. */
export function copy(cx: LowerContext, d: number, a: number): void {
  if (d !== a) emit(cx, or, [d, a, a]);
}

/** `d = a`; see {@link Op} for what the widths mean. */
export function lowerMov(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  if (op.a === R10) return emitFrameAddress(cx, d, 0);
  const a = hw(cx, op.a);
  if (op.width < 32 || (op.width === 32 && op.zext)) {
    emitExtract(cx, d, { source: a, first: 64 - op.width, last: 63, rotate: 0 });
  } else if (d !== a && !(isSpent(cx, a, d) && retarget(cx, a, d))) {
    copy(cx, d, a);
  }
}

/** Appends `d = r10 + imm`. */
export function emitFrameAddress(cx: LowerContext, d: number, imm: number): void {
  const base = hwBase(cx, R10);
  const offset = cx.frame.bias + imm;
  if (offset === 0) return copy(cx, d, base);
  if (offset >= -0x8000_0000 && offset <= 0x7fff_ffff) return addImmediate(cx, d, base, offset);
  addImmediate(cx, d, base, cx.frame.bias);
  addImmediate(cx, d, d, imm);
}

/** `d` = sign-extended low `from` bits of `a`; a load right before it extends the sign itself. */
export function lowerSext(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  const a = hw(cx, op.a);
  if (!fuseSignedLoad(cx, op, d, a)) emit(cx, op.from === 8 ? extsb : op.from === 16 ? extsh : extsw, [d, a]);
  if (op.width === 32 && op.zext) zext32(cx, d);
}

function fuseSignedLoad(cx: LowerContext, op: Op, d: number, a: number): boolean {
  if (op.from === 8) return false;
  const [plain, indexed] = op.from === 16 ? [lhz, lhzx] : [lwz, lwzx];
  const node = fusibleNode(cx, plain, a, d) ?? fusibleNode(cx, indexed, a, d);
  if (node === undefined) return false;
  const isIndexed = node.form === indexed;
  // lwa has a displacement in words.
  if (!isIndexed && op.from === 32 && node.operands[1]! % 4 !== 0) return false;
  cx.nodes.pop();
  emit(cx, op.from === 16 ? (isIndexed ? lhax : lha) : isIndexed ? lwax : lwa, node.operands.with(0, d));
  return true;
}

/** `d = -a`. */
export function lowerNeg(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  emit(cx, neg, [d, hw(cx, op.a)]);
  if (op.width === 32 && op.zext) zext32(cx, d);
}

/**
 * `d` = low bytes of `a` in reverse order, zero-extended. Power8 reverses bytes in loads and stores only; a word whose
 * result goes elsewhere is put together by rotations, and halfwords always are. Power10 reverses them in registers.
 */
export function lowerBswap(cx: LowerContext, op: Op): void {
  const d = hw(cx, op.d);
  const a = hw(cx, op.a);
  if (cx.target.features?.has('power10') === true) {
    emit(cx, op.width === 64 ? brd : op.width === 32 ? brw : brh, [d, a]);
    // The instructions reverse each word or halfword of the register.
    if (op.width < 64) emit(cx, rldicl, [d, d, 0, 64 - op.width]);
    return;
  }
  if (op.width === 16) {
    if (d === a) {
      emit(cx, rlwinm, [R0, a, 8, 16, 23]);
      emit(cx, rlwinm, [d, a, 24, 24, 31]);
      emit(cx, or, [d, d, R0]);
    } else {
      emit(cx, rlwinm, [d, a, 24, 24, 31]);
      emit(cx, rlwimi, [d, a, 8, 16, 23]);
    }
  } else if (op.width === 32 && d !== a) {
    emit(cx, rlwinm, [d, a, 8, 0, 31]);
    emit(cx, rlwimi, [d, a, 24, 0, 7]);
    emit(cx, rlwimi, [d, a, 24, 16, 23]);
  } else {
    emit(cx, op.width === 64 ? std : stw, [a, SPARE, R1]);
    emit(cx, li, [R0, SPARE]);
    emit(cx, op.width === 64 ? ldbrx : lwbrx, [d, R1, R0]);
  }
}
