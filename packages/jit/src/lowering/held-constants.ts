/** The peephole pass that leaves out constants which a scratch register holds already. */
import { LABEL, type MachineForm, type MachineNode } from '../node.ts';
import type { WritingForm } from './look-back.ts';
import { isSameNode } from './node-list.ts';

/** What a target says of its constants; its forms are {@link WritingForm}s. */
export interface HeldConstantRules {
  /** Registers in which ops make constants for their own use. */
  readonly scratch: readonly number[];
  /** Whether a node puts a value into its result that depends on nothing else. */
  readonly starts: (node: MachineNode) => boolean;
  /** Whether a node goes on with the constant in `register`, which it reads and writes. */
  readonly continues: (node: MachineNode, register: number) => boolean;
  readonly isCall: (form: MachineForm) => boolean;
  /** Whether the next node is the delay slot of this one: what is there is not executed on all ways, or must stay. */
  readonly hasSlot?: (form: MachineForm) => boolean;
  /** A scratch register that a node destroys without an operand for it, when layout makes it reach farther. */
  readonly alsoWrites?: (form: MachineForm) => number | undefined;
}

/** Where in the nodes the instructions lie that made a constant. */
interface Held {
  readonly start: number;
  readonly end: number;
}

/** The nodes without constants that their register holds already. */
export function dropHeldConstants(nodes: MachineNode[], rules: HeldConstantRules): MachineNode[] {
  const { scratch, starts, continues, isCall, hasSlot, alsoWrites } = rules;
  const held = new Map<number, Held>();
  let out: MachineNode[] | undefined;
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i]!;
    const { form, operands } = node;
    const { writes } = form as Partial<WritingForm>;
    if (form === LABEL || writes === undefined || isCall(form)) {
      if (held.size > 0) held.clear();
    } else {
      const register = writes.length === 1 ? operands[writes[0]!]! : -1;
      if (
        scratch.includes(register) &&
        starts(node) &&
        (hasSlot === undefined || i === 0 || !hasSlot(nodes[i - 1]!.form))
      ) {
        let end = i + 1;
        while (end < nodes.length && continues(nodes[end]!, register)) end++;
        const known = held.get(register);
        if (known !== undefined && isSameRun(nodes, known, i, end)) out ??= nodes.slice(0, i);
        else {
          held.set(register, { start: i, end });
          if (out !== undefined) for (let k = i; k < end; k++) out.push(nodes[k]!);
        }
        i = end - 1;
        continue;
      }
      if (held.size > 0) {
        for (let k = 0; k < writes.length; k++) held.delete(operands[writes[k]!]!);
        const destroyed = alsoWrites?.(form);
        if (destroyed !== undefined) held.delete(destroyed);
      }
    }
    out?.push(node);
  }
  return out ?? nodes;
}

function isSameRun(nodes: readonly MachineNode[], { start, end }: Held, from: number, to: number): boolean {
  if (end - start !== to - from) return false;
  for (let k = 0; k < to - from; k++) if (!isSameNode(nodes[start + k]!, nodes[from + k]!)) return false;
  return true;
}
