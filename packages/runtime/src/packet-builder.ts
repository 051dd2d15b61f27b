/** Packets from plain fields, with lengths and checksums filled in: Ethernet, VLAN, IPv4, IPv6, TCP, UDP, ICMP. */
import { BpfError } from '@polybpf/errors';
import { internetChecksum } from './checksum.ts';
import { encodeText } from './text.ts';

/** What {@link buildPacket} makes a packet of. Absent layers are left out. */
export interface PacketInit {
  /** Default: Ethernet with the addresses 02:00:00:00:00:02 (destination) and 02:00:00:00:00:01. `false`: no Ethernet. */
  readonly ethernet?: { readonly destination?: string; readonly source?: string; readonly type?: number } | false;
  /** VLAN tags, outermost first. */
  readonly vlan?: readonly { readonly id: number; readonly priority?: number; readonly protocol?: number }[];
  readonly ipv4?: Ipv4Init;
  readonly ipv6?: Ipv6Init;
  readonly tcp?: TcpInit;
  readonly udp?: PortsInit;
  readonly icmp?: { readonly type: number; readonly code?: number };
  readonly payload?: Uint8Array | string;
}

/** Fields of an IPv4 header. */
export interface Ipv4Init {
  readonly source: string;
  readonly destination: string;
  /** Default: that of the layer above, else 253. */
  readonly protocol?: number;
  readonly ttl?: number;
  readonly tos?: number;
  readonly id?: number;
  /** Flags and fragment offset, 16 bits. */
  readonly fragment?: number;
  /** Multiple of 4 bytes, at most 40. */
  readonly options?: Uint8Array;
}

/** Fields of an IPv6 header. */
export interface Ipv6Init {
  readonly source: string;
  readonly destination: string;
  readonly nextHeader?: number;
  readonly hopLimit?: number;
  readonly trafficClass?: number;
  readonly flowLabel?: number;
}

/** Ports of UDP. */
export interface PortsInit {
  readonly source: number;
  readonly destination: number;
}

/** Fields of a TCP header. */
export interface TcpInit extends PortsInit {
  readonly sequence?: number;
  readonly acknowledgement?: number;
  /** FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32. */
  readonly flags?: number;
  readonly window?: number;
  /** Multiple of 4 bytes, at most 40. */
  readonly options?: Uint8Array;
}

const TCP = 6;
const UDP = 17;
const EXPERIMENT = 253;

/**
 * Builds a packet.
 *
 * @throws BpfError `E_INPUT` for addresses that do not parse
 */
export function buildPacket(init: PacketInit = {}): Uint8Array {
  const payload = typeof init.payload === 'string' ? encodeText(init.payload) : (init.payload ?? new Uint8Array(0)); // prettier-ignore
  const addresses =
    init.ipv4 !== undefined
      ? concatBytes(parseIpv4(init.ipv4.source), parseIpv4(init.ipv4.destination))
      : init.ipv6 !== undefined
        ? concatBytes(parseIpv6(init.ipv6.source), parseIpv6(init.ipv6.destination))
        : new Uint8Array(0);
  const version = init.ipv4 !== undefined ? 4 : 6;
  const upper = transport(init, payload, addresses, version);
  const network = networkHeader(init, upper.protocol, upper.bytes.length, addresses);
  const type = init.ipv4 !== undefined ? 0x0800 : init.ipv6 !== undefined ? 0x86dd : 0x88b5;
  return concatBytes(linkHeader(init, type), network, upper.bytes);
}

