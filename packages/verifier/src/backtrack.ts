/** Which registers and slots must be precise, walking a path backwards one insn at a time (kernel: backtrack_insn). */
import { functionAt, FUNC_TAIL_CALL } from './check-program.ts';
import { callsBackNow } from './cfg.ts';
import { type Env, HISTORY_DST_STACK, HISTORY_SRC_STACK, HISTORY_STACK_ACCESS, reject } from './env.ts';
import { linkedCount, linkedEntry, linkedFrame, linkedIndex, linkedIsRegister } from './linked-pack.ts';
import { EFAULT } from './reject.ts';
import {
  CLASS_ALU,
  CLASS_ALU64,
  CLASS_JMP,
  CLASS_JMP32,
  CLASS_LD,
  CLASS_LDX,
  CLASS_ST,
  CLASS_STX,
  isHelperCall,
  isLocalCall,
  OP_CALL,
  OP_EXIT,
} from './successors.ts';

/** Registers and slots of each frame that are still wanted. */
export class Wanted {
  frame = 0;
  readonly regs: Int32Array = new Int32Array(8);
  readonly slots: Int32Array = new Int32Array(16);

  reset(): void {
    this.frame = 0;
    this.regs.fill(0);
    this.slots.fill(0);
  }

  isEmpty(): boolean {
    let mask = 0;
    for (let i = 0; i <= this.frame; i++) mask |= this.regs[i]! | this.slots[2 * i]! | this.slots[2 * i + 1]!;
    return mask === 0;
  }

  hasReg(reg: number): boolean {
    return (this.regs[this.frame]! & (1 << reg)) !== 0;
  }

  setReg(frame: number, reg: number): void {
    this.regs[frame] = this.regs[frame]! | (1 << reg);
  }

  clearReg(frame: number, reg: number): void {
    this.regs[frame] = this.regs[frame]! & ~(1 << reg);
  }

  hasSlot(frame: number, slot: number): boolean {
    return (this.slots[2 * frame + (slot >> 5)]! & (1 << (slot & 31))) !== 0;
  }

  setSlot(frame: number, slot: number): void {
    const at = 2 * frame + (slot >> 5);
    this.slots[at] = this.slots[at]! | (1 << (slot & 31));
  }

  clearSlot(frame: number, slot: number): void {
    const at = 2 * frame + (slot >> 5);
    this.slots[at] = this.slots[at]! & ~(1 << (slot & 31));
  }
}

const ARGUMENTS = 0x3e;

const BPF_FETCH = 0x01;
const BPF_CMPXCHG = 0xf1;

/** What {@link backtrackInsn} says. */
export const BACK_OK = 0;
/** It cannot be followed: make everything precise. */
export const BACK_LOST = 1;

function bug(text: string): never {
  return reject(EFAULT, `verifier bug: ${text}`);
}

/**
 * Steps back over one insn.
 *
 * @param next - insn that is executed after it; -1 for none
 * @param history - entries of the state; `entry` is the place of the insn's entry or -1
 */
export function backtrackInsn(
  env: Env,
  insn: number,
  next: number,
  history: Int32Array,
  entry: number,
  want: Wanted,
): number {
  const opcode = env.opcode[insn]!;
  if (opcode === 0) return BACK_OK;
  if (entry >= 0 && history[entry + 3] !== 0) syncLinked(want, history[entry + 3]!, history[entry + 4]!);
  const flags = entry >= 0 ? history[entry + 2]! : 0;
  const result = step(env, insn, next, opcode, flags, want);
  if (result === BACK_OK && entry >= 0 && history[entry + 3] !== 0) {
    syncLinked(want, history[entry + 3]!, history[entry + 4]!);
  }
  return result >= BACK_DONE ? result - BACK_DONE : result;
}

/** Added to a result when linked registers must not be looked at afterwards. */
const BACK_DONE = 16;

function step(env: Env, insn: number, next: number, opcode: number, flags: number, want: Wanted): number {
  const dst = env.dst[insn]!;
  const src = env.src[insn]!;
  const kind = opcode & 7;
  const frame = want.frame;
  switch (kind) {
    case CLASS_ALU:
    case CLASS_ALU64: {
      if (!want.hasReg(dst)) return BACK_DONE;
      const op = opcode & 0xf0;
      if (op === 0xd0 || op === 0x80) return BACK_DONE;
      const register = (opcode & 8) !== 0;
      if (op === 0xb0) want.clearReg(frame, dst);
      if (register && src !== 10) want.setReg(frame, src);
      return BACK_OK;
    }
    case CLASS_LDX:
      return load(want, dst, flags);
    case CLASS_STX:
    case CLASS_ST: {
      if (kind === CLASS_STX && (opcode & 0xe0) === 0xc0 && env.imm[insn] === 0x100) return load(want, dst, flags);
      if (env.options.followsAtomics && isFetched(env, insn, opcode, want))
        return load(want, fetchedRegister(env, insn), flags);
      if (want.hasReg(dst)) return BACK_LOST;
      if ((flags & HISTORY_STACK_ACCESS) === 0) return BACK_DONE;
      const slot = (flags >> 3) & 63;
      const where = flags & 7;
      if (!want.hasSlot(where, slot)) return BACK_DONE;
      want.clearSlot(where, slot);
      if (kind === CLASS_STX) want.setReg(frame, src);
      return BACK_OK;
    }
    case CLASS_JMP:
    case CLASS_JMP32:
      return jump(env, insn, next, opcode, flags, want);
    case CLASS_LD:
      if (!want.hasReg(dst)) return BACK_DONE;
      want.clearReg(frame, dst);
      return (opcode & 0xe0) === 0 ? BACK_OK : BACK_LOST;
    default:
      return BACK_OK;
  }
}

