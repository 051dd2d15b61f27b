/** Copies into and out of packets with the checks of `net/core/filter.c`. */
import { EFAULT, EINVAL } from './errno.ts';
import type { PacketBuffer } from './packet-buffer.ts';

const INT_MAX = 0x7fffffff;
const RECOMPUTE_CSUM = 1n;
const INVALIDATE_HASH = 2n;

/** `bpf_skb_load_bytes`: 0, or -EFAULT and zeros when the bytes are not all there. */
export function loadPacketBytes(packet: PacketBuffer, offset: number, target: Uint8Array): number {
  const bytes = offset > INT_MAX ? undefined : packet.slice(offset, target.length);
  if (bytes === undefined) {
    target.fill(0);
    return -EFAULT;
  }
  target.set(bytes);
  return 0;
}

/** `bpf_skb_store_bytes`. */
export function storePacketBytes(packet: PacketBuffer, offset: number, source: Uint8Array, flags: bigint): number {
  if ((flags & ~(RECOMPUTE_CSUM | INVALIDATE_HASH)) !== 0n) return -EINVAL;
  if (offset > INT_MAX || offset + source.length > packet.length) return -EFAULT;
  packet.bytes.set(source, packet.data + offset);
  if ((flags & INVALIDATE_HASH) !== 0n) {
    packet.hash = 0;
    packet.sync();
  }
  return 0;
}
