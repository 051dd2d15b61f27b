/** Arithmetic on a pointer and a scalar (kernel: adjust_ptr_min_max_vals). */
import { markUnknown, S32_MAX, S32_MIN, syncBounds, unbound32 } from './bounds.ts';
import { type Env, reject } from './env.ts';
import { formatSigned } from './format.ts';
import { EACCES, EINVAL } from './reject.ts';
import {
  copyRegister,
  REG_WORDS,
  W_AUX,
  W_AUX2,
  W_ID,
  W_MASK,
  W_OFF,
  W_SMAX,
  W_SMIN,
  W_TYPE,
  W_UMAX,
  W_UMIN,
  W_VAR,
} from './register-record.ts';
import {
  baseType,
  CONST_PTR_TO_MAP,
  CONST_PTR_TO_DYNPTR,
  isPacketType,
  PTR_MAYBE_NULL,
  PTR_TO_BTF_ID,
  PTR_TO_BUF,
  PTR_TO_CTX,
  PTR_TO_FLOW_KEYS,
  PTR_TO_FUNC,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_PACKET,
  PTR_TO_PACKET_META,
  PTR_TO_STACK,
  PTR_TO_TP_BUFFER,
  PTR_UNTRUSTED,
  typeName,
} from './register-types.ts';
import { sanitizeBounds, type SanitizeInfo, sanitizeNeeded, sanitizePointer } from './sanitize.ts';
import { BPF_ADD, BPF_AND, BPF_OR, BPF_SUB, BPF_XOR } from './scalar-alu.ts';
import { regAt } from './state.ts';
import { tnumAdd, tnumCopy, tnumSub } from './tnum.ts';
import { slt, toDouble, ult } from './word64.ts';

const MAX_VAR_OFF = 1 << 29;

/** Operators as messages write them (kernel: bpf_alu_string). */
export const ALU_NAMES: readonly string[] = ['+=', '-=', '*=', '/=', '|=', '&=', '<<=', '>>=', 'neg', '%=', '^=', '=', 's>>=', 'endian', '', '']; // prettier-ignore

/** An offset must be small enough to be added safely (kernel: check_reg_sane_offset). */
function checkSaneOffset(w: Int32Array, at: number, type: number): void {
  const name = typeName(type);
  const known = (w[at + W_MASK]! | w[at + W_MASK + 1]!) === 0;
  const value = toDouble(w, at + W_VAR);
  if (known && (value >= MAX_VAR_OFF || value <= -MAX_VAR_OFF)) {
    reject(EINVAL, `math between ${name} pointer and ${formatSigned(w, at + W_VAR)} is not allowed`);
  }
  const off = w[at + W_OFF]!;
  if (off >= MAX_VAR_OFF || off <= -MAX_VAR_OFF) reject(EINVAL, `${name} pointer offset ${off} is not allowed`);
  if (w[at + W_SMIN] === 0 && w[at + W_SMIN + 1] === S32_MIN) {
    reject(EINVAL, `math between ${name} pointer and register with unbounded min value is not allowed`);
  }
  const smin = toDouble(w, at + W_SMIN);
  if (smin >= MAX_VAR_OFF || smin <= -MAX_VAR_OFF) {
    reject(EINVAL, `value ${formatSigned(w, at + W_SMIN)} makes ${name} pointer be out of bounds`);
  }
}

const PTR = new Int32Array(REG_WORDS);
const OFF = new Int32Array(REG_WORDS);

/**
 * `dst = ptr op off`.
 *
 * @param p - array and place of the pointer; `o` of the scalar. One of them may be `dst`
 */
