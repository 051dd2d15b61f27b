/**
 * Looking back while lowering: the last nodes, and whether the next instruction can take them in.
 *
 * A node may be taken back when its result is read by nobody but the op being lowered: its register is dead afterwards,
 * or is the one that the op writes. Labels are nodes, so that nothing is fused across a place where control may come
 * from elsewhere; and no lowering but that of branches leaves a condition code to be read.
 */
import { composeExtracts, emit, type Extract, isHwLiveAfter, isSpent, lastNode, type LowerContext, type MachineNode, runOf } from '@polybpf/jit'; // prettier-ignore
import { FORMS as F, type S390xForm } from './instructions.ts';
import { NO_BASE } from './registers.ts';

/** The extract that a node computes, if it does. */
function extractOf(node: MachineNode): Extract | undefined {
  const { form, operands } = node;
  const [d, a, third, fourth] = operands as [number, number, number, number];
  switch (form) {
    case F.llgcr:
      return { source: a, first: 56, last: 63, rotate: 0 };
    case F.llghr:
      return { source: a, first: 48, last: 63, rotate: 0 };
    case F.llgfr:
      return { source: a, first: 32, last: 63, rotate: 0 };
    case F.llgtr:
      return { source: a, first: 33, last: 63, rotate: 0 };
    case F.risbg: {
      const last = fourth - 128;
      return last >= third ? { source: a, first: third, last, rotate: operands[4]! } : undefined;
    }
    case F.nilf: {
      const range = bitRange(a, 0);
      return range === undefined ? undefined : { source: d, ...range, rotate: 0, low: true };
    }
    case F.sllg:
      return fourth === NO_BASE ? leftShift(a, third, false) : undefined;
    case F.srlg:
      return fourth === NO_BASE ? rightShift(a, third, false) : undefined;
    case F.sllk:
      return fourth === NO_BASE ? leftShift(a, third, true) : undefined;
    case F.srlk:
      return fourth === NO_BASE ? rightShift(a, third, true) : undefined;
    case F.sll:
      return third === NO_BASE ? leftShift(d, a, true) : undefined;
    case F.srl:
      return third === NO_BASE ? rightShift(d, a, true) : undefined;
    default:
      return undefined;
  }
}

/**
 * First and last bit (0 is the most significant of 64) of the only run of ones in a mask, which may wrap around, as
 * ROTATE THEN INSERT SELECTED BITS wants them; undefined when there is more than one run, or none.
 *
 * @param high - upper half of the mask, 0 or -1
 */
export function bitRange(low: number, high: number): { first: number; last: number } | undefined {
  // With all ones above, the run of zeros below decides.
  const run = runOf(high === 0 ? low : ~low);
  if (run === undefined) return undefined;
  const [first, last] = [63 - run[1], 63 - run[0]];
  return high === 0 ? { first, last } : { first: (last + 1) & 63, last: first - 1 };
}

/** A left shift by a constant; `low`: on 32 bits. */
export function leftShift(source: number, count: number, low: boolean): Extract | undefined {
  return low && count > 31 ? undefined : { source, first: low ? 32 : 0, last: 63 - count, rotate: count, low };
}

/** A logical right shift by a constant; `low`: on 32 bits. */
export function rightShift(source: number, count: number, low: boolean): Extract | undefined {
  return low && count > 31 ? undefined : { source, first: (low ? 32 : 0) + count, last: 63, rotate: (64 - count) & 63, low }; // prettier-ignore
}

/**
 * Takes the last node into an extract that the current op is about to do on its result.
 *
 * @returns whether that was possible; then the op is done
 */
export function fuseExtract(cx: LowerContext, d: number, second: Extract | undefined): boolean {
  const node = lastNode(cx);
  if (second === undefined || node === undefined || node.operands[0] !== second.source) return false;
  if (!isSpent(cx, second.source, d)) return false;
  const first = extractOf(node);
  const both = first === undefined ? undefined : composeExtracts(first, second);
  if (both === undefined) return false;
  cx.nodes.pop();
  emitExtract(cx, d, both);
  return true;
}

