/**
 * What is known of registers at the place where the next instruction goes, followed through the nodes of a function as
 * they are appended: whose upper halves are a sign or zeros, and which have been written since the last call. For CPUs
 * of 64 bits without comparisons of 32: what is known saves extensions. What branches bring is met at their label; where
 * a loop comes back, nothing is known.
 *
 * Bit r of a mask stands for hardware register r. Register 0 reads as 0.
 */
import { isSignedOrder } from '../comparison.ts';
import { type LowerContext, noteOf } from '../lower-context.ts';
import { LABEL, type MachineNode } from '../node.ts';
import type { Cond } from '../op.ts';
import type { WritingForm } from './look-back.ts';

/** The value is its low half sign-extended. */
export const SIGN = 1;
/** The value is its low half zero-extended. */
export const ZEROS = 2;
export const BOTH: number = SIGN | ZEROS;

/** Masks at one place. */
export interface KnownHalves {
  readonly sign: number;
  readonly zeros: number;
  /** Registers written since the last call, on every way here. */
  readonly written: number;
}

/** What a target says of its instructions, which are rows with {@link WritingForm.writes}. */
export interface HalfRules {
  /** Registers that calls preserve. */
  readonly preserved: readonly number[];
  /** `call`: the node destroys registers that its operands do not name; `jump`: control does not go on behind it. */
  readonly flow: (node: MachineNode) => 'call' | 'jump' | undefined;
  /** {@link SIGN} and {@link ZEROS} of what the node writes to its first operand; see {@link halfOf}. */
  readonly result: (node: MachineNode, before: KnownHalves) => number;
}

/** Questions about the registers of a function that is being lowered. */
export interface UpperHalves {
  /** What is known of `register`: {@link SIGN}, {@link ZEROS}, both or nothing. */
  readonly upperHalf: (cx: LowerContext, register: number) => number;
  /** Whether `register` has been written on every way here, and no call has destroyed it since. */
  readonly isWritten: (cx: LowerContext, register: number) => boolean;
}

interface History {
  /** Nodes that the states belong to, and their operands: later ones may have been taken back or changed. */
  readonly seen: MachineNode[];
  readonly operands: (readonly number[])[];
  /** State after each node. */
  readonly states: KnownHalves[];
  /** What all branches to a label have in common. */
  readonly labels: Map<number, KnownHalves>;
}

const START: KnownHalves = { sign: 1, zeros: 1, written: 0 };
/** Behind a jump: whatever comes together with it decides. */
const UNREACHED: KnownHalves = { sign: -1, zeros: -1, written: -1 };

/** What is known of `register` in `state`. */
export function halfOf({ sign, zeros }: KnownHalves, register: number): number {
  return ((sign >>> register) & 1) * SIGN | ((zeros >>> register) & 1) * ZEROS; // prettier-ignore
}

/** What an instruction that sets bits where both operands have them says of its result. */
export function halfOfAnd(a: number, b: number): number {
  return ((a | b) & ZEROS) | (a === BOTH || b === BOTH ? SIGN : a & b & SIGN);
}

/** What a logical right shift of 64 bits by a constant says of its result. */
export function halfOfShift(a: number, amount: number): number {
  return amount > 32 ? BOTH : amount === 32 ? ZEROS : (a & ZEROS) === 0 ? 0 : amount > 0 ? BOTH : ZEROS;
}

/**
 * Whether a comparison of whole registers says the same as one of their low halves: with signs above always, with zeros
 * when it is not about negative numbers.
 *
 * @param known - what is known of both sides
 * @param imm - the right side, when it is a constant
 */
export function comparesAlike(known: number, cond: Cond, imm = 0): boolean {
  return (known & SIGN) !== 0 || (known !== 0 && imm >= 0 && !isSignedOrder(cond));
}

/** The questions, for a target with these rules. */
export function followHalves(rules: HalfRules): UpperHalves {
  const preserved = rules.preserved.reduce((mask, register) => mask | (1 << register), 0);

  const begin = (): History => ({ seen: [], operands: [], states: [], labels: new Map() });

  function stateOf(cx: LowerContext): KnownHalves {
    const { nodes } = cx;
    const { seen, operands, states, labels } = noteOf(cx, rules, begin);
    let valid = Math.min(seen.length, nodes.length);
    while (valid > 0 && (seen[valid - 1] !== nodes[valid - 1] || operands[valid - 1] !== nodes[valid - 1]!.operands))
      valid--;
    seen.length = operands.length = states.length = valid;
    for (let i = valid; i < nodes.length; i++) {
      const node = nodes[i]!;
      seen.push(node);
      operands.push(node.operands);
      states.push(after(node, i === 0 ? START : states[i - 1]!, labels));
    }
    return states[nodes.length - 1] ?? START;
  }

  function after(node: MachineNode, before: KnownHalves, labels: Map<number, KnownHalves>): KnownHalves {
    const { form, label, operands } = node;
    if (form === LABEL) {
      if (operands[0] === 1) return START;
      const branched = labels.get(label);
      const state = branched === undefined ? before : meet(before, branched);
      return state.written === -1 ? START : state;
    }
    const flow = rules.flow(node);
    if (flow === 'call') return { sign: before.sign & preserved | 1, zeros: before.zeros & preserved | 1, written: before.written & preserved }; // prettier-ignore
    if (label >= 0 && form.branch !== undefined) {
      const other = labels.get(label);
      labels.set(label, other === undefined ? before : meet(before, other));
    }
    if (flow === 'jump') return UNREACHED;
    const rd = operands[0]!;
    if ((form as WritingForm).writes.length === 0 || rd === 0) return before;
    const result = rules.result(node, before);
    const bit = 1 << rd;
    const sign = (result & SIGN) !== 0 ? before.sign | bit : before.sign & ~bit;
    const zeros = (result & ZEROS) !== 0 ? before.zeros | bit : before.zeros & ~bit;
    const written = before.written | bit;
    // Most instructions change none of it: states are shared.
    return sign === before.sign && zeros === before.zeros && written === before.written
      ? before
      : { sign, zeros, written };
  }

  return {
    upperHalf: (cx, register) => halfOf(stateOf(cx), register),
    isWritten: (cx, register) => ((stateOf(cx).written >>> register) & 1) !== 0,
  };
}

function meet(a: KnownHalves, b: KnownHalves): KnownHalves {
  return { sign: a.sign & b.sign, zeros: a.zeros & b.zeros, written: a.written & b.written };
}
