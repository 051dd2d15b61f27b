/** One arithmetic instruction: what must hold, and what it does (kernel: check_alu_op, adjust_reg_min_max_vals). */
import { markKnown, markUnknown, signExtend32, signExtend64, syncBounds, zeroExtend } from './bounds.ts';
import { type Env, FAKE, reject } from './env.ts';
import { checkInvariants } from './invariants.ts';
import { assignId, clearId, linkConstant } from './linked.ts';
import { isPointer } from './memory-access.ts';
import { pushBranch } from './pending.ts';
import { ALU_NAMES, pointerAlu } from './pointer-alu.ts';
import { markPrecise } from './precision.ts';
import { checkDestination, checkReadable } from './registers.ts';
import { EACCES, EINVAL } from './reject.ts';
import {
  copyRegister,
  W_ID,
  W_MASK,
  W_PRECISE,
  W_S32MAX,
  W_S32MIN,
  W_SMAX,
  W_SMIN,
  W_TYPE,
  W_U32MAX,
  W_U32MIN,
  W_UMAX,
  W_VAR,
} from './register-record.ts';
import { PTR_TO_ARENA, SCALAR_VALUE } from './register-types.ts';
import { sanitizeNeeded, sanitizeScalar } from './sanitize.ts';
import { scalarByteOrder } from './byte-order.ts';
import { BPF_ADD, BPF_AND, BPF_ARSH, BPF_DIV, BPF_END, BPF_LSH, BPF_MOD, BPF_MOV, BPF_NEG, BPF_OR, BPF_RSH, BPF_SUB, scalarAlu } from './scalar-alu.ts'; // prettier-ignore
import { regAt } from './state.ts';
import { CLASS_ALU64 } from './successors.ts';
import { bitWidth } from './word64.ts';

/** Walks an instruction of class ALU or ALU64. */
export function walkAlu(env: Env): void {
  const insn = env.insn;
  const opcode = env.opcode[insn]!;
  const op = opcode & 0xf0;
  const dst = env.dst[insn]!;
  const src = env.src[insn]!;
  const off = env.off[insn]!;
  const imm = env.imm[insn]!;
  const alu64 = (opcode & 7) === CLASS_ALU64;
  const register = (opcode & 8) !== 0;
  if (op === BPF_MOV) walkMove(env, alu64, register, dst, src, off, imm);
  else if (op === BPF_END || op === BPF_NEG) {
    if (op === BPF_NEG) {
      if (register || src !== 0 || off !== 0 || imm !== 0) reject(EINVAL, 'BPF_NEG uses reserved fields');
    } else if (src !== 0 || off !== 0 || (imm !== 16 && imm !== 32 && imm !== 64) || (alu64 && register)) {
      reject(EINVAL, 'BPF_END uses reserved fields');
    }
    checkReadable(env, dst);
    if (isPointer(env, dst)) reject(EACCES, `R${dst} pointer arithmetic prohibited`);
    checkDestination(env, dst);
    const at = regAt(dst);
    const w = env.frame.w;
    if (w[at + W_TYPE] !== SCALAR_VALUE) markUnknown(w, at, env.defaultPrecise);
    else if (op === BPF_NEG) scalarAlu(BPF_NEG, !alu64, w, at, w, at, env.defaultPrecise);
    else scalarByteOrder(w, at, imm >> 3, alu64 || register);
  } else if (op > BPF_END) reject(EINVAL, `invalid BPF_ALU opcode ${op.toString(16)}`);
  else {
    const division = op === BPF_MOD || op === BPF_DIV;
    if (register) {
      if (imm !== 0 || (off !== 0 && !(off === 1 && division))) reject(EINVAL, 'BPF_ALU uses reserved fields');
      checkReadable(env, src);
    } else if (src !== 0 || (off !== 0 && !(off === 1 && division))) reject(EINVAL, 'BPF_ALU uses reserved fields');
    checkReadable(env, dst);
    if (division && !register && imm === 0) reject(EINVAL, 'div by zero');
    if ((op === BPF_LSH || op === BPF_RSH || op === BPF_ARSH) && !register) {
      if (imm < 0 || imm >= (alu64 ? 64 : 32)) reject(EINVAL, `invalid shift ${imm}`);
    }
    checkDestination(env, dst);
    operate(env, op, !alu64, register, dst, src, imm);
  }
  checkInvariants(env, env.frame.w, regAt(dst), 'alu');
}

