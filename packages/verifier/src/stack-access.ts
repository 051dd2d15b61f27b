/** Loads from and stores to the stack (kernel: check_stack_read, check_stack_write and what they call). */
import { markKnown, markUnknown } from './bounds.ts';
import { destroyDynptrAt } from './dynptr-slots.ts';
import { type Env, FAKE, pushHistory, reject, stackAccessFlags } from './env.ts';
import { formatTnum } from './format.ts';
import { assignId } from './linked.ts';
import { markChain, markPrecise, WANTED } from './precision.ts';
import { EACCES, EFAULT, EINVAL } from './reject.ts';
import { copyRegister, W_FRAME, W_ID, W_MASK, W_SMAX, W_SMIN, W_TYPE, W_UMAX, W_VAR } from './register-record.ts';
import { isSpillable, NOT_INIT, PTR_TO_STACK, SCALAR_VALUE } from './register-types.ts';
import {
  type Frame,
  MAX_STACK,
  regAt,
  slotAt,
  STACK_DYNPTR,
  STACK_INVALID,
  STACK_IRQ_FLAG,
  STACK_ITER,
  STACK_MISC,
  STACK_SPILL,
  STACK_ZERO,
} from './state.ts';
import { bitWidth, toDouble } from './word64.ts';

export const READ = 1;
export const WRITE = 2;

/** Widest offset that a variable part may add. */
const MAX_VAR_OFF = 1 << 29;

/** What a helper call remembers of its memory arguments (part of the kernel's bpf_call_arg_meta). */
export interface RawMemory {
  /** The next argument is memory that need not be initialised. */
  rawMode: boolean;
  /** Register of the memory that was found uninitialised, and its bytes. */
  regno: number;
  accessSize: number;
}

/** Frame that a stack pointer points into. */
export function pointedFrame(env: Env, w: Int32Array, at: number): Frame {
  return env.state.frames[w[at + W_FRAME]!]!;
}

/** Makes the frame at least `bytes` deep, and notes the depth of its function (kernel: grow_stack_state). */
export function growStack(env: Env, frame: Frame, bytes: number): void {
  const slots = (bytes + 7) >> 3;
  if (frame.slots >= slots) return;
  frame.grow(slots);
  const info = env.subprograms[frame.subprog]!;
  if (info.stackDepth < slots * 8) info.stackDepth = slots * 8;
}

function isConst(w: Int32Array, at: number): boolean {
  return (w[at + W_MASK]! | w[at + W_MASK + 1]!) === 0;
}

/** The access lies in the stack; makes room for it (kernel: check_stack_access_within_bounds). */
export function checkStackBounds(env: Env, regno: number, off: number, size: number, kind: number): void {
  const w = env.frame.w;
  const at = regAt(regno);
  const frame = pointedFrame(env, w, at);
  const extra = kind === READ ? ' read from' : ' write to';
  const fixed = isConst(w, at);
  let min: number;
  let max: number;
  if (fixed) {
    min = toDouble(w, at + W_VAR) + off;
    max = min + size;
  } else {
    const smin = toDouble(w, at + W_SMIN);
    const smax = toDouble(w, at + W_SMAX);
    if (smax >= MAX_VAR_OFF || smin <= -MAX_VAR_OFF) {
      reject(EACCES, `invalid unbounded variable-offset${extra} stack R${regno}`);
    }
    min = smin + off;
    max = smax + off + size;
  }
  const lowest = kind === WRITE || env.options.allowPtrLeaks ? -MAX_STACK : -frame.slots * 8;
  let errno = 0;
  if (min < lowest || min > -1) errno = EACCES;
  else if (max > 0) errno = EINVAL;
  else if (size < 0) errno = EFAULT;
  if (errno !== 0) {
    reject(
      errno,
      fixed
        ? `invalid${extra} stack R${regno} off=${off} size=${size}`
        : `invalid variable-offset${extra} stack R${regno} var_off=${formatTnum(w, at + W_VAR)} off=${off} size=${size}`,
    );
  }
  growStack(env, frame, -min);
}

/** A byte that belonged to a spilled register is one of an unknown value now (kernel: scrub_spilled_slot). */
function scrub(frame: Frame, byte: number): void {
  if (frame.kinds[byte] !== STACK_INVALID) frame.kinds[byte] = STACK_MISC;
}

