/** Special fields of map values and objects: locks, timers, kptrs, lists, trees (kernel: btf_parse_fields). */
import { type Btf, type BtfComposite, type BtfType, skipModifiers, typeById } from '@polybpf/btf';
import type { FieldKind, KptrKind, SpecialField } from './map-model.ts';

const BY_NAME: Readonly<Record<string, { readonly kind: FieldKind; readonly size: number }>> = {
  bpf_spin_lock: { kind: 'bpf_spin_lock', size: 4 },
  bpf_res_spin_lock: { kind: 'bpf_res_spin_lock', size: 4 },
  bpf_timer: { kind: 'bpf_timer', size: 16 },
  bpf_wq: { kind: 'bpf_wq', size: 16 },
  bpf_task_work: { kind: 'bpf_task_work', size: 8 },
  bpf_list_head: { kind: 'bpf_list_head', size: 16 },
  bpf_list_node: { kind: 'bpf_list_node', size: 24 },
  bpf_rb_root: { kind: 'bpf_rb_root', size: 16 },
  bpf_rb_node: { kind: 'bpf_rb_node', size: 32 },
  bpf_refcount: { kind: 'bpf_refcount', size: 4 },
};

const KPTR_TAGS: Readonly<Record<string, KptrKind>> = {
  kptr_untrusted: 'untrusted',
  kptr: 'ref',
  percpu_kptr: 'percpu',
  uptr: 'user',
};

const MAX_DEPTH = 4;

/** Special fields of a type, by offset. */
export function specialFields(btf: Btf, typeId: number): SpecialField[] {
  const found: SpecialField[] = [];
  const type = skipModifiers(btf, typeId);
  if (type.kind === 'STRUCT' || type.kind === 'UNION') collect(btf, type, 0, 0, found);
  else if (type.kind === 'DATASEC') {
    for (const { type: variable, offset } of type.variables) {
      const target = typeById(btf, variable);
      if (target.kind === 'VAR') collectType(btf, target.type, offset, 0, found);
    }
  }
  return found.sort((a, b) => a.offset - b.offset);
}

function collect(btf: Btf, struct: BtfComposite, base: number, depth: number, found: SpecialField[]): void {
  for (const { type, bitOffset } of struct.members) collectType(btf, type, base + (bitOffset >> 3), depth, found);
}

function collectType(btf: Btf, typeId: number, offset: number, depth: number, found: SpecialField[]): void {
  let type = skipModifiers(btf, typeId);
  let count = 1;
  let stride = 0;
  while (type.kind === 'ARRAY') {
    count *= type.nelems;
    type = skipModifiers(btf, type.type);
  }
  if (count > 1) stride = sizeOfType(type);
  for (let i = 0; i < Math.min(count, 64); i++) collectOne(btf, type, offset + i * stride, depth, found);
}

function sizeOfType(type: BtfType): number {
  return 'size' in type ? type.size : 8;
}

function collectOne(btf: Btf, type: BtfType, offset: number, depth: number, found: SpecialField[]): void {
  if (type.kind === 'PTR') {
    const pointee = typeById(btf, type.type);
    if (pointee.kind !== 'TYPE_TAG') return;
    const kptr = KPTR_TAGS[pointee.name];
    if (kptr === undefined) return;
    const target = skipModifiers(btf, pointee.type);
    const isUser = kptr === 'user';
    found.push({
      kind: isUser ? 'uptr' : 'kptr',
      offset,
      size: 8,
      tag: isUser ? 'uptr' : kptr === 'percpu' ? 'percpu_kptr' : 'kptr',
      kptr,
      target: target.id,
    });
    return;
  }
  if (type.kind !== 'STRUCT' && type.kind !== 'UNION') return;
  const special = type.kind === 'STRUCT' ? BY_NAME[type.name] : undefined;
  if (special !== undefined) found.push({ ...special, offset, tag: special.kind });
  else if (depth < MAX_DEPTH) collect(btf, type, offset, depth + 1, found);
}
