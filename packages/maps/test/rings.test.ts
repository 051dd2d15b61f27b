import { expect, test } from 'vitest';
import { createMap, createMapArena, ERRNO, type GuestMap, MAP_TYPE } from '@polybpf/maps';

const arena = createMapArena();
const ring = (type: number, maxEntries = 4096, endian: 'little' | 'big' = 'little'): GuestMap =>
  createMap({ type, keySize: 0, valueSize: 0, maxEntries }, { arena, endian });

test('a record that wraps is in one piece for the program and for the reader', () => {
  const map = ring(MAP_TYPE.RINGBUF);
  for (let i = 0; i < 3; i++) map.ring!.output(new Uint8Array(1000));
  map.ring!.drain();
  const address = map.ring!.reserve(2000);
  const record = Uint8Array.from({ length: 2000 }, (_, i) => i & 0xff);
  arena.view(address, 2000).set(record);
  expect(map.ring!.reservedSize(address)).toBe(2000);
  expect(map.ring!.drain()).toEqual([]);
  map.ring!.submit(address);
  expect(map.ring!.drain()).toEqual([record]);
});

test('headers are in guest order: length, then page of the record', () => {
  const map = ring(MAP_TYPE.RINGBUF, 4096, 'big');
  map.ring!.output(Uint8Array.of(1, 2, 3));
  expect((map.snapshot().state!['data'] as string).slice(0, 22)).toBe('0000000300000003010203');
});

test('wake-ups: when the reader has caught up, unless a flag says otherwise', () => {
  const { ring: buffer } = ring(MAP_TYPE.RINGBUF);
  buffer!.output(Uint8Array.of(1));
  expect(buffer!.wakeups).toBe(1);
  buffer!.output(Uint8Array.of(2));
  expect(buffer!.wakeups).toBe(1);
  buffer!.output(Uint8Array.of(3), 2);
  expect(buffer!.wakeups).toBe(2);
  buffer!.drain();
  buffer!.output(Uint8Array.of(4), 1);
  expect(buffer!.wakeups).toBe(2);
});

test('what is not reserved cannot be submitted', () => {
  const { ring: buffer } = ring(MAP_TYPE.RINGBUF);
  const address = buffer!.reserve(8);
  buffer!.discard(address);
  expect(() => buffer!.submit(address)).toThrow('expected the address of a reserved record, got no record');
  expect(buffer!.drain()).toEqual([]);
});

test('a program cannot drain a user ring within its own visit', () => {
  const { userRing } = ring(MAP_TYPE.USER_RINGBUF);
  userRing!.produce(Uint8Array.of(1));
  const inner: number[] = [];
  expect(userRing!.drain(() => inner.push(userRing!.drain(() => 0, 0)) - 1, 0)).toBe(1);
  expect(inner).toEqual([ERRNO.EBUSY]);
  expect(userRing!.wakeups).toBe(1);
});

test('perf events: nothing is heard until buffers are open; what finds no room is counted', async () => {
  const map = createMap(
    { type: MAP_TYPE.PERF_EVENT_ARRAY, keySize: 4, valueSize: 4, maxEntries: 2 },
    { arena, endian: 'little', cpus: 2, currentCpu: () => 1 },
  );
  const events = map.events!;
  expect(events.output(0xffffffffn, Uint8Array.of(1))).toBe(ERRNO.ENOENT);
  expect(events.open(64)).toBe(0);
  expect([events.output(0xffffffffn, Uint8Array.of(1, 2)), events.output(1, new Uint8Array(20))]).toEqual([0, 0]);
  expect([events.output(0, Uint8Array.of(1)), events.output(1, new Uint8Array(20))]).toEqual([ERRNO.EOPNOTSUPP, ERRNO.ENOSPC]); // prettier-ignore
  expect(events.lost).toEqual([0, 1]);
  events.close();
  const seen: string[] = [];
  for await (const { cpu, data, paddedSize } of events) seen.push(`${cpu} ${data.length} ${paddedSize}`);
  expect(seen).toEqual(['1 2 4', '1 20 20']);
});
