/**
 * BPF_MAP_TYPE_SK_STORAGE, TASK_STORAGE, INODE_STORAGE and CGRP_STORAGE (kernel/bpf/bpf_local_storage.c), and the older
 * CGROUP_STORAGE and PERCPU_CGROUP_STORAGE (kernel/bpf/local_storage.c): values that hang at a kernel object. Owners are
 * whatever object the virtual machine has for sockets, tasks, inodes and cgroups; the value goes when the owner does.
 */
import { PERCPU_VALUE_LIMIT } from './array.ts';
import { ERRNO } from './errno.ts';
import type { MapObject, Read } from './guest-map.ts';
import { checkExistence } from './hash.ts';
import { accessFlagsOk, allocate, type MapCore, type MapOps, readU32, roundUp8, withoutLock } from './map-core.ts';
import { MAP_FLAG, MAP_TYPE, UPDATE_FLAG } from './map-type.ts';
import type { MapAllocation } from './arena.ts';
import { toHex } from './snapshot.ts';
import { copyValue, freeFields, userCopy } from './value-copy.ts';

/** U16_MAX less the head of an element (BPF_LOCAL_STORAGE_MAX_VALUE_SIZE), on x86_64. */
const VALUE_LIMIT = 65535 - 128;
/** A cgroup's id, with or without an attach type. */
const CGROUP_KEY_BYTES = [8, 16] as const;

/** What the helpers of local storage do. */
export interface LocalStorage {
  /**
   * `bpf_sk_storage_get` and its kin, `bpf_get_local_storage`: address of the value; 0 when there is none.
   *
   * @param create - `BPF_LOCAL_STORAGE_GET_F_CREATE`
   * @param initial - value of a new element; zeros without
   */
  get(owner: object, create?: boolean, initial?: Uint8Array): bigint;
  /** `bpf_sk_storage_delete` and its kin: 0, or ENOENT. */
  delete(owner: object): number;
  /** Says that an owner is gone; its value goes with it. */
  release(owner: object): void;
  /** Number of owners that have a value. */
  readonly size: number;
  /** Owners that have a value, the oldest first. */
  owners(): readonly object[];
}

/** Storage at objects; a negative errno when the definition is refused. */
export function makeLocalStorage(core: MapCore): MapOps | number {
  const { flags } = core;
  if (
    (flags & ~(MAP_FLAG.NO_PREALLOC | MAP_FLAG.CLONE)) !== 0 ||
    (flags & MAP_FLAG.NO_PREALLOC) === 0 ||
    core.maxEntries !== 0 ||
    core.keySize !== 4 ||
    core.valueSize === 0
  ) {
    return ERRNO.EINVAL;
  }
  if (core.valueSize > VALUE_LIMIT) return ERRNO.E2BIG;
  const store = new Store(core, 1);
  const ownerOf = (key: Uint8Array): object | undefined => {
    const found = core.environment.resolveFd?.(readU32(core, key));
    return found === undefined ? undefined : ownerOfObject(found);
  };
  return {
    nextKey: () => ERRNO.ENOTSUPP,
    userLookup(key): Read {
      const owner = ownerOf(key);
      if (owner === undefined) return ERRNO.EBADF;
      return store.read(owner) ?? ERRNO.ENOENT;
    },
    userUpdate(key, value, bits) {
      const owner = ownerOf(key);
      if (owner === undefined) return ERRNO.EBADF;
      if (withoutLock(bits) > UPDATE_FLAG.EXIST) return ERRNO.EINVAL;
      const refusal = checkExistence(store.has(owner), bits);
      return refusal !== 0 ? refusal : store.write(owner, value, (bits & UPDATE_FLAG.F_LOCK) !== 0);
    },
    userDelete(key) {
      const owner = ownerOf(key);
      return owner === undefined ? ERRNO.EBADF : store.face.delete(owner);
    },
    storage: store.face,
    size: () => store.face.size,
    dump: () => ({ entries: store.dump((_owner, i) => i.toString(16).padStart(8, '0')) }),
    load: () => store.clear(),
  };
}

/** The object that storage hangs at, for what a file descriptor stands for. */
function ownerOfObject(found: MapObject): object {
  return typeof found.object === 'object' && found.object !== null ? found.object : found;
}

/** What {@link LocalStorage.get} takes as owner of CGROUP_STORAGE: `struct bpf_cgroup_storage_key` in guest order. */
export interface CgroupOwner {
  readonly storageKey: Uint8Array;
}

