/** A map with keys and values of TypeScript types: codecs say how they are in memory. */
import { BpfError } from '@polybpf/errors';
import type { Endian } from '@polybpf/isa';
import { ERRNO, errnoText } from './errno.ts';
import type { GuestMap } from './guest-map.ts';
import { mapTypeName } from './map-type.ts';
import { isPerCpu } from './value-size.ts';

/** How values of a type are in memory. Codecs made of BTF come from elsewhere; this package has a few for numbers and bytes. */
export interface Codec<T> {
  /** Exactly as many bytes as the key or value has. */
  encode(value: T): Uint8Array;
  decode(bytes: Uint8Array): T;
}

/** Codecs of keys and values. */
export interface MapCodecs<K, V> {
  readonly key: Codec<K>;
  /** Of one value; for per-CPU maps see {@link perCpu}. */
  readonly value: Codec<V>;
}

/**
 * A map by keys and values, as user space sees it. Like a `Map`, but that what the kernel refuses is an error: `set` of an
 * index out of range, of one element too many, `delete` of an array's.
 */
export interface TypedMap<K, V> extends Iterable<[K, V]> {
  readonly map: GuestMap;
  readonly size: number;
  get(key: K): V | undefined;
  has(key: K): boolean;
  /**
   * @param flags - `UPDATE_FLAG`
   * @throws BpfError `E_KERNEL_CALL`
   */
  set(key: K, value: V, flags?: number): this;
  /** False when there was none. @throws BpfError `E_KERNEL_CALL` */
  delete(key: K): boolean;
  /** The value, which is removed. */
  take(key: K): V | undefined;
  keys(): Generator<K>;
  values(): Generator<V>;
  entries(): Generator<[K, V]>;
  /** Removes all elements. @throws BpfError `E_KERNEL_CALL` for types whose elements stay */
  clear(): void;
}

/** A typed view of a map; both show the same contents. */
export function typedMap<K, V>(map: GuestMap, codecs: MapCodecs<K, V>): TypedMap<K, V> {
  return new View(map, codecs);
}

class View<K, V> implements TypedMap<K, V> {
  readonly map: GuestMap;
  readonly #key: Codec<K>;
  readonly #value: Codec<V>;

  constructor(map: GuestMap, { key, value }: MapCodecs<K, V>) {
    this.map = map;
    this.#key = key;
    this.#value = value;
  }

  get size(): number {
    return this.map.size;
  }

  get(key: K): V | undefined {
    return this.#decoded('BPF_MAP_LOOKUP_ELEM', this.map.user.lookup(this.#key.encode(key)));
  }

