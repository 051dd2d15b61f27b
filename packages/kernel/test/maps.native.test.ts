import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodeBtf } from '@polybpf/btf';
import { isBpfError } from '@polybpf/errors';
import { type KernelMap, type LiveKernel, MAP_FLAGS, MAP_TYPES, type MapInit, openLiveKernel, possibleCpus } from '@polybpf/kernel'; // prettier-ignore
import { accepted, assembled, describeKernel } from './with-kernel.ts';

let kernel: LiveKernel;
let intBtf: number;
beforeAll(() => {
  kernel = openLiveKernel();
  const int = { kind: 'INT', id: 1, name: 'int', size: 4, encoding: 1, bitOffset: 0, bits: 32 } as const;
  intBtf = (kernel.loadBtf(encodeBtf({ endian: 'little', types: [int] })) as { fd: number }).fd;
});
afterAll(() => kernel?.[Symbol.dispose]());

const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
const u64 = (value: number): Uint8Array => new Uint8Array(BigUint64Array.of(BigInt(value)).buffer);
const number = (bytes: Uint8Array | undefined): number | undefined =>
  bytes === undefined ? undefined : new DataView(bytes.buffer).getUint32(bytes.byteOffset, true);
const NONE = new Uint8Array(0);

function create(type: string, init: Partial<MapInit> = {}): KernelMap {
  return kernel.createMap({ type, keySize: 4, valueSize: 8, maxEntries: 8, ...init });
}

/** The errno of an operation that must fail. */
function errnoOf(operation: () => unknown): string | undefined {
  try {
    operation();
    return undefined;
  } catch (error) {
    if (isBpfError(error) && error.code === 'E_KERNEL_CALL') return error.got;
    throw error;
  }
}