/** (kernel: adjust_reg_min_max_vals) */
function operate(env: Env, op: number, alu32: boolean, register: boolean, dst: number, src: number, imm: number): void {
  const w = env.frame.w;
  const d = regAt(dst);
  const type = w[d + W_TYPE]!;
  if (type === PTR_TO_ARENA) return;
  let s = FAKE;
  let k = 0;
  if (register) {
    s = w;
    k = regAt(src);
    if (w[k + W_TYPE] !== SCALAR_VALUE) {
      if (type !== SCALAR_VALUE) {
        if (op === BPF_SUB && env.options.allowPtrLeaks) {
          markUnknown(w, d, env.defaultPrecise);
          return;
        }
        reject(EACCES, `R${dst} pointer ${ALU_NAMES[op >> 4]!} pointer prohibited`);
      }
      if (w[k + W_TYPE] === PTR_TO_ARENA) {
        // Whatever is computed with a pointer into an arena is one.
        copyRegister(w, d, w, k);
        return;
      }
      markPrecise(env, dst);
      pointerAlu(env, op, alu32, dst, w, k, w, d);
      return;
    }
    if (type !== SCALAR_VALUE) {
      markPrecise(env, src);
      pointerAlu(env, op, alu32, dst, w, d, w, k);
      return;
    }
    if (w[d + W_PRECISE] !== 0) markPrecise(env, src);
  } else {
    FAKE[W_TYPE] = SCALAR_VALUE;
    FAKE[W_PRECISE] = 0;
    markKnown(FAKE, 0, imm, imm >> 31);
    if (type !== SCALAR_VALUE) {
      pointerAlu(env, op, alu32, dst, w, d, FAKE, 0);
      return;
    }
  }
  if (sanitizeNeeded(op)) sanitizeScalar(env);
  const known = (s[k + W_MASK]! | s[k + W_MASK + 1]!) === 0;
  if (known && (op === BPF_AND || op === BPF_OR)) forkScalar(env, w, d);
  const constant = known || (alu32 && s[k + W_MASK] === 0);
  const low = s[k + W_VAR]!;
  const high = s[k + W_VAR + 1]!;
  const narrow = w[d + W_UMAX + 1] === 0;
  scalarAlu(op, alu32, w, d, s, k, env.defaultPrecise);
  const linked = env.options.bpfCapable && (op === BPF_ADD || op === BPF_SUB) && w[d + W_ID] !== 0 && constant;
  if (linked && !(register && src === dst)) linkConstant(w, d, op === BPF_SUB, alu32, narrow, low, high);
  else clearId(w, d);
}

/**
 * A scalar that is 0 or all ones, as arithmetic shifts make it, is walked as each of the two: the result of a mask is
 * then known (kernel: maybe_fork_scalars). The queued branch does the instruction again with 0.
 */
function forkScalar(env: Env, w: Int32Array, d: number): void {
  const whole = (w[d + W_SMIN]! & w[d + W_SMIN + 1]!) === -1 && (w[d + W_SMAX]! | w[d + W_SMAX + 1]!) === 0;
  if (!whole && !(w[d + W_S32MIN] === -1 && w[d + W_S32MAX] === 0)) return;
  const branch = pushBranch(env, env.insn, env.insn, false);
  const b = branch.frames[branch.curframe]!.w;
  if (whole) {
    markKnown(b, d, 0, 0);
    markKnown(w, d, -1, -1);
  } else {
    knowLow(b, d, 0);
    knowLow(w, d, -1);
  }
}

/** (kernel: __mark_reg32_known) */
function knowLow(w: Int32Array, at: number, value: number): void {
  w[at + W_VAR] = value;
  w[at + W_MASK] = 0;
  w[at + W_S32MIN] = value;
  w[at + W_S32MAX] = value;
  w[at + W_U32MIN] = value;
  w[at + W_U32MAX] = value;
}

function walkMove(
  env: Env,
  alu64: boolean,
  register: boolean,
  dst: number,
  src: number,
  off: number,
  imm: number,
): void {
  // prettier-ignore
  const cast = register && alu64 && off === 1;
  if (register) {
    if (!alu64) {
      if ((off !== 0 && off !== 8 && off !== 16) || imm !== 0) reject(EINVAL, 'BPF_MOV uses reserved fields');
    } else if (cast) {
      if (imm !== 1 && imm !== 0x10000) {
        reject(EINVAL, 'addr_space_cast insn can only convert between address space 1 and 0');
      }
      if (env.arena < 0) {
        reject(EINVAL, 'addr_space_cast insn can only be used in a program that has an associated arena');
      }
    } else if ((off !== 0 && off !== 8 && off !== 16 && off !== 32) || imm !== 0) {
      reject(EINVAL, 'BPF_MOV uses reserved fields');
    }
    checkReadable(env, src);
  } else if (src !== 0 || off !== 0) reject(EINVAL, 'BPF_MOV uses reserved fields');
  checkDestination(env, dst);
  const w = env.frame.w;
  const d = regAt(dst);
  if (!register) {
    markUnknown(w, d, env.defaultPrecise);
    markKnown(w, d, imm, alu64 ? imm >> 31 : 0);
    return;
  }
  const s = regAt(src);
  if (alu64) {
    if (cast) {
      markUnknown(w, d, env.defaultPrecise);
      if (imm === 1) w[d + W_TYPE] = PTR_TO_ARENA;
    } else if (off === 0) {
      assignId(env, w, s);
      copyRegister(w, d, w, s);
    } else if (isPointer(env, src)) {
      reject(EACCES, `R${src} sign-extension part of pointer`);
    } else if (w[s + W_TYPE] === SCALAR_VALUE) {
      copyNarrow(env, w, d, s, off - 1);
      signExtend64(w, d, off >> 3);
    } else markUnknown(w, d, env.defaultPrecise);
    return;
  }
  if (isPointer(env, src)) reject(EACCES, `R${src} partial copy of pointer`);
  if (w[s + W_TYPE] === SCALAR_VALUE) {
    copyNarrow(env, w, d, s, off === 0 ? 32 : off - 1);
    if (off !== 0) signExtend32(w, d, off >> 3);
  } else markUnknown(w, d, env.defaultPrecise);
  zeroExtend(w, d);
  syncBounds(w, d);
}

/** Copies a scalar; the two stay linked when the value has no more than `bits` bits, so that nothing is cut off. */
function copyNarrow(env: Env, w: Int32Array, d: number, s: number, bits: number): void {
  const whole = bitWidth(w[s + W_UMAX + 1]!, w[s + W_UMAX]!) <= bits;
  if (whole) assignId(env, w, s);
  copyRegister(w, d, w, s);
  if (!whole) w[d + W_ID] = 0;
}
