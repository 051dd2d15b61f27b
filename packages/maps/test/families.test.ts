import { describe, expect, test } from 'vitest';
import { createMap, createMapArena, ERRNO, type GuestMap, MAP_FLAG, MAP_TYPE, type MapObject, type MapOptions, type MapSpec, mapTypeName, tryCreateMap } from '@polybpf/maps'; // prettier-ignore

const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
const number = (bytes: Uint8Array | number): number => (typeof bytes === 'number' ? bytes : new DataView(bytes.buffer).getUint32(0, true)); // prettier-ignore
const open = (def: MapSpec, options: Partial<MapOptions> = {}): GuestMap =>
  createMap(def, { arena: createMapArena(), endian: 'little', ...options });

describe('definitions', () => {
  test('a refusal names the map, its definition and the errno', () => {
    expect(() => open({ type: MAP_TYPE.HASH, name: 'flows', keySize: 0, valueSize: 4, maxEntries: 1 })).toThrow(
      'BPF_MAP_CREATE of HASH map flows (key 0, value 4, 1 entries, flags 0x0), got EINVAL',
    );
    const full = { arena: createMapArena(1000), endian: 'little' } as const;
    expect(tryCreateMap({ type: MAP_TYPE.ARRAY, keySize: 4, valueSize: 8, maxEntries: 126 }, full)).toBe(ERRNO.ENOMEM);
    expect(tryCreateMap({ type: 99, keySize: 4, valueSize: 8, maxEntries: 1 }, full)).toBe(ERRNO.EINVAL);
  });

  test('every type can be created', () => {
    const ring = { keySize: 0, valueSize: 0, maxEntries: 4096 };
    const storage = { maxEntries: 0, flags: MAP_FLAG.NO_PREALLOC };
    const inner = { name: 'inner', kind: 'map', type: 1, keySize: 4, valueSize: 4, maxEntries: 1, flags: 0 } as const;
    const special: Partial<Record<string, Partial<MapSpec>>> = {
      LPM_TRIE: { keySize: 8, flags: MAP_FLAG.NO_PREALLOC },
      ARRAY_OF_MAPS: { inner },
      HASH_OF_MAPS: { inner },
      CGROUP_STORAGE: { keySize: 16, maxEntries: 0 },
      PERCPU_CGROUP_STORAGE: { keySize: 16, maxEntries: 0 },
      STACK_TRACE: { valueSize: 8 },
      QUEUE: { keySize: 0 },
      STACK: { keySize: 0 },
      BLOOM_FILTER: { keySize: 0 },
      RINGBUF: ring,
      USER_RINGBUF: ring,
      SK_STORAGE: storage,
      TASK_STORAGE: storage,
      INODE_STORAGE: storage,
      CGRP_STORAGE: storage,
      STRUCT_OPS: { maxEntries: 1 },
      ARENA: { keySize: 0, valueSize: 0, flags: MAP_FLAG.MMAPABLE },
    };
    for (const type of Object.values(MAP_TYPE)) {
      const def = { type, keySize: 4, valueSize: 4, maxEntries: 2, ...special[mapTypeName(type)] };
      expect([mapTypeName(type), open(def).type]).toEqual([mapTypeName(type), type]);
    }
  });

  test('access of programs is told to the arena', () => {
    const asked: unknown[] = [];
    const arena = createMapArena();
    const def = { type: MAP_TYPE.ARRAY, keySize: 4, valueSize: 4, maxEntries: 2, flags: MAP_FLAG.RDONLY_PROG };
    open(def, {
      arena: {
        allocate(name, size, options) {
          asked.push([name, size, options]);
          return arena.allocate(name, size, options);
        },
      },
    });
    expect(asked[0]).toEqual(['array', 16, { writable: false, readable: true, align: 8 }]);
  });

  test('initial contents of data sections', () => {
    const def = { type: MAP_TYPE.ARRAY, keySize: 4, valueSize: 3, maxEntries: 1, initial: Uint8Array.of(1, 2, 3) };
    expect(open(def).user.lookup(u32(0))).toEqual(Uint8Array.of(1, 2, 3));
  });

  test('memory of a hash comes as elements do, and a full arena is ENOMEM', () => {
    const arena = createMapArena(200_000);
    const map = open({ type: MAP_TYPE.HASH, keySize: 4, valueSize: 1000, maxEntries: 1000 }, { arena });
    expect(arena.used).toBe(0);
    let added = 0;
    while (map.program.update(u32(added), new Uint8Array(1000), 0) === 0) added++;
    expect(added).toBe(192);
    expect(map.user.update(u32(0), new Uint8Array(1000))).toBe(ERRNO.ENOMEM);
    expect(map.user.delete(u32(0))).toBe(0);
    expect(map.user.update(u32(5000), new Uint8Array(1000))).toBe(0);
  });
});

