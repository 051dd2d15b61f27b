/** Byte swaps of scalars, on a little-endian machine (kernel: scalar_byte_swap). */
import { syncBounds, truncate, unbound } from './bounds.ts';
import { W_ID, W_MASK, W_VAR } from './register-record.ts';

function swap32(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}

function swapAt(w: Int32Array, at: number, bytes: number): void {
  const low = w[at]!;
  if (bytes === 8) {
    w[at] = swap32(w[at + 1]!);
    w[at + 1] = swap32(low);
    return;
  }
  w[at] = bytes === 4 ? swap32(low) : ((low & 0xff) << 8) | ((low >>> 8) & 0xff);
  w[at + 1] = 0;
}

/** Reverses the low `bytes` bytes when `swap`, and cuts off the others. */
export function scalarByteOrder(w: Int32Array, r: number, bytes: number, swap: boolean): void {
  if (swap || bytes < 8) w[r + W_ID] = 0;
  if (swap) {
    swapAt(w, r + W_VAR, bytes);
    swapAt(w, r + W_MASK, bytes);
    unbound(w, r);
  }
  if (bytes < 8) truncate(w, r, bytes);
  syncBounds(w, r);
}