  has(key: K): boolean {
    return typeof this.map.user.lookup(this.#key.encode(key)) !== 'number';
  }

  set(key: K, value: V, flags = 0): this {
    this.#check('BPF_MAP_UPDATE_ELEM', this.map.user.update(this.#key.encode(key), this.#value.encode(value), flags));
    return this;
  }

  delete(key: K): boolean {
    const errno = this.map.user.delete(this.#key.encode(key));
    if (errno === ERRNO.ENOENT) return false;
    this.#check('BPF_MAP_DELETE_ELEM', errno);
    return true;
  }

  take(key: K): V | undefined {
    return this.#decoded('BPF_MAP_LOOKUP_AND_DELETE_ELEM', this.map.user.lookupAndDelete(this.#key.encode(key)));
  }

  *keys(): Generator<K> {
    for (const key of this.#rawKeys()) yield this.#key.decode(key);
  }

  *values(): Generator<V> {
    for (const [, value] of this.entries()) yield value;
  }

  *entries(): Generator<[K, V]> {
    for (const key of this.#rawKeys()) {
      const value = this.map.user.lookup(key);
      if (typeof value !== 'number') yield [this.#key.decode(key), this.#value.decode(value)];
    }
  }

  [Symbol.iterator](): Generator<[K, V]> {
    return this.entries();
  }

  clear(): void {
    for (const key of [...this.#rawKeys()]) {
      const errno = this.map.user.delete(key);
      if (errno !== ERRNO.ENOENT) this.#check('BPF_MAP_DELETE_ELEM', errno);
    }
  }

  *#rawKeys(): Generator<Uint8Array> {
    const { user } = this.map;
    let key = user.nextKey(undefined);
    while (typeof key !== 'number') {
      // The next key is looked up first: a reader may remove the one that it was given.
      const next: Uint8Array | number = user.nextKey(key);
      yield key;
      key = next;
    }
    if (key !== ERRNO.ENOENT) this.#check('BPF_MAP_GET_NEXT_KEY', key);
  }

  #decoded(command: string, result: Uint8Array | number): V | undefined {
    if (typeof result !== 'number') return this.#value.decode(result);
    if (result !== ERRNO.ENOENT) this.#check(command, result);
    return undefined;
  }

  #check(command: string, errno: number): void {
    if (errno === 0) return;
    const { type, name } = this.map;
    throw new BpfError('E_KERNEL_CALL', `${command} of ${mapTypeName(type)} map ${name}`, { got: errnoText(errno) });
  }
}

/** Unsigned integers of 1, 2 or 4 bytes. */
export function uintCodec(size: 1 | 2 | 4, endian: Endian): Codec<number> {
  const little = endian === 'little';
  const shift = (i: number): number => 8 * (little ? i : size - 1 - i);
  return {
    encode(value) {
      if (!Number.isInteger(value) || value < 0 || value >= 2 ** (8 * size)) throw rangeError(8 * size, value);
      return Uint8Array.from({ length: size }, (_, i) => (value >>> shift(i)) & 0xff);
    },
    decode: (bytes) => bytes.reduce((sum, byte, i) => sum + byte * 2 ** shift(i), 0),
  };
}

/** Unsigned integers of 8 bytes. */
export function u64Codec(endian: Endian): Codec<bigint> {
  return {
    encode(value) {
      if (value < 0n || value >= 1n << 64n) throw rangeError(64, value);
      const bytes = new Uint8Array(8);
      new DataView(bytes.buffer).setBigUint64(0, value, endian === 'little');
      return bytes;
    },
    decode: (bytes) => new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, endian === 'little'),
  };
}

/** Bytes as they are. */
export const BYTES: Codec<Uint8Array> = { encode: (bytes) => bytes, decode: (bytes) => bytes };

/** Values of a per-CPU map, one for each CPU, from the codec of one. */
export function perCpu<T>(map: GuestMap, codec: Codec<T>): Codec<readonly T[]> {
  if (!isPerCpu(map.type)) {
    throw new BpfError('E_INPUT', `values of map ${map.name}`, {
      expected: 'a per-CPU map',
      got: mapTypeName(map.type),
    });
  }
  const stride = map.valueStride;
  return {
    encode(values) {
      if (values.length !== map.cpus) {
        throw new BpfError('E_INPUT', `values of map ${map.name}`, {
          expected: `${map.cpus}`,
          got: `${values.length}`,
        });
      }
      const bytes = new Uint8Array(stride * map.cpus);
      values.forEach((value, cpu) => bytes.set(codec.encode(value), cpu * stride));
      return bytes;
    },
    decode: (bytes) =>
      Array.from({ length: map.cpus }, (_, cpu) =>
        codec.decode(bytes.slice(cpu * stride, cpu * stride + map.valueSize)),
      ),
  };
}

/** Records of a ring buffer, decoded, as they come; ends when the ring is closed. */
export async function* decodeRecords<T>(records: AsyncIterable<Uint8Array>, codec: Codec<T>): AsyncGenerator<T> {
  for await (const record of records) yield codec.decode(record);
}

function rangeError(bits: number, got: number | bigint): BpfError {
  return new BpfError('E_INPUT', `unsigned integer of ${bits} bits`, {
    expected: `0 to 2^${bits} - 1`,
    got: String(got),
  });
}
