/**
 * Random operations, by programs and by user space, on the model and on the live kernel: every result must be equal.
 * `POLYBPF_MAP_OPS` is the number for each kind of map.
 */
import { openSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createMap, createMapArena, MAP_FLAG, MAP_TYPE, type MapObject, type MapSpec } from '@polybpf/maps';
import { type LiveKernel, openLiveKernel, possibleCpus } from '@polybpf/kernel';
import { asm, HelperPrograms } from './helper-programs.native.ts';
import {
  type MakeKey,
  type OperationName,
  OPERATIONS,
  Random,
  showValue,
  type Step,
  type Subject,
} from './operations.native.ts';
import { type FieldValue, loadTestBtf, LOCKED, TIMED } from './test-btf.native.ts';
import { describeKernel, OPERATION_COUNT, OPERATION_SEED } from './with-kernel.native.ts';
import { closeRaw, createRawMap, openProcess, pinToCpu, RawMap, type RawMapInit, unpin } from './raw-bpf.native.ts';

interface Case {
  readonly name: string;
  readonly def: MapSpec;
  readonly key: MakeKey;
  /** Values that user space writes. */
  readonly userValue?: MakeKey;
  /** Slow in the kernel, which waits for all CPUs: fewer operations, and many in tests of their own. */
  readonly slow?: boolean;
  /** Fewer operations. */
  readonly limit?: number;
  /** Special fields of the value. */
  readonly value?: FieldValue;
  /** Operations with their weights. */
  readonly mix: Partial<Record<OperationName, number>>;
}

const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
const indexKey =
  (entries: number): MakeKey =>
  (random) =>
    random.below(12) === 0
      ? u32(random.pick([entries, entries + 1, 0x7fffffff, 0xffffffff]))
      : u32(random.below(entries));
const bytes8 = (value: number): Uint8Array => new Uint8Array(BigUint64Array.of(BigInt(value)).buffer);
/** Keys of any size with few values. */
const smallKey =
  (size: number, count: number): MakeKey =>
  (random) => {
    const key = new Uint8Array(size).fill(0x5a);
    const n = random.below(count);
    key[0] = n & 0xff;
    if (size > 1) key[size - 1] = n >> 8;
    return key;
  };
/** Prefixes that often contain each other. */
const prefixKey =
  (size: number): MakeKey =>
  (random) => {
    const key = new Uint8Array(size);
    const bits = 8 * (size - 4);
    const prefix = random.below(40) === 0 ? bits + 1 + random.below(3) : random.below(bits + 1);
    key.set(u32(prefix));
    for (let i = 4; i < size; i++) key[i] = random.pick([0x00, 0x00, 0x80, 0xc0, 0x01, 0xff, 0x0a]);
    return key;
  };

const ARRAY_MIX = { userLookup: 4, userUpdate: 4, userDelete: 1, userTake: 1, nextKey: 2, lookupBatch: 2, takeBatch: 1, updateBatch: 1, deleteBatch: 1, programLookup: 3, poke: 2, programUpdate: 4, programDelete: 1, forEach: 1, switchCpu: 1 } as const; // prettier-ignore
const HASH_MIX = { userLookup: 4, userUpdate: 6, userDelete: 2, userTake: 2, nextKey: 3, lookupBatch: 2, takeBatch: 1, updateBatch: 1, deleteBatch: 1, programLookup: 4, poke: 2, programUpdate: 6, programDelete: 2, forEach: 1, switchCpu: 1 } as const; // prettier-ignore
const { ZERO_SEED, NO_PREALLOC, NO_COMMON_LRU, RDONLY, WRONLY } = MAP_FLAG;
const def = (type: number, keySize: number, valueSize: number, maxEntries: number, flags = 0, mapExtra = 0n): MapSpec => ({ type, keySize, valueSize, maxEntries, flags, mapExtra }); // prettier-ignore

const INNER = { type: MAP_TYPE.HASH, keySize: 4, valueSize: 4, maxEntries: 3, flags: 0 };
/** File descriptors, most of them of what fits. */
const fdValue: MakeKey = (random) =>
  u32(random.pick([fds.inner, fds.same, fds.program, fds.program, fds.other, fds.none]));
/** Network interfaces: 1 is the loopback device. */
const deviceValue =
  (size: number): MakeKey =>
  (random) => {
    const value = new Uint8Array(size);
    value.set(u32(random.pick([0, 1, 1, 1, 9999])));
    if (size === 8) value.set(u32(random.pick([0, 0, 0xffffffff, 9999])), 4);
    return value;
  };
