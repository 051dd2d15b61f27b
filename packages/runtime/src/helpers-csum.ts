/** Helpers of checksums: `net/core/filter.c`, `net/core/utils.c`. */
import type { HelperContext } from '@polybpf/interpreter';
import { csumFold16, csumPartial, csumReplace2, csumReplace4, csumReplaceByDiff, csumSub } from './checksum.ts';
import { EACCES, EFAULT, EINVAL, ENOTSUPP } from './errno.ts';
import { currentRun, type HelperTable, unknownFlags, type World } from './world.ts';

const FIELD_MASK = 0xfn;
const PSEUDO_HDR = 1n << 4n;
const MARK_MANGLED_0 = 1n << 5n;
const MARK_ENFORCE = 1n << 6n;
const IPV6 = 1n << 7n;
/** Stands for a checksum of 0 in UDP (`CSUM_MANGLED_0`). */
const MANGLED_0 = 0xffff;

/** Reads, changes and writes the 16-bit checksum at `offset` of the packet. */
function replaceSum(
  cx: HelperContext,
  world: World,
  replace: (sum: number, from: number, to: number, size: number) => number | undefined,
): number {
  const { packet } = currentRun(world);
  const offset = cx.arg32(2);
  if (packet === undefined || offset > 0xffff || (offset & 1) !== 0 || offset + 2 > packet.length) return -EFAULT;
  const view = new DataView(packet.bytes.buffer, packet.bytes.byteOffset + packet.data + offset, 2);
  const little = world.endian === 'little';
  const size = Number(cx.arg(5) & FIELD_MASK);
  const sum = replace(view.getUint16(0, little), cx.arg32(3), cx.arg32(4), size);
  if (sum === undefined) return -EINVAL;
  view.setUint16(0, sum, little);
  return 0;
}

function byFieldSize(sum: number, from: number, to: number, size: number, fromWide: bigint): number | undefined {
  if (size === 0) return fromWide === 0n ? csumReplaceByDiff(sum, to) : undefined;
  if (size === 2) return csumReplace2(sum, from & 0xffff, to & 0xffff);
  return size === 4 ? csumReplace4(sum, from, to) : undefined;
}

export const CSUM_HELPERS: HelperTable = {
  /** from, from_size, to, to_size, seed. */
  bpf_csum_diff(cx, world) {
    const [fromSize, toSize] = [cx.arg32(2), cx.arg32(4)];
    if (((fromSize | toSize) & 3) !== 0) return -EINVAL;
    const seed = cx.arg32(5);
    const part = (n: number, size: number, from: number): number =>
      csumPartial(cx.memory.view(cx.arg(n), size), from, world.endian);
    let sum = seed;
    // One's complement has two zeros: which one comes out depends on how the kernel takes `from` away.
    if (fromSize > 0 && toSize > 0) sum = csumSub(part(3, toSize, seed), part(1, fromSize, 0));
    else if (toSize > 0) sum = part(3, toSize, seed);
    else if (fromSize > 0) sum = ~part(1, fromSize, ~seed >>> 0) >>> 0;
    return csumFold16(sum);
  },
  /** Only a packet whose card summed it up (`CHECKSUM_COMPLETE`) has a sum to update. */
  bpf_csum_update: () => -ENOTSUPP,
  bpf_csum_level: (cx) => (cx.arg(2) <= 3n ? (cx.arg(2) === 0n ? -EACCES : 0) : -EINVAL),
  /** skb, offset, from, to, flags. */
  bpf_l3_csum_replace(cx, world) {
    if (unknownFlags(cx.arg(5), FIELD_MASK)) return -EINVAL;
    return replaceSum(cx, world, (sum, from, to, size) => byFieldSize(sum, from, to, size, cx.arg(3)));
  },
  bpf_l4_csum_replace(cx, world) {
    const flags = cx.arg(5);
    if (unknownFlags(flags, FIELD_MASK | PSEUDO_HDR | MARK_MANGLED_0 | MARK_ENFORCE | IPV6)) return -EINVAL;
    const mangled = (flags & MARK_MANGLED_0) !== 0n;
    const enforce = (flags & MARK_ENFORCE) !== 0n;
    return replaceSum(cx, world, (sum, from, to, size) => {
      // A UDP checksum of 0 means that there is none.
      if (mangled && !enforce && sum === 0) return 0;
      const replaced = byFieldSize(sum, from, to, size, cx.arg(3));
      return mangled && replaced === 0 ? MANGLED_0 : replaced;
    });
  },
};
