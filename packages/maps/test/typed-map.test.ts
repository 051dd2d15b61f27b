import { expect, test } from 'vitest';
import { BYTES, createMap, createMapArena, decodeRecords, MAP_TYPE, perCpu, typedMap, u64Codec, uintCodec } from '@polybpf/maps'; // prettier-ignore

const environment = { arena: createMapArena(), endian: 'big', cpus: 2 } as const;

test('keys and values by codecs', () => {
  const map = createMap({ type: MAP_TYPE.HASH, name: 'counts', keySize: 4, valueSize: 8, maxEntries: 2 }, environment);
  const counts = typedMap(map, { key: uintCodec(4, 'big'), value: u64Codec('big') });
  counts.set(0xfffffffe, 5n).set(7, 6n);
  expect(map.user.lookup(Uint8Array.of(0, 0, 0, 7))).toEqual(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 6));
  expect([counts.get(7), counts.get(8), counts.has(8), counts.size]).toEqual([6n, undefined, false, 2]);
  expect(new Map(counts)).toEqual(new Map([[0xfffffffe, 5n], [7, 6n]])); // prettier-ignore
  expect(() => counts.set(9, 1n)).toThrow('BPF_MAP_UPDATE_ELEM of HASH map counts, got E2BIG');
  expect(() => counts.set(2 ** 32, 1n)).toThrow('unsigned integer of 32 bits, expected 0 to 2^32 - 1, got 4294967296');
  expect([counts.delete(9), counts.take(7), counts.delete(7)]).toEqual([false, 6n, false]);
  counts.clear();
  expect([...counts]).toEqual([]);
});

test('elements may be removed while they are read', () => {
  const map = createMap({ type: MAP_TYPE.HASH, keySize: 1, valueSize: 1, maxEntries: 50 }, environment);
  const view = typedMap(map, { key: uintCodec(1, 'big'), value: BYTES });
  for (let i = 0; i < 50; i++) view.set(i, Uint8Array.of(i));
  const seen: number[] = [];
  for (const key of view.keys()) {
    seen.push(key);
    view.delete(key);
  }
  expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
});

test('elements of an array stay', () => {
  const map = createMap({ type: MAP_TYPE.ARRAY, name: 'a', keySize: 4, valueSize: 1, maxEntries: 2 }, environment);
  const view = typedMap(map, { key: uintCodec(4, 'big'), value: BYTES });
  expect([...view.keys()]).toEqual([0, 1]);
  expect(() => view.clear()).toThrow('BPF_MAP_DELETE_ELEM of ARRAY map a, got EINVAL');
});

test('per-CPU values are lists', () => {
  const map = createMap({ type: MAP_TYPE.PERCPU_ARRAY, keySize: 4, valueSize: 4, maxEntries: 1 }, environment);
  const view = typedMap(map, { key: uintCodec(4, 'big'), value: perCpu(map, uintCodec(4, 'big')) });
  view.set(0, [1, 2]);
  expect(view.get(0)).toEqual([1, 2]);
  expect(map.user.lookup(new Uint8Array(4))).toEqual(Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0));
  expect(() => view.set(0, [1])).toThrow('expected 2, got 1');
});

test('records of a ring, decoded as they come', async () => {
  const map = createMap({ type: MAP_TYPE.RINGBUF, keySize: 0, valueSize: 0, maxEntries: 4096 }, environment);
  const got: number[] = [];
  const reader = (async () => {
    for await (const value of decodeRecords(map.ring!, uintCodec(4, 'big'))) got.push(value);
  })();
  map.ring!.output(Uint8Array.of(0, 0, 0, 1));
  await Promise.resolve();
  map.ring!.output(Uint8Array.of(0, 0, 0, 2));
  map.ring!.close();
  await reader;
  expect(got).toEqual([1, 2]);
});