export function pointerAlu(
  env: Env,
  op: number,
  alu32: boolean,
  dst: number,
  p: Int32Array,
  ptr: number,
  o: Int32Array,
  off: number,
): void {
  const w = env.frame.w;
  const d = regAt(dst);
  const ptrIsDst = p === w && ptr === d;
  const offIsDst = o === w && off === d;
  copyRegister(PTR, 0, p, ptr);
  copyRegister(OFF, 0, o, off);
  const known = (OFF[W_MASK]! | OFF[W_MASK + 1]!) === 0;
  if (contradicts(known)) {
    markUnknown(w, d, env.defaultPrecise);
    return;
  }
  if (alu32) {
    if (op === BPF_SUB && env.options.allowPtrLeaks) {
      markUnknown(w, d, env.defaultPrecise);
      return;
    }
    reject(EACCES, `R${dst} 32-bit pointer arithmetic prohibited`);
  }
  const type = PTR[W_TYPE]!;
  if ((type & PTR_MAYBE_NULL) !== 0) {
    reject(EACCES, `R${dst} pointer arithmetic on ${typeName(type)} prohibited, null-check it first`);
  }
  const base = baseType(type);
  if (base === PTR_TO_MEM && (type & PTR_UNTRUSTED) !== 0) return;
  checkKind(env, op, dst, base, type, known);
  w[d + W_TYPE] = type;
  w[d + W_ID] = PTR[W_ID]!;
  checkSaneOffset(OFF, 0, type);
  checkSaneOffset(PTR, 0, type);
  unbound32(w, d);
  const info: SanitizeInfo | undefined =
    sanitizeNeeded(op) && !env.options.bypassSpecV1 ? { aluState: 0, aluLimit: 0, maskToLeft: false } : undefined;
  if (info !== undefined) sanitizePointer(env, PTR, 0, OFF, 0, ptrIsDst, info, false);
  switch (op) {
    case BPF_ADD:
      addOffset(env, w, d, type, known);
      break;
    case BPF_SUB:
      if (offIsDst) reject(EACCES, `R${dst} tried to subtract pointer from scalar`);
      if (type === PTR_TO_STACK) reject(EACCES, `R${dst} subtraction from stack pointer prohibited`);
      subtractOffset(env, w, d, type, known);
      break;
    case BPF_AND:
    case BPF_OR:
    case BPF_XOR:
      return reject(EACCES, `R${dst} bitwise operator ${ALU_NAMES[op >> 4]!} on pointer prohibited`);
    default:
      return reject(EACCES, `R${dst} pointer arithmetic with ${ALU_NAMES[op >> 4]!} operator prohibited`);
  }
  checkSaneOffset(w, d, type);
  syncBounds(w, d);
  sanitizeBounds(env, dst);
  if (info !== undefined) {
    copyRegister(PTR, 0, w, d);
    sanitizePointer(env, PTR, 0, OFF, 0, true, info, true);
  }
}

/** Bounds of the scalar that contradict each other: the path is dead. */
function contradicts(known: boolean): boolean {
  const smin = W_SMIN;
  const smax = W_SMAX;
  const umin = W_UMIN;
  const umax = W_UMAX;
  const differ =
    OFF[smin] !== OFF[smax] ||
    OFF[smin + 1] !== OFF[smax + 1] ||
    OFF[umin] !== OFF[umax] ||
    OFF[umin + 1] !== OFF[umax + 1];
  return (
    (known && differ) ||
    slt(OFF[smax + 1]!, OFF[smax]!, OFF[smin + 1]!, OFF[smin]!) ||
    ult(OFF[umax + 1]!, OFF[umax]!, OFF[umin + 1]!, OFF[umin]!)
  );
}

function checkKind(_env: Env, op: number, dst: number, base: number, type: number, known: boolean): void {
  switch (base) {
    case PTR_TO_CTX:
    case PTR_TO_MAP_VALUE:
    case PTR_TO_MAP_KEY:
    case PTR_TO_STACK:
    case PTR_TO_PACKET_META:
    case PTR_TO_PACKET:
    case PTR_TO_TP_BUFFER:
    case PTR_TO_BTF_ID:
    case PTR_TO_MEM:
    case PTR_TO_BUF:
    case PTR_TO_FUNC:
    case CONST_PTR_TO_DYNPTR:
      return;
    case PTR_TO_FLOW_KEYS:
      if (known) return;
      break;
    case CONST_PTR_TO_MAP:
      break;
    default:
      reject(EACCES, `R${dst} pointer arithmetic on ${typeName(type)} prohibited`);
  }
  if (known && (OFF[W_SMIN]! | OFF[W_SMIN + 1]!) === 0 && op === BPF_ADD) return;
  reject(EACCES, `R${dst} pointer arithmetic on ${typeName(type)} prohibited`);
}

function keepOrigin(w: Int32Array, d: number): void {
  w[d + W_OFF] = PTR[W_OFF]!;
  w[d + W_AUX] = PTR[W_AUX]!;
  w[d + W_AUX2] = PTR[W_AUX2]!;
}

/** A constant goes to the fixed part of the offset. */
function moveFixed(w: Int32Array, d: number, off: number): void {
  for (let at = W_SMIN; at < W_UMAX + 2; at++) w[d + at] = PTR[at]!;
  tnumCopy(w, d + W_VAR, PTR, W_VAR);
  keepOrigin(w, d);
  w[d + W_OFF] = off;
}

