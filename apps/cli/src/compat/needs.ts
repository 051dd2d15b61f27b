/** What each program of an object needs of a kernel, with the first release that has it. */
import { createRegistry, KERNEL_PROFILES, type ProgramVariant, type Registry, type Release } from '@polybpf/helpers';
import { BPF_FUNC_tail_call, type InsnRow, type MapDef, type Program, rowOf } from '@polybpf/isa';
import type { LoadedObject, ProgramDetails } from '@polybpf/loader';
import { firstLoop } from './loops.ts';
import { btfFeatures, hasGlobalFunctions, specialFields } from './btf-needs.ts';

export type NeedKind = 'program type' | 'attach type' | 'map type' | 'helper' | 'kfunc' | 'instruction' | 'feature';

/** One thing that is needed. */
export interface Need {
  readonly kind: NeedKind;
  readonly name: string;
  /** First release; null when no kernel up to the newest profile has it, or it is not known. */
  readonly since: Release | null;
  /** True when loaders do without it on older kernels. */
  readonly optional: boolean;
  /** First instruction that needs it. */
  readonly insn: number | null;
  readonly note: string;
}

/** What one program needs. */
export interface ProgramNeeds {
  readonly program: Program;
  readonly needs: readonly Need[];
}

/** Needs of all programs. */
export function programNeeds(object: LoadedObject): ProgramNeeds[] {
  const registry = createRegistry(KERNEL_PROFILES['6.18']);
  return object.programs.map((program, i) => {
    const list = createList();
    typeNeeds(program, registry, list);
    insnNeeds(program, registry, list);
    mapNeeds(program, object, registry, list);
    objectNeeds(program, object, object.details[i]!, registry, list);
    return { program, needs: list.needs() };
  });
}

interface NeedList {
  add(kind: NeedKind, name: string, since: Release | null, more?: Partial<Need>): void;
  feature(registry: Registry, name: string, more?: Partial<Need>): void;
  needs(): Need[];
}

/** Each thing once, with its first place. */
function createList(): NeedList {
  const found = new Map<string, Need>();
  const list: NeedList = {
    add(kind, name, since, more = {}) {
      const key = `${kind} ${name}`;
      if (!found.has(key)) found.set(key, { kind, name, since, optional: false, insn: null, note: '', ...more });
    },
    feature(registry, name, more) {
      const feature = registry.profile.features[name];
      list.add('feature', name, feature?.since ?? null, { note: feature?.title ?? '', ...more });
    },
    needs: () => [...found.values()],
  };
  return list;
}

/** Attach types that loaders leave out where the kernel does not know them: `SEC_ATTACHABLE_OPT` of libbpf. */
// prettier-ignore
const OPTIONAL_ATTACH: ReadonlySet<string> = new Set([
  'BPF_XDP', 'BPF_CGROUP_INET_INGRESS', 'BPF_CGROUP_INET_EGRESS', 'BPF_CGROUP_INET_SOCK_CREATE', 'BPF_CGROUP_SOCK_OPS',
  'BPF_SK_SKB_STREAM_PARSER', 'BPF_SK_SKB_STREAM_VERDICT', 'BPF_SK_SKB_VERDICT', 'BPF_SK_MSG_VERDICT', 'BPF_LIRC_MODE2',
  'BPF_FLOW_DISSECTOR', 'BPF_CGROUP_DEVICE', 'BPF_SK_REUSEPORT_SELECT',
]);

function typeNeeds(program: Program, registry: Registry, list: NeedList): void {
  const { type, attachType, sleepable, section } = program;
  if (type === undefined) return;
  const name = type.toUpperCase();
  const info = registry.profile.programTypes[name];
  list.add('program type', name, info?.since ?? null, info === undefined ? { note: 'no such type' } : {});
  if (attachType !== undefined) {
    // `tc/ingress` may also be attached the old way.
    const optional = OPTIONAL_ATTACH.has(attachType) || (attachType.startsWith('BPF_TCX_') && section?.startsWith('tc/') === true); // prettier-ignore
    list.add('attach type', attachType, registry.profile.attachTypes[attachType]?.since ?? null, { optional });
  }
  if (sleepable === true && type !== 'syscall' && type !== 'struct_ops') {
    list.feature(registry, type === 'kprobe' ? 'sleepable_uprobe' : 'sleepable');
  }
}

function insnNeeds(program: Program, registry: Registry, list: NeedList): void {
  const { insns } = program;
  const variant = program.type === undefined ? undefined : registry.variant({ type: program.type, attachType: program.attachType, sleepable: program.sleepable }); // prettier-ignore
  const kfuncs = new Map(program.relocations.filter(({ kind }) => kind === 'kfunc').map((reference) => [reference.insn, reference])); // prettier-ignore
  if (insns.length > 4096) list.feature(registry, 'insns_1m', { note: `${insns.length} instructions; 4,096 before` });
  for (let i = 0; i < insns.length; i++) {
    const row = rowOf(insns[i]!);
    if (row === undefined) continue;
    instructionNeed(row, i, list);
    if (row.kind === 'call_helper') helperNeed(insns[i]!.imm, i, registry, variant, list);
    else if (row.kind === 'call_kfunc') kfuncNeed(kfuncs.get(i), i, registry, variant, list);
    else if (row.immUse === 'subprogram' && row.slots === 2) list.feature(registry, 'callbacks', { insn: i });
    i += row.slots - 1;
  }
  const loop = firstLoop(program);
  if (loop !== undefined) list.feature(registry, 'bounded_loops', { insn: loop });
  const tailCall = insns.findIndex((insn) => rowOf(insn)?.kind === 'call_helper' && insn.imm === BPF_FUNC_tail_call);
  if (tailCall >= 0 && program.subprograms.length > 1) list.feature(registry, 'tail_call_in_function', { insn: tailCall }); // prettier-ignore
}

