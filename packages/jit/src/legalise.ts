/**
 * Between selection and a target's lowering: puts operands that the target cannot take into scratch registers, so that
 * lowering functions see only what their target said it can do.
 *
 * - r10 appears only as base of an access, as source of a 64-bit mov, and in `d = r10 + constant`.
 * - An immediate that does not fit is in SCRATCH_A; a `store_imm` is then a `store`.
 * - A displacement that does not fit is added to the base in SCRATCH_B.
 */
import { lowerConst, lowerMove, lowerOp, type LowerContext } from './lower-context.ts';
import { makeOp, NO_REG, OP_KINDS, type Op, type OpKind, R10, SCRATCH_A, SCRATCH_B } from './op.ts';
import type { Fits, FitsFn, ImmediateOpKind, LowerFn, Target } from './target.ts';

/** What {@link lowerLegal} has to look at: bits. */
const BASE_IN_A = 1;
const BASE_IN_D = 2;
const IMMEDIATE = 4;
const BRANCH = 8;

function buildChecks(): Map<OpKind, number> {
  const checks = new Map<OpKind, number>(OP_KINDS.map((kind) => [kind, 0]));
  const note = (bit: number, kinds: readonly OpKind[]): void => {
    for (const kind of kinds) checks.set(kind, checks.get(kind)! | bit);
  };
  note(BASE_IN_A, ['load', 'load_sext', 'load_bswap', 'load_acquire']);
  note(BASE_IN_D, [
    'store', 'store_imm', 'store_release', 'atomic_add', 'atomic_or', 'atomic_and', 'atomic_xor',
    'fetch_add', 'fetch_or', 'fetch_and', 'fetch_xor', 'xchg', 'cmpxchg',
  ]); // prettier-ignore
  note(IMMEDIATE, [
    'add', 'sub', 'mul', 'udiv', 'umod', 'sdiv', 'smod', 'and', 'or', 'xor', 'lsh', 'rsh', 'arsh', 'store_imm',
  ]); // prettier-ignore
  note(BRANCH, ['branch']);
  return checks;
}

const CHECKS: ReadonlyMap<OpKind, number> = /* @__PURE__ */ buildChecks();

/** How a target takes one kind of op: all that is asked of its tables for an op. */
interface Route {
  readonly checks: number;
  readonly lower: LowerFn;
  /** Of kinds with {@link IMMEDIATE}. */
  readonly fits: FitsFn | undefined;
}

/** The way of ops into one target. */
export interface Router {
  readonly routes: ReadonlyMap<OpKind, Route>;
  readonly displacement: Fits['displacement'];
  readonly branch: Fits['branch'];
}

const ROUTERS: WeakMap<Target, Router> = /* @__PURE__ */ new WeakMap<Target, Router>();

/** The router of a target, made once. */
export function routerOf(target: Target): Router {
  const known = ROUTERS.get(target);
  if (known !== undefined) return known;
  const { fits } = target;
  const routes = OP_KINDS.map((kind): [OpKind, Route] => {
    const checks = CHECKS.get(kind)!;
    const fitsImm = (checks & IMMEDIATE) !== 0 ? fits[kind as ImmediateOpKind] : undefined;
    return [kind, { checks, lower: target.lower[kind], fits: fitsImm }];
  });
  const router = { routes: new Map(routes), displacement: fits.displacement, branch: fits.branch };
  ROUTERS.set(target, router);
  return router;
}

/** Lowers one op after making its operands legal. */
export function lowerLegal(cx: LowerContext, op: Op, router: Router = routerOf(cx.target)): void {
  const { kind } = op;
  const { checks, lower, fits } = router.routes.get(kind)!;
  if (op.a === R10 && (checks & BASE_IN_A) === 0 && !isFrameAddress(op)) {
    lowerMove(cx, SCRATCH_B, R10);
    op.a = SCRATCH_B;
  }
  if (op.b === R10) {
    lowerMove(cx, SCRATCH_A, R10);
    op.b = SCRATCH_A;
  }
  if ((checks & (BASE_IN_A | BASE_IN_D)) !== 0) {
    const baseInA = (checks & BASE_IN_A) !== 0;
    const base = baseInA ? op.a : op.d;
    const offset = base === R10 ? cx.frame.bias + op.offset : op.offset;
    if (!router.displacement(offset, op.width, kind)) {
      materialiseAddress(cx, base, op.offset);
      if (baseInA) op.a = SCRATCH_B;
      else op.d = SCRATCH_B;
      op.offset = 0;
    }
  }
  if (op.b === NO_REG && (checks & (IMMEDIATE | BRANCH)) !== 0) {
    const isLegal = fits === undefined ? router.branch(op.imm, op.width, op.cond) : fits(op.imm, op.width);
    if (!isLegal) {
      lowerConst(cx, SCRATCH_A, op.imm);
      op.b = SCRATCH_A;
      if (kind === 'store_imm') {
        op.kind = 'store';
        return lowerOp(cx, op);
      }
    }
  }
  lower(cx, op);
}

/** SCRATCH_B = base + offset. */
function materialiseAddress(cx: LowerContext, base: number, offset: number): void {
  if (base === R10) {
    lowerMove(cx, SCRATCH_B, R10);
    if (offset === 0) return;
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
