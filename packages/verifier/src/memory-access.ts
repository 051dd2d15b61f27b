/** One load or store through a pointer, whatever it points to (kernel: check_mem_access). */
import { markKnown, markUnknown, signExtend64, truncate } from './bounds.ts';
import { checkBtfAccess, checkMapPointerAccess } from './btf-access.ts';
import {
  checkBufferAccess,
  checkContextAccess,
  checkFlowKeysAccess,
  checkSocketAccess,
  checkUnmodified,
} from './context-access.ts';
import { type Env, reject } from './env.ts';
import { formatTnum } from './format.ts';
import { checkKptrAccess } from './kptrs.ts';
import { hasDirectValue, isReadOnly } from './map-model.ts';
import { markContextResult } from './context-result.ts';
import { mayWritePacket } from './packet-types.ts';
import { checkMapAccess, checkMapPermission, checkPacketAccess, checkRegion, DIRECT, mapOf } from './region-access.ts';
import { EACCES } from './reject.ts';
import { W_AUX, W_MASK, W_OFF, W_TYPE, W_VAR } from './register-record.ts';
import {
  baseType,
  CONST_PTR_TO_MAP,
  isPacketType,
  isSocketType,
  MEM_RDONLY,
  PTR_MAYBE_NULL,
  PTR_TO_ARENA,
  PTR_TO_BTF_ID,
  PTR_TO_BUF,
  PTR_TO_CTX,
  PTR_TO_FLOW_KEYS,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_PACKET,
  PTR_TO_PACKET_META,
  PTR_TO_SOCK_COMMON,
  PTR_TO_SOCKET,
  PTR_TO_STACK,
  PTR_TO_TCP_SOCK,
  PTR_TO_TP_BUFFER,
  PTR_TO_XDP_SOCK,
  PTR_UNTRUSTED,
  SCALAR_VALUE,
  typeName,
} from './register-types.ts';
import { checkStackBounds, READ, readStack, WRITE, writeStack } from './stack-access.ts';
import { regAt } from './state.ts';
import { tnumAdd, tnumIsAligned, tnumSet } from './tnum.ts';

/** Whether a register must not get out: it is a pointer, and the loader may not see addresses. */
export function isPointer(env: Env, regno: number): boolean {
  return !env.options.allowPtrLeaks && env.frame.w[regAt(regno) + W_TYPE] !== SCALAR_VALUE;
}

const SUM = new Int32Array(4);

const DESCRIPTIONS: Readonly<Record<number, string>> = {
  [PTR_TO_FLOW_KEYS]: 'flow keys ',
  [PTR_TO_MAP_KEY]: 'key ',
  [PTR_TO_MAP_VALUE]: 'value ',
  [PTR_TO_CTX]: 'context ',
  [PTR_TO_STACK]: 'stack ',
  [PTR_TO_SOCKET]: 'sock ',
  [PTR_TO_SOCK_COMMON]: 'sock_common ',
  [PTR_TO_TCP_SOCK]: 'tcp_sock ',
  [PTR_TO_XDP_SOCK]: 'xdp_sock ',
};

/** Accesses that must be aligned are (kernel: check_ptr_alignment). */
export function checkAlignment(
  env: Env,
  w: Int32Array,
  at: number,
  off: number,
  size: number,
  strictOnce: boolean,
): void {
  // prettier-ignore
  const type = w[at + W_TYPE]!;
  if (type === PTR_TO_ARENA) return;
  const strict = env.options.strictAlignment || strictOnce || type === PTR_TO_STACK;
  if (!strict || size === 1) return;
  const packet = type === PTR_TO_PACKET || type === PTR_TO_PACKET_META;
  const fixed = (packet ? 2 : 0) + w[at + W_OFF]! + off;
  tnumSet(SUM, 0, fixed | 0, fixed >> 31, 0, 0);
  tnumAdd(SUM, 0, w, at + W_VAR, SUM, 0);
  if (tnumIsAligned(SUM, 0, size)) return;
  const variable = formatTnum(w, at + W_VAR);
  reject(
    EACCES,
    packet
      ? `misaligned packet access off 2+${variable}+${w[at + W_OFF]!}+${off} size ${size}`
      : `misaligned ${DESCRIPTIONS[type] ?? ''}access off ${variable}+${w[at + W_OFF]!}+${off} size ${size}`,
  );
}

/**
 * Checks an access and applies what it does.
 *
 * @param regno - register with the address
 * @param value - register that is stored or that gets the value; -1 for neither
 */
