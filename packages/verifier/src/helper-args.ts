/** Arguments of a helper call, one by one (kernel: check_func_arg, check_reg_type, check_mem_size_reg). */
import type { ArgumentKind, KindFlag } from '@polybpf/helpers';
import { accessMemory, checkAlignment, isPointer } from './memory-access.ts';
import { checkBtfArgument, checkBtfMemory } from './btf-args.ts';
import { checkBufferAccess, checkUnmodified } from './context-access.ts';
import { checkDynptrArgument, checkDynptrRelease } from './dynptr-args.ts';
import { type Env, notModelled, reject } from './env.ts';
import { hasDirectValue, isReadOnly, MAP_ARRAY, MAP_BLOOM_FILTER, MAP_PERCPU_ARRAY, MAP_SOCKHASH, MAP_SOCKMAP, type MapModel, type SpecialField } from './map-model.ts'; // prettier-ignore
import { mayPassPacket } from './packet-types.ts';
import { inTreeCallback } from './owned-objects.ts';
import { markPrecise } from './precision.ts';
import { BY_HELPER, checkMapAccess, checkMapPermission, checkPacketAccess, checkRegion, mapOf } from './region-access.ts'; // prettier-ignore
import { checkReadable } from './registers.ts';
import { EACCES, EINVAL, Reject } from './reject.ts';
import { W_AUX, W_AUX2, W_MASK, W_OFF, W_REF, W_SMIN, W_TYPE, W_UMAX, W_UMIN, W_VAR } from './register-record.ts';
import * as T from './register-types.ts';
import { processKptr } from './kptrs.ts';
import { processSpinLock, processTimer } from './special-fields.ts';
import { checkStackRange, constantKey, READ, type RawMemory, WRITE } from './stack-access.ts';
import { regAt } from './state.ts';
import { toSigned, toUnsignedDouble } from './word64.ts';

/** What the arguments of a call have shown so far (kernel: bpf_call_arg_meta). */
export interface CallMeta extends RawMemory {
  funcId: number;
  name: string;
  pktAccess: boolean;
  map: MapModel | undefined;
  mapUid: number;
  releaseRegno: number;
  releaseDynptr: boolean;
  refId: number;
  memSize: number;
  /** Most bytes that the size argument allows, as a double. */
  maxSize: number;
  constKey: number;
  subprog: number;
  retBtfId: number;
  retBtf: number;
  dynptrId: number;
  /** The per-CPU argument is an object of the program. */
  perCpuObject: boolean;
  /** Field of bpf_kptr_xchg. */
  kptr: SpecialField | undefined;
}

const MAX_SIZE = 1 << 29;

const MEM_TYPES = [
  T.PTR_TO_STACK,
  T.PTR_TO_PACKET,
  T.PTR_TO_PACKET_META,
  T.PTR_TO_MAP_KEY,
  T.PTR_TO_MAP_VALUE,
  T.PTR_TO_MEM,
  T.PTR_TO_MEM | T.MEM_RINGBUF,
  T.PTR_TO_BUF,
  T.PTR_TO_BTF_ID | T.PTR_TRUSTED,
];
const BTF_TYPES = [T.PTR_TO_BTF_ID, T.PTR_TO_BTF_ID | T.PTR_TRUSTED, T.PTR_TO_BTF_ID | T.MEM_RCU];

