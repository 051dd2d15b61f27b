/** Walks along BTF types. Chains and nesting are limited as in the kernel, so that cyclic data cannot hang a walk. */
import { BpfError } from '@polybpf/errors';
import type { Btf, BtfType } from './btf-type.ts';

/** The kernel's limit (kernel/bpf/btf.c, MAX_RESOLVE_DEPTH). */
const MAX_RESOLVE_DEPTH = 32;

/** Size of a pointer in eBPF (RFC 9669 sec. 3.1: registers hold 64 bits). */
const POINTER_SIZE = 8;

/**
 * The type with an id.
 *
 * @throws BpfError E_BTF_TYPE when there is none
 */
export function typeById(btf: Btf, id: number): BtfType {
  if (id < btf.firstId && btf.base !== undefined) return typeById(btf.base, id);
  const type = btf.types[id - btf.firstId];
  if (type !== undefined) return type;
  throw new BpfError('E_BTF_TYPE', 'no such type id', {
    expected: `below ${btf.firstId + btf.types.length}`,
    got: String(id),
  });
}

/**
 * The type behind const, volatile, restrict, type tags and typedefs.
 *
 * @throws BpfError E_BTF_TYPE when the chain is cyclic or longer than the kernel allows
 */
export function resolveType(btf: Btf, id: number): BtfType {
  return follow(btf, id, true);
}

/** The type behind const, volatile, restrict and type tags; stops at a typedef. Errors as {@link resolveType}. */
export function skipModifiers(btf: Btf, id: number): BtfType {
  return follow(btf, id, false);
}

function follow(btf: Btf, id: number, throughTypedefs: boolean): BtfType {
  let type = typeById(btf, id);
  for (let depth = 0; depth < MAX_RESOLVE_DEPTH; depth++) {
    switch (type.kind) {
      case 'CONST':
      case 'VOLATILE':
      case 'RESTRICT':
      case 'TYPE_TAG':
        break;
      case 'TYPEDEF':
        if (!throughTypedefs) return type;
        break;
      default:
        return type;
    }
    type = typeById(btf, type.type);
  }
  throw chainError(id);
}

/**
 * Size in bytes of a value of a type; pointers take 8 unless told.
 *
 * @throws BpfError E_BTF_TYPE for a type without a size (void, functions, forward declarations, tags), a cyclic chain,
 *   or an array of more than 2^32 bytes
 */
export function sizeOf(btf: Btf, id: number, pointerSize: number = POINTER_SIZE): number {
  let elements = 1;
  let current = id;
  for (let depth = 0; depth < MAX_RESOLVE_DEPTH; depth++) {
    const type = resolveType(btf, current);
    switch (type.kind) {
      case 'INT':
      case 'FLOAT':
      case 'ENUM':
      case 'ENUM64':
      case 'STRUCT':
      case 'UNION':
      case 'DATASEC':
        return checkedSize(id, elements * type.size);
      case 'PTR':
        return checkedSize(id, elements * pointerSize);
      case 'ARRAY':
        elements = checkedSize(id, elements * type.nelems);
        current = type.type;
        break;
      case 'VAR':
        current = type.type;
        break;
      default:
        throw new BpfError('E_BTF_TYPE', `${type.kind} ${type.name === '' ? type.id : type.name} has no size`);
    }
  }
  throw chainError(id);
}

function checkedSize(id: number, size: number): number {
  if (size <= 0xffff_ffff) return size;
  throw new BpfError('E_BTF_TYPE', `type ${id} is too large`, { expected: 'below 2^32 bytes', got: String(size) });
}

/** All types of a name, those of the base first; with `kind` only that kind. */
export function findTypes(btf: Btf, name: string, kind?: BtfType['kind']): BtfType[] {
  const inherited = btf.base === undefined ? [] : findTypes(btf.base, name, kind);
  const own = btf.types.filter((type) => type.name === name && (kind === undefined || type.kind === kind));
  return [...inherited, ...own];
}

function chainError(id: number): BpfError {
  return new BpfError('E_BTF_TYPE', `types from ${id} on form a cycle or a chain that is too long`, {
    expected: `at most ${MAX_RESOLVE_DEPTH} steps`,
  });
}
