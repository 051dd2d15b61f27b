/** Special fields of map values and of objects of the program: locks, timers, kptrs, lists, trees (kernel: btf_parse_fields). */
import { type Btf, type BtfComposite, type BtfType, typeById } from '@polybpf/btf';
import { reject } from './env.ts';
import type { FieldKind, KptrKind, SpecialField } from './map-model.ts';
import { E2BIG, EEXIST, EFAULT, EINVAL, ENOENT } from './reject.ts';

interface Shape {
  readonly size: number;
  readonly align: number;
  /** There may be one in a struct. */
  readonly unique: boolean;
}

const SHAPES: Readonly<Record<Exclude<FieldKind, 'kptr' | 'uptr'>, Shape>> = {
  bpf_spin_lock: { size: 4, align: 4, unique: true },
  bpf_res_spin_lock: { size: 4, align: 4, unique: true },
  bpf_timer: { size: 16, align: 8, unique: true },
  bpf_wq: { size: 16, align: 8, unique: true },
  bpf_task_work: { size: 8, align: 8, unique: true },
  bpf_list_head: { size: 16, align: 8, unique: false },
  bpf_list_node: { size: 24, align: 8, unique: false },
  bpf_rb_root: { size: 16, align: 8, unique: false },
  bpf_rb_node: { size: 32, align: 8, unique: false },
  bpf_refcount: { size: 4, align: 4, unique: false },
};
type StructKind = keyof typeof SHAPES;

const OF_MAPS: ReadonlySet<FieldKind> = new Set([
  'bpf_spin_lock',
  'bpf_res_spin_lock',
  'bpf_timer',
  'kptr',
  'bpf_list_head',
  'bpf_rb_root',
  'bpf_refcount',
  'bpf_wq',
  'uptr',
  'bpf_task_work',
]);
const OF_OBJECTS: ReadonlySet<FieldKind> = new Set([
  'bpf_spin_lock',
  'bpf_res_spin_lock',
  'bpf_list_head',
  'bpf_list_node',
  'bpf_rb_root',
  'bpf_rb_node',
  'bpf_refcount',
  'kptr',
]);

/** Members that make the kernel look for fields in a struct; resilient locks are not among them. */
const MARKS_OBJECTS: ReadonlySet<string> = new Set(
  [...OF_OBJECTS].filter((kind) => kind !== 'bpf_res_spin_lock' && kind !== 'kptr'),
);

const KPTR_TAGS: ReadonlyMap<string, KptrKind> = new Map([
  ['kptr_untrusted', 'untrusted'],
  ['kptr', 'ref'],
  ['percpu_kptr', 'percpu'],
  ['uptr', 'user'],
]);

const MAX_FIELDS = 11;
const MAX_DEPTH = 32;

/** Where the target of a kptr is: a type of the kernel, or of the same BTF. */
export interface KptrTarget {
  readonly inKernel: boolean;
  readonly id: number;
  /** Number of its BTF. */
  readonly object: number;
}

/** Finds what a kptr points to, by the type that its BTF has. Throws `Reject` for what may not be owned. */
export type FindTarget = (type: BtfComposite, kptr: KptrKind) => KptrTarget;

/** Special fields of a map value, by offset. Throws `Reject`. */
export function fieldsOfValue(btf: Btf, typeId: number, find: FindTarget): SpecialField[] {
  return parse(btf, typeId, OF_MAPS, find);
}

/** Special fields of a struct that programs allocate, by offset; undefined when it has none. Throws `Reject`. */
export function fieldsOfObject(btf: Btf, struct: BtfComposite, find: FindTarget): SpecialField[] | undefined {
  // Only a member that is one of them by itself makes the kernel look (kernel: btf_parse_struct_metas).
  const special = struct.members.some(({ type }) => isAllocatedField(btf, typeById(btf, type)));
  if (!special) return undefined;
  const found = parse(btf, struct.id, OF_OBJECTS, find);
  return found.length === 0 ? reject(EFAULT, '') : found;
}

function isAllocatedField(btf: Btf, type: BtfType): boolean {
  if (type.kind === 'STRUCT') return MARKS_OBJECTS.has(type.name);
  if (type.kind !== 'PTR' || tagOf(btf, type) === undefined) return false;
  const { kind, target } = findKptr(btf, type)!;
  return kind !== 'user' && target.kind === 'STRUCT';
}

function parse(btf: Btf, typeId: number, wanted: ReadonlySet<FieldKind>, find: FindTarget): SpecialField[] {
  const type = typeById(btf, typeId);
  const search = new Search(btf, wanted);
  let found: Found[];
  if (type.kind === 'STRUCT') found = search.inStruct(type, 0, MAX_FIELDS);
  else if (type.kind === 'DATASEC') found = search.inSection(type);
  else return reject(EINVAL, '');
  let next = 0;
  const fields = found.map(({ finish, ...field }) => {
    if (field.offset < next) reject(EEXIST, '');
    next = field.offset + field.size;
    return finish === undefined ? field : { ...field, ...finish(find) };
  });
  checkTogether(fields);
  return fields.sort((a, b) => a.offset - b.offset);
}

