/** Which instruction in front of a branch may move behind it, into its delay slot. */
import { LABEL, type MachineNode } from '../node.ts';
import type { WritingForm } from './look-back.ts';

/** What instructions read and write: registers as bits of a word. Bit 0, of the register that reads as 0, is free. */
export interface Traffic {
  reads: number;
  writes: number;
  loads: boolean;
  stores: boolean;
}

/** A form that says at which positions in `operands` the registers stand that it reads and writes. */
export interface TrafficForm extends WritingForm {
  readonly reads: readonly number[];
}

/** What a node whose form is a {@link TrafficForm} does to its operands. */
export function operandTraffic({ form, operands }: MachineNode): Traffic {
  const { reads, writes } = form as TrafficForm;
  const traffic: Traffic = { reads: 0, writes: 0, loads: false, stores: false };
  for (const position of reads) traffic.reads |= 1 << operands[position]!;
  for (const position of writes) traffic.writes |= 1 << operands[position]!;
  traffic.reads &= ~1;
  traffic.writes &= ~1;
  return traffic;
}

/** What a target says of its instructions. */
export interface SlotRules {
  /** How many nodes in front of a branch are looked at. */
  readonly window: number;
  /** Whether the next node is the delay slot of this one. */
  readonly hasSlot: (node: MachineNode) => boolean;
  /** Undefined for what nothing moves across. For a branch, what it destroys without an operand counts as well. */
  readonly trafficOf: (node: MachineNode) => Traffic | undefined;
}

/** Whether two instructions, or two runs of them, may change places. */
export function commute(a: Traffic, b: Traffic): boolean {
  if ((a.writes & (b.reads | b.writes)) !== 0 || (a.reads & b.writes) !== 0) return false;
  return !(a.stores && (b.loads || b.stores)) && !(a.loads && b.stores);
}

/** Counts further instructions in. */
export function addTraffic(traffic: Traffic, other: Traffic): void {
  traffic.reads |= other.reads;
  traffic.writes |= other.writes;
  traffic.loads ||= other.loads;
  traffic.stores ||= other.stores;
}

/**
 * Index of the node in front of the branch at the end of `out` that may move behind it; -1 without.
 *
 * @param mayMove - what else keeps a node from the slot of this branch
 */
export function findMovable(
  out: readonly MachineNode[],
  { window, hasSlot, trafficOf }: SlotRules,
  mayMove: (node: MachineNode, traffic: Traffic) => boolean,
): number {
  const branch = out.length - 1;
  const between = trafficOf(out[branch]!);
  if (between === undefined) return -1;
  for (let at = branch - 1; at >= 0 && at >= branch - window; at--) {
    const node = out[at]!;
    const own = node.form === LABEL || hasSlot(node) ? undefined : trafficOf(node);
    // What is in a delay slot stays there, and so does all before it.
    if (own === undefined || (at > 0 && hasSlot(out[at - 1]!))) return -1;
    if (mayMove(node, own) && commute(own, between)) return at;
    addTraffic(between, own);
  }
  return -1;
}
