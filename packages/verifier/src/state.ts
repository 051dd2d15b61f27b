/**
 * What is known at one point of one path: call frames with registers and stack, references held, sections entered
 * (kernel: struct bpf_verifier_state, bpf_func_state). States are pooled: {@link StatePool}.
 */
import { markNotInit, setKnownValue } from './bounds.ts';
import { copyRegister, REG_WORDS, W_FRAME, W_MASK, W_TYPE, W_VAR } from './register-record.ts';
import { PTR_TO_STACK, SCALAR_VALUE } from './register-types.ts';

/** Kind of one byte of the stack (kernel: enum bpf_stack_slot_type). */
export const STACK_INVALID = 0;
export const STACK_SPILL = 1;
export const STACK_MISC = 2;
export const STACK_ZERO = 3;
export const STACK_DYNPTR = 4;
export const STACK_ITER = 5;
export const STACK_IRQ_FLAG = 6;

export const FP = 10;
export const REGS = 11;
/** First word of the record of stack slot 0: registers and slots are one array of records. */
export const SLOT_BASE: number = REGS * REG_WORDS;
export const MAX_STACK = 512;
/** Call site of the outermost frame. */
export const MAIN_CALLSITE = -1;

/** Record of a register. */
export function regAt(reg: number): number {
  return reg * REG_WORDS;
}

/** Record of the register that is spilled in a slot; slot 0 is fp-8, slot 1 fp-16. */
export function slotAt(slot: number): number {
  return SLOT_BASE + slot * REG_WORDS;
}

const NO_KINDS = new Uint8Array(0);
const NO_HISTORY = new Int32Array(0);
const NO_REFS: readonly number[] = [];

/** One call frame. */
export class Frame {
  /** Registers r0 to r10, then the spilled registers of the slots. */
  w: Int32Array = new Int32Array(SLOT_BASE);
  /** Kinds of bytes: byte 7 of a slot is the lowest address + 7 as in the kernel (kind of fp-8 is at [7] of slot 0). */
  kinds: Uint8Array = NO_KINDS;
  /** Slots in use; reading beyond is reading what was never written. */
  slots = 0;
  callsite: number = MAIN_CALLSITE;
  frameno = 0;
  subprog = 0;
  callbackDepth = 0;
  inCallback = false;
  inAsyncCallback = false;
  inExceptionCallback = false;
  asyncEntry = 0;
  retMin = 0;
  retMax = 0;

  /** Makes room for `slots` slots; new ones are unwritten. */
  grow(slots: number): void {
    if (slots <= this.slots) return;
    const room = this.kinds.length >> 3;
    if (slots > room) {
      const more = Math.min(64, Math.max(slots, room * 2, 4));
      const w = new Int32Array(SLOT_BASE + more * REG_WORDS);
      w.set(this.w);
      this.w = w;
      const kinds = new Uint8Array(more * 8);
      kinds.set(this.kinds);
      this.kinds = kinds;
    }
    this.w.fill(0, slotAt(this.slots), slotAt(slots));
    this.kinds.fill(STACK_INVALID, this.slots * 8, slots * 8);
    this.slots = slots;
  }

  copyFrom(other: Frame): void {
    const slots = other.slots;
    if (this.kinds.length < slots * 8) {
      this.w = new Int32Array(slotAt(slots));
      this.kinds = new Uint8Array(slots * 8);
    }
    const words = slotAt(slots);
    if (other.w.length === this.w.length && slots * 2 > other.kinds.length >> 3) {
      this.w.set(other.w);
      this.kinds.set(other.kinds);
    } else {
      this.w.set(other.w.subarray(0, words));
      this.kinds.set(other.kinds.subarray(0, slots * 8));
    }
    this.slots = slots;
    this.callsite = other.callsite;
    this.frameno = other.frameno;
    this.subprog = other.subprog;
    this.callbackDepth = other.callbackDepth;
    this.inCallback = other.inCallback;
    this.inAsyncCallback = other.inAsyncCallback;
    this.inExceptionCallback = other.inExceptionCallback;
    this.asyncEntry = other.asyncEntry;
    this.retMin = other.retMin;
    this.retMax = other.retMax;
  }

  /** An empty frame: nothing is initialised but r10 (kernel: init_func_state). */
  init(callsite: number, frameno: number, subprog: number, precise: number): void {
    for (let reg = 0; reg < REGS; reg++) markNotInit(this.w, regAt(reg), precise);
    const fp = regAt(FP);
    setKnownValue(this.w, fp, 0, 0);
    this.w[fp + W_TYPE] = PTR_TO_STACK;
    this.w[fp + W_FRAME] = frameno;
    this.slots = 0;
    this.callsite = callsite;
    this.frameno = frameno;
    this.subprog = subprog;
    this.callbackDepth = 0;
    this.inCallback = false;
    this.inAsyncCallback = false;
    this.inExceptionCallback = false;
    this.asyncEntry = 0;
    this.retMin = 0;
    this.retMax = 0;
  }

  /** Whether the slot holds a register. */
  isSpilled(slot: number): boolean {
    return this.kinds[slot * 8 + 7] === STACK_SPILL;
  }

  isSpilledScalar(slot: number): boolean {
    return this.kinds[slot * 8 + 7] === STACK_SPILL && this.w[slotAt(slot) + W_TYPE] === SCALAR_VALUE;
  }

  /** Whether the slot holds a whole 64-bit scalar. */
  isSpilledScalar64(slot: number): boolean {
    return this.kinds[slot * 8] === STACK_SPILL && this.w[slotAt(slot) + W_TYPE] === SCALAR_VALUE;
  }

