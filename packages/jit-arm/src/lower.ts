/**
 * Ops to ARM instructions.
 *
 * Where the hardware and BPF differ or agree, and what is done about it:
 *
 * | case | BPF (RFC 9669) | ARMv7-A, A32 state (DDI 0406C) | here |
 * |---|---|---|---|
 * | register | 64 bits | 32 bits | two registers, or words of the frame; a dead upper half none |
 * | x / 0 | 0 (sec. 4.1) | no division; with `idiv` 0 | routine; nothing |
 * | x % 0 | x (sec. 4.1) | by mls: x | routine; nothing |
 * | INT_MIN / -1, INT_MIN % -1 | INT_MIN, 0 | with `idiv` the same | routine on magnitudes; nothing |
 * | shift count | masked to the width (sec. 4.1) | low 8 bits; 32 and more leave nothing | masked |
 * | 32-bit result | zero-extended (sec. 4.1) | upper half is another register | cleared where it is read |
 * | 32-bit old values of atomics | zero-extended (sec. 5.3) | the same | the same |
 * | comparison in 64 bits | any | 32 bits | cmp and cmpeq; cmp and sbcs for signed order |
 * | byte swap | 16, 32, 64 bits (sec. 4.2) | rev of a word | shifted; both, exchanged |
 * | load | zero-extended (sec. 5.1) | into 32 bits | upper half cleared where it is read |
 * | misaligned access | works, but for atomics | works, but for ldrd and strd | two words, unless known to be aligned |
 * | order of words in a doubleword | by byte order | by byte order; ldrd by address | homes turn with it |
 * | fetch, xchg, cmpxchg | sequentially consistent | ldrex, strex | loop between barriers |
 * | load-acquire, store-release | sec. 5.3 and kernel | dmb | dmb behind; dmb in front |
 * | 64-bit atomic access | at once | ldrexd and strexd | the same |
 * | displacement | 16 bits signed | 12 bits and sign, 8 for halfwords | upper part added first |
 * | address | 64 bits | 32 | upper half not looked at |
 * | conditional jump | 16 (32) bits | 32 MiB | nothing |
 */
import { type Fits, FITS_ALL, type LowerFn, lowerTable, type OpKind } from '@polybpf/jit';
import { lowerAlu, lowerNeg } from './lower-alu.ts';
import { lowerAtomic, lowerCmpxchg, lowerLoadAcquire, lowerStoreRelease, lowerXchg } from './lower-atomic.ts';
import { lowerBranch, lowerCheck, lowerJump, lowerMayGoto } from './lower-branch.ts';
import { CALLS, lowerAddress, lowerFault, lowerFunctionAddress } from './lower-call.ts';
import { lowerConst } from './lower-constant.ts';
import { lowerDivision } from './lower-divide.ts';
import { lowerLoad, lowerLoadBswap, lowerLoadSext, lowerStore, lowerStoreImm } from './lower-memory.ts';
import { lowerBswap, lowerMov, lowerSext } from './lower-move.ts';

/** Every immediate is taken: what does not fit an instruction goes into a register that is free at that place. */
export const FITS: Fits = FITS_ALL;

/** How each op becomes instructions. */
export const LOWER: Readonly<Record<OpKind, LowerFn>> = /* @__PURE__ */ lowerTable({
  mov: lowerMov,
  sext: lowerSext,
  const: lowerConst,
  arithmetic: lowerAlu,
  shift: lowerAlu,
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
  check: lowerCheck,
  fault: lowerFault,
});
