/** Random operations on a map, done on the model and on the live kernel, and what each gave as text. */
import { type GuestMap, MAP_TYPE, type PlainArena, toHex } from '@polybpf/maps';
import { forEachInKernel } from './for-each.native.ts';
import type { HelperPrograms } from './helper-programs.native.ts';
import { pinToCpu, type RawMap } from './raw-bpf.native.ts';

/** xorshift128: the same sequence for the same seed on every machine. */
export class Random {
  #s: Int32Array;
  constructor(seed: number) {
    this.#s = Int32Array.of(seed | 1, seed ^ 0x9e3779b9, 0x243f6a88, 0xb7e15162);
    for (let i = 0; i < 20; i++) this.next();
  }
  next(): number {
    const s = this.#s;
    let t = s[3]!;
    s[3] = s[2]!;
    s[2] = s[1]!;
    s[1] = s[0]!;
    t ^= t << 11;
    t ^= t >>> 8;
    s[0] = t ^ s[0]! ^ (s[0]! >>> 19);
    return s[0]! >>> 0;
  }
  below(n: number): number {
    return this.next() % n;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
  bytes(size: number): Uint8Array {
    return Uint8Array.from({ length: size }, () => this.next() & 0xff);
  }
}

export interface Subject {
  readonly map: GuestMap;
  readonly arena: PlainArena;
  readonly raw: RawMap;
  readonly programs: HelperPrograms;
  /** CPU that the model is on. */
  cpu: { current: number };
  /** Values that user space writes; default: any bytes. */
  readonly userValue: MakeKey | undefined;
  /** BTF of {@link loadTestBtf}. */
  readonly btfFd: number;
}

/** One operation: what it is, and its two results. */
export interface Step {
  readonly what: string;
  readonly model: string;
  readonly kernel: string;
}

export type MakeKey = (random: Random) => Uint8Array;
export type Operation = (subject: Subject, random: Random, key: MakeKey) => Step;

const show = (result: Uint8Array | number): string => (typeof result === 'number' ? String(result) : toHex(result));
/** A value: what is behind the value of a CPU in a hash is what the kernel's allocator left there. */
export function showValue(map: GuestMap, result: Uint8Array | number): string {
  const isHash = map.type === MAP_TYPE.PERCPU_HASH || map.type === MAP_TYPE.LRU_PERCPU_HASH;
  if (typeof result === 'number' || !isHash) return show(result);
  const copy = result.slice();
  for (let at = 0; at < copy.length; at += map.valueStride) copy.fill(0, at + map.valueSize, at + map.valueStride);
  return toHex(copy);
}
const hex = (bytes: Uint8Array | undefined): string => (bytes === undefined ? 'none' : toHex(bytes));
const step = (what: string, model: string, kernel: string): Step => ({ what, model, kernel });

const UPDATE_FLAGS = [0n, 0n, 0n, 0n, 1n, 1n, 2n, 2n, 3n, 4n, 5n, 6n, 8n, 1n << 40n, (1n << 64n) - 1n];
const READ_FLAGS = [0n, 0n, 0n, 0n, 0n, 0n, 0n, 1n, 4n, 8n, 1n << 33n];

/** A value as a program sees it, at a model's address. */
function valueAt({ map, arena }: Subject, address: bigint): Uint8Array | undefined {
  if (address === 0n) return undefined;
  const value = arena.view(address, map.valueSize).slice();
  // Programs of the kernel leave them out as well.
  for (const { offset, size } of map.fields) value.fill(0, offset, offset + size);
  return value;
}

export const OPERATIONS = {
  userLookup({ map, raw }, random, key) {
    const k = key(random);
    const flags = random.pick(READ_FLAGS);
    return step(
      `lookup ${hex(k)} ${flags}`,
      showValue(map, map.user.lookup(k, flags)),
      showValue(map, raw.lookup(k, flags)),
    );
  },
  userUpdate({ map, raw, userValue }, random, key) {
    const k = key(random);
    const value = userValue?.(random) ?? random.bytes(map.userValueSize);
    const flags = random.pick(UPDATE_FLAGS);
    const what = `update ${hex(k)}=${hex(value)} ${flags}`;
    return step(what, show(map.user.update(k, value, flags)), show(raw.update(k, value, flags)));
  },
  userDelete({ map, raw }, random, key) {
    const k = key(random);
    return step(`delete ${hex(k)}`, show(map.user.delete(k)), show(raw.delete(k)));
  },
  userTake({ map, raw }, random, key) {
    const k = key(random);
    const flags = random.pick(READ_FLAGS);
    return step(
      `take ${hex(k)} ${flags}`,
      showValue(map, map.user.lookupAndDelete(k, flags)),
      showValue(map, raw.take(k, flags)),
    );
  },
  nextKey({ map, raw }, random, key) {
    const k = random.below(8) === 0 ? undefined : key(random);
    return step(`next ${hex(k)}`, show(map.user.nextKey(k)), show(raw.nextKey(k)));
  },
  lookupBatch: (subject, random, key) => readBatch(subject, random, key, false),
  takeBatch: (subject, random, key) => readBatch(subject, random, key, true),
  updateBatch({ map, raw, userValue }, random, key) {
    const count = random.below(6);
    const keys = Array.from({ length: count }, () => key(random));
    const values = keys.map(() => userValue?.(random) ?? random.bytes(map.userValueSize));
    const flags = random.pick([0n, 0n, 0n, 1n, 4n]);
    const ours = map.user.updateBatch(keys, values, flags);
    const theirs = raw.updateBatch(keys, values, flags);
    const what = `update batch ${keys.map(hex).join(' ')} ${flags}`;
    return step(what, `${ours.errno} ${ours.count}`, `${theirs.errno} ${theirs.count}`);
  },
  deleteBatch({ map, raw }, random, key) {
    const keys = Array.from({ length: random.below(4) }, () => key(random));
    const flags = random.pick([0n, 0n, 0n, 1n, 4n]);
    const ours = map.user.deleteBatch(keys, flags);
    const theirs = raw.deleteBatch(keys, flags);
    const what = `delete batch ${keys.map(hex).join(' ')} ${flags}`;
    return step(what, `${ours.errno} ${ours.count}`, `${theirs.errno} ${theirs.count}`);
  },
  programLookup(subject, random, key) {
    const k = key(random);
    const ours = valueAt(subject, subject.map.program.lookup(k));
    return step(`bpf lookup ${hex(k)}`, hex(ours), hex(subject.programs.lookup(k)));
  },
  programLookupPercpu(subject, random, key) {
    const k = key(random);
    const cpu = random.pick([0, 1, 1, 2, 0xffffffff]);
    const ours = valueAt(subject, subject.map.program.lookupPercpu(k, cpu));
    return step(`bpf lookup ${hex(k)} of CPU ${cpu}`, hex(ours), hex(subject.programs.lookupPercpu(k, cpu)));
  },
  poke({ map, arena, programs }, random, key) {
    const k = key(random);
    const value = random.bytes(map.valueSize);
    const address = map.program.lookup(k);
    for (const { offset, size } of map.fields) value.fill(0, offset, offset + size);
    if (address !== 0n) arena.view(address, map.valueSize).set(value);
    return step(`poke ${hex(k)}=${hex(value)}`, String(address !== 0n), String(programs.poke(k, value)));
  },
  programUpdate({ map, programs }, random, key) {
    const k = key(random);
    const value = random.bytes(map.valueSize);
    const flags = random.pick(UPDATE_FLAGS);
    const what = `bpf update ${hex(k)}=${hex(value)} ${flags}`;
    return step(what, show(map.program.update(k, value, flags)), show(programs.update(k, value, flags)));
  },
  programDelete({ map, programs }, random, key) {
    const k = key(random);
    return step(`bpf delete ${hex(k)}`, show(map.program.delete(k)), show(programs.delete(k)));
  },
  push({ map, programs }, random) {
    const value = random.bytes(map.valueSize);
    const flags = random.pick([0n, 0n, 0n, 0n, 2n, 2n, 1n, 3n, 4n, 1n << 35n]);
    return step(`push ${hex(value)} ${flags}`, show(map.program.push(value, flags)), show(programs.push(value, flags)));
  },
  pop: (subject, random) => takeOut(subject, random, 'pop'),
  peek: (subject, random) => takeOut(subject, random, 'peek'),
  contains({ map, raw }, random, key) {
    const value = key(random);
    const flags = random.pick(READ_FLAGS);
    return step(
      `contains ${hex(value)} ${flags}`,
      show(map.user.contains(value, flags)),
      show(raw.contains(value, flags)),
    );
  },
  bloomPush({ map, raw, programs }, random, key) {
    const value = key(random);
    const flags = random.pick([0n, 0n, 0n, 1n, 2n, 4n]);
    const none = new Uint8Array(0);
    return random.below(2) === 0
      ? step(
          `bloom ${hex(value)} ${flags}`,
          show(map.user.update(none, value, flags)),
          show(raw.update(none, value, flags)),
        )
      : step(
          `bpf bloom ${hex(value)} ${flags}`,
          show(map.program.push(value, flags)),
          show(programs.push(value, flags)),
        );
  },
  bloomPeek({ map, programs }, random, key) {
    const value = key(random);
    return step(
      `bpf peek ${hex(value)}`,
      show(map.program.peek(value.slice())),
      show(programs.take('peek', value).errno),
    );
  },
  /** Order of elements, and where a visit stops. */
  forEach({ map, arena, programs, btfFd }, random) {
    const stopAfter = random.below(4) === 0 ? 1 + random.below(5) : 100_000;
    const flags = random.below(10) === 0 ? 1n : 0n;
    const notes: string[] = [];
    const visit = ({ key, valueAddress }: { key: Uint8Array; valueAddress: bigint }): number => {
      const note = new Uint8Array(16);
      note.set(key.subarray(0, 4));
      note.set(arena.view(valueAddress, 8), 8);
      return notes.push(toHex(note)) === stopAfter ? 1 : 0;
    };
    const ours = map.program.forEach(visit, flags);
    const theirs = forEachInKernel(programs, btfFd, map.keySize, stopAfter, flags);
    const text = (result: number, list: readonly string[]): string => `${result} ${list.join(' ')}`;
    return step(
      `for each until ${stopAfter} ${flags}`,
      text(ours, notes),
      text(theirs.result, theirs.notes.map(toHex)),
    );
  },
  freeze({ map, raw }) {
    return step('freeze', show(map.user.freeze()), show(raw.freeze()));
  },
  switchCpu({ map, cpu }) {
    if (map.cpus < 2) return step('the only CPU', '', '');
    cpu.current ^= 1;
    pinToCpu(cpu.current);
    return step(`on CPU ${cpu.current}`, '', '');
  },
} satisfies Record<string, Operation>;

export type OperationName = keyof typeof OPERATIONS;

function readBatch({ map, raw }: Subject, random: Random, key: MakeKey, take: boolean): Step {
  const count = random.below(take ? 4 : 12);
  const flags = random.pick([0n, 0n, 0n, 0n, 1n, 4n]);
  const isHash = [1, 5, 9, 10, 13].includes(map.type);
  const from =
    random.below(2) === 0
      ? undefined
      : isHash
        ? new Uint8Array(Uint32Array.of(random.below(2 * map.maxEntries)).buffer)
        : key(random);
  const ours = (take ? map.user.lookupAndDeleteBatch : map.user.lookupBatch)(from, count, flags);
  const theirs = raw.readBatch(take, from, count, flags);
  // An error that comes before the count is written leaves the caller's count.
  const got = theirs.errno === 0 || theirs.errno === -2 || theirs.errno === -28 ? theirs.count : 0;
  const text = (errno: number, n: number, keys: readonly Uint8Array[], values: readonly Uint8Array[], next?: Uint8Array): string =>
    `${errno} ${keys.slice(0, n).map((k, i) => `${hex(k)}=${showValue(map, values[i]!)}`).join(' ')} next ${hex(next)}`; // prettier-ignore
  const nextSize = isHash ? 4 : map.keySize;
  return step(
    `${take ? 'take' : 'lookup'} batch from ${hex(from)} count ${count} ${flags}`,
    text(ours.errno, ours.keys.length, ours.keys, ours.values, ours.next),
    text(theirs.errno, count === 0 ? 0 : got, theirs.keys, theirs.values, ours.next === undefined ? undefined : theirs.next.slice(0, nextSize)), // prettier-ignore
  );
}

function takeOut({ map, programs }: Subject, random: Random, helper: 'pop' | 'peek'): Step {
  const value = random.bytes(map.valueSize);
  const ours = value.slice();
  const errno = map.program[helper](ours);
  const theirs = programs.take(helper, value);
  return step(helper, `${errno} ${hex(ours)}`, `${theirs.errno} ${hex(theirs.value)}`);
}
