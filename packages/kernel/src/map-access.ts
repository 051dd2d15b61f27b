/** A map of the kernel: elements, iteration, batches. */
import { BpfError } from '@polybpf/errors';
import { MAP_BATCH_ATTR as B, MAP_ELEM_ATTR as E } from './attr-layout.ts';
import { createMapFd, isPerCpu, type MapInit, possibleCpus, userValueSize } from './create-map.ts';
import { EINVAL, ENOENT, ENOSPC, ENOTSUPP, EOPNOTSUPP } from './errno.ts';
import { growBlock, putBytes, writePointer } from './native-block.ts';
import { beginAttr, callBpf, closeFd, type BpfContext, demand } from './syscall.ts';
import { mapTypeName, mapTypeNumber } from './type-names.ts';

/** Flags of an update: create or replace, create only, replace only, and take the value's spin lock. */
export const UPDATE_FLAGS = { BPF_ANY: 0, BPF_NOEXIST: 1, BPF_EXIST: 2, BPF_F_LOCK: 4 } as const;

/** One element. */
export interface MapEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/**
 * A map. Keys and values are bytes of exactly the map's sizes; a type without keys (queue, stack, Bloom filter) takes an
 * empty one. An operation that the map's type does not have throws `E_KERNEL_CALL` with the kernel's errno.
 */
export interface KernelMap extends Disposable {
  readonly fd: number;
  readonly type: number;
  readonly name: string;
  readonly keySize: number;
  /** As the program sees it. */
  readonly valueSize: number;
  /** As {@link lookup} and {@link update} take it: all CPUs of a per-CPU map one after the other, each at a multiple of 8. */
  readonly userValueSize: number;
  /** Number of values of a per-CPU map; 1 otherwise. */
  readonly valuesPerKey: number;
  readonly maxEntries: number;
  /** The value, or undefined when there is none. For a queue or stack: the next one; stays there. */
  lookup(key: Uint8Array, flags?: number): Uint8Array | undefined;
  /** The value, which is removed: `BPF_MAP_LOOKUP_AND_DELETE_ELEM`; pops a queue or stack. */
  take(key: Uint8Array, flags?: number): Uint8Array | undefined;
  /** Writes an element; pushes to a queue, stack or Bloom filter. */
  update(key: Uint8Array, value: Uint8Array, flags?: number): void;
  /** Whether a Bloom filter may hold the value. */
  mayContain(value: Uint8Array): boolean;
  /** Removes an element; false when there is none. */
  delete(key: Uint8Array): boolean;
  /** The key after `key`, or the first one. */
  nextKey(key?: Uint8Array): Uint8Array | undefined;
  /** All keys, by `BPF_MAP_GET_NEXT_KEY`. */
  keys(): Generator<Uint8Array>;
  /** All elements: in batches where the kernel has them for this type, else key by key. */
  entries(): Generator<MapEntry>;
  /** Writes many elements with few calls; falls back to {@link update}. */
  updateAll(entries: Iterable<MapEntry>, flags?: number): void;
  /** Removes all elements of a type that can be iterated; the number of them. */
  clear(): number;
  /** Makes the map read-only for user space, so that the verifier may take its contents for constants. */
  freeze(): void;
  close(): void;
}

/** Elements of one batch. */
const BATCH = 256;

/**
 * Creates a map.
 *
 * @throws BpfError `E_KERNEL_CALL`, `E_INPUT` for an unknown type
 */
export function createMap(cx: BpfContext, init: MapInit): KernelMap {
  return bindMap(cx, createMapFd(cx, init), init);
}

/** The operations of a map that is open. */
export function bindMap(cx: BpfContext, fd: number, init: MapInit): KernelMap {
  const type = mapTypeNumber(init.type);
  const { keySize, valueSize, maxEntries } = init;
  const m: OpenMap = {
    cx,
    fd,
    what: `${mapTypeName(type)} map${init.name === undefined ? '' : ` ${init.name}`}`,
    keySize,
    valueBytes: userValueSize(type, valueSize),
    maxEntries,
    batches: true,
  };
  const close = (): void => closeFd(cx, fd);
  return {
    fd,
    type,
    name: init.name ?? '',
    keySize,
    valueSize,
    userValueSize: m.valueBytes,
    valuesPerKey: isPerCpu(type) ? possibleCpus() : 1,
    maxEntries,
    lookup: (key, flags = 0) => readElement(m, 'MAP_LOOKUP_ELEM', key, flags),
    take: (key, flags = 0) => readElement(m, 'MAP_LOOKUP_AND_DELETE_ELEM', key, flags),
    update: (key, value, flags = 0) => updateElement(m, key, value, flags),
    mayContain: (value) => mayContain(m, value),
    delete: (key) => deleteElement(m, key),
    nextKey: (key) => nextKey(m, key),
    keys: () => allKeys(m),
    entries: () => allEntries(m),
    updateAll: (entries, flags = 0) => updateAll(m, entries, flags),
    clear: () => clearMap(m),
    freeze() {
      beginAttr(cx).setUint32(E.map_fd, fd, true);
      demand('MAP_FREEZE', callBpf(cx, 'MAP_FREEZE'), m.what);
    },
    close,
    [Symbol.dispose]: close,
  };
}