/** Data in a slot ends what was spilled there, or the object that it was part of (kernel: scrub_special_slot). */
function scrubSpecial(frame: Frame, slot: number): void {
  frame.w[slotAt(slot) + W_TYPE] = NOT_INIT;
  const kind = frame.kinds[slot * 8 + 7];
  if (kind === STACK_SPILL || kind === STACK_DYNPTR || kind === STACK_ITER || kind === STACK_IRQ_FLAG) {
    for (let i = slot * 8; i < slot * 8 + 8; i++) scrub(frame, i);
  }
}

/** A byte beside a narrow spill: what was never written stays so (kernel: mark_stack_slot_misc). */
function markMisc(frame: Frame, byte: number): void {
  const kind = frame.kinds[byte];
  if (kind !== STACK_ZERO && kind !== STACK_INVALID) frame.kinds[byte] = STACK_MISC;
}

function saveRegister(frame: Frame, slot: number, w: Int32Array, at: number, size: number): void {
  copyRegister(frame.w, slotAt(slot), w, at);
  const base = slot * 8;
  let i = 8;
  for (; i > 8 - size; i--) frame.kinds[base + i - 1] = STACK_SPILL;
  for (; i > 0; i--) markMisc(frame, base + i - 1);
}

/** Disables the rewriting of fastcall patterns when something else uses their slots. */
function checkFastcall(env: Env, frame: Frame, insn: number, off: number): void {
  const info = env.subprograms[frame.subprog]!;
  if (info.fastcallStackOff <= off || env.fastcallPattern[insn] !== 0) return;
  info.fastcallStackOff = -32768;
  const end = env.subprograms[frame.subprog + 1]?.start ?? env.count;
  env.fastcallPattern.fill(0, info.start, end);
}

/**
 * Stores to the stack.
 *
 * @param value - register that is stored; -1 for an unknown or constant value
 */
export function writeStack(env: Env, regno: number, off: number, size: number, value: number, insn: number): void {
  const w = env.frame.w;
  const at = regAt(regno);
  const frame = pointedFrame(env, w, at);
  if (isConst(w, at)) writeFixed(env, frame, off + w[at + W_VAR]!, size, value, insn);
  else writeVariable(env, frame, regno, off, size, value, insn);
}

function isStoreOfConstant(env: Env, insn: number): boolean {
  return (env.opcode[insn]! & 0xe7) === 0x62;
}

function writeFixed(env: Env, frame: Frame, off: number, size: number, value: number, insn: number): void {
  const byte = -off - 1;
  const slot = byte >> 3;
  const base = slot * 8;
  const at = slotAt(slot);
  const cur = env.frame;
  const options = env.options;
  if (!options.allowPtrLeaks && frame.isSpilled(slot) && !frame.isSpilledScalar(slot) && size !== 8) {
    reject(EACCES, 'attempt to corrupt spilled pointer on stack');
  }
  const reg = value >= 0 ? regAt(value) : -1;
  if (!options.bypassSpecV4) {
    let sanitize = value >= 0 && isSpillable(cur.w[reg + W_TYPE]!);
    for (let i = 0; i < size && !sanitize; i++) {
      const kind = frame.kinds[base + i];
      sanitize = kind !== STACK_MISC && kind !== STACK_ZERO;
    }
    if (sanitize) env.nospecResult[insn] = 1;
  }
  // What is stored may be a slice of the dynptr that the store destroys.
  destroyDynptrAt(env, frame, slot);
  const type = value >= 0 ? cur.w[reg + W_TYPE]! : NOT_INIT;
  checkFastcall(env, frame, insn, off);
  env.log?.touchSlot(slot);
  const aligned = (off & 7) === 0;
  if (aligned && size === 8) env.liveness.write(frame.frameno, slot);
  if (value >= 0 && aligned && type === SCALAR_VALUE && options.bpfCapable) {
    const fits = bitWidth(cur.w[reg + W_UMAX + 1]!, cur.w[reg + W_UMAX]!) <= 8 * size;
    if (fits) assignId(env, cur.w, reg);
    saveRegister(frame, slot, cur.w, reg, size);
    if (!fits) frame.w[at + W_ID] = 0;
  } else if (value < 0 && aligned && isStoreOfConstant(env, insn) && options.bpfCapable) {
    FAKE.fill(0, 0, 24);
    markKnown(FAKE, 0, env.imm[insn]!, env.imm[insn]! >> 31);
    FAKE[W_TYPE] = SCALAR_VALUE;
    saveRegister(frame, slot, FAKE, 0, size);
  } else if (value >= 0 && isSpillable(type)) {
    if (size !== 8) reject(EACCES, 'invalid size of register spill');
    if (frame !== cur && type === PTR_TO_STACK) {
      reject(EINVAL, 'cannot spill pointers to stack into stack frame of the caller');
    }
    saveRegister(frame, slot, cur.w, reg, size);
  } else {
    scrubSpecial(frame, slot);
    let now = STACK_MISC;
    const zero = value >= 0 ? cur.isZero(reg) : isStoreOfConstant(env, insn) && env.imm[insn] === 0;
    if (zero) {
      if (value >= 0) markPrecise(env, value);
      now = STACK_ZERO;
    }
    for (let i = 0; i < size; i++) frame.kinds[base + ((byte - i) & 7)] = now;
    return;
  }
  pushHistory(env, env.state, stackAccessFlags(frame.frameno, slot), 0, 0);
}