/** Register types that go with each kind of argument. */
const COMPATIBLE: Readonly<Record<string, readonly number[]>> = {
  PTR_TO_MAP_KEY: MEM_TYPES,
  PTR_TO_MAP_VALUE: MEM_TYPES,
  CONST_SIZE: [T.SCALAR_VALUE],
  CONST_SIZE_OR_ZERO: [T.SCALAR_VALUE],
  CONST_ALLOC_SIZE_OR_ZERO: [T.SCALAR_VALUE],
  CONST_MAP_PTR: [T.CONST_PTR_TO_MAP],
  PTR_TO_CTX: [T.PTR_TO_CTX],
  PTR_TO_SOCK_COMMON: [T.PTR_TO_SOCK_COMMON, T.PTR_TO_SOCKET, T.PTR_TO_TCP_SOCK, T.PTR_TO_XDP_SOCK],
  PTR_TO_BTF_ID_SOCK_COMMON: [
    T.PTR_TO_SOCK_COMMON,
    T.PTR_TO_SOCKET,
    T.PTR_TO_TCP_SOCK,
    T.PTR_TO_XDP_SOCK,
    T.PTR_TO_BTF_ID,
    T.PTR_TO_BTF_ID | T.PTR_TRUSTED,
  ],
  PTR_TO_SOCKET: [T.PTR_TO_SOCKET],
  PTR_TO_BTF_ID: BTF_TYPES,
  PTR_TO_SPIN_LOCK: [T.PTR_TO_MAP_VALUE, T.PTR_TO_BTF_ID | T.MEM_ALLOC],
  PTR_TO_MEM: MEM_TYPES,
  PTR_TO_RINGBUF_MEM: [T.PTR_TO_MEM | T.MEM_RINGBUF],
  PTR_TO_PERCPU_BTF_ID: [
    T.PTR_TO_BTF_ID | T.MEM_PERCPU,
    T.PTR_TO_BTF_ID | T.MEM_PERCPU | T.MEM_RCU,
    T.PTR_TO_BTF_ID | T.MEM_PERCPU | T.PTR_TRUSTED,
  ],
  PTR_TO_FUNC: [T.PTR_TO_FUNC],
  PTR_TO_STACK: [T.PTR_TO_STACK],
  PTR_TO_CONST_STR: [T.PTR_TO_MAP_VALUE],
  PTR_TO_TIMER: [T.PTR_TO_MAP_VALUE],
  KPTR_XCHG_DEST: [T.PTR_TO_MAP_VALUE, T.PTR_TO_BTF_ID | T.MEM_ALLOC],
  PTR_TO_DYNPTR: [T.PTR_TO_STACK, T.CONST_PTR_TO_DYNPTR],
};

function has(kind: ArgumentKind, flag: KindFlag): boolean {
  return kind.flags.includes(flag);
}

const KPTR_XCHG = 194;

/** The register is of a type that the argument takes. */
function checkType(env: Env, regno: number, kind: ArgumentKind, base: string, meta: CallMeta): void {
  const w = env.frame.w;
  const type = w[regAt(regno) + W_TYPE]!;
  const allowed = COMPATIBLE[base];
  if (allowed === undefined) return notModelled(`argument of kind ${base}`);
  let masked = type;
  if (has(kind, 'RDONLY')) masked &= ~T.MEM_RDONLY;
  if (has(kind, 'MAYBE_NULL')) masked &= ~T.PTR_MAYBE_NULL;
  if (base === 'PTR_TO_MEM') masked &= ~T.DYNPTR_TYPE_MASK;
  if (meta.funcId === KPTR_XCHG && (type & T.MEM_ALLOC) !== 0 && regno === 2) masked &= ~(T.MEM_ALLOC | T.MEM_PERCPU);
  if (!allowed.includes(masked)) {
    reject(EACCES, `R${regno} type=${T.typeName(type)} expected=${allowed.map(T.typeName).join(', ')}`);
  }
  if (T.baseType(type) !== T.PTR_TO_BTF_ID) return;
  if (allowed === MEM_TYPES) {
    if (!has(kind, 'RDONLY')) {
      reject(EACCES, `${shortName(meta.name)}() may write into memory pointed by R${regno} type=${T.typeName(type)}`);
    }
    return;
  }
  checkBtfArgument(env, regno, kind, base, meta);
}

/** Names of helpers in messages are whole: `bpf_...`. */
function shortName(name: string): string {
  return name;
}

