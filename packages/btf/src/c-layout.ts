/**
 * Where a C compiler puts the members of a struct, and what must be written so that it puts them where BTF has them.
 * Rules: System V ABI for x86-64, section 3.1.2 (also clang's for bpf): a bit field stays within one aligned unit of its
 * type unless the struct is packed, and one without a name does not raise the alignment of the struct.
 */
import { BpfError } from '@polybpf/errors';
import type { Btf, BtfComposite, BtfMember } from './btf-type.ts';
import { resolveType, sizeOf } from './resolve.ts';

/** A member with its place in bits; `bits` is 0 for what is no bit field. */
export interface PlacedMember {
  readonly member: BtfMember;
  readonly offset: number;
  readonly bits: number;
  /** Widths of the padding to write before it, each in a unit of the layout's. */
  readonly padding: readonly number[];
}

/** What to write for a struct or union. */
export interface CLayout {
  readonly members: readonly PlacedMember[];
  readonly packed: boolean;
  /** Padding after the last member. */
  readonly tail: readonly number[];
  /** Type of padding: as wide as the struct is aligned, since some ABIs align a struct by its nameless bit fields too. */
  readonly unit: 'char' | 'short' | 'int' | 'long';
  /** Alignment to ask for: only a union that is larger than its members needs it. */
  readonly aligned: number | undefined;
}

/**
 * How many members may be written: those of the blob, some of them several times. Anonymous structs within each other
 * could multiply them without end.
 */
export function memberBudget(btf: Btf): { left: number } {
  let left = 1 << 16;
  for (let blob: Btf | undefined = btf; blob !== undefined; blob = blob.base) {
    for (const type of blob.types) if (type.kind === 'STRUCT' || type.kind === 'UNION') left += 4 * type.members.length;
  }
  return { left };
}

/** Answers about one BTF, remembered by type. */
export interface CLayouts {
  readonly layoutOf: (type: BtfComposite) => CLayout;
  readonly alignOf: (id: number) => number;
}

const MAX_DEPTH = 64;

export function createLayouts(btf: Btf, pointerSize: number): CLayouts {
  const alignments = new Map<number, number>();
  const budget = { left: MAX_PIECES };
  const alignOf = (id: number, depth = 0): number => {
    const type = resolveType(btf, id);
    const known = alignments.get(type.id);
    if (known !== undefined || depth > MAX_DEPTH) return known ?? 1;
    let align = 1;
    switch (type.kind) {
      case 'INT':
      case 'FLOAT':
      case 'ENUM':
      case 'ENUM64':
        // __int128 and long double are aligned to their size too.
        align = powerOfTwo(type.size);
        break;
      case 'PTR':
        align = pointerSize;
        break;
      case 'ARRAY':
        align = alignOf(type.type, depth + 1);
        break;
      case 'STRUCT':
      case 'UNION': {
        for (const { type: member } of type.members) align = Math.max(align, alignOf(member, depth + 1));
        if (isPacked(type, align, depth + 1)) align = 1;
      }
    }
    alignments.set(type.id, align);
    return align;
  };
  const placed = (member: BtfMember): { member: BtfMember; offset: number; bits: number } => {
    if (member.bitfieldSize > 0) return { member, offset: member.bitOffset, bits: member.bitfieldSize };
    const type = resolveType(btf, member.type);
    // Before kind_flag the integer itself said that it was a bit field.
    const isOld = type.kind === 'INT' && (type.bits < 8 * type.size || type.bitOffset > 0) && type.bits > 0;
    if (!isOld) return { member, offset: member.bitOffset, bits: 0 };
    return { member, offset: member.bitOffset + type.bitOffset, bits: type.bits };
  };
  const isPacked = (type: BtfComposite, align: number, depth: number): boolean => {
    if (type.size % align !== 0) return true;
    return type.members.some((member) => {
      const { offset, bits } = placed(member);
      if (bits === 0) return offset % (8 * alignOf(member.type, depth)) !== 0;
      const unit = 8 * sizeOf(btf, member.type, pointerSize);
      return Math.floor(offset / unit) !== Math.floor((offset + bits - 1) / unit);
    });
  };
  const layoutOf = (type: BtfComposite): CLayout => {
    let natural = 1;
    for (const { type: member } of type.members) natural = Math.max(natural, alignOf(member));
    const packed = isPacked(type, natural, 0);
    const align = packed ? 1 : natural;
    const unit = packed ? 8 : Math.min(natural, 8);
    if (type.kind === 'UNION') return unionLayout(type, packed, align);
    let at = 0;
    const members = type.members.map((member): PlacedMember => {
      const place = placed(member);
      const size = 8 * (place.bits > 0 ? sizeOf(btf, member.type, pointerSize) : sizeOrZero(member));
      const start = place.bits > 0 ? bitfieldStart(at, place.bits, size, packed) : roundUp(at, 8 * (packed ? 1 : alignOf(member.type))); // prettier-ignore
      const padding = start < place.offset ? pieces(at, place.offset, 8 * unit, budget) : [];
      at = place.offset + (place.bits > 0 ? place.bits : size);
      return { ...place, padding };
    });
    const tail = roundUp(at, 8 * align) < 8 * type.size ? pieces(at, 8 * type.size, 8 * unit, budget) : [];
    return { members, packed, tail, unit: UNITS[unit] ?? 'char', aligned: undefined };
  };
  const unionLayout = (type: BtfComposite, packed: boolean, align: number): CLayout => {
    const members = type.members.map((member) => ({ ...placed(member), padding: [] }));
    const widest = Math.max(0, ...members.map(({ member, bits }) => (bits > 0 ? Math.ceil(bits / 8) : sizeOrZero(member)))); // prettier-ignore
    const size = roundUp(widest, align);
    return { members, packed, tail: [], unit: 'char', aligned: size < type.size ? powerOfTwo(type.size) : undefined };
  };
  const sizeOrZero = (member: BtfMember): number => {
    const { kind } = resolveType(btf, member.type);
    return kind === 'FWD' || kind === 'VOID' || kind === 'FUNC_PROTO' ? 0 : sizeOf(btf, member.type, pointerSize);
  };
  return { layoutOf, alignOf: (id) => alignOf(id) };
}

function bitfieldStart(at: number, bits: number, unit: number, packed: boolean): number {
  const crosses = Math.floor(at / unit) !== Math.floor((at + bits - 1) / unit);
  return crosses && !packed ? roundUp(at, unit) : at;
}

/** The largest power of two that divides a size: what its alignment can be at most. */
function powerOfTwo(size: number): number {
  return size === 0 ? 1 : size & -size;
}

function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}

/** Pieces of padding in all that is printed: 2 MiB of longs. More comes from hostile data. */
const MAX_PIECES = 1 << 18;

const UNITS: Readonly<Record<number, CLayout['unit']>> = { 1: 'char', 2: 'short', 4: 'int', 8: 'long' };

/** Widths from one bit to another, split where units end: each is a bit field that stays where it is. */
function pieces(from: number, to: number, unit: number, budget: { left: number }): number[] {
  budget.left -= Math.ceil((to - from) / unit);
  if (budget.left < 0) throw new BpfError('E_BTF_TYPE', 'padding of the structs is too large');
  const widths: number[] = [];
  for (let at = from; at < to;) {
    const next = Math.min(to, (Math.floor(at / unit) + 1) * unit);
    widths.push(next - at);
    at = next;
  }
  return widths;
}
