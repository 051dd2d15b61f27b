/** A map as users of a VM see it: typed keys and values, iteration, records of ring and perf buffers. */
import type { Btf } from '@polybpf/btf';
import { BpfError } from '@polybpf/errors';
import type { MapDef, Program } from '@polybpf/isa';
import { errnoText, type GuestMap, isPerCpu, type PerfRecord } from '@polybpf/maps';
import { type BtfValue, btfCodec, bytesCodec, type Codec } from './btf-codec.ts';

/** See the file's head. `K` and `V` are what the codecs give: by BTF, or bytes without. */
export interface VmMap<K = BtfValue, V = BtfValue> {
  readonly name: string;
  readonly def: MapDef;
  /** The map itself, with every operation of helpers and of bpf(2) on bytes. */
  readonly guest: GuestMap;
  readonly keyCodec: Codec<K>;
  readonly valueCodec: Codec<V>;
  /** Elements that are there. */
  readonly size: number;
  /**
   * The value, or undefined when there is none. Of a per-CPU map an array of values by CPU.
   *
   * @throws BpfError `E_KERNEL_CALL` for an operation that the kernel refuses
   */
  get(key: K): V | readonly V[] | undefined;
  has(key: K): boolean;
  /** `flags`: `BPF_NOEXIST` 1, `BPF_EXIST` 2. Of a per-CPU map one value for all CPUs, or an array. */
  set(key: K, value: V | readonly V[], flags?: number): void;
  /** False when there was none. */
  delete(key: K): boolean;
  keys(): IterableIterator<K>;
  entries(): IterableIterator<readonly [K, V | readonly V[]]>;
  /** Contents as bytes, by key in hex; for comparison. */
  dump(): Record<string, string>;
  /** Adds an element to a queue, stack or Bloom filter. */
  push(value: V, flags?: number): void;
  /** Takes the next element of a queue or stack; undefined when it is empty. */
  pop(): V | undefined;
  /** Puts a program into a slot of a program array, by name; undefined empties it. */
  setProgram(index: number, name: string | undefined): void;
  /** Records so far of a ring buffer or perf event array, which are taken away. */
  drain(): Uint8Array[];
  /** As {@link drain}, with the CPU of each. */
  drainRecords(): PerfRecord[];
  /** Records of a ring buffer or perf event array as they come; ends when the VM is disposed. */
  records(): AsyncIterable<Uint8Array>;
}

/** What {@link createVmMap} needs of its VM. */
export interface VmMapOwner {
  readonly btf: Btf | undefined;
  programByName(name: string): Program;
  programId(program: Program): number;
}

const PROG_ARRAY = 3;

function fail(map: GuestMap, what: string, errno: number): BpfError {
  return new BpfError('E_KERNEL_CALL', `${what} of map ${map.name}`, { got: errnoText(errno) });
}

/** The codec of a key or value: by BTF when its size fits, else bytes. */
function codecOf(btf: Btf | undefined, id: number | undefined, size: number): Codec {
  if (btf !== undefined && id !== undefined && id !== 0) {
    const codec = btfCodec(btf, id);
    if (codec.size === size) return codec;
  }
  return bytesCodec(size) as unknown as Codec;
}

