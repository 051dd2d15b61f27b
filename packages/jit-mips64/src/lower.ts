/**
 * Ops to MIPS64 instructions.
 *
 * Where the hardware and BPF differ or agree, and what is done about it:
 *
 * | case | BPF (RFC 9669) | MIPS64 release 2 (MD00087) | here |
 * |---|---|---|---|
 * | x / 0 | 0 (sec. 4.1) | ddiv, ddivu: unpredictable, no trap | movz, movn with the divisor |
 * | x % 0 | x (sec. 4.1) | unpredictable | movz, movn with the divisor |
 * | INT_MIN / -1, INT_MIN % -1 | INT_MIN, 0 | not told | -x and 0 moved in for -1; words are divided in 64 bits |
 * | shift count | masked to the width (sec. 4.1) | the shifts by a register take it modulo the width | immediates masked |
 * | 32-bit operands | low halves | word instructions want sign-extended words | 64-bit ones where they do; sll by 0 otherwise |
 * | 32-bit result | zero-extended (sec. 4.1) | sign-extended | dext when something reads the upper half |
 * | 32-bit old values of atomics | zero-extended (sec. 5.3) | ll sign-extends | dext |
 * | comparison of 32 bits | low halves | compares 64 bits | both sign-extended: keeps unsigned order as well |
 * | byte swap | upper bits cleared (sec. 4.2) | dsbh, dshd work on all bytes | andi, dsrl32 |
 * | load | zero-extended (sec. 5.1) | lbu, lhu, lwu | lw where nothing reads the upper half |
 * | misaligned access | works | traps; Linux completes it (arch/mips/kernel/unaligned.c) | nothing |
 * | narrow store of an immediate | low bits (sec. 5.1) | sb, sh, sw take low bits | nothing |
 * | atomic update | one operation (sec. 5.3) | load-linked, store-conditional | loop; sync around those with a result |
 * | cmpxchg | compares with r0, old value always to r0 | - | old value to r0 in the delay slot of the comparison |
 * | atomic with d == its operand | old operand is stored | - | operand overwritten after the loop |
 * | JSET on 32 bits | low halves | and: 64 bits | shifted up, or masked |
 * | result of an operation that is also its operand | new value | operands are read first | temporaries where two instructions read |
 * | call | - | position-independent callees find their address in $t9 | jalr $t9; bal only between functions of the program |
 * | conditional jump | 16 (32) bits | 128 KiB | widened, see branches.ts |
 */
import { type Fits, type LowerFn, lowerTable, type OpKind } from '@polybpf/jit';
import { lowerAlu, lowerNeg } from './lower-alu.ts';
import { fitsBranch, lowerBranch, lowerJump, lowerMayGoto } from './lower-branch.ts';
import { CALLS, lowerAddress, lowerFunctionAddress } from './lower-call.ts';
import { ALU_FITS, lowerConst } from './lower-constant.ts';
import { lowerDivide } from './lower-divide.ts';
import { lowerAtomic, lowerCmpxchg, lowerFetch, lowerLoad, lowerLoadAcquire, lowerLoadBswap, lowerLoadSext, lowerStore, lowerStoreImm, lowerStoreRelease } from './lower-memory.ts'; // prettier-ignore
import { lowerBswap, lowerMov, lowerSext } from './lower-move.ts';
import { lowerShift } from './lower-shift.ts';

/** Immediates that need no register. */
export const FITS: Fits = { ...ALU_FITS, branch: fitsBranch };

/** Release 6: `ll` and its like have displacements of nine bits. */
export const FITS_R6: Fits = {
  ...FITS,
  displacement: (offset, width, kind) =>
    LINKED.has(kind) ? offset >= -256 && offset <= 255 : FITS.displacement(offset, width, kind),
};

const LINKED: ReadonlySet<OpKind> = new Set<OpKind>([
  'atomic_add', 'atomic_or', 'atomic_and', 'atomic_xor', 'fetch_add', 'fetch_or', 'fetch_and', 'fetch_xor', 'xchg', 'cmpxchg',
]); // prettier-ignore

/** How each op becomes instructions. */
export const LOWER: Readonly<Record<OpKind, LowerFn>> = /* @__PURE__ */ lowerTable({
  mov: lowerMov,
  sext: lowerSext,
  const: lowerConst,
  arithmetic: lowerAlu,
  shift: lowerShift,
  division: lowerDivide,
  neg: lowerNeg,
  bswap: lowerBswap,
  load: lowerLoad,
  load_sext: lowerLoadSext,
  load_bswap: lowerLoadBswap,
  store: lowerStore,
  store_imm: lowerStoreImm,
  atomic: lowerAtomic,
  fetch: lowerFetch,
  xchg: lowerFetch,
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
