// Fields of context structs out of the running kernel's BTF.
import { type Btf, type BtfType, resolveType, sizeOf } from '@polybpf/btf';
import { readVmlinuxBtf } from '@polybpf/kernel';
import { typeText } from '../../packages/kernel/src/probe/kernel-names.ts';

/** Name, C type, offset and size in bytes. */
export type StructField = readonly [name: string, type: string, offset: number, size: number];

/** Structs of include/uapi/linux/bpf.h that programs get, and `pt_regs` as x86-64 has it. */
export const CONTEXT_STRUCTS = [
  '__sk_buff',
  'xdp_md',
  'bpf_sock',
  'bpf_sock_ops',
  'bpf_sock_addr',
  'bpf_cgroup_dev_ctx',
  'sk_msg_md',
  'bpf_raw_tracepoint_args',
  'sk_reuseport_md',
  'bpf_sysctl',
  'bpf_sockopt',
  'bpf_sk_lookup',
  'bpf_perf_event_data',
  'bpf_nf_ctx',
  'pt_regs',
] as const;

/** Fields by struct; of unions each member, of anonymous structs their members. Structs that the BTF lacks are left out. */
export function contextStructs(btf: Btf = readVmlinuxBtf()): Record<string, StructField[]> {
  const entries = CONTEXT_STRUCTS.flatMap((name) => {
    const struct = btf.types.find((type) => type.kind === 'STRUCT' && type.name === name);
    return struct === undefined ? [] : [[name, fieldsOf(btf, struct, 0)] as const];
  });
  return Object.fromEntries(entries);
}

function fieldsOf(btf: Btf, type: BtfType, base: number): StructField[] {
  if (type.kind !== 'STRUCT' && type.kind !== 'UNION') return [];
  return type.members.flatMap((member): StructField[] => {
    const offset = base + Math.floor(member.bitOffset / 8);
    const resolved = resolveType(btf, member.type);
    if (member.name === '') return fieldsOf(btf, resolved, offset);
    return [[member.name, typeText(btf, member.type), offset, sizeOf(btf, member.type)]];
  });
}