function writeVariable(
  env: Env,
  frame: Frame,
  regno: number,
  off: number,
  size: number,
  value: number,
  insn: number,
): void {
  const cur = env.frame;
  const ptr = regAt(regno);
  const min = toDouble(cur.w, ptr + W_SMIN) + off;
  const max = toDouble(cur.w, ptr + W_SMAX) + off + size;
  const writingZero = value >= 0 ? cur.isZero(regAt(value)) : isStoreOfConstant(env, insn) && env.imm[insn] === 0;
  let zeroUsed = false;
  for (let i = min; i < max; i++) destroyDynptrAt(env, frame, (-i - 1) >> 3);
  checkFastcall(env, frame, insn, min);
  for (let i = min; i < max; i++) {
    const byte = -i - 1;
    const slot = byte >> 3;
    const at = slotAt(slot);
    const kind = frame.kinds[byte]!;
    env.log?.touchSlot(slot);
    if (!env.options.allowPtrLeaks && kind !== STACK_MISC && kind !== STACK_ZERO) {
      reject(EINVAL, `spilled ptr in range of var-offset stack write; insn ${insn}, ptr off: ${i}`);
    }
    if (writingZero && kind === STACK_SPILL && frame.isSpilledScalar(slot)) {
      const w = frame.w;
      if ((w[at + W_MASK]! | w[at + W_MASK + 1]! | w[at + W_VAR]! | w[at + W_VAR + 1]!) === 0) {
        zeroUsed = true;
        continue;
      }
    }
    scrubSpecial(frame, slot);
    let now = STACK_MISC;
    if (writingZero && kind === STACK_ZERO) {
      now = STACK_ZERO;
      zeroUsed = true;
    }
    if (kind === STACK_INVALID && !env.options.allowPtrLeaks) {
      reject(EINVAL, `uninit stack in range of var-offset write prohibited for !root; insn ${insn}, off: ${i}`);
    }
    frame.kinds[byte] = now;
  }
  if (zeroUsed && value >= 0) markPrecise(env, value);
}

/** The register gets what the bytes hold: 0 when all are zero, else something unknown. */
function loadBytes(env: Env, frame: Frame, min: number, max: number, dst: number): void {
  const to = env.frame.w;
  const at = regAt(dst);
  let zeros = 0;
  for (let i = min; i < max; i++) {
    env.log?.touchSlot((-i - 1) >> 3);
    if (frame.kinds[-i - 1] !== STACK_ZERO) break;
    zeros++;
  }
  if (zeros === max - min) loadZero(env, to, at);
  else markUnknown(to, at, env.defaultPrecise);
}

/** (kernel: __mark_reg_const_zero) */
function loadZero(env: Env, w: Int32Array, at: number): void {
  markKnown(w, at, 0, 0);
  w[at + W_TYPE] = SCALAR_VALUE;
  // All scalars are assumed imprecise unless the loader lacks CAP_BPF.
  w[at + 23] = env.defaultPrecise;
}

