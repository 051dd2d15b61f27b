/** Programs that are for a function, tracepoint, hook or iterator of the kernel (kernel: check_attach_btf_id). */
import { attachTarget } from './attach-target.ts';
import { reject } from './env.ts';
import type { ProgramTypes } from './program-types.ts';
import { EINVAL } from './reject.ts';

const TRAMPOLINES: ReadonlySet<string> = new Set(['BPF_TRACE_FENTRY', 'BPF_TRACE_FEXIT', 'BPF_MODIFY_RETURN']);

/** What is different from a program that is for nothing in particular. */
export function targetTypes(name: string | undefined): Pick<ProgramTypes, 'checkAttach' | 'checkSpecialReturn'> {
  return {
    checkAttach: (env) => {
      const { type, attachType } = env.variant;
      const maySleep = type === 'LSM' || attachType === 'BPF_TRACE_ITER' || TRAMPOLINES.has(attachType ?? '');
      if (env.options.sleepable && !maySleep) {
        reject(EINVAL, 'Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable');
      }
      env.target = attachTarget(env, name);
    },
    // Hooks without a result do not look at r0.
    checkSpecialReturn: (env) => env.variant.type === 'LSM' && env.variant.attachType !== 'BPF_LSM_CGROUP' && env.target!.proto.returnType === 0, // prettier-ignore
  };
}
