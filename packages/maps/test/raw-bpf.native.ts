/** bpf(2), mmap(2) and CPU affinity as they are: flags of 64 bits, batches, errno values. For native tests. */
import { createRequire } from 'node:module';

const ATTR_BYTES = 168;
const SYS_BPF: Readonly<Record<string, number>> = { x64: 321, arm64: 280 };
const SYS_PERF: Readonly<Record<string, number>> = { x64: 298, arm64: 241 };
const SYS_PIDFD_OPEN = 434;
const PAGE = 4096;
const CMD = { create: 0, lookup: 1, update: 2, delete: 3, nextKey: 4, run: 10, take: 21, freeze: 22, lookupBatch: 24, takeBatch: 25, updateBatch: 26, deleteBatch: 27 } as const; // prettier-ignore

/** As BPF_MAP_CREATE takes it. */
export interface RawMapInit {
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags?: number;
  readonly innerMapFd?: number;
  readonly numaNode?: number;
  readonly mapExtra?: bigint;
  readonly btfFd?: number;
  readonly btfKeyTypeId?: number;
  readonly btfValueTypeId?: number;
}

export interface RawBatch {
  readonly errno: number;
  readonly count: number;
  readonly keys: Uint8Array[];
  readonly values: Uint8Array[];
  readonly next: Uint8Array;
}

/** A native buffer with its address. */
interface Block {
  readonly bytes: Uint8Array;
  readonly address: bigint;
}

/** What is used of koffi, which is a dependency of the package that speaks to the kernel. */
interface Koffi {
  load(path: null): { func(prototype: string): (...args: unknown[]) => unknown };
  address(value: unknown): bigint;
  view(pointer: unknown, length: number): ArrayBuffer;
  errno(): number;
}

const besideKernel = createRequire(createRequire(import.meta.url).resolve('@polybpf/kernel/package.json'));
const koffi = besideKernel('koffi') as Koffi;
const libc = koffi.load(null);
const syscall = libc.func('long syscall(long number, int command, void *attr, uint size)');
const mmap = libc.func('void *mmap(void *address, size_t length, int protection, int flags, int fd, long offset)');
const perfEventOpen = libc.func('long syscall(long number, void *attr, int pid, int cpu, int group, ulong flags)');
const pidfdOpen = libc.func('long syscall(long number, int pid, uint flags)');
const setAffinity = libc.func('int sched_setaffinity(int pid, size_t size, void *mask)');
const close = libc.func('int close(int fd)');

const attr = new Uint8Array(new ArrayBuffer(PAGE));
const view = new DataView(attr.buffer);
const keyBlock = makeBlock(1 << 16);
const valueBlock = makeBlock(1 << 20);
const outBlock = makeBlock(1 << 16);
const packet = makeBlock(PAGE);

function makeBlock(size: number): Block {
  const bytes = new Uint8Array(new ArrayBuffer(size));
  return { bytes, address: koffi.address(bytes) };
}

function call(command: number): number {
  const result = Number(syscall(SYS_BPF[process.arch]!, command, attr, ATTR_BYTES));
  return result >= 0 ? result : -koffi.errno();
}

/** Puts this thread on one CPU. */
export function pinToCpu(cpu: number): void {
  const mask = new Uint8Array(new ArrayBuffer(PAGE));
  mask[cpu >> 3] = 1 << (cpu & 7);
  if (setAffinity(0, 128, mask) !== 0) throw new Error(`sched_setaffinity: errno ${koffi.errno()}`);
}

/** Lets this thread run on every CPU again. */
export function unpin(): void {
  setAffinity(0, 128, new Uint8Array(new ArrayBuffer(PAGE)).fill(0xff));
}

/** Maps a file into this process; undefined when the kernel refuses. */
export function mapMemory(fd: number, length: number, offset = 0, writable = true): Uint8Array | undefined {
  const pointer = mmap(null, length, writable ? 3 : 1, 1, fd, offset);
  if (pointer === null || BigInt(koffi.address(pointer)) >= 0xffff_ffff_ffff_f000n) return undefined;
  return new Uint8Array(koffi.view(pointer, length));
}

/** A file descriptor, or a negative errno. */
export function createRawMap(init: RawMapInit): number {
  attr.fill(0, 0, ATTR_BYTES);
  view.setUint32(0, init.type, true);
  view.setUint32(4, init.keySize, true);
  view.setUint32(8, init.valueSize, true);
  view.setUint32(12, init.maxEntries, true);
  view.setUint32(16, init.flags ?? 0, true);
  view.setUint32(20, init.innerMapFd ?? 0, true);
  view.setUint32(24, init.numaNode ?? 0, true);
  view.setUint32(48, init.btfFd ?? 0, true);
  view.setUint32(52, init.btfKeyTypeId ?? 0, true);
  view.setUint32(56, init.btfValueTypeId ?? 0, true);
  view.setBigUint64(64, init.mapExtra ?? 0n, true);
  return call(CMD.create);
}

export function closeRaw(fd: number): void {
  close(fd);
}

/**
 * A perf event for output of programs on one CPU, as libbpf opens it: its file descriptor and its ring, a page of
 * positions and `pages` of data.
 */
export function openPerfBuffer(cpu: number, pages: number): { fd: number; memory: Uint8Array } {
  const event = new Uint8Array(new ArrayBuffer(PAGE));
  const fields = new DataView(event.buffer);
  fields.setUint32(0, 1, true); // PERF_TYPE_SOFTWARE
  fields.setUint32(4, 112, true);
  fields.setBigUint64(8, 10n, true); // PERF_COUNT_SW_BPF_OUTPUT
  fields.setBigUint64(16, 1n, true);
  fields.setBigUint64(24, 1n << 10n, true); // PERF_SAMPLE_RAW
  fields.setUint32(48, 1, true);
  const fd = Number(perfEventOpen(SYS_PERF[process.arch]!, event, -1, cpu, -1, 0));
  const memory = fd < 0 ? undefined : mapMemory(fd, (1 + pages) * PAGE);
  if (memory === undefined) throw new Error(`perf_event_open: ${koffi.errno()}`);
  return { fd, memory };
}

