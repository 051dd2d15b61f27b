/** Random packets for comparisons with the kernel: mostly well formed, sometimes cut, sometimes garbage. */
import { buildPacket, seededRandom } from '@polybpf/runtime';

/** A source of packets and of random numbers. */
export interface PacketSource {
  /** 0 to `limit` - 1. */
  number(limit: number): number;
  bytes(length: number): Uint8Array;
  packet(): Uint8Array;
}

export function packetSource(seed: number): PacketSource {
  const random = seededRandom(seed);
  const number = (limit: number): number => Math.floor((random() / 2 ** 32) * limit);
  const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => number(256));
  const ipv4 = (): string => Array.from({ length: 4 }, () => number(4) * 63 + number(3)).join('.');
  const ipv6 = (): string => Array.from({ length: 8 }, () => number(65536).toString(16)).join(':');
  const mac = (): string => {
    const kind = number(6);
    if (kind === 0) return 'ff:ff:ff:ff:ff:ff';
    if (kind === 1) return '00:00:00:00:00:00';
    return Array.from(bytes(6), (byte) => byte.toString(16)).join(':');
  };
  const packet = (): Uint8Array => {
    const kind = number(16);
    const payload = bytes(8 + (number(8) === 0 ? number(1200) : number(80)));
    if (kind === 0) return bytes(64 + number(200));
    const upper = [
      { udp: { source: number(65536), destination: number(4) === 0 ? 53 : number(1024) } },
      { tcp: { source: number(65536), destination: number(1024), flags: number(64), sequence: number(2 ** 31) } },
      { icmp: { type: number(20) } },
      {},
    ][number(4)]!;
    const network =
      number(5) === 0
        ? { ipv6: { source: ipv6(), destination: ipv6(), trafficClass: number(256) } }
        : { ipv4: { source: ipv4(), destination: ipv4(), ttl: number(5) === 0 ? number(3) : 64, tos: number(256), id: number(65536) } }; // prettier-ignore
    const vlan = number(8) === 0 ? Array.from({ length: 1 + number(2) }, () => ({ id: number(4096), priority: number(8) })) : []; // prettier-ignore
    const whole = buildPacket({ ethernet: { destination: mac(), source: mac() }, vlan, ...network, ...upper, payload });
    return number(20) === 0 ? whole.slice(0, Math.max(64, whole.length - number(30))) : whole;
  };
  return { number, bytes, packet };
}
