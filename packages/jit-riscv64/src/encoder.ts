/**
 * Nodes to bytes and to text.
 *
 * Bytes come from the layouts of the table; which values a compressed field keeps for other instructions is checked here,
 * so that no node encodes to another instruction than it prints. Text is what objdump prints with `-M no-aliases`: the
 * instruction itself with its `c.` when it is compressed. Rows of two instructions have the name that assemblers know.
 */
import { BpfError } from '@polybpf/errors';
import { checkPadding, checkPair, type CodeBuffer, encodeLayout, type MachineNode, type OperandPrinter, printRow } from '@polybpf/jit'; // prettier-ignore
import { type InstructionName, INSTRUCTIONS, type Riscv64Form } from './instructions.ts';
import { NAMES, RA, SP, T1, ZERO } from './registers.ts';
import { splitPair } from './relocations.ts';

type Gap = readonly [position: number, isValid: (value: number) => boolean, expected: string];

const notZero = (position: number): Gap => [position, (value) => value !== 0, 'anything but 0'];

/** Values that a field has room for but that mean something else there. */
const GAPS: Readonly<Partial<Record<InstructionName, readonly Gap[]>>> = {
  c_li: [notZero(0)],
  c_lui: [[0, (value) => value !== ZERO && value !== SP, 'anything but x0 and sp'], notZero(1)],
  c_addi: [notZero(0), notZero(1)],
  c_addiw: [notZero(0)],
  c_addi16sp: [notZero(0)],
  c_addi4spn: [notZero(1)],
  c_slli: [notZero(0), notZero(1)],
  c_srli: [notZero(1)],
  c_srai: [notZero(1)],
  c_mv: [notZero(0), notZero(1)],
  c_add: [notZero(0), notZero(1)],
  c_jr: [notZero(0)],
  c_jalr: [notZero(0)],
  c_lwsp: [notZero(0)],
  c_ldsp: [notZero(0)],
};
const GAP_OF: ReadonlyMap<object, readonly Gap[]> = /* @__PURE__ */ new Map(
  (Object.keys(GAPS) as InstructionName[]).map((name) => [INSTRUCTIONS[name], GAPS[name]!]),
);

const AUIPC = 0x17;
const ADDI = 0x13;
const LD = 0x3003;
const JALR = 0x67;

/**
 * Appends the bytes of a node.
 *
 * @throws BpfError `E_JIT_OPERAND` when an operand does not fit
 */
export function encode(node: MachineNode, displacement: number, out: CodeBuffer): void {
  const form = node.form as Riscv64Form;
  if (form.layout.size === 8) return encodePair(node, displacement, out);
  const gaps = GAP_OF.get(form);
  if (gaps !== undefined) {
    for (const [position, isValid, expected] of gaps) {
      const value = node.operands[position]!;
      if (!isValid(value)) throw new BpfError('E_JIT_OPERAND', `operand of ${form.name}`, { expected, got: String(value) }); // prettier-ignore
    }
  }
  encodeLayout(form.layout, node.operands, displacement, out, false);
}

/** `auipc` and a second instruction that uses the address with its own 12 bits added. */
function encodePair(node: MachineNode, displacement: number, out: CodeBuffer): void {
  const { form, operands } = node;
  const name = form.name as InstructionName;
  const rd = name === 'jump_far' ? T1 : name === 'call_far' || name === 'call_symbol' ? RA : operands[0]!;
  checkPair(node, rd, displacement, INSTRUCTIONS.lla.branch!);
  const [high, low] = splitPair(displacement);
  const link = name === 'jump_far' ? ZERO : rd;
  const second = name === 'lla' ? ADDI : name === 'ld_literal' ? LD : JALR;
  out.u32le((high << 12) | (rd << 7) | AUIPC);
  out.u32le((low << 20) | (rd << 15) | (link << 7) | second);
}

/** `c.nop` and `nop`. */
const NOP16 = 0x0001;
const NOP32 = 0x00000013;

/**
 * Padding that may be executed.
 *
 * @throws BpfError `E_JIT_OPERAND` when `count` is odd
 */
export function pad(count: number, out: CodeBuffer): void {
  checkPadding(count, 2);
  if (count % 4 !== 0) out.u16le(NOP16);
  for (let i = 4; i <= count; i += 4) out.u32le(NOP32);
}

const hex = (value: number): string => `0x${value.toString(16)}`;

const PRINTERS: Readonly<Record<string, OperandPrinter>> = {
  x: (value) => NAMES[value]!,
  d: String,
  h: hex,
  // Upper immediates of compressed instructions are signed, but printed as the twenty bits that they become.
  u20: (value) => hex(value & 0xfffff),
  label: hex,
};

/** A node as objdump prints it; `target` is the code offset of its label. */
export function print(node: MachineNode, target: number): string {
  return printRow(node, target, PRINTERS);
}
