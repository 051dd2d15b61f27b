/** Memory that the kernel reads and writes: an array of bytes together with its address. */
import type { Libc } from './libc.ts';

/**
 * Bytes outside the JavaScript heap proper, so that their address does not change. Blocks are made once and reused by
 * every call; what a call needs more of, {@link growBlock} replaces.
 */
export interface NativeBlock {
  bytes: Uint8Array;
  view: DataView;
  /** Exact: user addresses of x86_64 and arm64 have at most 52 bits. */
  address: number;
}

/** Sizes up to this are allocated on the JavaScript heap, where the garbage collector would move them. */
const SMALLEST = 4096;

/** A block of at least `size` bytes, zeroed. */
export function allocateBlock(libc: Libc, size: number): NativeBlock {
  const bytes = new Uint8Array(new ArrayBuffer(Math.max(size, SMALLEST)));
  return { bytes, view: new DataView(bytes.buffer), address: libc.addressOf(bytes) };
}

/** Makes a block hold `size` bytes; what it held before is lost when it had to grow. */
export function growBlock(libc: Libc, block: NativeBlock, size: number): void {
  if (block.bytes.length >= size) return;
  const grown = allocateBlock(libc, 2 ** Math.ceil(Math.log2(size)));
  block.bytes = grown.bytes;
  block.view = grown.view;
  block.address = grown.address;
}

/** Writes an address as `__aligned_u64` of a little-endian host. */
export function writePointer(view: DataView, offset: number, address: number): void {
  view.setUint32(offset, address >>> 0, true);
  view.setUint32(offset + 4, Math.floor(address / 4294967296), true);
}

/** Copies bytes into a block from its start, growing it, and returns their address. */
export function putBytes(libc: Libc, block: NativeBlock, bytes: Uint8Array): number {
  growBlock(libc, block, bytes.length);
  block.bytes.set(bytes);
  return block.address;
}
