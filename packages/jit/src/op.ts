/**
 * Ops: what `select` makes of eBPF instructions and what a target lowers.
 *
 * An op is machine independent and has three addresses: `d = a op b`. Registers are numbers: 0..10 are the BPF
 * registers, {@link SCRATCH_A} and {@link SCRATCH_B} are the target's scratch registers, where the driver puts
 * immediates that the target cannot take. All ops share one shape, so that the driver's loops stay monomorphic.
 */

/** What an op does. A target's `lower` has one function for each. */
export const OP_KINDS = [
  // d = a (width 64), or d = zero-extended low `width` bits of a (width 8, 16, 32)
  'mov',
  // d = sign-extended low `from` bits of a, in `width` (32 or 64) bits; a 32-bit result is zero-extended
  'sext',
  // d = immHi:imm as a 64-bit constant
  'const',
  // d = a op b|imm in `width` (32 or 64) bits; a 32-bit result is zero-extended when `zext` says so
  // Of immediates, none that changes nothing (add 0, shift by 0, mul by 1), no positive power of two of mul, udiv and umod, no
  // shift count beyond the width, and of sub -2^31 only
  'add', 'sub', 'mul', 'udiv', 'umod', 'sdiv', 'smod', 'and', 'or', 'xor', 'lsh', 'rsh', 'arsh',
  // d = -a
  'neg',
  // d = low `width` (16, 32, 64) bits of a with bytes reversed, zero-extended
  'bswap',
  // d = *(u<width> *)(a + offset), zero-extended; load_sext: sign-extended to 64 bits; load_bswap: bytes reversed, zero-extended
  'load', 'load_sext', 'load_bswap',
  // *(u<width> *)(d + offset) = b; store_imm: = imm, sign-extended to `width`
  'store', 'store_imm',
  // atomics on *(u<width> *)(d + offset), width 32 or 64, operand b; the fetch forms, xchg and cmpxchg also return the old value
  // (zero-extended) in b; cmpxchg compares with r0 and returns the old value in r0
  'atomic_add', 'atomic_or', 'atomic_and', 'atomic_xor',
  'fetch_add', 'fetch_or', 'fetch_and', 'fetch_xor', 'xchg', 'cmpxchg',
  // d = *(u<width> *)(a + offset) with acquire order; *(u<width> *)(d + offset) = b with release order
  'load_acquire', 'store_release',
  // if (a cond b|imm, in `width` bits) goto label
  'branch',
  // goto label
  'jump',
  // goto label unless the may_goto counter of this frame has run out: see `Frame.mayGotoOffset`
  'may_goto',
  // r0 = helper `imm`(r1..r5): through a relocation or the helper table
  'call_helper',
  // r0 = subprogram whose first insn is `label`, (r1..r5)
  'call_local',
  // r0 = symbol(r1..r5), a kfunc or another undefined function
  'call_symbol',
  // r0 = function or helper whose address or id is in a, (r1..r5)
  'call_register',
  // bpf_tail_call(r1, r2, r3): continue there, or r0 = -ENOENT and go on
  'tail_call',
  // d = address of `symbol` + addend
  'address',
  // d = address of the subprogram whose first insn is `label`
  'function_address',
  // d = a cast from address space (imm & 0xffff) to (imm >>> 16)
  'addr_space_cast',
  // sandbox: goto label unless a >> imm (64 bits, unsigned) is what register b holds
  'check',
  // sandbox: the fault handler `symbol`(r1, r2); does not return
  'fault',
] as const; // prettier-ignore

export type OpKind = (typeof OP_KINDS)[number];

/** Conditions of `branch`; `set` is `(a & b) != 0`. */
export type Cond = 'eq' | 'ne' | 'ult' | 'ule' | 'ugt' | 'uge' | 'slt' | 'sle' | 'sgt' | 'sge' | 'set' | 'nset';

/** The opposite condition. */
export const INVERTED: Readonly<Record<Cond, Cond>> = {
  eq: 'ne', ne: 'eq', ult: 'uge', uge: 'ult', ule: 'ugt', ugt: 'ule',
  slt: 'sge', sge: 'slt', sle: 'sgt', sgt: 'sle', set: 'nset', nset: 'set',
}; // prettier-ignore

