/** What a CO-RE relocation comes to for one place in the types (libbpf src/relo_core.c, bpf_core_calc_*). */
import { BpfError } from '@polybpf/errors';
import type { Btf } from './btf-type.ts';
import { isComposite, isEnum, isSigned } from './core-compat.ts';
import { type CoreRelocationKind, coreSubject } from './core-kinds.ts';
import { type CoreSpec, enumeratorValue } from './core-spec.ts';
import { resolveType, sizeOf, typeById } from './resolve.ts';

/** A value, or that there is none (`missing`), for which the instruction is made invalid. */
export interface CoreValue {
  readonly value: bigint;
  readonly missing: boolean;
  /** Does the instruction surely hold this value before it is patched? */
  readonly certain: boolean;
  /** For field_byte_offset: bytes that an instruction at the offset loads or stores, and the type of the field. */
  readonly access: { readonly size: number; readonly type: number } | undefined;
}

const NOTHING: CoreValue = { value: 0n, missing: false, certain: true, access: undefined };

/**
 * Computes the value.
 *
 * @param spec - undefined when the target has no such thing
 * @throws BpfError E_LOAD_RELOCATION, E_BTF_TYPE when the value is not defined for such a type
 */
export function coreValue(kind: CoreRelocationKind, spec: CoreSpec | undefined): CoreValue {
  switch (coreSubject(kind)) {
    case 'field':
      return fieldValue(kind, spec);
    case 'type':
      return typeValue(kind, spec);
    case 'enumerator':
      if (kind === 'enumval_exists') return { ...NOTHING, value: spec === undefined ? 0n : 1n };
      if (spec === undefined) return { ...NOTHING, missing: true };
      return { ...NOTHING, value: enumeratorValue(spec, spec.accessors[0]!.index) };
  }
}

function typeValue(kind: CoreRelocationKind, spec: CoreSpec | undefined): CoreValue {
  if (spec === undefined) return NOTHING;
  switch (kind) {
    case 'type_id_local':
    case 'type_id_target':
      // Linking renumbers types without looking into instructions.
      return { ...NOTHING, value: BigInt(spec.rootType), certain: false };
    case 'type_size':
      return { ...NOTHING, value: BigInt(sizeOf(spec.btf, spec.rootType)) };
    default:
      return { ...NOTHING, value: 1n };
  }
}

function fieldValue(kind: CoreRelocationKind, spec: CoreSpec | undefined): CoreValue {
  if (kind === 'field_exists') return { ...NOTHING, value: spec === undefined ? 0n : 1n };
  if (spec === undefined) return { ...NOTHING, missing: true };
  const { btf } = spec;
  const last = spec.accessors.at(-1)!;
  if (last.name === undefined) return elementValue(kind, spec, last.type);
  const owner = typeById(btf, last.type);
  const member = isComposite(owner) ? owner.members[last.index] : undefined;
  if (member === undefined) throw new BpfError('E_BTF_TYPE', `type ${last.type} has no member ${last.index}`);
  const type = resolveType(btf, member.type);
  const isBitfield = member.bitfieldSize > 0;
  const unit = isBitfield ? bitfieldUnit(spec, member.bitfieldSize, sizeOf(btf, type.id)) : undefined;
  const size = unit?.size ?? sizeOf(btf, type.id);
  const offset = unit?.offset ?? Math.floor(spec.bitOffset / 8);
  const bits = isBitfield ? member.bitfieldSize : 8 * size;
  // The compiler may read a bit field in another unit than this, so what it wrote is not known.
  const certain = !isBitfield;
  switch (kind) {
    case 'field_byte_offset': {
      const access = isBitfield ? undefined : { size: elementSize(btf, type.id), type: type.id };
      return { value: BigInt(offset), missing: false, certain, access };
    }
    case 'field_byte_size':
      return { ...NOTHING, value: BigInt(size), certain };
    case 'field_signed':
      return { ...NOTHING, value: (isEnum(type) && type.signed) || isSigned(type) ? 1n : 0n };
    case 'field_lshift_u64': {
      const within = spec.bitOffset - 8 * offset;
      const shift = btf.endian === 'little' ? 64 - (within + bits) : 8 * (8 - size) + within;
      return { ...NOTHING, value: BigInt.asUintN(64, BigInt(shift)), certain };
    }
    default:
      return { ...NOTHING, value: BigInt.asUintN(64, BigInt(64 - bits)) };
  }
}

/** An element of an array has a place and a size, nothing else. */
function elementValue(kind: CoreRelocationKind, { btf, bitOffset }: CoreSpec, type: number): CoreValue {
  if (kind === 'field_byte_size') return { ...NOTHING, value: BigInt(sizeOf(btf, type)) };
  if (kind !== 'field_byte_offset') throw new BpfError('E_LOAD_RELOCATION', `${kind} of an array element`);
  const access = { size: elementSize(btf, type), type };
  return { value: BigInt(Math.floor(bitOffset / 8)), missing: false, certain: true, access };
}

/** What one instruction accesses of an array is an element. */
function elementSize(btf: Btf, id: number): number {
  let type = resolveType(btf, id);
  for (let depth = 0; type.kind === 'ARRAY' && depth < 32; depth++) type = resolveType(btf, type.type);
  return sizeOf(btf, type.id);
}

/** The smallest aligned unit of at least `declared` bytes that holds a bit field. */
function bitfieldUnit({ bitOffset }: CoreSpec, bits: number, declared: number): { size: number; offset: number } {
  let size = declared;
  const start = (): number => Math.floor(Math.floor(bitOffset / 8) / size) * size;
  while (size > 0 && bitOffset + bits - 8 * start() > 8 * size) {
    if (size >= 8) throw new BpfError('E_LOAD_RELOCATION', 'bit field cannot be read at once', { expected: '64 bits' });
    size *= 2;
  }
  if (size === 0) throw new BpfError('E_BTF_TYPE', 'bit field of a type without size');
  return { size, offset: start() };
}
