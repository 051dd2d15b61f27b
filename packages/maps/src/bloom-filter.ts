/** BPF_MAP_TYPE_BLOOM_FILTER (kernel/bpf/bloom_filter.c): values that were pushed are in it, others may be. */
import { ERRNO } from './errno.ts';
import { jhashKey } from './jhash.ts';
import { accessFlagsOk, type MapCore, type MapOps, powerOfTwo } from './map-core.ts';
import { MAP_FLAG } from './map-type.ts';
import { fromHex, stateNumber, stateText, toHex } from './snapshot.ts';

const CREATE_FLAGS =
  MAP_FLAG.NUMA_NODE |
  MAP_FLAG.ZERO_SEED |
  MAP_FLAG.RDONLY |
  MAP_FLAG.WRONLY |
  MAP_FLAG.RDONLY_PROG |
  MAP_FLAG.WRONLY_PROG;
/** KMALLOC_MAX_SIZE on x86_64. */
const VALUE_LIMIT = 4 << 20;
const DEFAULT_HASHES = 5;

/** A Bloom filter; a negative errno when the definition is refused. */
export function makeBloomFilter(core: MapCore): MapOps | number {
  const { flags, valueSize, maxEntries, mapExtra } = core;
  if (valueSize > VALUE_LIMIT) return ERRNO.E2BIG;
  if (
    core.keySize !== 0 ||
    valueSize === 0 ||
    maxEntries === 0 ||
    (flags & ~CREATE_FLAGS) !== 0 ||
    !accessFlagsOk(flags) ||
    mapExtra > 15n
  ) {
    return ERRNO.EINVAL;
  }
  const hashes = Number(mapExtra) === 0 ? DEFAULT_HASHES : Number(mapExtra);
  const bits = bitCount(maxEntries, hashes);
  let bitset: Uint8Array;
  try {
    // No program ever sees these bytes: they need no guest address.
    bitset = new Uint8Array(bits / 8);
  } catch {
    return ERRNO.ENOMEM;
  }
  let seed = (flags & MAP_FLAG.ZERO_SEED) !== 0 ? 0 : core.random() >>> 0;
  const bitOf = (value: Uint8Array, index: number): number =>
    jhashKey(value, (seed + index) >>> 0, core.littleEndian) % bits;
  const contains = (value: Uint8Array): number => {
    for (let i = 0; i < hashes; i++) {
      const bit = bitOf(value, i);
      if ((bitset[Math.floor(bit / 8)]! & (1 << (bit % 8))) === 0) return ERRNO.ENOENT;
    }
    return 0;
  };
  const push = (value: Uint8Array, bitsOfUpdate: number): number => {
    if (bitsOfUpdate !== 0) return ERRNO.EINVAL;
    for (let i = 0; i < hashes; i++) {
      const bit = bitOf(value, i);
      bitset[Math.floor(bit / 8)]! |= 1 << (bit % 8);
    }
    return 0;
  };
  return {
    push,
    peek: contains,
    pop: () => ERRNO.EOPNOTSUPP,
    update: () => ERRNO.EINVAL,
    delete: () => ERRNO.EOPNOTSUPP,
    nextKey: () => ERRNO.EOPNOTSUPP,
    // The value asked for stands where an answer would be: see `user.contains`.
    userLookup: () => ERRNO.EINVAL,
    userUpdate: (_key, value, flagsOfUpdate) => push(value, flagsOfUpdate),
    size: () => 0,
    dump: () => ({ entries: [], state: { seed, bits: toHex(bitset) } }),
    load: ({ state }) => {
      seed = stateNumber(state, 'seed');
      bitset.set(fromHex(stateText(state, 'bits'), bitset.length));
    },
  };
}

/** Entries times hashes over ln 2, rounded up to a power of two (kernel: `bloom_map_alloc`). */
function bitCount(maxEntries: number, hashes: number): number {
  const product = maxEntries * hashes;
  const bits = Math.floor(product / 5) * 7;
  if (product > 0xffffffff || bits > 2 ** 31) return 2 ** 32;
  return bits <= 64 ? 64 : powerOfTwo(bits);
}
