// Compares which helpers take which map types with the live kernel.
import { encodeProgram, makeInsn } from '@polybpf/isa';
import type { LiveKernel } from '@polybpf/kernel';
import { mapTakesHelper, type Registry } from '../../packages/helpers/src/index.ts';
import { createMapOf } from '../../packages/kernel/src/probe/probe-maps.ts';
import type { Variant } from '../../packages/kernel/src/probe/variants.ts';
import { callWithArguments } from './argument-answers.ts';

/** Pairs of map type and helper that the kernel decided, and where the registry answers otherwise. */
export interface MapReport {
  readonly asked: number;
  readonly differences: readonly string[];
}

/** Asks about every helper with a map argument, with a map of every type that can be created. */
export function checkMaps(kernel: LiveKernel, registry: Registry, variants: readonly Variant[]): MapReport {
  const differences: string[] = [];
  let asked = 0;
  const done = new Set<string>();
  for (const type of Object.keys(registry.profile.mapTypes)) {
    const fd = createMapOf(kernel, type)?.fd;
    if (fd === undefined) continue;
    for (const { name, options } of variants) {
      const variant = registry.variantByName(name);
      if (variant?.loadable !== true || options === undefined) continue;
      for (const helper of registry.helpersOf(variant)) {
        const key = `${type} ${helper.name}`;
        const prototype = registry.prototypeOf(variant, helper);
        if (done.has(key) || !prototype.args.some(({ base }) => base === 'CONST_MAP_PTR')) continue;
        const insns = callWithArguments({ plain: fd, readOnly: fd }, helper, prototype);
        if (insns === undefined) continue;
        const program = [...insns, makeInsn(0xb7, 0, 0, 0, 0), makeInsn(0x95, 0, 0, 0, 0)];
        const outcome = kernel.load(encodeProgram(program), { ...options, name: 'probe', logLevel: 4 });
        if (outcome.accepted) kernel.close(outcome.fd);
        const refused = /cannot pass map_type|expected prog array map/.test(outcome.message);
        // Other messages come before the kernel looks at the type, or are about what the program does with the result.
        if (!outcome.accepted && !refused && !/Unreleased reference/.test(outcome.message)) continue;
        done.add(key);
        asked++;
        const ours = mapTakesHelper(type, helper.name);
        if (ours === refused) differences.push(`${helper.name} with ${type} in ${name}: registry ${ours ? 'allows' : 'refuses'}, kernel ${refused ? 'refuses' : 'allows'}`); // prettier-ignore
      }
    }
  }
  return { asked, differences };
}
