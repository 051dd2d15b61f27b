export { createVm } from './vm.ts';
export type { MapChange, Vm, VmOptions } from './vm.ts';
export { defaultEvent } from './vm-program.ts';
export type { VmProgram, VmRunResult } from './vm-program.ts';
export type { VmMap } from './vm-map.ts';
export { KNOWN_KCONFIG } from './vm-maps.ts';
export type { Globals, GlobalVariable } from './vm-globals.ts';
export type { SymbolInit } from './vm-symbols.ts';
export type { OwnHelperLike, OwnHelpers } from './helper-set.ts';
export { HELPERS, KFUNCS } from './helper-set.ts';
export type { HelperCode, HelperTable, Redirect, RunState, StackState, TaskState, World } from './world.ts';
export {
  bytesContext,
  cgroupDevice,
  cgroupSock,
  checkEventKind,
  eventKindOf,
  flowDissector,
  functionCall,
  kprobe,
  perfEvent,
  rawTracepoint,
  skb,
  skLookup,
  skMsg,
  skReuseport,
  sockAddr,
  sockOps,
  sockopt,
  sysctl,
  tracepoint,
  xdp,
} from './events.ts';
export type {
  ArgumentsEvent,
  BpfEvent,
  BytesEvent,
  EventFacts,
  FlowDissectorEvent,
  KprobeEvent,
  PerfEventEvent,
  SkbEvent,
  StructEvent,
  TracepointEvent,
  TracepointField,
  TracepointValue,
  XdpEvent,
} from './events.ts';
export type { TracepointLayouts } from './tracepoint-record.ts';
export { CONTEXT_STRUCTS, encodeStruct } from './context-layouts.ts';
export type { ContextStruct, FieldValue, StructField, StructLayout } from './context-layouts.ts';
export { encodeRegisters, REGISTER_LAYOUTS, registerLayout } from './registers.ts';
export type { RegisterLayout, RegisterValues } from './registers.ts';
export { btfCodec, bytesCodec, specialFields } from './btf-codec.ts';
export type { BtfValue, Codec } from './btf-codec.ts';
export { formatPrintk } from './printk-format.ts';
export type { FormatSource, Formatted } from './printk-format.ts';
export { buildPacket, formatIpAddress, parseIpv4, parseIpv6, parseMac } from './packet-builder.ts';
export type { Ipv4Init, Ipv6Init, PacketInit, PortsInit, TcpInit } from './packet-builder.ts';
export { readPcap, writePcap } from './pcap.ts';
export type { PcapFile, PcapPacket } from './pcap.ts';
export { internetChecksum } from './checksum.ts';
export { verdictName } from './verdict.ts';
export { seededRandom } from './random.ts';
export { decodeEvent, encodeEvent, fromHexText, toHexText } from './event-record.ts';
export type { ArgumentRecord, DataRecord, EventRecord, IntegerRecord, TracepointValueRecord } from './event-record.ts';
export {
  dumpMaps,
  encodeResult,
  formatRecording,
  RECORDING_FORMAT,
  recordVm,
  replayRecording,
  replayVm,
} from './recording.ts';
export type {
  RecordedInputs,
  RecordedStep,
  Recorder,
  Recording,
  RecordingHeader,
  RecordOptions,
  ReplayDifference,
  ReplayReport,
  ResultRecord,
} from './recording.ts';
export { programsFor } from './routing.ts';
export type { EventPlace } from './routing.ts';
