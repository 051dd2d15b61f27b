/** As much of a kernel's BTF as programs need that own objects. */
import { type BtfType, encodeBtf, parseBtf } from '@polybpf/btf';

const types: BtfType[] = [{ kind: 'VOID', id: 0, name: '' }];

type Unnumbered = BtfType extends infer T ? (T extends BtfType ? Omit<T, 'id'> : never) : never;

function add(type: Unnumbered): number {
  types.push({ ...type, id: types.length } as BtfType);
  return types.length - 1;
}

const pointer = (type: number): number => add({ kind: 'PTR', name: '', type, attribute: false });
const int = add({ kind: 'INT', name: 'int', size: 4, encoding: 1, bitOffset: 0, bits: 32 });
const u64 = add({ kind: 'INT', name: 'u64', size: 8, encoding: 0, bitOffset: 0, bits: 64 });
const struct = (name: string): number => pointer(add({ kind: 'STRUCT', name, size: 8, members: [{ name: 'x', type: u64, bitOffset: 0, bitfieldSize: 0 }] })); // prettier-ignore
const any = pointer(0);
const head = struct('bpf_list_head');
const node = struct('bpf_list_node');
const task = struct('task_struct');
const mask = struct('bpf_cpumask');
struct('sock');

function func(name: string, returnType: number, ...params: readonly (readonly [string, number])[]): void {
  const proto = add({ kind: 'FUNC_PROTO', name: '', returnType, params: params.map(([param, type]) => ({ name: param, type })) }); // prettier-ignore
  add({ kind: 'FUNC', name, type: proto, linkage: 0 });
}

const META = ['meta__ign', any] as const;
for (const kind of ['obj', 'percpu_obj']) {
  func(`bpf_${kind}_new_impl`, any, ['local_type_id__k', u64], META);
  func(`bpf_${kind}_drop_impl`, 0, ['p__alloc', any], META);
}
func('bpf_refcount_acquire_impl', any, ['p__refcounted_kptr', any], META);
func('bpf_list_push_back_impl', int, ['head', head], ['node', node], META, ['off', u64]);
func('bpf_list_pop_front', node, ['head', head]);
func('bpf_throw', 0, ['cookie', u64]);
func('bpf_task_release', 0, ['p', task]);
func('bpf_task_release_dtor', 0, ['p', any]);
func('bpf_cpumask_release', 0, ['p', mask]);
func('bpf_cpumask_release_dtor', 0, ['p', any]);

/** Its bytes. */
export const OWNED_KERNEL: Uint8Array = encodeBtf({ endian: 'little', types });

/** Id of a function in it. */
export function kernelFunction(name: string): number {
  return parseBtf(OWNED_KERNEL).types.find((type) => type.kind === 'FUNC' && type.name === name)!.id;
}