/** The offset of the register is one that the argument takes (kernel: check_func_arg_reg_off). */
export function checkArgumentOffset(env: Env, regno: number, release: boolean, dynptr: boolean): void {
  const w = env.frame.w;
  const at = regAt(regno);
  const type = w[at + W_TYPE]!;
  if (release) {
    if (dynptr && type === T.PTR_TO_STACK) return;
    if (w[at + W_OFF] !== 0) {
      reject(EINVAL, `R${regno} must have zero offset when passed to release func or trusted arg to kfunc`);
    }
    return checkUnmodified(env, w, at, regno, false);
  }
  switch (type) {
    case T.PTR_TO_STACK:
    case T.PTR_TO_PACKET:
    case T.PTR_TO_PACKET_META:
    case T.PTR_TO_MAP_KEY:
    case T.PTR_TO_MAP_VALUE:
    case T.PTR_TO_MEM:
    case T.PTR_TO_MEM | T.MEM_RDONLY:
    case T.PTR_TO_MEM | T.MEM_RINGBUF:
    case T.PTR_TO_BUF:
    case T.PTR_TO_BUF | T.MEM_RDONLY:
    case T.PTR_TO_ARENA:
    case T.SCALAR_VALUE:
      return;
    case T.PTR_TO_BTF_ID:
    case T.PTR_TO_BTF_ID | T.MEM_ALLOC:
    case T.PTR_TO_BTF_ID | T.PTR_TRUSTED:
    case T.PTR_TO_BTF_ID | T.MEM_RCU:
    case T.PTR_TO_BTF_ID | T.MEM_ALLOC | T.NON_OWN_REF:
    case T.PTR_TO_BTF_ID | T.MEM_ALLOC | T.NON_OWN_REF | T.MEM_RCU:
      return checkUnmodified(env, w, at, regno, true);
    default:
      return checkUnmodified(env, w, at, regno, false);
  }
}

/** Types whose context is the kernel's own. */
const UNCONVERTED: ReadonlySet<string> = new Set([
  'SYSCALL',
  'NETFILTER',
  'KPROBE',
  'TRACEPOINT',
  'RAW_TRACEPOINT',
  'RAW_TRACEPOINT_WRITABLE',
  'TRACING',
  'LSM',
]);

/** Memory that a helper reads or writes (kernel: check_helper_mem_access). */
export function checkHelperMemory(
  env: Env,
  regno: number,
  size: number,
  kind: number,
  zeroOk: boolean,
  raw: RawMemory | undefined,
): void {
  const w = env.frame.w;
  const at = regAt(regno);
  const type = w[at + W_TYPE]!;
  const off = w[at + W_OFF]!;
  const noWrite = (): void => {
    if (kind === WRITE) reject(EACCES, `R${regno} cannot write into ${T.typeName(type)}`);
  };
  switch (T.baseType(type)) {
    case T.PTR_TO_PACKET:
    case T.PTR_TO_PACKET_META:
      return checkPacketAccess(env, regno, off, size, zeroOk);
    case T.PTR_TO_MAP_KEY:
      noWrite();
      return checkRegion(env, regno, off, size, mapOf(env, w, at).keySize, false);
    case T.PTR_TO_MAP_VALUE:
      checkMapPermission(env, regno, off, size, kind);
      return checkMapAccess(env, regno, off, size, zeroOk, BY_HELPER);
    case T.PTR_TO_MEM:
      if ((type & T.MEM_RDONLY) !== 0) noWrite();
      return checkRegion(env, regno, off, size, w[at + W_AUX]! >>> 0, zeroOk);
    case T.PTR_TO_BUF:
      if ((type & T.MEM_RDONLY) !== 0) noWrite();
      return checkBufferAccess(env, (type & T.MEM_RDONLY) !== 0 ? 'rdonly' : 'rdwr', regno, off, size);
    case T.PTR_TO_STACK:
      return checkStackRange(env, regno, off, size, zeroOk, kind, raw);
    case T.PTR_TO_BTF_ID:
      return checkBtfMemory(env, regno, off, size);
    case T.PTR_TO_CTX:
      if (UNCONVERTED.has(env.variant.type)) {
        // No context accesses are rewritten here: the size is checked as an access to the last byte.
        if (size === 0) {
          if (!zeroOk) reject(EACCES, '');
          return;
        }
        return accessMemory(env, regno, size - 1, 1, kind, -1, false, false);
      }
  }
  if (zeroOk && size === 0 && env.frame.isZero(at)) return;
  reject(EACCES, `R${regno} type=${T.typeName(type)} expected=fp`);
}

