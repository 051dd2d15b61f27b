/** What the families of maps share: the definition as the kernel keeps it, and the operations that each may have. */
import { BpfError } from '@polybpf/errors';
import type { Endian } from '@polybpf/isa';
import type { MapAllocation } from './arena.ts';
import type {
  BatchCount,
  BatchResult,
  ElementVisit,
  GuestMap,
  MapEnvironment,
  Read,
  SpecialField,
} from './guest-map.ts';
import type { LocalStorage } from './local-storage.ts';
import { MAP_FLAG, mapTypeName } from './map-type.ts';
import type { InnerShape, ObjectSlots } from './object-slots.ts';
import type { PerfEvents } from './perf-event-array.ts';
import type { RingBuffer } from './ringbuf.ts';
import type { SnapshotBody } from './snapshot.ts';
import type { StackTraces } from './stack-trace.ts';
import type { UserRingBuffer } from './user-ringbuf.ts';

/** The definition of a map and its surroundings, with all defaults filled in. */
export interface MapCore {
  readonly type: number;
  readonly name: string;
  readonly keySize: number;
  readonly valueSize: number;
  /** Set once by `alloc` of the families that round it. */
  maxEntries: number;
  readonly flags: number;
  readonly mapExtra: bigint;
  readonly numaNode: number | undefined;
  readonly id: number;
  readonly endian: Endian;
  readonly littleEndian: boolean;
  readonly cpus: number;
  readonly fields: readonly SpecialField[];
  readonly hasSpinLock: boolean;
  readonly preallocate: boolean;
  readonly currentCpu: () => number;
  readonly random: () => number;
  readonly environment: MapEnvironment;
  /** Template of the maps in a map of maps. */
  readonly inner: InnerShape | undefined;
  /** Set right after the map is made. */
  self: GuestMap | undefined;
}

/**
 * The operations of a family (kernel: `struct bpf_map_ops`). Flags are as `flagNumber` makes them. What is
 * missing is `Unsupported` for programs and the errno of `bind-map.ts` for user space.
 */
export interface MapOps {
  readonly lookup?: (key: Uint8Array) => bigint;
  readonly lookupPercpu?: (key: Uint8Array, cpu: number) => bigint;
  readonly update?: (key: Uint8Array, value: Uint8Array, flags: number) => number;
  readonly delete?: (key: Uint8Array) => number;
  readonly push?: (value: Uint8Array, flags: number) => number;
  readonly pop?: (into: Uint8Array) => number;
  readonly peek?: (into: Uint8Array) => number;
  readonly forEach?: (visit: (element: ElementVisit) => number | bigint, flags: number) => number;
  readonly nextKey: (key: Uint8Array | undefined) => Read;
  /** Kernel: `bpf_map_copy_value`. */
  readonly userLookup: (key: Uint8Array, flags: number) => Read;
  /** Kernel: `bpf_map_update_value`; default {@link update}. */
  readonly userUpdate?: (key: Uint8Array, value: Uint8Array, flags: number) => number;
  /** Default {@link delete}. */
  readonly userDelete?: (key: Uint8Array) => number;
  readonly lookupAndDelete?: (key: Uint8Array, flags: number) => Read;
  readonly lookupBatch?: (from: Uint8Array | undefined, count: number, flags: number) => BatchResult;
  readonly lookupAndDeleteBatch?: (from: Uint8Array | undefined, count: number, flags: number) => BatchResult;
  readonly updateBatch?: (keys: readonly Uint8Array[], values: readonly Uint8Array[], flags: number) => BatchCount;
  readonly deleteBatch?: (keys: readonly Uint8Array[], flags: number) => BatchCount;
  readonly values?: MapAllocation;
  readonly ring?: RingBuffer;
  readonly userRing?: UserRingBuffer;
  readonly events?: PerfEvents;
  readonly stacks?: StackTraces;
  readonly storage?: LocalStorage;
  readonly objects?: ObjectSlots;
  readonly size: () => number;
  readonly dump: () => SnapshotBody;
  readonly load: (body: SnapshotBody) => void;
}

/** Rounds up to a multiple of 8. */
export function roundUp8(size: number): number {
  return Math.ceil(size / 8) * 8;
}

/** Whether user space and programs both may be kept out as the flags ask (kernel: `bpf_map_flags_access_ok`). */
export function accessFlagsOk(flags: number): boolean {
  const both = MAP_FLAG.RDONLY_PROG | MAP_FLAG.WRONLY_PROG;
  return (flags & both) !== both;
}

/** Flags without `BPF_F_LOCK`. */
export function withoutLock(flags: number): number {
  return flags - (flags & 4);
}

/** The four bytes of an index or id in guest order. */
export function readU32(core: MapCore, bytes: Uint8Array, at = 0): number {
  const [b0, b1, b2, b3] = [bytes[at]!, bytes[at + 1]!, bytes[at + 2]!, bytes[at + 3]!];
  return (
    (core.littleEndian ? b0 | (b1 << 8) | (b2 << 16) | (b3 << 24) : (b0 << 24) | (b1 << 16) | (b2 << 8) | b3) >>> 0
  );
}

/** A 32-bit number in guest order. */
export function bytesOfU32(core: MapCore, value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  writeU32(core, bytes, 0, value);
  return bytes;
}

/** Writes a 32-bit number in guest order. */
export function writeU32(core: MapCore, bytes: Uint8Array, at: number, value: number): void {
  for (let i = 0; i < 4; i++) bytes[at + (core.littleEndian ? i : 3 - i)] = (value >>> (8 * i)) & 0xff;
}

/** Guest memory for a map; undefined when there is none left. */
export function allocate(core: MapCore, what: string, size: number, align = 8): MapAllocation | undefined {
  return core.environment.arena.allocate(what === '' ? core.name : `${core.name}.${what}`, size, {
    writable: (core.flags & MAP_FLAG.RDONLY_PROG) === 0,
    readable: (core.flags & MAP_FLAG.WRONLY_PROG) === 0,
    align,
  });
}

/** What an operation that the verifier lets no program do throws. */
export function unsupported(core: MapCore, operation: string): BpfError {
  return new BpfError('E_UNSUPPORTED', `${operation} on map ${core.name} of type ${mapTypeName(core.type)}`);
}

/** Smallest power of two that is not below `n`; n is 1 to 2^31. */
export function powerOfTwo(n: number): number {
  return n <= 1 ? 1 : 2 ** (32 - Math.clz32(n - 1));
}
