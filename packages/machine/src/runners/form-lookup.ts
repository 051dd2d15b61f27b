import type { MachineForm, MachineNode, Target } from '@polybpf/jit';
import { makeNode } from '@polybpf/jit';

/** Appends an instruction of the target by the name of its row. */
export type Append = (out: MachineNode[], name: string, operands?: readonly number[], label?: number) => void;

/** Finds rows of a target's instruction table by name. A name that is missing is our own mistake. */
export function appender(target: Target): Append {
  const forms = new Map<string, MachineForm>(target.forms.map((form) => [form.name, form]));
  return (out, name, operands = [], label = -1) => {
    const form = forms.get(name);
    if (form === undefined) throw new Error(`BUG: ${target.name} has no instruction ${name}`);
    out.push(makeNode(form, operands, label));
  };
}
