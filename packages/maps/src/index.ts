export { ERRNO, errnoText } from './errno.ts';
export { MAP_FLAG, MAP_TYPE, mapTypeName, UPDATE_FLAG } from './map-type.ts';
export type { MapTypeName } from './map-type.ts';
export { createMapArena } from './arena.ts';
export type { AllocationOptions, MapAllocation, MapArena, PlainArena } from './arena.ts';
export { createMap, tryCreateMap } from './create-map.ts';
export type {
  BatchCount,
  BatchResult,
  ElementVisit,
  Flags,
  GuestMap,
  MapEnvironment,
  MapObject,
  MapOptions,
  MapSpec,
  ProgramSide,
  Read,
  SpecialField,
  SpecialFieldKind,
  UserSide,
} from './guest-map.ts';
export type { CgroupOwner, LocalStorage } from './local-storage.ts';
export type { ObjectSlots } from './object-slots.ts';
export type { PerfBuffer, PerfEvents, PerfRecord } from './perf-event-array.ts';
export type { RingBuffer } from './ringbuf.ts';
export type { StackTraces } from './stack-trace.ts';
export type { UserRecord, UserRingBuffer } from './user-ringbuf.ts';
export { isPerCpu, userValueSize } from './value-size.ts';
export { fromHex, toHex } from './snapshot.ts';
export type { MapSnapshot, SnapshotEntry, SnapshotState } from './snapshot.ts';
export { BYTES, decodeRecords, perCpu, typedMap, u64Codec, uintCodec } from './typed-map.ts';
export type { Codec, MapCodecs, TypedMap } from './typed-map.ts';