/** A file descriptor of a process. */
export function openProcess(pid: number): number {
  return Number(pidfdOpen(SYS_PIDFD_OPEN, pid, 0));
}

/** Runs a loaded program once on an empty Ethernet frame; r0, or a negative errno of the call. */
export function runRaw(fd: number): number {
  attr.fill(0, 0, ATTR_BYTES);
  view.setUint32(0, fd, true);
  view.setUint32(8, 64, true);
  view.setBigUint64(16, packet.address, true);
  view.setUint32(32, 1, true);
  const result = call(CMD.run);
  return result < 0 ? result : view.getUint32(4, true);
}

/** Element operations of one map: bytes or a negative errno. */
export class RawMap {
  readonly fd: number;
  readonly keySize: number;
  /** As user space sees it. */
  readonly valueBytes: number;

  constructor(fd: number, keySize: number, valueBytes: number) {
    this.fd = fd;
    this.keySize = keySize;
    this.valueBytes = valueBytes;
  }

  lookup(key: Uint8Array, flags: bigint): Uint8Array | number {
    return this.#read(CMD.lookup, key, flags);
  }

  take(key: Uint8Array, flags: bigint): Uint8Array | number {
    return this.#read(CMD.take, key, flags);
  }

  /** Bloom filters: the value goes in where it would come out. */
  contains(value: Uint8Array, flags: bigint): number {
    this.#begin(undefined, flags);
    valueBlock.bytes.set(value);
    view.setBigUint64(16, valueBlock.address, true);
    return call(CMD.lookup);
  }

  update(key: Uint8Array, value: Uint8Array, flags: bigint): number {
    this.#begin(key, flags);
    valueBlock.bytes.set(value);
    view.setBigUint64(16, valueBlock.address, true);
    return call(CMD.update);
  }

  delete(key: Uint8Array): number {
    this.#begin(key, 0n);
    return call(CMD.delete);
  }

  nextKey(key: Uint8Array | undefined): Uint8Array | number {
    this.#begin(key, 0n);
    view.setBigUint64(16, outBlock.address, true);
    const result = call(CMD.nextKey);
    return result < 0 ? result : outBlock.bytes.slice(0, this.keySize);
  }

  freeze(): number {
    attr.fill(0, 0, ATTR_BYTES);
    view.setUint32(0, this.fd, true);
    return call(CMD.freeze);
  }

  readBatch(take: boolean, from: Uint8Array | undefined, count: number, flags: bigint): RawBatch {
    this.#beginBatch(from, count, flags);
    return this.#endBatch(call(take ? CMD.takeBatch : CMD.lookupBatch));
  }

  updateBatch(keys: readonly Uint8Array[], values: readonly Uint8Array[], flags: bigint): RawBatch {
    keys.forEach((key, i) => keyBlock.bytes.set(key, 4096 + i * this.keySize));
    values.forEach((value, i) => valueBlock.bytes.set(value, i * this.valueBytes));
    this.#beginBatch(undefined, keys.length, flags);
    return this.#endBatch(call(CMD.updateBatch));
  }

  deleteBatch(keys: readonly Uint8Array[], flags: bigint): RawBatch {
    keys.forEach((key, i) => keyBlock.bytes.set(key, 4096 + i * this.keySize));
    this.#beginBatch(undefined, keys.length, flags);
    view.setBigUint64(24, 0n, true);
    return this.#endBatch(call(CMD.deleteBatch));
  }

  #read(command: number, key: Uint8Array, flags: bigint): Uint8Array | number {
    this.#begin(key, flags);
    view.setBigUint64(16, valueBlock.address, true);
    const result = call(command);
    return result < 0 ? result : valueBlock.bytes.slice(0, this.valueBytes);
  }

  #begin(key: Uint8Array | undefined, flags: bigint): void {
    attr.fill(0, 0, ATTR_BYTES);
    view.setUint32(0, this.fd, true);
    view.setBigUint64(24, flags, true);
    if (key === undefined || this.keySize === 0) return;
    keyBlock.bytes.set(key);
    view.setBigUint64(8, keyBlock.address, true);
  }

  #beginBatch(from: Uint8Array | undefined, count: number, flags: bigint): void {
    attr.fill(0, 0, ATTR_BYTES);
    if (from !== undefined) {
      keyBlock.bytes.set(from);
      view.setBigUint64(0, keyBlock.address, true);
    }
    outBlock.bytes.fill(0, 0, 1024);
    view.setBigUint64(8, outBlock.address, true);
    view.setBigUint64(16, keyBlock.address + 4096n, true);
    view.setBigUint64(24, valueBlock.address, true);
    view.setUint32(32, count, true);
    view.setUint32(36, this.fd, true);
    view.setBigUint64(40, flags, true);
  }

  #endBatch(errno: number): RawBatch {
    const count = view.getUint32(32, true);
    const at = (bytes: Uint8Array, start: number, size: number) => (_: unknown, i: number) =>
      bytes.slice(start + i * size, start + (i + 1) * size);
    return {
      errno,
      count,
      keys: Array.from({ length: count }, at(keyBlock.bytes, 4096, this.keySize)),
      values: Array.from({ length: count }, at(valueBlock.bytes, 0, this.valueBytes)),
      next: outBlock.bytes.slice(0, Math.max(4, this.keySize)),
    };
  }
}
