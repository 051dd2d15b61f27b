/**
 * BPF_MAP_TYPE_SOCKMAP, SOCKHASH (net/core/sock_map.c), XSKMAP (net/xdp/xskmap.c) and REUSEPORT_SOCKARRAY
 * (kernel/bpf/reuseport_array.c): sockets by reference. Which sockets may go in is the virtual machine's affair.
 */
import { checkArray, nextIndex } from './array.ts';
import { ERRNO } from './errno.ts';
import type { MapObject, Read } from './guest-map.ts';
import { bytesOfU32, type MapCore, type MapOps, readU32 } from './map-core.ts';
import { MAP_FLAG, MAP_TYPE, UPDATE_FLAG } from './map-type.ts';
import type { ObjectSlots } from './object-slots.ts';
import { fromHex, toHex } from './snapshot.ts';

const SOCKET_FLAGS = MAP_FLAG.NUMA_NODE | MAP_FLAG.RDONLY | MAP_FLAG.WRONLY;
/** MAX_BPF_STACK. */
const KEY_LIMIT = 512;

/** A map of sockets; a negative errno when the definition is refused. */
export function makeSocketMap(core: MapCore): MapOps | number {
  const refusal = checkSocketMap(core);
  if (refusal !== 0) return refusal;
  const isHash = core.type === MAP_TYPE.SOCKHASH;
  const sockets = new Map<string, MapObject>();
  const inRange = (key: Uint8Array): boolean => isHash || readU32(core, key) < core.maxEntries;
  const set = (key: Uint8Array, object: MapObject, flags: number): number => {
    if (object.kind !== 'socket') return ERRNO.EINVAL;
    if (flags > UPDATE_FLAG.EXIST) return ERRNO.EINVAL;
    if (!inRange(key)) return ERRNO.E2BIG;
    const exists = sockets.has(toHex(key));
    if (exists && flags === UPDATE_FLAG.NOEXIST) return ERRNO.EEXIST;
    if (!exists && flags === UPDATE_FLAG.EXIST) return ERRNO.ENOENT;
    if (!exists && sockets.size >= core.maxEntries) return ERRNO.E2BIG;
    sockets.set(toHex(key), object);
    return 0;
  };
  const keys = (): string[] => (isHash ? [...sockets.keys()] : [...sockets.keys()].sort(byIndex(core)));
  const objects: ObjectSlots = {
    get: (key) => sockets.get(toHex(key)),
    set: (key, object, flags = 0) => set(key, object, flags),
    *entries() {
      for (const key of keys()) yield [fromHex(key, core.keySize), sockets.get(key)!] as const;
    },
  };
  return {
    nextKey(key): Read {
      if (!isHash) return nextIndex(core, key);
      const list = keys();
      const next = list[(key === undefined ? -1 : list.indexOf(toHex(key))) + 1];
      return next === undefined ? ERRNO.ENOENT : fromHex(next, core.keySize);
    },
    userLookup(key): Read {
      if (core.type === MAP_TYPE.XSKMAP) return ERRNO.EOPNOTSUPP;
      // User space reads a socket's cookie, which needs 8 bytes.
      if (core.valueSize !== 8) return ERRNO.ENOSPC;
      const socket = inRange(key) ? objects.get(key) : undefined;
      return socket === undefined ? ERRNO.ENOENT : cookie(core, socket);
    },
    userUpdate(key, value, flags) {
      // Two of the types look at the socket last.
      if (core.type === MAP_TYPE.XSKMAP || core.type === MAP_TYPE.REUSEPORT_SOCKARRAY) {
        if (flags > UPDATE_FLAG.EXIST) return ERRNO.EINVAL;
        if (!inRange(key)) return ERRNO.E2BIG;
      }
      const socket = core.environment.resolveFd?.(readU32(core, value));
      if (socket === undefined) return ERRNO.EBADF;
      return socket.kind === 'socket' ? set(key, socket, flags) : ERRNO.ENOTSOCK;
    },
    userDelete(key) {
      const removed = sockets.delete(toHex(key));
      if (core.type === MAP_TYPE.XSKMAP) return inRange(key) ? 0 : ERRNO.EINVAL;
      if (removed) return 0;
      if (core.type === MAP_TYPE.REUSEPORT_SOCKARRAY) return inRange(key) ? ERRNO.ENOENT : ERRNO.E2BIG;
      return isHash ? ERRNO.ENOENT : ERRNO.EINVAL;
    },
    objects,
    size: () => sockets.size,
    dump: () => ({
      entries: Array.from(objects.entries(), ([key, socket]) => ({
        key: toHex(key),
        value: toHex(cookie(core, socket)),
      })),
    }),
    // Sockets are not in a snapshot: whoever restores it puts them in.
    load: () => undefined,
  };
}

function checkSocketMap(core: MapCore): number {
  const { type, flags, maxEntries, keySize, valueSize } = core;
  const values = type === MAP_TYPE.XSKMAP ? [4] : [4, 8];
  if (!values.includes(valueSize)) return ERRNO.EINVAL;
  if (type === MAP_TYPE.REUSEPORT_SOCKARRAY) return checkArray(core);
  if (maxEntries === 0 || (flags & ~SOCKET_FLAGS) !== 0) return ERRNO.EINVAL;
  if (type !== MAP_TYPE.SOCKHASH) return keySize === 4 ? 0 : ERRNO.EINVAL;
  if (keySize === 0) return ERRNO.EINVAL;
  return keySize > KEY_LIMIT ? ERRNO.E2BIG : 0;
}

function cookie(core: MapCore, socket: MapObject): Uint8Array {
  const bytes = new Uint8Array(8);
  bytes.set(bytesOfU32(core, socket.id), core.littleEndian ? 0 : 4);
  return bytes;
}

function byIndex(core: MapCore): (a: string, b: string) => number {
  return (a, b) => readU32(core, fromHex(a, 4)) - readU32(core, fromHex(b, 4));
}