const queueValue: MakeKey = (random) => u32(random.pick([0, 1, 192, 16384, 16385]));
const noKey: MakeKey = () => new Uint8Array(0);
const USER_MIX = { userLookup: 4, userUpdate: 6, userDelete: 2, userTake: 1, nextKey: 3, lookupBatch: 2, takeBatch: 1, updateBatch: 1, deleteBatch: 1, freeze: 0 } as const; // prettier-ignore
const ofMaps = (type: number, flags: number): MapSpec => ({
  ...def(type, 4, 4, 6, flags),
  inner: { name: 'inner', kind: 'map', ...INNER },
});

const CASES: readonly Case[] = [
  { name: 'array', def: def(MAP_TYPE.ARRAY, 4, 8, 7), key: indexKey(7), mix: ARRAY_MIX },
  { name: 'array of odd values', def: def(MAP_TYPE.ARRAY, 4, 13, 1), key: indexKey(1), mix: ARRAY_MIX },
  { name: 'per-CPU array', def: def(MAP_TYPE.PERCPU_ARRAY, 4, 8, 5), key: indexKey(5), mix: { ...ARRAY_MIX, programLookupPercpu: 2 } }, // prettier-ignore
  { name: 'per-CPU array of odd values', def: def(MAP_TYPE.PERCPU_ARRAY, 4, 12, 5), key: indexKey(5), mix: { ...ARRAY_MIX, programLookupPercpu: 2 } }, // prettier-ignore
  { name: 'hash', def: def(MAP_TYPE.HASH, 4, 8, 16, ZERO_SEED), key: smallKey(4, 24), mix: HASH_MIX },
  {
    name: 'hash with a seed of its own',
    def: def(MAP_TYPE.HASH, 4, 8, 16),
    key: smallKey(4, 24),
    mix: { ...HASH_MIX, nextKey: 0, lookupBatch: 0, takeBatch: 0, forEach: 0 },
  },
  {
    name: 'LRU hash with a seed of its own',
    def: def(MAP_TYPE.LRU_HASH, 4, 8, 16),
    key: smallKey(4, 24),
    mix: { ...HASH_MIX, nextKey: 0, lookupBatch: 0, takeBatch: 0, forEach: 0 },
  },
  { name: 'hash without preallocation', def: def(MAP_TYPE.HASH, 6, 5, 10, ZERO_SEED | NO_PREALLOC), key: smallKey(6, 16), mix: { ...HASH_MIX, forEach: 0 } }, // prettier-ignore
  { name: 'hash of long keys', def: def(MAP_TYPE.HASH, 37, 16, 64, ZERO_SEED), key: smallKey(37, 90), mix: HASH_MIX },
  { name: 'per-CPU hash', def: def(MAP_TYPE.PERCPU_HASH, 8, 8, 16, ZERO_SEED), key: smallKey(8, 24), mix: { ...HASH_MIX, programLookupPercpu: 2 } }, // prettier-ignore
  { name: 'per-CPU hash without preallocation', def: def(MAP_TYPE.PERCPU_HASH, 5, 16, 16, ZERO_SEED | NO_PREALLOC), key: smallKey(5, 24), mix: { ...HASH_MIX, programLookupPercpu: 2 } }, // prettier-ignore
  { name: 'LRU hash', def: def(MAP_TYPE.LRU_HASH, 4, 8, 32, ZERO_SEED), key: smallKey(4, 60), mix: HASH_MIX },
  { name: 'large LRU hash', def: def(MAP_TYPE.LRU_HASH, 4, 8, 700, ZERO_SEED), key: smallKey(4, 1400), mix: { ...HASH_MIX, takeBatch: 0 } }, // prettier-ignore
  { name: 'LRU hash with lists of each CPU', def: def(MAP_TYPE.LRU_HASH, 4, 8, 33, ZERO_SEED | NO_COMMON_LRU), key: smallKey(4, 60), mix: HASH_MIX }, // prettier-ignore
  { name: 'LRU per-CPU hash', def: def(MAP_TYPE.LRU_PERCPU_HASH, 4, 8, 32, ZERO_SEED), key: smallKey(4, 60), mix: { ...HASH_MIX, programLookupPercpu: 2 } }, // prettier-ignore
  { name: 'LRU per-CPU hash with lists of each CPU', def: def(MAP_TYPE.LRU_PERCPU_HASH, 4, 8, 20, ZERO_SEED | NO_COMMON_LRU), key: smallKey(4, 40), mix: { ...HASH_MIX, programLookupPercpu: 2 } }, // prettier-ignore
  {
    name: 'LPM trie',
    def: def(MAP_TYPE.LPM_TRIE, 8, 8, 40, NO_PREALLOC),
    key: prefixKey(8),
    mix: { ...HASH_MIX, forEach: 0 },
  },
  { name: 'LPM trie of long prefixes', def: def(MAP_TYPE.LPM_TRIE, 19, 4, 300, NO_PREALLOC), key: prefixKey(19), mix: { ...HASH_MIX, forEach: 0 } }, // prettier-ignore
  { name: 'queue', def: def(MAP_TYPE.QUEUE, 0, 8, 5), key: () => new Uint8Array(0), mix: { userLookup: 2, userUpdate: 4, userTake: 3, userDelete: 1, push: 4, pop: 3, peek: 2, lookupBatch: 1, updateBatch: 1 } }, // prettier-ignore
  { name: 'stack', def: def(MAP_TYPE.STACK, 0, 12, 5), key: () => new Uint8Array(0), mix: { userLookup: 2, userUpdate: 4, userTake: 3, userDelete: 1, push: 4, pop: 3, peek: 2, lookupBatch: 1, updateBatch: 1 } }, // prettier-ignore
  { name: 'Bloom filter', def: def(MAP_TYPE.BLOOM_FILTER, 0, 8, 2000, ZERO_SEED), key: smallKey(8, 3000), mix: { contains: 4, bloomPush: 2, bloomPeek: 4 } }, // prettier-ignore
  { name: 'Bloom filter of odd values', def: def(MAP_TYPE.BLOOM_FILTER, 0, 7, 500, ZERO_SEED, 3n), key: smallKey(7, 3000), mix: { contains: 4, bloomPush: 1, bloomPeek: 4 } }, // prettier-ignore
  { name: 'hash of values with a lock', def: def(MAP_TYPE.HASH, 4, 16, 16, ZERO_SEED), value: LOCKED, key: smallKey(4, 24), mix: { ...HASH_MIX, forEach: 0 } }, // prettier-ignore
  { name: 'array of values with a lock', def: def(MAP_TYPE.ARRAY, 4, 16, 7), value: LOCKED, key: indexKey(7), mix: { ...ARRAY_MIX, forEach: 0 } }, // prettier-ignore
  { name: 'hash of values with a timer', def: def(MAP_TYPE.HASH, 4, 32, 16, ZERO_SEED), value: TIMED, key: smallKey(4, 24), mix: HASH_MIX }, // prettier-ignore
  { name: 'LRU hash of values with a timer', def: def(MAP_TYPE.LRU_HASH, 4, 32, 16, ZERO_SEED), value: TIMED, key: smallKey(4, 24), mix: HASH_MIX }, // prettier-ignore
  { name: 'array of values with a timer', def: def(MAP_TYPE.ARRAY, 4, 32, 7), value: TIMED, key: indexKey(7), mix: ARRAY_MIX }, // prettier-ignore
  {
    name: 'array that is frozen',
    def: def(MAP_TYPE.ARRAY, 4, 8, 7),
    key: indexKey(7),
    mix: { ...ARRAY_MIX, freeze: 1 },
  },
  {
    name: 'hash that is frozen',
    def: def(MAP_TYPE.HASH, 4, 8, 7, ZERO_SEED),
    key: smallKey(4, 12),
    mix: { ...HASH_MIX, freeze: 1 },
  },
  {
    name: 'array of programs',
    def: def(MAP_TYPE.PROG_ARRAY, 4, 4, 5),
    key: indexKey(5),
    userValue: fdValue,
    mix: USER_MIX,
  },
  {
    name: 'array of cgroups',
    def: def(MAP_TYPE.CGROUP_ARRAY, 4, 4, 5),
    key: indexKey(5),
    userValue: fdValue,
    mix: USER_MIX,
  },
  {
    name: 'array of perf events',
    def: def(MAP_TYPE.PERF_EVENT_ARRAY, 4, 4, 5),
    key: indexKey(5),
    userValue: fdValue,
    mix: USER_MIX,
  },
  {
    name: 'array of maps',
    def: ofMaps(MAP_TYPE.ARRAY_OF_MAPS, 0),
    key: indexKey(6),
    userValue: fdValue,
    mix: USER_MIX,
    slow: true,
  },
  {
    name: 'hash of maps',
    def: ofMaps(MAP_TYPE.HASH_OF_MAPS, ZERO_SEED),
    key: smallKey(4, 10),
    userValue: fdValue,
    mix: USER_MIX,
    slow: true,
  },
  { name: 'stack traces', def: def(MAP_TYPE.STACK_TRACE, 4, 80, 5), key: indexKey(5), mix: USER_MIX },
  { name: 'devices', def: def(MAP_TYPE.DEVMAP, 4, 4, 5), key: indexKey(5), userValue: deviceValue(4), mix: USER_MIX },
  {
    name: 'devices with programs',
    def: def(MAP_TYPE.DEVMAP, 4, 8, 5),
    key: indexKey(5),
    userValue: deviceValue(8),
    mix: USER_MIX,
  },
  {
    name: 'hash of devices',
    def: def(MAP_TYPE.DEVMAP_HASH, 4, 4, 5),
    key: indexKey(8),
    userValue: deviceValue(4),
    mix: USER_MIX,
  },
  {
    name: 'hash of devices with programs',
    def: def(MAP_TYPE.DEVMAP_HASH, 4, 8, 5),
    key: indexKey(8),
    userValue: deviceValue(8),
    mix: USER_MIX,
  },
  {
    name: 'CPUs',
    def: def(MAP_TYPE.CPUMAP, 4, 4, 3),
    key: indexKey(3),
    userValue: queueValue,
    mix: USER_MIX,
    limit: 300,
  },
  { name: 'XDP sockets', def: def(MAP_TYPE.XSKMAP, 4, 4, 5), key: indexKey(5), userValue: fdValue, mix: USER_MIX },
  {
    name: 'sockets',
    def: def(MAP_TYPE.SOCKMAP, 4, 4, 5),
    key: indexKey(5),
    userValue: (random) => u32(random.pick([9999, 9998])),
    mix: USER_MIX,
  },
  {
    name: 'sockets with cookies',
    def: def(MAP_TYPE.SOCKMAP, 4, 8, 5),
    key: indexKey(5),
    userValue: () => bytes8(9999),
    mix: USER_MIX,
  },
  {
    name: 'hash of sockets',
    def: def(MAP_TYPE.SOCKHASH, 4, 8, 5),
    key: indexKey(5),
    userValue: () => bytes8(9999),
    mix: USER_MIX,
  },
  {
    name: 'reuseport sockets',
    def: def(MAP_TYPE.REUSEPORT_SOCKARRAY, 4, 8, 5),
    key: indexKey(5),
    userValue: () => bytes8(9999),
    mix: USER_MIX,
  },
  { name: 'ring buffer as elements', def: def(MAP_TYPE.RINGBUF, 0, 0, 4096), key: noKey, mix: USER_MIX, limit: 300 },
  {
    name: 'user ring buffer as elements',
    def: def(MAP_TYPE.USER_RINGBUF, 0, 0, 4096),
    key: noKey,
    mix: USER_MIX,
    limit: 300,
  },
  {
    name: 'arena as elements',
    def: def(MAP_TYPE.ARENA, 0, 0, 2, MAP_FLAG.MMAPABLE),
    key: noKey,
    mix: USER_MIX,
    limit: 300,
  },
  {
    name: 'storage of cgroups',
    def: def(MAP_TYPE.CGROUP_STORAGE, 16, 8, 0),
    key: smallKey(16, 4),
    mix: USER_MIX,
    limit: 3000,
  },
  {
    name: 'per-CPU storage of cgroups',
    def: def(MAP_TYPE.PERCPU_CGROUP_STORAGE, 16, 8, 0),
    key: smallKey(16, 4),
    mix: USER_MIX,
    limit: 3000,
  },
  {
    name: 'storage of tasks',
    def: def(MAP_TYPE.TASK_STORAGE, 4, 16, 0, NO_PREALLOC),
    value: LOCKED,
    key: (random) => u32(random.below(9) === 0 ? 9999 : fds.task),
    mix: USER_MIX,
  },
  {
    name: 'storage of inodes',
    def: def(MAP_TYPE.INODE_STORAGE, 4, 16, 0, NO_PREALLOC),
    value: LOCKED,
    key: (random) => u32(random.below(9) === 0 ? 9999 : fds.inode),
    mix: USER_MIX,
  },
  { name: 'hash that user space may only read', def: def(MAP_TYPE.HASH, 4, 8, 16, ZERO_SEED | RDONLY), key: smallKey(4, 24), mix: HASH_MIX }, // prettier-ignore
  { name: 'array that user space may only write', def: def(MAP_TYPE.ARRAY, 4, 8, 7, WRONLY), key: indexKey(7), mix: ARRAY_MIX }, // prettier-ignore
];

