/**
 * Capture files: pcap (draft-ietf-opsawg-pcap, both byte orders, micro- and nanoseconds) and pcapng (enhanced, simple
 * and old packet blocks) read, pcap with nanoseconds written.
 */
import { BpfError } from '@polybpf/errors';

/** One captured packet. */
export interface PcapPacket {
  /** Nanoseconds since 1970. */
  readonly time: bigint;
  readonly data: Uint8Array;
  /** Bytes on the wire, when the capture cut the packet. */
  readonly originalLength: number;
}

/** A capture. */
export interface PcapFile {
  /** LINKTYPE_*: 1 is Ethernet, 101 raw IP. */
  readonly linkType: number;
  readonly packets: readonly PcapPacket[];
}

const MAGIC_MICRO = 0xa1b2c3d4;
const MAGIC_NANO = 0xa1b23c4d;
const MAGIC_NG = 0x0a0d0d0a;
const ORDER_NG = 0x1a2b3c4d;
/** Longest packet that is believed, as in libpcap (`MAXIMUM_SNAPLEN`). */
const LONGEST = 262144;

/**
 * Reads a capture file.
 *
 * @throws BpfError `E_INPUT` for what is no capture or is damaged
 */
export function readPcap(file: Uint8Array): PcapFile {
  // A Buffer's slices are views of the whole file.
  const bytes = new Uint8Array(file.buffer, file.byteOffset, file.byteLength);
  const view = viewOf(bytes);
  const magic = bytes.length < 4 ? 0 : view.getUint32(0, true);
  if (magic === MAGIC_NG) return readPcapNg(bytes);
  for (const little of [true, false]) {
    const value = bytes.length < 4 ? 0 : view.getUint32(0, little);
    if (value === MAGIC_MICRO || value === MAGIC_NANO) return readClassic(bytes, little, value === MAGIC_NANO);
  }
  throw new BpfError('E_INPUT', 'no capture file', {
    expected: 'pcap or pcapng',
    got: `${bytes.length} bytes that start with 0x${magic.toString(16).padStart(8, '0')}`,
  });
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function truncated(offset: number, what: string): BpfError {
  return new BpfError('E_INPUT', `capture file ends inside ${what}`, { at: { offset } });
}

function readClassic(bytes: Uint8Array, little: boolean, nano: boolean): PcapFile {
  const view = viewOf(bytes);
  if (bytes.length < 24) throw truncated(bytes.length, 'its header');
  const packets: PcapPacket[] = [];
  for (let at = 24; at < bytes.length;) {
    if (at + 16 > bytes.length) throw truncated(at, 'a packet header');
    const seconds = BigInt(view.getUint32(at, little));
    const fraction = BigInt(view.getUint32(at + 4, little));
    const length = view.getUint32(at + 8, little);
    const originalLength = view.getUint32(at + 12, little);
    if (length > LONGEST || at + 16 + length > bytes.length) throw truncated(at, 'a packet');
    packets.push({
      time: seconds * 1_000_000_000n + (nano ? fraction : fraction * 1000n),
      data: bytes.slice(at + 16, at + 16 + length),
      originalLength,
    });
    at += 16 + length;
  }
  return { linkType: view.getUint32(20, little) & 0xffff, packets };
}

interface NgInterface {
  readonly linkType: number;
  /** Nanoseconds of one unit as numerator and denominator. */
  readonly numerator: bigint;
  readonly denominator: bigint;
}

function readPcapNg(bytes: Uint8Array): PcapFile {
  const view = viewOf(bytes);
  const packets: PcapPacket[] = [];
  let interfaces: NgInterface[] = [];
  let little = true;
  let linkType: number | undefined;
  for (let at = 0; at < bytes.length;) {
    if (at + 12 > bytes.length) throw truncated(at, 'a block');
    if (view.getUint32(at, true) === MAGIC_NG) {
      little = view.getUint32(at + 8, true) === ORDER_NG;
      interfaces = [];
    }
    const type = view.getUint32(at, little);
    const length = view.getUint32(at + 4, little);
    if (length < 12 || length % 4 !== 0 || at + length > bytes.length) throw truncated(at, 'a block');
    const end = at + length - 4;
    if (type === 1) {
      if (length < 20) throw truncated(at, 'an interface description');
      interfaces.push(readInterface(bytes, at, end, little));
      linkType ??= interfaces[0]!.linkType;
    } else if (type === 6 || type === 2) {
      if (length < 32) throw truncated(at, 'a packet block');
      const number = type === 6 ? view.getUint32(at + 8, little) : view.getUint16(at + 8, little);
      const { numerator, denominator } = interfaces[number] ?? { numerator: 1000n, denominator: 1n };
      const ticks = (BigInt(view.getUint32(at + 12, little)) << 32n) | BigInt(view.getUint32(at + 16, little));
      const captured = view.getUint32(at + 20, little);
      if (at + 28 + captured > end) throw truncated(at, 'a packet');
      packets.push({
        time: (ticks * numerator) / denominator,
        data: bytes.slice(at + 28, at + 28 + captured),
        originalLength: view.getUint32(at + 24, little),
      });
    } else if (type === 3) {
      if (length < 16) throw truncated(at, 'a packet block');
      const originalLength = view.getUint32(at + 8, little);
      packets.push({ time: 0n, data: bytes.slice(at + 12, Math.min(end, at + 12 + originalLength)), originalLength });
    }
    at += length;
  }
  return { linkType: linkType ?? 1, packets };
}

function readInterface(bytes: Uint8Array, at: number, end: number, little: boolean): NgInterface {
  const view = viewOf(bytes);
  let resolution = 6;
  for (let option = at + 16; option + 4 <= end;) {
    const code = view.getUint16(option, little);
    const length = view.getUint16(option + 2, little);
    if (code === 0) break;
    // if_tsresol: a power of ten, or of two with the upper bit.
    if (code === 9 && length >= 1) resolution = bytes[option + 4]!;
    option += 4 + ((length + 3) & ~3);
  }
  const unit = (resolution & 0x80) === 0 ? 10n ** BigInt(resolution) : 1n << BigInt(resolution & 0x7f);
  return { linkType: view.getUint16(at + 8, little), numerator: 1_000_000_000n, denominator: unit };
}

/** Writes a little-endian pcap file with nanoseconds. */
export function writePcap({ linkType, packets }: PcapFile): Uint8Array {
  const size = packets.reduce((sum, { data }) => sum + 16 + data.length, 24);
  const bytes = new Uint8Array(size);
  const view = viewOf(bytes);
  view.setUint32(0, MAGIC_NANO, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  view.setUint32(16, LONGEST, true);
  view.setUint32(20, linkType, true);
  let at = 24;
  for (const { time, data, originalLength } of packets) {
    view.setUint32(at, Number(BigInt.asUintN(32, time / 1_000_000_000n)), true);
    view.setUint32(at + 4, Number(time % 1_000_000_000n), true);
    view.setUint32(at + 8, data.length, true);
    view.setUint32(at + 12, originalLength, true);
    bytes.set(data, at + 16);
    at += 16 + data.length;
  }
  return bytes;
}
