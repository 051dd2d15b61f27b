/** From an event to guest memory: context, packet, sockets, what pointers point to. */
import { BpfError } from '@polybpf/errors';
import { type LoadHook, PACKET_REGION, type PacketInput, type RegionInit } from '@polybpf/interpreter';
import type { Endian, Program } from '@polybpf/isa';
import { fitInteger, networkShort, writeInteger } from './byte-order.ts';
import { CONTEXT_STRUCTS, encodeStruct, SKB_FIELDS, type StructLayout } from './context-layouts.ts';
import type { ArgumentsEvent, BpfEvent, FlowDissectorEvent, KprobeEvent, PerfEventEvent, SkbEvent, StructEvent, TracepointEvent, XdpEvent } from './events.ts'; // prettier-ignore
import { etherTypeAt } from './ether-type.ts';
import { XDP_HEADROOM, XDP_TAILROOM } from './helpers-xdp.ts';
import { concatBytes } from './packet-builder.ts';
import { PacketBuffer, type PacketBufferInit } from './packet-buffer.ts';
import { encodeRegisters } from './registers.ts';
import { encodeTracepoint, type TracepointLayouts } from './tracepoint-record.ts';
import { encodeText } from './text.ts';
import type { World } from './world.ts';

/** A context in guest memory, for one run. */
export interface BoundContext {
  /** r1. */
  readonly address: bigint;
  readonly bytes: Uint8Array;
  readonly packet: PacketBuffer | undefined;
  /** Packet of LD_ABS and LD_IND. */
  readonly packetInput: PacketInput | undefined;
  readonly functionArgs: readonly bigint[];
  readonly functionResult: bigint | undefined;
  readonly functionAddress: bigint;
  /** Keys that a flow dissector wrote. */
  readonly flowKeys: Uint8Array | undefined;
  /** Takes the event's memory away again. */
  release(): void;
}

/** What binding needs beside the world. */
export interface ContextOptions {
  readonly tracepoints: TracepointLayouts;
}

interface Binder {
  readonly world: World;
  /** Adds a region for this run; its address. */
  add(init: RegionInit): bigint;
  /** A copy of bytes that lies where regions do, so that it can be written and read from outside. */
  place(bytes: Uint8Array): Uint8Array;
  /** A packet for this run. */
  packet(init: PacketBufferInit): PacketBuffer;
  readonly release: () => void;
}

function createBinder(world: World): Binder {
  const numbers: number[] = [];
  const placed: Uint8Array[] = [];
  const packets: PacketBuffer[] = [];
  const { memory } = world;
  return {
    world,
    add(init) {
      const region = world.memory.add(init);
      numbers.push(region.number);
      return world.memory.addressOf(region);
    },
    place(bytes) {
      if (placed.includes(bytes)) return bytes;
      const copy = memory.allocate(bytes.length);
      copy.set(bytes);
      placed.push(copy);
      return copy;
    },
    packet(init) {
      const packet = new PacketBuffer(memory, init);
      packets.push(packet);
      return packet;
    },
    release() {
      for (const number of numbers.splice(0)) memory.remove(number);
      if (packets.length > 0) memory.remove(PACKET_REGION);
      for (const packet of packets.splice(0)) packet.release();
      for (const bytes of placed.splice(0)) memory.arena?.release(bytes);
    },
  };
}

/** Bytes that helpers can read; programs that dereference them could not do so in the kernel without a probe read. */
function dataAddress(binder: Binder, name: string, value: string | Uint8Array): bigint {
  const data = typeof value === 'string' ? encodeText(`${value}\0`) : value;
  return binder.add({ name, kind: 'mem', data });
}

/**
 * Puts an event into guest memory.
 *
 * @throws BpfError `E_INPUT` for events whose fields do not fit
 */
export function bindContext(world: World, program: Program, event: BpfEvent, options: ContextOptions): BoundContext {
  const binder = createBinder(world);
  try {
    return bindKind(binder, program, event, options);
  } catch (error) {
    binder.release();
    throw error;
  }
}

function bindKind(binder: Binder, program: Program, event: BpfEvent, options: ContextOptions): BoundContext {
  switch (event.kind) {
    case 'xdp':
      return bindXdp(binder, event);
    case 'skb':
      return bindSkb(binder, event, program.type ?? 'socket_filter');
    case 'tracepoint':
      return bindTracepoint(binder, event, options.tracepoints);
    case 'kprobe':
      return bindKprobe(binder, event);
    case 'perf_event':
      return bindPerfEvent(binder, event);
    case 'arguments':
      return bindArguments(binder, event);
    case 'struct':
      return bindStruct(binder, event);
    case 'flow_dissector':
      return bindFlowDissector(binder, event);
    case 'bytes':
      return plain(binder, event.context);
  }
}

