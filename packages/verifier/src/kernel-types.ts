/** Types of the kernel: look-ups by name, and walks through structs (kernel: btf_struct_walk, btf_nested_type_is_trusted). */
import { type Btf, type BtfComposite, type BtfType, resolveType, sizeOf, typeById } from '@polybpf/btf';
import { isBpfError } from '@polybpf/errors';
import { reject } from './env.ts';
import { EACCES, EFAULT, EINVAL } from './reject.ts';
import { MEM_PERCPU, MEM_RCU, MEM_USER, PTR_UNTRUSTED } from './register-types.ts';

/** The kernel's BTF with an index. */
export interface KernelTypes {
  readonly btf: Btf;
  /** First type of the kind and name. */
  find(kind: BtfType['kind'], name: string): BtfType | undefined;
  /** All types of the kind and name. */
  findAll(kind: BtfType['kind'], name: string): readonly BtfType[];
}

const indexed = new WeakMap<Btf, KernelTypes>();

/** Indexes the kernel's BTF, once. */
export function kernelTypes(btf: Btf): KernelTypes {
  let types = indexed.get(btf);
  if (types === undefined) {
    const byName = new Map<string, BtfType[]>();
    for (const type of btf.types) {
      if (type.name === '') continue;
      const list = byName.get(type.name);
      if (list === undefined) byName.set(type.name, [type]);
      else list.push(type);
    }
    types = {
      btf,
      find: (kind, name) => byName.get(name)?.find((type) => type.kind === kind),
      findAll: (kind, name) => byName.get(name)?.filter((type) => type.kind === kind) ?? [],
    };
    indexed.set(btf, types);
  }
  return types;
}

export function isStruct(type: BtfType): type is BtfComposite {
  return type.kind === 'STRUCT' || type.kind === 'UNION';
}

/** Name as messages have it (kernel: __btf_name_by_offset). */
export function nameOf(type: BtfType): string {
  return type.name === '' ? '(anon)' : type.name;
}

/** Id behind modifiers and typedefs. */
export function resolvedId(btf: Btf, id: number): number {
  return id === 0 ? 0 : resolveType(btf, id).id;
}

/** Type behind modifiers and typedefs; undefined for void. */
export function resolved(btf: Btf, id: number): BtfType | undefined {
  const type = resolveType(btf, id);
  return type.kind === 'VOID' ? undefined : type;
}

/** Flag of a tag directly behind a pointer. */
export function tagFlag(btf: Btf, id: number): number {
  const type = id === 0 ? undefined : typeById(btf, id);
  if (type?.kind !== 'TYPE_TAG' || type.attribute) return 0;
  return { user: MEM_USER, percpu: MEM_PERCPU, rcu: MEM_RCU }[type.name] ?? 0;
}

/** What is at an offset of a struct. */
export type Walked =
  | { readonly kind: 'scalar' | 'other pointer'; readonly flags: number }
  | { readonly kind: 'pointer'; readonly id: number; readonly flags: number; readonly field: string }
  | { readonly kind: 'struct'; readonly id: number; readonly flags: number };

function sizeOrNone(btf: Btf, id: number): number | undefined {
  try {
    return sizeOf(btf, id);
  } catch (error) {
    if (isBpfError(error)) return undefined;
    throw error;
  }
}

/** One step (kernel: btf_struct_walk). Throws `Reject`. */
export function walkStruct(btf: Btf, id: number, from: number, size: number, before: number): Walked {
  let off = from;
  let flags = before;
  let type = resolved(btf, id);
  for (;;) {
    if (type === undefined || !isStruct(type))
      return reject(EINVAL, `Type '${type === undefined ? '' : nameOf(type)}' is not a struct`);
    const { members } = type;
    if (type.kind === 'UNION' && members.length !== 1) flags |= PTR_UNTRUSTED;
    // Offsets before the struct count as far behind it: the kernel compares with an unsigned size.
    if ((off + size) >>> 0 > type.size) {
      const next = beyond(btf, type, off, size);
      if (next === undefined) return { kind: 'scalar', flags };
      off = next.off;
      type = next.type;
      continue;
    }
    const found = member(btf, type, off, size, flags);
    if (!('inner' in found)) return found;
    off = found.off;
    type = found.inner;
  }
}

