/**
 * Looking back while lowering: what the instructions before this place make known, and which registers are free.
 *
 * Labels are nodes, so that nothing is ever concluded across a place where control may come from elsewhere.
 */
import {
  emit,
  isHwLiveAfter,
  LABEL,
  type LowerContext,
  type MachineForm,
  type MachineNode,
  NO_REG,
  type Op,
  R10,
} from '@polybpf/jit';
import { INSTRUCTIONS, type InstructionName, type Riscv64Form } from './instructions.ts';
import { T0, T1, ZERO } from './registers.ts';

const { addi, addiw, slli, srli } = INSTRUCTIONS;

/** The node before the place where the next one goes. */
export function lastNode(cx: LowerContext): MachineNode | undefined {
  return cx.nodes[cx.nodes.length - 1];
}

/** Whether hardware register `register` need not keep its value once the op that writes `d` is done. */
export function isSpent(cx: LowerContext, register: number, d: number): boolean {
  return register === d || !isHwLiveAfter(cx, register);
}

/** Whether `node` is the plain instruction `form` whose result, in `register`, only the op that writes `d` reads. */
export function isFusible(
  cx: LowerContext,
  node: MachineNode | undefined,
  form: MachineForm,
  register: number,
  d: number,
): node is MachineNode {
  return node !== undefined && node.form === form && node.operands[0] === register && isSpent(cx, register, d);
}

/**
 * Lets the last instruction write `to` instead of `from`, in place of a move. The caller knows that `from` is dead.
 *
 * @returns false when the last node is something else, or one of several that make the value
 */
export function retarget(cx: LowerContext, from: number, to: number): boolean {
  const node = lastNode(cx);
  if (node === undefined || node.operands[0] !== from) return false;
  const { writes } = node.form as Riscv64Form;
  if (writes === undefined || writes.length !== 1 || writes[0] !== 0) return false;
  node.operands = node.operands.with(0, to);
  return true;
}

/** Registers that compressed instructions can name, those that calls destroy first. */
const COMPRESSIBLE = [15, 14, 13, 12, 11, 10, 9, 8];

/**
 * A register that an op may destroy: one with short instructions when there is one that holds nothing, else t1 (t0 when
 * `second`). Neither an operand nor the result of the op.
 *
 * @param taken - a register that is not to be chosen either
 */
export function freeRegister(cx: LowerContext, op: Op, taken: number = NO_REG): number {
  const { registers, usedCalleeSaved } = cx.fn;
  let busy = taken === NO_REG ? 0 : 1 << taken;
  for (let i = 0; i < R10; i++) {
    const isOperand = i === op.a || i === op.b || i === op.d || (i === 0 && op.kind === 'cmpxchg');
    if (isOperand || (cx.liveAfter & (1 << i)) !== 0) busy |= 1 << registers[i]!;
  }
  for (const register of COMPRESSIBLE) {
    if ((busy & (1 << register)) !== 0) continue;
    if (register >= 10 || usedCalleeSaved.includes(register)) return register;
  }
  return taken === T1 ? T0 : T1;
}

/** What is known about the upper half of a value: bits. */
export const SIGN = 1;
export const ZEROS = 2;
const BOTH = SIGN | ZEROS;

/** How many nodes are looked at. */
const LOOK_BACK = 24;

/** Result in 32 bits, sign-extended. */
const SIGNED: ReadonlySet<InstructionName> = /* @__PURE__ */ new Set<InstructionName>([
  'addiw', 'slliw', 'sraiw', 'addw', 'subw', 'sllw', 'srlw', 'sraw', 'mulw', 'divw', 'divuw', 'remw', 'remuw', 'lb', 'lh',
  'lw', 'amoadd_w', 'amoswap_w', 'amoxor_w', 'amoor_w', 'amoand_w', 'lr_w',
]); // prettier-ignore

/** Nodes that destroy registers which their operands do not name. */
export function isCall({ form, operands }: MachineNode): boolean {
  switch (form.name as InstructionName) {
    case 'call_symbol':
    case 'call_far':
      return true;
    case 'jal':
    case 'jalr':
      return operands[0] !== ZERO;
    default:
      return false;
  }
}

/**
 * Whether the value in `register` is known to be its low half sign-extended ({@link SIGN}), zero-extended
 * ({@link ZEROS}), or both.
 */
export function upperHalf(cx: LowerContext, register: number): number {
  return upperHalfAt(cx.nodes, cx.nodes.length - 1, register, LOOK_BACK);
}

function upperHalfAt(nodes: readonly MachineNode[], from: number, register: number, steps: number): number {
  if (register === ZERO) return BOTH;
  const end = Math.max(0, from - steps + 1);
  for (let i = from; i >= end; i--) {
    const node = nodes[i]!;
    if (node.form === LABEL || isCall(node)) return 0;
    const { writes } = node.form as Riscv64Form;
    if (writes.length === 0 || node.operands[0] !== register) continue;
    return resultOf(node, (source) => upperHalfAt(nodes, i - 1, source, steps - (from - i) - 1));
  }
  return 0;
}

function resultOf({ form, operands }: MachineNode, of: (register: number) => number): number {
  const name = form.name as InstructionName;
  const [, a, b] = operands as [number, number, number];
  if (SIGNED.has(name)) return SIGN;
  switch (name) {
    case 'lbu':
    case 'lhu':
    case 'slti':
    case 'sltiu':
    case 'slt':
    case 'sltu':
    case 'sc_w':
    case 'sc_d':
      return BOTH;
    case 'lwu':
      return ZEROS;
    case 'lui':
      return a < 0x80000 ? BOTH : SIGN;
    case 'addi':
      if (a === ZERO) return b >= 0 ? BOTH : SIGN;
      return b === 0 ? of(a) : 0;
    case 'andi':
      return b >= 0 ? BOTH : of(a);
    case 'ori':
    case 'xori':
      return b >= 0 ? of(a) : of(a) & SIGN;
    case 'srliw':
      return b > 0 ? BOTH : SIGN;
    case 'srli':
      return b > 32 ? BOTH : b === 32 ? ZEROS : (of(a) & ZEROS) !== 0 ? (b > 0 ? BOTH : ZEROS) : 0;
    case 'srai':
      return b >= 32 ? SIGN : of(a);
    case 'and': {
      const [x, y] = [of(a), of(b)];
      return ((x | y) & ZEROS) | (x === BOTH || y === BOTH ? SIGN : x & y & SIGN);
    }
    case 'or':
    case 'xor':
      return of(a) & of(b);
    case 'remu':
      return of(a) & ZEROS;
    default:
      return 0;
  }
}

/** rd = zero-extended low half of rs1, when that is not known to be so already. */
export function zext32(cx: LowerContext, rd: number, rs1: number): void {
  if ((upperHalf(cx, rs1) & ZEROS) !== 0) {
    if (rd !== rs1) emit(cx, addi, [rd, rs1, 0]);
    return;
  }
  emit(cx, slli, [rd, rs1, 32]);
  emit(cx, srli, [rd, rd, 32]);
}

/** A register with the low half of `register` sign-extended: itself when it is so already, else `temp`. */
export function signExtended(cx: LowerContext, register: number, temp: number): number {
  if ((upperHalf(cx, register) & SIGN) !== 0) return register;
  emit(cx, addiw, [temp, register, 0]);
  return temp;
}