function fitsInt(value: number): boolean {
  return value >= S32_MIN && value <= S32_MAX;
}

function addOffset(env: Env, w: Int32Array, d: number, type: number, known: boolean): void {
  const fixed = PTR[W_OFF]! + toDouble(OFF, W_SMIN);
  if (known && fitsInt(fixed)) return moveFixed(w, d, fixed);
  let over = addSigned(w, d, W_SMIN);
  over = addSigned(w, d, W_SMAX) || over;
  if (over) unboundSigned(w, d);
  let carry = addUnsigned(w, d, W_UMIN);
  carry = addUnsigned(w, d, W_UMAX) || carry;
  if (carry) unboundUnsigned(w, d);
  tnumAdd(w, d + W_VAR, PTR, W_VAR, OFF, W_VAR);
  keepOrigin(w, d);
  if (!isPacketType(type)) return;
  w[d + W_ID] = ++env.idGen;
  w[d + W_AUX] = 0;
  w[d + W_AUX2] = 0;
}

function subtractOffset(env: Env, w: Int32Array, d: number, type: number, known: boolean): void {
  const fixed = PTR[W_OFF]! - toDouble(OFF, W_SMIN);
  if (known && fitsInt(fixed)) return moveFixed(w, d, fixed);
  let over = subSigned(w, d, W_SMIN, W_SMAX);
  over = subSigned(w, d, W_SMAX, W_SMIN) || over;
  if (over) unboundSigned(w, d);
  if (ult(PTR[W_UMIN + 1]!, PTR[W_UMIN]!, OFF[W_UMAX + 1]!, OFF[W_UMAX]!)) unboundUnsigned(w, d);
  else {
    subUnsigned(w, d, W_UMIN, W_UMAX);
    subUnsigned(w, d, W_UMAX, W_UMIN);
  }
  tnumSub(w, d + W_VAR, PTR, W_VAR, OFF, W_VAR);
  keepOrigin(w, d);
  if (!isPacketType(type)) return;
  w[d + W_ID] = ++env.idGen;
  if (OFF[W_SMIN + 1]! < 0) {
    w[d + W_AUX] = 0;
    w[d + W_AUX2] = 0;
  }
}

function addSigned(w: Int32Array, d: number, at: number): boolean {
  const ah = PTR[at + 1]!;
  const bh = OFF[at + 1]!;
  const low = (PTR[at]! + OFF[at]!) | 0;
  const high = (ah + bh + (low >>> 0 < PTR[at]! >>> 0 ? 1 : 0)) | 0;
  w[d + at] = low;
  w[d + at + 1] = high;
  return ((ah ^ high) & (bh ^ high)) < 0;
}

function addUnsigned(w: Int32Array, d: number, at: number): boolean {
  const low = (PTR[at]! + OFF[at]!) | 0;
  const high = (PTR[at + 1]! >>> 0) + (OFF[at + 1]! >>> 0) + (low >>> 0 < PTR[at]! >>> 0 ? 1 : 0);
  w[d + at] = low;
  w[d + at + 1] = high;
  return high > 0xffffffff;
}

function subSigned(w: Int32Array, d: number, at: number, from: number): boolean {
  const ah = PTR[at + 1]!;
  const bh = OFF[from + 1]!;
  const low = (PTR[at]! - OFF[from]!) | 0;
  const high = (ah - bh - (PTR[at]! >>> 0 < OFF[from]! >>> 0 ? 1 : 0)) | 0;
  w[d + at] = low;
  w[d + at + 1] = high;
  return ((ah ^ bh) & (ah ^ high)) < 0;
}

function subUnsigned(w: Int32Array, d: number, at: number, from: number): void {
  w[d + at] = PTR[at]! - OFF[from]!;
  w[d + at + 1] = PTR[at + 1]! - OFF[from + 1]! - (PTR[at]! >>> 0 < OFF[from]! >>> 0 ? 1 : 0);
}

function unboundSigned(w: Int32Array, d: number): void {
  w[d + W_SMIN] = 0;
  w[d + W_SMIN + 1] = S32_MIN;
  w[d + W_SMAX] = -1;
  w[d + W_SMAX + 1] = S32_MAX;
}

function unboundUnsigned(w: Int32Array, d: number): void {
  w[d + W_UMIN] = 0;
  w[d + W_UMIN + 1] = 0;
  w[d + W_UMAX] = -1;
  w[d + W_UMAX + 1] = -1;
}
