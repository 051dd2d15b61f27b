/**
 * Map definitions in BTF: variables of the section `.maps` whose struct type says what the map is (kernel
 * tools/lib/bpf/bpf_helpers.h, the macros `__uint`, `__type`, `__array` and `__ulong`):
 *
 *   int (*type)[BPF_MAP_TYPE_HASH];   a number is the length of an array behind a pointer
 *   struct key *key;                  a type is what a pointer points to
 *   struct inner *values[];           what slots hold is the last member: maps, or functions
 */
import { BpfError } from '@polybpf/errors';
import type { Btf, BtfMember, BtfType } from './btf-type.ts';
import { resolveType, sizeOf, typeById } from './resolve.ts';

/** A map as its BTF defines it. Sizes in bytes; what the definition leaves out is 0. */
export interface BtfMapDefinition {
  readonly name: string;
  /** `enum bpf_map_type`. */
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  /** `LIBBPF_PIN_BY_NAME` is 1. */
  readonly pinning: number;
  readonly numaNode: number;
  readonly mapExtra: bigint;
  /** Type ids of key and value; 0 for none. */
  readonly keyType: number;
  readonly valueType: number;
  readonly values: BtfMapValues | undefined;
}

/** The member `values`: what the slots of a map hold. */
export interface BtfMapValues {
  readonly kind: 'maps' | 'programs';
  /** Bytes from the start of the definition to slot 0; each slot is a pointer. */
  readonly offset: number;
  /** What each inner map is like, for `maps`. */
  readonly inner: BtfMapDefinition | undefined;
}

/**
 * All maps of `.maps`, in the order of its DATASEC. None when there is no such section.
 *
 * @throws BpfError E_BTF_TYPE when a definition has a member of the wrong type, E_BTF_FORMAT when it contradicts
 *   itself, E_UNSUPPORTED for a member that is not known
 */
export function mapDefinitions(btf: Btf): BtfMapDefinition[] {
  const section = btf.types.find((type) => type.kind === 'DATASEC' && type.name === '.maps');
  if (section?.kind !== 'DATASEC') return [];
  return section.variables.map(({ type }) => {
    const variable = typeById(btf, type);
    if (variable.kind !== 'VAR') throw typeError(variable.name, 'map definition is not a variable', 'VAR', variable);
    return readDefinition(btf, variable.name, variable.type, true);
  });
}

/** A dozen names are known, and none has a reason to come twice. */
const MAX_MEMBERS = 64;

type Draft = { -readonly [K in keyof BtfMapDefinition]: BtfMapDefinition[K] };

function readDefinition(btf: Btf, name: string, typeId: number, mayNest: boolean): BtfMapDefinition {
  const struct = resolveType(btf, typeId);
  if (struct.kind !== 'STRUCT') throw typeError(name, 'map definition is not a struct', 'STRUCT', struct);
  const draft: Draft = {
    name,
    type: 0,
    keySize: 0,
    valueSize: 0,
    maxEntries: 0,
    flags: 0,
    pinning: 0,
    numaNode: 0,
    mapExtra: 0n,
    keyType: 0,
    valueType: 0,
    values: undefined,
  };
  if (struct.members.length > MAX_MEMBERS) {
    throw new BpfError('E_BTF_FORMAT', 'map definition has too many members', {
      at: { symbol: name },
      expected: `at most ${MAX_MEMBERS}`,
      got: String(struct.members.length),
    });
  }
  for (const member of struct.members) readMember(btf, draft, member, mayNest);
  return draft;
}

