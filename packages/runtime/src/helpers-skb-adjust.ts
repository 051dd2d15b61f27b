/** Helpers that change the size or the headers of socket buffers: `net/core/filter.c`, `net/core/skbuff.c`. */
import { swap16 } from './byte-order.ts';
import { EALREADY, EFAULT, EINVAL, ENOMEM, ENOTSUPP } from './errno.ts';
import { etherTypeAt } from './ether-type.ts';
import { skbOf } from './helpers-skb.ts';
import type { PacketBuffer } from './packet-buffer.ts';
import { type HelperTable, int32, type World } from './world.ts';

const ETH_HLEN = 14;
const VLAN_HLEN = 4;
const ETH_P_IP = 0x0800;
const ETH_P_IPV6 = 0x86dd;
const ETH_P_8021Q = 0x8100;
const ETH_P_8021AD = 0x88a8;
/** `SKB_MAX_ALLOC`: four pages without `struct skb_shared_info`. */
const MAX_LENGTH = 4 * 4096 - 320;

const ADJ_ROOM_NET = 0;
const ADJ_ROOM_MAC = 1;
const FIXED_GSO = 1n;
const ENCAP_L3_IPV4 = 1n << 1n;
const ENCAP_L3_IPV6 = 1n << 2n;
const ENCAP_L4_GRE = 1n << 3n;
const ENCAP_L4_UDP = 1n << 4n;
const NO_CSUM_RESET = 1n << 5n;
const ENCAP_L2_ETH = 1n << 6n;
const DECAP_L3_IPV4 = 1n << 7n;
const DECAP_L3_IPV6 = 1n << 8n;
const DECAP_L3 = DECAP_L3_IPV4 | DECAP_L3_IPV6;
/** Length of the inner link header (`BPF_F_ADJ_ROOM_ENCAP_L2`). */
const ENCAP_L2_SHIFT = 56n;
const ADJ_ROOM_KNOWN = 0x1ffn | (0xffn << ENCAP_L2_SHIFT);

function isVlan(protocol: number): boolean {
  return protocol === ETH_P_8021Q || protocol === ETH_P_8021AD;
}

/** A 16-bit network-order number as it came in a register. */
function fromNetwork(world: World, value: number): number {
  return world.endian === 'little' ? swap16(value & 0xffff) : value & 0xffff;
}

/** Opens `length` zero bytes at `offset` from `data`; headers before move down. */
function pushGap(packet: PacketBuffer, offset: number, length: number): void {
  packet.reserve(length, 0);
  packet.data -= length;
  packet.meta = packet.data;
  packet.bytes.copyWithin(packet.data, packet.data + length, packet.data + length + offset);
  packet.bytes.fill(0, packet.data + offset, packet.data + offset + length);
}

/** Takes `length` bytes at `offset` from `data` out. */
function popGap(packet: PacketBuffer, offset: number, length: number): void {
  packet.bytes.copyWithin(packet.data + length, packet.data, packet.data + offset);
  packet.data += length;
  packet.meta = packet.data;
}

/** `bpf_skb_net_hdr_push`, or pop for a negative length. */
function resizeNetwork(packet: PacketBuffer, offset: number, length: number): void {
  const sameTransport = packet.transport === packet.network;
  if (length > 0) pushGap(packet, offset, length);
  else popGap(packet, offset, -length);
  packet.mac -= length;
  packet.network -= length;
  if (sameTransport) packet.transport = packet.network;
}

function insertVlan(packet: PacketBuffer, protocol: number, tci: number): void {
  pushGap(packet, 12, VLAN_HLEN);
  packet.mac = packet.data;
  packet.network -= VLAN_HLEN;
  packet.bytes.set([protocol >> 8, protocol & 0xff, tci >> 8, tci & 0xff], packet.data + 12);
}

/** Takes the outermost VLAN header out of the packet; its tci, or undefined when the packet is too short. */
function removeVlan(packet: PacketBuffer): number | undefined {
  if (packet.length < ETH_HLEN + VLAN_HLEN) return undefined;
  const at = packet.data + ETH_HLEN;
  const tci = (packet.bytes[at]! << 8) | packet.bytes[at + 1]!;
  packet.protocol = etherTypeAt(packet.bytes, at + 2);
  popGap(packet, 12, VLAN_HLEN);
  packet.mac = packet.data;
  if (packet.network - packet.data < ETH_HLEN) packet.network = packet.data + ETH_HLEN;
  return tci;
}

