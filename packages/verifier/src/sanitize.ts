/**
 * Spectre v1, for loaders without CAP_PERFMON: arithmetic on pointers is masked at run time, which only works when all
 * paths agree on the limit; mispredicted paths are walked too (kernel: sanitize_ptr_alu and its helpers).
 */
import { markUnknown } from './bounds.ts';
import { type Env, reject } from './env.ts';
import { formatTnum } from './format.ts';
import { pushBranch } from './pending.ts';
import { mapOf, checkMapAccess, BY_HELPER } from './region-access.ts';
import { EACCES, ENOMEM, Reject } from './reject.ts';
import { copyRegister, REG_WORDS, W_MASK, W_OFF, W_SMAX, W_SMIN, W_TYPE, W_UMAX, W_VAR } from './register-record.ts';
import { PTR_TO_MAP_VALUE, PTR_TO_STACK } from './register-types.ts';
import { BPF_ADD, BPF_SUB } from './scalar-alu.ts';
import { MAX_STACK, regAt } from './state.ts';

const ALU_SANITIZE_SRC = 1;
const ALU_SANITIZE_DST = 2;
const ALU_NEG_VALUE = 4;
const ALU_NON_POINTER = 8;
const ALU_IMMEDIATE = 16;

const PROHIBITED = 'pointer arithmetic with it prohibited for !root';

/** What the check before the operation tells the one after it. */
export interface SanitizeInfo {
  aluState: number;
  aluLimit: number;
  maskToLeft: boolean;
}

/** Whether the operation is one that is masked. */
export function sanitizeNeeded(op: number): boolean {
  return op === BPF_ADD || op === BPF_SUB;
}

function canSkip(env: Env): boolean {
  return env.options.bypassSpecV1 || (env.opcode[env.insn]! & 8) === 0 || env.nospec[env.insn] !== 0;
}

function updateState(env: Env, state: number, limit: number): boolean {
  const insn = env.insn;
  const old = env.aluState[insn]!;
  if (old !== 0 && (old !== state || env.aluLimit[insn] !== limit)) return false;
  env.aluState[insn] = state;
  env.aluLimit[insn] = limit;
  return true;
}

function pathsDiffer(env: Env): never {
  const verb = (env.opcode[env.insn]! & 0xf0) === BPF_ADD ? 'add' : 'sub';
  return reject(EACCES, `R${env.dst[env.insn]!} tried to ${verb} from different maps, paths or scalars, ${PROHIBITED}`);
}

/** Arithmetic on two scalars must not be masked on one path and not on another (kernel: sanitize_val_alu). */
export function sanitizeScalar(env: Env): void {
  if (canSkip(env)) return;
  if (!updateState(env, ALU_NON_POINTER, 0)) pathsDiffer(env);
}

const SAVED = new Int32Array(REG_WORDS);

/**
 * Checks that the pointer can be masked, before and after the operation.
 *
 * @param ptr - record of the pointer, `off` of the scalar; copies of before the operation
 * @param ptrIsDst - the pointer is the destination
 */
export function sanitizePointer(
  env: Env,
  p: Int32Array,
  ptr: number,
  o: Int32Array,
  off: number,
  ptrIsDst: boolean,
  info: SanitizeInfo,
  commit: boolean,
): void {
  if (canSkip(env)) return;
  const insn = env.insn;
  const op = env.opcode[insn]! & 0xf0;
  const dst = env.dst[insn]!;
  const offIsImm = (o[off + W_MASK]! | o[off + W_MASK + 1]!) === 0;
  const offIsNeg = o[off + W_SMIN + 1]! < 0;
  if (!env.state.speculative) {
    if (!commit) {
      if (!offIsImm && offIsNeg !== o[off + W_SMAX + 1]! < 0) {
        const reg = ptrIsDst ? env.src[insn]! : dst;
        reject(EACCES, `R${reg} has unknown scalar with mixed signed bounds, ${PROHIBITED}`);
      }
      info.maskToLeft = op === BPF_ADD ? offIsNeg : !offIsNeg;
    }
    let limit = pointerLimit(env, p, ptr, info.maskToLeft, ptrIsDst, dst);
    let state: number;
    if (commit) {
      state = info.aluState;
      limit = Math.abs((info.aluLimit - limit) | 0);
      if (!updateState(env, state, limit)) pathsDiffer(env);
    } else {
      state = offIsNeg ? ALU_NEG_VALUE : 0;
      if (offIsImm) state |= ALU_IMMEDIATE;
      state |= ptrIsDst ? ALU_SANITIZE_SRC : ALU_SANITIZE_DST;
      if (!offIsImm) env.exploreAluLimits = true;
      info.aluState = state;
      info.aluLimit = limit;
    }
  }
  if (commit || offIsImm) return;
  simulate(env, p, ptr, ptrIsDst, dst);
}