function readMember(btf: Btf, map: Draft, member: BtfMember, mayNest: boolean): void {
  const number = (): number => Number(readNumber(btf, map.name, member));
  switch (member.name) {
    case 'type':
      map.type = number();
      return;
    case 'max_entries':
      map.maxEntries = number();
      return;
    case 'map_flags':
      map.flags = number();
      return;
    case 'numa_node':
      map.numaNode = number();
      return;
    case 'pinning':
      map.pinning = number();
      return;
    case 'map_extra':
      map.mapExtra = readNumber(btf, map.name, member);
      return;
    case 'key_size':
      map.keySize = agreeing(map.name, 'key_size', map.keySize, number());
      return;
    case 'value_size':
      map.valueSize = agreeing(map.name, 'value_size', map.valueSize, number());
      return;
    case 'key':
      map.keyType = pointee(btf, map.name, member);
      map.keySize = agreeing(map.name, 'key_size', map.keySize, sizeOf(btf, map.keyType));
      return;
    case 'value':
      map.valueType = pointee(btf, map.name, member);
      map.valueSize = agreeing(map.name, 'value_size', map.valueSize, sizeOf(btf, map.valueType));
      return;
    case 'values':
      map.values = readValues(btf, map.name, member, mayNest);
      // What user space and the kernel exchange is a file descriptor or an id of 4 bytes, not the pointer.
      map.valueSize = agreeing(map.name, 'value_size', map.valueSize, 4);
      return;
    default:
      throw new BpfError('E_UNSUPPORTED', `member ${member.name === '' ? '(anonymous)' : member.name} of a map`, {
        at: { symbol: map.name },
      });
  }
}

/** `__uint` (length of an array behind a pointer) or `__ulong` (the one value of an enumeration). */
function readNumber(btf: Btf, map: string, member: BtfMember): bigint {
  const type = resolveType(btf, member.type);
  if (type.kind === 'ENUM' || type.kind === 'ENUM64') {
    const [only, ...others] = type.values;
    if (only !== undefined && others.length === 0) return BigInt(only.value);
    throw typeError(map, `${member.name} is an enumeration of ${type.values.length} values`, 'one value', type);
  }
  if (type.kind !== 'PTR') throw typeError(map, `${member.name} is not a number`, 'PTR to ARRAY', type);
  const array = resolveType(btf, type.type);
  if (array.kind !== 'ARRAY') throw typeError(map, `${member.name} is not a number`, 'PTR to ARRAY', array);
  return BigInt(array.nelems);
}

function pointee(btf: Btf, map: string, member: BtfMember): number {
  const type = resolveType(btf, member.type);
  if (type.kind !== 'PTR') throw typeError(map, `${member.name} is not a type`, 'PTR', type);
  return type.type;
}

function readValues(btf: Btf, map: string, member: BtfMember, mayNest: boolean): BtfMapValues {
  const array = resolveType(btf, member.type);
  if (array.kind !== 'ARRAY') throw typeError(map, 'values is not an array', 'ARRAY of PTR', array);
  const pointer = resolveType(btf, array.type);
  if (pointer.kind !== 'PTR') throw typeError(map, 'values are not pointers', 'ARRAY of PTR', pointer);
  const target = resolveType(btf, pointer.type);
  const offset = member.bitOffset / 8;
  if (target.kind === 'FUNC_PROTO') return { kind: 'programs', offset, inner: undefined };
  if (!mayNest) {
    throw new BpfError('E_BTF_FORMAT', 'an inner map cannot hold maps itself', { at: { symbol: map } });
  }
  // libbpf names the inner definition after the outer map (tools/lib/bpf/libbpf.c, parse_btf_map_def).
  return { kind: 'maps', offset, inner: readDefinition(btf, `${map}.inner`, pointer.type, false) };
}

/** A size can be given twice, as a number and by a type; both must say the same. */
function agreeing(map: string, field: string, before: number, size: number): number {
  if (before === 0 || before === size) return size;
  throw new BpfError('E_BTF_FORMAT', `two different values for ${field}`, {
    at: { symbol: map },
    expected: String(before),
    got: String(size),
  });
}

function typeError(map: string, message: string, expected: string, type: BtfType): BpfError {
  return new BpfError('E_BTF_TYPE', message, { at: { symbol: map }, expected, got: type.kind });
}