/**
 * Loads from the stack.
 *
 * @param dst - register that gets the value; -1 when only the access matters
 */
export function readStack(env: Env, regno: number, off: number, size: number, dst: number): void {
  const w = env.frame.w;
  const at = regAt(regno);
  const frame = pointedFrame(env, w, at);
  if (isConst(w, at)) {
    readFixed(env, frame, off + w[at + W_VAR]!, size, dst);
    return;
  }
  if (dst < 0) {
    const varOff = formatTnum(w, at + W_VAR);
    reject(EACCES, `variable offset stack pointer cannot be passed into helper function; var_off=${varOff} off=${off} size=${size}`); // prettier-ignore
  }
  const min = toDouble(w, at + W_SMIN) + off;
  const max = toDouble(w, at + W_SMAX) + off;
  checkStackRange(env, regno, off, size, false, READ, undefined);
  loadBytes(env, frame, min, max + size, dst);
  checkFastcall(env, frame, env.insn, min);
}

function readFixed(env: Env, frame: Frame, off: number, size: number, dst: number): void {
  const cur = env.frame;
  const byte = -off - 1;
  const slot = byte >> 3;
  const base = slot * 8;
  const at = slotAt(slot);
  const kinds = frame.kinds;
  checkFastcall(env, cur, env.insn, off);
  env.log?.touchSlot(slot);
  env.liveness.read(frame.frameno, env.insn, slot);
  if (!frame.isSpilled(slot)) {
    checkBytes(env, frame, off, size, byte, false);
    if (dst >= 0) loadBytes(env, frame, off, off + size, dst);
    return;
  }
  let spillSize = 1;
  for (let i = 7; i > 0 && kinds[base + i - 1] === STACK_SPILL; i--) spillSize++;
  let restores = true;
  if (size !== 8 || spillSize !== 8) {
    if (frame.w[at + W_TYPE] !== SCALAR_VALUE) reject(EACCES, 'invalid size of register fill');
    if (dst < 0) return;
    const to = regAt(dst);
    // On a little-endian machine the low bytes are those at the slot's own address.
    if (size <= spillSize && (off & 7) === 0) {
      copyRegister(cur.w, to, frame.w, at);
      if (bitWidth(frame.w[at + W_UMAX + 1]!, frame.w[at + W_UMAX]!) > size * 8) cur.w[to + W_ID] = 0;
    } else {
      const found = checkBytes(env, frame, off, size, byte, true);
      const w = frame.w;
      const isZero = (w[at + W_MASK]! | w[at + W_MASK + 1]! | w[at + W_VAR]! | w[at + W_VAR + 1]!) === 0;
      if ((found & 0xff) === size && isZero) loadZero(env, cur.w, to);
      else if (found >> 8 === size) {
        loadZero(env, cur.w, to);
        restores = false;
      } else {
        markUnknown(cur.w, to, env.defaultPrecise);
        restores = false;
      }
    }
  } else if (dst >= 0) {
    copyRegister(cur.w, regAt(dst), frame.w, at);
  } else if (!env.options.allowPtrLeaks && frame.w[at + W_TYPE] !== SCALAR_VALUE) {
    reject(EACCES, `leaking pointer from stack off ${off}`);
  }
  if (restores) pushHistory(env, env.state, stackAccessFlags(frame.frameno, slot), 0, 0);
}

/** All bytes may be read; gives the number of spilled ones, plus 256 times the number of zero ones. */
function checkBytes(env: Env, frame: Frame, off: number, size: number, byte: number, spillOk: boolean): number {
  const base = (byte >> 3) * 8;
  let found = 0;
  for (let i = 0; i < size; i++) {
    const kind = frame.kinds[base + ((byte - i) & 7)]!;
    if (spillOk && kind === STACK_SPILL) found++;
    else if (kind === STACK_ZERO) found += 256;
    else if (kind !== STACK_MISC && !(kind === STACK_INVALID && env.options.allowPtrLeaks)) {
      reject(EACCES, `invalid read from stack off ${off}+${i} size ${size}`);
    }
  }
  return found;
}

