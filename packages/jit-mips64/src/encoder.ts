/**
 * Nodes to bytes and to text.
 *
 * Bytes come from the layouts of the table, in the byte order of the variant. What a layout cannot say is checked here:
 * bit fields must lie within the register. Text is what GNU as takes.
 */
import { BpfError } from '@polybpf/errors';
import { type CodeBuffer, encodeLayout, type MachineForm, type MachineNode, makeNode, type OperandPrinter, padWith, printRow } from '@polybpf/jit'; // prettier-ignore
import { LA_NEAR, LA_SYMBOL, SEQUENCE_BYTES } from './branches.ts';
import { INSTRUCTIONS as I, type MipsForm, RELEASE6 } from './instructions.ts';
import { NAMES, RA } from './registers.ts';

/** Bytes of a node. */
export function sizeOf(node: MachineNode): number {
  return SEQUENCE_BYTES.get(node.form) ?? 4;
}

/** First bit and number of bits of a bit-field instruction; undefined for any other. */
function bitField({ form, operands }: MachineNode): readonly [position: number, size: number] | undefined {
  const [, , lsb, msb] = operands as [number, number, number, number];
  switch (form) {
    case I.dext:
      return [lsb, msb + 1];
    case I.dextm:
      return [lsb, msb + 33];
    case I.dextu:
      return [lsb + 32, msb + 1];
    case I.dins:
      return [lsb, msb - lsb + 1];
    case I.dinsm:
      return [lsb, msb + 33 - lsb];
    case I.dinsu:
      return [lsb + 32, msb - lsb + 1];
    default:
      return undefined;
  }
}

/** Form and field values of `dext rt, rs, position, size`. */
export function extractField(position: number, size: number): readonly [form: MipsForm, lsb: number, msbd: number] {
  if (size > 32) return [I.dextm, position, size - 33];
  return position >= 32 ? [I.dextu, position - 32, size - 1] : [I.dext, position, size - 1];
}

/** Form and field values of `dins rt, rs, position, size`. */
export function insertField(position: number, size: number): readonly [form: MipsForm, lsb: number, msb: number] {
  const last = position + size - 1;
  if (last < 32) return [I.dins, position, last];
  return position >= 32 ? [I.dinsu, position - 32, last - 32] : [I.dinsm, position, last - 32];
}

/** The encoder of one byte order. */
export interface Encoder {
  readonly encode: (node: MachineNode, displacement: number, out: CodeBuffer) => void;
  readonly pad: (count: number, out: CodeBuffer) => void;
}

/** Instructions that have another encoding in release 6. */
const REENCODED: ReadonlyMap<MachineForm, MipsForm> = /* @__PURE__ */ new Map<MachineForm, MipsForm>([
  [I.mul, RELEASE6.mul_r6],
  [I.jr, RELEASE6.jr_r6],
  [I.ll, RELEASE6.ll_r6],
  [I.lld, RELEASE6.lld_r6],
  [I.sc, RELEASE6.sc_r6],
  [I.scd, RELEASE6.scd_r6],
]);

/** Makes the encoder of one byte order, in which instructions are words, and release, 2 or 6. */
export function makeEncoder(bigEndian: boolean, release: 2 | 6 = 2): Encoder {
  const word = (form: MachineForm, operands: readonly number[], displacement: number, out: CodeBuffer): void =>
    encode(makeNode(form, operands), displacement, out);

  /**
   * Appends the bytes of a node.
   *
   * @throws BpfError `E_JIT_OPERAND` when an operand does not fit
   */
  function encode(node: MachineNode, displacement: number, out: CodeBuffer): void {
    const { form } = node;
    if (SEQUENCE_BYTES.has(form)) return encodeSequence(node, displacement, out);
    const field = bitField(node);
    if (field !== undefined && (field[1] < 1 || field[0] + field[1] > 64)) {
      throw new BpfError('E_JIT_OPERAND', `bit field of ${form.name}`, { expected: 'at least one of 64 bits', got: `${field[1]} from bit ${field[0]}` }); // prettier-ignore
    }
    const row = release === 6 ? (REENCODED.get(form) ?? form) : form;
    // Branches count from their delay slot.
    encodeLayout((row as MipsForm).layout, node.operands, displacement - 4, out, bigEndian);
  }

  function encodeSequence({ form, operands }: MachineNode, displacement: number, out: CodeBuffer): void {
    const [rd] = operands as [number];
    if (form === LA_SYMBOL) {
      // $ra is the address of the distance, in the delay slot already.
      word(I.bal, [], 12, out);
      word(I.lw, [rd, 0, RA], 0, out);
      word(I.nop, [], 0, out);
      word(I.daddu, [rd, rd, RA], 0, out);
      return;
    }
    // $ra is the address of the third instruction.
    const distance = displacement - 8;
    word(I.bal, [], 8, out);
    if (form === LA_NEAR) {
      word(I.nop, [], 0, out);
      word(I.daddiu, [rd, RA, distance], 0, out);
      return;
    }
    const low = (distance << 16) >> 16;
    word(I.lui, [rd, ((distance - low) >>> 16) & 0xffff], 0, out);
    word(I.daddiu, [rd, rd, low], 0, out);
    word(I.daddu, [rd, rd, RA], 0, out);
  }

  return {
    encode,
    pad: padWith(4, (out) => word(I.nop, [], 0, out)),
  };
}

const hex: OperandPrinter = (value) => `0x${value.toString(16)}`;

const PRINTERS: Readonly<Record<string, OperandPrinter>> = {
  r: (value) => NAMES[value]!,
  d: String,
  x: hex,
  size: (value) => hex(value + 1),
  size33: (value) => hex(value + 33),
  lsb32: (value) => hex(value + 32),
  label: hex,
};

/** A node in GNU as syntax; `target` is the code offset of its label. */
export function print(node: MachineNode, target: number): string {
  const field = bitField(node);
  if (field !== undefined) {
    const [rt, rs] = node.operands as [number, number];
    return `${node.form.name.slice(0, 4)} ${NAMES[rt]}, ${NAMES[rs]}, ${hex(field[0])}, ${hex(field[1])}`;
  }
  return printRow(node, target, PRINTERS);
}