  /** Whether a register is the number 0. */
  isZero(at: number): boolean {
    const w = this.w;
    return (
      w[at + W_TYPE] === SCALAR_VALUE &&
      (w[at + W_VAR]! | w[at + W_VAR + 1]! | w[at + W_MASK]! | w[at + W_MASK + 1]!) === 0
    );
  }
}

/** Kind of something that must be given back. */
export const REF_PTR: number = 1 << 1;
export const REF_IRQ: number = 1 << 2;
export const REF_LOCK: number = 1 << 3;
export const REF_RES_LOCK: number = 1 << 4;
export const REF_RES_LOCK_IRQ: number = 1 << 5;

/** Numbers of a reference in {@link State.refs}: kind, id, insn that got it, object that a lock is in. */
export const REF_NUMBERS = 4;

/** Numbers of a history entry: insn, insn before, flags, linked registers in two words. */
export const HISTORY_WORDS = 5;

/** A state. */
export class State {
  readonly frames: Frame[] = [];
  curframe = 0;
  /** References held, {@link REF_NUMBERS} numbers each. Never changed in place: states share it. */
  refs: readonly number[] = NO_REFS;
  activeLocks = 0;
  activePreemptLocks = 0;
  activeIrqId = 0;
  activeLockId = 0;
  activeLockPtr = 0;
  activeRcuLocks = 0;
  speculative = false;
  inSleepable = false;
  cleaned = false;
  /** Paths below that are not done. */
  branches = 0;
  parent: State | undefined = undefined;
  insn = 0;
  firstInsn = 0;
  lastInsn = -1;
  dfsDepth = 0;
  callbackUnrollDepth = 0;
  mayGotoDepth = 0;
  /** Of a stored state. */
  hits = 0;
  misses = 0;
  inFreeList = false;
  /** Of a state at the end of a loop: the state that it was found equal to. */
  equalState: State | undefined = undefined;
  history: Int32Array = NO_HISTORY;
  historyCount = 0;

  get frame(): Frame {
    return this.frames[this.curframe]!;
  }
}

/** Gives out states and takes them back. */
export class StatePool {
  private readonly frames: Frame[] = [];
  private readonly states: State[] = [];

  frame(): Frame {
    return this.frames.pop() ?? new Frame();
  }

  releaseFrame(frame: Frame): void {
    if (this.frames.length < 256) this.frames.push(frame);
  }

  state(): State {
    const state = this.states.pop();
    if (state === undefined) return new State();
    return state;
  }

  /** The state and its frames may be given out again. */
  release(state: State): void {
    for (let i = 0; i < state.frames.length; i++) this.releaseFrame(state.frames[i]!);
    state.frames.length = 0;
    state.parent = undefined;
    state.equalState = undefined;
    state.refs = NO_REFS;
    if (this.states.length < 128) this.states.push(state);
  }

  /** A copy, history included (kernel: copy_verifier_state). */
  copy(from: State): State {
    const to = this.state();
    for (let i = 0; i <= from.curframe; i++) {
      const frame = this.frame();
      frame.copyFrom(from.frames[i]!);
      to.frames.push(frame);
    }
    copyFields(to, from);
    const words = from.historyCount * HISTORY_WORDS;
    if (to.history.length < words) to.history = new Int32Array(words);
    for (let i = 0; i < words; i++) to.history[i] = from.history[i]!;
    to.historyCount = from.historyCount;
    return to;
  }

  /** A copy that takes the history with it, leaving none. */
  copyTakingHistory(from: State): State {
    const to = this.state();
    for (let i = 0; i <= from.curframe; i++) {
      const frame = this.frame();
      frame.copyFrom(from.frames[i]!);
      to.frames.push(frame);
    }
    copyFields(to, from);
    // Many states are kept: no room to spare in them.
    to.history = from.historyCount === 0 ? NO_HISTORY : from.history.slice(0, from.historyCount * HISTORY_WORDS);
    to.historyCount = from.historyCount;
    from.historyCount = 0;
    return to;
  }
}

function copyFields(to: State, from: State): void {
  to.curframe = from.curframe;
  to.refs = from.refs;
  to.activeLocks = from.activeLocks;
  to.activePreemptLocks = from.activePreemptLocks;
  to.activeIrqId = from.activeIrqId;
  to.activeLockId = from.activeLockId;
  to.activeLockPtr = from.activeLockPtr;
  to.activeRcuLocks = from.activeRcuLocks;
  to.speculative = from.speculative;
  to.inSleepable = from.inSleepable;
  to.cleaned = from.cleaned;
  to.branches = from.branches;
  to.parent = from.parent;
  to.insn = from.insn;
  to.firstInsn = from.firstInsn;
  to.lastInsn = from.lastInsn;
  to.dfsDepth = from.dfsDepth;
  to.callbackUnrollDepth = from.callbackUnrollDepth;
  to.mayGotoDepth = from.mayGotoDepth;
  to.equalState = from.equalState;
  to.hits = 0;
  to.misses = 0;
  to.inFreeList = false;
}

/** Calls back with each register of all frames, and each spilled register: array and place. */
export function eachRegister(state: State, visit: (w: Int32Array, at: number) => void): void {
  for (let i = 0; i <= state.curframe; i++) {
    const frame = state.frames[i]!;
    for (let reg = 0; reg < REGS; reg++) visit(frame.w, regAt(reg));
    for (let slot = 0; slot < frame.slots; slot++) if (frame.isSpilled(slot)) visit(frame.w, slotAt(slot));
  }
}

/** Copies a register of one frame into one of another, or of the same. */
export function moveRegister(to: Frame, t: number, from: Frame, f: number): void {
  copyRegister(to.w, t, from.w, f);
}