interface OpenMap {
  readonly cx: BpfContext;
  readonly fd: number;
  readonly what: string;
  readonly keySize: number;
  readonly valueBytes: number;
  readonly maxEntries: number;
  /** False once the kernel has said that this type has no batches. */
  batches: boolean;
}

function beginElement(m: OpenMap, key: Uint8Array, flags: number): DataView {
  checkSize(m, 'key', m.keySize, key.length);
  const attr = beginAttr(m.cx);
  attr.setUint32(E.map_fd, m.fd, true);
  if (m.keySize > 0) writePointer(attr, E.key, putBytes(m.cx.libc, m.cx.input, key));
  attr.setUint32(E.flags, flags, true);
  return attr;
}

function readElement(
  m: OpenMap,
  command: 'MAP_LOOKUP_ELEM' | 'MAP_LOOKUP_AND_DELETE_ELEM',
  key: Uint8Array,
  flags: number,
): Uint8Array | undefined {
  const { cx } = m;
  const attr = beginElement(m, key, flags);
  growBlock(cx.libc, cx.output, m.valueBytes);
  writePointer(attr, E.value, cx.output.address);
  const result = callBpf(cx, command);
  if (result === -ENOENT) return undefined;
  demand(command, result, m.what);
  return cx.output.bytes.slice(0, m.valueBytes);
}

function updateElement(m: OpenMap, key: Uint8Array, value: Uint8Array, flags: number): void {
  checkSize(m, 'value', m.valueBytes, value.length);
  const attr = beginElement(m, key, flags);
  writePointer(attr, E.value, putBytes(m.cx.libc, m.cx.output, value));
  demand('MAP_UPDATE_ELEM', callBpf(m.cx, 'MAP_UPDATE_ELEM'), m.what);
}

function mayContain(m: OpenMap, value: Uint8Array): boolean {
  checkSize(m, 'value', m.valueBytes, value.length);
  const attr = beginElement(m, new Uint8Array(0), 0);
  writePointer(attr, E.value, putBytes(m.cx.libc, m.cx.output, value));
  const result = callBpf(m.cx, 'MAP_LOOKUP_ELEM');
  if (result === -ENOENT) return false;
  demand('MAP_LOOKUP_ELEM', result, m.what);
  return true;
}

function deleteElement(m: OpenMap, key: Uint8Array): boolean {
  beginElement(m, key, 0);
  const result = callBpf(m.cx, 'MAP_DELETE_ELEM');
  if (result === -ENOENT) return false;
  demand('MAP_DELETE_ELEM', result, m.what);
  return true;
}

function nextKey(m: OpenMap, key: Uint8Array | undefined): Uint8Array | undefined {
  const { cx } = m;
  const attr = key === undefined ? beginAttr(cx) : beginElement(m, key, 0);
  attr.setUint32(E.map_fd, m.fd, true);
  growBlock(cx.libc, cx.output, m.keySize);
  writePointer(attr, E.value, cx.output.address);
  const result = callBpf(cx, 'MAP_GET_NEXT_KEY');
  if (result === -ENOENT) return undefined;
  demand('MAP_GET_NEXT_KEY', result, m.what);
  return cx.output.bytes.slice(0, m.keySize);
}

function* allKeys(m: OpenMap): Generator<Uint8Array> {
  for (let key = nextKey(m, undefined); key !== undefined; key = nextKey(m, key)) yield key;
}

function* allEntries(m: OpenMap): Generator<MapEntry> {
  if (m.batches) {
    const first = lookupBatch(m, undefined, BATCH);
    if (first !== undefined) {
      yield* batchEntries(m, first);
      return;
    }
    m.batches = false;
  }
  for (const key of allKeys(m)) {
    const value = readElement(m, 'MAP_LOOKUP_ELEM', key, 0);
    // Removed by somebody since, or an empty place of an array of objects.
    if (value !== undefined) yield { key, value };
  }
}

interface Batch {
  readonly entries: readonly MapEntry[];
  /** Where to go on; undefined at the end. */
  readonly next: Uint8Array | undefined;
  readonly count: number;
}

