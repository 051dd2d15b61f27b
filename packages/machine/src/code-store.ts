/** Places code and says what the runner has to copy. */
import { CODE_BASE, SHARED_BASE, type SharedLayout } from './layout.ts';
import { createRegionAllocator } from './region-allocator.ts';
import type { SharedFile } from './shared-file.ts';

/** Code lies in multiples of this, the unit of cache flushes and of the runner's copy loop. */
const CODE_UNIT = 64;

/** One contiguous copy from the mirror to executable memory; empty when `target` is `end`. */
export interface CodeCopy {
  readonly source: number;
  readonly target: number;
  readonly end: number;
}

/** The machine's executable memory. */
export interface CodeStore {
  /** Run-time address for `length` bytes of code. Throws `E_MACHINE_LIMIT` when there is no room. */
  allocate(length: number): number;
  /** Puts code at an allocated address. */
  write(address: number, code: Uint8Array): void;
  release(address: number): void;
  /** Whether what the runner copies is what was written. */
  isIntact(): boolean;
  /** What has changed since the last call. */
  takeCopy(): CodeCopy;
  /** Makes the next copy complete: for a new runner. */
  forgetCopies(): void;
}

/** An empty code store. */
export function createCodeStore(file: SharedFile, layout: SharedLayout): CodeStore {
  const allocator = createRegionAllocator(CODE_BASE, layout.codeBytes, 'codeBytes');
  const mirror = (address: number): number => address - CODE_BASE + layout.code;
  const roundUp = (length: number): number => Math.ceil(Math.max(1, length) / CODE_UNIT) * CODE_UNIT;
  // The mirror is writable by any job, so it cannot be trusted once a runner has died.
  const pieces = new Map<number, Uint8Array>();
  let from = CODE_BASE;
  let to = CODE_BASE;
  return {
    allocate: (length) => allocator.allocate(roundUp(length), CODE_UNIT),
    release(address) {
      pieces.delete(address);
      allocator.release(address);
    },
    write(address, code) {
      pieces.set(address, code);
      file.write(mirror(address), code);
      const end = address + roundUp(code.length);
      const clean = from === to;
      from = clean ? address : Math.min(from, address);
      to = clean ? end : Math.max(to, end);
    },
    isIntact() {
      return [...pieces].every(([address, code]) => {
        const bytes = new Uint8Array(code.length);
        file.read(mirror(address), bytes);
        return bytes.every((byte, i) => byte === code[i]);
      });
    },
    takeCopy() {
      const copy = { source: SHARED_BASE + mirror(from), target: from, end: to };
      from = to;
      return copy;
    },
    forgetCopies() {
      for (const [address, code] of pieces) file.write(mirror(address), code);
      from = CODE_BASE;
      to = allocator.highest;
    },
  };
}
