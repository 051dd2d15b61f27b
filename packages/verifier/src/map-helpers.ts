/** Which maps go with which helpers (kernel: check_map_func_compatibility). */
import { type Env, reject } from './env.ts';
import * as M from './map-model.ts';
import { EINVAL } from './reject.ts';

/** Helpers that take a map of the type; types that are not listed are open to all others. */
const BY_MAP: Readonly<Record<number, readonly string[]>> = {
  [M.MAP_PROG_ARRAY]: ['tail_call'],
  [M.MAP_PERF_EVENT_ARRAY]: [
    'perf_event_read',
    'perf_event_output',
    'skb_output',
    'perf_event_read_value',
    'xdp_output',
  ],
  [M.MAP_RINGBUF]: [
    'ringbuf_output',
    'ringbuf_reserve',
    'ringbuf_query',
    'ringbuf_reserve_dynptr',
    'ringbuf_submit_dynptr',
    'ringbuf_discard_dynptr',
  ],
  [M.MAP_USER_RINGBUF]: ['user_ringbuf_drain'],
  [M.MAP_STACK_TRACE]: ['get_stackid'],
  [M.MAP_CGROUP_ARRAY]: ['skb_under_cgroup', 'current_task_under_cgroup'],
  [M.MAP_CGROUP_STORAGE]: ['get_local_storage'],
  [M.MAP_PERCPU_CGROUP_STORAGE]: ['get_local_storage'],
  [M.MAP_DEVMAP]: ['redirect_map', 'map_lookup_elem'],
  [M.MAP_DEVMAP_HASH]: ['redirect_map', 'map_lookup_elem'],
  [M.MAP_CPUMAP]: ['redirect_map'],
  [M.MAP_XSKMAP]: ['redirect_map', 'map_lookup_elem'],
  [M.MAP_ARRAY_OF_MAPS]: ['map_lookup_elem'],
  [M.MAP_HASH_OF_MAPS]: ['map_lookup_elem'],
  [M.MAP_SOCKMAP]: ['sk_redirect_map', 'sock_map_update', 'msg_redirect_map', 'sk_select_reuseport', 'map_lookup_elem'],
  [M.MAP_SOCKHASH]: [
    'sk_redirect_hash',
    'sock_hash_update',
    'msg_redirect_hash',
    'sk_select_reuseport',
    'map_lookup_elem',
  ],
  [M.MAP_REUSEPORT_SOCKARRAY]: ['sk_select_reuseport'],
  [M.MAP_QUEUE]: ['map_peek_elem', 'map_pop_elem', 'map_push_elem'],
  [M.MAP_STACK]: ['map_peek_elem', 'map_pop_elem', 'map_push_elem'],
  [M.MAP_SK_STORAGE]: ['sk_storage_get', 'sk_storage_delete', 'kptr_xchg'],
  [M.MAP_INODE_STORAGE]: ['inode_storage_get', 'inode_storage_delete', 'kptr_xchg'],
  [M.MAP_TASK_STORAGE]: ['task_storage_get', 'task_storage_delete', 'kptr_xchg'],
  [M.MAP_CGRP_STORAGE]: ['cgrp_storage_get', 'cgrp_storage_delete', 'kptr_xchg'],
  [M.MAP_BLOOM_FILTER]: ['map_peek_elem', 'map_push_elem'],
};

