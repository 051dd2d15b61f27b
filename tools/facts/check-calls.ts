// Compares which helpers and kfuncs each variant may call with the live kernel: one program each, in a second or two.
import { type LiveKernel, readVmlinuxBtf } from '@polybpf/kernel';
import type { Registry } from '../../packages/helpers/src/index.ts';
import { kernelFunctions } from '../../packages/kernel/src/probe/kernel-names.ts';
import { probeHelper, probeKfunc } from '../../packages/kernel/src/probe/probe-calls.ts';
import type { Variant } from '../../packages/kernel/src/probe/variants.ts';

/** Questions asked, and where the registry answers otherwise. */
export interface CallReport {
  readonly asked: number;
  readonly differences: readonly string[];
}

/** Asks about every helper and kfunc of the registry, in each of `variants` that the kernel loads. */
export function checkCalls(kernel: LiveKernel, registry: Registry, variants: readonly Variant[]): CallReport {
  const differences: string[] = [];
  let asked = 0;
  const compare = (name: string, variant: string, ours: boolean, theirs: boolean): void => {
    asked++;
    if (ours !== theirs) differences.push(`${name} in ${variant}: registry ${ours ? 'allows' : 'refuses'}, kernel ${theirs ? 'allows' : 'refuses'}`); // prettier-ignore
  };
  const kfuncIds = new Map(kernelFunctions(readVmlinuxBtf()).map(({ name, id }) => [name, id]));
  for (const { name, options } of variants) {
    const variant = registry.variantByName(name);
    if (variant?.loadable !== true || options === undefined) continue;
    for (const helper of Object.values(registry.profile.helpers)) {
      compare(
        helper.name,
        name,
        registry.helperAllowed(variant, helper),
        probeHelper(kernel, options, helper.id).allowed,
      );
    }
    for (const kfunc of Object.values(registry.profile.kfuncs)) {
      const id = kfuncIds.get(kfunc.name);
      if (id === undefined) continue; // a module or an option that this kernel lacks
      compare(kfunc.name, name, registry.kfuncAllowed(variant, kfunc), probeKfunc(kernel, options, id).allowed);
    }
  }
  return { asked, differences };
}
