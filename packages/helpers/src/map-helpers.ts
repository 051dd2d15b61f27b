/**
 * Which helpers take which map types: check_map_func_compatibility() of kernel/bpf/verifier.c. A type that is listed takes
 * its helpers only; a helper that is listed under any type takes those types only.
 */

/** Helpers by map type, without `bpf_`. */
// prettier-ignore
const BY_TYPE: Readonly<Record<string, readonly string[]>> = {
  PROG_ARRAY: ['tail_call'],
  PERF_EVENT_ARRAY: ['perf_event_read', 'perf_event_output', 'skb_output', 'perf_event_read_value', 'xdp_output'],
  RINGBUF: ['ringbuf_output', 'ringbuf_reserve', 'ringbuf_query', 'ringbuf_reserve_dynptr', 'ringbuf_submit_dynptr', 'ringbuf_discard_dynptr'],
  USER_RINGBUF: ['user_ringbuf_drain'],
  STACK_TRACE: ['get_stackid'],
  CGROUP_ARRAY: ['skb_under_cgroup', 'current_task_under_cgroup'],
  CGROUP_STORAGE: ['get_local_storage'],
  PERCPU_CGROUP_STORAGE: ['get_local_storage'],
  DEVMAP: ['redirect_map', 'map_lookup_elem'],
  DEVMAP_HASH: ['redirect_map', 'map_lookup_elem'],
  CPUMAP: ['redirect_map'],
  XSKMAP: ['redirect_map', 'map_lookup_elem'],
  ARRAY_OF_MAPS: ['map_lookup_elem'],
  HASH_OF_MAPS: ['map_lookup_elem'],
  SOCKMAP: ['sk_redirect_map', 'sock_map_update', 'msg_redirect_map', 'sk_select_reuseport', 'map_lookup_elem', 'map_update_elem', 'map_delete_elem'],
  SOCKHASH: ['sk_redirect_hash', 'sock_hash_update', 'msg_redirect_hash', 'sk_select_reuseport', 'map_lookup_elem', 'map_update_elem', 'map_delete_elem'],
  REUSEPORT_SOCKARRAY: ['sk_select_reuseport'],
  QUEUE: ['map_peek_elem', 'map_pop_elem', 'map_push_elem'],
  STACK: ['map_peek_elem', 'map_pop_elem', 'map_push_elem'],
  BLOOM_FILTER: ['map_peek_elem', 'map_push_elem'],
  SK_STORAGE: ['sk_storage_get', 'sk_storage_delete', 'kptr_xchg'],
  INODE_STORAGE: ['inode_storage_get', 'inode_storage_delete', 'kptr_xchg'],
  TASK_STORAGE: ['task_storage_get', 'task_storage_delete', 'kptr_xchg'],
  CGRP_STORAGE: ['cgrp_storage_get', 'cgrp_storage_delete', 'kptr_xchg'],
};

/** Map types by helper, where the types are not all in the table above. */
const BY_HELPER: Readonly<Record<string, readonly string[]>> = {
  map_lookup_percpu_elem: ['PERCPU_ARRAY', 'PERCPU_HASH', 'LRU_PERCPU_HASH'],
};

/** Helpers of listed types that take other maps as well. */
const EVERYWHERE: ReadonlySet<string> = new Set(['map_lookup_elem', 'map_update_elem', 'map_delete_elem', 'kptr_xchg']);

const RESTRICTED: ReadonlyMap<string, ReadonlySet<string>> = restrictedHelpers();

function restrictedHelpers(): Map<string, Set<string>> {
  const types = new Map<string, Set<string>>(
    Object.entries(BY_HELPER).map(([helper, list]) => [helper, new Set(list)]),
  );
  for (const [type, helpers] of Object.entries(BY_TYPE)) {
    for (const helper of helpers) {
      if (EVERYWHERE.has(helper)) continue;
      const known = types.get(helper);
      if (known === undefined) types.set(helper, new Set([type]));
      else known.add(type);
    }
  }
  return types;
}

/**
 * Program types whose programs may update a SOCKMAP or SOCKHASH with `bpf_map_update_elem`; deleting is allowed to them and
 * to SOCK_OPS, SK_SKB and SK_MSG as well: may_update_sockmap(). Tracing programs must be iterators.
 */
export const SOCKMAP_UPDATE_TYPES: readonly string[] = ['TRACING', 'SOCKET_FILTER', 'SCHED_CLS', 'SCHED_ACT', 'XDP', 'SK_REUSEPORT', 'FLOW_DISSECTOR', 'SK_LOOKUP']; // prettier-ignore

/**
 * Whether a map of this type may be given to a helper.
 *
 * @param mapType - `HASH`, as in the profile
 * @param helper - `bpf_map_lookup_elem`
 */
export function mapTakesHelper(mapType: string, helper: string): boolean {
  const name = helper.replace(/^bpf_/, '');
  const helpers = Object.hasOwn(BY_TYPE, mapType) ? BY_TYPE[mapType] : undefined;
  if (helpers !== undefined && !helpers.includes(name)) return false;
  return RESTRICTED.get(name)?.has(mapType) ?? true;
}