/** A field that was found; what it points to or contains is looked at when all are. */
type Found = SpecialField & { readonly finish?: (find: FindTarget) => Partial<SpecialField> };

function checkTogether(found: readonly SpecialField[]): void {
  const has = (...kinds: readonly FieldKind[]): boolean => found.some(({ kind }) => kinds.includes(kind));
  if (has('bpf_spin_lock') && has('bpf_res_spin_lock')) reject(EINVAL, '');
  const locked = has('bpf_spin_lock', 'bpf_res_spin_lock');
  if (has('bpf_list_head', 'bpf_rb_root') && !locked) reject(EINVAL, '');
  if (!has('bpf_refcount') && has('bpf_list_node') && has('bpf_rb_node')) reject(EINVAL, '');
}

class Search {
  private readonly btf: Btf;
  private readonly wanted: ReadonlySet<FieldKind>;

  constructor(btf: Btf, wanted: ReadonlySet<FieldKind>) {
    this.btf = btf;
    this.wanted = wanted;
  }

  /** (kernel: btf_find_struct_field) */
  inStruct(struct: BtfComposite, level: number, room: number): Found[] {
    const found: Found[] = [];
    const seen = new Set<FieldKind>();
    struct.members.forEach(({ type, bitOffset }, i) => {
      if (bitOffset % 8 !== 0) reject(EINVAL, '');
      found.push(...this.one(struct.id, i, type, bitOffset / 8, 0, seen, room - found.length, level));
    });
    return found;
  }

  /** (kernel: btf_find_datasec_var) */
  inSection(section: BtfType & { kind: 'DATASEC' }): Found[] {
    const found: Found[] = [];
    const seen = new Set<FieldKind>();
    for (const { type, offset, size } of section.variables) {
      const variable = typeById(this.btf, type);
      if (variable.kind !== 'VAR') continue;
      found.push(...this.one(variable.id, -1, variable.type, offset, size, seen, MAX_FIELDS - found.length, 0));
    }
    return found;
  }

  /** A member, a variable, or all elements of an array of them (kernel: btf_find_field_one). */
  private one(
    holder: number,
    index: number,
    typeId: number,
    offset: number,
    expected: number,
    seen: Set<FieldKind>,
    room: number,
    level: number,
  ): Found[] {
    let type = typeById(this.btf, typeId);
    let count = 1;
    let depth = 0;
    for (; depth < MAX_DEPTH && type.kind === 'ARRAY'; depth++) {
      count *= type.nelems;
      type = typeById(this.btf, type.type);
    }
    if (depth === MAX_DEPTH) reject(E2BIG, '');
    if (count === 0) return [];
    const kind = this.kindOf(type, seen);
    if (kind === undefined) {
      if (type.kind !== 'STRUCT' || (expected !== 0 && expected !== type.size * count)) return [];
      if (level + 1 >= MAX_DEPTH) reject(E2BIG, '');
      const inner = this.inStruct(type, level + 1, room).map((field) => ({ ...field, offset: field.offset + offset }));
      return inner.length === 0 ? inner : repeat(inner, count, type.size, room);
    }
    const { size, align } = kind === 'kptr' ? { size: 8, align: 8 } : SHAPES[kind];
    if ((expected !== 0 && expected !== size * count) || offset % align !== 0) return [];
    const field = this.field(kind, type, holder, index, offset, size);
    if (field === undefined) return [];
    if (room === 0) reject(E2BIG, '');
    return repeat([field], count, size, room);
  }

  /** (kernel: btf_get_field_type) */
  private kindOf(type: BtfType, seen: Set<FieldKind>): StructKind | 'kptr' | undefined {
    const name = type.name as StructKind;
    if (Object.hasOwn(SHAPES, name) && this.wanted.has(name)) {
      if (SHAPES[name].unique) {
        if (seen.has(name)) reject(E2BIG, '');
        seen.add(name);
      }
      return name;
    }
    return type.kind === 'STRUCT' ? undefined : 'kptr';
  }

  private field(
    kind: StructKind | 'kptr',
    type: BtfType,
    holder: number,
    index: number,
    offset: number,
    size: number,
  ): Found | undefined {
    if (kind === 'kptr') return this.pointer(type, offset);
    if (type.kind !== 'STRUCT' || type.size !== size) return undefined;
    const field = { kind, offset, size, tag: kind };
    if (kind !== 'bpf_list_head' && kind !== 'bpf_rb_root') return field;
    return { ...field, finish: graphRoot(this.btf, holder, index, kind === 'bpf_list_head' ? 'bpf_list_node' : 'bpf_rb_node') }; // prettier-ignore
  }