type PlainParts = Partial<Omit<BoundContext, 'address' | 'bytes' | 'release'>>;

function plain(binder: Binder, given: Uint8Array, parts: PlainParts = {}, load?: LoadHook): BoundContext {
  const bytes = binder.place(given);
  const address = binder.add({ name: 'ctx', kind: 'ctx', data: bytes, ...(load === undefined ? {} : { load }) });
  return {
    address,
    bytes,
    packet: undefined,
    packetInput: undefined,
    functionArgs: [],
    functionResult: undefined,
    functionAddress: 0n,
    flowKeys: undefined,
    ...parts,
    release: binder.release,
  };
}

/** Four-byte fields that hold pointers: `offset` to the position in the packet. */
function pointerHook(
  packet: PacketBuffer,
  fields: Readonly<Record<number, (packet: PacketBuffer) => number>>,
): LoadHook {
  return (offset, width) => {
    const field = width === 4 ? fields[offset] : undefined;
    return field === undefined ? undefined : packet.addressOf(field(packet));
  };
}

function bindXdp(binder: Binder, event: XdpEvent): BoundContext {
  const { world } = binder;
  const { packet: bytes, metadata } = event;
  const room = 4096 - XDP_HEADROOM - XDP_TAILROOM - bytes.length;
  const packet = binder.packet({
    packet: bytes,
    headroom: XDP_HEADROOM,
    tailroom: Math.max(0, room),
    ...(metadata === undefined ? {} : { metadata }),
  });
  packet.sync();
  const context = encodeStruct(
    CONTEXT_STRUCTS.xdp_md,
    {
      ingress_ifindex: event.ingressIfindex ?? 1,
      rx_queue_index: event.rxQueueIndex ?? 0,
      egress_ifindex: event.egressIfindex ?? 0,
    },
    world.endian,
  );
  const load = pointerHook(packet, { 0: ({ data }) => data, 4: ({ end }) => end, 8: ({ meta }) => meta });
  return plain(binder, context, { packet, packetInput: livePacket(packet) }, load);
}

/** Program types that see the Ethernet header in a test run (`bpf_prog_test_run_skb`). */
const LINK_HEADER_TYPES: ReadonlySet<string> = /* @__PURE__ */ new Set(['sched_cls', 'sched_act']);
const ETH_HLEN = 14;
/** `NET_SKB_PAD` of x86_64. */
const SKB_HEADROOM = 64;
const SKB_TAILROOM = 320;

/**
 * PACKET_HOST, _MULTICAST or _OTHERHOST as the loopback device of test runs has it: its own address and its broadcast
 * address are 0.
 */
function packetType(bytes: Uint8Array): number {
  const address = bytes.subarray(0, 6);
  if (address.every((byte) => byte === 0)) return 0;
  return (address[0]! & 1) === 0 ? 3 : 2;
}

function socketAddress(binder: Binder, fields: SkbEvent['socket']): bigint {
  if (fields === undefined) return 0n;
  const data = encodeStruct(CONTEXT_STRUCTS.bpf_sock, fields, binder.world.endian);
  return binder.add({ name: 'socket', kind: 'ctx', data });
}

/** Fields of `__sk_buff` that say what the packet is; `bpf_prog_test_run_skb` refuses them too (`convert___skb_to_skb`). */
const DERIVED_FIELDS = ['len', 'protocol', 'vlan_present', 'vlan_tci', 'vlan_proto', 'data', 'data_end', 'data_meta'];

function refuseDerivedFields(fields: SkbEvent['fields']): void {
  const given = DERIVED_FIELDS.find((name) => fields !== undefined && Object.hasOwn(fields, name));
  if (given === undefined) return;
  throw new BpfError('E_INPUT', `fields.${given}`, {
    expected: given.startsWith('vlan') ? 'the tag in `vlan`' : 'nothing: it follows from the packet',
    got: String(fields![given]),
  });
}

