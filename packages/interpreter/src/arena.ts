/**
 * One fixed-size `WebAssembly.Memory` that holds everything a program can reach, so that engines written in WebAssembly
 * share it with the interpreter, maps and helpers. It never grows: growing would detach every view.
 *
 * ```text
 *   0x00000  nothing; address 0 of the memory is never handed out
 *   0x00040  mailbox: words that an engine and its host exchange (MAILBOX)
 *   0x01000  region table: host address of each region's first byte    (REGION_LIMIT words)
 *   0x02000  region table: bytes that may be read, 0 = none            (REGION_LIMIT words)
 *   0x03000  region table: bytes that may be written, 0 = none         (REGION_LIMIT words)
 *   0x10000  heap: regions, decoded code, frames; 16-byte aligned
 * ```
 *
 * The heap starts above 64 KiB, so that `base + offset` with a 16-bit displacement can be computed in any order without
 * leaving the 32-bit numbers.
 */
import { BpfError } from '@polybpf/errors';
import { type WasmMemory, wasmApi } from './wasm-api.ts';

/** Regions that the table of an arena has room for; a power of two. */
export const ARENA_REGION_LIMIT = 1024;
/** Byte address of the mailbox. */
export const ARENA_MAILBOX = 0x40;
/** Byte addresses of the three tables. */
export const ARENA_BASES = 0x1000;
export const ARENA_READ_ENDS = 0x2000;
export const ARENA_WRITE_ENDS = 0x3000;
/** Where the tables end; nothing is between them and the heap. */
export const ARENA_TABLES_END: number = ARENA_WRITE_ENDS + 4 * ARENA_REGION_LIMIT;
/** Byte address of the heap. */
export const ARENA_HEAP = 0x10000;
const PAGE = 0x10000;
const ALIGN = 16;

/** Bytes of an arena when nothing else is said. Pages that are never touched cost address space only. */
export const DEFAULT_ARENA_BYTES: number = 64 << 20;

/** A fixed-size memory with an allocator. See {@link createArena}. */
export class Arena {
  readonly memory: WasmMemory;
  /** All of it. */
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  #top = ARENA_HEAP;
  #free = new Map<number, number[]>();

  constructor(size: number) {
    const pages = Math.ceil(size / PAGE);
    if (!Number.isInteger(pages) || pages < 2 || pages > 32768) {
      throw new BpfError('E_INPUT', 'size of the arena', { expected: '128 KiB to 2 GiB', got: `${size} bytes` });
    }
    const { Memory } = wasmApi();
    try {
      this.memory = new Memory({ initial: pages, maximum: pages });
    } catch (error) {
      throw new BpfError('E_UNSUPPORTED', `an arena of ${pages * PAGE} bytes on this machine`, { cause: error });
    }
    this.bytes = new Uint8Array(this.memory.buffer);
    this.words = new Int32Array(this.memory.buffer);
  }

  /** Bytes of the heap handed out so far, freed ones included. */
  get used(): number {
    return this.#top - ARENA_HEAP;
  }

  /**
   * Bytes, 16-byte aligned and zeroed unless the caller overwrites them all anyway.
   *
   * @throws BpfError `E_INPUT` when the arena is full
   */
  allocate(length: number, zeroed = true): Uint8Array {
    const size = blockSize(length);
    const at = this.#free.get(size)?.pop();
    if (at !== undefined) {
      if (zeroed) this.bytes.fill(0, at, at + size);
      return this.bytes.subarray(at, at + length);
    }
    const start = this.#top;
    if (start + size > this.bytes.length) {
      throw new BpfError('E_INPUT', 'arena', {
        expected: `room for ${length} bytes`,
        got: `${this.bytes.length - start} of ${this.bytes.length} bytes free`,
      });
    }
    this.#top = start + size;
    return this.bytes.subarray(start, start + length);
  }

  /** Takes back bytes that {@link allocate} gave. */
  release(bytes: Uint8Array): void {
    const size = blockSize(bytes.length);
    const list = this.#free.get(size);
    if (list === undefined) this.#free.set(size, [bytes.byteOffset]);
    else list.push(bytes.byteOffset);
  }

  /** Says whether `bytes` lie in the heap of this arena. */
  holds(bytes: Uint8Array): boolean {
    return bytes.buffer === this.memory.buffer && bytes.byteOffset >= ARENA_HEAP;
  }

  /** Forgets everything, for the next program. Views of what was allocated are garbage afterwards. */
  reset(): void {
    this.bytes.fill(0, 0, ARENA_TABLES_END);
    this.bytes.fill(0, ARENA_HEAP, this.#top);
    this.#top = ARENA_HEAP;
    this.#free.clear();
  }
}

function blockSize(length: number): number {
  return Math.max(ALIGN, (length + ALIGN - 1) & -ALIGN);
}

/**
 * A new arena.
 *
 * @param options - `size`: bytes, rounded up to 64 KiB; default 64 MiB
 * @throws BpfError `E_INPUT` for a size that makes no sense, `E_UNSUPPORTED` where there is no WebAssembly or no memory
 */
export function createArena(options: { readonly size?: number } = {}): Arena {
  return new Arena(options.size ?? DEFAULT_ARENA_BYTES);
}
