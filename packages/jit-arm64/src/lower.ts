/**
 * Ops to AArch64 instructions.
 *
 * Where the hardware and BPF differ or agree, and what is done about it:
 *
 * | case | BPF (RFC 9669) | AArch64 (Arm ARM DDI 0487) | here |
 * |---|---|---|---|
 * | x / 0 | 0 (sec. 4.1) | udiv, sdiv give 0 | nothing |
 * | x % 0 | x (sec. 4.1) | no remainder | msub: x - 0 * 0 |
 * | INT_MIN / -1 | wraps to INT_MIN | sdiv gives INT_MIN | nothing |
 * | INT_MIN % -1 | 0 | no remainder | msub: wraps to 0 |
 * | shift count | masked to the width (sec. 4.1) | lslv, lsrv, asrv take it modulo the width | immediates masked |
 * | 32-bit result | zero-extended (sec. 4.1) | writing a W register clears the upper half | W forms |
 * | 32-bit old values of atomics | zero-extended (sec. 5.3) | W forms clear the upper half | nothing |
 * | 16-bit byte swap | upper 48 bits cleared (sec. 4.2) | rev16 swaps each halfword | uxth, not after ldrh |
 * | load | zero-extended (sec. 5.1) | ldrb, ldrh, ldr w clear | nothing |
 * | sign-extending load or move | to 64 or 32 bits (sec. 5.2, 4.1) | ldrs*, sxt* | X or W form |
 * | narrow store of an immediate | low bits (sec. 5.1) | strb, strh take low bits | constant cut to the width |
 * | atomic and | old & operand | ldclr: old & ~operand | operand inverted in x16 |
 * | cmpxchg | compares with r0, old value always to r0 | casal does both in one register | Rs = r0 |
 * | atomic without fetch | sequentially consistent here | ldaddal to xzr drops the acquire | old value to x16 |
 * | atomic address | register + offset | register only | sum in x17 |
 * | JSET on 32 bits | low halves | tst w | W form |
 * | result of an operation that is also its operand | new value | operands are read first | nothing |
 * | displacement | 16 bits signed | 9 signed, or 12 unsigned and scaled | index in x17 |
 * | conditional jump | 16 (32) bits | 1 MiB, tbz 32 KiB | widened, see branches.ts |
 */
import { type Fits, type LowerFn, lowerTable, type OpKind } from '@polybpf/jit';
import { lowerAlu, lowerBswap, lowerMov, lowerNeg, lowerSext } from './lower-alu.ts';
import { fitsBranch, lowerBranch, lowerJump, lowerMayGoto } from './lower-branch.ts';
import { CALLS, lowerAddress, lowerFunctionAddress } from './lower-call.ts';
import { ALU_FITS, lowerConst } from './lower-constant.ts';
import { lowerAtomic, lowerCmpxchg, lowerLoad, lowerLoadAcquire, lowerLoadBswap, lowerLoadSext, lowerStore, lowerStoreImm, lowerStoreRelease, lowerXchg } from './lower-memory.ts'; // prettier-ignore

/** Immediates that need no register. Displacements of any size are dealt with in lower-memory.ts. */
export const FITS: Fits = { ...ALU_FITS, branch: fitsBranch, displacement: () => true };

/** How each op becomes instructions. */
export const LOWER: Readonly<Record<OpKind, LowerFn>> = /* @__PURE__ */ lowerTable({
  mov: lowerMov,
  sext: lowerSext,
  const: lowerConst,
  arithmetic: lowerAlu,
  shift: lowerAlu,
  division: lowerAlu,
  neg: lowerNeg,
  bswap: lowerBswap,
  load: lowerLoad,
  load_sext: lowerLoadSext,
  load_bswap: lowerLoadBswap,
  store: lowerStore,
  store_imm: lowerStoreImm,
  atomic: lowerAtomic,
  fetch: lowerAtomic,
  xchg: lowerXchg,
  cmpxchg: lowerCmpxchg,
  load_acquire: lowerLoadAcquire,
  store_release: lowerStoreRelease,
  branch: lowerBranch,
  jump: lowerJump,
  may_goto: lowerMayGoto,
  ...CALLS,
  address: lowerAddress,
  function_address: lowerFunctionAddress,
});
