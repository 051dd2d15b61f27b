/**
 * Between selection and a target's lowering: puts operands that the target cannot take into scratch registers, so that
 * lowering functions see only what their target said it can do.
 *
 * - r10 appears only as base of an access, as source of a 64-bit mov, and in `d = r10 + constant`.
 * - An immediate that does not fit is in SCRATCH_A; a `store_imm` is then a `store`.
 * - A displacement that does not fit is added to the base in SCRATCH_B.
 */
import { lowerConst, lowerMove, lowerOp, type LowerContext } from './lower-context.ts';
import { makeOp, NO_REG, type Op, type OpKind, R10, SCRATCH_A, SCRATCH_B } from './op.ts';
import type { ImmediateOpKind } from './target.ts';

/** What {@link lowerLegal} has to look at: bits. */
const BASE_IN_A = 1;
const BASE_IN_D = 2;
const IMMEDIATE = 4;

function buildChecks(): Map<OpKind, number> {
  const checks = new Map<OpKind, number>();
  const note = (bit: number, kinds: readonly OpKind[]): void => {
    for (const kind of kinds) checks.set(kind, (checks.get(kind) ?? 0) | bit);
  };
  note(BASE_IN_A, ['load', 'load_sext', 'load_bswap', 'load_acquire']);
  note(BASE_IN_D, [
    'store', 'store_imm', 'store_release', 'atomic_add', 'atomic_or', 'atomic_and', 'atomic_xor',
    'fetch_add', 'fetch_or', 'fetch_and', 'fetch_xor', 'xchg', 'cmpxchg',
  ]); // prettier-ignore
  note(IMMEDIATE, [
    'add', 'sub', 'mul', 'udiv', 'umod', 'sdiv', 'smod', 'and', 'or', 'xor', 'lsh', 'rsh', 'arsh', 'store_imm',
  ]); // prettier-ignore
  return checks;
}

const CHECKS: ReadonlyMap<OpKind, number> = /* @__PURE__ */ buildChecks();

/** Lowers one op after making its operands legal. */
export function lowerLegal(cx: LowerContext, op: Op): void {
  const { fits } = cx.target;
  const { kind } = op;
  const checks = CHECKS.get(kind) ?? 0;
  const baseInA = (checks & BASE_IN_A) !== 0;
  if (op.a === R10 && !baseInA && !isFrameAddress(op)) {
    lowerMove(cx, SCRATCH_B, R10);
    op.a = SCRATCH_B;
  }
  if (op.b === R10) {
    lowerMove(cx, SCRATCH_A, R10);
    op.b = SCRATCH_A;
  }
  if ((checks & (BASE_IN_A | BASE_IN_D)) !== 0) {
    const base = baseInA ? op.a : op.d;
    const offset = base === R10 ? cx.frame.bias + op.offset : op.offset;
    if (!fits.displacement(offset, op.width, kind)) {
      materialiseAddress(cx, base, op.offset);
      if (baseInA) op.a = SCRATCH_B;
      else op.d = SCRATCH_B;
      op.offset = 0;
    }
  }
  if (op.b === NO_REG && (checks & IMMEDIATE) !== 0) {
    if (!fits[kind as ImmediateOpKind](op.imm, op.width)) {
      lowerConst(cx, SCRATCH_A, op.imm);
      op.b = SCRATCH_A;
      if (kind === 'store_imm') op.kind = 'store';
    }
  } else if (kind === 'branch' && op.b === NO_REG && !fits.branch(op.imm, op.width, op.cond)) {
    lowerConst(cx, SCRATCH_A, op.imm);
    op.b = SCRATCH_A;
  }
  lowerOp(cx, op);
}

/** SCRATCH_B = base + offset. */
function materialiseAddress(cx: LowerContext, base: number, offset: number): void {
  if (base === R10) {
    lowerMove(cx, SCRATCH_B, R10);
    base = SCRATCH_B;
  }
  if (cx.target.fits.add(offset, 64)) {
    lowerOp(cx, makeOp('add', cx.insn, { d: SCRATCH_B, a: base, imm: offset }));
    return;
  }
  if (base === SCRATCH_B) {
    lowerConst(cx, SCRATCH_A, offset);
    lowerOp(cx, makeOp('add', cx.insn, { d: SCRATCH_B, a: SCRATCH_B, b: SCRATCH_A }));
    return;
  }
  lowerConst(cx, SCRATCH_B, offset);
  lowerOp(cx, makeOp('add', cx.insn, { d: SCRATCH_B, a: SCRATCH_B, b: base }));
}

/** Constants beyond this would overflow 32 bits together with the frame's bias; nothing sensible has them. */
const FARTHEST_FRAME_ADDRESS = 0x100000;

/** `d = r10` and `d = r10 + constant`, which every target lowers from its frame. */
function isFrameAddress(op: Op): boolean {
  if (op.kind === 'mov') return op.width === 64;
  return op.kind === 'add' && op.width === 64 && op.b === NO_REG && Math.abs(op.imm) <= FARTHEST_FRAME_ADDRESS;
}