describeKernel('maps', () => {
  test.each(['hash', 'lru_hash'])('%s: create, read, replace, remove, iterate', (type) => {
    using map = create(type);
    expect(map.lookup(u32(1))).toBeUndefined();
    expect(map.nextKey()).toBeUndefined();
    for (const key of [1, 2, 3]) map.update(u32(key), u64(10 * key));
    map.update(u32(2), u64(99));
    expect([1, 2, 3].map((key) => number(map.lookup(u32(key))))).toEqual([10, 99, 30]);
    expect([...map.keys()].map(number).sort()).toEqual([1, 2, 3]);
    expect([map.delete(u32(2)), map.delete(u32(2))]).toEqual([true, false]);
    expect(errnoOf(() => map.update(u32(1), u64(0), 1))).toBe('EEXIST');
    expect(errnoOf(() => map.update(u32(7), u64(0), 2))).toBe('ENOENT');
    expect(number(map.take(u32(3)))).toBe(30);
    expect(map.take(u32(3))).toBeUndefined();
    expect(map.clear()).toBe(1);
  });

  test('array: every place is there and stays', () => {
    using map = create('array', { maxEntries: 3 });
    map.update(u32(1), u64(5));
    expect([...map.entries()].map(({ key, value }) => [number(key), number(value)])).toEqual([
      [0, 0],
      [1, 5],
      [2, 0],
    ]);
    expect(map.lookup(u32(3))).toBeUndefined();
    expect(errnoOf(() => map.update(u32(3), u64(0)))).toBe('E2BIG');
    expect(errnoOf(() => map.delete(u32(1)))).toBe('EINVAL');
  });

  test.each(['percpu_hash', 'percpu_array', 'lru_percpu_hash'])('%s: one value for each CPU', (type) => {
    using map = create(type, { valueSize: 4 });
    expect([map.valuesPerKey, map.userValueSize]).toEqual([possibleCpus(), 8 * possibleCpus()]);
    const value = new Uint8Array(map.userValueSize).map((_, i) => (i % 8 < 4 ? i + 1 : 0));
    map.update(u32(0), value);
    expect(map.lookup(u32(0))).toEqual(value);
    const fd = accepted(kernel.load(assembled('r0 = 0', 'exit')));
    expect(() => map.update(u32(0), u32(1))).toThrow(expect.objectContaining({ code: 'E_INPUT' }));
    kernel.close(fd);
  });

  test('lpm_trie: the longest prefix', () => {
    using map = create('lpm_trie', { keySize: 8, flags: MAP_FLAGS.BPF_F_NO_PREALLOC });
    const prefix = (bits: number, ...address: number[]): Uint8Array => Uint8Array.of(bits, 0, 0, 0, ...address);
    map.update(prefix(8, 10, 0, 0, 0), u64(8));
    map.update(prefix(16, 10, 1, 0, 0), u64(16));
    expect(number(map.lookup(prefix(32, 10, 1, 2, 3)))).toBe(16);
    expect(number(map.lookup(prefix(32, 10, 2, 2, 3)))).toBe(8);
    expect(map.lookup(prefix(32, 11, 2, 2, 3))).toBeUndefined();
    expect([...map.entries()].map(({ value }) => number(value)).sort()).toEqual([16, 8].sort());
  });

  test('queue and stack: push, peek, pop', () => {
    for (const [type, order] of [
      ['queue', [1, 2, 3]],
      ['stack', [3, 2, 1]],
    ] as const) {
      using map = create(type, { keySize: 0 });
      for (const value of [1, 2, 3]) map.update(NONE, u64(value));
      expect(number(map.lookup(NONE))).toBe(order[0]);
      expect([map.take(NONE), map.take(NONE), map.take(NONE), map.take(NONE)].map(number)).toEqual([...order, undefined]); // prettier-ignore
    }
  });

  test('bloom_filter', () => {
    using map = create('bloom_filter', { keySize: 0, maxEntries: 1000, mapExtra: 3n });
    map.update(NONE, u64(7));
    expect(map.mayContain(u64(7))).toBe(true);
    expect(map.mayContain(u64(8))).toBe(false);
  });

  test('maps of maps, and of programs', () => {
    using inner = create('hash');
    for (const type of ['array_of_maps', 'hash_of_maps']) {
      using outer = create(type, { valueSize: 4, innerMapFd: inner.fd });
      outer.update(u32(1), u32(inner.fd));
      expect(number(outer.lookup(u32(1)))).toBe(kernel.mapInfo(inner.fd).id);
      expect(outer.lookup(u32(2))).toBeUndefined();
      expect([...outer.entries()].length).toBe(1);
      using other = create('array');
      expect(errnoOf(() => outer.update(u32(2), u32(other.fd)))).toBe('EINVAL');
    }
    using programs = create('prog_array', { valueSize: 4 });
    const fd = accepted(kernel.load(assembled('r0 = 0', 'exit')));
    programs.update(u32(2), u32(fd));
    expect(number(programs.lookup(u32(2)))).toBe(kernel.programInfo(fd).id);
    expect([...programs.entries()].map(({ key }) => number(key))).toEqual([2]);
    expect(programs.delete(u32(2))).toBe(true);
  });

  test('batches and single steps tell the same, also for buckets larger than a batch', () => {
    for (const type of ['hash', 'array', 'lru_hash', 'percpu_hash']) {
      using map = create(type, { maxEntries: 1500, valueSize: 8 });
      const entries = Array.from({ length: 1000 }, (_, i) => {
        return { key: u32(i), value: new Uint8Array(map.userValueSize).fill(i & 255) };
      });
      map.updateAll(entries);
      const show = (list: Iterable<{ key: Uint8Array; value: Uint8Array }>): string[] =>
        [...list].map(({ key, value }) => `${number(key)}=${value[0]}`).sort();
      const single = [...map.keys()].map((key) => ({ key, value: map.lookup(key)! }));
      expect(show(map.entries())).toEqual(show(single));
      if (type === 'hash') expect(show(single)).toEqual(show(entries));
    }
  });

  test('too many elements are an error, and those before it are in', () => {
    using map = create('hash', { maxEntries: 3 });
    const entries = [0, 1, 2, 3, 4].map((i) => ({ key: u32(i), value: u64(i) }));
    expect(errnoOf(() => map.updateAll(entries))).toBe('E2BIG');
    expect([...map.entries()].length).toBe(3);
  });

  test('frozen maps are read-only for user space', () => {
    using map = create('array');
    map.freeze();
    expect(errnoOf(() => map.update(u32(0), u64(1)))).toBe('EPERM');
    expect(number(map.lookup(u32(0)))).toBe(0);
  });

  test('a map by its id', () => {
    using map = create('hash', { name: 'by_id' });
    map.update(u32(1), u64(2));
    const { id, name } = kernel.mapInfo(map.fd);
    expect(name).toBe('by_id');
    expect(kernel.mapIds()).toContain(id);
    using same = kernel.openMap(id)!;
    expect(number(same.lookup(u32(1)))).toBe(2);
    expect(kernel.openMap(0x7fffffff)).toBeUndefined();
  });
});

