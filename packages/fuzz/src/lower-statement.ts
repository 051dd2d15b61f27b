/** Statements to lines. */
import { makeLabel } from './code-lines.ts';
import type { CalleeSet } from './build-program.ts';
import {
  afterCall,
  CALLEE_SAVED,
  define,
  emit,
  emitConstant,
  type FunctionContext,
  readable,
  release,
  reserve,
  reserveSlot,
  rowNamed,
  writable,
} from './function-context.ts';
import type { Halves } from './edge-values.ts';
import { lowerLoad, lowerRun, lowerStore, lowerUpdate } from './lower-access.ts';
import { legalImmediate, lowerSteps } from './lower-steps.ts';
import { lowerCall } from './lower-call.ts';
import type { StatementShape } from './program-shape.ts';

/** Id of the helper that generated programs call: it returns its argument, and ends the program when that is 0. */
export const HELPER = 5;

/** Lowers statements in order. */
export function lowerStatements(cx: FunctionContext, body: readonly StatementShape[], callees: CalleeSet): void {
  for (const statement of body) lowerStatement(cx, statement, callees);
}

/** Whether a call may happen in these statements, so that r1 to r5 do not survive them. */
export function containsCall(body: readonly StatementShape[]): boolean {
  return body.some((statement) => {
    switch (statement.kind) {
      case 'call':
      case 'helper':
        return true;
      case 'if':
        return containsCall(statement.then) || containsCall(statement.otherwise);
      case 'loop':
      case 'skip':
        return containsCall(statement.body);
      default:
        return false;
    }
  });
}

function lowerStatement(cx: FunctionContext, statement: StatementShape, callees: CalleeSet): void {
  switch (statement.kind) {
    case 'alu':
      return lowerAlu(cx, statement);
    case 'constant':
      return emitConstant(cx, writable(cx, statement.dst), statement.value);
    case 'chain':
      return lowerChain(cx, statement);
    case 'update':
      return lowerUpdate(cx, statement);
    case 'run':
      return lowerRun(cx, statement);
    case 'filler':
      return lowerFiller(cx, statement);
    case 'load':
      return lowerLoad(cx, statement);
    case 'store':
      return lowerStore(cx, statement);
    case 'if':
      return lowerIf(cx, statement, callees);
    case 'loop':
      return lowerLoop(cx, statement, callees);
    case 'call':
      return lowerCall(cx, statement, callees);
    case 'helper':
      return lowerHelper(cx, statement.argument);
    case 'skip':
      return lowerSkip(cx, statement, callees);
  }
}

function lowerAlu(cx: FunctionContext, statement: StatementShape & { kind: 'alu' }): void {
  const { row: name, dst, src, imm, operands } = statement;
  const row = rowNamed(name);
  const from = row.source === 'reg' ? readable(cx, src) : 0;
  const to = row.dst === 'write' ? writable(cx, dst) : readable(cx, dst);
  if (operands !== null) {
    if (row.dst !== 'write') giveValue(cx, to, operands.dst, operands.hidden);
    if (row.source === 'reg' && from !== to) giveValue(cx, from, operands.src, operands.hidden);
  }
  emit(cx, name, { dst: to, src: from, imm: row.immUse === 'imm' ? legalImmediate(cx, row, imm) : 0 });
  define(cx, to);
}

/** Gives a register a value, where the instruction after it will use it. */
function giveValue(cx: FunctionContext, register: number, value: Halves, hidden: boolean): void {
  emitConstant(cx, register, value);
  const stack = cx.areas.find(({ kind }) => kind === 'stack');
  if (!hidden || stack === undefined) return;
  emit(cx, 'stxdw', { dst: 10, src: register, offset: stack.delta });
  emit(cx, 'ldxdw', { dst: register, src: 10, offset: stack.delta });
}

function lowerChain(cx: FunctionContext, { registers, steps }: StatementShape & { kind: 'chain' }): void {
  const [a, b, c] = registers;
  const first = readable(cx, a);
  const second = readable(cx, b);
  lowerSteps(cx, [first, second, writable(cx, c)], steps);
}

function lowerFiller(cx: FunctionContext, { count, register }: StatementShape & { kind: 'filler' }): void {
  const filled = readable(cx, register);
  for (let i = 0; i < count; i++) emit(cx, i % 3 === 0 ? 'xor64_imm' : 'add32_imm', { dst: filled, imm: i });
}

function lowerIf(cx: FunctionContext, statement: StatementShape & { kind: 'if' }, callees: CalleeSet): void {
  const { condition, then, otherwise, leaves, far } = statement;
  const elseLabel = makeLabel();
  const endLabel = makeLabel();
  const row = rowNamed(condition.row);
  const src = row.source === 'reg' ? readable(cx, condition.src) : 0;
  const dst = readable(cx, condition.dst);
  if (condition.operands !== null) {
    giveValue(cx, dst, condition.operands.dst, condition.operands.hidden);
    if (row.source === 'reg' && src !== dst) giveValue(cx, src, condition.operands.src, condition.operands.hidden);
  }
  emit(cx, condition.row, { dst, src, imm: row.immUse === 'imm' ? condition.imm : 0, target: elseLabel });
  const before = cx.defined;
  lowerStatements(cx, then, callees);
  if (leaves) {
    const result = readable(cx, condition.src);
    if (result !== 0) emit(cx, 'mov64_reg', { dst: 0, src: result });
    emit(cx, 'exit');
  } else if (otherwise.length > 0) emit(cx, far ? 'ja32' : 'ja', { target: endLabel });
  const afterThen = leaves ? -1 : cx.defined;
  cx.lines.push(elseLabel);
  cx.defined = before;
  lowerStatements(cx, otherwise, callees);
  cx.defined &= afterThen;
  cx.lines.push(endLabel);
}

