/**
 * How each op becomes Power code. Where hardware and BPF differ:
 *
 * ```text
 *   BPF (RFC 9669)                             Power (ISA 2.07)                           what is done about it
 *   x / 0 = 0 (4.1)                            anything, no trap (Book I 3.3.9)           isel 0
 *   x % 0 = x (4.1)                            no remainder                               x - q * 0, whatever q is
 *   INT_MIN / -1 = INT_MIN                     anything, no trap                          x * -1 instead
 *   INT_MIN % -1 = 0                           no remainder                               division by |b|
 *   shift counts modulo the width (4.1)        one bit more: everything is shifted out    count masked into r0
 *   32-bit results are zero-extended (4.1)     64-bit results; rlwinm, slw, srw extend    rldicl where `zext` says so
 *   32-bit quotients                           upper half undefined                       the same
 *   32-bit old values of atomics (5.3)         lwarx zero-extends                         nothing
 *   load: zero-extended (5.1)                  lbz, lhz, lwz                              nothing
 *   movsx, ldxsx                               extsb.., lha, lwa; no lba                  lbz and extsb
 *   bswap, be, le (4.2)                        in loads and stores only                   rotations, or through memory
 *   displacement of 16 bits                    ld, std, lwa: multiples of 4               index in r0
 *   register 0..10 as base or in an addition   r0 reads as zero there                     none lives in r0
 *   jset on 32 bits looks at the low word      and. looks at 64 bits                      rlwinm., andi. or cmpwi
 *   unsigned jumps with a negative constant    cmpldi zero-extends 16 bits                constant into r0
 *   atomic add, and, or, xor                   load and reserve, store conditional        loop
 *   atomics that return are ordered (5.3)      not by themselves                          sync on either side
 *   acquire and release                        weakly ordered storage                     lwsync
 *   conditional jump of 16 (32) bits           32 KiB                                     widened, see branches.ts
 * ```
 *
 * Unaligned atomics are alignment interrupts; the rest of storage may be accessed at any alignment.
 */
import { type Fits, FITS_ALL, type LowerFn, lowerTable, type OpKind } from '@polybpf/jit';
import { lowerAdd, lowerAnd, lowerArsh, lowerLsh, lowerMul, lowerOr, lowerRsh, lowerSub, lowerXor } from './lower-alu.ts'; // prettier-ignore
import { lowerBranch, lowerJump, lowerMayGoto } from './lower-branch.ts';
import { CALLS, lowerAddress, lowerFunctionAddress } from './lower-call.ts';
import { lowerConst } from './lower-constant.ts';
import { lowerDivision } from './lower-divide.ts';
import { lowerAtomic, lowerCmpxchg, lowerFetch, lowerLoad, lowerLoadAcquire, lowerLoadBswap, lowerLoadSext, lowerStore, lowerStoreImm, lowerStoreRelease, lowerXchg } from './lower-memory.ts'; // prettier-ignore
import { lowerBswap, lowerMov, lowerNeg, lowerSext } from './lower-move.ts';

/** Every operand is taken: which form it gets, or whether it goes through r0, is decided where it is used. */
export const FITS: Fits = FITS_ALL;

export const LOWER: Readonly<Record<OpKind, LowerFn>> = /* @__PURE__ */ lowerTable({
  mov: lowerMov,
  sext: lowerSext,
  const: lowerConst,
  arithmetic: { add: lowerAdd, sub: lowerSub, mul: lowerMul, and: lowerAnd, or: lowerOr, xor: lowerXor },
  shift: { lsh: lowerLsh, rsh: lowerRsh, arsh: lowerArsh },
  division: lowerDivision,
  neg: lowerNeg,
  bswap: lowerBswap,
  load: lowerLoad,
  load_sext: lowerLoadSext,
  load_bswap: lowerLoadBswap,
  store: lowerStore,
  store_imm: lowerStoreImm,
  atomic: lowerAtomic,
  fetch: lowerFetch,
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