/**
 * A range of the stack that is read, or handed to a helper, is initialised as far as it must be (kernel:
 * check_stack_range_initialized).
 */
export function checkStackRange(
  env: Env,
  regno: number,
  off: number,
  size: number,
  zeroSizeOk: boolean,
  kind: number,
  raw: RawMemory | undefined,
): void {
  const w = env.frame.w;
  const at = regAt(regno);
  const frame = pointedFrame(env, w, at);
  if (size === 0 && !zeroSizeOk) reject(EACCES, 'invalid zero-sized read');
  checkStackBounds(env, regno, off, size, kind);
  const fixed = isConst(w, at);
  let min: number;
  let max: number;
  let meta = raw;
  if (fixed) {
    min = w[at + W_VAR]! + off;
    max = min;
  } else {
    if (!env.options.bypassSpecV1) {
      reject(EACCES, `R${regno} variable offset stack access prohibited for !root, var_off=${formatTnum(w, at + W_VAR)}`); // prettier-ignore
    }
    if (meta?.rawMode === true) meta = undefined;
    min = toDouble(w, at + W_SMIN) + off;
    max = toDouble(w, at + W_SMAX) + off;
  }
  if (meta?.rawMode === true) {
    for (let i = min; i < max + size; i++) {
      const byte = -i - 1;
      if (frame.slots * 8 <= byte) continue;
      if (frame.kinds[byte] === STACK_DYNPTR) reject(EACCES, `potential write to dynptr at off=${i} disallowed`);
    }
    meta.accessSize = size;
    meta.regno = regno;
    return;
  }
  for (let i = min; i < max + size; i++) {
    const byte = -i - 1;
    const slot = byte >> 3;
    if (frame.slots * 8 <= byte) reject(EFAULT, 'allocated_stack too small');
    const now = frame.kinds[byte]!;
    if (now === STACK_MISC) {
      // as it is
    } else if (now === STACK_ZERO || (now === STACK_INVALID && env.options.allowPtrLeaks)) {
      if (kind === WRITE) frame.kinds[byte] = STACK_MISC;
    } else if (
      frame.isSpilled(slot) &&
      (frame.w[slotAt(slot) + W_TYPE] === SCALAR_VALUE || env.options.allowPtrLeaks)
    ) {
      if (kind === WRITE) {
        markUnknown(frame.w, slotAt(slot), env.defaultPrecise);
        for (let j = 0; j < 8; j++) scrub(frame, slot * 8 + j);
      }
    } else if (fixed) {
      reject(EACCES, `invalid read from stack R${regno} off ${min}+${i - min} size ${size}`);
    } else {
      reject(EACCES, `invalid read from stack R${regno} var_off ${formatTnum(w, at + W_VAR)}+${i - min} size ${size}`);
    }
    env.liveness.read(frame.frameno, env.insn, slot);
  }
}

/** The key of an array map, when the stack shows that it is constant; -1 otherwise (kernel: get_constant_map_key). */
export function constantKey(env: Env, regno: number, keySize: number): number {
  if (!env.options.bpfCapable) return -1;
  const w = env.frame.w;
  const at = regAt(regno);
  if (w[at + W_TYPE] !== PTR_TO_STACK || !isConst(w, at)) return -1;
  const frame = pointedFrame(env, w, at);
  const byte = -(w[at + 1]! + w[at + W_VAR]!) - 1;
  const slot = byte >> 3;
  const base = slot * 8;
  const first = byte & 7;
  let zeros = 0;
  for (let i = first; i >= 0 && frame.kinds[base + i] === STACK_ZERO; i--) zeros++;
  if (zeros >= keySize) return 0;
  if (!frame.isSpilledScalar(slot)) return -1;
  let spilled = 0;
  for (let i = first; i >= 0 && frame.kinds[base + i] === STACK_SPILL; i--) spilled++;
  if (spilled !== keySize) return -1;
  const place = slotAt(slot);
  if (!isConst(frame.w, place)) return -1;
  WANTED.reset();
  WANTED.setSlot(frame.frameno, slot);
  markChain(env, env.state);
  return toDouble(frame.w, place + W_VAR);
}
