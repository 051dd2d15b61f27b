/** What is refused before any program is loaded: BTF and maps with special fields that cannot be (kernel: map_check_btf). */
import type { BtfObjects } from './btf-objects.ts';
import { checkOwnership } from './btf-record.ts';
import { reject } from './env.ts';
import type { VerifyMap } from './input.ts';
import * as M from './map-model.ts';
import { EACCES, EOPNOTSUPP } from './reject.ts';

const LOCAL_STORAGE = [M.MAP_SK_STORAGE, M.MAP_INODE_STORAGE, M.MAP_TASK_STORAGE, M.MAP_CGRP_STORAGE];
const LOCKS = new Set([M.MAP_HASH, M.MAP_ARRAY, M.MAP_CGROUP_STORAGE, ...LOCAL_STORAGE]);
const CALLBACKS = new Set([M.MAP_HASH, M.MAP_LRU_HASH, M.MAP_ARRAY]);
const KPTRS = new Set([
  M.MAP_HASH,
  M.MAP_PERCPU_HASH,
  M.MAP_LRU_HASH,
  M.MAP_LRU_PERCPU_HASH,
  M.MAP_ARRAY,
  M.MAP_PERCPU_ARRAY,
  ...LOCAL_STORAGE,
]);

/** Types of maps whose values may have a field of the kind. */
const BY_FIELD: Readonly<Partial<Record<M.FieldKind, ReadonlySet<number>>>> = {
  bpf_spin_lock: LOCKS,
  bpf_res_spin_lock: LOCKS,
  bpf_timer: CALLBACKS,
  bpf_wq: CALLBACKS,
  bpf_task_work: CALLBACKS,
  kptr: KPTRS,
  bpf_refcount: KPTRS,
  uptr: new Set([M.MAP_TASK_STORAGE]),
  bpf_list_head: CALLBACKS,
  bpf_rb_root: CALLBACKS,
};

/** Refuses what the kernel would not make: BTF of the program and of maps, then the maps. Throws `Reject`. */
export function checkMapsCanBe(objects: BtfObjects, maps: readonly VerifyMap[]): void {
  // Without the kernel's types nobody knows what kptrs point to.
  if (objects.kernel === undefined) return;
  if (objects.program !== 0) objects.checkStructs(objects.program);
  for (const map of maps) {
    if (map.btf === undefined) continue;
    const object = objects.numberOf(map.btf);
    if (object !== objects.program) objects.checkStructs(object);
    checkMap(objects, map, object);
  }
}

function checkMap(objects: BtfObjects, map: VerifyMap, object: number): void {
  const fields = objects.fieldsOfMap(map);
  if (fields.length === 0) return;
  if (((map.flags ?? 0) & (M.F_RDONLY_PROG | M.F_WRONLY_PROG)) !== 0) reject(EACCES, '');
  for (const { kind } of fields) if (BY_FIELD[kind]?.has(map.type) !== true) reject(EOPNOTSUPP, '');
  checkOwnership(fields, (id) => objects.fieldsOfObject(object, id));
}