/** The face of a map. */
export function createVmMap(def: MapDef, guest: GuestMap, owner: VmMapOwner): VmMap {
  const keyCodec = codecOf(owner.btf, def.btfKeyTypeId, guest.keySize);
  const valueCodec = codecOf(owner.btf, def.btfValueTypeId, guest.valueSize);
  const perCpu = isPerCpu(guest.type);
  const stride = guest.valueStride;
  const decode = (bytes: Uint8Array): BtfValue | readonly BtfValue[] =>
    perCpu
      ? Array.from({ length: guest.cpus }, (_, cpu) => valueCodec.decode(bytes.subarray(cpu * stride, cpu * stride + guest.valueSize)))
      : valueCodec.decode(bytes); // prettier-ignore
  const encode = (value: BtfValue | readonly BtfValue[]): Uint8Array => {
    if (!perCpu) return valueCodec.encode(value as BtfValue);
    const bytes = new Uint8Array(guest.userValueSize);
    for (let cpu = 0; cpu < guest.cpus; cpu++) {
      const own = Array.isArray(value) ? (value as readonly BtfValue[])[cpu] : (value as BtfValue);
      if (own !== undefined) bytes.set(valueCodec.encode(own), cpu * stride);
    }
    return bytes;
  };
  function* rawKeys(): IterableIterator<Uint8Array> {
    for (let key = guest.user.nextKey(undefined); typeof key !== 'number'; key = guest.user.nextKey(key))
      yield key.slice();
  }
  const lookup = (key: Uint8Array): Uint8Array | undefined => {
    const value = guest.user.lookup(key);
    if (typeof value !== 'number') return value;
    if (value === -2) return undefined;
    throw fail(guest, 'lookup', value);
  };
  const ring = (): NonNullable<GuestMap['ring']> => {
    if (guest.ring !== undefined) return guest.ring;
    throw new BpfError('E_INPUT', `records of map ${guest.name}`, {
      expected: 'a ring buffer or perf event array',
      got: `type ${guest.type}`,
    });
  };
  return {
    name: def.name,
    def,
    guest,
    keyCodec,
    valueCodec,
    get size() {
      return guest.size;
    },
    get(key) {
      const value = lookup(keyCodec.encode(key));
      return value === undefined ? undefined : decode(value);
    },
    has: (key) => lookup(keyCodec.encode(key)) !== undefined,
    set(key, value, flags = 0) {
      const errno = guest.user.update(keyCodec.encode(key), encode(value), flags);
      if (errno !== 0) throw fail(guest, 'update', errno);
    },
    delete(key) {
      const errno = guest.user.delete(keyCodec.encode(key));
      if (errno === -2) return false;
      if (errno !== 0) throw fail(guest, 'deletion', errno);
      return true;
    },
    *keys() {
      for (const key of rawKeys()) yield keyCodec.decode(key);
    },
    *entries() {
      for (const key of rawKeys()) {
        const value = lookup(key);
        if (value !== undefined) yield [keyCodec.decode(key), decode(value)] as const;
      }
    },
    dump() {
      const hex = (bytes: Uint8Array): string =>
        Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
      return Object.fromEntries([...rawKeys()].map((key) => [hex(key), hex(lookup(key) ?? new Uint8Array(0))]));
    },
    push(value, flags = 0) {
      const errno = guest.program.push(valueCodec.encode(value), flags);
      if (errno !== 0) throw fail(guest, 'push', errno);
    },
    pop() {
      const bytes = new Uint8Array(guest.valueSize);
      return guest.program.pop(bytes) === 0 ? valueCodec.decode(bytes) : undefined;
    },
    setProgram(index, name) {
      if (guest.type !== PROG_ARRAY || guest.objects === undefined) {
        throw new BpfError('E_INPUT', `program in map ${guest.name}`, {
          expected: 'a program array',
          got: `type ${guest.type}`,
        });
      }
      const key = new Uint8Array(4);
      new DataView(key.buffer).setUint32(0, index, guest.endian === 'little');
      if (name === undefined) {
        guest.user.delete(key);
        return;
      }
      const program = owner.programByName(name);
      const errno = guest.objects.set(key, { id: owner.programId(program), kind: 'program', object: program });
      if (errno !== 0) throw fail(guest, `update of slot ${index}`, errno);
    },
    drain: () => guest.events?.drain().map(({ data }) => data) ?? ring().drain(),
    drainRecords: () =>
      guest.events?.drain() ??
      ring()
        .drain()
        .map((data) => ({ cpu: 0, data, paddedSize: data.length })),
    records: () => (guest.events === undefined ? ring() : dataOf(guest.events)),
  };
}

async function* dataOf(records: AsyncIterable<PerfRecord>): AsyncIterable<Uint8Array> {
  for await (const { data } of records) yield data;
}
