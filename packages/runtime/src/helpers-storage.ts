/** Local storage of sockets, tasks, inodes and cgroups: `net/core/bpf_sk_storage.c`, `kernel/bpf/bpf_*_storage.c`. */
import type { HelperContext } from '@polybpf/interpreter';
import { BpfError } from '@polybpf/errors';
import type { LocalStorage } from '@polybpf/maps';
import { EINVAL, ENOENT } from './errno.ts';
import { currentRun, type HelperTable, mapArgument, type World } from './world.ts';

const CREATE = 1n;

type OwnerKind = 'socket' | 'task' | 'cgroup' | 'inode';

function storageOf(cx: HelperContext, world: World): LocalStorage {
  const map = mapArgument(cx, world, 1);
  if (map.storage !== undefined) return map.storage;
  throw new BpfError('E_INPUT', 'map of a storage helper', { expected: 'a storage map', got: map.name });
}

/** map, owner, value, flags. */
function get(kind: OwnerKind): (cx: HelperContext, world: World) => bigint | number {
  return (cx, world) => {
    const storage = storageOf(cx, world);
    const flags = cx.arg(4);
    if (cx.arg(2) === 0n || (flags & ~CREATE) !== 0n) return 0;
    const { valueSize } = mapArgument(cx, world, 1);
    const initial = cx.arg(3) === 0n ? undefined : cx.memory.view(cx.arg(3), valueSize);
    return storage.get(currentRun(world).owners[kind], (flags & CREATE) !== 0n, initial);
  };
}

function remove(kind: OwnerKind): (cx: HelperContext, world: World) => number {
  return (cx, world) => {
    if (cx.arg(2) === 0n) return -EINVAL;
    return storageOf(cx, world).delete(currentRun(world).owners[kind]) === 0 ? 0 : -ENOENT;
  };
}

export const STORAGE_HELPERS: HelperTable = {
  bpf_sk_storage_get: get('socket'),
  bpf_sk_storage_delete: remove('socket'),
  bpf_task_storage_get: get('task'),
  bpf_task_storage_delete: remove('task'),
  bpf_cgrp_storage_get: get('cgroup'),
  bpf_cgrp_storage_delete: remove('cgroup'),
  bpf_inode_storage_get: get('inode'),
  bpf_inode_storage_delete: remove('inode'),
  /** map, flags: storage of the cgroup that the program is attached to. */
  bpf_get_local_storage: (cx, world) => storageOf(cx, world).get(currentRun(world).owners.cgroup, true),
};
