/** The context of a program as the kernel has it (kernel: get_kern_ctx_btf_id). */
import { typeById } from '@polybpf/btf';
import { type Env, notModelled, reject } from './env.ts';
import { isStruct } from './kernel-types.ts';
import { EINVAL } from './reject.ts';

/**
 * Id of the type. The kernel's BTF has a struct whose members are the two types of the context of each program type: that
 * of the program and that of the kernel.
 */
export function kernelContext(env: Env): number {
  const types = env.kernel!;
  const all = types.find('STRUCT', 'bpf_ctx_convert');
  if (all === undefined || !isStruct(all)) return notModelled('contexts of a kernel without struct bpf_ctx_convert');
  const member = all.members.find(({ name }) => name === `BPF_PROG_TYPE_${env.variant.type}_kern`);
  if (member === undefined) return notModelled(`context of ${env.variant.type}`);
  if (!isStruct(typeById(types.btf, member.type))) {
    reject(EINVAL, `kern ctx type id ${member.type} is not a struct`);
  }
  return member.type;
}
