import { describe, expect, test } from 'vitest';
import {
  createMap,
  createMapArena,
  type GuestMap,
  MAP_FLAG,
  MAP_TYPE,
  type MapSnapshot,
  type MapSpec,
} from '@polybpf/maps';

/** A small generator of the same numbers everywhere. */
function sequence(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff) >>> 8;
}

const open = (def: MapSpec): GuestMap =>
  createMap(def, { arena: createMapArena(), endian: 'little', cpus: 2, currentCpu: () => 1, random: () => 99 });

function operate(map: GuestMap, next: () => number): string {
  const key = new Uint8Array(map.keySize).fill(0);
  if (map.keySize > 0) key[0] = next() % 24;
  if (map.type === MAP_TYPE.LPM_TRIE) key[4] = next();
  const value = Uint8Array.from({ length: map.userValueSize }, next);
  const keyless = map.keySize === 0;
  switch (next() % 6) {
    case 0:
      return String(map.user.lookup(key));
    case 1:
      return keyless ? String(map.user.lookupAndDelete(key)) : String(map.user.nextKey(key));
    case 2:
      return keyless ? '' : String(map.user.delete(key));
    case 3:
      return keyless ? '' : String(map.program.lookup(key) !== 0n);
    default:
      return String(map.user.update(key, value));
  }
}

const CASES: readonly MapSpec[] = [
  { type: MAP_TYPE.ARRAY, keySize: 4, valueSize: 5, maxEntries: 20 },
  { type: MAP_TYPE.PERCPU_ARRAY, keySize: 4, valueSize: 5, maxEntries: 20 },
  { type: MAP_TYPE.HASH, keySize: 4, valueSize: 5, maxEntries: 20 },
  { type: MAP_TYPE.PERCPU_HASH, keySize: 3, valueSize: 5, maxEntries: 20 },
  { type: MAP_TYPE.LRU_HASH, keySize: 4, valueSize: 5, maxEntries: 8 },
  { type: MAP_TYPE.LRU_HASH, keySize: 4, valueSize: 5, maxEntries: 8, flags: MAP_FLAG.NO_COMMON_LRU },
  { type: MAP_TYPE.LRU_PERCPU_HASH, keySize: 4, valueSize: 5, maxEntries: 8 },
  { type: MAP_TYPE.LPM_TRIE, keySize: 8, valueSize: 5, maxEntries: 20, flags: MAP_FLAG.NO_PREALLOC },
  { type: MAP_TYPE.QUEUE, keySize: 0, valueSize: 5, maxEntries: 9 },
  { type: MAP_TYPE.STACK, keySize: 0, valueSize: 5, maxEntries: 9 },
];

describe('a restored map goes on as the one that was saved', () => {
  test.each(CASES)('type $type flags $flags', (def) => {
    const first = open(def);
    const next = sequence(def.type);
    for (let i = 0; i < 300; i++) operate(first, next);
    const saved = JSON.stringify(first.snapshot());
    const second = open(def);
    second.restore(JSON.parse(saved) as MapSnapshot);
    expect(JSON.stringify(second.snapshot())).toBe(saved);
    const [a, b] = [sequence(7), sequence(7)];
    for (let i = 0; i < 300; i++) expect(`${i} ${operate(second, b)}`).toBe(`${i} ${operate(first, a)}`);
    expect(JSON.stringify(second.snapshot())).toBe(JSON.stringify(first.snapshot()));
  });

  test('a ring buffer keeps what is not read yet', () => {
    const def = { type: MAP_TYPE.RINGBUF, keySize: 0, valueSize: 0, maxEntries: 4096 };
    const first = open(def);
    first.ring!.output(Uint8Array.of(1, 2, 3));
    first.ring!.output(Uint8Array.of(4));
    first.ring!.drain(1);
    const second = open(def);
    second.restore(JSON.parse(JSON.stringify(first.snapshot())) as MapSnapshot);
    expect(second.ring!.drain()).toEqual([Uint8Array.of(4)]);
  });

  test('a Bloom filter keeps its bits', () => {
    const def = { type: MAP_TYPE.BLOOM_FILTER, keySize: 0, valueSize: 4, maxEntries: 100 };
    const first = open(def);
    first.program.push(Uint8Array.of(1, 2, 3, 4), 0);
    const second = open(def);
    second.restore(first.snapshot());
    expect(second.user.contains(Uint8Array.of(1, 2, 3, 4))).toBe(0);
    expect(second.user.contains(Uint8Array.of(9, 2, 3, 4))).toBe(-2);
  });
});

test('a snapshot of another map is refused', () => {
  const first = open(CASES[0]!);
  expect(() => open(CASES[2]!).restore(first.snapshot())).toThrow(
    'snapshot for map hash, expected HASH (key 4, value 5, 20 entries), got ARRAY (key 4, value 5, 20 entries)',
  );
  const broken = { ...first.snapshot(), entries: [{ key: '0', value: 'zz' }] };
  expect(() => first.restore(broken)).toThrow('bytes of a map snapshot, expected 8 hex digits, got "0"');
});
