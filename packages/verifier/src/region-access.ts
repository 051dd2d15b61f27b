/** Accesses to memory of a known size: map values and keys, memory of helpers, packets (kernel: check_mem_region_access). */
import { type Env, reject } from './env.ts';
import { F_RDONLY_PROG, F_WRONLY_PROG, type MapModel } from './map-model.ts';
import { EACCES, EINVAL } from './reject.ts';
import { W_AUX, W_ID, W_MASK, W_SMIN, W_TYPE, W_UMAX, W_VAR } from './register-record.ts';
import { PTR_TO_MAP_KEY, PTR_TO_MAP_VALUE, PTR_TO_PACKET, PTR_TO_PACKET_END, PTR_TO_PACKET_META } from './register-types.ts'; // prettier-ignore
import { WRITE } from './stack-access.ts';
import { regAt } from './state.ts';
import { toDouble, toUnsigned, toUnsignedDouble } from './word64.ts';

const MAX_VAR_OFF = 1 << 29;

/** Where an access comes from: an instruction, or a helper. */
export const DIRECT = 1;
export const BY_HELPER = 2;

/** Map of a pointer register. */
export function mapOf(env: Env, w: Int32Array, at: number): MapModel {
  return env.maps[w[at + W_AUX]! - 1]!;
}

/** The text of a failed access, or undefined when it fits (kernel: __check_mem_access). */
export function accessProblem(
  env: Env,
  regno: number,
  off: number,
  size: number,
  limit: number,
  zeroSizeOk: boolean,
): string | undefined {
  const sizeOk = size > 0 || (size === 0 && zeroSizeOk);
  if (off >= 0 && sizeOk && off + size <= limit) return undefined;
  const w = env.frame.w;
  const at = regAt(regno);
  switch (w[at + W_TYPE]) {
    case PTR_TO_MAP_KEY:
      return `invalid access to map key, key_size=${limit} off=${off} size=${size}`;
    case PTR_TO_MAP_VALUE:
      return `invalid access to map value, value_size=${limit} off=${off} size=${size}`;
    case PTR_TO_PACKET:
    case PTR_TO_PACKET_META:
    case PTR_TO_PACKET_END:
      return `invalid access to packet, off=${off} size=${size}, R${regno}(id=${w[at + W_ID]!},off=${off},r=${limit})`;
    default:
      return `invalid access to memory, mem_size=${limit} off=${off} size=${size}`;
  }
}

const NEGATIVE = 'min value is negative, either use unsigned index or do a if (index >=0) check.';

/** The whole range that a pointer with a variable part may reach lies in the memory. */
export function checkRegion(
  env: Env,
  regno: number,
  off: number,
  size: number,
  limit: number,
  zeroSizeOk: boolean,
): void {
  const w = env.frame.w;
  const at = regAt(regno);
  const smin = toDouble(w, at + W_SMIN);
  if (smin < 0 && (smin + off < -0x80000000 || smin + off < 0)) reject(EACCES, `R${regno} ${NEGATIVE}`);
  let problem = accessProblem(env, regno, (w[at + W_SMIN]! + off) | 0, size, limit, zeroSizeOk);
  if (problem !== undefined) reject(EACCES, `${problem}\nR${regno} min value is outside of the allowed memory range`);
  const umax = toUnsignedDouble(w, at + W_UMAX);
  if (umax >= MAX_VAR_OFF) {
    reject(EACCES, `R${regno} unbounded memory access, make sure to bounds check any such access`);
  }
  problem = accessProblem(env, regno, umax + off, size, limit, zeroSizeOk);
  if (problem !== undefined) reject(EACCES, `${problem}\nR${regno} max value is outside of the allowed memory range`);
}

/** The program side may read or write the map (kernel: check_map_access_type). */
export function checkMapPermission(env: Env, regno: number, off: number, size: number, kind: number): void {
  const map = mapOf(env, env.frame.w, regAt(regno));
  if (kind === WRITE) {
    if ((map.flags & F_RDONLY_PROG) !== 0) {
      reject(EACCES, `write into map forbidden, value_size=${map.valueSize} off=${off} size=${size}`);
    }
  } else if ((map.flags & F_WRONLY_PROG) !== 0) {
    reject(EACCES, `read from map forbidden, value_size=${map.valueSize} off=${off} size=${size}`);
  }
}

/** Access to a map value: in range, and not to a special field (kernel: check_map_access). */
export function checkMapAccess(
  env: Env,
  regno: number,
  off: number,
  size: number,
  zeroSizeOk: boolean,
  from: number,
): void {
  const w = env.frame.w;
  const at = regAt(regno);
  const map = mapOf(env, w, at);
  checkRegion(env, regno, off, size, map.valueSize, zeroSizeOk);
  if (map.fields.length === 0) return;
  const first = toDouble(w, at + W_SMIN) + off;
  const last = toUnsignedDouble(w, at + W_UMAX) + off + size;
  for (const field of map.fields) {
    if (!(first < field.offset + field.size && field.offset < last)) continue;
    if (field.kind !== 'kptr' && field.kind !== 'uptr') {
      reject(EACCES, `${field.tag} cannot be accessed directly by load/store`);
    }
    if (from !== DIRECT) reject(EACCES, `${field.tag} cannot be accessed indirectly by helper`);
    if ((w[at + W_MASK]! | w[at + W_MASK + 1]!) !== 0) {
      reject(EACCES, `${field.tag} access cannot have variable offset`);
    }
    const target = BigInt.asUintN(64, BigInt(off) + toUnsigned(w, at + W_VAR));
    if (BigInt(field.offset) !== target) {
      reject(EACCES, `${field.tag} access misaligned expected=${field.offset} off=${target}`);
    }
    if (size !== 8) reject(EACCES, `${field.tag} access size must be BPF_DW`);
  }
}

/** Access through a packet pointer: within the range that comparisons with the end have shown (check_packet_access). */
export function checkPacketAccess(env: Env, regno: number, off: number, size: number, zeroSizeOk: boolean): void {
  const w = env.frame.w;
  const at = regAt(regno);
  if (w[at + W_SMIN + 1]! < 0) reject(EACCES, `R${regno} ${NEGATIVE}`);
  const range = w[at + W_AUX]!;
  if (range < 0) reject(EINVAL, `R${regno} offset is outside of the packet`);
  const problem = accessProblem(env, regno, off, size, range, zeroSizeOk);
  if (problem !== undefined) reject(EACCES, `${problem}\nR${regno} offset is outside of the packet`);
}
