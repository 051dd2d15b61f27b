/**
 * Dynptrs: `kernel/bpf/helpers.c`. A dynptr is 16 bytes on the program's stack: address of its memory, size with type and
 * read-only bit, offset (`struct bpf_dynptr_kern`).
 */
import type { HelperContext } from '@polybpf/interpreter';
import { E2BIG, EINVAL, ERANGE } from './errno.ts';
import { ringArgument, takeRecord } from './helpers-output.ts';
import { loadPacketBytes, storePacketBytes } from './packet-bytes.ts';
import { currentRun, type HelperTable, mapArgument, type World } from './world.ts';

const LARGEST = (1n << 24n) - 1n;
const LOCAL = 1;
const RINGBUF = 2;
const SKB = 3;
const XDP = 4;
const READ_ONLY = 1 << 31;
const TYPE_SHIFT = 28;
const SIZE_MASK = 0xffffff;

interface Dynptr {
  readonly data: bigint;
  readonly size: number;
  readonly type: number;
  readonly readOnly: boolean;
  readonly offset: number;
}

function readDynptr(cx: HelperContext, address: bigint): Dynptr {
  const word = Number(cx.memory.read(address + 8n, 4));
  return {
    data: cx.memory.read(address, 8),
    size: word & SIZE_MASK,
    type: (word >>> TYPE_SHIFT) & 7,
    readOnly: word >>> 31 === 1,
    offset: Number(cx.memory.read(address + 12n, 4)),
  };
}

function writeDynptr(cx: HelperContext, address: bigint, { data, size, type, readOnly, offset }: Dynptr): void {
  cx.memory.write(address, 8, data);
  cx.memory.write(address + 8n, 4, BigInt((size | (type << TYPE_SHIFT) | (readOnly ? READ_ONLY : 0)) >>> 0));
  cx.memory.write(address + 12n, 4, BigInt(offset));
}

function clear(cx: HelperContext, address: bigint): void {
  cx.memory.view(address, 16, 'helper_write').fill(0);
}

function outside({ size }: Dynptr, offset: bigint, length: bigint): boolean {
  return length > BigInt(size) || offset > BigInt(size) - length;
}

function isPacket({ type }: Dynptr): boolean {
  return type === SKB || type === XDP;
}

function fromPacket(type: number, cx: HelperContext, world: World): number {
  const { packet, contextAddress } = currentRun(world);
  const at = cx.arg(3);
  if (cx.arg(2) !== 0n || packet === undefined) {
    clear(cx, at);
    return -EINVAL;
  }
  writeDynptr(cx, at, { data: contextAddress, size: packet.length, type, readOnly: false, offset: 0 });
  return 0;
}

/** ptr, offset, buffer, its size: address of the bytes, or of a copy in the buffer. */
function slice(cx: HelperContext, world: World): bigint | number {
  const dynptr = readDynptr(cx, cx.arg(1));
  const offset = cx.arg(2) & 0xffffffffn;
  const length = cx.arg(4) & 0xffffffffn;
  if (dynptr.data === 0n || outside(dynptr, offset, length)) return 0;
  const at = dynptr.offset + Number(offset);
  if (!isPacket(dynptr)) return dynptr.data + BigInt(at);
  const packet = currentRun(world).packet!;
  return packet.slice(at, Number(length)) === undefined ? 0 : packet.addressOf(packet.data + at);
}

