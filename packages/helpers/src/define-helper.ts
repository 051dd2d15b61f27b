/** Users' own helpers, typed by their arguments. */
import { BpfError } from '@polybpf/errors';

/**
 * How a helper gets an argument: `u64` and `s64` as bigint, `u32` and `s32` as number (the low half of the register),
 * `pointer` as the address, a bigint, with the memory behind it in the context.
 */
export type OwnArgumentKind = 'u64' | 's64' | 'u32' | 's32' | 'pointer';

/** How a result becomes r0: `void` leaves 0, the narrow ones are extended to 64 bits. */
export type OwnResultKind = OwnArgumentKind | 'void';

interface KindTypes {
  u64: bigint;
  s64: bigint;
  u32: number;
  s32: number;
  pointer: bigint;
  void: void;
}

/** Parameters of an implementation for argument kinds. */
export type OwnArguments<A extends readonly OwnArgumentKind[]> = { -readonly [I in keyof A]: KindTypes[A[I]] };

/** What an engine gives a helper: arguments of the registers and ways to answer (`HelperContext` of the interpreter fits). */
export interface OwnHelperContext {
  /** Register 1 to 5, unsigned. */
  arg(n: number): bigint;
  /** Its low half, unsigned. */
  arg32(n: number): number;
}

/** A helper of a user. */
export interface HelperDefinition<
  A extends readonly OwnArgumentKind[],
  R extends OwnResultKind,
  C extends OwnHelperContext = OwnHelperContext,
> {
  /** `call` imm; ids of the kernel (1 to 211) may be taken over. */
  readonly id: number;
  readonly name: string;
  /** At most five. */
  readonly args: A;
  readonly ret: R;
  /** Only for programs with a GPL-compatible licence. */
  readonly gpl?: boolean;
  /** Called with the engine's context behind the arguments. */
  readonly impl: (...values: [...OwnArguments<A>, cx: C]) => KindTypes[R];
}

/** A helper as engines take it (`Helper` of the interpreter). */
export interface OwnHelper<C extends OwnHelperContext = OwnHelperContext> {
  readonly id: number;
  readonly name: string;
  readonly args: readonly OwnArgumentKind[];
  readonly ret: OwnResultKind;
  readonly gpl: boolean;
  /** Runs it; the result is r0, unsigned. */
  call(cx: C): bigint;
}

/** At most five arguments: the registers of the calling convention (RFC 9669 sec. 3). */
type UpToFive = readonly [] | readonly [OwnArgumentKind, OwnArgumentKind?, OwnArgumentKind?, OwnArgumentKind?, OwnArgumentKind?]; // prettier-ignore

/**
 * A helper whose implementation gets its arguments as values of the right types.
 *
 * @throws BpfError `E_INPUT` for an id that no call can have, or more than five arguments
 */
export function defineHelper<
  const A extends readonly OwnArgumentKind[] & UpToFive,
  R extends OwnResultKind,
  C extends OwnHelperContext = OwnHelperContext,
>(definition: HelperDefinition<A, R, C>): OwnHelper<C> {
  const { id, name, args, ret, gpl = false } = definition;
  if (!Number.isInteger(id) || id < 0 || id > 0x7fffffff) {
    throw new BpfError('E_INPUT', `id of helper ${name}`, {
      expected: 'an integer of 0 to 2147483647',
      got: String(id),
    });
  }
  if (args.length > 5) {
    throw new BpfError('E_INPUT', `arguments of helper ${name}`, { expected: 'at most 5', got: String(args.length) });
  }
  const readers = args.map((kind, index) => READERS[kind as OwnArgumentKind](index + 1));
  const impl = definition.impl as (...values: unknown[]) => unknown;
  const write = WRITERS[ret] as (value: unknown) => bigint;
  return { id, name, args, ret, gpl, call: (cx) => write(impl(...readers.map((read) => read(cx)), cx)) };
}

type Reader = (cx: OwnHelperContext) => bigint | number;

const READERS: Readonly<Record<OwnArgumentKind, (register: number) => Reader>> = {
  u64: (register) => (cx) => cx.arg(register),
  s64: (register) => (cx) => BigInt.asIntN(64, cx.arg(register)),
  u32: (register) => (cx) => cx.arg32(register),
  s32: (register) => (cx) => cx.arg32(register) | 0,
  pointer: (register) => (cx) => cx.arg(register),
};

const WRITERS: { readonly [K in OwnResultKind]: (value: KindTypes[K]) => bigint } = {
  u64: (value) => BigInt.asUintN(64, value),
  s64: (value) => BigInt.asUintN(64, value),
  u32: (value) => BigInt(value >>> 0),
  s32: (value) => BigInt.asUintN(64, BigInt(value | 0)),
  pointer: (value) => BigInt.asUintN(64, value),
  void: () => 0n,
};
