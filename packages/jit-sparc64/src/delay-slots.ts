/**
 * Delay slots: the instruction after a branch is executed before the branch takes effect. Lowerings put `nop` there; here
 * an instruction from in front of the branch takes its place when nothing between them minds, or, in an annulled slot, the
 * first one of the place that only this branch goes to.
 */
import { findMovable as findMovableNode, LABEL, type MachineForm, type MachineNode, operandTraffic, type SlotRules } from '@polybpf/jit'; // prettier-ignore
import { INSTRUCTIONS, type SparcForm } from './instructions.ts';
import { restoreOf } from './lower-fuse.ts';
import { G1, G4, G5, O7 } from './registers.ts';

const { ba_a, bpcc, bpcc_a, bpr, bpr_a, call, call_register, call_symbol, nop, restore, ret, retl } = INSTRUCTIONS;

/** How many instructions in front of a branch are looked at. */
const WINDOW = 6;
/** Bytes of the longest replacement of a node: layout widens far branches, and those that are annulled cannot be. */
const LARGEST_NODE = 24;
/** Reach of the annulled branch on a register, the shorter one. */
const ANNULLED_REACH = 0x20000;
/** Beyond this many nodes a jump may go through %g1 and %g5 (`JUMP_FAR`), which its delay slot must not read then. */
const FAR_NODES: number = 0x800000 / LARGEST_NODE;

/** Whether the next node is the delay slot of this one. */
export function hasSlot(form: MachineForm): boolean {
  return (form as SparcForm).effect === 'delayed';
}

/** Fills the slots of one function. */
export function fillSlots(nodes: readonly MachineNode[]): MachineNode[] {
  const out: MachineNode[] = [];
  const isHuge = nodes.length >= FAR_NODES;
  const epilogue = epilogueOf(nodes);
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i]!;
    if (node.form === ba_a && returnInstead(out, node, epilogue, isHuge)) continue;
    out.push(node);
    if (node.form === LABEL || !hasSlot(node.form)) continue;
    const slot = nodes[i + 1]!;
    i++;
    if (slot.form !== nop) {
      out.push(slot);
      continue;
    }
    const from = findMovable(out, isHuge);
    out.push(from < 0 ? slot : out.splice(from, 1)[0]!);
  }
  return nodes.length * LARGEST_NODE < ANNULLED_REACH ? fillFromTargets(out) : out;
}

/** The shared end of a function: its label and the two nodes of the return. */
interface Epilogue {
  readonly label: number;
  readonly jump: MachineNode;
  readonly slot: MachineNode;
}

function epilogueOf(nodes: readonly MachineNode[]): Epilogue | undefined {
  const [label, jump, slot] = nodes.slice(-3);
  if (label?.form !== LABEL || slot === undefined) return undefined;
  return jump!.form === ret || jump!.form === retl ? { label: label.label, jump: jump!, slot } : undefined;
}

/**
 * Returns instead of jumping to the return: the instruction in front goes into the delay slot, or into the addition that
 * `restore` is. That is as long as the jump was.
 */
function returnInstead(
  out: MachineNode[],
  node: MachineNode,
  epilogue: Epilogue | undefined,
  isHuge: boolean,
): boolean {
  if (epilogue?.label !== node.label) return false;
  const { jump, slot } = epilogue;
  const last = out[out.length - 1];
  if (last === undefined) return false;
  const before = out[out.length - 2];
  if (before !== undefined && hasSlot(before.form)) return false;
  if (jump.form === ret) {
    const folded = slot.form === restore ? restoreOf(last, slot.operands[0]!) : undefined;
    if (folded === undefined) return false;
    out.pop();
    out.push({ ...jump, insn: node.insn }, { ...slot, ...folded, insn: last.insn });
    return true;
  }
  if (slot.form !== nop) return false;
  const returning = { ...jump, insn: node.insn };
  out.push(returning);
  const from = findMovable(out, isHuge);
  if (from < 0) {
    out.pop();
    return false;
  }
  out.push(out.splice(from, 1)[0]!);
  return true;
}

/** Index of the node in front of the branch at the end of `out` that may move behind it; -1 without. */
function findMovable(out: readonly MachineNode[], isHuge: boolean): number {
  return findMovableNode(out, SLOTS, ({ form }, { reads }) => {
    const { effect } = form as SparcForm;
    // Condition codes are in no set of registers: what sets or reads them stays where it is.
    return effect !== 'set-cc' && effect !== 'get-cc' && (!isHuge || (reads & FAR_SCRATCH) === 0);
  });
}

const FAR_SCRATCH = (1 << G1) | (1 << G4) | (1 << G5);

const SLOTS: SlotRules = {
  window: WINDOW,
  hasSlot: ({ form }) => hasSlot(form),
  trafficOf(node) {
    const { form } = node;
    const { effect } = form as Partial<SparcForm>;
    if (form === ba_a || effect === undefined || effect === 'fixed') return undefined;
    const traffic = operandTraffic(node);
    traffic.loads = effect === 'load';
    traffic.stores = effect === 'store';
    // Calls write %o7, and destroy what they destroy only after the slot; returns read it.
    if (form === call || form === call_symbol || form === call_register || form === retl || form === ret)
      traffic.writes |= 1 << O7;
    return traffic;
  },
};

/** Annulled forms of conditional branches: their slot is executed only when they are taken. */
const ANNULLED: ReadonlyMap<MachineForm, MachineForm> = /* @__PURE__ */ new Map<MachineForm, MachineForm>([
  [bpcc, bpcc_a],
  [bpr, bpr_a],
]);

/**
 * A place that one branch goes to and that nothing runs into begins in the slot of the branch: one instruction less.
 */
function fillFromTargets(nodes: MachineNode[]): MachineNode[] {
  const uses = new Map<number, number>();
  const places = new Map<number, number>();
  nodes.forEach(({ form, label }, i) => {
    if (form === LABEL) places.set(label, i);
    else if (label >= 0) uses.set(label, (uses.get(label) ?? 0) + 1);
  });
  const removed = new Set<number>();
  for (let i = 0; i + 1 < nodes.length; i++) {
    const node = nodes[i]!;
    const annulled = ANNULLED.get(node.form);
    if (annulled === undefined || nodes[i + 1]!.form !== nop || uses.get(node.label) !== 1) continue;
    const place = places.get(node.label);
    if (place === undefined || !isBehindTransfer(nodes, place) || removed.has(place + 1)) continue;
    const first = nodes[place + 1];
    const behind = nodes[place + 2];
    if (first === undefined || behind === undefined || !isPlain(first)) continue;
    removed.add(place + 1);
    nodes[i] = { ...node, form: annulled };
    nodes[i + 1] = first;
  }
  return removed.size === 0 ? nodes : nodes.filter((_, i) => !removed.has(i));
}

/** Whether control cannot come to `place` from the node in front of it. */
function isBehindTransfer(nodes: readonly MachineNode[], place: number): boolean {
  const last = nodes[place - 1];
  if (last?.form === ba_a) return true;
  const jump = nodes[place - 2];
  return jump !== undefined && (jump.form === ret || jump.form === retl);
}

/** Instructions that may be in any slot: no branches, nothing whose place matters. */
function isPlain({ form }: MachineNode): boolean {
  const effect = (form as SparcForm).effect as SparcForm['effect'] | undefined;
  return form !== LABEL && effect !== undefined && effect !== 'delayed' && effect !== 'fixed';
}