export const DYNPTR_HELPERS: HelperTable = {
  /** data, size, flags, ptr. */
  bpf_dynptr_from_mem(cx) {
    const size = cx.arg(2) & 0xffffffffn;
    const error = size > LARGEST ? -E2BIG : cx.arg(3) !== 0n ? -EINVAL : 0;
    if (error !== 0) clear(cx, cx.arg(4));
    else writeDynptr(cx, cx.arg(4), { data: cx.arg(1), size: Number(size), type: LOCAL, readOnly: false, offset: 0 });
    return error;
  },
  /** dst, len, src, offset, flags. */
  bpf_dynptr_read(cx, world) {
    const dynptr = readDynptr(cx, cx.arg(3));
    const length = cx.arg(2);
    if (dynptr.data === 0n || cx.arg(5) !== 0n) return -EINVAL;
    if (outside(dynptr, cx.arg(4), length)) return -E2BIG;
    const target = cx.memory.view(cx.arg(1), Number(length), 'helper_write');
    const at = dynptr.offset + Number(cx.arg(4));
    if (isPacket(dynptr)) return loadPacketBytes(currentRun(world).packet!, at, target);
    target.set(cx.memory.view(dynptr.data + BigInt(at), target.length).slice());
    return 0;
  },
  /** dst, offset, src, len, flags. */
  bpf_dynptr_write(cx, world) {
    const dynptr = readDynptr(cx, cx.arg(1));
    const [offset, length, flags] = [cx.arg(2), cx.arg(4), cx.arg(5)];
    if (dynptr.data === 0n || dynptr.readOnly) return -EINVAL;
    if (outside(dynptr, offset, length)) return -E2BIG;
    if (dynptr.type !== SKB && flags !== 0n) return -EINVAL;
    const source = cx.memory.view(cx.arg(3), Number(length)).slice();
    const at = dynptr.offset + Number(offset);
    if (isPacket(dynptr)) return storePacketBytes(currentRun(world).packet!, at, source, flags);
    cx.memory.view(dynptr.data + BigInt(at), source.length, 'helper_write').set(source);
    return 0;
  },
  /** ptr, offset, len. */
  bpf_dynptr_data(cx) {
    const dynptr = readDynptr(cx, cx.arg(1));
    if (dynptr.data === 0n || outside(dynptr, cx.arg(2), cx.arg(3)) || dynptr.readOnly || isPacket(dynptr)) return 0;
    return dynptr.data + BigInt(dynptr.offset) + cx.arg(2);
  },
  /** ringbuf, size, flags, ptr. */
  bpf_ringbuf_reserve_dynptr(cx, world) {
    const { map, ring } = ringArgument(cx, world, 1);
    const size = cx.arg(2) & 0xffffffffn;
    clear(cx, cx.arg(4));
    if (cx.arg(3) !== 0n) return -EINVAL;
    if (size > LARGEST) return -E2BIG;
    const data = ring.reserve(size, 0);
    if (data === 0n) return -EINVAL;
    world.lent.set(data, { map, size: Number(size) });
    writeDynptr(cx, cx.arg(4), { data, size: Number(size), type: RINGBUF, readOnly: false, offset: 0 });
    return 0;
  },
  bpf_ringbuf_submit_dynptr(cx, world) {
    const { data } = readDynptr(cx, cx.arg(1));
    if (data === 0n) return;
    takeRecord(world, data).submit(data, cx.arg(2));
    clear(cx, cx.arg(1));
  },
  bpf_ringbuf_discard_dynptr(cx, world) {
    const { data } = readDynptr(cx, cx.arg(1));
    if (data === 0n) return;
    takeRecord(world, data).discard(data, cx.arg(2));
    clear(cx, cx.arg(1));
  },
  /** map, callback, ctx, flags: the callback gets a dynptr of each record. */
  bpf_user_ringbuf_drain(cx, world) {
    const map = mapArgument(cx, world, 1);
    const [callback, context] = [cx.arg(2), cx.arg(3)];
    if (map.userRing === undefined) return -EINVAL;
    const region = cx.memory.add({ name: 'dynptr of a record', kind: 'mem', data: new Uint8Array(16) });
    const at = cx.memory.addressOf(region);
    try {
      return map.userRing.drain(({ address, data }) => {
        writeDynptr(cx, at, { data: address, size: data.length, type: LOCAL, readOnly: true, offset: 0 });
        return cx.call(callback, [at, context]);
      }, cx.arg(4));
    } finally {
      cx.memory.remove(region.number);
    }
  },
};

/** Kfuncs of dynptrs. */
export const DYNPTR_KFUNCS: HelperTable = {
  bpf_dynptr_from_skb: (cx, world) => fromPacket(SKB, cx, world),
  bpf_dynptr_from_xdp: (cx, world) => fromPacket(XDP, cx, world),
  bpf_dynptr_slice: slice,
  bpf_dynptr_slice_rdwr: (cx, world) => (readDynptr(cx, cx.arg(1)).readOnly ? 0 : slice(cx, world)),
  bpf_dynptr_is_null: (cx) => (readDynptr(cx, cx.arg(1)).data === 0n ? 1 : 0),
  bpf_dynptr_is_rdonly(cx) {
    const { data, readOnly } = readDynptr(cx, cx.arg(1));
    return data !== 0n && readOnly ? 1 : 0;
  },
  bpf_dynptr_size(cx) {
    const { data, size } = readDynptr(cx, cx.arg(1));
    return data === 0n ? -EINVAL : size;
  },
  /** ptr, start, end. */
  bpf_dynptr_adjust(cx) {
    const dynptr = readDynptr(cx, cx.arg(1));
    const start = cx.arg32(2);
    const end = cx.arg32(3);
    if (dynptr.data === 0n || start > end) return -EINVAL;
    if (start > dynptr.size || end > dynptr.size) return -ERANGE;
    writeDynptr(cx, cx.arg(1), { ...dynptr, offset: dynptr.offset + start, size: end - start });
    return 0;
  },
  bpf_dynptr_clone(cx) {
    const dynptr = readDynptr(cx, cx.arg(1));
    if (dynptr.data === 0n) {
      clear(cx, cx.arg(2));
      return -EINVAL;
    }
    writeDynptr(cx, cx.arg(2), dynptr);
    return 0;
  },
};
