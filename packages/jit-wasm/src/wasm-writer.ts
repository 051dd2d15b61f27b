/**
 * Writes WebAssembly binary code straight into one growing `Uint8Array` (WebAssembly core specification, sec. 5).
 *
 * Numbers are LEB128 made of 32-bit integers; nothing goes through bigint or arrays. Sizes that are known only
 * afterwards take five padded LEB bytes, which the format allows (sec. 5.2.2).
 */

/** Opcodes and types that the project emits (WebAssembly core specification, sec. 5.3 and 5.4). */
export const W = {
  i32: 0x7f,
  i64: 0x7e,
  void: 0x40,
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br: 0x0c,
  br_if: 0x0d,
  br_table: 0x0e,
  return: 0x0f,
  call: 0x10,
  select: 0x1b,
  local_get: 0x20,
  local_set: 0x21,
  local_tee: 0x22,
  i32_load: 0x28,
  i64_load: 0x29,
  i64_load8_s: 0x30,
  i64_load8_u: 0x31,
  i64_load16_s: 0x32,
  i64_load16_u: 0x33,
  i64_load32_s: 0x34,
  i64_load32_u: 0x35,
  i32_store: 0x36,
  i64_store: 0x37,
  i64_store8: 0x3c,
  i64_store16: 0x3d,
  i64_store32: 0x3e,
  i32_const: 0x41,
  i64_const: 0x42,
  i32_eqz: 0x45,
  i32_eq: 0x46,
  i32_ne: 0x47,
  i32_lt_s: 0x48,
  i32_lt_u: 0x49,
  i32_gt_s: 0x4a,
  i32_gt_u: 0x4b,
  i32_le_s: 0x4c,
  i32_le_u: 0x4d,
  i32_ge_s: 0x4e,
  i32_ge_u: 0x4f,
  i64_eqz: 0x50,
  i64_eq: 0x51,
  i64_ne: 0x52,
  i64_lt_s: 0x53,
  i64_lt_u: 0x54,
  i64_gt_s: 0x55,
  i64_gt_u: 0x56,
  i64_le_s: 0x57,
  i64_le_u: 0x58,
  i64_ge_s: 0x59,
  i64_ge_u: 0x5a,
  i32_add: 0x6a,
  i32_sub: 0x6b,
  i32_mul: 0x6c,
  i32_div_s: 0x6d,
  i32_div_u: 0x6e,
  i32_rem_s: 0x6f,
  i32_rem_u: 0x70,
  i32_and: 0x71,
  i32_or: 0x72,
  i32_xor: 0x73,
  i32_shl: 0x74,
  i32_shr_s: 0x75,
  i32_shr_u: 0x76,
  i32_rotl: 0x77,
  i32_rotr: 0x78,
  i64_add: 0x7c,
  i64_sub: 0x7d,
  i64_mul: 0x7e,
  i64_div_s: 0x7f,
  i64_div_u: 0x80,
  i64_rem_s: 0x81,
  i64_rem_u: 0x82,
  i64_and: 0x83,
  i64_or: 0x84,
  i64_xor: 0x85,
  i64_shl: 0x86,
  i64_shr_s: 0x87,
  i64_shr_u: 0x88,
  i64_rotl: 0x89,
  i64_rotr: 0x8a,
  i32_wrap_i64: 0xa7,
  i64_extend_i32_s: 0xac,
  i64_extend_i32_u: 0xad,
  i32_extend8_s: 0xc0,
  i32_extend16_s: 0xc1,
  i64_extend8_s: 0xc2,
  i64_extend16_s: 0xc3,
  i64_extend32_s: 0xc4,
} as const;

/** Room that is there before anything writes; one call of {@link WasmWriter.reserve} covers this many bytes. */
const SLACK = 4096;

/** See the file's head. */
export class WasmWriter {
  bytes: Uint8Array;
  at = 0;

  constructor(capacity = 16384) {
    this.bytes = new Uint8Array(Math.max(capacity, 2 * SLACK));
  }

