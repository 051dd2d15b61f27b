/** First-fit allocation of a stretch of addresses: code, data, map memory. */
import { BpfError } from '@polybpf/errors';

/** Hands out pieces of one stretch of memory. */
export interface RegionAllocator {
  /**
   * Address of `bytes` free bytes.
   *
   * @param alignment - a power of two
   * @throws BpfError `E_MACHINE_LIMIT`
   */
  allocate(bytes: number, alignment?: number): number;
  /** Gives back what {@link RegionAllocator.allocate} returned. */
  release(address: number): void;
  /** End of the highest piece that was ever handed out. */
  readonly highest: number;
}

interface Piece {
  readonly start: number;
  readonly end: number;
}

/**
 * An allocator over `length` bytes at `base`.
 *
 * @param option - name of the machine option that makes the stretch larger, for the error message
 */
export function createRegionAllocator(base: number, length: number, option: string): RegionAllocator {
  /** Free pieces in order of address; neighbours are merged. */
  let free: Piece[] = [{ start: base, end: base + length }];
  const used = new Map<number, number>();
  let highest = base;
  return {
    allocate(bytes, alignment = 64) {
      const wanted = Math.max(1, bytes);
      for (let i = 0; i < free.length; i++) {
        const { start, end } = free[i]!;
        const address = Math.ceil(start / alignment) * alignment;
        if (address + wanted > end) continue;
        const rest: Piece[] = [
          { start, end: address },
          { start: address + wanted, end },
        ];
        free.splice(i, 1, ...rest.filter((piece) => piece.start < piece.end));
        used.set(address, address + wanted);
        highest = Math.max(highest, address + wanted);
        return address;
      }
      throw new BpfError('E_MACHINE_LIMIT', `no room in the native runner; option ${option} makes more`, {
        expected: `at most ${free.reduce((most, piece) => Math.max(most, piece.end - piece.start), 0)} bytes`,
        got: String(bytes),
      });
    },
    release(address) {
      const end = used.get(address);
      if (end === undefined) return;
      used.delete(address);
      const merged: Piece[] = [];
      const pieces = [...free, { start: address, end }].sort((a, b) => a.start - b.start);
      for (const piece of pieces) {
        const last = merged.at(-1);
        if (last !== undefined && last.end === piece.start)
          merged[merged.length - 1] = { start: last.start, end: piece.end };
        else merged.push(piece);
      }
      free = merged;
    },
    get highest() {
      return highest;
    },
  };
}