/** Types of maps that a helper takes; helpers that are not listed take all others. */
const BY_HELPER: Readonly<Record<string, readonly number[]>> = {
  tail_call: [M.MAP_PROG_ARRAY],
  perf_event_read: [M.MAP_PERF_EVENT_ARRAY],
  perf_event_output: [M.MAP_PERF_EVENT_ARRAY],
  perf_event_read_value: [M.MAP_PERF_EVENT_ARRAY],
  skb_output: [M.MAP_PERF_EVENT_ARRAY],
  xdp_output: [M.MAP_PERF_EVENT_ARRAY],
  ringbuf_output: [M.MAP_RINGBUF],
  ringbuf_reserve: [M.MAP_RINGBUF],
  ringbuf_query: [M.MAP_RINGBUF],
  ringbuf_reserve_dynptr: [M.MAP_RINGBUF],
  ringbuf_submit_dynptr: [M.MAP_RINGBUF],
  ringbuf_discard_dynptr: [M.MAP_RINGBUF],
  user_ringbuf_drain: [M.MAP_USER_RINGBUF],
  get_stackid: [M.MAP_STACK_TRACE],
  current_task_under_cgroup: [M.MAP_CGROUP_ARRAY],
  skb_under_cgroup: [M.MAP_CGROUP_ARRAY],
  redirect_map: [M.MAP_DEVMAP, M.MAP_DEVMAP_HASH, M.MAP_CPUMAP, M.MAP_XSKMAP],
  sk_redirect_map: [M.MAP_SOCKMAP],
  msg_redirect_map: [M.MAP_SOCKMAP],
  sock_map_update: [M.MAP_SOCKMAP],
  sk_redirect_hash: [M.MAP_SOCKHASH],
  msg_redirect_hash: [M.MAP_SOCKHASH],
  sock_hash_update: [M.MAP_SOCKHASH],
  get_local_storage: [M.MAP_CGROUP_STORAGE, M.MAP_PERCPU_CGROUP_STORAGE],
  sk_select_reuseport: [M.MAP_REUSEPORT_SOCKARRAY, M.MAP_SOCKMAP, M.MAP_SOCKHASH],
  map_pop_elem: [M.MAP_QUEUE, M.MAP_STACK],
  map_peek_elem: [M.MAP_QUEUE, M.MAP_STACK, M.MAP_BLOOM_FILTER],
  map_push_elem: [M.MAP_QUEUE, M.MAP_STACK, M.MAP_BLOOM_FILTER],
  map_lookup_percpu_elem: [M.MAP_PERCPU_ARRAY, M.MAP_PERCPU_HASH, M.MAP_LRU_PERCPU_HASH],
  sk_storage_get: [M.MAP_SK_STORAGE],
  sk_storage_delete: [M.MAP_SK_STORAGE],
  inode_storage_get: [M.MAP_INODE_STORAGE],
  inode_storage_delete: [M.MAP_INODE_STORAGE],
  task_storage_get: [M.MAP_TASK_STORAGE],
  task_storage_delete: [M.MAP_TASK_STORAGE],
  cgrp_storage_get: [M.MAP_CGRP_STORAGE],
  cgrp_storage_delete: [M.MAP_CGRP_STORAGE],
};

/** Program types that may update maps of sockets: no socket is locked in them. */
const SOCKMAP_UPDATERS: ReadonlySet<string> = new Set([
  'SOCKET_FILTER',
  'SCHED_CLS',
  'SCHED_ACT',
  'XDP',
  'SK_REUSEPORT',
  'FLOW_DISSECTOR',
  'SK_LOOKUP',
]);

function mayUpdateSockmap(env: Env, helper: string): boolean {
  if (helper !== 'map_update_elem' && helper !== 'map_delete_elem') return false;
  const { type, attachType } = env.variant;
  if (SOCKMAP_UPDATERS.has(type)) return true;
  if (type === 'TRACING' && attachType === 'BPF_TRACE_ITER') return true;
  if (type === 'SOCK_OPS' && helper === 'map_delete_elem') return true;
  env.note('cannot update sockmap in this context');
  return false;
}

/** Refuses a map that the helper does not take. */
export function checkMapHelper(env: Env, map: M.MapModel | undefined, name: string, id: number): void {
  if (map === undefined) return;
  const helper = name.slice(4);
  const sockets = map.type === M.MAP_SOCKMAP || map.type === M.MAP_SOCKHASH;
  const helpers = BY_MAP[map.type];
  const byMap = helpers === undefined || helpers.includes(helper) || (sockets && mayUpdateSockmap(env, helper));
  const types = BY_HELPER[helper];
  if (!byMap || (types !== undefined && !types.includes(map.type))) {
    reject(EINVAL, `cannot pass map_type ${map.type} into func ${name}#${id}`);
  }
}