  /** Makes room for {@link SLACK} bytes, or for `size`; the writing methods do not look. */
  reserve(size: number = SLACK): void {
    if (this.at + size <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.at + 2 * size));
    grown.set(this.bytes);
    this.bytes = grown;
  }

  /** One byte: an opcode, a type. */
  op(byte: number): void {
    this.bytes[this.at++] = byte;
  }

  /** Unsigned LEB128 of a 32-bit number. */
  u32(value: number): void {
    value = value >>> 0;
    while (value > 127) {
      this.bytes[this.at++] = (value & 127) | 128;
      value >>>= 7;
    }
    this.bytes[this.at++] = value;
  }

  /** Signed LEB128 of a 32-bit number. */
  s32(value: number): void {
    value = value | 0;
    while (value < -64 || value > 63) {
      this.bytes[this.at++] = (value & 127) | 128;
      value >>= 7;
    }
    this.bytes[this.at++] = value & 127;
  }

  /** Signed LEB128 of the 64-bit number with these halves. */
  s64(low: number, high: number): void {
    low = low | 0;
    high = high | 0;
    while (high !== low >> 31 || low < -64 || low > 63) {
      this.bytes[this.at++] = (low & 127) | 128;
      low = (low >>> 7) | (high << 25);
      high >>= 7;
    }
    this.bytes[this.at++] = low & 127;
  }

  i32Const(value: number): void {
    const { bytes, at } = this;
    bytes[at] = W.i32_const;
    if (value >= -64 && value < 64) {
      bytes[at + 1] = value & 127;
      this.at = at + 2;
      return;
    }
    this.at = at + 1;
    this.s32(value);
  }

  /** `i64.const` of a 32-bit number, sign-extended, or of two halves. */
  i64Const(low: number, high: number = low >> 31): void {
    const { bytes, at } = this;
    bytes[at] = W.i64_const;
    if (low >= -64 && low < 64 && high === low >> 31) {
      bytes[at + 1] = low & 127;
      this.at = at + 2;
      return;
    }
    this.at = at + 1;
    this.s64(low, high);
  }

  get(local: number): void {
    this.index(W.local_get, local);
  }

  set(local: number): void {
    this.index(W.local_set, local);
  }

  tee(local: number): void {
    this.index(W.local_tee, local);
  }

  /** A load or store with its alignment hint 0 and a displacement. */
  access(opcode: number, offset: number): void {
    const { bytes, at } = this;
    bytes[at] = opcode;
    bytes[at + 1] = 0;
    if (offset < 128) {
      bytes[at + 2] = offset;
      this.at = at + 3;
      return;
    }
    this.at = at + 2;
    this.u32(offset);
  }

  /** An opcode with an index: of a local, a label or a function. */
  index(opcode: number, index: number): void {
    const { bytes, at } = this;
    bytes[at] = opcode;
    if (index < 128) {
      bytes[at + 1] = index;
      this.at = at + 2;
      return;
    }
    this.at = at + 1;
    this.u32(index);
  }

  /** Reserves a size; {@link closeSize} fills it in. */
  openSize(): number {
    this.at += 5;
    return this.at;
  }

  /** Fills in the number of bytes since {@link openSize}. */
  closeSize(from: number): void {
    this.padded(from - 5, this.at - from);
  }

  /** A number at a place that was left free, in five bytes. */
  padded(at: number, value: number): void {
    for (let i = 0; i < 5; i++) {
      this.bytes[at + i] = (value & 127) | (i < 4 ? 128 : 0);
      value >>>= 7;
    }
  }

  name(text: string): void {
    this.u32(text.length);
    for (let i = 0; i < text.length; i++) this.bytes[this.at++] = text.charCodeAt(i);
  }

  /** Magic number and version. */
  header(): void {
    for (const byte of [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]) this.bytes[this.at++] = byte;
  }

  /** The bytes so far; a view. */
  result(): Uint8Array {
    return this.bytes.subarray(0, this.at);
  }
}
