/** The runner's view of each CPU, by name of the target. */
import { BpfError } from '@polybpf/errors';
import type { Target } from '@polybpf/jit';
import type { RunnerCpu } from '../runner-program.ts';
import { armRunner } from './arm.ts';
import { arm64Runner } from './arm64.ts';
import { loongarch64Runner } from './loongarch64.ts';
import { mips64Runner } from './mips64.ts';
import { ppc64leRunner, ppc64Runner } from './ppc64.ts';
import { riscv64Runner } from './riscv64.ts';
import { s390xRunner } from './s390x.ts';
import { sparc64Runner } from './sparc64.ts';
import { x64Runner } from './x86_64.ts';

const RUNNERS: Readonly<Record<string, (target: Target) => RunnerCpu>> = {
  arm: armRunner,
  arm64: arm64Runner,
  armeb: armRunner,
  loongarch64: loongarch64Runner,
  mips64: mips64Runner,
  mips64le: mips64Runner,
  ppc64: ppc64Runner,
  ppc64le: ppc64leRunner,
  riscv64: riscv64Runner,
  s390x: s390xRunner,
  sparc64: sparc64Runner,
  x86_64: x64Runner,
};

/** Names of the targets that have a runner. */
export const RUNNER_NAMES: readonly string[] = Object.keys(RUNNERS);

/**
 * The runner of a target.
 *
 * @throws BpfError `E_UNSUPPORTED` when there is none
 */
export function runnerCpu(target: Target): RunnerCpu {
  const name = target.base ?? target.name;
  const make = Object.hasOwn(RUNNERS, name) ? RUNNERS[name] : undefined;
  if (make === undefined) {
    throw new BpfError('E_UNSUPPORTED', `running ${target.name} code`, {
      expected: `one of ${RUNNER_NAMES.join(', ')}`,
    });
  }
  return make(target);
}
