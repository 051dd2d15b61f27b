/** Which maps which programs may use (kernel: check_map_prog_compatibility). */
import { type Env, reject } from './env.ts';
import { hasField, MAP_ARENA, MAP_CGROUP_STORAGE, MAP_PERCPU_CGROUP_STORAGE, MAP_STRUCT_OPS, type MapModel } from './map-model.ts'; // prettier-ignore
import { EBUSY, EINVAL, EPERM } from './reject.ts';

const TRACING = new Set(['KPROBE', 'TRACEPOINT', 'PERF_EVENT', 'RAW_TRACEPOINT', 'RAW_TRACEPOINT_WRITABLE']);

/** Whether the program type runs in any context, also where locks may be held. */
export function isTracingType(type: string): boolean {
  return TRACING.has(type);
}

/** Maps that sleepable programs may use. */
const SLEEPABLE = new Set([1, 9, 2, 5, 6, 10, 12, 13, 27, 31, 28, 24, 29, 32, 22, 23, 33, 34]);

/** Refuses a map that does not go with the program. */
export function checkMapFitsProgram(env: Env, map: MapModel): void {
  const type = env.variant.type;
  const tracing = isTracingType(type);
  if (tracing && hasField(map, 'bpf_list_head', 'bpf_rb_root')) {
    reject(EINVAL, 'tracing progs cannot use bpf_{list_head,rb_root} yet');
  }
  if (hasField(map, 'bpf_spin_lock', 'bpf_res_spin_lock')) {
    if (type === 'SOCKET_FILTER') reject(EINVAL, 'socket filter progs cannot use bpf_spin_lock yet');
    if (tracing) reject(EINVAL, 'tracing progs cannot use bpf_spin_lock yet');
  }
  if (tracing && hasField(map, 'bpf_timer')) reject(EINVAL, 'tracing progs cannot use bpf_timer yet');
  if (tracing && hasField(map, 'bpf_wq')) reject(EINVAL, 'tracing progs cannot use bpf_wq yet');
  if (map.type === MAP_STRUCT_OPS) reject(EINVAL, 'bpf_struct_ops map cannot be used in prog');
  if (env.options.sleepable && !SLEEPABLE.has(map.type)) {
    reject(EINVAL, 'Sleepable programs can only use array, hash, ringbuf and local storage maps');
  }
  if (map.type === MAP_CGROUP_STORAGE || map.type === MAP_PERCPU_CGROUP_STORAGE) {
    const other = env.maps.some((known) => known !== map && known.type === map.type && env.usedMaps.has(known.index));
    if (other) reject(EBUSY, 'only one cgroup storage of each type is allowed');
  }
  if (map.type === MAP_ARENA) {
    if (env.arena >= 0) reject(EBUSY, 'Only one arena per program');
    if (!env.options.allowPtrLeaks || !env.options.bpfCapable) {
      reject(EPERM, 'CAP_BPF and CAP_PERFMON are required to use arena');
    }
    if ((map.source.mapExtra ?? 0n) === 0n) {
      reject(EINVAL, "arena's user address must be set via map_extra or mmap()");
    }
    env.arena = map.index;
  }
  env.usedMaps.add(map.index);
}
