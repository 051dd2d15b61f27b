import { expect, test } from 'vitest';
import { createMap, createMapArena, ERRNO, MAP_TYPE } from '@polybpf/maps';

const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
const bytes = (...list: number[]): Uint8Array => Uint8Array.from(list);

test('array: values have stable addresses that programs can write through', () => {
  const arena = createMapArena();
  const map = createMap({ type: MAP_TYPE.ARRAY, keySize: 4, valueSize: 4, maxEntries: 3 }, { arena, endian: 'little' });
  const address = map.program.lookup(u32(1));
  expect(map.program.update(u32(1), bytes(1, 2, 3, 4), 0n)).toBe(0);
  expect(arena.view(address, 4)).toEqual(bytes(1, 2, 3, 4));
  arena.view(address, 4)[0] = 9;
  expect(map.user.lookup(u32(1))).toEqual(bytes(9, 2, 3, 4));
  expect(map.program.lookup(u32(3))).toBe(0n);
  expect(map.user.lookup(u32(3))).toBe(ERRNO.ENOENT);
  expect(map.program.update(u32(3), bytes(0, 0, 0, 0), 0)).toBe(ERRNO.E2BIG);
  expect(map.program.update(u32(0), bytes(0, 0, 0, 0), 1)).toBe(ERRNO.EEXIST);
  expect(map.program.delete(u32(0))).toBe(ERRNO.EINVAL);
});

test('array: indices of a big-endian guest are big-endian', () => {
  const map = createMap(
    { type: MAP_TYPE.ARRAY, keySize: 4, valueSize: 1, maxEntries: 2 },
    { arena: createMapArena(), endian: 'big' },
  );
  expect(map.user.update(bytes(0, 0, 0, 1), bytes(7))).toBe(0);
  expect(map.user.nextKey(bytes(0, 0, 0, 0))).toEqual(bytes(0, 0, 0, 1));
  expect(map.user.nextKey(bytes(0, 0, 0, 1))).toBe(ERRNO.ENOENT);
  expect(map.user.lookup(bytes(0, 0, 0, 1))).toEqual(bytes(7));
});

test('per-CPU array: a program sees the value of its CPU, user space those of all', () => {
  let cpu = 0;
  const arena = createMapArena();
  const map = createMap(
    { type: MAP_TYPE.PERCPU_ARRAY, keySize: 4, valueSize: 4, maxEntries: 2 },
    { arena, endian: 'little', cpus: 2, currentCpu: () => cpu },
  );
  map.program.update(u32(1), u32(5), 0);
  cpu = 1;
  map.program.update(u32(1), u32(6), 0);
  expect(map.user.lookup(u32(1))).toEqual(bytes(5, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0));
  expect(map.program.lookupPercpu(u32(1), 0)).toBe(map.program.lookup(u32(1)) - 8n);
  expect(map.program.lookupPercpu(u32(1), 2)).toBe(0n);
});