/** A size, and the memory in the register before it (kernel: check_mem_size_reg). */
export function checkMemorySize(
  env: Env,
  regno: number,
  kind: number,
  zeroOk: boolean,
  meta: RawMemory & Pick<CallMeta, 'maxSize'>,
): void {
  const w = env.frame.w;
  const at = regAt(regno);
  const umax = toUnsignedDouble(w, at + W_UMAX);
  meta.maxSize = umax;
  const raw = (w[at + W_MASK]! | w[at + W_MASK + 1]!) === 0 ? meta : undefined;
  if (w[at + W_SMIN + 1]! < 0) {
    reject(EACCES, `R${regno} min value is negative, either use unsigned or 'var &= const'`);
  }
  if ((w[at + W_UMIN]! | w[at + W_UMIN + 1]!) === 0 && !zeroOk) {
    const range = `u64=[${toSigned(w, at + W_UMIN)},${toSigned(w, at + W_UMAX)}]`;
    reject(EACCES, `R${regno} invalid zero-sized read: ${range}`);
  }
  if (umax >= MAX_SIZE) {
    reject(EACCES, `R${regno} unbounded memory access, use 'var &= const' or 'if (var < const)'`);
  }
  checkHelperMemory(env, regno - 1, umax, kind, zeroOk, raw);
  markPrecise(env, regno);
}

/** Checks argument `index` of a call. */
export function checkArgument(env: Env, index: number, args: readonly ArgumentKind[], meta: CallMeta): void {
  const kind = args[index]!;
  const regno = index + 1;
  const w = env.frame.w;
  const at = regAt(regno);
  checkReadable(env, regno);
  const type = w[at + W_TYPE]!;
  let base: string = kind.base;
  if (base === 'ANYTHING') {
    if (isPointer(env, regno)) reject(EACCES, `R${regno} leaks addr into helper function`);
    return;
  }
  if (T.isPacketType(type) && !mayPassPacket(env.variant.type, meta.pktAccess)) {
    reject(EACCES, 'helper access to the packet is not allowed');
  }
  if (base === 'PTR_TO_MAP_VALUE') base = resolveMapArgument(meta, kind);
  const nullable = has(kind, 'MAYBE_NULL');
  const isNull = env.frame.isZero(at);
  const release = has(kind, 'OBJ_RELEASE');
  const dynptr = base === 'PTR_TO_DYNPTR';
  if (!(isNull && nullable)) {
    checkType(env, regno, kind, base, meta);
    checkArgumentOffset(env, regno, release, dynptr);
  }
  if (release) {
    if (dynptr) {
      checkDynptrRelease(env, regno);
      meta.releaseDynptr = true;
    } else if (w[at + W_REF] === 0 && !isNull) {
      reject(EINVAL, `R${regno} must be referenced when passed to release function`);
    }
    meta.releaseRegno = regno;
  }
  if (w[at + W_REF] !== 0 && base !== 'KPTR_XCHG_DEST') {
    if (meta.refId !== 0) {
      reject(EACCES, `more than one arg with ref_obj_id R${regno} ${w[at + W_REF]!} ${meta.refId}`);
    }
    meta.refId = w[at + W_REF]!;
  }
  checkKind(env, index, args, base, meta);
}

/** Maps of sockets take a socket as their value, bloom filters any memory. */
function resolveMapArgument(meta: CallMeta, kind: ArgumentKind): string {
  const map = meta.map;
  if (map === undefined) return reject(EACCES, 'invalid map_ptr to access map->type');
  if (map.type === MAP_SOCKMAP || map.type === MAP_SOCKHASH) {
    if (kind.flags.length === 0) return 'PTR_TO_BTF_ID_SOCK_COMMON';
    return reject(EINVAL, 'invalid arg_type for sockmap/sockhash');
  }
  if (map.type === MAP_BLOOM_FILTER && meta.funcId === 89) return 'PTR_TO_MEM';
  return 'PTR_TO_MAP_VALUE';
}