describe('operations', () => {
  test('what the verifier lets no program do is unsupported by name', () => {
    const map = open({ type: MAP_TYPE.QUEUE, name: 'q', keySize: 0, valueSize: 4, maxEntries: 1 });
    expect(() => map.program.forEach(() => 0, 0)).toThrow('bpf_for_each_map_elem on map q of type QUEUE');
    expect(() => map.program.update(u32(0), u32(0), 0)).toThrow('key of map q, expected 0 bytes, got 4');
  });

  test('LRU: what was looked up by a program survives, what user space looks at does not', () => {
    const map = open({ type: MAP_TYPE.LRU_HASH, keySize: 4, valueSize: 4, maxEntries: 4 });
    for (let i = 0; i < 4; i++) map.user.update(u32(i), u32(i));
    map.program.lookup(u32(0));
    map.user.lookup(u32(1));
    map.user.update(u32(9), u32(9));
    const left = [0, 1, 2, 3, 9].filter((key) => typeof map.user.lookup(u32(key)) !== 'number');
    expect(left).toContain(0);
    expect(left).toContain(9);
    expect(left).not.toContain(1);
  });

  test('LPM: the longest prefix, in a big-endian guest too', () => {
    const def = { type: MAP_TYPE.LPM_TRIE, keySize: 8, valueSize: 1, maxEntries: 4, flags: MAP_FLAG.NO_PREALLOC };
    const map = open(def, { endian: 'big' });
    const key = (prefix: number, ...address: number[]): Uint8Array => Uint8Array.of(0, 0, 0, prefix, ...address);
    map.user.update(key(8, 10, 0, 0, 0), Uint8Array.of(8));
    map.user.update(key(16, 10, 1, 0, 0), Uint8Array.of(16));
    expect(map.user.lookup(key(32, 10, 1, 2, 3))).toEqual(Uint8Array.of(16));
    expect(map.user.lookup(key(32, 10, 2, 2, 3))).toEqual(Uint8Array.of(8));
    expect(map.user.lookup(key(32, 11, 2, 2, 3))).toBe(ERRNO.ENOENT);
    expect(map.user.nextKey(undefined)).toEqual(key(16, 10, 1, 0, 0));
  });

  test('timers are given up when their element goes', () => {
    const freed: bigint[] = [];
    const arena = createMapArena();
    const map = open(
      { type: MAP_TYPE.HASH, keySize: 4, valueSize: 24, maxEntries: 4 },
      { arena, fields: [{ kind: 'timer', offset: 8, size: 16 }], freeField: (_, address) => freed.push(address) },
    );
    map.program.update(u32(1), new Uint8Array(24).fill(7), 0);
    const address = map.program.lookup(u32(1));
    expect(arena.view(address, 24)).toEqual(Uint8Array.from([...Array(8).fill(7), ...Array(16).fill(0)]));
    arena.view(address + 8n, 16).fill(9);
    expect(map.user.lookup(u32(1))).toEqual(Uint8Array.from([...Array(8).fill(7), ...Array(16).fill(0)]));
    map.user.delete(u32(1));
    expect(freed).toEqual([address + 8n]);
    expect(arena.view(address + 8n, 16)).toEqual(new Uint8Array(16));
  });

  test('an update under the lock is in place', () => {
    const fields = [{ kind: 'spin_lock', offset: 0, size: 4 }] as const;
    const map = open({ type: MAP_TYPE.HASH, keySize: 4, valueSize: 8, maxEntries: 4 }, { fields });
    map.program.update(u32(1), new Uint8Array(8), 0);
    const address = map.program.lookup(u32(1));
    expect(map.program.update(u32(1), new Uint8Array(8).fill(1), 4n)).toBe(0);
    expect(map.program.lookup(u32(1))).toBe(address);
    expect(map.user.lookup(u32(1), 4)).toEqual(Uint8Array.of(0, 0, 0, 0, 1, 1, 1, 1));
  });
});