/** Operations of one test of a slow kind. */
const SLOW_COUNT = Math.min(OPERATION_COUNT > 10000 ? 10000 : 300, OPERATION_COUNT);
let kernel: LiveKernel;
let btfFd: number;
/** Objects that user space puts into maps, by file descriptor; `none` is no open file. */
const fds = { inner: 0, same: 0, other: 0, program: 0, task: 0, inode: 0, none: 9999 };
const objects = new Map<number, MapObject>();
const resolveFd = (fd: number): MapObject | undefined => objects.get(fd);

function openObjects(): void {
  const inner = { arena: createMapArena(), endian: 'little' } as const;
  for (const [name, init] of [
    ['inner', INNER],
    ['same', INNER],
    ['other', { ...INNER, maxEntries: 5, keySize: 8 }],
  ] as const) {
    // prettier-ignore
    const fd = createRawMap(init as RawMapInit);
    const { id } = kernel.mapInfo(fd);
    fds[name] = fd;
    objects.set(fd, { id, kind: 'map', object: createMap(init, { ...inner, id }) });
  }
  const outcome = kernel.load(asm('r0 = 0', 'exit'), { type: 'sched_cls' });
  if (!outcome.accepted) throw new Error(outcome.message);
  fds.task = openProcess(process.pid);
  fds.inode = openSync(import.meta.filename, 'r');
  objects.set(fds.task, { id: 0, kind: 'task', object: { process: true } });
  objects.set(fds.inode, { id: 0, kind: 'inode', object: { file: true } });
  fds.program = outcome.fd;
  objects.set(outcome.fd, { id: kernel.programInfo(outcome.fd).id, kind: 'program', object: 'program' });
}

