/** Driving the loop: to the end, instruction by instruction, from breakpoint to breakpoint. */
import { type BpfError } from '@polybpf/errors';
import { type RunFault, faultOf } from './fault.ts';
import { type Image, insnIndex, REGISTER_WORDS, slotWord, undecodeSlot } from './image.ts';
import { microOpNumber } from './dispatch.ts';
import { toBigInt } from './int64.ts';
import { faultHere, FRAME_WORDS, type Machine, STATUS_BREAKPOINT, STATUS_DONE, STATUS_SWITCHED } from './machine.ts';

/**
 * Instructions that the loop runs before it returns and is called again. Code that V8 optimises while a call of it
 * runs knows less about its variables and is slower; only the next call gets the good version.
 */
const FUEL_SLICE = 1 << 18;
const BREAKPOINT = /* @__PURE__ */ microOpNumber('breakpoint');

/** How a run ended. */
export interface RunResult {
  /** Unsigned. */
  readonly r0: bigint;
  /** Instructions that were started, one that faulted included. ld_imm64 counts once. */
  readonly insnsExecuted: number;
  /** Why the run ended before its exit; absent when it did exit. */
  readonly fault?: RunFault;
  /** The fault as an error. */
  readonly error?: BpfError;
}

/** One function on the call stack. */
export interface FrameState {
  readonly program: string;
  /** Name of the subprogram. */
  readonly subprogram: string;
  /** Insn index that runs next here: in the innermost frame the next one, in the others the one after the call. */
  readonly insn: number;
  /** r10 of the frame. */
  readonly framePointer: bigint;
  /** The frame's stack itself, lowest address first. */
  readonly stack: Uint8Array;
}

/** Everything there is to see between two instructions. */
export interface MachineState {
  /** Name of the program that runs. */
  readonly program: string;
  /** Insn index of the next instruction. */
  readonly insn: number;
  /** r0 to r10, unsigned. */
  readonly registers: readonly bigint[];
  /** Call stack, main program first. */
  readonly frames: readonly FrameState[];
  /** Nested local calls: 0 in the main program. */
  readonly callDepth: number;
  /** Tail calls so far. */
  readonly tailCalls: number;
  readonly insnsExecuted: number;
}

/** `paused` between instructions, `breakpoint` before one that has a breakpoint, `done` after exit, `fault` after a fault. */
export type ExecutionStatus = 'paused' | 'breakpoint' | 'done' | 'fault';

/** Called before each instruction with the state; must not keep it for later, it is read on demand. */
export type TraceHook = (cx: TraceView) => void;

/** What a trace hook may look at, cheaper than a {@link MachineState}. */
export interface TraceView {
  readonly program: string;
  readonly insn: number;
  readonly callDepth: number;
  readonly insnsExecuted: number;
  /** r0 to r10 as pairs of 32-bit halves, the live register file. */
  readonly regs: Int32Array;
  /** Register `n`, unsigned. */
  register(n: number): bigint;
  /** The whole state, copied. */
  state(): MachineState;
}

/** Instructions started so far. */
export function insnsExecuted(cx: Machine): number {
  return cx.budget - cx.reserve - cx.fuel;
}

/** Moves up to `limit` instructions from the reserve into the loop's counter. */
export function refill(cx: Machine, limit: number = FUEL_SLICE): void {
  const total = cx.reserve + cx.fuel;
  if (total === 0) {
    throw faultHere(cx, 'budget', `the budget of ${cx.budget} instructions is used up`);
  }
  cx.fuel = Math.min(limit, total, FUEL_SLICE);
  cx.reserve = total - cx.fuel;
}

/**
 * Runs until the function that was started last exits.
 *
 * @param trace - called before every instruction
 * @throws BpfError `E_RUN_*`
 */
export function driveToEnd(cx: Machine, trace?: () => void): void {
  for (;;) {
    if (cx.fuel === 0 || trace !== undefined) refill(cx, trace === undefined ? FUEL_SLICE : 1);
    trace?.();
    cx.whole = trace === undefined;
    const status = cx.execute(cx);
    if (status === STATUS_DONE) return;
    if (status === STATUS_BREAKPOINT) stepOver(cx);
  }
}