/** The condition that holds for (b, a) when the given one holds for (a, b). `set` and `nset` are symmetric. */
export const SWAPPED: Readonly<Record<Cond, Cond>> = {
  eq: 'eq', ne: 'ne', ult: 'ugt', ugt: 'ult', ule: 'uge', uge: 'ule',
  slt: 'sgt', sgt: 'slt', sle: 'sge', sge: 'sle', set: 'set', nset: 'nset',
}; // prettier-ignore

/** In place of register `b`: the operand is the immediate. In place of any register: not used. */
export const NO_REG = -1;
/** BPF frame pointer. */
export const R10 = 10;
/** The first scratch register of the target: an immediate that did not fit, or a value the lowering needs. */
export const SCRATCH_A = 11;
/** The second scratch register of the target. */
export const SCRATCH_B = 12;

/** Sandbox: holds the address of the arena shifted right by its size in bits; only in functions that check accesses. */
export const ARENA = 13;
/** Sandbox: r10 of functions whose BPF stack lies in the arena. */
export const FRAME = 14;

/** Something outside the code that an instruction refers to. */
export type CodeSymbol =
  | { readonly kind: 'helper'; readonly id: number }
  | { readonly kind: 'map'; readonly map: number; readonly name: string }
  | { readonly kind: 'data'; readonly map: number; readonly name: string }
  | { readonly kind: 'function'; readonly name: string; readonly weak: boolean };

export interface Op {
  kind: OpKind;
  /** Bits: 32 or 64 for arithmetic and branches, 8..64 for memory and mov. */
  width: 8 | 16 | 32 | 64;
  /** Source width of `sext` and `load_sext`; 0 otherwise. */
  from: 0 | 8 | 16 | 32;
  d: number;
  a: number;
  /** Second operand register, or {@link NO_REG}: then `imm` is the operand. */
  b: number;
  /** Signed 32-bit immediate (sign-extended to 64 bits where the op is 64 bits wide), or the low word of `const`. */
  imm: number;
  /** High word of `const`, signed. */
  immHi: number;
  /** Displacement of a memory access, signed; folds may make it larger than 16 bits. */
  offset: number;
  cond: Cond;
  /** Target label of branch, jump, may_goto, call_local and function_address: the insn index it goes to. */
  label: number;
  /**
   * Whether anything reads the upper half of the result. When false, a 32-bit op need not zero-extend and a 64-bit op
   * may compute the low half only. Loads zero-extend always, unless `Target.partialLoads`.
   */
  zext: boolean;
  symbol: CodeSymbol | undefined;
  addend: number;
  /** Insn index of the BPF instruction that this op is listed under: the last one that was fused into it. */
  insn: number;
}

/**
 * An op with every field at its neutral value. Whoever makes many ops sets fields of it instead of giving them to
 * {@link makeOp}: objects of many shapes are slow to read.
 */
export function blankOp(kind: OpKind, insn: number): Op {
  return {
    kind,
    width: 64,
    from: 0,
    d: NO_REG,
    a: NO_REG,
    b: NO_REG,
    imm: 0,
    immHi: 0,
    offset: 0,
    cond: 'eq',
    label: -1,
    zext: true,
    symbol: undefined,
    addend: 0,
    insn,
  };
}

/** An op with every field at its neutral value but those given. */
export function makeOp(kind: OpKind, insn: number, fields: Partial<Op> = {}): Op {
  return Object.assign(blankOp(kind, insn), fields, { kind, insn });
}

/** A copy. */
export function copyOp(op: Op): Op {
  return {
    kind: op.kind,
    width: op.width,
    from: op.from,
    d: op.d,
    a: op.a,
    b: op.b,
    imm: op.imm,
    immHi: op.immHi,
    offset: op.offset,
    cond: op.cond,
    label: op.label,
    zext: op.zext,
    symbol: op.symbol,
    addend: op.addend,
    insn: op.insn,
  };
}
