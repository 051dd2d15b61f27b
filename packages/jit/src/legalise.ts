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

const IMMEDIATE_KINDS: ReadonlySet<OpKind> = /* @__PURE__ */ new Set<OpKind>([
  'add', 'sub', 'mul', 'udiv', 'umod', 'sdiv', 'smod', 'and', 'or', 'xor', 'lsh', 'rsh', 'arsh', 'store_imm',
]); // prettier-ignore

/** Memory ops by the operand that is their base. */
const BASE_IN_A: ReadonlySet<OpKind> = /* @__PURE__ */ new Set<OpKind>([
  'load',
  'load_sext',
  'load_bswap',
  'load_acquire',
]);
const BASE_IN_D: ReadonlySet<OpKind> = /* @__PURE__ */ new Set<OpKind>([
  'store', 'store_imm', 'store_release', 'atomic_add', 'atomic_or', 'atomic_and', 'atomic_xor',
  'fetch_add', 'fetch_or', 'fetch_and', 'fetch_xor', 'xchg', 'cmpxchg',
]); // prettier-ignore

/** Lowers one op after making its operands legal. */
export function lowerLegal(cx: LowerContext, op: Op): void {
  const { fits } = cx.target;
  const { kind } = op;
  const baseInA = BASE_IN_A.has(kind);
  const baseInD = !baseInA && BASE_IN_D.has(kind);
  if (op.a === R10 && !baseInA && !isFrameAddress(op)) {
    lowerMove(cx, SCRATCH_B, R10);
    op.a = SCRATCH_B;
  }
  if (op.b === R10) {
    lowerMove(cx, SCRATCH_A, R10);
    op.b = SCRATCH_A;
  }
  if (baseInA || baseInD) {
    const base = baseInA ? op.a : op.d;
    const offset = base === R10 ? cx.frame.bias + op.offset : op.offset;
    if (!fits.displacement(offset, op.width, kind)) {
      materialiseAddress(cx, base, op.offset);
      if (baseInA) op.a = SCRATCH_B;
      else op.d = SCRATCH_B;
      op.offset = 0;
    }
  }
  if (op.b === NO_REG && IMMEDIATE_KINDS.has(kind)) {
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

/** `d = r10` and `d = r10 + constant`, which every target lowers from its frame. */
function isFrameAddress(op: Op): boolean {
  return (op.kind === 'mov' && op.width === 64) || (op.kind === 'add' && op.width === 64 && op.b === NO_REG);
}
