import { BpfError } from '@polybpf/errors';
import type { Btf, BtfType } from './btf-type.ts';
import { encodeBtf } from './encode-btf.ts';
import { parseBtf } from './parse-btf.ts';

/** Several BTFs as one. */
export interface MergedBtf {
  readonly btf: Btf;
  /** For each part its new type ids by old id. */
  readonly ids: readonly (readonly number[])[];
}

/**
 * Puts the types of several BTFs behind each other, with new ids. Nothing is compared: a type that several parts have
 * comes several times; {@link dedupBtf} finds those.
 *
 * @throws BpfError E_BTF_FORMAT when byte orders differ, E_UNSUPPORTED for split BTF, whose types are elsewhere
 */
export function mergeBtf(parts: readonly Btf[]): MergedBtf {
  const endian = parts[0]?.endian ?? 'little';
  const types: BtfType[] = [{ kind: 'VOID', id: 0, name: '' }];
  const ids = parts.map((part) => {
    if (part.base !== undefined) throw new BpfError('E_UNSUPPORTED', 'merging split BTF');
    if (part.endian !== endian) {
      throw new BpfError('E_BTF_FORMAT', 'the parts have different byte orders', {
        expected: endian,
        got: part.endian,
      });
    }
    const shift = types.length - 1;
    const renumber = (id: number): number => (id === 0 ? 0 : id + shift);
    for (const type of part.types) {
      if (type.kind !== 'VOID') types.push({ ...mapReferences(type, renumber), id: renumber(type.id) });
    }
    return part.types.map(({ id }) => renumber(id));
  });
  return { btf: parseBtf(encodeBtf({ endian, types })), ids };
}

/** A type with every type id that it holds replaced; its own id stays. */
export function mapReferences<T extends BtfType>(type: T, map: (id: number) => number): T;
export function mapReferences(type: BtfType, map: (id: number) => number): BtfType {
  switch (type.kind) {
    case 'PTR':
    case 'TYPEDEF':
    case 'VOLATILE':
    case 'CONST':
    case 'RESTRICT':
    case 'TYPE_TAG':
      return { ...type, type: map(type.type) };
    case 'FUNC':
      return { ...type, type: map(type.type) };
    case 'VAR':
      return { ...type, type: map(type.type) };
    case 'DECL_TAG':
      return { ...type, type: map(type.type) };
    case 'ARRAY':
      return { ...type, type: map(type.type), indexType: map(type.indexType) };
    case 'STRUCT':
    case 'UNION':
      return { ...type, members: type.members.map((member) => ({ ...member, type: map(member.type) })) };
    case 'FUNC_PROTO':
      return {
        ...type,
        returnType: map(type.returnType),
        params: type.params.map((param) => ({ ...param, type: map(param.type) })),
      };
    case 'DATASEC':
      return { ...type, variables: type.variables.map((variable) => ({ ...variable, type: map(variable.type) })) };
    default:
      return type;
  }
}

/** Every type id that a type holds. */
export function referencesOf(type: BtfType): number[] {
  const ids: number[] = [];
  mapReferences(type, (id) => {
    ids.push(id);
    return id;
  });
  return ids;
}

/**
 * Leaves one of each group of equal types and renumbers the rest. Two types are equal when nothing that can be reached
 * from them differs: the coarsest partition that respects names, sizes and references, found by refinement. Variables,
 * functions and sections are places rather than types, and stay.
 *
 * @returns the types, and the new id of each old one
 * @throws BpfError E_UNSUPPORTED for split BTF, E_BTF_TYPE for chains of types that no compiler writes
 */
export function dedupBtf(btf: Btf): { readonly btf: Btf; readonly ids: readonly number[] } {
  if (btf.base !== undefined) throw new BpfError('E_UNSUPPORTED', 'finding equal types of split BTF');
  const classes = equivalenceClasses(btf.types);
  const leader = new Map<number, number>();
  const kept: number[] = [];
  const ids = btf.types.map((type, id) => {
    const group = classes[id]!;
    const isPlace = type.kind === 'VAR' || type.kind === 'FUNC' || type.kind === 'DATASEC' || type.kind === 'DECL_TAG';
    const known = isPlace ? undefined : leader.get(group);
    if (known !== undefined) return known;
    if (!isPlace) leader.set(group, kept.length);
    kept.push(id);
    return kept.length - 1;
  });
  const types = kept.map((id, k) => ({ ...mapReferences(btf.types[id]!, (old) => ids[old]!), id: k }));
  return { btf: parseBtf(encodeBtf({ endian: btf.endian, types })), ids };
}

function equivalenceClasses(types: readonly BtfType[]): number[] {
  const bodies = types.map((type) => JSON.stringify({ ...mapReferences(type, () => 0), id: 0 }, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))); // prettier-ignore
  const references = types.map(referencesOf);
  let classes = numbered(bodies);
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const refined = numbered(classes.map((own, id) => `${own}:${references[id]!.map((other) => classes[other]).join()}`)); // prettier-ignore
    if (countOf(refined) === countOf(classes)) return refined;
    classes = refined;
  }
  throw new BpfError('E_BTF_TYPE', 'types form chains that are too long', { expected: `at most ${MAX_ROUNDS} steps` });
}

/** Each round looks one step further along references; those of compilers need a few dozen. */
const MAX_ROUNDS = 256;

function numbered(keys: readonly string[]): number[] {
  const numbers = new Map<string, number>();
  return keys.map((key) => {
    const known = numbers.get(key) ?? numbers.size;
    numbers.set(key, known);
    return known;
  });
}

function countOf(classes: readonly number[]): number {
  return classes.reduce((most, each) => Math.max(most, each), 0);
}
