/**
 * Ops to RISC-V instructions.
 *
 * Where the hardware and BPF differ or agree, and what is done about it:
 *
 * | case | BPF (RFC 9669) | RV64GC (ISA manual, volume I) | here |
 * |---|---|---|---|
 * | x / 0 | 0 (sec. 4.1) | all ones | branch on the divisor |
 * | x % 0 | x (sec. 4.1) | rem, remu give x | nothing |
 * | INT_MIN / -1, INT_MIN % -1 | INT_MIN, 0 | the same | nothing |
 * | shift count | masked to the width (sec. 4.1) | sll and its like take 6 bits, sllw 5 | immediates masked |
 * | 32-bit result | zero-extended (sec. 4.1) | sign-extended | slli, srli by 32 where the upper half is read and not known |
 * | 32-bit old values of atomics | zero-extended (sec. 5.3) | amo*.w, lr.w sign-extend | the same |
 * | 32-bit comparison | low halves | 64 bits only | both sides sign-extended; equality by subw |
 * | JSET on 32 bits | low halves | 64 bits only | result of and sign-extended |
 * | division by the low half of a register | low half is 0 | divw ignores the upper half | divisor tested sign-extended |
 * | byte swap | 16, 32, 64 bits (sec. 4.2) | none without Zbb | shifts and masks, see lower-bswap.ts |
 * | load | zero-extended (sec. 5.1) | lbu, lhu, lwu; lw is shorter | lw where the upper half is not read |
 * | sign-extending load or move | to 64 or 32 bits | lb, lh, lw; addiw; slli and srai | nothing |
 * | comparison with a constant | any (sec. 4.3) | registers only, and slti, sltiu | constant in a register, or difference tested |
 * | cmpxchg | compares with r0, old value always to r0 | lr, sc | loop |
 * | atomic address, acquire, release | register + offset | register only | sum in t2 |
 * | load-acquire, store-release | sec. 5.3 and kernel | fences | fence r,rw behind; fence rw,w in front |
 * | result of an operation that is also its operand | new value | operands are read first | nothing |
 * | displacement | 16 bits signed | 12 bits signed | upper part in a register |
 * | conditional jump | 16 (32) bits | 4 KiB, compressed 256 bytes | widened, see branches.ts |
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