/** Where a loop counts: a register or eight bytes of stack. */
type Counter = { readonly register: number } | { readonly slot: number };

function reserveCounter(cx: FunctionContext, loop: StatementShape & { kind: 'loop' }): Counter | undefined {
  const survivors = containsCall(loop.body) ? CALLEE_SAVED : -1;
  if (!loop.inMemory) {
    const register = reserve(cx, loop.counter, survivors);
    if (register !== undefined) return { register };
  }
  const slot = reserveSlot(cx);
  return slot === undefined ? undefined : { slot };
}

function lowerLoop(cx: FunctionContext, loop: StatementShape & { kind: 'loop' }, callees: CalleeSet): void {
  const { count, form, body, far } = loop;
  const counter = reserveCounter(cx, loop);
  if (counter === undefined) return lowerStatements(cx, body, callees);
  const head = makeLabel();
  const end = makeLabel();
  setCounter(cx, counter, form === 'up' ? 0 : count, loop.counter);
  // A call in the body leaves nothing in r1 to r5 for its next round.
  if (containsCall(body)) cx.defined &= CALLEE_SAVED | 1;
  const atHead = cx.defined;
  const { times } = cx;
  cx.times *= count;
  cx.lines.push(head);
  if (form === 'may_goto') emit(cx, 'may_goto', { target: end });
  if (form === 'top') {
    countAndTest(cx, loop, counter, { test: 'before', target: end });
    lowerStatements(cx, body, callees);
    redefine(cx, atHead);
    emit(cx, far ? 'ja32' : 'ja', { target: head });
  } else {
    lowerStatements(cx, body, callees);
    redefine(cx, atHead);
    countAndTest(cx, loop, counter, { test: 'after', target: head });
  }
  cx.lines.push(end);
  cx.times = times;
  // The end is also reached from the head, by may_goto as the verifier sees it.
  if (form === 'top' || form === 'may_goto') cx.defined &= atHead;
  if ('register' in counter) release(cx, counter.register);
}

function setCounter(cx: FunctionContext, counter: Counter, value: number, pick: number): void {
  if ('register' in counter) emit(cx, 'mov64_imm', { dst: counter.register, imm: value });
  else if ((pick & 1) === 0) emit(cx, 'stdw', { dst: 10, offset: counter.slot, imm: value });
  else {
    const via = writable(cx, pick);
    emit(cx, 'mov64_imm', { dst: via, imm: value });
    define(cx, via);
    emit(cx, 'stxdw', { dst: 10, src: via, offset: counter.slot });
  }
}

/** One step of the counter and the jump that it decides: out of the loop before the step, or back after it. */
function countAndTest(
  cx: FunctionContext,
  loop: StatementShape & { kind: 'loop' },
  counter: Counter,
  jump: { readonly test: 'before' | 'after'; readonly target: ReturnType<typeof makeLabel> },
): void {
  const register = 'register' in counter ? counter.register : writable(cx, loop.counter);
  const width = cx.isa >= 'v3' && (loop.counter & 2) !== 0 ? 32 : 64;
  const { target } = jump;
  if ('slot' in counter) emit(cx, 'ldxdw', { dst: register, src: 10, offset: counter.slot });
  if (jump.test === 'before') emit(cx, `jeq${width}_imm`, { dst: register, imm: 0, target });
  if (loop.form === 'up') emit(cx, `add${width}_imm`, { dst: register, imm: 1 });
  else if ((loop.counter & 4) === 0) emit(cx, `sub${width}_imm`, { dst: register, imm: 1 });
  else emit(cx, `add${width}_imm`, { dst: register, imm: -1 });
  if ('slot' in counter) {
    emit(cx, 'stxdw', { dst: 10, src: register, offset: counter.slot });
    define(cx, register);
  }
  if (jump.test === 'before') return;
  if (loop.form !== 'up') emit(cx, `jne${width}_imm`, { dst: register, imm: 0, target });
  else emit(cx, cx.isa >= 'v2' ? `jlt${width}_imm` : 'jne64_imm', { dst: register, imm: loop.count, target });
}

/** Gives registers that held a number when the loop began one again: the body may have used them for addresses. */
function redefine(cx: FunctionContext, wanted: number): void {
  for (let register = 0; register < 10; register++) {
    if ((wanted & ~cx.defined & (1 << register)) === 0) continue;
    emit(cx, 'mov64_imm', { dst: register, imm: register });
    define(cx, register);
  }
}

function lowerHelper(cx: FunctionContext, argument: number): void {
  const from = readable(cx, argument);
  if (from !== 1) emit(cx, 'mov64_reg', { dst: 1, src: from });
  emit(cx, 'or64_imm', { dst: 1, imm: 1 });
  emit(cx, 'call_helper', { imm: HELPER });
  afterCall(cx);
}

function lowerSkip(cx: FunctionContext, { by, body }: StatementShape & { kind: 'skip' }, callees: CalleeSet): void {
  const end = makeLabel();
  const { times, defined } = cx;
  emit(cx, by, { target: end });
  if (by !== 'may_goto') cx.times = 0;
  lowerStatements(cx, body, callees);
  cx.lines.push(end);
  cx.times = times;
  // Code that never runs changes no register.
  cx.defined = by === 'may_goto' ? cx.defined & defined : defined;
}
