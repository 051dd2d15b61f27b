/** What an object's BTF says about the kernel it needs. */
import type { MapDef, Program } from '@polybpf/isa';
import type { LoadedObject, ProgramDetails } from '@polybpf/loader';

export type Btf = NonNullable<LoadedObject['btf']>;
type BtfType = Btf['types'][number];

/** Structs in map values that the kernel looks for (btf_find_field() of kernel/bpf/btf.c), and the feature of each. */
const SPECIAL: Readonly<Record<string, string>> = {
  bpf_spin_lock: 'spin_lock',
  bpf_res_spin_lock: 'res_spin_lock',
  bpf_timer: 'timer',
  bpf_wq: 'workqueue',
  bpf_list_head: 'list',
  bpf_rb_root: 'rbtree',
  bpf_refcount: 'refcount',
  bpf_task_work: 'task_work',
};
const KPTR_TAGS: ReadonlySet<string> = new Set(['kptr', 'kptr_untrusted', 'percpu_kptr', 'uptr']);
const MAX_DEPTH = 8;
/** `enum btf_func_linkage`. */
const BTF_FUNC_GLOBAL = 1;

/** Features of special fields in the values of a map. */
export function specialFields(btf: Btf | undefined, map: MapDef): string[] {
  if (btf === undefined || map.btfValueTypeId === undefined || map.btfValueTypeId === 0) return [];
  const found = new Set<string>();
  collect(btf, map.btfValueTypeId, found, 0);
  return [...found];
}

/** Without typedefs and qualifiers. */
function resolve(btf: Btf, id: number): BtfType | undefined {
  let type = btf.types.find((candidate) => candidate.id === id);
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    if (type?.kind !== 'TYPEDEF' && type?.kind !== 'CONST' && type?.kind !== 'VOLATILE' && type?.kind !== 'RESTRICT') break; // prettier-ignore
    const next: number = type.type;
    type = btf.types.find((candidate) => candidate.id === next);
  }
  return type;
}

function collect(btf: Btf, id: number, found: Set<string>, depth: number): void {
  if (id === 0 || depth > MAX_DEPTH) return;
  const type = resolve(btf, id);
  if (type === undefined) return;
  if (type.kind === 'ARRAY') return collect(btf, type.type, found, depth + 1);
  if (type.kind === 'PTR') {
    const target = btf.types.find((candidate) => candidate.id === type.type);
    if (target?.kind === 'TYPE_TAG' && KPTR_TAGS.has(target.name)) found.add('kptr');
    return;
  }
  if (type.kind !== 'STRUCT' && type.kind !== 'UNION' && type.kind !== 'DATASEC') return;
  const feature = type.kind === 'STRUCT' && Object.hasOwn(SPECIAL, type.name) ? SPECIAL[type.name] : undefined;
  if (feature !== undefined) found.add(feature);
  if (type.kind === 'DATASEC') return;
  for (const member of type.members) collect(btf, member.type, found, depth + 1);
}

/** BTF kinds that came after the first. */
const KIND_FEATURES: Readonly<Partial<Record<BtfType['kind'], string>>> = {
  FUNC: 'btf_func',
  VAR: 'btf_datasec',
  DATASEC: 'btf_datasec',
  FLOAT: 'btf_float',
  DECL_TAG: 'btf_decl_tag',
  TYPE_TAG: 'btf_type_tag',
  ENUM64: 'btf_enum64',
};

/** Features that the kinds of an object's BTF need. */
export function btfFeatures(btf: Btf): string[] {
  const found = new Set(['btf']);
  for (const type of btf.types) {
    const feature = KIND_FEATURES[type.kind];
    if (feature !== undefined) found.add(feature);
  }
  return [...found];
}

/** Whether a program calls functions that the kernel verifies on their own: global ones beside the program itself. */
export function hasGlobalFunctions(btf: Btf, details: ProgramDetails, program: Program): boolean {
  return details.funcInfo.some(({ insn, type }) => {
    const func = insn === program.subprograms[0]?.start ? undefined : resolve(btf, type);
    return func?.kind === 'FUNC' && func.linkage === BTF_FUNC_GLOBAL;
  });
}