/** CGROUP_STORAGE and PERCPU_CGROUP_STORAGE: a value exists once a program is attached, here once it asks for it. */
export function makeCgroupStorage(core: MapCore): MapOps | number {
  const perCpu = core.type === MAP_TYPE.PERCPU_CGROUP_STORAGE;
  const limit = perCpu ? PERCPU_VALUE_LIMIT : VALUE_LIMIT;
  if (!CGROUP_KEY_BYTES.some((size) => size === core.keySize) || core.valueSize === 0) return ERRNO.EINVAL;
  if (core.valueSize > limit) return ERRNO.E2BIG;
  const access = MAP_FLAG.NUMA_NODE | MAP_FLAG.RDONLY | MAP_FLAG.WRONLY | MAP_FLAG.RDONLY_PROG | MAP_FLAG.WRONLY_PROG;
  if ((core.flags & ~access) !== 0 || !accessFlagsOk(core.flags) || core.maxEntries !== 0) return ERRNO.EINVAL;
  const store = new Store(core, perCpu ? core.cpus : 1);
  const keyOf = (owner: object): string => toHex((owner as CgroupOwner).storageKey);
  const ownerOf = (key: Uint8Array): object | undefined => {
    const wanted = toHex(key);
    return store.face.owners().find((owner) => keyOf(owner) === wanted);
  };
  return {
    nextKey(key) {
      const owners = store.face.owners();
      const at = key === undefined ? -1 : owners.findIndex((owner) => keyOf(owner) === toHex(key));
      if (key !== undefined && at < 0) return ERRNO.ENOENT;
      const next = owners[at + 1] as CgroupOwner | undefined;
      return next === undefined ? ERRNO.ENOENT : next.storageKey.slice();
    },
    userLookup(key): Read {
      const owner = ownerOf(key);
      return owner === undefined ? ERRNO.ENOENT : store.read(owner)!;
    },
    userUpdate(key, value, bits) {
      if (perCpu ? bits !== 0 && bits !== UPDATE_FLAG.EXIST : withoutLock(bits) !== 0 && withoutLock(bits) !== 2) {
        return ERRNO.EINVAL;
      }
      const owner = ownerOf(key);
      return owner === undefined ? ERRNO.ENOENT : store.write(owner, value, (bits & UPDATE_FLAG.F_LOCK) !== 0);
    },
    userDelete: () => ERRNO.EINVAL,
    storage: store.face,
    size: () => store.face.size,
    dump: () => ({ entries: store.dump((owner) => keyOf(owner)) }),
    load: () => store.clear(),
  };
}

/** Values by owner, each in a stretch of guest memory that is reused when its owner is gone. */
class Store {
  readonly #core: MapCore;
  readonly #bytes: number;
  readonly #values = new Map<object, MapAllocation>();
  readonly #free: MapAllocation[] = [];
  readonly face: LocalStorage;

  constructor(core: MapCore, copies: number) {
    this.#core = core;
    this.#bytes = roundUp8(core.valueSize) * copies;
    const size = (): number => this.#values.size;
    this.face = {
      get: (owner, create = false, initial) => this.#get(owner, create, initial),
      delete: (owner) => (this.#remove(owner) ? 0 : ERRNO.ENOENT),
      release: (owner) => void this.#remove(owner),
      owners: () => [...this.#values.keys()],
      get size() {
        return size();
      },
    };
  }

  has(owner: object): boolean {
    return this.#values.has(owner);
  }

  read(owner: object): Uint8Array | undefined {
    const value = this.#values.get(owner);
    if (value === undefined) return undefined;
    const size = this.#isPerCpu() ? this.#bytes : this.#core.valueSize;
    return userCopy(this.#core, value.bytes, 0, size);
  }

  /** Replaces a value; a new place, unless it is written under its lock. */
  write(owner: object, value: Uint8Array, inPlace: boolean): number {
    const old = this.#values.get(owner);
    const keeps = old !== undefined && (inPlace || this.#isPerCpu());
    const target = keeps ? old : this.#take();
    if (target === undefined) return ERRNO.ENOMEM;
    copyValue(this.#core, target.bytes, 0, value, 0, value.length);
    if (!keeps) {
      if (old !== undefined) this.#remove(owner);
      this.#values.set(owner, target);
    }
    return 0;
  }

  dump(keyOf: (owner: object, index: number) => string): { key: string; value: string }[] {
    return [...this.#values.entries()].map(([owner, { bytes }], i) => ({
      key: keyOf(owner, i),
      value: toHex(this.#isPerCpu() ? bytes : bytes.subarray(0, this.#core.valueSize)),
    }));
  }

  /** Owners are not in a snapshot: their values cannot come back. */
  clear(): void {
    for (const owner of [...this.#values.keys()]) this.#remove(owner);
  }

  #isPerCpu(): boolean {
    return this.#core.type === MAP_TYPE.PERCPU_CGROUP_STORAGE;
  }

  #get(owner: object, create: boolean, initial: Uint8Array | undefined): bigint {
    let value = this.#values.get(owner);
    if (value === undefined && create) {
      value = this.#take();
      if (value === undefined) return 0n;
      if (initial !== undefined) copyValue(this.#core, value.bytes, 0, initial, 0, this.#core.valueSize);
      this.#values.set(owner, value);
    }
    if (value === undefined) return 0n;
    const at = this.#isPerCpu() ? this.#core.currentCpu() * roundUp8(this.#core.valueSize) : 0;
    return value.address + BigInt(at);
  }

  #take(): MapAllocation | undefined {
    const used = this.#free.pop();
    if (used === undefined) return allocate(this.#core, 'value', this.#bytes);
    used.bytes.fill(0);
    return used;
  }

  #remove(owner: object): boolean {
    const value = this.#values.get(owner);
    if (value === undefined) return false;
    this.#values.delete(owner);
    freeFields(this.#core, value.bytes, 0, value.address);
    this.#free.push(value);
    return true;
  }
}
