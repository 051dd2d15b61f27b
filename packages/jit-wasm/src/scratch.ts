/**
 * Working memory of compilations, which take turns: pieces of one buffer, zeroed, that all end with the next
 * compilation. An array of its own costs more to make, and to collect, than a small program takes to compile.
 */

/** Bytes that are kept between compilations; what does not fit has memory of its own. */
const BYTES = 1 << 20;
/** Arrays up to this size are made faster inside the heap of the engine. */
const SMALL = 64;

export class Scratch {
  readonly #words: Int32Array = new Int32Array(BYTES >> 2);
  #at = 0;

  /** Takes everything back. */
  reset(): void {
    this.#at = 0;
  }

  /** 32-bit numbers. */
  ints(length: number, value = 0): Int32Array {
    const at = length * 4 <= SMALL ? -1 : this.#take(length);
    if (at < 0) return value === 0 ? new Int32Array(length) : new Int32Array(length).fill(value);
    return new Int32Array(this.#words.buffer, at * 4, length).fill(value);
  }

  /** Sets of registers. */
  shorts(length: number): Uint16Array {
    const at = length * 2 <= SMALL ? -1 : this.#take((length + 1) >> 1);
    return at < 0 ? new Uint16Array(length) : new Uint16Array(this.#words.buffer, at * 4, length).fill(0);
  }

  /** Small numbers and flags. */
  bytes(length: number, value = 0): Uint8Array {
    const at = length <= SMALL ? -1 : this.#take((length + 3) >> 2);
    return at < 0 ? new Uint8Array(length).fill(value) : new Uint8Array(this.#words.buffer, at * 4, length).fill(value);
  }

  /** Place of so many free words; -1 when there is no room. */
  #take(words: number): number {
    const at = this.#at;
    if (at + words > this.#words.length) return -1;
    this.#at = at + words;
    return at;
  }
}

/** That of {@link compileImage}. */
export const SCRATCH: Scratch = /* @__PURE__ */ new Scratch();
