/** A small kernel: types and functions that programs in tests call. */
import { type BtfType, encodeBtf } from '@polybpf/btf';
import { type Insn, makeInsn } from '@polybpf/isa';

const list: BtfType[] = [];
const add = (type: Record<string, unknown>): number =>
  list.push({ id: list.length + 1, ...type } as unknown as BtfType);
const number = (name: string, size: number): number =>
  add({ kind: 'INT', name, size, encoding: 1, bitOffset: 0, bits: size * 8 });
const int = number('int', 4);
const long = number('long', 8);
const pointer = (type: number): number => add({ kind: 'PTR', name: '', type, attribute: false });
const struct = (name: string, size: number, ...members: readonly (readonly [name: string, type: number])[]): number =>
  add({
    kind: 'STRUCT',
    name,
    size,
    members: members.map(([member, type], i) => ({ name: member, type, bitOffset: i * 64, bitfieldSize: 0 })),
  });
const task = struct('task_struct', 16, ['pid', int], ['next', long]);
const lock = struct('bpf_res_spin_lock', 4, ['val', int]);
const work = struct('bpf_wq', 16, ['a', long], ['b', long]);
struct('bpf_map', 8, ['id', long]);
const tasks = struct('bpf_iter_task', 24, ['a', long], ['b', long], ['c', long]);
const numbers = struct('bpf_iter_num', 8, ['a', long]);
const func = (name: string, result: number, ...params: readonly (readonly [name: string, type: number])[]): void => {
  const type = add({ kind: 'FUNC_PROTO', name: '', returnType: result, params: params.map(([param, of]) => ({ name: param, type: of })) }); // prettier-ignore
  add({ kind: 'FUNC', name, type, linkage: 0 });
};
const flags = ['flags__irq_flag', pointer(long)] as const;
const held = ['lock', pointer(lock)] as const;
func('bpf_local_irq_save', 0, flags);
func('bpf_local_irq_restore', 0, flags);
func('bpf_res_spin_lock', int, held);
func('bpf_res_spin_unlock', 0, held);
func('bpf_res_spin_lock_irqsave', int, held, flags);
func('bpf_res_spin_unlock_irqrestore', 0, held, flags);
func('bpf_rcu_read_lock', 0);
func('bpf_rcu_read_unlock', 0);
func('bpf_iter_num_new', int, ['it', pointer(numbers)], ['start', int], ['end', int]);
func('bpf_iter_num_next', pointer(int), ['it', pointer(numbers)]);
func('bpf_iter_num_destroy', 0, ['it', pointer(numbers)]);
func('bpf_iter_task_new', int, ['it', pointer(tasks)], ['task__nullable', pointer(task)], ['flags', int]);
func('bpf_iter_task_next', pointer(task), ['it', pointer(tasks)]);
func('bpf_iter_task_destroy', 0, ['it', pointer(tasks)]);
func('bpf_wq_init', int, ['wq', pointer(work)], ['p__map', pointer(0)], ['flags', int]);
func('bpf_wq_start', int, ['wq', pointer(work)], ['flags', int]);
func('bpf_lsm_socket_bind', int, ['sock', pointer(task)], ['length', int]);
func('bpf_lsm_sk_free_security', 0, ['sk', pointer(task)]);

// A struct of functions: the kernel's own for tests, with a member that is none.
const state = struct('bpf_dummy_ops_state', 4, ['val', int]);
const proto = (result: number, ...params: readonly (readonly [name: string, type: number])[]): number =>
  pointer(add({ kind: 'FUNC_PROTO', name: '', returnType: result, params: params.map(([name, type]) => ({ name, type })) })); // prettier-ignore
struct('bpf_dummy_ops', 24, ['test_1', proto(int, ['cb', pointer(state)])], ['test_sleepable', proto(0, ['cb', pointer(state)])], ['owner', long]); // prettier-ignore
struct('bpf_struct_ops_bpf_dummy_ops', 8, ['common', long]);
func('bpf_dummy_ops__test_1', int, ['cb__nullable', pointer(state)]);
func('bpf_dummy_ops__test_sleepable', 0, ['cb', pointer(state)]);

/** A map value with a lock at 8. */
export const WITH_LOCK: number = struct('with_lock', 16, ['a', long], ['lock', lock]);
/** A map value with a work queue at 8. */
export const WITH_WORK: number = struct('with_work', 24, ['a', long], ['work', work]);
/** Type of a key. */
export const KEY: number = int;

/** The types, as bytes of a `.BTF` section; they serve the maps too. */
export const KERNEL: Uint8Array = encodeBtf({
  endian: 'little',
  types: [{ kind: 'VOID', id: 0, name: '' } as unknown as BtfType, ...list],
});

/** Call of a function of the kernel. */
export function callKernel(name: string): Insn {
  return makeInsn(0x85, 0, 2, 0, list.find((type) => type.kind === 'FUNC' && type.name === name)!.id);
}