function run(testCase: Case, seed: number, count: number): void {
  const { map: init, mix } = { map: testCase.def, mix: testCase.mix };
  const cpu = { current: 0 };
  pinToCpu(0);
  const arena = createMapArena();
  const map = createMap(init, {
    arena,
    endian: 'little',
    cpus: possibleCpus(),
    currentCpu: () => cpu.current,
    fields: testCase.value?.fields ?? [],
    resolveFd,
    resolveDevice: (ifindex) => ifindex === 1,
  });
  const types = testCase.value === undefined ? {} : { btfFd, ...testCase.value };
  const fd = createRawMap({ ...types, ...init, innerMapFd: init.inner === undefined ? 0 : fds.inner });
  if (fd < 0) throw new Error(`BPF_MAP_CREATE: ${fd}`);
  const programs = new HelperPrograms(kernel, fd, init.valueSize, testCase.value?.fields);
  const subject: Subject = {
    map,
    arena,
    raw: new RawMap(fd, init.keySize, map.userValueSize),
    programs,
    cpu,
    userValue: testCase.userValue,
    btfFd,
  };
  const random = new Random(seed);
  const names = Object.entries(mix).flatMap(([name, weight]) => new Array<OperationName>(weight).fill(name as OperationName)); // prettier-ignore
  const recent: Step[] = [];
  try {
    for (let i = 0; i < count; i++) {
      const name = random.pick(names);
      const step = OPERATIONS[name](subject, random, testCase.key);
      recent.push(step);
      if (recent.length > 12) recent.shift();
      if (step.model === step.kernel) continue;
      const history = recent.map(({ what, kernel: result }) => `${what} -> ${result.slice(0, 200)}`).join('\n');
      expect.fail(
        `operation ${i} (seed ${seed}): ${step.what}\nmodel:  ${step.model}\nkernel: ${step.kernel}\n${history}`,
      );
    }
    if (map.keySize > 0) compareContents(subject);
  } finally {
    programs.close();
    closeRaw(fd);
  }
}

