/** Code of the sandbox that all targets share: entry of a function, checks, and where they go when they fail. */
import type { FunctionAnalysis } from './analyse.ts';
import { bind, lowerConst, lowerMove, lowerOp, type LowerContext } from './lower-context.ts';
import { lowerLegal } from './legalise.ts';
import { ARENA, FRAME, makeOp, NO_REG, type Op, R10, SCRATCH_A } from './op.ts';
import { ARENA_STACK_OFFSET, ARENA_SYMBOL, ARENA_TAG_OFFSET, FAULT_SYMBOL } from './sandbox-layout.ts';

/** Bits of ARENA and FRAME in `LowerContext.liveAfter`: both live as long as the function. */
export const ALWAYS_LIVE: number = (1 << ARENA) | (1 << FRAME);
const EVERYTHING = 0x7fff;

/** A check that may fail. */
interface Exit {
  readonly label: number;
  readonly insn: number;
  readonly base: number;
  readonly offset: number;
}

/** Writes the sandbox's part of one function. */
export interface SandboxWriter {
  /** After the prologue: sets ARENA and FRAME. */
  enter(): void;
  /** Gives a `check` the label where it goes when it fails, and lowers it. */
  check(op: Op): void;
  /** Lets only functions of the program, and helpers by their ids, be called through a register. */
  checkCallee(op: Op): void;
  /** Behind the function: reports what failed. */
  finish(): void;
}

/** The writer for one function. */
export function sandboxWriter(
  cx: LowerContext,
  registers: readonly number[],
  arenaBits: number,
  functions: readonly FunctionAnalysis[],
): SandboxWriter {
  const exits: Exit[] = [];
  const failing = (insn: number, base: number, offset: number): number => {
    const label = cx.newLabel();
    exits.push({ label, insn, base, offset });
    return label;
  };
  const check = (op: Op): void => {
    op.label = failing(op.insn, op.a, op.offset);
    op.offset = 0;
    // The access that follows reads registers that may be dead after it.
    const { liveAfter } = cx;
    cx.liveAfter = EVERYTHING;
    lowerOp(cx, op);
    cx.liveAfter = liveAfter;
  };
  return {
    enter() {
      if (!registers.includes(ARENA)) return;
      const { start } = cx.fn;
      cx.insn = NO_REG;
      cx.liveAfter = EVERYTHING;
      lowerOp(cx, makeOp('address', NO_REG, { d: ARENA, symbol: ARENA_SYMBOL }));
      if (registers.includes(FRAME)) {
        lowerOp(cx, makeOp('load', NO_REG, { d: FRAME, a: ARENA, offset: ARENA_STACK_OFFSET }));
        lowerMove(cx, SCRATCH_A, R10);
        lowerOp(cx, makeOp('add', NO_REG, { d: FRAME, a: FRAME, b: SCRATCH_A }));
      }
      lowerOp(cx, makeOp('load', NO_REG, { d: ARENA, a: ARENA, offset: ARENA_TAG_OFFSET }));
      if (registers.includes(FRAME)) check(makeOp('check', start, { a: FRAME, b: ARENA, imm: arenaBits }));
    },
    check,
    checkCallee(op) {
      const { helperCalls, liveAfter } = cx;
      // The callee and its arguments are read after these ops, if not after the call.
      cx.liveAfter = EVERYTHING;
      // Where addresses have 32 bits, nothing reads the upper half of a callee.
      const width = cx.target.wordBits ?? 64;
      const good = cx.newLabel();
      if (helperCalls.kind === 'table') {
        lowerLegal(cx, makeOp('branch', op.insn, { width, a: op.a, imm: helperCalls.count, cond: 'ult', label: good }));
      }
      for (const { start } of functions) {
        lowerOp(cx, makeOp('function_address', op.insn, { d: SCRATCH_A, label: start }));
        lowerOp(cx, makeOp('branch', op.insn, { width, a: op.a, b: SCRATCH_A, cond: 'eq', label: good }));
      }
      lowerOp(cx, makeOp('jump', op.insn, { label: failing(op.insn, op.a, 0) }));
      bind(cx, good);
      cx.liveAfter = liveAfter;
    },
    finish() {
      if (exits.length === 0) return;
      const report = cx.newLabel();
      exits.forEach(({ label, insn, base, offset }, i) => {
        cx.insn = insn;
        bind(cx, label);
        cx.liveAfter = EVERYTHING;
        if (offset === 0) lowerMove(cx, 2, base);
        else lowerLegal(cx, makeOp('add', insn, { d: 2, a: base, imm: offset }));
        lowerConst(cx, 1, insn);
        if (i < exits.length - 1) lowerOp(cx, makeOp('jump', insn, { label: report }));
      });
      bind(cx, report);
      cx.liveAfter = 0;
      lowerOp(cx, makeOp('fault', cx.insn, { symbol: FAULT_SYMBOL }));
      // Does not return. If it does all the same, nothing may go on.
      lowerOp(cx, makeOp('jump', cx.insn, { label: report }));
    },
  };
}

/** `check` as a shift and a branch, for CPUs that have nothing better. */
export function lowerCheck(cx: LowerContext, op: Op): void {
  lowerOp(cx, makeOp('rsh', op.insn, { d: SCRATCH_A, a: op.a, imm: op.imm }));
  lowerOp(cx, makeOp('branch', op.insn, { a: SCRATCH_A, b: op.b, cond: 'ne', label: op.label }));
}
