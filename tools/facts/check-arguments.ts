// Compares the argument kinds of the registry with the live kernel: for every helper, in every variant that may call it.
import type { LiveKernel } from '@polybpf/kernel';
import type { ArgumentBase, ArgumentKind, Registry } from '../../packages/helpers/src/index.ts';
import type { Variant } from '../../packages/kernel/src/probe/variants.ts';
import { askArguments, createProbeMaps, probeSources } from './argument-answers.ts';

const MEMORY = 'fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_';
const SIZE = 'scalar';

/** Register types that the verifier names for each kind: compatible_reg_types[] of kernel/bpf/verifier.c. */
const EXPECTED: Readonly<Record<ArgumentBase, string | undefined>> = {
  ANYTHING: undefined,
  CONST_MAP_PTR: 'map_ptr',
  PTR_TO_MAP_KEY: MEMORY,
  PTR_TO_MAP_VALUE: MEMORY,
  PTR_TO_MEM: MEMORY,
  CONST_SIZE: SIZE,
  CONST_SIZE_OR_ZERO: SIZE,
  CONST_ALLOC_SIZE_OR_ZERO: SIZE,
  PTR_TO_CTX: 'ctx',
  PTR_TO_BTF_ID: 'ptr_, trusted_ptr_, rcu_ptr_',
  PTR_TO_BTF_ID_SOCK_COMMON: 'sock_common, sock, tcp_sock, xdp_sock, ptr_, trusted_ptr_',
  PTR_TO_SOCK_COMMON: 'sock_common, sock, tcp_sock, xdp_sock',
  PTR_TO_SOCKET: 'sock',
  PTR_TO_PERCPU_BTF_ID: 'percpu_ptr_, percpu_rcu_ptr_, percpu_trusted_ptr_',
  PTR_TO_SPIN_LOCK: 'map_value, ptr_',
  PTR_TO_RINGBUF_MEM: 'ringbuf_mem',
  PTR_TO_FUNC: 'func',
  PTR_TO_STACK: 'fp',
  PTR_TO_CONST_STR: 'map_value',
  PTR_TO_TIMER: 'map_value',
  KPTR_XCHG_DEST: 'map_value, ptr_',
  PTR_TO_DYNPTR: 'fp, dynptr_ptr',
};

/** What the check found. */
export interface ArgumentReport {
  /** Helper and variant pairs that were asked. */
  readonly asked: number;
  readonly arguments: number;
  /** Helpers of which no variant let every argument be asked. */
  readonly incomplete: readonly string[];
  readonly problems: readonly string[];
}

/** Asks the kernel about every argument of every helper in `variants`. */
export function checkArguments(kernel: LiveKernel, registry: Registry, variants: readonly Variant[]): ArgumentReport {
  const maps = createProbeMaps(kernel);
  const problems: string[] = [];
  const complete = new Set<string>();
  const tried = new Set<string>();
  let asked = 0;
  let count = 0;
  for (const { name, options } of variants) {
    const variant = registry.variantByName(name);
    if (variant === undefined || options === undefined || !variant.loadable) continue;
    const sources = probeSources(registry, variant);
    for (const helper of registry.helpersOf(variant)) {
      if (helper.sleepableOnly && !variant.sleepable) continue;
      const prototype = registry.prototypeOf(variant, helper);
      const result = askArguments(kernel, options, maps, helper, prototype, sources);
      asked++;
      tried.add(helper.name);
      if (result.complete) complete.add(helper.name);
      for (const answer of result.answers) {
        count++;
        const kind = prototype.args[answer.arg - 1]!;
        for (const difference of differences(kind, answer)) problems.push(`${helper.name} argument ${answer.arg} in ${name}: ${difference}`); // prettier-ignore
      }
    }
  }
  return { asked, arguments: count, incomplete: [...tried].filter((name) => !complete.has(name)), problems };
}

function* differences(
  kind: ArgumentKind,
  answer: { readonly expected: string | undefined; readonly nullable: boolean; readonly writes: boolean | undefined },
): Iterable<string> {
  const expected = EXPECTED[kind.base];
  if (answer.expected !== expected)
    yield `registry has ${kind.base}, the kernel expects ${answer.expected ?? 'anything'}`;
  const nullable = kind.flags.includes('MAYBE_NULL') || expected === undefined || expected === SIZE;
  if (answer.nullable !== nullable) yield `the kernel ${answer.nullable ? 'takes' : 'refuses'} 0`;
  if (answer.writes !== undefined && answer.writes !== kind.flags.includes('WRITE')) {
    yield `the kernel ${answer.writes ? 'writes' : 'only reads'}`;
  }
}