describe('objects', () => {
  const program: MapObject = { id: 77, kind: 'program', object: 'xdp_main' };
  const inner = open({ type: MAP_TYPE.ARRAY, keySize: 4, valueSize: 4, maxEntries: 2 }, { handle: 0x5000000000n });
  const fds = new Map<number, MapObject>([[3, program], [4, { id: 5, kind: 'map', object: inner }]]); // prettier-ignore
  const resolveFd = (fd: number): MapObject | undefined => fds.get(fd);

  test('programs: by file descriptor or directly; user space reads ids', () => {
    const map = open({ type: MAP_TYPE.PROG_ARRAY, keySize: 4, valueSize: 4, maxEntries: 2 }, { resolveFd });
    expect([map.user.update(u32(1), u32(9)), map.user.update(u32(1), u32(4))]).toEqual([ERRNO.EBADF, ERRNO.EINVAL]);
    expect(map.user.update(u32(1), u32(3))).toBe(0);
    expect(number(map.user.lookup(u32(1)))).toBe(77);
    expect(map.objects!.get(u32(1))).toBe(program);
    expect([...map.objects!.entries()].map(([key]) => number(key))).toEqual([1]);
    expect([map.user.delete(u32(1)), map.user.delete(u32(1))]).toEqual([0, ERRNO.ENOENT]);
  });

  test.each([MAP_TYPE.ARRAY_OF_MAPS, MAP_TYPE.HASH_OF_MAPS])('maps in maps, type %i', (type) => {
    const map = open({ type, keySize: 4, valueSize: 4, maxEntries: 2 }, { resolveFd, inner });
    expect(map.program.lookup(u32(1))).toBe(0n);
    expect(map.user.update(u32(1), u32(4))).toBe(0);
    expect(map.program.lookup(u32(1))).toBe(0x5000000000n);
    expect(number(map.user.lookup(u32(1)))).toBe(5);
    const other = open({ type: MAP_TYPE.ARRAY, keySize: 4, valueSize: 4, maxEntries: 3 });
    expect(map.objects!.set(u32(0), { id: 6, kind: 'map', object: other })).toBe(ERRNO.EINVAL);
    expect(map.snapshot().entries).toEqual([{ key: '01000000', value: '05000000' }]);
  });

  test('sockets, by their cookies', () => {
    const map = open({ type: MAP_TYPE.SOCKHASH, keySize: 3, valueSize: 8, maxEntries: 1 }, { resolveFd });
    const key = Uint8Array.of(1, 2, 3);
    expect(map.objects!.set(key, program)).toBe(ERRNO.EINVAL);
    expect(map.objects!.set(key, { id: 9, kind: 'socket', object: {} })).toBe(0);
    expect(map.user.lookup(key)).toEqual(Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0));
    expect(map.user.update(key, new Uint8Array(8).fill(3, 0, 1))).toBe(ERRNO.ENOTSOCK);
    expect(map.user.delete(key)).toBe(0);
  });

  test('storage hangs at an owner and goes with it', () => {
    const def = { type: MAP_TYPE.TASK_STORAGE, keySize: 4, valueSize: 8, maxEntries: 0, flags: MAP_FLAG.NO_PREALLOC };
    const arena = createMapArena();
    const map = open(def, { arena });
    const [task, other] = [{}, {}];
    expect(map.storage!.get(task)).toBe(0n);
    const address = map.storage!.get(task, true, new Uint8Array(8).fill(3));
    expect(arena.view(address, 8)).toEqual(new Uint8Array(8).fill(3));
    expect(map.storage!.get(task, true)).toBe(address);
    map.storage!.release(task);
    expect(map.storage!.get(other, true)).toBe(address);
    expect(arena.view(address, 8)).toEqual(new Uint8Array(8));
    expect([map.storage!.size, map.storage!.delete(other), map.storage!.delete(other)]).toEqual([1, 0, ERRNO.ENOENT]);
  });

  test('cgroup storage has keys that user space may list', () => {
    const map = open({ type: MAP_TYPE.CGROUP_STORAGE, keySize: 16, valueSize: 4, maxEntries: 0 });
    const storageKey = new Uint8Array(16).fill(1);
    expect(map.user.update(storageKey, u32(4))).toBe(ERRNO.ENOENT);
    map.storage!.get({ storageKey }, true);
    expect(map.user.update(storageKey, u32(4), 2)).toBe(0);
    expect(map.user.nextKey(undefined)).toEqual(storageKey);
    expect(number(map.user.lookup(storageKey))).toBe(4);
  });
});

describe('stack traces', () => {
  const def = { type: MAP_TYPE.STACK_TRACE, keySize: 4, valueSize: 32, maxEntries: 1 };
  test('the same stack has the same id; another one with that id needs a flag', () => {
    const map = open(def);
    const stacks = map.stacks!;
    expect(stacks.store([1n, 2n], 0)).toBe(0);
    expect(stacks.store([1n, 2n], 0)).toBe(0);
    expect(stacks.store([3n], 0)).toBe(ERRNO.EEXIST);
    expect(stacks.store([3n], 1 << 10)).toBe(ERRNO.ENOMEM);
    expect(map.user.lookup(u32(0))).toEqual(new Uint8Array(BigUint64Array.of(1n, 2n, 0n, 0n).buffer));
    expect([stacks.store([], 0), stacks.store([1n], 1), stacks.store([1n], 1 << 11)]).toEqual([ERRNO.EFAULT, ERRNO.EFAULT, ERRNO.EINVAL]); // prettier-ignore
    expect([map.user.delete(u32(0)), map.user.nextKey(undefined)]).toEqual([0, ERRNO.ENOENT]);
  });

  test('frames are skipped from the innermost, and only as many are kept as there is room', () => {
    const map = open({ ...def, maxEntries: 64 });
    const id = map.stacks!.store([9n, 8n, 7n, 6n, 5n, 4n, 3n], 1);
    expect(map.user.lookup(u32(id))).toEqual(new Uint8Array(BigUint64Array.of(8n, 7n, 6n, 5n).buffer));
  });
});
