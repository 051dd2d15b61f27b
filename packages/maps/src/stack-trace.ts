/** BPF_MAP_TYPE_STACK_TRACE (kernel/bpf/stackmap.c): stacks by an id that is made of their hash. */
import { ERRNO } from './errno.ts';
import { flagNumber } from './flags.ts';
import type { Flags, Read } from './guest-map.ts';
import { jhashKey } from './jhash.ts';
import { bytesOfU32, type MapCore, type MapOps, powerOfTwo, readU32 } from './map-core.ts';
import { MAP_FLAG } from './map-type.ts';
import { fromHex, toHex } from './snapshot.ts';

const CREATE_FLAGS = MAP_FLAG.NUMA_NODE | MAP_FLAG.RDONLY | MAP_FLAG.WRONLY | MAP_FLAG.STACK_BUILD_ID;
const SKIP_MASK = 0xff;
const USER_STACK = 1 << 8;
const FAST_STACK_CMP = 1 << 9;
const REUSE_STACKID = 1 << 10;
const FRAME_BYTES = 8;
/** `struct bpf_stack_build_id`. */
const BUILD_ID_BYTES = 32;
/** kernel.perf_event_max_stack. */
const DEPTH_LIMIT = 127;

/** What `bpf_get_stackid` does, for a stack that the virtual machine gives. */
export interface StackTraces {
  /**
   * The id of a stack, or a negative errno: EINVAL for unknown flags, EFAULT when nothing is left after the frames that
   * `flags` skips, EEXIST when another stack has the id and `BPF_F_REUSE_STACKID` is not given, ENOMEM.
   *
   * @param frames - instruction addresses, innermost first
   */
  store(frames: readonly bigint[], flags: Flags): number;
}

interface Stack {
  readonly hash: number;
  readonly bytes: Uint8Array;
}

/** A map of stacks; a negative errno when the definition is refused. */
export function makeStackTrace(core: MapCore): MapOps | number {
  const { flags, valueSize, maxEntries } = core;
  const frameBytes = (flags & MAP_FLAG.STACK_BUILD_ID) !== 0 ? BUILD_ID_BYTES : FRAME_BYTES;
  if (
    (flags & ~CREATE_FLAGS) !== 0 ||
    maxEntries === 0 ||
    core.keySize !== 4 ||
    valueSize < 8 ||
    valueSize % frameBytes !== 0 ||
    valueSize / frameBytes > DEPTH_LIMIT
  ) {
    return ERRNO.EINVAL;
  }
  if (maxEntries > 2 ** 31) return ERRNO.E2BIG;
  const buckets = powerOfTwo(maxEntries);
  const stacks = new Map<number, Stack>();
  const next = (from: number): Read => {
    // Ids are few beside buckets.
    let best = -1;
    for (const id of stacks.keys()) if (id >= from && (best < 0 || id < best)) best = id;
    return best < 0 ? ERRNO.ENOENT : bytesOfU32(core, best);
  };
  const userLookup = (key: Uint8Array): Read => {
    const stack = stacks.get(readU32(core, key));
    if (stack === undefined) return ERRNO.ENOENT;
    const value = new Uint8Array(valueSize);
    value.set(stack.bytes);
    return value;
  };
  const userDelete = (key: Uint8Array): number => {
    const id = readU32(core, key);
    if (id >= buckets) return ERRNO.E2BIG;
    return stacks.delete(id) ? 0 : ERRNO.ENOENT;
  };
  const traces: StackTraces = {
    store(frames, flagsOfCall) {
      const bits = flagNumber(flagsOfCall);
      if (bits > (SKIP_MASK | USER_STACK | FAST_STACK_CMP | REUSE_STACKID)) return ERRNO.EINVAL;
      const depth = Math.min(DEPTH_LIMIT, valueSize / frameBytes + (bits & SKIP_MASK));
      const kept = frames.slice(0, depth).slice(bits & SKIP_MASK);
      if (kept.length === 0) return ERRNO.EFAULT;
      const bytes = frameBytesOf(core, kept);
      const hash = jhashKey(bytes, 0, core.littleEndian);
      const id = hash & (buckets - 1);
      const old = stacks.get(id);
      const matches = old?.hash === hash;
      if (matches && (bits & FAST_STACK_CMP) !== 0) return id;
      if (matches && toHex(old.bytes) === toHex(bytes)) return id;
      if (old !== undefined && (bits & REUSE_STACKID) === 0) return ERRNO.EEXIST;
      // The kernel takes a free element before it gives back the one that is replaced.
      if (stacks.size >= maxEntries) return ERRNO.ENOMEM;
      stacks.set(id, { hash, bytes });
      return id;
    },
  };
  return {
    nextKey(key) {
      const id = key === undefined ? 0 : readU32(core, key);
      return next(key !== undefined && stacks.has(id) ? id + 1 : 0);
    },
    userLookup,
    userUpdate: () => ERRNO.EINVAL,
    userDelete,
    delete: userDelete,
    lookupAndDelete(key) {
      const value = userLookup(key);
      if (typeof value !== 'number') userDelete(key);
      return value;
    },
    ...((flags & MAP_FLAG.STACK_BUILD_ID) === 0 ? { stacks: traces } : {}),
    size: () => stacks.size,
    dump: () => ({
      entries: [...stacks.entries()]
        .sort(([a], [b]) => a - b)
        .map(([id, { bytes }]) => ({ key: toHex(bytesOfU32(core, id)), value: toHex(bytes) })),
    }),
    load: ({ entries }) => {
      stacks.clear();
      for (const { key, value } of entries) {
        const bytes = fromHex(value, value.length / 2);
        stacks.set(readU32(core, fromHex(key, 4)), { hash: jhashKey(bytes, 0, core.littleEndian), bytes });
      }
    },
  };
}

function frameBytesOf(core: MapCore, frames: readonly bigint[]): Uint8Array {
  const bytes = new Uint8Array(FRAME_BYTES * frames.length);
  const view = new DataView(bytes.buffer);
  frames.forEach((frame, i) => view.setBigUint64(FRAME_BYTES * i, BigInt.asUintN(64, frame), core.littleEndian));
  return bytes;
}
