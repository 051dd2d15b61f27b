export { compileLayout, encodeLayout, operandNames, printLayout } from './bit-layout.ts';
export type { BitLayout, LayoutForm, OperandPrinter } from './bit-layout.ts';
export { CodeBuffer } from './code-buffer.ts';
export {
  bind,
  displacement,
  emit,
  emitSymbol,
  emitTo,
  hw,
  hwBase,
  isHwLiveAfter,
  isLiveAfter,
  lowerConst,
  lowerMove,
  lowerOp,
  noteOf,
  twoAddress,
} from './lower-context.ts';
export type { HelperCalls, LowerContext } from './lower-context.ts';
export { ALIGN, DATA64, LABEL, makeNode } from './node.ts';
export type { BranchUse, MachineForm, MachineNode, RelocationUse } from './node.ts';
export { ARENA, FRAME, INVERTED, makeOp, NO_REG, OP_KINDS, R10, SCRATCH_A, SCRATCH_B, SWAPPED } from './op.ts';
export {
  asLessThan,
  isBitTest,
  isEquality,
  isSignedOrder,
  isUnsignedOrder,
  NEIGHBOURS,
  simplifyComparison,
  unsignedPower,
} from './comparison.ts';
export type { Comparison, LessThan, OrderCond } from './comparison.ts';
export type { CodeSymbol, Cond, Op, OpKind } from './op.ts';
export { defineTarget, unsupported, withOptions } from './target.ts';
export type {
  Fits,
  FitsFn,
  Frame,
  FunctionInfo,
  ImmediateOpKind,
  LowerFn,
  RegisterRoles,
  RelocationKind,
  Target,
  TargetOption,
} from './target.ts';
export { analyse } from './analyse.ts';
export type { Analysis, FunctionAnalysis } from './analyse.ts';
export { assignRegisters } from './assign.ts';
export type { Assignment } from './assignment.ts';
export { compile } from './compile.ts';
export type { Bounds, CompiledFunction, CompiledProgram, CompileOptions } from './compile.ts';
export { assembleNodes, layOut } from './layout.ts';
export type { CodeRelocation, LaidOut } from './layout.ts';
export { describeSymbol, link } from './link.ts';
export type { ResolveSymbol } from './link.ts';
export { formatListing, listCode } from './listing.ts';
export type { ListingLine, ListingOptions } from './listing.ts';
export { writeHeader, writeObject } from './object.ts';
export type { ObjectOptions } from './object.ts';
export { select } from './select.ts';
export { lowerCheck } from './lower-sandbox.ts';
export {
  ARENA_BITS,
  ARENA_STACK_OFFSET,
  ARENA_SYMBOL,
  ARENA_TAG_OFFSET,
  FAULT_SYMBOL,
  GUARD_BYTES,
  WIDE_GUARD_BYTES,
} from './sandbox-layout.ts';
export { composeExtracts } from './lowering/bit-extract.ts';
export type { Extract } from './lowering/bit-extract.ts';
export { reachOf, widenOver } from './lowering/branch-forms.ts';
export { checkPadding, checkPair, layoutSize, padWith, printRow } from './lowering/encoder-parts.ts';
export { absolute64, checkReach, patchWord, relative32, unitsOf, viewOf } from './lowering/relocation-fields.ts';
export { compileRows, formTable, layoutForm, positionsOf } from './lowering/rows.ts';
export type { BranchUseOf, FormOf, RowForm, RowRules } from './lowering/rows.ts';
export { callLowerings, TAIL_CALL_FAILED, takesResult } from './lowering/calls.ts';
export type { CallLowerings, CallParts, HelperTable } from './lowering/calls.ts';
export { constantHomes } from './lowering/constant-homes.ts';
export type { ConstantRegister, HomeRules } from './lowering/constant-homes.ts';
export { addTraffic, commute, findMovable, operandTraffic } from './lowering/delay-slots.ts';
export type { SlotRules, Traffic, TrafficForm } from './lowering/delay-slots.ts';
export {
  alignUp16,
  enterFrame,
  frameAbove,
  leaveFrame,
  restoreSaved,
  savedRegisters,
  slotBytes,
  tailContextOffset,
} from './lowering/frames.ts';
export type { StackAccess } from './lowering/frames.ts';
export { trivialDivision } from './lowering/division.ts';
export { dropHeldConstants } from './lowering/held-constants.ts';
export type { HeldConstantRules } from './lowering/held-constants.ts';
export {
  isSigned12,
  isSigned16,
  isUnsigned12,
  isUnsigned16,
  leadingZeros64,
  low12,
  low16,
  powerOf,
  runOf,
  shiftLeft64,
  shiftRight64,
  storedImmediate,
  trailingZeros64,
  wordsOf,
} from './lowering/immediates.ts';
export { isFusible, isSpent, lastNode, retargetLast, soleResult, storedValue } from './lowering/look-back.ts';
export type { WritingForm } from './lowering/look-back.ts';
export { countUses, isLabelAt, isSameNode, skipJump, straighten } from './lowering/node-list.ts';
export type { Straight } from './lowering/node-list.ts';
export { FITS_ALL, lowerTable, operandLowerings } from './lowering/table.ts';
export type { LowerImmediate, Lowerings } from './lowering/table.ts';
export {
  BOTH,
  comparesAlike,
  followHalves,
  halfOf,
  halfOfAnd,
  halfOfShift,
  SIGN,
  ZEROS,
} from './lowering/upper-halves.ts';
export type { HalfRules, KnownHalves, UpperHalves } from './lowering/upper-halves.ts';
