/**
 * What is known of registers at the place where the next instruction goes, followed through the nodes of a function as
 * they are appended: whose upper halves are a sign or zeros, and which hold the constants that constant-homes.ts put
 * there. What branches bring is met at their label; where a loop comes back, nothing is known.
 *
 * Bit r of a mask stands for hardware register r.
 */
import { LABEL, type LowerContext, type MachineNode } from '@polybpf/jit';
import type { InstructionName, Riscv64Form } from './instructions.ts';
import { REGISTERS, ZERO } from './registers.ts';

/** The value is its low half sign-extended. */
export const SIGN = 1;
/** The value is its low half zero-extended. */
export const ZEROS = 2;
const BOTH: number = SIGN | ZEROS;

/** Masks at one place. */
interface State {
  sign: number;
  zeros: number;
  /** Registers written since the last call, on every way here. */
  written: number;
}

interface Known {
  /** Nodes that the states belong to, and their operands: later ones may have been taken back or changed. */
  readonly seen: MachineNode[];
  readonly operands: (readonly number[])[];
  /** State after each node. */
  readonly states: State[];
  /** What all branches to a label have in common. */
  readonly labels: Map<number, State>;
}

const PRESERVED = REGISTERS.calleeSaved.reduce((mask, register) => mask | (1 << register), 0);
const START: State = { sign: 1, zeros: 1, written: 0 };
/** Behind a jump: whatever comes together with it decides. */
const UNREACHED: State = { sign: -1, zeros: -1, written: -1 };

const KNOWN = new WeakMap<readonly MachineNode[], Known>();

/** What is known of `register`: {@link SIGN}, {@link ZEROS}, both or nothing. */
export function upperHalf(cx: LowerContext, register: number): number {
  return halfOf(stateOf(cx), register);
}

/** Whether `register` has been written on every way here, and no call has destroyed it since. */
export function isWritten(cx: LowerContext, register: number): boolean {
  return ((stateOf(cx).written >>> register) & 1) !== 0;
}

function stateOf({ nodes }: LowerContext): State {
  let known = KNOWN.get(nodes);
  if (known === undefined) {
    known = { seen: [], operands: [], states: [], labels: new Map() };
    KNOWN.set(nodes, known);
  }
  const { seen, operands, states, labels } = known;
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

function after(node: MachineNode, before: State, labels: Map<number, State>): State {
  const { form, label, operands } = node;
  if (form === LABEL) {
    if (operands[0] === 1) return START;
    const branched = labels.get(label);
    const state = branched === undefined ? before : meet(before, branched);
    return state.written === -1 ? START : state;
  }
  if (isCall(node)) return { sign: before.sign & PRESERVED | 1, zeros: before.zeros & PRESERVED | 1, written: before.written & PRESERVED }; // prettier-ignore
  const name = form.name as InstructionName;
  if (label >= 0 && form.branch !== undefined) {
    const other = labels.get(label);
    labels.set(label, other === undefined ? before : meet(before, other));
  }
  if ((name === 'jal' || name === 'jalr') && operands[0] === ZERO) return UNREACHED;
  const { writes } = form as Riscv64Form;
  const rd = operands[0]!;
  if (writes.length === 0 || rd === ZERO) return before;
  const result = resultOf(name, operands, before);
  const bit = 1 << rd;
  const sign = (result & SIGN) !== 0 ? before.sign | bit : before.sign & ~bit;
  const zeros = (result & ZEROS) !== 0 ? before.zeros | bit : before.zeros & ~bit;
  const written = before.written | bit;
  // Most instructions change none of it: states are shared.
  return sign === before.sign && zeros === before.zeros && written === before.written
    ? before
    : { sign, zeros, written };
}

function meet(a: State, b: State): State {
  return { sign: a.sign & b.sign, zeros: a.zeros & b.zeros, written: a.written & b.written };
}

/** Nodes that destroy registers which their operands do not name. */
function isCall({ form, operands }: MachineNode): boolean {
  const name = form.name as InstructionName;
  return name === 'call_symbol' || ((name === 'jal' || name === 'jalr') && operands[0] !== ZERO);
}

/** Result in 32 bits, sign-extended. */
const SIGNED: ReadonlySet<InstructionName> = /* @__PURE__ */ new Set<InstructionName>([
  'addiw', 'slliw', 'sraiw', 'addw', 'subw', 'sllw', 'srlw', 'sraw', 'mulw', 'divw', 'divuw', 'remw', 'remuw', 'lb', 'lh',
  'lw', 'sext_b', 'sext_h', 'amoadd_w', 'amoswap_w', 'amoxor_w', 'amoor_w', 'amoand_w', 'lr_w',
]); // prettier-ignore

function halfOf({ sign, zeros }: State, register: number): number {
  return ((sign >>> register) & 1) * SIGN | ((zeros >>> register) & 1) * ZEROS; // prettier-ignore
}

function resultOf(name: InstructionName, operands: readonly number[], before: State): number {
  if (SIGNED.has(name)) return SIGN;
  const a = operands[1]!;
  const b = operands[2]!;
  switch (name) {
    case 'lbu':
    case 'lhu':
    case 'slti':
    case 'sltiu':
    case 'slt':
    case 'sltu':
    case 'sc_w':
    case 'sc_d':
    case 'zext_h':
      return BOTH;
    case 'add_uw':
      return b === ZERO ? ZEROS : 0;
    case 'lwu':
      return ZEROS;
    case 'lui':
      return a < 0x80000 ? BOTH : SIGN;
    case 'addi':
      if (a === ZERO) return b >= 0 ? BOTH : SIGN;
      return b === 0 ? halfOf(before, a) : 0;
    case 'andi':
      return b >= 0 ? BOTH : halfOf(before, a);
    case 'ori':
    case 'xori':
      return b >= 0 ? halfOf(before, a) : halfOf(before, a) & SIGN;
    case 'srliw':
      return b > 0 ? BOTH : SIGN;
    case 'srli':
      return b > 32 ? BOTH : b === 32 ? ZEROS : (halfOf(before, a) & ZEROS) === 0 ? 0 : b > 0 ? BOTH : ZEROS;
    case 'srai':
      return b >= 32 ? SIGN : halfOf(before, a);
    case 'and': {
      const x = halfOf(before, a);
      const y = halfOf(before, b);
      return ((x | y) & ZEROS) | (x === BOTH || y === BOTH ? SIGN : x & y & SIGN);
    }
    case 'or':
    case 'xor':
      return halfOf(before, a) & halfOf(before, b);
    case 'remu':
      return halfOf(before, a) & ZEROS;
    default:
      return 0;
  }
}