/** All elements, in any order: what has a seed of its own has an order of its own. */
function compareContents({ map, raw }: Subject): void {
  const read = (side: Pick<RawMap, 'nextKey'>, lookup: (key: Uint8Array) => Uint8Array | number): string[] => {
    const list: string[] = [];
    for (let key = side.nextKey(undefined); typeof key !== 'number' && list.length < 100_000; key = side.nextKey(key)) {
      list.push(`${key} ${showValue(map, lookup(key))}`);
    }
    return list.sort();
  };
  const ours = read(map.user, (key) => map.user.lookup(key));
  expect(ours).toEqual(read(raw, (key) => raw.lookup(key, 0n)));
}

/** A map of any size, most often a small one. */
function randomCase(type: number, random: Random): Case {
  const valueSize = random.pick([1, 2, 3, 4, 7, 8, 12, 16, 24, 100, 264]);
  const maxEntries = random.pick([1, 2, 3, 4, 5, 8, 15, 33, 64, 130, 300]);
  const perCpu = [MAP_TYPE.PERCPU_ARRAY, MAP_TYPE.PERCPU_HASH, MAP_TYPE.LRU_PERCPU_HASH].some(
    (other) => other === type,
  );
  const lookups = perCpu ? { programLookupPercpu: 2 } : {};
  const name = `type ${type}`;
  if (type === MAP_TYPE.ARRAY || type === MAP_TYPE.PERCPU_ARRAY) {
    return { name, def: def(type, 4, valueSize, maxEntries), key: indexKey(maxEntries), mix: { ...ARRAY_MIX, ...lookups, forEach: 0 } }; // prettier-ignore
  }
  if (type === MAP_TYPE.LPM_TRIE) {
    const keySize = 5 + random.below(30);
    return { name, def: def(type, keySize, valueSize, maxEntries, NO_PREALLOC), key: prefixKey(keySize), mix: { ...HASH_MIX, forEach: 0 } }; // prettier-ignore
  }
  const keySize = 1 + random.below(40);
  const lru = type === MAP_TYPE.LRU_HASH || type === MAP_TYPE.LRU_PERCPU_HASH;
  const flags = ZERO_SEED | (random.below(2) === 0 ? 0 : lru ? NO_COMMON_LRU : NO_PREALLOC);
  const key = smallKey(keySize, Math.ceil(maxEntries * random.pick([0.7, 1.2, 2, 4])) + 1);
  return { name, def: def(type, keySize, valueSize, maxEntries, flags), key, mix: { ...HASH_MIX, ...lookups, forEach: 0 } }; // prettier-ignore
}

