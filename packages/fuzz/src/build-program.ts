/** From the shape of a program to its instructions. */
import { type Insn } from '@polybpf/isa';
import { insnsOf, type Label, type Line, makeLabel } from './code-lines.ts';
import type { Halves } from './edge-values.ts';
import {
  CALLEE_SAVED,
  createFunctionContext,
  define,
  emit,
  emitConstant,
  type FunctionContext,
  keep,
  type ProgramContext,
  readable,
  reserve,
  reserveSlot,
  undefine,
  writable,
} from './function-context.ts';
import { BUFFER_BYTES } from './lower-call.ts';
import { containsCall, lowerStatements } from './lower-statement.ts';
import type { FunctionShape, ParameterShape, Pick, ProgramOptions, ProgramShape } from './program-shape.ts';

/** A program with the memory that it runs on: r1 = address of `mem`, r2 = its length, both 0 when it is empty. */
export interface FuzzProgram {
  readonly insns: readonly Insn[];
  readonly mem: Uint8Array;
}

/** A function that is built. */
export interface BuiltFunction {
  readonly entry: Label;
  readonly lines: readonly Line[];
  readonly parameters: readonly ParameterShape[];
  /** Instructions that a call executes at most. */
  readonly cost: number;
  readonly callees: ReadonlySet<BuiltFunction>;
}

/** What a function may call. */
export interface CalleeSet {
  readonly pick: (pick: Pick) => BuiltFunction | undefined;
  /** Notes that a call was made. */
  readonly note: (callee: BuiltFunction) => void;
}

/** The kernel takes 512 bytes for all frames of a chain of calls, rounds each up, and needs two words for may_goto. */
const KERNEL_STACK = 512;
const KERNEL_STACK_STEP = 32;
const MAY_GOTO_BYTES = 16;
/** Stack that stays free for counters and spilled pointers. */
const SLOT_BYTES = 24;
const STACK_BYTES = 512;
/** Parameters in which a function looks at what they point to. */
const MAX_POINTERS = 3;
/** Odd, so that the fold loses nothing of what is in it. */
const FOLD_FACTOR = 0x01000193;

/** Builds a program: main first, then the functions that it calls directly or not. */
export function buildProgram(shape: ProgramShape, { isa = 'v4', flavour = 'any' }: ProgramOptions = {}): FuzzProgram {
  const frames = shape.functions.length;
  const share = Math.floor(KERNEL_STACK / frames / KERNEL_STACK_STEP) * KERNEL_STACK_STEP;
  const program: ProgramContext = {
    isa,
    flavour,
    memBytes: memBytesOf(shape),
    stackLimit: flavour === 'kernel' ? share - MAY_GOTO_BYTES : STACK_BYTES,
    costLimit: flavour === 'kernel' ? 4000 : 20_000,
  };
  const built: BuiltFunction[] = [];
  // From the last, so that what a function calls is there already.
  for (let i = shape.functions.length - 1; i >= 0; i--) {
    built.unshift(buildFunction(program, shape.functions[i]!, i === 0, built));
  }
  const reached = reachedFrom(built[0]!);
  const lines = built.filter((fn) => reached.has(fn)).flatMap(({ entry, lines: own }) => [entry, ...own]);
  const insns = insnsOf(lines);
  if (insns === undefined) throw new Error('BUG: a jump of a generated program goes nowhere');
  return { insns, mem: bytesOf(shape.mem).subarray(0, program.memBytes) };
}

/** A function may touch {@link BUFFER_BYTES} behind some pointers, so memory does not get shorter than that. */
function memBytesOf({ mem, memShort }: ProgramShape): number {
  const bytes = mem.length * 8;
  return bytes < BUFFER_BYTES + 8 ? bytes : bytes - memShort;
}

function reachedFrom(main: BuiltFunction): Set<BuiltFunction> {
  const reached = new Set<BuiltFunction>();
  const visit = (fn: BuiltFunction): void => {
    if (reached.has(fn)) return;
    reached.add(fn);
    fn.callees.forEach(visit);
  };
  visit(main);
  return reached;
}

function bytesOf(words: readonly Halves[]): Uint8Array {
  const bytes = new Uint8Array(words.length * 8);
  const view = new DataView(bytes.buffer);
  words.forEach(({ low, high }, i) => {
    view.setInt32(8 * i, low, true);
    view.setInt32(8 * i + 4, high, true);
  });
  return bytes;
}

function buildFunction(
  program: ProgramContext,
  shape: FunctionShape,
  isMain: boolean,
  later: readonly BuiltFunction[],
): BuiltFunction {
  const cx = createFunctionContext(program);
  cx.mayBePruned = !isMain;
  const called = new Set<BuiltFunction>();
  const available = later.slice();
  const callees: CalleeSet = {
    pick: (pick) => (available.length === 0 ? undefined : available[pick % available.length]),
    note: (callee) => void called.add(callee),
  };
  const parameters = isMain ? mainParameters(program) : ownParameters(program, shape);
  enter(cx, shape, parameters);
  lowerStatements(cx, shape.body, callees);
  if (isMain) foldEverything(cx);
  else foldResult(cx, shape.result);
  emit(cx, 'exit');
  return { entry: makeLabel(), lines: cx.lines, parameters, cost: cx.cost, callees: called };
}

/** r1 = memory, r2 = its length. */
function mainParameters({ memBytes }: ProgramContext): ParameterShape[] {
  return memBytes > 0 ? ['memory', 'number'] : ['number', 'number'];
}

