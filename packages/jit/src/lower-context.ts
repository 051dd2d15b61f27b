/**
 * What a lowering function sees: the function it is in, where registers live, and the node list it appends to.
 */
import type { FunctionInfo, Frame, Target } from './target.ts';
import { makeNode, LABEL, type MachineForm, type MachineNode } from './node.ts';
import { blankOp, type CodeSymbol, copyOp, NO_REG, type Op, R10 } from './op.ts';

/** How helper calls reach their helpers. */
export type HelperCalls =
  /** A direct call with a relocation to the helper's symbol: for objects, and for images whose loader links them. */
  | { readonly kind: 'relocation' }
  /** An indirect call through an array of 8-byte pointers at a fixed address, indexed by helper id; ids below `count`. */
  | { readonly kind: 'table'; readonly address: bigint; readonly count: number };

/** Code of one function while it grows. */
export interface LowerContext {
  readonly target: Target;
  readonly helperCalls: HelperCalls;
  readonly fn: FunctionInfo;
  readonly frame: Frame;
  readonly nodes: MachineNode[];
  /** Insn index that new nodes belong to. */
  insn: number;
  /** BPF registers (bits 0..10), ARENA and FRAME that something reads after the current op. */
  liveAfter: number;
  /**
   * With `Target.strictAlignment`: by insn index of an access, what is known of its address, as modulus + remainder:
   * 8 + r when it is r modulo 8, 4 + r, 2 + r, and 1 when nothing is known. Empty otherwise.
   */
  readonly addresses: Uint8Array;
  /** What lowerings remember of this function: see {@link noteOf}. */
  readonly notes: Map<object, unknown>;
  /** Makes a label of this compilation, unbound. */
  readonly newLabel: () => number;
  /** Label of a routine that all functions of the program share: `Target.routine` makes it. */
  readonly routine: (name: string) => number;
  /** Label of an 8-byte literal with this value; equal literals share one. */
  readonly literal: (low: number, high: number) => number;
  /** Label of an 8-byte literal that holds the address of a symbol. */
  readonly symbolLiteral: (symbol: CodeSymbol, addend: number) => number;
}

/** What a lowering remembers of the function, under a key of its own; made when it is asked for first. */
export function noteOf<Note>(cx: LowerContext, key: object, make: () => Note): Note {
  let note = cx.notes.get(key) as Note | undefined;
  if (note === undefined) cx.notes.set(key, (note = make()));
  return note;
}

/** Hardware register of BPF register or scratch `register`. */
export function hw(cx: LowerContext, register: number): number {
  return cx.fn.registers[register]!;
}

/** Whether anything reads BPF register `register` after the current op. */
export function isLiveAfter(cx: LowerContext, register: number): boolean {
  return (cx.liveAfter & (1 << register)) !== 0;
}

/** Whether hardware register `register` holds a BPF register that is read after the current op. */
export function isHwLiveAfter(cx: LowerContext, register: number): boolean {
  const { registers } = cx.fn;
  for (let i = 0; i < registers.length; i++) {
    if (registers[i] === register && (cx.liveAfter & (1 << i)) !== 0) return true;
  }
  return false;
}

/** Base register and displacement of the access `[register + offset]`; r10 is turned into the frame's base. */
export function hwBase(cx: LowerContext, register: number): number {
  return register === R10 ? cx.frame.base : hw(cx, register);
}

/** Displacement that goes with {@link hwBase}. */
export function displacement(cx: LowerContext, register: number, offset: number): number {
  return register === R10 ? cx.frame.bias + offset : offset;
}

/** Appends one instruction. */
export function emit(cx: LowerContext, form: MachineForm, operands: readonly number[]): MachineNode {
  const node = makeNode(form, operands, -1, cx.insn);
  cx.nodes.push(node);
  return node;
}

/** Appends an instruction that uses a label. */
export function emitTo(cx: LowerContext, form: MachineForm, operands: readonly number[], label: number): MachineNode {
  const node = makeNode(form, operands, label, cx.insn);
  cx.nodes.push(node);
  return node;
}

/** Appends an instruction whose field is a relocation to `symbol` + `addend`. */
export function emitSymbol(
  cx: LowerContext,
  form: MachineForm,
  operands: readonly number[],
  symbol: CodeSymbol,
  addend = 0,
): MachineNode {
  const node = makeNode(form, operands, -1, cx.insn);
  node.symbol = symbol;
  node.addend = addend;
  cx.nodes.push(node);
  return node;
}

/** Binds `label` here. */
export function bind(cx: LowerContext, label: number): void {
  cx.nodes.push(makeNode(LABEL, [], label, cx.insn));
}

/** Lowers a further op that the current one is made of, e.g. a move in front of a two-operand instruction. */
export function lowerOp(cx: LowerContext, op: Op): void {
  cx.target.lower[op.kind](cx, op);
}

/** Appends `d = a` (64 bits) between BPF or scratch registers, nothing when they share a register. */
export function lowerMove(cx: LowerContext, d: number, a: number): void {
  if (d === a || (a !== R10 && hw(cx, d) === hw(cx, a))) return;
  const op = blankOp('mov', cx.insn);
  op.d = d;
  op.a = a;
  lowerOp(cx, op);
}

/** Appends `d = imm`, sign-extended to 64 bits. */
export function lowerConst(cx: LowerContext, d: number, imm: number, immHi: number = imm < 0 ? -1 : 0): void {
  const op = blankOp('const', cx.insn);
  op.d = d;
  op.imm = imm;
  op.immHi = immHi;
  lowerOp(cx, op);
}

/**
 * For two-operand machines: makes sure that `op.d` and `op.a` are the same register, by a move in front, and that the
 * move does not destroy `op.b`. Commutative ops swap their operands instead where that helps.
 *
 * @returns the op to lower, with d === a
 */
export function twoAddress(cx: LowerContext, op: Op, commutative: boolean): Op {
  if (op.a === op.d) return op;
  const sameAsB = op.b !== NO_REG && hw(cx, op.b) === hw(cx, op.d);
  const result = copyOp(op);
  if (sameAsB && commutative) {
    result.a = op.b === op.d ? op.d : op.b;
    result.b = op.a;
    return result;
  }
  if (sameAsB) throw new Error(`BUG: ${op.kind}: result register is the second operand`);
  lowerMove(cx, op.d, op.a);
  result.a = op.d;
  return result;
}