export function accessMemory(
  env: Env,
  regno: number,
  insnOff: number,
  size: number,
  kind: number,
  value: number,
  strictOnce: boolean,
  signed: boolean,
): void {
  const w = env.frame.w;
  const at = regAt(regno);
  checkAlignment(env, w, at, insnOff, size, strictOnce);
  const off = insnOff + w[at + W_OFF]!;
  const type = w[at + W_TYPE]!;
  const to = value >= 0 ? regAt(value) : -1;
  const loads = kind === READ && value >= 0;
  const leak = (where: string): void => {
    if (kind === WRITE && value >= 0 && isPointer(env, value)) reject(EACCES, `R${value} leaks addr into ${where}`);
  };
  const unknown = (): void => markUnknown(w, to, env.defaultPrecise);
  const base = baseType(type);
  if (type === PTR_TO_MAP_VALUE) {
    leak('map');
    accessMapValue(env, regno, off, size, kind, value, signed);
  } else if (type === PTR_TO_STACK) {
    checkStackBounds(env, regno, off, size, kind);
    if (kind === READ) readStack(env, regno, off, size, value);
    else writeStack(env, regno, off, size, value, env.insn);
  } else if (type === PTR_TO_CTX) {
    leak('ctx');
    checkUnmodified(env, w, at, regno, false);
    const found = checkContextAccess(env, off, size, kind, signed);
    if (loads) markContextResult(env, value, found, off);
  } else if (isPacketType(type)) {
    if (kind === WRITE && !mayWritePacket(env.variant.type)) reject(EACCES, 'cannot write into packet');
    leak('packet');
    checkPacketAccess(env, regno, off, size, false);
    if (loads) unknown();
  } else if (type === PTR_TO_MAP_KEY) {
    if (kind === WRITE) reject(EACCES, `write to change key R${regno} not allowed`);
    checkRegion(env, regno, off, size, mapOf(env, w, at).keySize, false);
    if (value >= 0) unknown();
  } else if (base === PTR_TO_MEM) {
    if ((type & PTR_MAYBE_NULL) !== 0) reject(EACCES, `R${regno} invalid mem access '${typeName(type)}'`);
    const readOnly = (type & MEM_RDONLY) !== 0;
    if (kind === WRITE && readOnly) reject(EACCES, `R${regno} cannot write into ${typeName(type)}`);
    leak('mem');
    if (!readOnly || (type & PTR_UNTRUSTED) === 0) checkRegion(env, regno, off, size, w[at + W_AUX]! >>> 0, false);
    if (value >= 0 && (kind === READ || readOnly)) unknown();
  } else if (type === PTR_TO_FLOW_KEYS) {
    leak('flow keys');
    checkFlowKeysAccess(off, size);
    if (loads) unknown();
  } else if (isSocketType(type)) {
    if (kind === WRITE) reject(EACCES, `R${regno} cannot write into ${typeName(type)}`);
    checkSocketAccess(env, regno, off, size);
    if (value >= 0) unknown();
  } else if (type === PTR_TO_TP_BUFFER) {
    checkBufferAccess(env, 'tracepoint', regno, off, size);
    if (loads) unknown();
  } else if (base === PTR_TO_BTF_ID && (type & PTR_MAYBE_NULL) === 0) {
    checkBtfAccess(env, regno, off, size, kind, value);
  } else if (type === CONST_PTR_TO_MAP) {
    checkMapPointerAccess(env, regno, off, size, kind, value);
  } else if (base === PTR_TO_BUF && (type & PTR_MAYBE_NULL) === 0) {
    const readOnly = (type & MEM_RDONLY) !== 0;
    if (readOnly && kind === WRITE) reject(EACCES, `R${regno} cannot write into ${typeName(type)}`);
    checkBufferAccess(env, readOnly ? 'rdonly' : 'rdwr', regno, off, size);
    if (value >= 0 && (readOnly || kind === READ)) unknown();
  } else if (type === PTR_TO_ARENA) {
    if (loads) unknown();
  } else {
    reject(EACCES, `R${regno} invalid mem access '${typeName(type)}'`);
  }
  // The frame may have grown, and its records moved.
  const now = env.frame.w;
  if (loads && size < 8 && now[to + W_TYPE] === SCALAR_VALUE) {
    if (signed) signExtend64(now, to, size);
    else truncate(now, to, size);
  }
}

function accessMapValue(
  env: Env,
  regno: number,
  off: number,
  size: number,
  kind: number,
  value: number,
  signed: boolean,
): void {
  const w = env.frame.w;
  const at = regAt(regno);
  checkMapPermission(env, regno, off, size, kind);
  checkMapAccess(env, regno, off, size, false, DIRECT);
  const map = mapOf(env, w, at);
  const fixed = (w[at + W_MASK]! | w[at + W_MASK + 1]!) === 0;
  const place = off + w[at + W_VAR]!;
  if (fixed && map.fields.length > 0) {
    const field = map.fields.find((f) => f.offset === place && (f.kind === 'kptr' || f.kind === 'uptr'));
    if (field !== undefined) {
      checkKptrAccess(env, field, value);
      return;
    }
  }
  if (kind !== READ || value < 0) return;
  const to = regAt(value);
  if (fixed && isReadOnly(map) && hasDirectValue(map)) {
    const bytes = map.frozen!;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let low: number;
    let high = 0;
    if (size === 8) {
      low = view.getInt32(place, true);
      high = view.getInt32(place + 4, true);
    } else if (size === 4) low = view.getInt32(place, true);
    else if (size === 2) low = signed ? view.getInt16(place, true) : view.getUint16(place, true);
    else low = signed ? view.getInt8(place) : view.getUint8(place);
    if (size < 8 && signed) high = low >> 31;
    // The precise mark stays what it was: the kernel does not touch it here.
    w[to + W_TYPE] = SCALAR_VALUE;
    markKnown(w, to, low, high);
  } else markUnknown(w, to, env.defaultPrecise);
}