function checkKind(env: Env, index: number, args: readonly ArgumentKind[], base: string, meta: CallMeta): void {
  const kind = args[index]!;
  const regno = index + 1;
  const w = env.frame.w;
  const at = regAt(regno);
  const access = (of: ArgumentKind): number => (has(of, 'WRITE') ? WRITE : READ);
  switch (base) {
    case 'CONST_MAP_PTR': {
      const map = mapOf(env, w, at);
      if (meta.map !== undefined && (meta.map !== map || meta.mapUid !== w[at + W_AUX2])) {
        reject(EINVAL, `timer pointer in R1 map_uid=${meta.mapUid} doesn't match map pointer in R2 map_uid=${w[at + W_AUX2]!}`); // prettier-ignore
      }
      meta.map = map;
      meta.mapUid = w[at + W_AUX2]!;
      return;
    }
    case 'PTR_TO_MAP_KEY': {
      const map = meta.map!;
      checkHelperMemory(env, regno, map.keySize, READ, false, undefined);
      if (map.type === MAP_ARRAY || map.type === MAP_PERCPU_ARRAY) meta.constKey = constantKey(env, regno, map.keySize);
      return;
    }
    case 'PTR_TO_MAP_VALUE': {
      if (has(kind, 'MAYBE_NULL') && env.frame.isZero(at)) return;
      meta.rawMode = has(kind, 'UNINIT');
      checkHelperMemory(env, regno, meta.map!.valueSize, access(kind), false, meta);
      return;
    }
    case 'PTR_TO_PERCPU_BTF_ID':
      if (w[at + W_AUX] === 0) reject(EACCES, `Helper has invalid btf_id in R${regno}`);
      meta.retBtf = w[at + W_AUX2]!;
      meta.retBtfId = w[at + W_AUX]!;
      meta.perCpuObject = (w[at + W_TYPE]! & T.MEM_RCU) !== 0;
      return;
    case 'PTR_TO_SPIN_LOCK':
      if (inTreeCallback(env)) reject(EACCES, "can't spin_{lock,unlock} in rbtree cb");
      return processSpinLock(env, regno, meta);
    case 'PTR_TO_TIMER':
      return processTimer(env, regno, meta);
    case 'PTR_TO_FUNC':
      meta.subprog = w[at + W_AUX]!;
      return;
    case 'PTR_TO_MEM':
      meta.rawMode = has(kind, 'UNINIT');
      if (has(kind, 'FIXED_SIZE')) {
        checkHelperMemory(env, regno, kind.size ?? 0, access(kind), false, meta);
        if (has(kind, 'ALIGNED')) checkAlignment(env, w, at, 0, kind.size ?? 0, true);
      }
      return;
    case 'CONST_SIZE':
      return checkMemorySize(env, regno, access(args[index - 1]!), false, meta);
    case 'CONST_SIZE_OR_ZERO':
      return checkMemorySize(env, regno, access(args[index - 1]!), true, meta);
    case 'PTR_TO_DYNPTR':
      return checkDynptrArgument(env, regno, kind);
    case 'CONST_ALLOC_SIZE_OR_ZERO':
      if ((w[at + W_MASK]! | w[at + W_MASK + 1]!) !== 0) reject(EACCES, `R${regno} is not a known constant'`);
      meta.memSize = w[at + W_VAR]!;
      return markPrecise(env, regno);
    case 'PTR_TO_CONST_STR':
      return checkConstantString(env, regno);
    case 'KPTR_XCHG_DEST':
      return processKptr(env, regno, meta);
    default:
      return;
  }
}

/** A string in a map that never changes (kernel: check_reg_const_str). */
export function checkConstantString(env: Env, regno: number): void {
  const w = env.frame.w;
  const at = regAt(regno);
  const map = mapOf(env, w, at);
  if (!isReadOnly(map)) reject(EACCES, `R${regno} does not point to a readonly map'`);
  if ((w[at + W_MASK]! | w[at + W_MASK + 1]!) !== 0) reject(EACCES, `R${regno} is not a constant address'`);
  if (!hasDirectValue(map)) reject(EACCES, 'no direct value access support for this map type');
  checkMapAccess(env, regno, w[at + W_OFF]!, map.valueSize - w[at + W_OFF]!, false, BY_HELPER);
  const from = w[at + W_OFF]! + w[at + W_VAR]!;
  if (map.frozen!.indexOf(0, from) < 0) reject(EINVAL, 'string is not zero-terminated');
}

/** Runs a check and gives back what it refused with, if it did. */
export function refusalOf(check: () => void): Reject | undefined {
  try {
    check();
    return undefined;
  } catch (reason) {
    if (reason instanceof Reject) return reason;
    throw reason;
  }
}