/** Instructions beyond those of the first release, one entry for each release and operation. */
function instructionNeed(row: InsnRow, insn: number, list: NeedList): void {
  // Maps are by index in a loaded object; loaders make file descriptors of them.
  if (row.linux === '3.18' || row.kind === 'call_kfunc' || row.op === 'func') return;
  if (row.op === 'map_idx' || row.op === 'map_idx_value') return;
  list.add('instruction', row.name, row.linux === 'never' ? null : row.linux, { insn });
}

/** Helpers that libbpf replaces by `bpf_probe_read` where the kernel lacks them: bpf_object__sanitize_prog(). */
const REPLACED: ReadonlySet<string> = new Set([
  'bpf_probe_read_kernel',
  'bpf_probe_read_user',
  'bpf_probe_read_kernel_str',
  'bpf_probe_read_user_str',
]);

function helperNeed(
  id: number,
  insn: number,
  registry: Registry,
  variant: ProgramVariant | undefined,
  list: NeedList,
): void {
  const helper = registry.helper(id);
  if (helper === undefined) {
    list.add('helper', `helper ${id}`, null, { insn, note: `no kernel up to ${registry.profile.name} has it` });
    return;
  }
  const refused = variant !== undefined && variant.helperSet !== undefined && !registry.helperAllowed(variant, helper);
  const optional = REPLACED.has(helper.name);
  const note = refused ? `programs of type ${variant.name} may not call it` : optional ? 'libbpf falls back to bpf_probe_read' : ''; // prettier-ignore
  list.add('helper', helper.name, refused ? null : helper.since, { insn, note, optional: optional && !refused });
}

function kfuncNeed(
  reference: { readonly symbol: string; readonly weak?: boolean } | undefined,
  insn: number,
  registry: Registry,
  variant: ProgramVariant | undefined,
  list: NeedList,
): void {
  list.add('instruction', 'call_kfunc', '5.13', { insn });
  if (reference === undefined) return;
  const kfunc = registry.kfunc(reference.symbol.replace(/___.*$/, ''));
  // What a struct_ops program may call depends on the struct.
  const refused = kfunc !== undefined && variant?.kfuncSet !== undefined && variant.type !== 'STRUCT_OPS' && !registry.kfuncAllowed(variant, kfunc); // prettier-ignore
  const note = kfunc === undefined ? `not in the profile of ${registry.profile.name}` : refused ? `programs of type ${variant.name} may not call it` : ''; // prettier-ignore
  list.add('kfunc', reference.symbol, refused ? null : (kfunc?.since ?? null), { insn, note, optional: reference.weak === true }); // prettier-ignore
}

/** Flags of `map_flags` that came later than their types. */
const MAP_FLAG_FEATURES: readonly (readonly [flag: number, feature: string])[] = [
  [0x80 | 0x100, 'map_rdonly_prog'],
  [0x400, 'map_mmapable'],
  [0x800, 'map_preserve_elems'],
  [0x1000, 'map_inner_map'],
  [0x2000, 'map_link'],
];

function mapNeeds(program: Program, object: LoadedObject, registry: Registry, list: NeedList): void {
  for (const { map, insn, data } of mapsOf(program)) {
    if (map.kind !== 'map' || data) list.feature(registry, 'map_value_address', { insn });
    for (const each of [map, ...(map.inner === undefined ? [] : [map.inner])]) {
      const type = registry.mapType(each.type);
      const note = `map ${each.name}`;
      list.add('map type', type?.name ?? `type ${each.type}`, type?.since ?? null, { insn, note });
      for (const [flag, feature] of MAP_FLAG_FEATURES) {
        if (each.kind === 'map' && (each.flags & flag) !== 0) list.feature(registry, feature, { insn, note });
      }
      for (const feature of specialFields(object.btf, each)) list.feature(registry, feature, { insn, note });
    }
  }
}

function mapsOf(program: Program): { map: MapDef; insn: number; data: boolean }[] {
  const found = new Map<MapDef, { map: MapDef; insn: number; data: boolean }>();
  program.insns.forEach((insn, i) => {
    const op = rowOf(insn)?.op;
    if (op !== 'map_idx' && op !== 'map_idx_value') return;
    const map = program.maps[insn.imm];
    if (map !== undefined && !found.has(map)) found.set(map, { map, insn: i, data: op === 'map_idx_value' });
  });
  return [...found.values()];
}

function objectNeeds(
  program: Program,
  object: LoadedObject,
  details: ProgramDetails,
  registry: Registry,
  list: NeedList,
): void {
  if (details.frags) list.feature(registry, 'xdp_frags');
  const core = details.coreRelocations[0] ?? details.appliedCore[0];
  if (core !== undefined) list.feature(registry, 'vmlinux_btf', { insn: core.insn, optional: true, note: 'CO-RE relocations; libbpf also takes types from a file' }); // prettier-ignore
  if (object.btf === undefined) return;
  if (hasGlobalFunctions(object.btf, details, program)) list.feature(registry, 'global_functions', { optional: true, note: 'libbpf makes them static on older kernels' }); // prettier-ignore
  for (const feature of btfFeatures(object.btf)) list.feature(registry, feature, { optional: true });
}
