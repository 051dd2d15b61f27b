/**
 * Filling delay slots: an instruction from before a branch that does not matter to it moves behind it, or one from after
 * it that only writes a scratch register moves up, since nothing reads those where the branch goes.
 *
 * $t9, $v1 and $ra stay out of slots: a branch that turns out too short uses them, see branches.ts.
 */
import { LABEL, type MachineForm, type MachineNode } from '@polybpf/jit';
import { INSTRUCTIONS as I, type MipsForm } from './instructions.ts';
import { AT, RA, T8, T9, V1 } from './registers.ts';

/** How far before a branch instructions are looked for. */
const WINDOW = 8;
/** How far behind it. */
const FORWARD_WINDOW = 4;

/** Sets of registers: 0 to 31, and the pair HI and LO, as two words of bits. */
interface RegisterSet {
  low: number;
  hilo: boolean;
}

/** What a run of nodes reads and writes. */
interface Traffic {
  readonly reads: RegisterSet;
  readonly writes: RegisterSet;
  loads: boolean;
  stores: boolean;
}

const bit = (register: number): number => (1 << register) >>> 0;
const RESERVED = (bit(T9) | bit(V1) | bit(RA)) >>> 0;

function noTraffic(): Traffic {
  return { reads: { low: 0, hilo: false }, writes: { low: 0, hilo: false }, loads: false, stores: false };
}

function addTraffic(traffic: Traffic, { form, operands }: MachineNode): void {
  const { reads, writes, effect } = form as MipsForm;
  for (const position of reads) traffic.reads.low |= bit(operands[position]!);
  for (const position of writes) traffic.writes.low |= bit(operands[position]!);
  if (effect === 'set-hilo') traffic.writes.hilo = true;
  else if (effect === 'get-hilo') traffic.reads.hilo = true;
  else if (effect === 'load') traffic.loads = true;
  else if (effect === 'store') traffic.stores = true;
  if (form === I.bal || form === I.jalr) traffic.writes.low |= bit(RA);
  // $zero is no traffic.
  traffic.reads.low &= ~1;
  traffic.writes.low &= ~1;
}

/** Whether two runs of instructions may change places. */
function commute(a: Traffic, b: Traffic): boolean {
  if ((a.writes.low & (b.reads.low | b.writes.low)) !== 0 || (a.reads.low & b.writes.low) !== 0) return false;
  if ((a.writes.hilo && (b.reads.hilo || b.writes.hilo)) || (a.reads.hilo && b.writes.hilo)) return false;
  return !(a.stores && (b.loads || b.stores)) && !(a.loads && b.stores);
}

/** Branches whose widened form has instructions between it and its slot. */
const isShort = (form: MachineForm): boolean => form.branch !== undefined;

/** Fills the slots that hold `nop`. */
export function fillDelaySlots(nodes: readonly MachineNode[]): MachineNode[] {
  const out: MachineNode[] = [];
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i]!;
    out.push(node);
    if ((node.form as MipsForm).effect !== 'branch' || nodes[i + 1]?.form !== I.nop) continue;
    const from = findBefore(out);
    if (from >= 0) {
      const [moved] = out.splice(from, 1) as [MachineNode];
      putInSlot(out, node, moved);
      i++;
      continue;
    }
    const after = isConditionalShort(node) ? findAfter(nodes, i + 2) : -1;
    if (after < 0) {
      out.push(nodes[++i]!);
      continue;
    }
    putInSlot(out, node, nodes[after]!);
    out.push(...nodes.slice(i + 2, after));
    i = after;
  }
  return out;
}

/**
 * A fault in a delay slot is reported at the address of the branch, so that the branch counts as part of the instruction
 * whose access stands in its slot.
 */
function putInSlot(out: MachineNode[], branch: MachineNode, moved: MachineNode): void {
  const { effect } = moved.form as MipsForm;
  if (effect === 'load' || effect === 'store') out[out.length - 1] = { ...branch, insn: moved.insn };
  out.push(moved);
}

/** Index in `out` of an instruction that may move behind the branch at its end, or -1. */
function findBefore(out: readonly MachineNode[]): number {
  const branch = out[out.length - 1]!;
  const between = noTraffic();
  addTraffic(between, branch);
  const stop = Math.max(0, out.length - 1 - WINDOW);
  for (let i = out.length - 2; i >= stop; i--) {
    const candidate = out[i]!;
    const { effect } = candidate.form as MipsForm;
    // Labels, sequences, barriers; and the slot of an earlier branch with everything before it.
    if (candidate.form === LABEL || effect === undefined || effect === 'fixed' || effect === 'branch') return -1;
    if ((out[i - 1]?.form as MipsForm | undefined)?.effect === 'branch') return -1;
    const own = noTraffic();
    addTraffic(own, candidate);
    const isFree = !isShort(branch.form) || ((own.reads.low | own.writes.low) & RESERVED) === 0;
    if (isFree && commute(own, between)) return i;
    addTraffic(between, candidate);
  }
  return -1;
}

/** Index of work on a scratch register that may move up to `start`, or -1. */
function findAfter(nodes: readonly MachineNode[], start: number): number {
  const between = noTraffic();
  for (let i = start; i < Math.min(nodes.length, start + FORWARD_WINDOW); i++) {
    const candidate = nodes[i]!;
    const { effect } = candidate.form as MipsForm;
    if (candidate.form === LABEL || effect === undefined || effect === 'fixed' || effect === 'branch') return -1;
    const own = noTraffic();
    addTraffic(own, candidate);
    if (isScratchWork(candidate) && commute(own, between)) return i;
    addTraffic(between, candidate);
  }
  return -1;
}

/** A conditional branch of the program proper: loops inside an op have slots of their own. */
function isConditionalShort({ form }: MachineNode): boolean {
  return isShort(form) && form !== I.b && form !== I.bal;
}

/** Whether an instruction only writes $at or $t8. */
function isScratchWork({ form, operands }: MachineNode): boolean {
  const { effect, reads, writes } = form as MipsForm;
  if (effect !== 'none' || writes.length !== 1) return false;
  const written = operands[writes[0]!];
  if (written !== AT && written !== T8) return false;
  for (const position of reads) if ((bit(operands[position]!) & RESERVED) !== 0) return false;
  return true;
}
