// Compares flags of kfuncs with what the live kernel says to a call with five zeros: whether it misses a trusted pointer,
// whether a reference is left, whether the result may be NULL.
import { encodeProgram, makeInsn } from '@polybpf/isa';
import { type LiveKernel, readVmlinuxBtf } from '@polybpf/kernel';
import type { KfuncFlag, Registry } from '../../packages/helpers/src/index.ts';
import { kernelFunctions } from '../../packages/kernel/src/probe/kernel-names.ts';
import type { Variant } from '../../packages/kernel/src/probe/variants.ts';

/** Flags that the kernel's answers decided, and where the registry says otherwise. */
export interface KfuncReport {
  readonly kfuncs: number;
  readonly flags: number;
  readonly differences: readonly string[];
}

const LEAK = /reference leak|Unreleased reference/;
const NULL_POINTER = /Possibly NULL pointer passed to trusted/;

/** Asks about every kfunc in the first variant that may call it. */
export function checkKfuncs(kernel: LiveKernel, registry: Registry, variants: readonly Variant[]): KfuncReport {
  const ids = new Map(kernelFunctions(readVmlinuxBtf()).map(({ name, id }) => [name, id]));
  const differences: string[] = [];
  const done = new Set<string>();
  let count = 0;
  for (const { name, options } of variants) {
    const variant = registry.variantByName(name);
    if (variant?.loadable !== true || options === undefined) continue;
    for (const kfunc of registry.kfuncsOf(variant)) {
      const id = ids.get(kfunc.name);
      const sleeps = kfunc.flags.includes('SLEEPABLE');
      if (id === undefined || done.has(kfunc.name) || (sleeps && !variant.sleepable)) continue;
      done.add(kfunc.name);
      const zeros = [1, 2, 3, 4, 5].map((register) => makeInsn(0xb7, register, 0, 0, 0));
      const call = makeInsn(0x85, 0, 2, 0, id);
      const program = [...zeros, call, makeInsn(0xb7, 0, 0, 0, 0), makeInsn(0x95, 0, 0, 0, 0)];
      const outcome = kernel.load(encodeProgram(program), { ...options, name: 'probe', logLevel: 2 });
      if (outcome.accepted) kernel.close(outcome.fd);
      const expect = (what: string, ours: boolean, theirs: boolean): void => {
        count++;
        if (ours !== theirs) differences.push(`${kfunc.name} in ${name}: ${what}: registry ${ours}, kernel ${theirs}: ${outcome.message}`); // prettier-ignore
      };
      const has = (...flags: KfuncFlag[]): boolean => flags.some((flag) => kfunc.flags.includes(flag));
      // is_kfunc_trusted_args() counts releasing as well.
      const misses = NULL_POINTER.test(outcome.message);
      if (misses) expect('trusted arguments', has('TRUSTED_ARGS', 'RCU', 'RELEASE'), true);
      const leaks = LEAK.test(outcome.message);
      if (!outcome.accepted && !leaks) continue;
      if (takesPointer(kfunc.params)) expect('trusted arguments', has('TRUSTED_ARGS', 'RCU', 'RELEASE'), false);
      expect('acquires', has('ACQUIRE'), leaks);
      const result = /\bR0(?:_\w+)?=([^\s(]+)/.exec(outcome.log.slice(outcome.log.indexOf('(85) call')))?.[1];
      if (result !== undefined) expect('may be NULL', has('RET_NULL'), result.includes('or_null'));
    }
  }
  return { kfuncs: done.size, flags: count, differences };
}

/** Whether a zero can have been missed: the first argument is a pointer that the verifier looks at. */
function takesPointer(params: readonly { readonly name: string; readonly type: string }[]): boolean {
  const first = params[0];
  return first !== undefined && first.type.endsWith('*') && !/__(ign|nullable|opt|k|str)$/.test(first.name);
}
