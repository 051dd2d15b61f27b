/**
 * Ops to SPARC V9 instructions.
 *
 * Where the hardware and BPF differ or agree, and what is done about it:
 *
 * | case | BPF (RFC 9669) | SPARC V9 (Architecture Manual, appendix A) | here |
 * |---|---|---|---|
 * | x / 0 | 0 (sec. 4.1) | division_by_zero trap | annulled branch around the division, 0 in its delay slot |
 * | x % 0 | x (sec. 4.1) | no remainder; the trap | branch around it |
 * | INT64_MIN / -1, % -1 | INT64_MIN, 0 | sdivx gives INT64_MIN | nothing; a - q * b wraps to 0 |
 * | INT32_MIN / -1, % -1 | INT32_MIN, 0 | no 32-bit division without %y | 64-bit division of extended operands |
 * | shift count | masked to the width (sec. 4.1) | sll 5 bits, sllx 6 bits of it | nothing |
 * | 32-bit result | zero-extended (sec. 4.1) | all instructions have 64-bit results | srl d, 0, d where `zext` says so |
 * | 32-bit right shifts | of the low word | srl zero-extends, sra sign-extends it | srl after sra |
 * | 32-bit left shift | zero-extended | sll shifts all 64 bits | srl after sll |
 * | JMP32, JSET32 | low halves | %icc is of the low halves, %xcc of all | the branch says which |
 * | comparison with 0 | | br* look at 64 bits | for 32 bits only where the upper half is zero |
 * | 32-bit old values of atomics | zero-extended (sec. 5.3) | lduw, cas and swap zero-extend | nothing |
 * | cmpxchg | compares with r0, old value always to r0 | casx swaps and returns in one register | a copy of the operand |
 * | atomic address | register + offset | casx: register only | sum in %g5 |
 * | atomics that are r10's | r10 is no register | | through the swap slot |
 * | load | zero-extended (sec. 5.1) | ldub, lduh, ld zero-extend | nothing |
 * | byte order of memory and swaps (sec. 4.2) | | address space 88 is little-endian | loads through it |
 * | acquire, release | ordered | total store order | plain loads and stores |
 * | misaligned access | works, atomics apart | mem_address_not_aligned trap | in pieces, see lower-misaligned.ts |
 * | displacement | 16 bits signed | 13 signed | index in %g5, %g4 for swaps |
 * | conditional jump | 16 (32) bits | 1 MiB, br* 128 KiB | widened, see branches.ts |
 */
import { type Fits, type LowerFn, lowerTable, type OpKind } from '@polybpf/jit';
import { lowerAlu, lowerBswap, lowerMov, lowerNeg, lowerSext, lowerShift } from './lower-alu.ts';
import { lowerAtomic, lowerCmpxchg, lowerXchg } from './lower-atomic.ts';
import { fitsBranch, lowerBranch, lowerJump, lowerMayGoto } from './lower-branch.ts';
import { CALLS, lowerAddress, lowerFunctionAddress } from './lower-call.ts';
import { ALU_FITS, lowerConst } from './lower-constant.ts';
import { lowerDivision } from './lower-divide.ts';
import { lowerLoad, lowerLoadBswap, lowerLoadSext, lowerStore, lowerStoreImm } from './lower-memory.ts';

/** Immediates that need no register. Displacements of any size are dealt with in lower-memory.ts. */
export const FITS: Fits = { ...ALU_FITS, branch: fitsBranch, displacement: () => true };

/** How each op becomes instructions. */
export const LOWER: Readonly<Record<OpKind, LowerFn>> = /* @__PURE__ */ lowerTable({
  mov: lowerMov,
  sext: lowerSext,
  const: lowerConst,
  arithmetic: lowerAlu,
  shift: lowerShift,
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
  load_acquire: lowerLoad,
  store_release: lowerStore,
  branch: lowerBranch,
  jump: lowerJump,
  may_goto: lowerMayGoto,
  ...CALLS,
  address: lowerAddress,
  function_address: lowerFunctionAddress,
});
