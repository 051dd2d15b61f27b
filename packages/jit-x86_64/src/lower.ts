/**
 * BPF ops to x86-64 instructions. What differs between the CPU and RFC 9669:
 *
 * ```text
 *   case                     BPF (RFC 9669)             x86-64 (Intel SDM vol. 2)            here
 *   x / 0                    0 (4.1)                    #DE                                  branch around, result 0
 *   x % 0                    x (4.1)                    #DE                                  branch around
 *   INT_MIN / -1, % -1       INT_MIN, 0 (4.1)           #DE                                  branch: imul instead
 *   shift count >= width     masked (4.1)               masked                               nothing
 *   shift count register     any                        cl                                   rcx (r4) kept if live
 *   division registers       any                        rdx:rax (r3, r0)                     kept if live
 *   32-bit results           zero-extended (4.1)        zero-extended                        nothing
 *   8-, 16-bit results       zero-extended              upper bits kept                      movzx, movsx
 *   cmpxchg32 of equal value r0 zero-extended (5.3)     eax not written                      mov eax, eax
 *   fetch_or/and/xor         atomic (5.3)               no such instruction                  cmpxchg loop
 *   store of a byte          any register               sil, dil, bpl, spl need REX          encoder
 *   r12, rsp; r13, rbp       any base                   SIB; displacement                    encoder
 *   jset                     (a & b) != 0 in width      test, in width                       nothing
 *   store immediate          sign-extended to 64 (5.1)  sign-extended                        nothing
 *   load_acquire, release    ordered (5.3)              TSO                                  nothing
 * ```
 */
import { type Fits, FITS_ALL, type LowerFn, lowerTable, type OpKind } from '@polybpf/jit';
import { lowerAdd, lowerAnd, lowerBswap, lowerMul, lowerNeg, lowerOr, lowerSub, lowerXor } from './lower-alu.ts';
import { lowerAtomic, lowerCmpxchg, lowerFetchLoop } from './lower-atomic.ts';
import { lowerBranch, lowerJump, lowerMayGoto } from './lower-branch.ts';
import { CALLS, lowerFault } from './lower-call.ts';
import { lowerDivide } from './lower-divide.ts';
import { lowerLoad, lowerLoadBswap, lowerLoadSext, lowerStore, lowerStoreImm } from './lower-memory.ts';
import { lowerAddress, lowerConst, lowerFunctionAddress, lowerMov, lowerSext } from './lower-move.ts';
import { lowerArsh, lowerLsh, lowerRsh } from './lower-shift.ts';

/** One function for each op. */
export const LOWER: Readonly<Record<OpKind, LowerFn>> = /* @__PURE__ */ lowerTable({
  mov: lowerMov,
  sext: lowerSext,
  const: lowerConst,
  arithmetic: { add: lowerAdd, sub: lowerSub, mul: lowerMul, and: lowerAnd, or: lowerOr, xor: lowerXor },
  shift: { lsh: lowerLsh, rsh: lowerRsh, arsh: lowerArsh },
  division: lowerDivide,
  neg: lowerNeg,
  bswap: lowerBswap,
  load: lowerLoad,
  load_sext: lowerLoadSext,
  load_bswap: lowerLoadBswap,
  store: lowerStore,
  store_imm: lowerStoreImm,
  atomic: lowerAtomic,
  fetch: { fetch_add: lowerAtomic, fetch_or: lowerFetchLoop, fetch_and: lowerFetchLoop, fetch_xor: lowerFetchLoop },
  xchg: lowerAtomic,
  cmpxchg: lowerCmpxchg,
  load_acquire: lowerLoad,
  store_release: lowerStore,
  branch: lowerBranch,
  jump: lowerJump,
  may_goto: lowerMayGoto,
  ...CALLS,
  address: lowerAddress,
  function_address: lowerFunctionAddress,
  fault: lowerFault,
});

/** x86-64 takes every 32-bit immediate and displacement. */
export const FITS: Fits = { ...FITS_ALL, displacement: (offset) => offset >= -2147483648 && offset <= 2147483647 };