const ZERO_EXTENSIONS: ReadonlyMap<number, S390xForm> = /* @__PURE__ */ new Map([
  [56, F.llgcr],
  [48, F.llghr],
  [33, F.llgtr],
  [32, F.llgfr],
]);

/** Appends an extract in its shortest form. */
function emitExtract(cx: LowerContext, d: number, { source, first, last, rotate }: Extract): void {
  const extension = rotate === 0 && last === 63 ? ZERO_EXTENSIONS.get(first) : undefined;
  if (extension !== undefined) emit(cx, extension, [d, source]);
  else emit(cx, F.risbg, [d, source, first, last + 128, rotate]);
}

/** A halfword of a register and the mask that tests under mask instructions want. */
export interface TestedBits {
  readonly form: S390xForm;
  readonly source: number;
  readonly mask: number;
}

/**
 * When the last node extracts bits into `register`, which is then only compared with 0: the test of those bits in their
 * place, with the node taken back. Undefined, and nothing done, when they are not within one halfword.
 */
export function fuseBitTest(cx: LowerContext, register: number, width: number): TestedBits | undefined {
  const node = lastNode(cx);
  if (node === undefined || node.operands[0] !== register || isHwLiveAfter(cx, register)) return undefined;
  const extract = extractOf(node);
  if (extract === undefined || (extract.low && width === 64) || (width === 32 && extract.first < 32)) return undefined;
  const first = (extract.first + extract.rotate) & 63;
  const last = (extract.last + extract.rotate) & 63;
  if (first > last || first >>> 4 !== last >>> 4) return undefined;
  const form = [F.tmhh, F.tmhl, F.tmlh, F.tmll][first >>> 4]!;
  cx.nodes.pop();
  return { form, source: extract.source, mask: (0xffff >>> (first & 15)) & (0xffff << (15 - (last & 15))) & 0xffff };
}

/** Instructions whose condition code is 0 exactly when their 64-bit result is, and on 32 bits. */
const ZERO_TESTS_64: ReadonlySet<unknown> = /* @__PURE__ */ new Set([
  F.ngr, F.ngrk, F.ogr, F.ogrk, F.xgr, F.xgrk, F.sgr, F.sgrk, F.srag, F.lcgr, F.risbg,
]); // prettier-ignore
const ZERO_TESTS_32: ReadonlySet<unknown> = /* @__PURE__ */ new Set([
  F.nr, F.nrk, F.or, F.ork, F.xr, F.xrk, F.sr, F.srk, F.sra, F.srak, F.lcr, F.nilf, F.oilf, F.xilf,
]); // prettier-ignore

/** Whether the condition code says already whether `register` is zero. */
export function isZeroTested(cx: LowerContext, register: number, width: number): boolean {
  let node = lastNode(cx);
  if (node === undefined || node.operands[0] !== register) return false;
  const isExtended = node.form === F.llgfr && node.operands[1] === register;
  // A zero-extended word is zero when the word is.
  if (isExtended) node = cx.nodes[cx.nodes.length - 2];
  if (node === undefined || node.operands[0] !== register) return false;
  if (ZERO_TESTS_32.has(node.form)) return width === 32 || isExtended;
  if (!ZERO_TESTS_64.has(node.form)) return false;
  // A 64-bit result that lies in the low word.
  const inLowWord = node.form === F.risbg && node.operands[2]! >= 32 && node.operands[3]! >= node.operands[2]! + 128;
  return width === 64 && !isExtended ? true : inLowWord;
}

/**
 * `d = b | t` where the last two nodes have shifted one register left and right by counts that make up its width: a
 * rotation, when neither intermediate result is needed.
 *
 * @returns the rotation, with the nodes taken back; undefined, and nothing done, for anything else
 */
