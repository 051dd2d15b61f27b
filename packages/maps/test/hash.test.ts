import { expect, test } from 'vitest';
import { createMap, createMapArena, ERRNO, MAP_FLAG, MAP_TYPE } from '@polybpf/maps';

const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);

test('hash: update flags, capacity, deletion', () => {
  const map = createMap(
    { type: MAP_TYPE.HASH, keySize: 4, valueSize: 4, maxEntries: 2 },
    { arena: createMapArena(), endian: 'little' },
  );
  const { user, program } = map;
  expect(user.update(u32(1), u32(10), 2)).toBe(ERRNO.ENOENT);
  expect(user.update(u32(1), u32(10), 1)).toBe(0);
  expect(program.update(u32(1), u32(11), 1n)).toBe(ERRNO.EEXIST);
  expect(program.update(u32(1), u32(11), 0xffff_ffff_ffff_ffffn)).toBe(ERRNO.EINVAL);
  expect(user.update(u32(2), u32(20))).toBe(0);
  expect(user.update(u32(3), u32(30))).toBe(ERRNO.E2BIG);
  expect(user.update(u32(2), u32(21))).toBe(0);
  expect(user.lookupAndDelete(u32(2))).toEqual(u32(21));
  expect(user.lookup(u32(2))).toBe(ERRNO.ENOENT);
  expect(program.delete(u32(2))).toBe(ERRNO.ENOENT);
  expect(map.size).toBe(1);
});

test('hash: a pointer to a value keeps seeing it after the element is replaced', () => {
  const arena = createMapArena();
  const map = createMap({ type: MAP_TYPE.HASH, keySize: 4, valueSize: 4, maxEntries: 2 }, { arena, endian: 'little' });
  map.program.update(u32(1), u32(10), 0);
  const address = map.program.lookup(u32(1));
  map.program.update(u32(1), u32(11), 0);
  expect(map.program.lookup(u32(1))).not.toBe(address);
  expect(arena.view(address, 4)).toEqual(u32(10));
  map.program.update(u32(1), u32(12), 0);
  expect(map.program.lookup(u32(1))).toBe(address);
  expect(arena.view(address, 4)).toEqual(u32(12));
});

// Orders that a live 6.18 kernel gave on x86_64: jhash of words and of bytes, the newest element of a bucket first.
test.each([
  [4, [4, 2, 6, 5, 10, 8, 0, 7, 11, 3, 9, 1]],
  [7, [6, 5, 2, 8, 7, 3, 0, 11, 10, 4, 9, 1]],
  [13, [8, 7, 2, 6, 9, 1, 11, 10, 5, 0, 4, 3]],
  [16, [9, 8, 6, 2, 10, 7, 5, 1, 4, 11, 0, 3]],
])('hash: order of iteration with seed 0, keys of %i bytes', (keySize, expected) => {
  const map = createMap(
    { type: MAP_TYPE.HASH, keySize, valueSize: 1, maxEntries: 16, flags: MAP_FLAG.ZERO_SEED },
    { arena: createMapArena(), endian: 'little', random: () => 1234 },
  );
  for (let i = 0; i < 12; i++) {
    const key = new Uint8Array(keySize);
    key[0] = i;
    key[keySize - 1]! |= i << 4;
    map.user.update(key, new Uint8Array(1));
  }
  const order: number[] = [];
  for (let key = map.user.nextKey(undefined); typeof key !== 'number'; key = map.user.nextKey(key)) {
    order.push(key[0]! & 15);
  }
  expect(order).toEqual(expected);
  const visited: number[] = [];
  map.program.forEach(({ key }) => (visited.push(key[0]! & 15), 0), 0);
  expect(visited).toEqual(expected);
  const batch = map.user.lookupBatch(undefined, 100);
  expect([batch.errno, batch.keys.map((key) => key[0]! & 15)]).toEqual([ERRNO.ENOENT, expected]);
});