/** Packets begin with their link header, also where the program does not see it. */
function requireEthernet(packet: Uint8Array): void {
  if (packet instanceof Uint8Array && packet.length >= ETH_HLEN) return;
  throw new BpfError('E_INPUT', 'packet', {
    expected: 'an Ethernet header of 14 bytes',
    got: packet instanceof Uint8Array ? `${packet.length} bytes` : typeof packet,
  });
}

function bindSkb(binder: Binder, event: SkbEvent, type: string): BoundContext {
  const { world } = binder;
  const { packet: bytes, vlan } = event;
  requireEthernet(bytes);
  refuseDerivedFields(event.fields);
  const linkHeader = event.linkHeader ?? LINK_HEADER_TYPES.has(type);
  const context = binder.place(
    encodeStruct(
      CONTEXT_STRUCTS.__sk_buff,
      {
        pkt_type: packetType(bytes),
        ifindex: 1,
        wire_len: linkHeader ? bytes.length : bytes.length - ETH_HLEN,
        sk: socketAddress(binder, event.socket),
        ...event.fields,
      },
      world.endian,
    ),
  );
  const view = new DataView(context.buffer, context.byteOffset, context.length);
  const little = world.endian === 'little';
  const packet = binder.packet({
    packet: bytes,
    headroom: SKB_HEADROOM,
    tailroom: SKB_TAILROOM,
    onChange(changed) {
      view.setUint32(SKB_FIELDS.len, changed.length, little);
      view.setUint32(SKB_FIELDS.protocol, networkShort(changed.protocol, world.endian), little);
      view.setUint32(SKB_FIELDS.vlan_present, changed.vlan === undefined ? 0 : 1, little);
      view.setUint32(SKB_FIELDS.vlan_tci, changed.vlan?.tci ?? 0, little);
      view.setUint32(SKB_FIELDS.vlan_proto, networkShort(changed.vlan?.protocol ?? 0, world.endian), little);
      view.setUint32(SKB_FIELDS.hash, changed.hash, little);
    },
  });
  packet.protocol = etherTypeAt(bytes, 12);
  packet.vlan = vlan === undefined ? undefined : { protocol: vlan.protocol ?? 0x8100, tci: vlan.tci };
  packet.hash = view.getUint32(SKB_FIELDS.hash, little);
  packet.mac = packet.data;
  packet.network = packet.data + ETH_HLEN;
  if (!linkHeader) packet.data += ETH_HLEN;
  packet.meta = packet.data;
  packet.sync();
  const load = pointerHook(packet, {
    [SKB_FIELDS.data]: ({ data }) => data,
    [SKB_FIELDS.data_end]: ({ end }) => end,
    [SKB_FIELDS.data_meta]: ({ meta }) => meta,
  });
  return plain(binder, context, { packet, packetInput: livePacket(packet) }, load);
}

/** The packet of LD_ABS as it is at each load. */
function livePacket(packet: PacketBuffer): PacketInput {
  return {
    region: false,
    get data() {
      return packet.bytes.subarray(0, packet.end);
    },
    get start() {
      return packet.data;
    },
    get macOffset() {
      return packet.mac;
    },
    get networkOffset() {
      return packet.network;
    },
  };
}

function bindTracepoint(binder: Binder, event: TracepointEvent, layouts: TracepointLayouts): BoundContext {
  const layout = event.layout ?? layouts(event.name)?.fields;
  if (layout === undefined) {
    throw new BpfError('E_INPUT', 'tracepoint', {
      expected: 'one that the profile knows, or a layout',
      got: event.name,
    });
  }
  const record = encodeTracepoint(event.name, layout, event.fields, binder.world.endian, (name, value) =>
    dataAddress(binder, `${event.name} ${name}`, value),
  );
  return plain(binder, record);
}

function bindKprobe(binder: Binder, event: KprobeEvent): BoundContext {
  const memory = Object.entries(event.memory ?? {}).map(([name, value]) => [name, dataAddress(binder, name, value)]);
  const regs = { ...event.regs, ...(Object.fromEntries(memory) as Record<string, bigint>) };
  return plain(binder, encodeRegisters(event.arch, regs, binder.world.endian), {
    functionAddress: BigInt.asUintN(64, BigInt(event.function ?? event.regs['ip'] ?? 0)),
  });
}

function bindPerfEvent(binder: Binder, event: PerfEventEvent): BoundContext {
  const { endian } = binder.world;
  const tail = new Uint8Array(16);
  writeInteger(tail, 0, 8, fitInteger(event.samplePeriod ?? 0, 8, 'samplePeriod'), endian);
  writeInteger(tail, 8, 8, fitInteger(event.addr ?? 0, 8, 'addr'), endian);
  return plain(binder, concatBytes(encodeRegisters(event.arch, event.regs ?? {}, endian), tail));
}

