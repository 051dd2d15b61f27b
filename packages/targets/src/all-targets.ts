/** The only list of targets: whoever needs a CPU by name asks here. */
import { BpfError } from '@polybpf/errors';
import { type Target, withOptions } from '@polybpf/jit';
import { arm, armeb } from '@polybpf/jit-arm';
import { arm64 } from '@polybpf/jit-arm64';
import { loongarch64 } from '@polybpf/jit-loongarch64';
import { mips64, mips64le } from '@polybpf/jit-mips64';
import { ppc64, ppc64le } from '@polybpf/jit-ppc64';
import { riscv64 } from '@polybpf/jit-riscv64';
import { s390x } from '@polybpf/jit-s390x';
import { sparc64 } from '@polybpf/jit-sparc64';
import { x86_64 } from '@polybpf/jit-x86_64';

/** Every target that can compile, in the order in which tables show them. */
export const ALL_TARGETS: readonly Target[] = [
  x86_64,
  arm64,
  s390x,
  riscv64,
  ppc64,
  ppc64le,
  mips64,
  mips64le,
  sparc64,
  loongarch64,
  arm,
  armeb,
];

/** Names that the command line knows but for which there is no code generator yet. */
export const PLANNED_TARGETS: readonly string[] = [];

/** One object for each name, so that whoever keeps something by target finds it again. */
const configured = new Map<string, Target>();

/**
 * The target called `name`: a CPU, and after plus signs those of its `options` that are wanted, e.g. `ppc64+power10`.
 *
 * @throws BpfError `E_UNSUPPORTED` for a known CPU without a code generator, `E_TARGET_UNKNOWN` for any other name or
 * option
 */
export function targetByName(name: string): Target {
  const plus = name.indexOf('+');
  if (plus >= 0) {
    const target = withOptions(targetByName(name.slice(0, plus)), name.slice(plus + 1).split('+'));
    const known = configured.get(target.name);
    if (known === undefined) configured.set(target.name, target);
    return known ?? target;
  }
  const target = ALL_TARGETS.find((candidate) => candidate.name === name);
  if (target !== undefined) return target;
  const expected = ALL_TARGETS.map((candidate) => candidate.name).join(', ');
  if (PLANNED_TARGETS.includes(name)) {
    throw new BpfError('E_UNSUPPORTED', `target ${name} has no code generator`, { expected });
  }
  throw new BpfError('E_TARGET_UNKNOWN', 'target name', { expected, got: name });
}

/**
 * Targets from a comma-separated list of names; `all` is every one.
 *
 * @throws BpfError as {@link targetByName}
 */
export function targetsByList(list: string): readonly Target[] {
  const names = list.split(',').map((name) => name.trim());
  const chosen = names.flatMap((name) => (name === 'all' ? ALL_TARGETS : [targetByName(name)]));
  return [...new Set(chosen)];
}
