// Prints, as JSON, which variants this process may load and which helpers of each it may not call: run by a native test in
// a process with fewer capabilities.
import { encodeProgram, makeInsn } from '@polybpf/isa';
import { openLiveKernel } from '@polybpf/kernel';
import { createRegistry, profileByName } from '../../packages/helpers/src/index.ts';
import { probeHelper } from '../../packages/kernel/src/probe/probe-calls.ts';
import { programVariants } from '../../packages/kernel/src/probe/variants.ts';

using kernel = openLiveKernel();
const registry = createRegistry(profileByName('6.18'));
const answers: Record<string, string[] | null> = {};
for (const { name, options } of programVariants()) {
  const variant = registry.variantByName(name);
  if (variant?.loadable !== true || options === undefined) continue;
  const value = Math.max(0, variant.returns.range?.[0] ?? 0);
  const outcome = kernel.load(encodeProgram([makeInsn(0xb7, 0, 0, 0, value), makeInsn(0x95, 0, 0, 0, 0)]), options);
  if (outcome.accepted) kernel.close(outcome.fd);
  answers[name] = outcome.accepted ? registry.helpersOf(variant).filter(({ id }) => !probeHelper(kernel, options, id).allowed).map((helper) => helper.name) : null; // prettier-ignore
}
console.log(JSON.stringify(answers));
