/**
 * Calls and tail calls. r1..r5 are where the C ABI wants arguments, so that a call moves its result at most; how a CPU
 * gets to a symbol, a label or a pointer is its own.
 */
import { BpfError } from '@polybpf/errors';
import { bind, type HelperCalls, hw, isLiveAfter, type LowerContext } from '../lower-context.ts';
import type { CodeSymbol, Op } from '../op.ts';
import type { LowerFn } from '../target.ts';

/** An array of pointers to helpers. */
export type HelperTable = Extract<HelperCalls, { kind: 'table' }>;

/** What a tail call that goes nowhere leaves in r0: -ENOENT. */
export const TAIL_CALL_FAILED = -2;

/** What a target does for calls. */
export interface CallParts {
  /** Puts arguments up to `last` where they are not yet; absent: all are there. */
  readonly passArguments?: (cx: LowerContext, last: number) => void;
  readonly callSymbol: (cx: LowerContext, symbol: CodeSymbol, addend: number) => void;
  /** Calls a function of the program. */
  readonly callLabel: (cx: LowerContext, label: number) => void;
  /** Calls what is in a slot of the table, whose address is given. */
  readonly callSlot: (cx: LowerContext, slot: bigint, table: HelperTable) => void;
  readonly callPointer: (cx: LowerContext, register: number) => void;
  /** Calls the helper whose number is in a register, or, when the table has none of that number, what it points at. */
  readonly callEither: (cx: LowerContext, register: number, table: HelperTable) => void;
  /** Copies the result to the home of r0 when anything reads it, see {@link takesResult}; absent: it is there. */
  readonly takeResult?: (cx: LowerContext) => void;
  /**
   * Tail calls: r1 to where it outlasts a call; a branch to `label` when the helper's answer is 0; the jump to that
   * answer, with r1 in its place and nothing of the function left behind; {@link TAIL_CALL_FAILED} to r0.
   */
  readonly keepContext: (cx: LowerContext) => void;
  readonly branchIfNone: (cx: LowerContext, label: number) => void;
  readonly leaveForAnswer: (cx: LowerContext) => void;
  readonly setFailed: (cx: LowerContext, r0: number) => void;
}

/** `CallParts.takeResult` by a move between registers. */
export function takesResult(
  move: (cx: LowerContext, to: number, from: number) => void,
): NonNullable<CallParts['takeResult']> {
  return (cx) => {
    const { result } = cx.target.registers;
    const r0 = hw(cx, 0);
    if (r0 !== result && isLiveAfter(cx, 0)) move(cx, r0, result);
  };
}

type CallKind = 'call_helper' | 'call_local' | 'call_symbol' | 'call_register' | 'tail_call' | 'fault';

export type CallLowerings = Readonly<Record<CallKind, LowerFn>>;

/** The lowerings of all calls. */
export function callLowerings(parts: CallParts): CallLowerings {
  const { passArguments, callSymbol, takeResult } = parts;

  function callHelper(cx: LowerContext, op: Op, last: number): void {
    const { helperCalls } = cx;
    passArguments?.(cx, last);
    if (helperCalls.kind === 'relocation') return callSymbol(cx, op.symbol!, 0);
    const { address, count } = helperCalls;
    if (op.imm < 0 || op.imm >= count) {
      throw new BpfError('E_JIT_PROGRAM', 'helper id', { at: { insn: op.insn }, expected: `less than ${count}`, got: String(op.imm) }); // prettier-ignore
    }
    parts.callSlot(cx, address + BigInt(op.imm) * 8n, helperCalls);
  }

  function lowerCallSymbol(cx: LowerContext, op: Op): void {
    passArguments?.(cx, 5);
    callSymbol(cx, op.symbol!, op.addend);
    takeResult?.(cx);
  }

  return {
    call_helper(cx, op) {
      callHelper(cx, op, 5);
      takeResult?.(cx);
    },
    call_local(cx, op) {
      passArguments?.(cx, 5);
      parts.callLabel(cx, op.label);
      takeResult?.(cx);
    },
    call_symbol: lowerCallSymbol,
    call_register(cx, op) {
      const { helperCalls } = cx;
      passArguments?.(cx, 5);
      if (helperCalls.kind === 'relocation') parts.callPointer(cx, hw(cx, op.a));
      else parts.callEither(cx, hw(cx, op.a), helperCalls);
      takeResult?.(cx);
    },
    // The helper answers with the address of the next program, or 0. That one gets r1 and returns to this one's caller.
    tail_call(cx, op) {
      const failed = cx.newLabel();
      parts.keepContext(cx);
      callHelper(cx, op, 3);
      parts.branchIfNone(cx, failed);
      parts.leaveForAnswer(cx);
      bind(cx, failed);
      if (isLiveAfter(cx, 0)) parts.setFailed(cx, hw(cx, 0));
    },
    fault: lowerCallSymbol,
  };
}