/** The masked operation may also add nothing: walks on from there as a mispredicted path. */
function simulate(env: Env, p: Int32Array, ptr: number, ptrIsDst: boolean, dst: number): void {
  const w = env.frame.w;
  const at = regAt(dst);
  if (!ptrIsDst) {
    copyRegister(SAVED, 0, w, at);
    copyRegister(w, at, p, ptr);
  }
  try {
    pushBranch(env, env.insn + 1, env.insn, true);
  } catch (reason) {
    if (!(reason instanceof Reject)) throw reason;
    reject(ENOMEM, `R${dst} could not be pushed for speculative verification, ${PROHIBITED}`);
  }
  if (!ptrIsDst) copyRegister(w, at, SAVED, 0);
}

function pointerLimit(
  env: Env,
  p: Int32Array,
  ptr: number,
  maskToLeft: boolean,
  ptrIsDst: boolean,
  dst: number,
): number {
  let max: number;
  let limit: number;
  switch (p[ptr + W_TYPE]) {
    case PTR_TO_STACK:
      max = MAX_STACK + (maskToLeft ? 1 : 0);
      limit = -(p[ptr + W_VAR]! + p[ptr + W_OFF]!) >>> 0;
      break;
    case PTR_TO_MAP_VALUE:
      max = mapOf(env, p, ptr).valueSize;
      limit = ((maskToLeft ? p[ptr + W_SMIN]! : p[ptr + W_UMAX]!) + p[ptr + W_OFF]!) >>> 0;
      break;
    default:
      return reject(EACCES, `R${ptrIsDst ? dst : env.src[env.insn]!} has pointer with unsupported alu operation, ${PROHIBITED}`); // prettier-ignore
  }
  if (limit >= max) {
    const verb = (env.opcode[env.insn]! & 0xf0) === BPF_ADD ? 'add' : 'sub';
    reject(EACCES, `R${dst} tried to ${verb} beyond pointer bounds, ${PROHIBITED}`);
  }
  return limit;
}

/** The result must stay where it can be masked (kernel: sanitize_check_bounds). */
export function sanitizeBounds(env: Env, regno: number): void {
  if (env.options.bypassSpecV1) return;
  const w = env.frame.w;
  const at = regAt(regno);
  switch (w[at + W_TYPE]) {
    case PTR_TO_STACK: {
      const off = w[at + W_OFF]! + w[at + W_VAR]!;
      if ((w[at + W_MASK]! | w[at + W_MASK + 1]!) !== 0) {
        reject(EACCES, `R${regno} variable stack access prohibited for !root, var_off=${formatTnum(w, at + W_VAR)} off=${off}`); // prettier-ignore
      }
      if (off >= 0 || off < -MAX_STACK) {
        reject(EACCES, `R${regno} stack pointer arithmetic goes out of range, prohibited for !root; off=${off}`);
      }
      break;
    }
    case PTR_TO_MAP_VALUE:
      try {
        checkMapAccess(env, regno, w[at + W_OFF]!, 1, false, BY_HELPER);
      } catch (reason) {
        if (!(reason instanceof Reject)) throw reason;
        reject(EACCES, `${reason.text}\nR${regno} pointer arithmetic of map value goes out of range, prohibited for !root`); // prettier-ignore
      }
      break;
  }
}

/** Queues the side of a branch that is not taken, as a mispredicted path (kernel: sanitize_speculative_path). */
export function speculateBranch(env: Env, next: number): void {
  if (env.options.bypassSpecV1) return;
  const branch = pushBranch(env, next, env.insn, true);
  const w = branch.frame.w;
  markUnknown(w, regAt(env.dst[env.insn]!), env.defaultPrecise);
  if ((env.opcode[env.insn]! & 8) !== 0) markUnknown(w, regAt(env.src[env.insn]!), env.defaultPrecise);
}
