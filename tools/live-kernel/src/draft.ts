/** Drafts of test vectors: programs by topic, before the kernel has said what they compute. */

/** One vector without its label. */
export interface Draft {
  readonly id: string;
  readonly asm?: readonly string[];
  readonly bytes?: { readonly little?: string; readonly big?: string };
  readonly mem?: string;
  /** `both` unless told: the result must not depend on byte order. */
  readonly endian?: 'both' | 'little' | 'big';
  readonly flags?: readonly string[];
  /** The kernel is not asked: it would run the program, but means something else by it. */
  readonly unasked?: true;
  readonly comment?: string;
  /**
   * What the specification says, for programs that Linux refuses to load, and for big-endian memory, which the live
   * kernel does not have. Where the kernel accepts the program it must agree.
   */
  readonly spec?: {
    readonly expect: Expected | { readonly little?: Expected; readonly big?: Expected };
    readonly source: string;
  };
}

export interface Expected {
  readonly r0?: string;
  readonly mem?: string;
  readonly error?: string;
}

/** One file of `test-vectors/`. */
export interface Topic {
  readonly file: string;
  readonly topic: string;
  readonly spec: readonly string[];
  readonly notes: Readonly<Record<string, string>>;
  readonly drafts: readonly Draft[];
}

/** A 64-bit value as the assembler and the vector files write it. */
export function hex(value: bigint): string {
  return `0x${BigInt.asUintN(64, value).toString(16)}`;
}

/** `register = value` for any 64-bit value. */
export function set(register: number, value: bigint): string {
  return `r${register} = ${hex(value)} ll`;
}

/** An identifier from a value: hex digits without the prefix. */
export function tag(value: bigint): string {
  return BigInt.asUintN(64, value).toString(16);
}
