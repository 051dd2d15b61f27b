/** Programs that are for a function, tracepoint, hook or iterator of the kernel (kernel: check_attach_btf_id). */
import { attachTarget } from './attach-target.ts';
import type { ProgramTypes } from './program-types.ts';

/** What is different from a program that is for nothing in particular. */
export function targetTypes(name: string | undefined): Pick<ProgramTypes, 'checkAttach' | 'checkSpecialReturn'> {
  return {
    checkAttach: (env) => {
      env.target = attachTarget(env, name);
    },
    // Hooks without a result do not look at r0.
    checkSpecialReturn: (env) => env.variant.type === 'LSM' && env.variant.attachType !== 'BPF_LSM_CGROUP' && env.target!.proto.returnType === 0, // prettier-ignore
  };
}