function ownParameters({ memBytes }: ProgramContext, { parameters }: FunctionShape): ParameterShape[] {
  return parameters.map((parameter) => (parameter === 'memory' && memBytes === 0 ? 'number' : parameter));
}

/** Finds homes for pointers, gives registers their first values and fills the stack buffer. */
function enter(cx: FunctionContext, shape: FunctionShape, parameters: readonly ParameterShape[]): void {
  parameters.forEach((parameter, i) => {
    if (parameter === 'number') define(cx, i + 1);
    else keep(cx, i + 1);
  });
  const words = Math.max(2, Math.min(shape.stack.length, Math.floor((cx.stackLimit - SLOT_BYTES) / 8)));
  cx.stackBytes = words * 8;
  let pointers = 0;
  parameters.forEach((parameter, i) => {
    if (parameter === 'number') return;
    if (pointers < MAX_POINTERS) settle(cx, shape, parameter, i + 1, shape.homes[pointers++] ?? 0);
    else cx.reserved &= ~(2 << i);
  });
  fillStack(cx, shape.stack.slice(0, words), shape.fill);
  cx.areas.unshift({
    kind: 'stack',
    home: { register: 10 },
    delta: -words * 8,
    bytes: words * 8,
    aligned: cx.flavour === 'kernel',
  });
  for (const { register, value } of shape.constants) emitConstant(cx, writable(cx, register), value);
}

/** Moves a pointer from its argument register to where it will stay. */
function settle(
  cx: FunctionContext,
  shape: FunctionShape,
  kind: 'memory' | 'buffer',
  register: number,
  home: Pick,
): void {
  // prettier-ignore
  const bytes = kind === 'memory' ? cx.memBytes : BUFFER_BYTES;
  const area = { kind, delta: 0, bytes, aligned: kind === 'buffer' && cx.flavour === 'kernel' } as const;
  if (home % 3 === 0 && !containsCall(shape.body)) {
    cx.areas.push({ ...area, home: { register } });
    return;
  }
  const saved = home % 3 === 1 ? undefined : reserve(cx, home, CALLEE_SAVED);
  const slot = saved === undefined ? reserveSlot(cx) : undefined;
  if (saved !== undefined) {
    emit(cx, 'mov64_reg', { dst: saved, src: register });
    cx.areas.push({ ...area, home: { register: saved } });
  } else if (slot !== undefined) {
    emit(cx, 'stxdw', { dst: 10, src: register, offset: slot });
    cx.areas.push({ ...area, home: { slot } });
  }
  // The argument register still holds the address, which is no number.
  cx.reserved &= ~(1 << register);
  undefine(cx, register);
}

/** Stores that give every byte of the stack buffer a value, in pieces of different widths. */
function fillStack(cx: FunctionContext, words: readonly Halves[], fill: Pick): void {
  const via = writable(cx, fill, cx.defined);
  words.forEach(({ low, high }, i) => {
    const offset = -8 * (i + 1);
    const way = (fill + i) % 4;
    if (way === 0 && high === low >> 31) emit(cx, 'stdw', { dst: 10, offset, imm: low });
    else if (way <= 1) {
      emitConstant(cx, via, { low, high });
      emit(cx, 'stxdw', { dst: 10, src: via, offset });
    } else if (way === 2) {
      emit(cx, 'stw', { dst: 10, offset, imm: low });
      emit(cx, 'stw', { dst: 10, offset: offset + 4, imm: high });
    } else {
      emitConstant(cx, via, { low, high });
      emit(cx, 'stxw', { dst: 10, src: via, offset });
      emit(cx, 'sth', { dst: 10, offset: offset + 4, imm: high });
      emit(cx, 'stxb', { dst: 10, src: via, offset: offset + 6 });
      emit(cx, 'stb', { dst: 10, offset: offset + 7, imm: high >> 24 });
    }
  });
}

/** `r0 = r0 * FOLD_FACTOR + register`. */
function foldIn(cx: FunctionContext, register: number): void {
  emit(cx, 'mul64_imm', { dst: 0, imm: FOLD_FACTOR });
  emit(cx, 'add64_reg', { dst: 0, src: register });
}

function foldResult(cx: FunctionContext, result: readonly Pick[]): void {
  const registers = result.map((pick) => readable(cx, pick));
  const [first, ...rest] = registers;
  const others = rest.filter((register) => register !== 0);
  if (first !== undefined && first !== 0) emit(cx, 'mov64_reg', { dst: 0, src: first });
  else if (first === undefined) emit(cx, 'mov64_imm', { dst: 0, imm: 0 });
  for (const register of others) foldIn(cx, register);
}

/** Makes r0 depend on all bits of every register that holds a number, of the stack buffer and of the memory. */
function foldEverything(cx: FunctionContext): void {
  if ((cx.defined & 1) === 0) emit(cx, 'mov64_imm', { dst: 0, imm: 0 });
  for (let register = 1; register < 10; register++) if ((cx.defined & (1 << register)) !== 0) foldIn(cx, register);
  for (const { home, delta, bytes, kind } of cx.areas) {
    if (kind === 'buffer') continue;
    const via = writable(cx, 1, 1);
    const base = 'register' in home ? home.register : writable(cx, 2, 1 | (1 << via));
    if ('slot' in home) emit(cx, 'ldxdw', { dst: base, src: 10, offset: home.slot });
    for (let at = 0; at + 8 <= bytes; at += 8) {
      emit(cx, 'ldxdw', { dst: via, src: base, offset: delta + at });
      foldIn(cx, via);
    }
  }
}
