/** All helpers of a kernel profile for a world: implemented, or refused by name when a program calls them. */
import { BpfError } from '@polybpf/errors';
import type { Registry } from '@polybpf/helpers';
import { createHelperRegistry, type Helper, type HelperContext, type HelperRegistry } from '@polybpf/interpreter';
import { BPF_FUNC_tail_call } from '@polybpf/isa';
import { CSUM_HELPERS } from './helpers-csum.ts';
import { DYNPTR_HELPERS, DYNPTR_KFUNCS } from './helpers-dynptr.ts';
import { LOOP_HELPERS, LOOP_KFUNCS } from './helpers-loop.ts';
import { MAP_HELPERS } from './helpers-map.ts';
import { OUTPUT_HELPERS } from './helpers-output.ts';
import { PRINT_HELPERS } from './helpers-print.ts';
import { PROBE_HELPERS } from './helpers-probe.ts';
import { REDIRECT_HELPERS } from './helpers-redirect.ts';
import { SKB_ADJUST_HELPERS } from './helpers-skb-adjust.ts';
import { SKB_HELPERS } from './helpers-skb.ts';
import { SOCKET_HELPERS } from './helpers-socket.ts';
import { STACK_HELPERS } from './helpers-stack.ts';
import { STORAGE_HELPERS } from './helpers-storage.ts';
import { STRING_HELPERS } from './helpers-strings.ts';
import { TASK_HELPERS } from './helpers-task.ts';
import { TIME_HELPERS } from './helpers-time.ts';
import { XDP_HELPERS } from './helpers-xdp.ts';
import type { HelperTable, World } from './world.ts';

/** Every helper that is implemented, by name. `bpf_tail_call` is the engine's. */
export const HELPERS: HelperTable = {
  ...MAP_HELPERS,
  ...PROBE_HELPERS,
  ...TIME_HELPERS,
  ...PRINT_HELPERS,
  ...OUTPUT_HELPERS,
  ...DYNPTR_HELPERS,
  ...STRING_HELPERS,
  ...TASK_HELPERS,
  ...STACK_HELPERS,
  ...LOOP_HELPERS,
  ...STORAGE_HELPERS,
  ...CSUM_HELPERS,
  ...SKB_HELPERS,
  ...SKB_ADJUST_HELPERS,
  ...XDP_HELPERS,
  ...REDIRECT_HELPERS,
  ...SOCKET_HELPERS,
};

/** Every kfunc that is implemented, by name. */
export const KFUNCS: HelperTable = { ...DYNPTR_KFUNCS, ...LOOP_KFUNCS };

/** Helpers that replace others, by name or as engines take them. */
export interface OwnHelpers {
  readonly helpers?: readonly OwnHelperLike[];
  readonly kfuncs?: readonly OwnHelperLike[];
  /** By kernel name, with or without `bpf_`. */
  readonly mocks?: Readonly<Record<string, (cx: HelperContext) => bigint | number | void>>;
}

/** A helper of the interpreter, or one of `defineHelper`. */
export interface OwnHelperLike {
  readonly id: number;
  readonly name?: string;
  call(cx: HelperContext): bigint | number | void;
}

function refuse(name: string): HelperTable[string] {
  return () => {
    throw new BpfError('E_UNSUPPORTED', `${name} needs a kernel, or a mock`);
  };
}

/**
 * The helpers that programs of a VM may call.
 *
 * @param btfNames - names of kfuncs that instructions call by BTF id
 * @throws BpfError `E_INPUT` for a mock of something that the profile has not
 */
export function createHelperSet(
  world: World,
  registry: Registry,
  own: OwnHelpers,
  btfNames: ReadonlyMap<number, string> = new Map(),
): HelperRegistry {
  const infos = Object.values(registry.profile.helpers).filter(({ available }) => available);
  const bind = (id: number, name: string, code: HelperTable[string]): Helper => ({
    id,
    name,
    call: (cx) => code(cx, world),
  });
  const helpers = infos
    .filter(({ id }) => id !== BPF_FUNC_tail_call)
    .map(({ id, name }) => bind(id, name, HELPERS[name] ?? refuse(name)));
  const kfuncs = Object.entries(KFUNCS).map(([name, code]) => bind(0, name, code));
  const kfuncRefusals = Object.keys(registry.profile.kfuncs)
    .filter((name) => KFUNCS[name] === undefined)
    .map((name) => bind(0, name, refuse(name)));
  for (const [key, mock] of Object.entries(own.mocks ?? {})) {
    const helper = registry.helper(key);
    if (helper !== undefined) helpers.push({ id: helper.id, name: helper.name, call: mock });
    else if (registry.kfunc(key) !== undefined) kfuncs.unshift({ id: 0, name: key, call: mock });
    else throw new BpfError('E_INPUT', 'mock', { expected: 'name of a helper or kfunc of the profile', got: key });
  }
  const found = createHelperRegistry(
    [...helpers, ...(own.helpers ?? [])],
    [...(own.kfuncs ?? []), ...kfuncs, ...kfuncRefusals],
  );
  return {
    helper: (id) => found.helper(id),
    kfunc(reference) {
      const name = reference.name ?? btfNames.get(reference.id);
      return found.kfunc?.({ ...reference, ...(name === undefined ? {} : { name }) });
    },
  };
}
