/**
 * Ops to LoongArch instructions.
 *
 * Where the hardware and BPF differ or agree, and what is done about it:
 *
 * | case | BPF (RFC 9669) | LA64 v1.0 (LoongArch Reference Manual, volume 1) | here |
 * |---|---|---|---|
 * | x / 0 | 0 (sec. 4.1) | unspecified | maskeqz, or a branch |
 * | x % 0 | x (sec. 4.1) | unspecified | branch on the divisor |
 * | INT_MIN / -1, INT_MIN % -1 | INT_MIN, 0 | unspecified | product and andn for the divisors 0 and -1; 32 bits in 64 |
 * | 32-bit division | low halves | div.w wants sign-extended operands | operands extended, div.d and div.du |
 * | shift count | masked to the width (sec. 4.1) | sll.d and its like take 6 bits, sll.w 5 | immediates masked |
 * | 32-bit result | zero-extended (sec. 4.1) | sign-extended | bstrpick.d where the upper half is read and not known |
 * | 32-bit old values of atomics | zero-extended (sec. 5.3) | am*.w, ll.w sign-extend | the same |
 * | 32-bit comparison | low halves | 64 bits only | both sides sign-extended; equality by sub.w |
 * | JSET on 32 bits | low halves | 64 bits only | bstrpick.d, or result of and sign-extended |
 * | byte swap | 16, 32, 64 bits (sec. 4.2) | revb.2h, revb.2w swap every part | rest cleared |
 * | load | zero-extended (sec. 5.1) | ld.bu, ld.hu, ld.wu | ld.w where the upper half is not read |
 * | sign-extending load or move | to 64 or 32 bits | ld.b, ld.h, ld.w; ext.w.b, ext.w.h, addi.w | nothing |
 * | comparison with a constant | any (sec. 4.3) | registers only | constant in a register |
 * | fetch, xchg | old value into the operand's register | result must be another register | moved |
 * | cmpxchg | compares with r0, old value always to r0 | ll, sc | loop |
 * | atomic address | register + offset | register only | sum in t2 |
 * | load-acquire, store-release | sec. 5.3 and kernel | dbar | dbar behind; dbar in front |
 * | result of an operation that is also its operand | new value | operands are read first | nothing |
 * | displacement | 16 bits signed | 12 bits signed; 14 that count words; a register | shortest |
 * | conditional jump | 16 (32) bits | 128 KiB, tests for zero 4 MiB | widened, see branches.ts |
 */
import { type Fits, FITS_ALL, type LowerFn, lowerTable, type OpKind } from '@polybpf/jit';
import { ALU, lowerMov, lowerNeg, lowerSext } from './lower-alu.ts';
import { lowerBranch, lowerJump, lowerMayGoto } from './lower-branch.ts';
import { lowerBswap } from './lower-bswap.ts';
import { CALLS, lowerAddress, lowerFunctionAddress } from './lower-call.ts';
import { lowerConst } from './lower-constant.ts';
import { lowerDivision } from './lower-divide.ts';
import { lowerAtomic, lowerCmpxchg, lowerLoad, lowerLoadAcquire, lowerLoadBswap, lowerLoadSext, lowerStore, lowerStoreImm, lowerStoreRelease, lowerXchg } from './lower-memory.ts'; // prettier-ignore

/** Every immediate is taken: what does not fit an instruction goes into a register that is free at that place. */
export const FITS: Fits = FITS_ALL;

/** How each op becomes instructions. */
export const LOWER: Readonly<Record<OpKind, LowerFn>> = /* @__PURE__ */ lowerTable({
  mov: lowerMov,
  sext: lowerSext,
  const: lowerConst,
  ...ALU,
  division: lowerDivision,
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
