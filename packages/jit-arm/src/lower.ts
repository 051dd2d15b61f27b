/**
 * How each op becomes arm instructions.
 *
 * Where hardware and eBPF differ (RFC 9669 sec. 4.1 to 4.3). The right column is for the manual's answer; an op whose answer
 * differs needs code around the instruction:
 *
 * ```text
 *   case                          eBPF                                this CPU
 *   x / 0, x % 0                  0, x                                ?
 *   INT_MIN / -1, INT_MIN % -1    INT_MIN, 0                          ?
 *   shift by count >= width       count modulo width                  ?
 *   32-bit result                 upper half is zero                  ?
 *   old value of a 32-bit fetch   zero-extended                       ?
 *   misaligned access             works, except for atomics           ?
 * ```
 */
import { type Fits, type FitsFn, type LowerFn, type OpKind, unsupported } from '@polybpf/jit';

/** The lowering of an op that has none yet: `E_UNSUPPORTED` with the op's name. */
export const missing: LowerFn = unsupported('no lowering for this CPU yet');

/** No instruction takes an immediate yet, so the driver puts each into a scratch register first. */
const never: FitsFn = () => false;

/** Which immediates the instructions take. The rule of each form belongs here, not into the lowerings. */
export const FITS: Fits = {
  add: never,
  sub: never,
  mul: never,
  udiv: never,
  umod: never,
  sdiv: never,
  smod: never,
  and: never,
  or: never,
  xor: never,
  lsh: never,
  rsh: never,
  arsh: never,
  store_imm: never,
  branch: never,
  displacement: never,
};

export const LOWER: Readonly<Record<OpKind, LowerFn>> = {
  mov: missing,
  sext: missing,
  const: missing,
  add: missing,
  sub: missing,
  mul: missing,
  udiv: missing,
  umod: missing,
  sdiv: missing,
  smod: missing,
  and: missing,
  or: missing,
  xor: missing,
  lsh: missing,
  rsh: missing,
  arsh: missing,
  neg: missing,
  bswap: missing,
  load: missing,
  load_sext: missing,
  load_bswap: missing,
  store: missing,
  store_imm: missing,
  atomic_add: missing,
  atomic_or: missing,
  atomic_and: missing,
  atomic_xor: missing,
  fetch_add: missing,
  fetch_or: missing,
  fetch_and: missing,
  fetch_xor: missing,
  xchg: missing,
  cmpxchg: missing,
  load_acquire: missing,
  store_release: missing,
  branch: missing,
  jump: missing,
  may_goto: missing,
  call_helper: missing,
  call_local: missing,
  call_symbol: missing,
  call_register: missing,
  tail_call: missing,
  address: missing,
  function_address: missing,
  addr_space_cast: missing,
  check: missing,
  fault: missing,
};
