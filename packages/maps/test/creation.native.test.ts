/** Random definitions of every type: the model refuses what the live kernel refuses, with the same errno. */
import { afterAll, expect, test } from 'vitest';
import { createMapArena, type GuestMap, MAP_FLAG, MAP_TYPE, type MapSpec, mapTypeName, tryCreateMap } from '@polybpf/maps'; // prettier-ignore
import { possibleCpus } from '@polybpf/kernel';
import { Random } from './operations.native.ts';
import { closeRaw, createRawMap } from './raw-bpf.native.ts';
import { describeKernel, OPERATION_COUNT, OPERATION_SEED } from './with-kernel.native.ts';

const ENOMEM = -12;
const KEY_SIZES = [0, 1, 3, 4, 5, 8, 16, 37, 260, 261, 512, 513, 65536];
const VALUE_SIZES = [0, 1, 4, 8, 12, 32, 1016, 1024, 4064, 4096, 32768, 32769, 65407, 65408, 65415, 65535, 65536, 4193999, 4194023, 4194024, 4194025, 4194207, 4194208, 4194248, 4194256, 4194272, 4194303, 4194304, 4194305, 2 ** 31, 2 ** 32 - 1]; // prettier-ignore
const MAX_ENTRIES = [0, 1, 2, 3, 4096, 8192, 8193];
/** Types that refuse too many entries before they ask for memory. */
const CHECKS_ENTRIES: ReadonlySet<number> = new Set([
  MAP_TYPE.HASH,
  MAP_TYPE.PERCPU_HASH,
  MAP_TYPE.LRU_HASH,
  MAP_TYPE.LRU_PERCPU_HASH,
  MAP_TYPE.STACK_TRACE,
  MAP_TYPE.CPUMAP,
]);
const FLAG_LISTS = [...Object.values(MAP_FLAG), 0x80000, 0x80000000];

/** Types whose creation needs BTF, of the value or of the kernel, which these definitions do not have. */
const NEEDS_BTF: ReadonlySet<number> = new Set([
  MAP_TYPE.SK_STORAGE,
  MAP_TYPE.INODE_STORAGE,
  MAP_TYPE.TASK_STORAGE,
  MAP_TYPE.CGRP_STORAGE,
  MAP_TYPE.STRUCT_OPS,
]);

function randomDefinition(type: number, random: Random): MapSpec & { flags: number; mapExtra: bigint } {
  // Often what works, so that each check is met alone.
  const sane = SANE[type] ?? {};
  const choose = <T>(usual: T, list: readonly T[]): T => (random.below(4) > 0 ? usual : random.pick(list));
  let flags = sane.flags ?? 0;
  while (random.below(3) === 0) flags ^= random.pick(FLAG_LISTS);
  flags = (flags & ~(MAP_FLAG.TOKEN_FD | MAP_FLAG.VTYPE_BTF_OBJ_FD)) >>> 0;
  const keySize = choose(sane.keySize ?? 4, KEY_SIZES);
  const valueSize = choose(sane.valueSize ?? 8, VALUE_SIZES);
  const entries = choose(sane.maxEntries ?? 4, CHECKS_ENTRIES.has(type) ? [...MAX_ENTRIES, 2 ** 31 + 1, 2 ** 32 - 1] : MAX_ENTRIES); // prettier-ignore
  // The kernel really takes the memory: it must be little.
  const tooMuch = entries > 2 && entries <= 2 ** 31 && entries * Math.max(keySize, valueSize) > 4 << 20;
  return {
    type,
    keySize,
    valueSize,
    maxEntries: tooMuch ? 2 : entries,
    flags,
    mapExtra: random.below(6) === 0 ? random.pick([1n, 15n, 16n, 4096n, 1n << 32n]) : 0n,
    numaNode: random.below(3),
  };
}

