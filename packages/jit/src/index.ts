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
  twoAddress,
} from './lower-context.ts';
export type { HelperCalls, LowerContext } from './lower-context.ts';
export { ALIGN, DATA64, LABEL, makeNode } from './node.ts';
export type { BranchUse, MachineForm, MachineNode, RelocationUse } from './node.ts';
export { ARENA, FRAME, INVERTED, makeOp, NO_REG, OP_KINDS, R10, SCRATCH_A, SCRATCH_B, SWAPPED } from './op.ts';
export { NEIGHBOURS, simplifyComparison } from './comparison.ts';
export type { Comparison, OrderCond } from './comparison.ts';
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
