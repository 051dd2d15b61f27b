/** A growing byte buffer that encoders append to. */
export class CodeBuffer {
  bytes: Uint8Array;
  length = 0;

  constructor(capacity = 1024) {
    this.bytes = new Uint8Array(capacity);
  }

  private reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    grown.set(this.bytes);
    this.bytes = grown;
  }

  /** Leaves room for `count` bytes, whose contents are undefined. */
  skip(count: number): void {
    this.reserve(count);
    this.length += count;
  }

  /**
   * The bytes, with room for `count` more behind `length`: for encoders that write several at once and then set `length`.
   * Nothing may be written beyond.
   */
  room(count: number): Uint8Array {
    this.reserve(count);
    return this.bytes;
  }

  /** Appends the low 8 bits of `value`. */
  u8(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  /** Appends 16 bits, least significant byte first. */
  u16le(value: number): void {
    this.reserve(2);
    this.bytes[this.length++] = value;
    this.bytes[this.length++] = value >>> 8;
  }

  /** Appends 16 bits, most significant byte first. */
  u16be(value: number): void {
    this.reserve(2);
    this.bytes[this.length++] = value >>> 8;
    this.bytes[this.length++] = value;
  }

  /** Appends 32 bits, least significant byte first. */
  u32le(value: number): void {
    this.reserve(4);
    this.bytes[this.length++] = value;
    this.bytes[this.length++] = value >>> 8;
    this.bytes[this.length++] = value >>> 16;
    this.bytes[this.length++] = value >>> 24;
  }

  /** Appends 32 bits, most significant byte first. */
  u32be(value: number): void {
    this.reserve(4);
    this.bytes[this.length++] = value >>> 24;
    this.bytes[this.length++] = value >>> 16;
    this.bytes[this.length++] = value >>> 8;
    this.bytes[this.length++] = value;
  }

  /** What has been written, in exact size; nothing may be appended afterwards. */
  toUint8Array(): Uint8Array {
    return this.length === this.bytes.length ? this.bytes : this.bytes.slice(0, this.length);
  }
}
