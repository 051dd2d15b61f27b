/** Prototypes of kernel functions that programs call, out of the kernel's BTF (kernel: fetch_kfunc_meta). */
import { type BtfFunc, type BtfFuncProto, type BtfType, typeById } from '@polybpf/btf';
import type { KfuncInfo, Registry } from '@polybpf/helpers';
import type { KfuncSummary } from './env.ts';
import { type KernelTypes, resolved } from './kernel-types.ts';

/** What a kernel function is. */
export interface Kfunc {
  readonly name: string;
  readonly info: KfuncInfo;
  readonly type: BtfFunc;
  readonly proto: BtfFuncProto;
  /** Type of the result without modifiers; undefined for void. */
  readonly result: BtfType | undefined;
  readonly summary: KfuncSummary;
}

const UNDER_LOCK = /^bpf_(iter_num_|list_|rbtree_|refcount_acquire|res_spin_|arena_|stream_)/;

/**
 * Whether the name is that of a kernel function that no program may call: pahole tags those that are for programs, in BTF
 * that has such tags at all.
 */
export function isOrdinaryFunction(types: KernelTypes, name: string): boolean {
  const id = types.find('FUNC', name)?.id;
  const tags = types.findAll('DECL_TAG', 'bpf_kfunc');
  return id !== undefined && tags.length > 0 && !tags.some((tag) => tag.kind === 'DECL_TAG' && tag.type === id);
}

/** The function of a name; undefined when the kernel has none, or nothing is known of its flags. */
export function kfuncByName(types: KernelTypes, registry: Registry, name: string): Kfunc | undefined {
  const type = types.find('FUNC', name);
  const info = registry.kfunc(name);
  if (type?.kind !== 'FUNC' || info === undefined || !info.flagsKnown || !info.available) return undefined;
  const proto = typeById(types.btf, type.type);
  if (proto.kind !== 'FUNC_PROTO') return undefined;
  const result = resolved(types.btf, proto.returnType);
  const has = (flag: KfuncInfo['flags'][number]): boolean => info.flags.includes(flag);
  return {
    name,
    info,
    type,
    proto,
    result,
    summary: {
      parameters: proto.params.length,
      isVoid: result === undefined,
      fastcall: has('FASTCALL'),
      iterNext: has('ITER_NEXT'),
      sleepable: has('SLEEPABLE'),
      changesPacket: name === 'bpf_xdp_pull_data',
      callsBack: name === 'bpf_rbtree_add_impl' ? 'now' : /^bpf_(wq_set_callback|task_work_schedule)/.test(name) ? 'later' : undefined, // prettier-ignore
      underLock: UNDER_LOCK.test(name),
    },
  };
}
