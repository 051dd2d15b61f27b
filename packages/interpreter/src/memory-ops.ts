/** Memory accesses that the execution loop does not do inline: atomics, and whatever its fast check did not pass. */
import { faultError, faultOf, formatAddress, type Access } from './fault.ts';
import { insnIndex, WIDE_ATOMIC } from './image.ts';
import { storeBigInt } from './int64.ts';
import type { Machine } from './machine.ts';

/** The place that an access goes to: {@link checkedAddress} leaves it here. */
interface Place {
  region: number;
  offset: number;
}

const place: Place = { region: 0, offset: 0 };

/**
 * Computes base + offset of the instruction at `cx.pc` in 64 bits and checks it against the region's limits.
 *
 * @param base - word of the base register
 * @throws BpfError `E_RUN_MEMORY`, or `E_RUN_ALIGN` when `align` is set
 */
function checkedAddress(cx: Machine, base: number, width: number, access: Access, align: boolean): Place {
  const { code, memory, pc } = cx;
  const low = code[base]!;
  const displacement = code[pc + 3]!;
  const sum = (low + displacement) | 0;
  const carry = sum >>> 0 < low >>> 0 ? 1 : 0;
  const region = (code[base + 1]! + (displacement >> 31) + carry) >>> 0;
  const offset = sum >>> 0;
  const ends = access === 'read' ? memory.readEnd : memory.writeEnd;
  const end = region < ends.length ? ends[region]! : 0;
  const readable = access !== 'atomic' || (region < ends.length && memory.readEnd[region]! >= end);
  if (offset + width > end || !readable) {
    const address = (BigInt(region) << 32n) | BigInt(offset);
    throw memory.fault(address, width, access, insnIndex(pc), cx.image.program.name);
  }
  if (align && (offset & (width - 1)) !== 0) throw misaligned(cx, region, offset, width, access);
  place.region = region;
  place.offset = offset;
  return place;
}

function misaligned(cx: Machine, region: number, offset: number, width: number, access: Access): Error {
  const address = (BigInt(region) << 32n) | BigInt(offset);
  return faultError('alignment', `${access === 'atomic' ? 'atomic access' : access} of ${width} bytes`, {
    insn: insnIndex(cx.pc),
    program: cx.image.program.name,
    address,
    region: cx.memory.region(region)!.name,
    width,
    access,
    expected: `an address that is a multiple of ${width}`,
    got: formatAddress(address),
  });
}

/**
 * Load from a region with a hook.
 *
 * @returns false when the region has none
 */
function hookedLoad(cx: Machine, width: number, signed: boolean): boolean {
  const { code, memory, pc, little } = cx;
  const base = code[pc + 2]!;
  const displacement = code[pc + 3]!;
  const region = code[base + 1]!;
  const hook = memory.loadHooks.get(region);
  if (hook === undefined) return false;
  const offset = (code[base]! + displacement) | 0;
  const view = memory.views[region]!;
  if (offset < 0 || offset + width > view.byteLength || !memory.region(region)!.readable) return false;
  const d = code[pc + 1]!;
  const value = hook(offset, width);
  if (value !== undefined) storeBigInt(code, d, value);
  else loadBytes(code, d, view, { offset, width, signed, little });
  return true;
}

/** Load of the instruction at `cx.pc` with every check. `width` in bytes. */
export function slowLoad(cx: Machine, width: number, signed: boolean, align: boolean = cx.image.alignAll): void {
  const { code, pc, little } = cx;
  if (cx.memory.loadHooks.size > 0 && hookedLoad(cx, width, signed)) return;
  try {
    const { region, offset } = checkedAddress(cx, code[pc + 2]!, width, 'read', align);
    loadBytes(code, code[pc + 1]!, cx.memory.views[region]!, { offset, width, signed, little });
  } catch (error) {
    if (!cx.limits.probeLoads || faultOf(error)?.kind !== 'memory') throw error;
    code[code[pc + 1]!] = 0;
    code[code[pc + 1]! + 1] = 0;
  }
}