/** An access behind the end, which is one to a flexible array or refused; undefined for an array of integers. */
function beyond(
  btf: Btf,
  type: BtfComposite,
  off: number,
  size: number,
): { readonly off: number; readonly type: BtfComposite } | undefined {
  const fail = (): never => reject(EACCES, `access beyond struct ${nameOf(type)} at off ${off >>> 0} size ${size}`);
  const last = type.members[type.members.length - 1];
  const array = last === undefined ? undefined : resolved(btf, last.type);
  if (array?.kind !== 'ARRAY' || array.nelems !== 0) return fail();
  const start = last!.bitOffset >> 3;
  if (off < start) return fail();
  const element = resolved(btf, array.type);
  if (element?.kind === 'INT') return undefined;
  if (element === undefined || !isStruct(element)) return fail();
  return { off: (off - start) % element.size, type: element };
}

function member(
  btf: Btf,
  type: BtfComposite,
  off: number,
  size: number,
  flags: number,
): Walked | { readonly inner: BtfComposite; readonly off: number } {
  for (const { name, type: id, bitOffset, bitfieldSize } of type.members) {
    let start = bitOffset >> 3;
    if (off + size <= start) break;
    if (bitfieldSize > 0) {
      if (off <= start && (bitOffset + bitfieldSize + 7) >> 3 <= off + size) return { kind: 'scalar', flags };
      continue;
    }
    if (off < start) break;
    let size1 = sizeOrNone(btf, id);
    if (size1 === undefined) return reject(EFAULT, `field ${name} doesn't have size`);
    const end = start + size1;
    if (off >= end) continue;
    let inner = resolved(btf, id)!;
    if (inner.kind === 'ARRAY') {
      let count = 1;
      while (inner.kind === 'ARRAY') {
        count *= inner.nelems;
        inner = resolved(btf, inner.type)!;
      }
      size1 /= count;
      start += Math.floor((off - start) / size1) * size1;
    }
    if (isStruct(inner)) return off === start ? { kind: 'struct', id: inner.id, flags } : { inner, off: off - start };
    if (inner.kind === 'PTR') {
      if (size1 !== size || off !== start) {
        reject(EACCES, `cannot access ptr member ${name} with moff ${start} in struct ${nameOf(type)} with off ${off} size ${size}`); // prettier-ignore
      }
      const target = resolved(btf, inner.type);
      if (target === undefined || !isStruct(target)) return { kind: 'other pointer', flags };
      return { kind: 'pointer', id: target.id, flags: flags | tagFlag(btf, inner.type), field: name };
    }
    if (off + size > end && (flags & PTR_UNTRUSTED) === 0) {
      reject(EACCES, `access beyond the end of member ${name} (mend:${end}) in struct ${nameOf(type)} with off ${off} size ${size}`); // prettier-ignore
    }
    return { kind: 'scalar', flags };
  }
  return reject(EINVAL, `struct ${nameOf(type)} doesn't have field at offset ${off}`);
}

/** Walks on until it is no struct (kernel: btf_struct_access). */
export function walkToField(btf: Btf, id: number, off: number, size: number): Exclude<Walked, { kind: 'struct' }> {
  let walked = walkStruct(btf, id, off, size, 0);
  while (walked.kind === 'struct') walked = walkStruct(btf, walked.id, 0, size, walked.flags);
  return walked;
}

/**
 * Whether an object at an offset into a type is of the type that is needed, or begins with one (kernel:
 * btf_struct_ids_match).
 */
export function structsMatch(btf: Btf, id: number, off: number, needed: number, strict: boolean): boolean {
  if (off === 0 && id === needed) return true;
  if (strict) return false;
  let at = off;
  let type = id;
  let flags = 0;
  for (;;) {
    const walked = walkStruct(btf, type, at, 1, flags);
    if (walked.kind !== 'struct') return false;
    if (walked.id === needed) return true;
    type = walked.id;
    flags = walked.flags;
    at = 0;
  }
}

/** A list of the kernel, which is a struct of its BTF, names the field of the struct (kernel: btf_nested_type_is_trusted). */
export function isListed(types: KernelTypes, holder: number, field: string, id: number, list: string): boolean {
  const of = typeById(types.btf, holder);
  const safe = types.find(of.kind, `${of.name}__safe_${list}`);
  if (safe === undefined || !isStruct(safe)) return false;
  return safe.members.some((m) => {
    const type = typeById(types.btf, m.type);
    return type.kind === 'PTR' && m.name === field && resolvedId(types.btf, type.type) === id;
  });
}
