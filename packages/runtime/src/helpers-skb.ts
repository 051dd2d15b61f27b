/** Helpers that read and write socket buffers: `net/core/filter.c`. */
import type { HelperContext } from '@polybpf/interpreter';
import { EFAULT, EINVAL, ENOMEM } from './errno.ts';
import { loadPacketBytes, storePacketBytes } from './packet-bytes.ts';
import type { PacketBuffer } from './packet-buffer.ts';
import { SKB_FIELDS } from './context-layouts.ts';
import { currentRun, type HelperTable, type World } from './world.ts';

const HDR_START_MAC = 0;
const HDR_START_NET = 1;
/** Types from PACKET_HOST to PACKET_OTHERHOST may be changed into each other. */
const PACKET_OTHERHOST = 3;

/** The packet of the run; program types without one cannot call these helpers. */
export function skbOf(world: World): PacketBuffer {
  const { packet } = currentRun(world);
  if (packet === undefined) throw new Error('BUG: a program type without packet called an skb helper');
  return packet;
}

/** Writes a 32-bit field of the context. */
export function setContextField(world: World, offset: number, value: number): void {
  const { context } = currentRun(world);
  new DataView(context.buffer, context.byteOffset, context.length).setUint32(offset, value, world.endian === 'little');
}

function contextField(world: World, offset: number): number {
  const { context } = currentRun(world);
  return new DataView(context.buffer, context.byteOffset, context.length).getUint32(offset, world.endian === 'little');
}

function load(cx: HelperContext, world: World): number {
  return loadPacketBytes(skbOf(world), cx.arg32(2), cx.memory.view(cx.arg(3), cx.arg32(4), 'helper_write'));
}

/**
 * A hash over the first bytes behind the link header (FNV-1a). The kernel's is keyed by a secret, so that any value is as
 * good as another; this one is the same in every run.
 */
function flowHash(packet: PacketBuffer): number {
  let hash = 0x811c9dc5;
  for (const byte of packet.networkHeader.subarray(0, 40)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0 || 1;
}

export const SKB_HELPERS: HelperTable = {
  /** skb, offset, to, len. */
  bpf_skb_load_bytes: load,
  /** skb, offset, to, len, start_header. */
  bpf_skb_load_bytes_relative(cx, world) {
    const packet = skbOf(world);
    const target = cx.memory.view(cx.arg(3), cx.arg32(4), 'helper_write');
    const offset = cx.arg32(2);
    const start = cx.arg32(5) === HDR_START_MAC ? packet.mac : cx.arg32(5) === HDR_START_NET ? packet.network : -1;
    const at = start + offset;
    if (offset > 0xffff || start < 0 || at + target.length > packet.end) {
      target.fill(0);
      return -EFAULT;
    }
    target.set(packet.bytes.subarray(at, at + target.length));
    return 0;
  },
  /** skb, offset, from, len, flags. */
  bpf_skb_store_bytes: (cx, world) =>
    storePacketBytes(skbOf(world), cx.arg32(2), cx.memory.view(cx.arg(3), cx.arg32(4)).slice(), cx.arg(5)),
  /** skb, len: makes that many bytes reachable; here all are. */
  bpf_skb_pull_data(cx, world) {
    const packet = skbOf(world);
    if (cx.arg32(2) > packet.length) return -ENOMEM;
    packet.sync();
    return 0;
  },
  bpf_skb_change_type(cx, world) {
    const type = cx.arg32(2);
    if (type > PACKET_OTHERHOST || contextField(world, SKB_FIELDS.pkt_type) > PACKET_OTHERHOST) return -EINVAL;
    setContextField(world, SKB_FIELDS.pkt_type, type);
    return 0;
  },
  bpf_get_hash_recalc(_cx, world) {
    const packet = skbOf(world);
    if (packet.hash === 0) {
      packet.hash = Number(currentRun(world).facts['hash'] ?? BigInt(flowHash(packet)));
      packet.sync();
    }
    return packet.hash;
  },
  bpf_set_hash(cx, world) {
    const packet = skbOf(world);
    packet.hash = cx.arg32(2);
    packet.sync();
    return 0;
  },
  bpf_set_hash_invalid(_cx, world) {
    const packet = skbOf(world);
    packet.hash = 0;
    packet.sync();
    return 0;
  },
  /** skb, tstamp, type. */
  bpf_skb_set_tstamp(cx, world) {
    const type = cx.arg32(3);
    const time = cx.arg(2);
    if (type > 2 || (type === 0 && time !== 0n) || (type !== 0 && time === 0n)) return -EINVAL;
    const { context } = currentRun(world);
    const view = new DataView(context.buffer, context.byteOffset, context.length);
    view.setBigUint64(SKB_FIELDS.tstamp, time, world.endian === 'little');
    view.setUint8(SKB_FIELDS.tstamp_type, type);
    return 0;
  },
};