  private pointer(type: BtfType, offset: number): Found | undefined {
    const found = findKptr(this.btf, type);
    if (found === undefined) return undefined;
    const kind = found.kind === 'user' ? 'uptr' : 'kptr';
    if (!this.wanted.has(kind)) return undefined;
    const { target, kind: kptr } = found;
    if (target.kind !== 'STRUCT') return reject(EINVAL, '');
    const tag = kind === 'uptr' ? 'uptr' : found.kind === 'percpu' ? 'percpu_kptr' : 'kptr';
    const finish = (find: FindTarget): Partial<SpecialField> => {
      const { inKernel, id, object } = find(target, kptr);
      return { inKernel, target: id, object };
    };
    return { kind, offset, size: 8, tag, kptr, finish };
  }
}

/** The one tag of a pointer, when it is of a kptr. */
function tagOf(btf: Btf, pointer: BtfType & { readonly type: number }): KptrKind | undefined {
  const tag = typeById(btf, pointer.type);
  if (tag.kind !== 'TYPE_TAG' || tag.attribute || typeById(btf, tag.type).kind === 'TYPE_TAG') return undefined;
  return KPTR_TAGS.get(tag.name);
}

/** The tag of a pointer, and the type that it points to (kernel: btf_find_kptr). */
function findKptr(btf: Btf, type: BtfType): { readonly kind: KptrKind; readonly target: BtfType } | undefined {
  const pointer = type.kind === 'VOLATILE' ? typeById(btf, type.type) : type;
  if (pointer.kind !== 'PTR') return undefined;
  const tag = typeById(btf, pointer.type);
  if (tag.kind !== 'TYPE_TAG' || tag.attribute) return undefined;
  const kind = tagOf(btf, pointer);
  if (kind === undefined) return reject(EINVAL, '');
  let target: BtfType = tag;
  while ('type' in target && isModifier(target)) target = typeById(btf, target.type);
  return { kind, target };
}

function isModifier(type: BtfType): boolean {
  return ['CONST', 'VOLATILE', 'RESTRICT', 'TYPE_TAG', 'TYPEDEF'].includes(type.kind);
}

/** What a list or tree contains, by its tag `contains:struct:member` (kernel: btf_find_graph_root). */
function graphRoot(btf: Btf, holder: number, index: number, node: string): () => Partial<SpecialField> {
  const tags = btf.types.filter((t) => t.kind === 'DECL_TAG' && t.type === holder && t.componentIndex === index && t.name.startsWith('contains:')); // prettier-ignore
  if (tags.length !== 1) return reject(EINVAL, '');
  const [, struct, ...rest] = tags[0]!.name.split(':');
  if (rest.length === 0) return reject(EINVAL, '');
  const member = rest.join(':');
  const type = btf.types.find(({ kind, name }) => kind === 'STRUCT' && name === struct);
  if (type?.kind !== 'STRUCT') return reject(ENOENT, '');
  if (member === '') return reject(EINVAL, '');
  return () => ({ target: type.id, nodeOffset: nodeOffset(btf, type, member, node) });
}

/** (kernel: btf_parse_graph_root) */
function nodeOffset(btf: Btf, type: BtfComposite, member: string, node: string): number {
  const found = type.members.filter(({ name }) => name === member);
  if (found.length === 0) return reject(ENOENT, '');
  const of = typeById(btf, found[0]!.type);
  if (found.length > 1 || of.kind !== 'STRUCT' || of.name !== node) return reject(EINVAL, '');
  const { bitOffset } = found[0]!;
  return bitOffset % 64 === 0 ? bitOffset / 8 : reject(EINVAL, '');
}

const REPEATABLE: ReadonlySet<FieldKind> = new Set(['kptr', 'uptr', 'bpf_list_head', 'bpf_rb_root']);

/** Fields of all elements of an array (kernel: btf_repeat_fields). */
function repeat(fields: readonly Found[], count: number, size: number, room: number): Found[] {
  if (count === 1) return [...fields];
  if (fields.some(({ kind }) => !REPEATABLE.has(kind))) reject(EINVAL, '');
  if (fields.length * count > room) reject(E2BIG, '');
  return Array.from({ length: count }, (_, i) => fields.map((f) => ({ ...f, offset: f.offset + i * size }))).flat();
}

/** Objects that own others must not own each other in a circle (kernel: btf_check_and_fixup_fields). */
export function checkOwnership(
  fields: readonly SpecialField[],
  fieldsOf: (id: number) => readonly SpecialField[] | undefined,
): void {
  const isNode = fields.some(({ kind }) => kind === 'bpf_list_node' || kind === 'bpf_rb_node');
  for (const { kind, target } of fields) {
    if (kind !== 'bpf_list_head' && kind !== 'bpf_rb_root') continue;
    const owned = fieldsOf(target!);
    if (owned === undefined) return reject(EFAULT, '');
    if (isNode && owned.some((f) => f.kind === 'bpf_list_head' || f.kind === 'bpf_rb_root')) reject(ELOOP, '');
  }
}

const ELOOP = 40;
