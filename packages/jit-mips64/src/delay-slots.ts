/**
 * Filling delay slots: an instruction from before a branch that does not matter to it moves behind it, or one from after
 * it that only writes a scratch register moves up, since nothing reads those where the branch goes.
 *
 * $t9, $v1 and $ra stay out of slots: a branch that turns out too short uses them, see branches.ts.
 */
import { addTraffic, commute, findMovable, LABEL, type MachineForm, type MachineNode, operandTraffic, type SlotRules, type Traffic } from '@polybpf/jit'; // prettier-ignore
import { INSTRUCTIONS as I, type MipsForm } from './instructions.ts';
import { AT, RA, T8, T9, V1 } from './registers.ts';

/** How far before a branch instructions are looked for. */
const WINDOW = 8;
/** How far behind it. */
const FORWARD_WINDOW = 4;

const RESERVED = (1 << T9) | (1 << V1) | (1 << RA);
/** HI and LO, in place of $zero. */
const HILO = 1;

const SLOTS: SlotRules = {
  window: WINDOW,
  hasSlot: ({ form }) => (form as MipsForm).effect === 'branch',
  // Sequences and barriers stay where they are.
  trafficOf(node) {
    const { form } = node;
    const { effect } = form as Partial<MipsForm>;
    if (effect === undefined || effect === 'fixed') return undefined;
    const traffic = operandTraffic(node);
    if (effect === 'set-hilo') traffic.writes |= HILO;
    else if (effect === 'get-hilo') traffic.reads |= HILO;
    traffic.loads = effect === 'load';
    traffic.stores = effect === 'store';
    if (form === I.bal || form === I.jalr) traffic.writes |= 1 << RA;
    return traffic;
  },
};

/** Branches whose widened form has instructions between it and its slot. */
const isShort = (form: MachineForm): boolean => form.branch !== undefined;

/** Fills the slots that hold `nop`. */
export function fillDelaySlots(nodes: readonly MachineNode[]): MachineNode[] {
  const out: MachineNode[] = [];
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i]!;
    out.push(node);
    if ((node.form as MipsForm).effect !== 'branch' || nodes[i + 1]?.form !== I.nop) continue;
    const isFar = isShort(node.form);
    const from = findMovable(out, SLOTS, (_, own) => !isFar || ((own.reads | own.writes) & RESERVED) === 0);
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

/** Index of work on a scratch register that may move up to `start`, or -1. */
function findAfter(nodes: readonly MachineNode[], start: number): number {
  let between: Traffic | undefined;
  for (let i = start; i < Math.min(nodes.length, start + FORWARD_WINDOW); i++) {
    const candidate = nodes[i]!;
    const own = candidate.form === LABEL || SLOTS.hasSlot(candidate) ? undefined : SLOTS.trafficOf(candidate);
    if (own === undefined) return -1;
    if (isScratchWork(candidate, own) && (between === undefined || commute(own, between))) return i;
    if (between === undefined) between = own;
    else addTraffic(between, own);
  }
  return -1;
}

/** A conditional branch of the program proper: loops inside an op have slots of their own. */
function isConditionalShort({ form }: MachineNode): boolean {
  return isShort(form) && form !== I.b && form !== I.bal;
}

/** Whether an instruction only writes $at or $t8. */
function isScratchWork({ form }: MachineNode, { reads, writes }: Traffic): boolean {
  if ((form as MipsForm).effect !== 'none' || (writes !== 1 << AT && writes !== 1 << T8)) return false;
  return (reads & RESERVED) === 0;
}