const RING = { keySize: 0, valueSize: 0, maxEntries: 4096 };
const SANE: Readonly<Record<number, Partial<MapSpec>>> = {
  [MAP_TYPE.LPM_TRIE]: { keySize: 8, flags: MAP_FLAG.NO_PREALLOC },
  [MAP_TYPE.PROG_ARRAY]: { valueSize: 4 },
  [MAP_TYPE.PERF_EVENT_ARRAY]: { valueSize: 4 },
  [MAP_TYPE.CGROUP_ARRAY]: { valueSize: 4 },
  [MAP_TYPE.DEVMAP]: { valueSize: 4 },
  [MAP_TYPE.DEVMAP_HASH]: { valueSize: 4 },
  [MAP_TYPE.XSKMAP]: { valueSize: 4 },
  [MAP_TYPE.SOCKMAP]: { valueSize: 4 },
  [MAP_TYPE.SOCKHASH]: { valueSize: 4 },
  [MAP_TYPE.CPUMAP]: { valueSize: 4, maxEntries: 1 },
  [MAP_TYPE.ARRAY_OF_MAPS]: { valueSize: 4 },
  [MAP_TYPE.HASH_OF_MAPS]: { valueSize: 4 },
  [MAP_TYPE.CGROUP_STORAGE]: { keySize: 16, maxEntries: 0 },
  [MAP_TYPE.PERCPU_CGROUP_STORAGE]: { keySize: 16, maxEntries: 0 },
  [MAP_TYPE.QUEUE]: { keySize: 0 },
  [MAP_TYPE.STACK]: { keySize: 0 },
  [MAP_TYPE.BLOOM_FILTER]: { keySize: 0 },
  [MAP_TYPE.RINGBUF]: RING,
  [MAP_TYPE.USER_RINGBUF]: RING,
  [MAP_TYPE.ARENA]: { keySize: 0, valueSize: 0, flags: MAP_FLAG.MMAPABLE },
};
const OF_MAPS: readonly number[] = [MAP_TYPE.ARRAY_OF_MAPS, MAP_TYPE.HASH_OF_MAPS];

describeKernel('definitions that the kernel refuses', () => {
  const opened: number[] = [];
  afterAll(() => opened.forEach(closeRaw));
  const types = Object.values<number>(MAP_TYPE).filter((type) => !NEEDS_BTF.has(type));

  test.each(types.map((type) => ({ type, name: mapTypeName(type) })))('$name', ({ type }) => {
    const random = new Random(OPERATION_SEED + type);
    const inner: MapSpec = { type: MAP_TYPE.HASH, keySize: 4, valueSize: 4, maxEntries: 1 };
    const innerFd = createRawMap({ ...inner, keySize: 4 });
    opened.push(innerFd);
    const seen = new Set<number>();
    for (let i = 0; i < Math.min(OPERATION_COUNT, 20000) / 10; i++) {
      const def = { ...randomDefinition(type, random), ...(OF_MAPS.includes(type) ? { inner } : {}) };
      const ours = tryCreateMap(def as MapSpec, {
        arena: createMapArena(32 << 20),
        endian: 'little',
        cpus: possibleCpus(),
      });
      const theirs = createRawMap({
        ...def,
        innerMapFd: OF_MAPS.includes(type) ? innerFd : 0,
        // Without its flag the kernel ignores the node.
        numaNode: def.flags & MAP_FLAG.NUMA_NODE ? def.numaNode! : 0,
      });
      if (theirs >= 0) closeRaw(theirs);
      const model = errnoOf(ours);
      const kernel = theirs >= 0 ? 0 : theirs;
      seen.add(kernel);
      // How much memory there is, and for how many CPUs a kernel was built, differs.
      if (type === MAP_TYPE.CPUMAP && def.maxEntries >= 64) continue;
      if (model === kernel || ((model === ENOMEM || model === 0) && (kernel === ENOMEM || kernel === 0))) continue;
      expect.fail(`${JSON.stringify(def, (_, v) => (typeof v === 'bigint' ? String(v) : v))}: model ${model}, kernel ${kernel}`); // prettier-ignore
    }
    expect(seen.size).toBeGreaterThan(1);
  });
});

function errnoOf(map: GuestMap | number): number {
  return typeof map === 'number' ? map : 0;
}
