/**
 * How each op becomes z/Architecture code. Where hardware and BPF differ:
 *
 * ```text
 *   BPF (RFC 9669)                             z/Architecture (PoP SA22-7832)             what is done about it
 *   x / 0 = 0, x % 0 = x (4.1)                 fixed-point-divide exception (ch. 7)       branch around the division
 *   INT64_MIN / -1 = INT64_MIN, % -1 = 0       the same exception                         multiply: b + 1 <= 1 finds 0 and -1
 *   INT32_MIN / -1 = INT32_MIN, % -1 = 0       -                                          64-bit division of extended operands
 *   shift counts modulo 32 (4.1)               modulo 64, also on 32 bits                 mask into %r1; 64-bit shifts need nothing
 *   32-bit results are zero-extended (4.1)     the upper half is unchanged                llgfr where `zext` says so, or 64-bit forms
 *   fetch, xchg and cmpxchg, 32 bits (5.3)     the same; cs writes nothing on success     llgfr
 *   movsx and ldxsx to 64 bits                 lgb, lgh, lgf and lgbr, lghr, lgfr         nothing
 *   le16, le32, bswap16, bswap32 (4.2)         lrvr reverses four bytes, lrvgr eight      shift down, zero-extend
 *   jset on 32 bits looks at the low word      tmll, tmlh, nrk do                         nothing
 *   unsigned jumps with a negative constant    clgfi zero-extends it                      constant into %r0
 *   atomics of any register                    %r0 cannot be a base                       never is one
 *   atomics that return are ordered (5.3)      laa... serialize their operand only        bcr 14,0 behind them
 *   store_imm sign-extends to 64 bits          mvghi does, from 16 bits                   larger ones through %r0
 *   acquire and release                        storage is ordered but for store-load      plain loads and stores
 * ```
 *
 * Unaligned atomics are specification exceptions; the rest of storage may be accessed at any alignment.
 */
import { type Fits, FITS_ALL, type LowerFn, lowerTable, type OpKind } from '@polybpf/jit';
import { lowerAdd, lowerAnd, lowerArsh, lowerLsh, lowerMul, lowerOr, lowerRsh, lowerSub, lowerXor } from './lower-alu.ts'; // prettier-ignore
import { lowerBranch, lowerJump, lowerMayGoto } from './lower-branch.ts';
import { CALLS, lowerAddress, lowerFunctionAddress } from './lower-call.ts';
import { lowerDivision } from './lower-divide.ts';
import { lowerAtomic, lowerCmpxchg, lowerFetch, lowerLoad, lowerLoadBswap, lowerLoadSext, lowerStore, lowerStoreImm, lowerXchg } from './lower-memory.ts'; // prettier-ignore
import { isLongDisplacement, lowerBswap, lowerConst, lowerMov, lowerNeg, lowerSext } from './lower-move.ts';

/** Every immediate is taken: which form it gets, or whether it goes through %r0, is decided where it is used. */
export const FITS: Fits = { ...FITS_ALL, displacement: isLongDisplacement };

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
  load_acquire: lowerLoad,
  store_release: lowerStore,
  branch: lowerBranch,
  jump: lowerJump,
  may_goto: lowerMayGoto,
  ...CALLS,
  address: lowerAddress,
  function_address: lowerFunctionAddress,
});
