/** Helpers of XDP packets: `net/core/filter.c`. */
import type { HelperContext } from '@polybpf/interpreter';
import { EACCES, EFAULT, EINVAL } from './errno.ts';
import type { PacketBuffer } from './packet-buffer.ts';
import { currentRun, type HelperTable, int32, type World } from './world.ts';

/** Bytes of `struct xdp_frame`, which lie at the start of the headroom. */
export const XDP_FRAME_SIZE = 40;
/** Bytes at the end of a page that `struct skb_shared_info` will take. */
export const XDP_TAILROOM = 320;
/** Before the packet (`XDP_PACKET_HEADROOM`). */
export const XDP_HEADROOM = 256;
const ETH_HLEN = 14;
/** The length of metadata is kept in a byte, and is a multiple of 4. */
const LONGEST_METADATA = 252;

function packetOf(world: World): PacketBuffer {
  const { packet } = currentRun(world);
  if (packet === undefined) throw new Error('BUG: a program type without packet called an XDP helper');
  return packet;
}

function copyRange(
  cx: HelperContext,
  packet: PacketBuffer,
): { readonly at: number; readonly length: number } | undefined {
  const offset = cx.arg32(2);
  const length = cx.arg32(4);
  if (offset > 0xffff || length > 0xffff || offset + length > packet.length) return undefined;
  return { at: packet.data + offset, length };
}

export const XDP_HELPERS: HelperTable = {
  /** xdp, delta. */
  bpf_xdp_adjust_head(cx, world) {
    const packet = packetOf(world);
    const delta = int32(cx, 2);
    const metadata = packet.data - packet.meta;
    const data = packet.data + delta;
    if (data < XDP_FRAME_SIZE + metadata || data > packet.end - ETH_HLEN) return -EINVAL;
    if (metadata > 0) packet.bytes.copyWithin(packet.meta + delta, packet.meta, packet.data);
    packet.meta += delta;
    packet.data = data;
    packet.sync();
    return 0;
  },
  bpf_xdp_adjust_tail(cx, world) {
    const packet = packetOf(world);
    const delta = int32(cx, 2);
    const end = packet.end + delta;
    if (end > packet.bytes.length || end < packet.data + ETH_HLEN) return -EINVAL;
    if (delta > 0) packet.bytes.fill(0, packet.end, end);
    packet.end = end;
    packet.sync();
    return 0;
  },
  bpf_xdp_adjust_meta(cx, world) {
    const packet = packetOf(world);
    const meta = packet.meta + int32(cx, 2);
    if (meta < XDP_FRAME_SIZE || meta > packet.data) return -EINVAL;
    const length = packet.data - meta;
    if (length % 4 !== 0 || length > LONGEST_METADATA) return -EACCES;
    packet.meta = meta;
    packet.sync();
    return 0;
  },
  bpf_xdp_get_buff_len: (_cx, world) => packetOf(world).length,
  /** xdp, offset, buf, len. */
  bpf_xdp_load_bytes(cx, world) {
    const packet = packetOf(world);
    const range = copyRange(cx, packet);
    if (range === undefined) return cx.arg32(2) + cx.arg32(4) > packet.length ? -EINVAL : -EFAULT;
    cx.memory
      .view(cx.arg(3), range.length, 'helper_write')
      .set(packet.bytes.subarray(range.at, range.at + range.length));
    return 0;
  },
  bpf_xdp_store_bytes(cx, world) {
    const packet = packetOf(world);
    const range = copyRange(cx, packet);
    if (range === undefined) return cx.arg32(2) + cx.arg32(4) > packet.length ? -EINVAL : -EFAULT;
    packet.bytes.set(cx.memory.view(cx.arg(3), range.length), range.at);
    return 0;
  },
};