function load(want: Wanted, dst: number, flags: number): number {
  if (!want.hasReg(dst)) return BACK_DONE;
  want.clearReg(want.frame, dst);
  if ((flags & HISTORY_STACK_ACCESS) === 0) return BACK_DONE;
  want.setSlot(flags & 7, (flags >> 3) & 63);
  return BACK_OK;
}

/** Whether an atomic fetches a register that is wanted. Linux 6.18 takes that for the value it had before. */
function isFetched(env: Env, insn: number, opcode: number, want: Wanted): boolean {
  const isAtomic = (opcode & 7) === CLASS_STX && (opcode & 0xe0) === 0xc0;
  return isAtomic && (env.imm[insn]! & BPF_FETCH) !== 0 && want.hasReg(fetchedRegister(env, insn));
}

function fetchedRegister(env: Env, insn: number): number {
  return env.imm[insn] === BPF_CMPXCHG ? 0 : env.src[insn]!;
}

function slotsLeft(want: Wanted): boolean {
  return (want.slots[2 * want.frame]! | want.slots[2 * want.frame + 1]!) !== 0;
}

function leaveFrame(want: Wanted): void {
  if (want.frame === 0) bug('subprog exit from frame 0');
  want.frame--;
}

function jump(env: Env, insn: number, next: number, opcode: number, flags: number, want: Wanted): number {
  const frame = want.frame;
  if (isLocalCall(env, insn)) {
    const subprog = functionAt(env, insn + env.imm[insn]! + 1);
    if (env.types.isGlobal(subprog)) {
      if ((want.regs[frame]! & ARGUMENTS) !== 0)
        bug(`global subprog unexpected regs ${want.regs[frame]!.toString(16)}`);
      want.clearReg(frame, 0);
      return BACK_DONE;
    }
    if ((want.regs[frame]! & ~ARGUMENTS) !== 0) bug(`static subprog unexpected regs ${want.regs[frame]!.toString(16)}`);
    if (slotsLeft(want)) bug('static subprog leftover stack slots');
    const args = want.regs[frame]! & ARGUMENTS;
    want.regs[frame] = want.regs[frame]! & ~ARGUMENTS;
    leaveFrame(want);
    want.regs[frame - 1] = want.regs[frame - 1]! | args;
    return BACK_DONE;
  }
  if ((opcode & 0xf0) === OP_CALL && callsBackNow(env, insn) && insn !== next - 1) {
    // From the start of a callback to the helper that calls it: its arguments come from there.
    if ((want.regs[frame]! & ~ARGUMENTS) !== 0) bug(`callback unexpected regs ${want.regs[frame]!.toString(16)}`);
    if (slotsLeft(want)) bug('callback leftover stack slots');
    want.regs[frame] = want.regs[frame]! & ~ARGUMENTS;
    leaveFrame(want);
    return BACK_DONE;
  }
  switch (opcode & 0xf0) {
    case OP_CALL:
      if (env.src[insn] === 2 && env.imm[insn] === 0) return BACK_LOST;
      want.clearReg(frame, 0);
      if ((want.regs[frame]! & ARGUMENTS) !== 0) {
        bug(`backtracking call unexpected regs ${want.regs[frame]!.toString(16)}`);
      }
      // From the caller of a function into the tail call that left it.
      if (isHelperCall(env, insn) && env.imm[insn] === FUNC_TAIL_CALL && next !== insn + 1) {
        if (frame === 7) bug('subprog enter from frame 7');
        want.frame++;
      }
      return BACK_OK;
    case OP_EXIT: {
      if (next >= 0 && env.callsCallback[next] !== 0) want.regs[frame] = want.regs[frame]! & ~ARGUMENTS;
      if ((want.regs[frame]! & ARGUMENTS) !== 0) {
        bug(`backtracking exit unexpected regs ${want.regs[frame]!.toString(16)}`);
      }
      const result = next - 1 >= 0 && isLocalCall(env, next - 1) && want.hasReg(0);
      want.clearReg(frame, 0);
      if (frame === 7) bug('subprog enter from frame 7');
      want.frame++;
      if (result) want.setReg(want.frame, 0);
      return BACK_DONE;
    }
    default: {
      if ((opcode & 8) === 0) return BACK_OK;
      const dst = env.dst[insn]!;
      const src = env.src[insn]!;
      if (!want.hasReg(dst) && !want.hasReg(src)) return BACK_DONE;
      if ((flags & HISTORY_SRC_STACK) === 0) want.setReg(frame, src);
      if ((flags & HISTORY_DST_STACK) === 0) want.setReg(frame, dst);
      return BACK_OK;
    }
  }
}

/** When one of linked registers is wanted, all are (kernel: bt_sync_linked_regs). */
function syncLinked(want: Wanted, low: number, high: number): void {
  const count = linkedCount(low);
  let some = false;
  for (let i = 0; i < count && !some; i++) {
    const entry = linkedEntry(low, high, i);
    const frame = linkedFrame(entry);
    some = linkedIsRegister(entry)
      ? (want.regs[frame]! & (1 << linkedIndex(entry))) !== 0
      : want.hasSlot(frame, linkedIndex(entry));
  }
  if (!some) return;
  for (let i = 0; i < count; i++) {
    const entry = linkedEntry(low, high, i);
    if (linkedIsRegister(entry)) want.setReg(linkedFrame(entry), linkedIndex(entry));
    else want.setSlot(linkedFrame(entry), linkedIndex(entry));
  }
}