export function fuseRotation(
  cx: LowerContext,
  d: number,
  a: number,
  b: number,
  narrow: boolean,
): { form: S390xForm; source: number; count: number } | undefined {
  const { nodes } = cx;
  const second = nodes[nodes.length - 1];
  const first = nodes[nodes.length - 2];
  if (first === undefined || second === undefined || a === b) return undefined;
  const [x, y] = [first.operands[0]!, second.operands[0]!];
  if (!((x === a && y === b) || (x === b && y === a)) || !isSpent(cx, a, d) || !isSpent(cx, b, d)) return undefined;
  const [one, other] = [extractOf(first), extractOf(second)];
  // The first shift must leave the source as it was for the second.
  if (one === undefined || other === undefined || one.source !== other.source || one.source === x) return undefined;
  const left = isLeftShift(one) ? one : other;
  const right = left === one ? other : one;
  if (!isLeftShift(left) || !isRightShift(right)) return undefined;
  const width = right.low ? 32 : 64;
  const count = left.rotate;
  // A 64-bit rotation of which only the low word counts may have its left part on 32 bits.
  const isWhole = left.low === right.low || (narrow && !right.low);
  if (!isWhole || count + (right.first - (right.low ? 32 : 0)) !== width) return undefined;
  if (right.low && !narrow) return undefined;
  nodes.length -= 2;
  return { form: right.low ? F.rll : F.rllg, source: one.source, count };
}

function isLeftShift({ first, last, rotate, low }: Extract): boolean {
  return rotate > 0 && first === (low ? 32 : 0) && last === 63 - rotate;
}

function isRightShift({ first, last, rotate, low }: Extract): boolean {
  return rotate > 0 && last === 63 && first === (low ? 96 : 64) - rotate;
}

/** An address of two registers and a displacement. */
export interface IndexedAddress {
  readonly index: number;
  readonly base: number;
  readonly offset: number;
}

/**
 * When the last node has added two registers into `base`, which is spent once the op that writes `d` is done: the sum
 * as an address, with the node taken back.
 */
export function fuseIndex(cx: LowerContext, base: number, offset: number, d: number): IndexedAddress | undefined {
  const node = lastNode(cx);
  if (node === undefined || node.operands[0] !== base || !isSpent(cx, base, d)) return undefined;
  const sum = sumOf(node);
  if (sum === undefined) return undefined;
  cx.nodes.pop();
  return { ...sum, offset: sum.offset + offset };
}

/** The sum of two registers, and a small constant, that a node computes on 64 bits. */
export function sumOf({ form, operands }: MachineNode): IndexedAddress | undefined {
  const [d, a, b, c] = operands as [number, number, number, number];
  if (form === F.agr && d !== NO_BASE && a !== NO_BASE) return { index: a, base: d, offset: 0 };
  if (form === F.agrk && a !== NO_BASE && b !== NO_BASE) return { index: b, base: a, offset: 0 };
  if (form === F.la && b !== NO_BASE && c !== NO_BASE) return { index: b, base: c, offset: a };
  return undefined;
}

/** Two-operand instructions on 64 bits and their three-operand forms. */
const THREE_OPERANDS: ReadonlyMap<unknown, S390xForm> = /* @__PURE__ */ new Map<unknown, S390xForm>([
  [F.agr, F.agrk],
  [F.sgr, F.sgrk],
  [F.ngr, F.ngrk],
  [F.ogr, F.ogrk],
  [F.xgr, F.xgrk],
]);

/**
 * Lets the last instruction write `to` instead of `from`, in place of a copy. The caller knows that `from` is dead.
 *
 * @returns false when the last node does not define the whole of `from`
 */
export function retarget(cx: LowerContext, from: number, to: number): boolean {
  const node = lastNode(cx);
  if (node === undefined || node.operands[0] !== from) return false;
  const form = node.form as S390xForm;
  const form3 = THREE_OPERANDS.get(form);
  if (form3 !== undefined) {
    cx.nodes.pop();
    emit(cx, form3, [to, from, node.operands[1]!]);
    return true;
  }
  const isWhole = form.uses?.[0] === 'write' || (form === F.risbg && node.operands[3]! >= 128);
  if (!isWhole || form === F.lmg) return false;
  node.operands = [to, ...node.operands.slice(1)];
  return true;
}
