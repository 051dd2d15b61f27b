/** Size of a value as user space reads and writes it (kernel/bpf/syscall.c, `bpf_map_value_size`). */
import { MAP_TYPE } from './map-type.ts';

const PER_CPU: ReadonlySet<number> = /* @__PURE__ */ new Set([
  MAP_TYPE.PERCPU_HASH,
  MAP_TYPE.LRU_PERCPU_HASH,
  MAP_TYPE.PERCPU_ARRAY,
  MAP_TYPE.PERCPU_CGROUP_STORAGE,
]);
const FILE_DESCRIPTORS: ReadonlySet<number> = /* @__PURE__ */ new Set([
  MAP_TYPE.PROG_ARRAY,
  MAP_TYPE.PERF_EVENT_ARRAY,
  MAP_TYPE.CGROUP_ARRAY,
  MAP_TYPE.ARRAY_OF_MAPS,
  MAP_TYPE.HASH_OF_MAPS,
]);

/** Whether user space sees one value for each possible CPU. */
export function isPerCpu(type: number): boolean {
  return PER_CPU.has(type);
}

/** Values of all CPUs, each rounded up to 8 bytes; 4 bytes for maps of objects; else the value size. */
export function userValueSize(type: number, valueSize: number, cpus: number): number {
  if (isPerCpu(type)) return cpus * Math.ceil(valueSize / 8) * 8;
  return FILE_DESCRIPTORS.has(type) ? 4 : valueSize;
}
