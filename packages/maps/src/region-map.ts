/** BPF_MAP_TYPE_ARENA (kernel/bpf/arena.c) and STRUCT_OPS (kernel/bpf/bpf_struct_ops.c): memory without elements. */
import { ERRNO } from './errno.ts';
import { allocate, bytesOfU32, type MapCore, type MapOps, readU32, unsupported } from './map-core.ts';
import { MAP_FLAG } from './map-type.ts';
import { fromHex, stateText, toHex } from './snapshot.ts';

const ARENA_FLAGS = MAP_FLAG.SEGV_ON_FAULT | MAP_FLAG.MMAPABLE | MAP_FLAG.NO_USER_CONV;
const PAGE = 4096;
const ARENA_LIMIT = 2 ** 32;

/** An arena: all its pages are there from the beginning, in `values`. */
export function makeArenaMap(core: MapCore): MapOps | number {
  const { flags, maxEntries, mapExtra } = core;
  if (
    core.keySize !== 0 ||
    core.valueSize !== 0 ||
    maxEntries === 0 ||
    (flags & MAP_FLAG.MMAPABLE) === 0 ||
    (flags & ~ARENA_FLAGS) !== 0 ||
    mapExtra % BigInt(PAGE) !== 0n
  ) {
    return ERRNO.EINVAL;
  }
  const size = maxEntries * PAGE;
  if (size > ARENA_LIMIT) return ERRNO.E2BIG;
  if (mapExtra >> 32n !== (mapExtra + BigInt(size) - 1n) >> 32n) return ERRNO.ERANGE;
  const values = allocate(core, '', size, PAGE);
  if (values === undefined) return ERRNO.ENOMEM;
  return {
    nextKey: () => ERRNO.EOPNOTSUPP,
    userLookup: () => ERRNO.EINVAL,
    userUpdate: () => ERRNO.EOPNOTSUPP,
    userDelete: () => ERRNO.EOPNOTSUPP,
    values,
    size: () => 0,
    dump: () => ({ entries: [], state: { data: toHex(values.bytes) } }),
    load: ({ state }) => values.bytes.set(fromHex(stateText(state, 'data'), values.bytes.length)),
  };
}

/**
 * The one value of a struct_ops map as the object file has it, in `values`. Giving it to the kernel, an update, means
 * nothing outside of one.
 */
export function makeStructOps(core: MapCore): MapOps | number {
  if (core.keySize !== 4 || core.maxEntries !== 1 || core.valueSize === 0) return ERRNO.EINVAL;
  const values = allocate(core, '', core.valueSize);
  if (values === undefined) return ERRNO.ENOMEM;
  const first = bytesOfU32(core, 0);
  return {
    nextKey: (key) => (key !== undefined && readU32(core, key) === 0 ? ERRNO.ENOENT : first),
    userLookup: (key) => (readU32(core, key) === 0 ? values.bytes.slice() : ERRNO.ENOENT),
    userUpdate: () => {
      throw unsupported(core, 'registering struct_ops');
    },
    userDelete: () => {
      throw unsupported(core, 'unregistering struct_ops');
    },
    values,
    size: () => 1,
    dump: () => ({ entries: [{ key: toHex(first), value: toHex(values.bytes) }] }),
    load: ({ entries }) => {
      for (const { value } of entries) values.bytes.set(fromHex(value, core.valueSize));
    },
  };
}
