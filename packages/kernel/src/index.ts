export type { KernelHost } from './host.ts';
export { readHost, readKernelConfig } from './host.ts';
export { errnoName } from './errno.ts';
export { describeMap, isPerCpu, MAP_FLAGS, possibleCpus, userValueSize } from './create-map.ts';
export type { MapInit } from './create-map.ts';
export { openLiveKernel, probeLiveKernel } from './live-kernel.ts';
export type { KernelProbe, LiveKernel } from './live-kernel.ts';
export type { MappedMemory } from './libc.ts';
export { readVmlinuxBtf } from './load-btf.ts';
export type { BtfLoadOptions, BtfLoadOutcome, KernelBtf } from './load-btf.ts';
export { PROGRAM_FLAGS } from './load-program.ts';
export type { LoadOptions, LoadOutcome, LogLevel, RecordTable } from './load-program.ts';
export { UPDATE_FLAGS } from './map-access.ts';
export type { KernelMap, MapEntry } from './map-access.ts';
export type { JitedLine, MapInfo, ProgramInfo } from './object-info.ts';
export type { TestRunOptions, TestRunResult } from './test-run.ts';
export {
  ATTACH_TYPES,
  attachTypeNumber,
  MAP_TYPES,
  mapTypeName,
  mapTypeNumber,
  PROGRAM_TYPES,
  programTypeName,
  programTypeNumber,
} from './type-names.ts';
export type { AttachTypeName, MapTypeName, ProgramTypeName } from './type-names.ts';
export { summariseLog } from './verifier-log.ts';
export type { LogSummary, VerifierStats } from './verifier-log.ts';
export { createKernelRunner } from './kernel-runner.ts';
export type {
  KernelRunInput,
  KernelRunner,
  KernelRunOutcome,
  KernelRunResult,
  PreparedKernelProgram,
  PrepareOptions,
  PrepareOutcome,
} from './kernel-runner.ts';
export { openProgramMaps, usedMaps } from './program-maps.ts';
export type { ProgramMaps, ProgramMapsOptions } from './program-maps.ts';
export { openObject } from './load-object.ts';
export type {
  KernelObject,
  KernelObjectLoader,
  MapVerdict,
  ObjectLoadOptions,
  ObjectProgramDetails,
  ProgramVerdict,
} from './load-object.ts';
export { prepareBtf } from './object-btf.ts';
export type { ObjectSymbols, PreparedBtf } from './object-btf.ts';
export type { KconfigPlace } from './object-externs.ts';
export { compareProfiles } from './probe/compare-profiles.ts';
export type { ProfileDifference } from './probe/compare-profiles.ts';
export { probeKernel } from './probe/probe-kernel.ts';
export type { ProbeOptions } from './probe/probe-kernel.ts';
export type {
  ContextAccess,
  HelperProfile,
  IsaProfile,
  KernelProfile,
  KfuncProfile,
  LimitProfile,
  MapTypeProfile,
  OpcodeProfile,
  ProgramVariantProfile,
  ReturnValueProfile,
} from './probe/profile.ts';
export { kernelProfileSchema, parseKernelProfile } from './probe/profile-schema.ts';
export { groupJited, normaliseX86 } from './jited-code.ts';
export type { GroupKind, JitedGroup, NormalisedGroup } from './jited-code.ts';
