/** Comparisons of packet pointers with the end: how many bytes behind a pointer are there (kernel: try_match_pkt_pointers). */
import { AT_PKT_END, BEYOND_PKT_END } from './branch-outcome.ts';
import type { Env } from './env.ts';
import { W_AUX, W_ID, W_MASK, W_OFF, W_TYPE, W_UMAX, W_VAR } from './register-record.ts';
import { PTR_TO_PACKET, PTR_TO_PACKET_END, PTR_TO_PACKET_META } from './register-types.ts';
import { eachRegister, regAt, type State } from './state.ts';
import { OP_JGE, OP_JGT, OP_JLE, OP_JLT } from './successors.ts';
import { toUnsignedDouble } from './word64.ts';

const MAX_PACKET_OFF = 0xffff;

/** The start of the packet itself, with which metadata ends. */
function isPacketStart(w: Int32Array, at: number): boolean {
  return (
    w[at + W_TYPE] === PTR_TO_PACKET &&
    w[at + W_ID] === 0 &&
    w[at + W_OFF] === 0 &&
    (w[at + W_MASK]! | w[at + W_MASK + 1]! | w[at + W_VAR]! | w[at + W_VAR + 1]!) === 0
  );
}

/**
 * Learns from a comparison of two packet pointers.
 *
 * @returns false when it is none
 */
export function matchPacketPointers(
  _env: Env,
  op: number,
  compares: boolean,
  dst: number,
  src: number,
  here: State,
  there: State,
): boolean {
  if (!compares) return false;
  const w = here.frame.w;
  const d = regAt(dst);
  const s = regAt(src);
  const dType = w[d + W_TYPE];
  const sType = w[s + W_TYPE];
  const pointerFirst =
    (dType === PTR_TO_PACKET && sType === PTR_TO_PACKET_END) || (dType === PTR_TO_PACKET_META && isPacketStart(w, s));
  const pointerSecond =
    (dType === PTR_TO_PACKET_END && sType === PTR_TO_PACKET) || (isPacketStart(w, d) && sType === PTR_TO_PACKET_META);
  if (!pointerFirst && !pointerSecond) return false;
  const pointer = pointerFirst ? dst : src;
  switch (op) {
    case OP_JGT:
      // pointer > end: inside when not; end > pointer: inside, with one byte more, when so.
      if (pointerFirst) learn(here, there, pointer, false, true);
      else learn(there, here, pointer, true, false);
      return true;
    case OP_JLT:
      if (pointerFirst) learn(there, here, pointer, true, false);
      else learn(here, there, pointer, false, true);
      return true;
    case OP_JGE:
      if (pointerFirst) learn(here, there, pointer, true, false);
      else learn(there, here, pointer, false, true);
      return true;
    case OP_JLE:
      if (pointerFirst) learn(there, here, pointer, false, true);
      else learn(here, there, pointer, true, false);
      return true;
    default:
      return false;
  }
}

/** In `inside` the pointer is not behind the end; in `outside` it is at the end, or behind it. */
function learn(inside: State, outside: State, pointer: number, oneMore: boolean, beyond: boolean): void {
  extendRange(inside, pointer, oneMore);
  const w = outside.frame.w;
  const at = regAt(pointer);
  if (w[at + W_TYPE] === PTR_TO_PACKET) w[at + W_AUX] = beyond ? BEYOND_PKT_END : AT_PKT_END;
}

/** (kernel: find_good_pkt_pointers) */
function extendRange(state: State, pointer: number, oneMore: boolean): void {
  const regs = state.frame.w;
  const at = regAt(pointer);
  const off = regs[at + W_OFF]!;
  if (off < 0 || (off === 0 && oneMore)) return;
  const umax = toUnsignedDouble(regs, at + W_UMAX);
  if (umax > MAX_PACKET_OFF || umax + off > MAX_PACKET_OFF) return;
  const range = off + (oneMore ? 1 : 0);
  const type = regs[at + W_TYPE]!;
  const id = regs[at + W_ID]!;
  eachRegister(state, (w, place) => {
    if (w[place + W_TYPE] === type && w[place + W_ID] === id && w[place + W_AUX]! < range) w[place + W_AUX] = range;
  });
}