interface LoadShape {
  readonly offset: number;
  readonly width: number;
  readonly signed: boolean;
  readonly little: boolean;
}

function loadBytes(code: Int32Array, d: number, view: DataView, { offset, width, signed, little }: LoadShape): void {
  if (width === 8) {
    code[d] = view.getInt32(little ? offset : offset + 4, little);
    code[d + 1] = view.getInt32(little ? offset + 4 : offset, little);
    return;
  }
  const value = readNarrow(view, offset, width, signed, little);
  code[d] = value;
  code[d + 1] = signed ? value >> 31 : 0;
}

function readNarrow(view: DataView, offset: number, width: number, signed: boolean, little: boolean): number {
  if (width === 4) return view.getInt32(offset, little);
  if (width === 2) return signed ? view.getInt16(offset, little) : view.getUint16(offset, little);
  return signed ? view.getInt8(offset) : view.getUint8(offset);
}

/** Store of the instruction at `cx.pc` with every check. `width` in bytes. */
export function slowStore(cx: Machine, width: number, align: boolean = cx.image.alignAll): void {
  const { code, pc, little } = cx;
  const { region, offset } = checkedAddress(cx, code[pc + 1]!, width, 'write', align);
  const view = cx.memory.views[region]!;
  const s = code[pc + 2]!;
  if (width === 8) {
    view.setInt32(little ? offset : offset + 4, code[s]!, little);
    view.setInt32(little ? offset + 4 : offset, code[s + 1]!, little);
  } else if (width === 4) view.setInt32(offset, code[s]!, little);
  else if (width === 2) view.setInt16(offset, code[s]!, little);
  else view.setInt8(offset, code[s]!);
}

/**
 * Atomic operation of the instruction at `cx.pc` (RFC 9669 sec. 5.3). Results of 32-bit operations are zero-extended.
 *
 * @throws BpfError `E_RUN_MEMORY`, `E_RUN_ALIGN`
 */
export function atomic(cx: Machine): void {
  const { code, pc, little } = cx;
  const wide = (code[pc + 6]! & WIDE_ATOMIC) !== 0;
  const align = cx.limits.alignAtomics;
  const { region, offset } = checkedAddress(cx, code[pc + 1]!, wide ? 8 : 4, 'atomic', align);
  const view = cx.memory.views[region]!;
  const s = code[pc + 2]!;
  const op = code[pc + 6]! & ~WIDE_ATOMIC;
  const lowAt = wide && !little ? offset + 4 : offset;
  const highAt = little ? offset + 4 : offset;
  const oldLow = view.getInt32(lowAt, little);
  const oldHigh = wide ? view.getInt32(highAt, little) : 0;
  const low = code[s]!;
  const high = wide ? code[s + 1]! : 0;
  let newLow = low;
  let newHigh = high;
  switch (op) {
    case 0: // add
    case 4: // fetch_add
      newLow = (oldLow + low) | 0;
      newHigh = (oldHigh + high + (newLow >>> 0 < low >>> 0 ? 1 : 0)) | 0;
      break;
    case 1: // or
    case 5: // fetch_or
      newLow = oldLow | low;
      newHigh = oldHigh | high;
      break;
    case 2: // and
    case 6: // fetch_and
      newLow = oldLow & low;
      newHigh = oldHigh & high;
      break;
    case 3: // xor
    case 7: // fetch_xor
      newLow = oldLow ^ low;
      newHigh = oldHigh ^ high;
      break;
    case 9: // cmpxchg
      if (code[0] !== oldLow || (wide && code[1] !== oldHigh)) {
        newLow = oldLow;
        newHigh = oldHigh;
      }
      break;
    default: // xchg
  }
  view.setInt32(lowAt, newLow, little);
  if (wide) view.setInt32(highAt, newHigh, little);
  if (op < 4) return;
  const result = op === 9 ? 0 : s;
  code[result] = oldLow;
  code[result + 1] = oldHigh;
}
