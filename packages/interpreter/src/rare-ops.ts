/** Instructions that are too rare for the execution loop. */
import { INSN_TABLE, type InsnRow } from '@polybpf/isa';
import { callRegister } from './control.ts';
import { faultHere, type Machine, STATUS_DONE } from './machine.ts';
import { slowLoad, slowStore } from './memory-ops.ts';

/** `SKF_LL_OFF` and `SKF_NET_OFF` of `linux/filter.h`: negative offsets count from the link or network header. */
const SKF_LL_OFF = -0x200000;
const SKF_NET_OFF = -0x100000;

/**
 * Executes the instruction at `cx.pc` by its row.
 *
 * @returns the word of the next slot, or a status
 */
export function rare(cx: Machine): number {
  const row = INSN_TABLE[cx.code[cx.pc + 7]!]!;
  const next = cx.pc + 8;
  const bytes = row.width / 8;
  switch (row.kind) {
    case 'load':
      slowLoad(cx, bytes, row.signedFrom !== 0);
      return next;
    case 'store':
    case 'store_imm':
      slowStore(cx, bytes);
      return next;
    case 'load_acquire':
      slowLoad(cx, bytes, false, cx.limits.alignAtomics);
      return next;
    case 'store_release':
      slowStore(cx, bytes, cx.limits.alignAtomics);
      return next;
    case 'addr_space_cast':
      castAddress(cx);
      return next;
    case 'load_packet':
      return loadPacket(cx, row) ? next : STATUS_DONE;
    case 'callx':
      return callRegister(cx);
    default:
      throw new Error(`BUG: ${row.name} is not rare`);
  }
}

/**
 * `BPF_ADDR_SPACE_CAST` between address spaces 0 and 1: an arena pointer is its low 32 bits, null stays null. With an
 * arena both forms give an address of its region, so that either can be dereferenced; without one they are moves.
 */
function castAddress(cx: Machine): void {
  const { code, pc } = cx;
  const d = code[pc + 1]!;
  const s = code[pc + 2]!;
  const low = code[s]!;
  const high = code[s + 1]!;
  code[d] = low;
  code[d + 1] = cx.arena === 0 ? high : low === 0 ? 0 : cx.arena;
}

/**
 * LD_ABS and LD_IND (RFC 9669 sec. 5.5; `bpf_gen_ld_abs` and `bpf_skb_load_helper_*` of the kernel): the value is in
 * network byte order whatever the machine's, and a place outside the packet ends the program with r0 = 0.
 *
 * @returns false when the program ends
 */
function loadPacket(cx: Machine, row: InsnRow): boolean {
  const { code, pc, packet } = cx;
  if (packet === undefined) throw faultHere(cx, 'opcode', `${row.name} without a packet`);
  const relative = code[pc + 4]!;
  const offset = row.op === 'ind' ? (code[code[pc + 2]!]! + relative) | 0 : relative;
  const bytes = row.width / 8;
  const { start = 0, macOffset = 0, networkOffset = -1 } = packet;
  let at = offset < 0 ? offset : start + offset;
  if (offset < 0) {
    if (offset >= SKF_NET_OFF) at = networkOffset < 0 ? -1 : networkOffset + offset - SKF_NET_OFF;
    else if (offset >= SKF_LL_OFF) at = macOffset < 0 ? -1 : macOffset + offset - SKF_LL_OFF;
  }
  code[0] = 0;
  code[1] = 0;
  if (at < 0 || at + bytes > packet.data.length) return false;
  let value = 0;
  for (let i = 0; i < bytes; i++) value = (value << 8) | packet.data[at + i]!;
  code[0] = value;
  return true;
}