function baseLength({ protocol }: PacketBuffer): number {
  return protocol === ETH_P_IP ? 20 : 40;
}

/** `bpf_skb_net_shrink`. */
function shrinkRoom(packet: PacketBuffer, offset: number, delta: number, flags: bigint): number {
  if ((flags & ~(FIXED_GSO | DECAP_L3 | NO_CSUM_RESET)) !== 0n) return -EINVAL;
  if (offset - delta > packet.length) return -ENOMEM;
  resizeNetwork(packet, offset, delta);
  if ((flags & DECAP_L3_IPV6) !== 0n) packet.protocol = ETH_P_IPV6;
  else if ((flags & DECAP_L3_IPV4) !== 0n) packet.protocol = ETH_P_IP;
  return 0;
}

/** `bpf_skb_net_grow`: with a flag for encapsulation the new room is that of the outer headers. */
function growRoom(packet: PacketBuffer, offset: number, delta: number, flags: bigint): number {
  const both = (a: bigint, b: bigint): boolean => (flags & a) !== 0n && (flags & b) !== 0n;
  const encapsulates = (flags & (ENCAP_L3_IPV4 | ENCAP_L3_IPV6)) !== 0n;
  const innerLink = Number(flags >> ENCAP_L2_SHIFT);
  const linkLength = packet.network - packet.mac;
  if (encapsulates) {
    if (both(ENCAP_L3_IPV4, ENCAP_L3_IPV6) || both(ENCAP_L4_GRE, ENCAP_L4_UDP)) return -EINVAL;
    if ((flags & ENCAP_L2_ETH) !== 0n && innerLink < ETH_HLEN) return -EINVAL;
    if (packet.encapsulated) return -EALREADY;
    if (innerLink > delta) return -EINVAL;
  }
  resizeNetwork(packet, offset, delta);
  if (!encapsulates) return 0;
  packet.encapsulated = true;
  const outer = (flags & ENCAP_L3_IPV6) !== 0n ? ETH_P_IPV6 : ETH_P_IP;
  if (outer !== packet.protocol) packet.hash = 0;
  packet.protocol = outer;
  packet.network = packet.data + linkLength;
  if ((flags & (ENCAP_L4_GRE | ENCAP_L4_UDP)) !== 0n)
    packet.transport = packet.network + (outer === ETH_P_IPV6 ? 40 : 20);
  return 0;
}