/**
 * Executes one instruction.
 *
 * @returns true when the program has exited
 * @throws BpfError `E_RUN_*`
 */
export function driveOne(cx: Machine, trace?: () => void): boolean {
  refill(cx, 1);
  trace?.();
  cx.whole = false;
  const status = cx.execute(cx);
  return status === STATUS_BREAKPOINT ? stepOver(cx) : status === STATUS_DONE;
}

/** Executes the instruction under a breakpoint. */
function stepOver(cx: Machine): boolean {
  const { image, pc } = cx;
  undecodeSlot(image, insnIndex(pc));
  refill(cx, 1);
  cx.whole = false;
  try {
    return cx.execute(cx) === STATUS_DONE;
  } finally {
    image.code[pc] = BREAKPOINT;
  }
}

/**
 * Runs until a breakpoint or the end, or until about `limit` instructions have run; starts with the instruction under a
 * breakpoint, if there is one.
 *
 * @throws BpfError `E_RUN_*`
 */
export function driveToBreakpoint(
  cx: Machine,
  trace?: () => void,
  limit: number = Infinity,
): 'breakpoint' | 'done' | 'paused' {
  if (driveOne(cx, trace)) return 'done';
  const end = insnsExecuted(cx) + limit - 1;
  for (;;) {
    if (cx.code[cx.pc] === BREAKPOINT) return 'breakpoint';
    const left = end - insnsExecuted(cx);
    if (left <= 0) return 'paused';
    refill(cx, trace === undefined ? Math.min(FUEL_SLICE, left) : 1);
    trace?.();
    cx.whole = false;
    const status = cx.execute(cx);
    if (status === STATUS_DONE) return 'done';
    if (status !== STATUS_SWITCHED && status === STATUS_BREAKPOINT) return 'breakpoint';
  }
}

/** Sets a breakpoint on an instruction. */
export function setBreakpoint(image: Image, insn: number): void {
  image.code[slotWord(insn)] = BREAKPOINT;
}

/** A copy of the state. */
export function machineState(cx: Machine): MachineState {
  const registers: bigint[] = [];
  for (let word = 0; word < REGISTER_WORDS; word += 2) registers.push(toBigInt(cx.code, word));
  return {
    program: cx.image.program.name,
    insn: insnIndex(cx.pc),
    registers,
    frames: frameStates(cx),
    callDepth: cx.depth,
    tailCalls: cx.tailCalls,
    insnsExecuted: insnsExecuted(cx),
  };
}

function frameStates(cx: Machine): FrameState[] {
  const frames: FrameState[] = [];
  for (let depth = 0; depth <= cx.depth; depth++) {
    const innermost = depth === cx.depth;
    const image = innermost ? cx.image : cx.callers[depth + 1]!;
    const pc = innermost ? cx.pc : cx.saved[(depth + 1) * FRAME_WORDS]!;
    const insn = insnIndex(pc);
    const owner = image.program.subprograms.find(({ start, end }) => insn >= start && insn < end);
    const { number, data } = cx.stacks[depth]!;
    frames.push({
      program: image.program.name,
      subprogram: owner?.name ?? image.program.name,
      insn,
      framePointer: cx.memory.addressOf(number, cx.limits.stackSize),
      stack: data,
    });
  }
  return frames;
}

/** What a trace hook sees of `cx`; one object for all instructions. */
export function traceView(cx: Machine): TraceView {
  return {
    get program() {
      return cx.image.program.name;
    },
    get insn() {
      return insnIndex(cx.pc);
    },
    get callDepth() {
      return cx.depth;
    },
    // The instruction to come is already taken from the budget.
    get insnsExecuted() {
      return insnsExecuted(cx);
    },
    get regs() {
      return cx.code.subarray(0, REGISTER_WORDS);
    },
    register: (n) => toBigInt(cx.code, 2 * n),
    state: () => machineState(cx),
  };
}

/** The result of a run that has ended, with `error` when it faulted. */
export function runResult(cx: Machine, error?: BpfError): RunResult {
  const fault = faultOf(error);
  return {
    r0: toBigInt(cx.code, 0),
    insnsExecuted: insnsExecuted(cx),
    ...(error === undefined || fault === undefined ? {} : { error, fault }),
  };
}