/** Bytes one after the other. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function be16(value: number): readonly [number, number] {
  return [(value >>> 8) & 0xff, value & 0xff];
}

function be32(value: number): readonly [number, number, number, number] {
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

function linkHeader({ ethernet, vlan = [] }: PacketInit, type: number): Uint8Array {
  if (ethernet === false) return new Uint8Array(0);
  const { destination = '02:00:00:00:00:02', source = '02:00:00:00:00:01' } = ethernet ?? {};
  const tags = vlan.flatMap(({ id, priority = 0, protocol = 0x8100 }) => [
    ...be16(protocol),
    ...be16((priority << 13) | (id & 0xfff)),
  ]);
  return Uint8Array.of(...parseMac(destination), ...parseMac(source), ...tags, ...be16(ethernet?.type ?? type));
}

function networkHeader(init: PacketInit, protocol: number, length: number, addresses: Uint8Array): Uint8Array {
  if (init.ipv4 !== undefined) {
    const { ttl = 64, tos = 0, id = 0, fragment = 0x4000, options = new Uint8Array(0) } = init.ipv4;
    const words = 5 + options.length / 4;
    const total = words * 4 + length;
    const header = Uint8Array.of(0x40 | words, tos, ...be16(total), ...be16(id), ...be16(fragment), ttl, init.ipv4.protocol ?? protocol, 0, 0, ...addresses, ...options); // prettier-ignore
    header.set(be16(internetChecksum(header)), 10);
    return header;
  }
  if (init.ipv6 !== undefined) {
    const { hopLimit = 64, trafficClass = 0, flowLabel = 0, nextHeader = protocol } = init.ipv6;
    const first = ((6 << 28) | (trafficClass << 20) | flowLabel) >>> 0;
    return Uint8Array.of(...be32(first), ...be16(length), nextHeader, hopLimit, ...addresses);
  }
  return new Uint8Array(0);
}

interface Transport {
  readonly protocol: number;
  readonly bytes: Uint8Array;
}

function transport(init: PacketInit, payload: Uint8Array, addresses: Uint8Array, version: 4 | 6): Transport {
  const { tcp, udp, icmp } = init;
  const withChecksum = (protocol: number, header: Uint8Array, at: number): Transport => {
    const bytes = concatBytes(header, payload);
    const pseudo = version === 4
      ? concatBytes(addresses, Uint8Array.of(0, protocol, ...be16(bytes.length)))
      : concatBytes(addresses, Uint8Array.of(...be32(bytes.length), 0, 0, 0, protocol)); // prettier-ignore
    const bare = protocol === 1;
    const sum = bare ? internetChecksum(bytes) : internetChecksum(pseudo, bytes);
    bytes.set(be16(protocol === UDP && sum === 0 ? 0xffff : sum), at);
    return { protocol, bytes };
  };
  if (tcp !== undefined) {
    const { sequence = 0, acknowledgement = 0, flags = 2, window = 65535, options = new Uint8Array(0) } = tcp;
    const words = 5 + options.length / 4;
    const header = Uint8Array.of(...be16(tcp.source), ...be16(tcp.destination), ...be32(sequence), ...be32(acknowledgement), words << 4, flags, ...be16(window), 0, 0, 0, 0, ...options); // prettier-ignore
    return withChecksum(TCP, header, 16);
  }
  if (udp !== undefined) {
    const header = Uint8Array.of(...be16(udp.source), ...be16(udp.destination), ...be16(8 + payload.length), 0, 0);
    return withChecksum(UDP, header, 6);
  }
  if (icmp !== undefined) {
    const header = Uint8Array.of(icmp.type, icmp.code ?? 0, 0, 0, 0, 0, 0, 0);
    return withChecksum(version === 4 ? 1 : 58, header, 2);
  }
  return { protocol: EXPERIMENT, bytes: payload };
}

/**
 * Bytes of `aa:bb:cc:dd:ee:ff`.
 *
 * @throws BpfError `E_INPUT`
 */
export function parseMac(text: string): Uint8Array {
  const parts = text.split(':');
  if (parts.length !== 6 || !parts.every((part) => /^[0-9a-fA-F]{1,2}$/.test(part))) {
    throw new BpfError('E_INPUT', 'Ethernet address', { expected: 'six hex bytes with colons', got: text });
  }
  return Uint8Array.from(parts, (part) => parseInt(part, 16));
}

/**
 * Bytes of `1.2.3.4`.
 *
 * @throws BpfError `E_INPUT`
 */
export function parseIpv4(text: string): Uint8Array {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) {
    throw new BpfError('E_INPUT', 'IPv4 address', { expected: 'four bytes with dots', got: text });
  }
  return Uint8Array.from(parts, Number);
}

/**
 * Bytes of an IPv6 address (RFC 4291 section 2.2, without embedded IPv4).
 *
 * @throws BpfError `E_INPUT`
 */
export function parseIpv6(text: string): Uint8Array {
  const halves = text.split('::');
  const groups = halves.map((half) => (half === '' ? [] : half.split(':')));
  const [head = [], tail = []] = groups;
  const missing = 8 - head.length - tail.length;
  const wrong =
    halves.length > 2 ||
    !groups.flat().every((group) => /^[0-9a-fA-F]{1,4}$/.test(group)) ||
    (halves.length === 2 ? missing < 1 : missing !== 0);
  if (wrong) throw new BpfError('E_INPUT', 'IPv6 address', { expected: 'eight groups of hex digits', got: text });
  const all = [...head, ...Array.from({ length: missing }, () => '0'), ...tail];
  return Uint8Array.from(all.flatMap((group) => [...be16(parseInt(group, 16))]));
}

/** `1.2.3.4` or `2001:db8::1` (RFC 5952) of 4 or 16 bytes. */
export function formatIpAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, k) => ((bytes[2 * k]! << 8) | bytes[2 * k + 1]!).toString(16));
  let best = { start: -1, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (groups[start + length] === '0') length++;
    if (length > best.length) best = { start, length };
  }
  if (best.start < 0) return groups.join(':');
  return `${groups.slice(0, best.start).join(':')}::${groups.slice(best.start + best.length).join(':')}`;
}