export const SKB_ADJUST_HELPERS: HelperTable = {
  /** skb, len, flags. */
  bpf_skb_change_tail(cx, world) {
    const packet = skbOf(world);
    const length = cx.arg32(2);
    const start = packet.transport >= 0 ? packet.transport : packet.network;
    if (cx.arg(3) !== 0n || length > MAX_LENGTH || length < start - packet.data) return -EINVAL;
    if (packet.encapsulated) return -ENOTSUPP;
    packet.reserve(0, Math.max(0, length - packet.length));
    const end = packet.data + length;
    if (end > packet.end) packet.bytes.fill(0, packet.end, end);
    packet.end = end;
    packet.sync();
    return 0;
  },
  /** skb, head_room, flags. */
  bpf_skb_change_head(cx, world) {
    const packet = skbOf(world);
    const room = cx.arg32(2);
    if (cx.arg(3) !== 0n || room > 0x7fffffff || packet.length + room > MAX_LENGTH) return -EINVAL;
    pushGap(packet, 0, room);
    packet.mac = packet.data;
    packet.sync();
    return 0;
  },
  /** skb, proto, flags: only between IPv4 and IPv6. */
  bpf_skb_change_proto(cx, world) {
    const packet = skbOf(world);
    if (cx.arg(3) !== 0n) return -EINVAL;
    const to = fromNetwork(world, cx.arg32(2));
    const offset = packet.network - packet.mac;
    if (packet.protocol === ETH_P_IP && to === ETH_P_IPV6) resizeNetwork(packet, offset, 20);
    else if (packet.protocol === ETH_P_IPV6 && to === ETH_P_IP) {
      if (offset + 20 > packet.length) return -ENOMEM;
      resizeNetwork(packet, offset, -20);
    } else return -ENOTSUPP;
    packet.protocol = to;
    packet.hash = 0;
    packet.sync();
    return 0;
  },
  /** skb, proto, tci. */
  bpf_skb_vlan_push(cx, world) {
    const packet = skbOf(world);
    const asked = fromNetwork(world, cx.arg32(2));
    const protocol = isVlan(asked) ? asked : ETH_P_8021Q;
    if (packet.vlan !== undefined) {
      insertVlan(packet, packet.vlan.protocol, packet.vlan.tci);
      packet.protocol = packet.vlan.protocol;
    }
    packet.vlan = { protocol, tci: cx.arg32(3) & 0xffff };
    packet.sync();
    return 0;
  },
  bpf_skb_vlan_pop(_cx, world) {
    const packet = skbOf(world);
    if (packet.vlan !== undefined) packet.vlan = undefined;
    else if (!isVlan(packet.protocol)) return 0;
    else if (removeVlan(packet) === undefined) return -ENOMEM;
    if (isVlan(packet.protocol)) {
      const { protocol } = packet;
      const tci = removeVlan(packet);
      if (tci === undefined) return -ENOMEM;
      packet.vlan = { protocol, tci };
    }
    packet.sync();
    return 0;
  },
  /** skb, len_diff, mode, flags. */
  bpf_skb_adjust_room(cx, world) {
    const packet = skbOf(world);
    const delta = int32(cx, 2);
    const mode = cx.arg32(3);
    const flags = cx.arg(4);
    if ((flags & ~ADJ_ROOM_KNOWN) !== 0n) return -EINVAL;
    if (Math.abs(delta) > 0xfff) return -EFAULT;
    if (packet.protocol !== ETH_P_IP && packet.protocol !== ETH_P_IPV6) return -ENOTSUPP;
    if (mode !== ADJ_ROOM_NET && mode !== ADJ_ROOM_MAC) return -ENOTSUPP;
    const decap = flags & DECAP_L3;
    let least = baseLength(packet);
    if (decap !== 0n) {
      if (delta >= 0 || decap === DECAP_L3) return -EINVAL;
      least = decap === DECAP_L3_IPV4 ? 20 : 40;
    }
    const offset = packet.network - packet.mac + (mode === ADJ_ROOM_NET ? baseLength(packet) : 0);
    const rest = packet.end - packet.network;
    if (delta < 0 ? -delta >= rest || rest + delta < least : packet.length + delta > MAX_LENGTH) return -ENOTSUPP;
    const error = delta < 0 ? shrinkRoom(packet, offset, delta, flags) : growRoom(packet, offset, delta, flags);
    if (error === 0) packet.sync();
    return error;
  },
  /** Sets the congestion mark of IPv4 or IPv6: 1 when it is set, 0 when the packet does not support it. */
  bpf_skb_ecn_set_ce(_cx, world) {
    const packet = skbOf(world);
    const at = packet.network;
    if (packet.protocol === ETH_P_IP && packet.end >= at + 20) return setCeIpv4(packet, at);
    if (packet.protocol === ETH_P_IPV6 && packet.end >= at + 40) return setCeIpv6(packet, at);
    return 0;
  },
};

const ECN_MASK = 3;

function setCeIpv4(packet: PacketBuffer, at: number): number {
  const { bytes } = packet;
  const old = bytes[at + 1]!;
  if ((old & ECN_MASK) === 0) return 0;
  if ((old & ECN_MASK) === ECN_MASK) return 1;
  bytes[at + 1] = old | ECN_MASK;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  // RFC 1624: the sum falls by what the field grew.
  const sum = view.getUint16(at + 10) - (bytes[at + 1]! - old);
  view.setUint16(at + 10, sum < 0 ? sum - 1 : sum);
  return 1;
}

function setCeIpv6(packet: PacketBuffer, at: number): number {
  const { bytes } = packet;
  const ecn = (bytes[at + 1]! >> 4) & ECN_MASK;
  if (ecn === 0) return 0;
  bytes[at + 1] = bytes[at + 1]! | (ECN_MASK << 4);
  return 1;
}