function bindArguments(binder: Binder, event: ArgumentsEvent): BoundContext {
  const args = event.args.map((value, k) =>
    typeof value === 'string' || value instanceof Uint8Array
      ? dataAddress(binder, `argument ${k}`, value)
      : BigInt.asUintN(64, fitInteger(value, 8, `argument ${k}`)),
  );
  const result =
    event.result === undefined ? undefined : BigInt.asUintN(64, fitInteger(event.result, 8, 'result of the function'));
  const words = result === undefined ? args : [...args, result];
  const context = new Uint8Array(words.length * 8);
  words.forEach((word, k) => writeInteger(context, k * 8, 8, word, binder.world.endian));
  return plain(binder, context, {
    functionArgs: args,
    functionResult: result,
    functionAddress: BigInt.asUintN(64, BigInt(event.function ?? 0)),
  });
}

function bindStruct(binder: Binder, event: StructEvent): BoundContext {
  const { world } = binder;
  const layout: StructLayout = CONTEXT_STRUCTS[event.struct];
  const context = binder.place(encodeStruct(layout, event.fields, world.endian));
  const point = (field: string, address: bigint): void => {
    writeInteger(context, layout.fields[field]!.offset, 8, address, world.endian);
  };
  if (event.socket !== undefined && layout.fields['sk'] !== undefined) point('sk', socketAddress(binder, event.socket));
  const { data } = event;
  if (data === undefined) return plain(binder, context);
  if (layout.fields['optval'] !== undefined) {
    const address = binder.add({ name: 'optval', kind: 'mem', data: data.slice() });
    point('optval', address);
    point('optval_end', address + BigInt(data.length));
    return plain(binder, context);
  }
  if (layout.fields['data'] === undefined) {
    throw new BpfError('E_INPUT', `data of ${event.struct}`, { expected: 'none', got: `${data.length} bytes` });
  }
  const packet = binder.packet({
    packet: data,
    headroom: 0,
    tailroom: 0,
    onChange(changed) {
      point('data', changed.addressOf(changed.data));
      point('data_end', changed.addressOf(changed.end));
    },
  });
  packet.network = packet.data;
  packet.sync();
  return plain(binder, context, { packet, packetInput: livePacket(packet) });
}

/** The kernel keeps what a flow dissector says about offsets inside the packet (`bpf_flow_dissect`). */
export function clampFlowKeys(keys: Uint8Array, length: number, endian: Endian): Uint8Array {
  const clamped = keys.slice();
  const view = new DataView(clamped.buffer);
  const little = endian === 'little';
  const clamp = (at: number, low: number): number => {
    const value = Math.max(low, Math.min(view.getUint16(at, little), length));
    view.setUint16(at, value, little);
    return value;
  };
  clamp(2, clamp(0, ETH_HLEN));
  return clamped;
}

/** A flow dissector starts behind the Ethernet header with `nhoff` and `n_proto` in its keys (`bpf_flow_dissect`). */
function bindFlowDissector(binder: Binder, event: FlowDissectorEvent): BoundContext {
  const { world } = binder;
  requireEthernet(event.packet);
  const keys = binder.place(
    encodeStruct(
      CONTEXT_STRUCTS.bpf_flow_keys,
      {
        nhoff: ETH_HLEN,
        thoff: ETH_HLEN,
        n_proto: networkShort((event.packet[12]! << 8) | event.packet[13]!, world.endian),
        flags: event.flags ?? 0,
      },
      world.endian,
    ),
  );
  const flowKeys = binder.add({ name: 'flow keys', kind: 'ctx', data: keys });
  const context = encodeStruct(CONTEXT_STRUCTS.__sk_buff, { flow_keys: flowKeys }, world.endian);
  const packet = binder.packet({ packet: event.packet, headroom: 0, tailroom: 0 });
  packet.network = packet.data + ETH_HLEN;
  packet.mac = packet.data;
  packet.sync();
  const load = pointerHook(packet, { [SKB_FIELDS.data]: ({ data }) => data, [SKB_FIELDS.data_end]: ({ end }) => end });
  return plain(binder, context, { packet, packetInput: livePacket(packet), flowKeys: keys }, load);
}
