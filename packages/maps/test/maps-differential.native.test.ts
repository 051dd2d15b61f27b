/**
 * Random operations, by programs and by user space, on the model and on the live kernel: every result must be equal.
 * `POLYBPF_MAP_OPS` is the number for each kind of map.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createMap, createMapArena, MAP_FLAG, MAP_TYPE, type MapSpec } from '@polybpf/maps';
import { type LiveKernel, openLiveKernel, possibleCpus } from '@polybpf/kernel';
import { HelperPrograms } from './helper-programs.native.ts';
import { type MakeKey, type OperationName, OPERATIONS, Random, type Step, type Subject } from './operations.native.ts';
import { type FieldValue, loadTestBtf, LOCKED, TIMED } from './test-btf.native.ts';
import { describeKernel, OPERATION_COUNT, OPERATION_SEED } from './with-kernel.native.ts';
import { closeRaw, createRawMap, pinToCpu, RawMap, unpin } from './raw-bpf.native.ts';

interface Case {
  readonly name: string;
  readonly def: MapSpec;
  readonly key: MakeKey;
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

const CASES: readonly Case[] = [
  { name: 'array', def: def(MAP_TYPE.ARRAY, 4, 8, 7), key: indexKey(7), mix: ARRAY_MIX },
  { name: 'array of odd values', def: def(MAP_TYPE.ARRAY, 4, 13, 1), key: indexKey(1), mix: ARRAY_MIX },
  { name: 'per-CPU array', def: def(MAP_TYPE.PERCPU_ARRAY, 4, 8, 5), key: indexKey(5), mix: { ...ARRAY_MIX, programLookupPercpu: 2 } }, // prettier-ignore
  { name: 'per-CPU array of odd values', def: def(MAP_TYPE.PERCPU_ARRAY, 4, 12, 5), key: indexKey(5), mix: { ...ARRAY_MIX, programLookupPercpu: 2 } }, // prettier-ignore
  { name: 'hash', def: def(MAP_TYPE.HASH, 4, 8, 16, ZERO_SEED), key: smallKey(4, 24), mix: HASH_MIX },
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
  { name: 'hash that user space may only read', def: def(MAP_TYPE.HASH, 4, 8, 16, ZERO_SEED | RDONLY), key: smallKey(4, 24), mix: HASH_MIX }, // prettier-ignore
  { name: 'array that user space may only write', def: def(MAP_TYPE.ARRAY, 4, 8, 7, WRONLY), key: indexKey(7), mix: ARRAY_MIX }, // prettier-ignore
];

let kernel: LiveKernel;
let btfFd: number;

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
  });
  const types = testCase.value === undefined ? {} : { btfFd, ...testCase.value };
  const fd = createRawMap({ ...types, ...init });
  if (fd < 0) throw new Error(`BPF_MAP_CREATE: ${fd}`);
  const programs = new HelperPrograms(kernel, fd, init.valueSize, testCase.value?.fields);
  const subject: Subject = { map, arena, raw: new RawMap(fd, init.keySize, map.userValueSize), programs, cpu, btfFd };
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
  } finally {
    programs.close();
    closeRaw(fd);
  }
}

describeKernel('maps against the live kernel', () => {
  beforeAll(() => {
    kernel = openLiveKernel();
    btfFd = loadTestBtf(kernel);
  });
  afterAll(() => {
    unpin();
    kernel?.[Symbol.dispose]();
  });
  test.each(CASES)('$name', (testCase) => run(testCase, OPERATION_SEED, OPERATION_COUNT));
});
