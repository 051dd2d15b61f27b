import { expect, test } from 'vitest';
import { createMap, createMapArena, ERRNO, MAP_TYPE } from '@polybpf/maps';

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
