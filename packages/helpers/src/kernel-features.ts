/**
 * What a program or its loader may need beyond types, helpers and kfuncs, with the first mainline release that has it.
 * Sources: the named kernel function or option; releases of instructions agree with the table of `@polybpf/isa`.
 */
import type { Release } from './profile.ts';

/** Name, first release (null: none up to 6.18), what it is. */
export type FeatureRow = readonly [name: string, since: Release | null, title: string];

// prettier-ignore
export const FEATURES: readonly FeatureRow[] = [
  ['insns_1m', '5.2', 'programs of up to 1,000,000 instructions (BPF_COMPLEXITY_LIMIT_INSNS); 4,096 before'],
  ['bounded_loops', '5.3', 'jumps back, as long as the loop ends: check_cfg()'],
  ['local_calls', '4.16', 'BPF functions that call one another'],
  ['global_functions', '5.6', 'global functions verified on their own: BTF_FUNC_GLOBAL'],
  ['tail_call_in_function', '5.10', 'tail calls in a program with local calls (x86-64; arm64 6.0)'],
  ['callbacks', '5.13', 'functions given to helpers: BPF_PSEUDO_FUNC'],
  ['map_value_address', '5.2', 'global variables: BPF_PSEUDO_MAP_VALUE'],
  ['map_index', '5.14', 'maps by index: BPF_PSEUDO_MAP_IDX'],
  ['btf_id_address', '5.10', 'kernel variables by BTF id: BPF_PSEUDO_BTF_ID'],
  ['jlt', '4.14', 'jumps if lower: BPF_JLT, BPF_JLE, BPF_JSLT, BPF_JSLE'],
  ['jmp32', '5.1', 'jumps that compare 32 bits'],
  ['atomic', '5.12', 'atomic and, or, xor, fetch, xchg, cmpxchg'],
  ['cpu_v4', '6.6', 'sign extension, signed division, bswap, long jumps'],
  ['load_acquire', '6.15', 'load-acquire, store-release'],
  ['may_goto', '6.9', 'loops that the kernel bounds: BPF_MAY_GOTO'],
  ['addr_space_cast', '6.9', 'arena pointers: BPF_ADDR_SPACE_CAST'],
  ['gotox', null, 'indirect jumps'],
  ['btf', '4.18', 'BTF'],
  ['btf_func', '5.0', 'BTF of functions, BTF.ext func_info and line_info'],
  ['btf_datasec', '5.2', 'BTF of variables: VAR, DATASEC'],
  ['btf_float', '5.13', 'BTF_KIND_FLOAT'],
  ['btf_decl_tag', '5.16', 'BTF_KIND_DECL_TAG'],
  ['btf_type_tag', '5.17', 'BTF_KIND_TYPE_TAG'],
  ['btf_enum64', '6.0', 'BTF_KIND_ENUM64'],
  ['vmlinux_btf', '5.4', 'BTF of the kernel itself in /sys/kernel/btf/vmlinux; CO-RE relocations need it'],
  ['sleepable', '5.10', 'sleepable programs: BPF_F_SLEEPABLE'],
  ['sleepable_uprobe', '6.0', 'sleepable uprobes'],
  ['xdp_frags', '5.18', 'packets in pieces: BPF_F_XDP_HAS_FRAGS'],
  ['map_rdonly_prog', '5.2', 'BPF_F_RDONLY_PROG, BPF_F_WRONLY_PROG, frozen maps'],
  ['map_mmapable', '5.5', 'BPF_F_MMAPABLE'],
  ['map_inner_map', '5.10', 'BPF_F_INNER_MAP: inner arrays of different sizes'],
  ['map_preserve_elems', '5.10', 'BPF_F_PRESERVE_ELEMS'],
  ['map_link', '6.6', 'BPF_F_LINK: struct_ops with a link'],
  ['spin_lock', '5.1', 'struct bpf_spin_lock in map values'],
  ['timer', '5.15', 'struct bpf_timer in map values'],
  ['kptr', '5.19', 'kernel pointers in map values'],
  ['dynptr', '5.19', 'struct bpf_dynptr'],
  ['rbtree', '6.3', 'struct bpf_rb_root'],
  ['list', '6.2', 'struct bpf_list_head'],
  ['refcount', '6.4', 'struct bpf_refcount'],
  ['workqueue', '6.10', 'struct bpf_wq in map values'],
  ['res_spin_lock', '6.15', 'struct bpf_res_spin_lock'],
  ['task_work', '6.18', 'struct bpf_task_work in map values'],
  ['private_stack', '6.13', 'own stack of a program: 512 bytes for each function'],
  ['exceptions', '6.7', 'bpf_throw()'],
  ['kernel_core', '5.17', 'CO-RE relocations done by the kernel'],
];

/** Features that a kernel is asked for, and the row of `isa` in its probed profile that answers. */
export const PROBED_FEATURES: Readonly<Record<string, string>> = {
  jlt: 'v2: jlt/jle/jslt/jsle',
  jmp32: 'v3: jmp32',
  atomic: 'v3: atomic fetch_add64',
  cpu_v4: 'v4: movsx8',
  load_acquire: '6.14: load_acquire64 (0x100)',
  may_goto: 'may_goto (jcond)',
  gotox: 'indirect jump gotox (0x0d)',
  bounded_loops: 'bounded loop',
  local_calls: 'bpf-to-bpf call (no BTF)',
  map_value_address: 'ld_imm64 map_value',
};