describeKernel('maps against the live kernel', () => {
  beforeAll(() => {
    kernel = openLiveKernel();
    btfFd = loadTestBtf(kernel);
    openObjects();
  });
  afterAll(() => {
    unpin();
    kernel?.[Symbol.dispose]();
  });
  test.each([
    MAP_TYPE.ARRAY,
    MAP_TYPE.PERCPU_ARRAY,
    MAP_TYPE.HASH,
    MAP_TYPE.PERCPU_HASH,
    MAP_TYPE.LRU_HASH,
    MAP_TYPE.LRU_PERCPU_HASH,
    MAP_TYPE.LPM_TRIE,
  ])('maps of any size, type %i', (type) => {
    const random = new Random(OPERATION_SEED + 1000 * type);
    for (let done = 0; done < OPERATION_COUNT; done += 500) {
      const testCase = randomCase(type, random);
      try {
        run(testCase, OPERATION_SEED + done, Math.min(500, OPERATION_COUNT - done));
      } catch (error) {
        const { flags, keySize, valueSize, maxEntries } = testCase.def;
        throw new Error(`flags ${flags}, key ${keySize}, value ${valueSize}, ${maxEntries} entries`, { cause: error });
      }
    }
  });

  test.each(CASES)('$name', (testCase) => {
    const count = testCase.slow === true ? Math.min(OPERATION_COUNT, SLOW_COUNT) : OPERATION_COUNT;
    run(testCase, OPERATION_SEED, Math.min(count, testCase.limit ?? count));
  });

  const more = OPERATION_COUNT > 10000 ? Math.floor(OPERATION_COUNT / SLOW_COUNT) - 1 : 0;
  test.each(
    CASES.filter(({ slow }) => slow === true).flatMap((testCase) =>
      Array.from({ length: Math.max(0, more) }, (_, part) => ({ ...testCase, part: part + 2 })),
    ),
  )(
    // prettier-ignore
    '$name, part $part',
    (testCase) => run(testCase, OPERATION_SEED + 100 * (testCase.part - 1), SLOW_COUNT),
  );
});
