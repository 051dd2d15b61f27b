/** One register as the kernel's logs write it: `scalar(id=1,smin=0,...)`, `fp-8` (kernel: print_reg_state). */
import { formatTnum } from './format.ts';
import type { MapModel } from './map-model.ts';
import {
  ADD_CONST,
  W_AUX,
  W_AUX2,
  W_FRAME,
  W_ID,
  W_MASK,
  W_OFF,
  W_PRECISE,
  W_REF,
  W_S32MAX,
  W_S32MIN,
  W_SMAX,
  W_SMIN,
  W_TYPE,
  W_U32MAX,
  W_U32MIN,
  W_UMAX,
  W_UMIN,
  W_VAR,
} from './register-record.ts';
import {
  baseType,
  CONST_PTR_TO_DYNPTR,
  CONST_PTR_TO_MAP,
  isPacketType,
  MEM_ALLOC,
  NON_OWN_REF,
  PTR_TO_ARENA,
  PTR_TO_BTF_ID,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_STACK,
  SCALAR_VALUE,
  typeName,
} from './register-types.ts';
import { toSigned, toUnsigned } from './word64.ts';

/** Names that a record only has numbers of. */
export interface RegisterNames {
  readonly maps: readonly MapModel[];
  /** Type of the kernel's BTF (object 0), or of another. */
  btfTypeName(id: number, object: number): string;
  dynptrName(w: Int32Array, at: number): string;
}

/** `%lld` while it is short, else hexadecimal (kernel: verbose_snum). */
export function shortSigned(value: bigint): string {
  return value >= -32768n && value <= 32767n ? String(value) : `0x${BigInt.asUintN(64, value).toString(16)}`;
}

function shortUnsigned(value: bigint): string {
  return value <= 65535n ? String(value) : `0x${value.toString(16)}`;
}

interface Limit {
  readonly name: string;
  readonly value: bigint;
  omitted: boolean;
}

const SIGNED_MIN = -(1n << 63n);

function limitsOf(w: Int32Array, at: number): Limit[] {
  const narrow = (value: number): bigint => BigInt(value >= -32768 && value <= 32767 ? value : value >>> 0);
  const make = (name: string, value: bigint, omitted: boolean): Limit => ({ name, value, omitted });
  const smin = toSigned(w, at + W_SMIN);
  const smax = toSigned(w, at + W_SMAX);
  const umin = toUnsigned(w, at + W_UMIN);
  const umax = toUnsigned(w, at + W_UMAX);
  const s32min = w[at + W_S32MIN]!;
  const s32max = w[at + W_S32MAX]!;
  const u32min = w[at + W_U32MIN]! >>> 0;
  const u32max = w[at + W_U32MAX]! >>> 0;
  return [
    make('smin', smin, smin === SIGNED_MIN),
    make('smax', smax, smax === ~SIGNED_MIN),
    make('umin', umin, umin === 0n),
    make('umax', umax, umax === (1n << 64n) - 1n),
    make('smin32', narrow(s32min), s32min === -2147483648),
    make('smax32', narrow(s32max), s32max === 2147483647),
    make('umin32', BigInt(u32min), u32min === 0),
    make('umax32', BigInt(u32max), u32max === 0xffffffff),
  ];
}

/** The limits that say something; equal ones share a number (kernel: print_scalar_ranges). */
function pushRanges(parts: string[], w: Int32Array, at: number): void {
  const limits = limitsOf(w, at);
  limits.forEach((limit, i) => {
    if (limit.omitted) return;
    const negative = limit.name.startsWith('s') && limit.value < 0n;
    let text = `${limit.name}=`;
    for (let k = i + 2; k < limits.length; k += 2) {
      const other = limits[k]!;
      const same = BigInt.asUintN(64, other.value) === BigInt.asUintN(64, limit.value);
      if (other.omitted || !same || (other.name.startsWith('s') && other.value < 0n) !== negative) continue;
      other.omitted = true;
      text += `${other.name}=`;
    }
    parts.push(text + (limit.name.startsWith('s') ? shortSigned(limit.value) : shortUnsigned(limit.value)));
  });
}

/**
 * The register at a place.
 *
 * @param frameno - frame that it is shown in; pointers to the stack of others have theirs in brackets
 */
export function formatRegister(w: Int32Array, at: number, frameno: number, names: RegisterNames): string {
  const type = w[at + W_TYPE]!;
  const base = baseType(type);
  const constant = (w[at + W_MASK]! | w[at + W_MASK + 1]!) === 0;
  const value = toSigned(w, at + W_VAR);
  const off = w[at + W_OFF]!;
  if (type === SCALAR_VALUE && constant) return (w[at + W_PRECISE] !== 0 ? 'P' : '') + shortSigned(value);
  let text = (type === SCALAR_VALUE && w[at + W_PRECISE] !== 0 ? 'P' : '') + typeName(type);
  if (type === PTR_TO_ARENA) return text;
  if (type === PTR_TO_STACK) {
    if (w[at + W_FRAME] !== frameno) text += `[${w[at + W_FRAME]!}]`;
    if (constant) return text + shortSigned(value + BigInt(off));
  }
  if (base === PTR_TO_BTF_ID) text += names.btfTypeName(w[at + W_AUX]!, w[at + W_AUX2]!);
  const parts: string[] = [];
  const id = w[at + W_ID]!;
  if (id !== 0) parts.push(`id=${id & ~ADD_CONST}${(id & ADD_CONST) === 0 ? '' : off < 0 ? off : `+${off}`}`);
  if (w[at + W_REF] !== 0) parts.push(`ref_obj_id=${w[at + W_REF]!}`);
  if ((type & (MEM_ALLOC | NON_OWN_REF)) === (MEM_ALLOC | NON_OWN_REF)) parts.push('non_own_ref');
  if (base === CONST_PTR_TO_MAP || base === PTR_TO_MAP_VALUE || base === PTR_TO_MAP_KEY) {
    const map = names.maps[w[at + W_AUX]! - 1];
    if (map !== undefined) {
      if (map.name !== '') parts.push(`map=${map.name}`);
      parts.push(`ks=${map.keySize}`, `vs=${map.valueSize}`);
    }
  }
  if (type !== SCALAR_VALUE && off !== 0) parts.push(`off=${shortSigned(BigInt(off))}`);
  if (isPacketType(base)) parts.push(`r=${shortUnsigned(BigInt.asUintN(64, BigInt(w[at + W_AUX]!)))}`);
  if (base === PTR_TO_MEM) parts.push(`sz=${shortUnsigned(BigInt(w[at + W_AUX]! >>> 0))}`);
  if (type === CONST_PTR_TO_DYNPTR) parts.push(`type=${names.dynptrName(w, at)}`);
  if (constant) {
    if (value !== 0n) parts.push(`imm=${shortSigned(value)}`);
  } else {
    pushRanges(parts, w, at);
    const unknown = (w[at + W_MASK]! & w[at + W_MASK + 1]!) === -1;
    if (!unknown) parts.push(`var_off=${formatTnum(w, at + W_VAR)}`);
  }
  return `${text}(${parts.join(',')})`;
}