function* batchEntries(m: OpenMap, first: Batch): Generator<MapEntry> {
  for (let batch = first; ;) {
    yield* batch.entries;
    if (batch.next === undefined) return;
    batch = lookupBatch(m, batch.next, batch.count)!;
  }
}

/**
 * Reads up to `count` elements, more when one bucket of a hash has more.
 *
 * @returns undefined when the kernel has no batches for this type
 */
function lookupBatch(m: OpenMap, from: Uint8Array | undefined, count: number): Batch | undefined {
  const { cx } = m;
  // The position is opaque: a bucket number or a key.
  const positionBytes = (Math.max(4, m.keySize) + 7) & ~7;
  for (;;) {
    const attr = beginAttr(cx);
    growBlock(cx.libc, cx.input, 2 * positionBytes);
    growBlock(cx.libc, cx.output, count * m.valueBytes);
    growBlock(cx.libc, cx.extra, count * m.keySize);
    if (from !== undefined) {
      cx.input.bytes.set(from);
      writePointer(attr, B.in_batch, cx.input.address);
    }
    writePointer(attr, B.out_batch, cx.input.address + positionBytes);
    writePointer(attr, B.keys, cx.extra.address);
    writePointer(attr, B.values, cx.output.address);
    attr.setUint32(B.count, count, true);
    attr.setUint32(B.map_fd, m.fd, true);
    const result = callBpf(cx, 'MAP_LOOKUP_BATCH');
    if (result === -ENOSPC && count < 2 ** 24) {
      count *= 2;
      continue;
    }
    if (from === undefined && noBatches(result)) return undefined;
    if (result !== -ENOENT) demand('MAP_LOOKUP_BATCH', result, m.what);
    const got = attr.getUint32(B.count, true);
    const entries = Array.from({ length: got }, (_, i) => ({
      key: cx.extra.bytes.slice(i * m.keySize, (i + 1) * m.keySize),
      value: cx.output.bytes.slice(i * m.valueBytes, (i + 1) * m.valueBytes),
    }));
    const next = result === -ENOENT ? undefined : cx.input.bytes.slice(positionBytes, 2 * positionBytes);
    return { entries, next, count };
  }
}

function noBatches(result: number): boolean {
  return result === -ENOTSUPP || result === -EOPNOTSUPP || result === -EINVAL;
}

function updateAll(m: OpenMap, entries: Iterable<MapEntry>, flags: number): void {
  let chunk: MapEntry[] = [];
  for (const entry of entries) {
    chunk.push(entry);
    if (chunk.length < BATCH) continue;
    updateChunk(m, chunk, flags);
    chunk = [];
  }
  if (chunk.length > 0) updateChunk(m, chunk, flags);
}

function updateChunk(m: OpenMap, chunk: readonly MapEntry[], flags: number): void {
  const done = m.batches && m.keySize > 0 ? updateBatch(m, chunk, flags) : 0;
  for (let i = done; i < chunk.length; i++) updateElement(m, chunk[i]!.key, chunk[i]!.value, flags);
}

/** Elements that went in; those after them meet the same error one by one, where it can be named. */
function updateBatch(m: OpenMap, chunk: readonly MapEntry[], flags: number): number {
  const { cx } = m;
  const attr = beginAttr(cx);
  growBlock(cx.libc, cx.output, chunk.length * m.valueBytes);
  growBlock(cx.libc, cx.input, chunk.length * m.keySize);
  chunk.forEach(({ key, value }, i) => {
    checkSize(m, 'key', m.keySize, key.length);
    checkSize(m, 'value', m.valueBytes, value.length);
    cx.input.bytes.set(key, i * m.keySize);
    cx.output.bytes.set(value, i * m.valueBytes);
  });
  writePointer(attr, B.keys, cx.input.address);
  writePointer(attr, B.values, cx.output.address);
  attr.setUint32(B.count, chunk.length, true);
  attr.setUint32(B.map_fd, m.fd, true);
  attr.setUint32(B.elem_flags, flags, true);
  const result = callBpf(cx, 'MAP_UPDATE_BATCH');
  if (result >= 0) return chunk.length;
  if (noBatches(result)) m.batches = false;
  return m.batches ? Math.min(attr.getUint32(B.count, true), chunk.length) : 0;
}

function clearMap(m: OpenMap): number {
  let removed = 0;
  for (const key of [...allKeys(m)]) {
    if (deleteElement(m, key)) removed++;
  }
  return removed;
}

function checkSize(m: OpenMap, what: 'key' | 'value', expected: number, got: number): void {
  if (expected === got) return;
  throw new BpfError('E_INPUT', `${what} of ${m.what}`, { expected: `${expected} bytes`, got: `${got}` });
}