describeKernel('every map type', () => {
  const LOCAL: Partial<MapInit> = { maxEntries: 0, flags: MAP_FLAGS.BPF_F_NO_PREALLOC, valueSize: 4 };
  const RING: Partial<MapInit> = { keySize: 0, valueSize: 0, maxEntries: 4096 };
  const SPECIAL: Readonly<Record<string, Partial<MapInit>>> = {
    lpm_trie: { keySize: 8, flags: MAP_FLAGS.BPF_F_NO_PREALLOC },
    perf_event_array: { valueSize: 4 },
    prog_array: { valueSize: 4 },
    cgroup_array: { valueSize: 4 },
    devmap: { valueSize: 4 },
    devmap_hash: { valueSize: 4 },
    xskmap: { valueSize: 4 },
    sockmap: { valueSize: 4 },
    sockhash: { valueSize: 4 },
    array_of_maps: { valueSize: 4 },
    hash_of_maps: { valueSize: 4 },
    cpumap: { valueSize: 4, maxEntries: 1 },
    cgroup_storage: { keySize: 16, maxEntries: 0 },
    percpu_cgroup_storage: { keySize: 16, maxEntries: 0 },
    queue: { keySize: 0 },
    stack: { keySize: 0 },
    bloom_filter: { keySize: 0 },
    ringbuf: RING,
    user_ringbuf: RING,
    sk_storage: LOCAL,
    inode_storage: LOCAL,
    task_storage: LOCAL,
    cgrp_storage: LOCAL,
    arena: { keySize: 0, valueSize: 0, maxEntries: 1, flags: MAP_FLAGS.BPF_F_MMAPABLE },
  };
  /** Its value is a struct of the kernel, and creating it is the first step of attaching. */
  const types = MAP_TYPES.filter((type) => type !== 'unspec' && type !== 'struct_ops');

  test.each(types)('%s: each operation works or fails with the errno of the kernel', (type) => {
    using inner = type.endsWith('_of_maps') ? create('hash') : undefined;
    const isLocal = SPECIAL[type] === LOCAL;
    using map = create(type, {
      ...SPECIAL[type],
      ...(inner === undefined ? {} : { innerMapFd: inner.fd }),
      ...(isLocal ? { btfFd: intBtf, btfKeyTypeId: 1, btfValueTypeId: 1 } : {}),
    });
    expect(kernel.mapInfo(map.fd)).toMatchObject({ type: map.type, keySize: map.keySize, valueSize: map.valueSize });
    const key = new Uint8Array(map.keySize);
    const value = new Uint8Array(map.userValueSize);
    const operations: Record<string, () => unknown> = {
      lookup: () => map.lookup(key),
      update: () => map.update(key, value),
      delete: () => map.delete(key),
      nextKey: () => map.nextKey(),
      entries: () => [...map.entries()],
      take: () => map.take(key),
    };
    for (const [name, operation] of Object.entries(operations)) {
      expect([name, errnoOf(operation) ?? 'done']).toEqual([name, expect.stringMatching(/^(done|E[A-Z0-9]+)$/)]);
    }
  });

  test('creating one that makes no sense names the map', () => {
    expect(() => create('hash', { name: 'odd', keySize: 0 })).toThrow(
      /BPF_MAP_CREATE of hash map odd \(key 0, value 8, 8 entries\), got EINVAL/,
    );
  });
});
