/** Helpers that send records to user space: `kernel/trace/bpf_trace.c`, `net/core/filter.c`, `kernel/bpf/ringbuf.c`. */
import type { HelperContext } from '@polybpf/interpreter';
import { BpfError } from '@polybpf/errors';
import type { GuestMap, RingBuffer } from '@polybpf/maps';
import { EFAULT, EINVAL } from './errno.ts';
import { concatBytes } from './packet-builder.ts';
import { currentRun, type HelperTable, mapArgument, unknownFlags, type World } from './world.ts';

const INDEX_MASK = 0xffffffffn;
/** Bytes of the packet that are appended to the record (`BPF_F_CTXLEN_MASK`). */
const CTXLEN_MASK = 0xfffffn << 32n;

function output(map: GuestMap, flags: bigint, data: Uint8Array): number {
  if (map.events !== undefined) return map.events.output(flags & INDEX_MASK, data);
  throw new BpfError('E_INPUT', 'map of perf_event_output', { expected: 'PERF_EVENT_ARRAY', got: map.name });
}

/** ctx, map, flags, data, size; the packet's first bytes behind the data where there is a packet. */
function perfOutput(cx: HelperContext, world: World): number {
  const map = mapArgument(cx, world, 2);
  const flags = cx.arg(3);
  const data = cx.memory.view(cx.arg(4), Number(cx.arg(5)));
  const { packet } = currentRun(world);
  if (packet === undefined) return unknownFlags(flags, INDEX_MASK) ? -EINVAL : output(map, flags, data);
  if (unknownFlags(flags, INDEX_MASK | CTXLEN_MASK)) return -EINVAL;
  const extra = Number((flags & CTXLEN_MASK) >> 32n);
  const bytes = packet.slice(0, extra);
  return bytes === undefined ? -EFAULT : output(map, flags, concatBytes(data, bytes));
}

/** The ring buffer of the map in register `n`. */
export function ringArgument(
  cx: HelperContext,
  world: World,
  n: number,
): { readonly map: GuestMap; readonly ring: RingBuffer } {
  const map = mapArgument(cx, world, n);
  if (map.ring !== undefined) return { map, ring: map.ring };
  throw new BpfError('E_INPUT', `argument ${n}`, { expected: 'a ring buffer', got: `map ${map.name}` });
}

/** Takes back a record that the program reserved. */
export function takeRecord(world: World, address: bigint): RingBuffer {
  const lent = world.lent.get(address);
  if (lent?.map.ring === undefined) {
    throw new BpfError('E_INPUT', 'record of a ring buffer', {
      expected: 'one that is reserved',
      got: `0x${address.toString(16)}`,
    });
  }
  world.lent.delete(address);
  return lent.map.ring;
}

export const OUTPUT_HELPERS: HelperTable = {
  bpf_perf_event_output: perfOutput,
  bpf_skb_output: perfOutput,
  bpf_xdp_output: perfOutput,
  /** ringbuf, data, size, flags. */
  bpf_ringbuf_output(cx, world) {
    const { ring } = ringArgument(cx, world, 1);
    return ring.output(cx.memory.view(cx.arg(2), Number(cx.arg(3))), cx.arg(4));
  },
  /** ringbuf, size, flags. */
  bpf_ringbuf_reserve(cx, world) {
    const { map, ring } = ringArgument(cx, world, 1);
    const size = cx.arg(2);
    const address = ring.reserve(size, cx.arg(3));
    if (address !== 0n) world.lent.set(address, { map, size: Number(size) });
    return address;
  },
  bpf_ringbuf_submit: (cx, world) => takeRecord(world, cx.arg(1)).submit(cx.arg(1), cx.arg(2)),
  bpf_ringbuf_discard: (cx, world) => takeRecord(world, cx.arg(1)).discard(cx.arg(1), cx.arg(2)),
  bpf_ringbuf_query: (cx, world) => ringArgument(cx, world, 1).ring.query(cx.arg(2)),
};
