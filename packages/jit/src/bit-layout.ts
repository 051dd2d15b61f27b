/**
 * Bit layouts of fixed-length instructions: the manual's box diagram as a string, proved at load and compiled to an
 * encoder.
 *
 * ```text
 *   '1 0 0 01011 00 0 Rm:5 000000 Rn:5 Rd:5'     most significant bit first, separated by spaces or |
 *   Rm:5          unsigned field of 5 bits
 *   imm:s9        signed field
 *   imm:s19*4     signed, counts units of 4: the operand is in bytes and must be a multiple of 4
 *   imm:u12*8     unsigned and scaled
 *   rd:3+8        counts from 8: registers 8 to 15 in three bits
 *   D:s20[11:0]   bits 11..0 of a signed 20-bit operand; the rest stands in another token D:s20[19:12]
 * ```
 *
 * Operand order is the order of first appearance in the form's syntax, where `{Rd:x}` names field and print type.
 * Every field is range-checked; nothing is masked silently. An unsigned field that reaches up to 2^32 takes the signed
 * number of the same bits too, and lowering should give it that: arrays with larger numbers are arrays of doubles, and V8
 * makes such of all operands that are read in the same place.
 */
import { BpfError } from '@polybpf/errors';
import type { CodeBuffer } from './code-buffer.ts';
import type { MachineForm, MachineNode } from './node.ts';

interface FieldPart {
  /** Which 32-bit word of the instruction: 0 = low (last) 32 bits, 1 = the bits before them. */
  readonly word: 0 | 1;
  readonly shift: number;
  /** Bits of the operand that go here. */
  readonly low: number;
  readonly width: number;
}

interface Field {
  readonly name: string;
  /** Its value is the displacement, no operand of the node. */
  readonly isLabel: boolean;
  readonly signed: boolean;
  readonly bits: number;
  readonly scale: number;
  /** The operand that is encoded as 0. */
  readonly bias: number;
  readonly min: number;
  /** `min`, or the least signed number of 32 bits where that is taken for an unsigned one. */
  readonly least: number;
  readonly max: number;
  readonly parts: readonly FieldPart[];
  /** Of a field in one piece in the low word: where, and its bits; else the mask is 0. */
  readonly shift: number;
  readonly mask: number;
}

/** A compiled layout: size in bytes, fixed bits, and one field for each operand in syntax order. */
export interface BitLayout {
  /** Of the row. */
  readonly name: string;
  readonly size: 2 | 4 | 6 | 8;
  readonly fixedLow: number;
  readonly fixedHigh: number;
  readonly fields: readonly Field[];
}

/** A form with a bit layout; what the fixed-length targets keep in their tables. */
export interface LayoutForm extends MachineForm {
  readonly layout: BitLayout;
}

const TOKEN = /^([A-Za-z][A-Za-z0-9_]*):([su]?)(\d+)(?:\*(\d+))?(?:\+(\d+))?(?:\[(\d+):(\d+)\])?$/;

/** Names of the operands in `syntax`, each once, in order of first appearance. */
export function operandNames(syntax: string): string[] {
  return [...new Set([...syntax.matchAll(/\{([A-Za-z][A-Za-z0-9_]*):[^}]*\}/g)].map((match) => match[1]!))];
}

/**
 * Compiles and proves a layout: widths add up to 16, 32, 48 or 64 bits, every operand of the syntax has a field, every
 * field an operand, and no bit of a split field is missing or given twice.
 *
 * @throws Error on a faulty table row: our own mistake, found when the table loads
 */
export function compileLayout(name: string, syntax: string, text: string): BitLayout {
  const tokens = text.split(/[\s|]+/).filter((token) => token !== '');
  const fault = (what: string): Error => new Error(`BUG: layout of ${name}: ${what}`);
  let total = 0;
  for (const token of tokens) total += tokenWidth(token, fault);
  if (total !== 16 && total !== 32 && total !== 48 && total !== 64) throw fault(`${total} bits`);
  const building = new Map<
    string,
    { signed: boolean; bits: number; scale: number; bias: number; parts: FieldPart[] }
  >();
  let fixedLow = 0;
  let fixedHigh = 0;
  let position = total;
  for (const token of tokens) {
    const width = tokenWidth(token, fault);
    position -= width;
    const word = position >= 32 ? 1 : 0;
    const shift = position - word * 32;
    if (shift + width > 32) throw fault(`${token} crosses a word boundary`);
    if (/^[01]+$/.test(token)) {
      const bits = (Number.parseInt(token, 2) << shift) >>> 0;
      if (word === 1) fixedHigh = (fixedHigh | bits) >>> 0;
      else fixedLow = (fixedLow | bits) >>> 0;
      continue;
    }
    const [, field, sign, bits, scale, bias, high, low] = TOKEN.exec(token)!;
    const known = building.get(field!);
    const entry = known ?? { signed: sign === 's', bits: Number(bits), scale: Number(scale ?? 1), bias: Number(bias ?? 0), parts: [] }; // prettier-ignore
    if (known !== undefined && (known.signed !== (sign === 's') || known.bits !== Number(bits)))
      throw fault(`${field} differs between parts`);
    entry.parts.push({ word, shift, low: low === undefined ? 0 : Number(low), width });
    if (high === undefined && known !== undefined) throw fault(`${field} given twice`);
    building.set(field!, entry);
  }
  const operands = operandNames(syntax);
  for (const field of building.keys()) if (!operands.includes(field)) throw fault(`field ${field} is no operand`);
  const fields = operands.map((operand): Field => {
    const entry = building.get(operand);
    if (entry === undefined) throw fault(`operand ${operand} has no field`);
    const covered = new Set<number>();
    for (const part of entry.parts) {
      for (let bit = part.low; bit < part.low + part.width; bit++) {
        if (covered.has(bit)) throw fault(`bit ${bit} of ${operand} given twice`);
        covered.add(bit);
      }
    }
    if (covered.size !== entry.bits) throw fault(`${operand} has ${covered.size} of ${entry.bits} bits`);
    const { signed, bits, scale, bias, parts } = entry;
    // Numbers of 32 bits may have either sign, see the head: those above 2^31 are no small integers of V8.
    const isWord = !signed && 2 ** bits * scale === 2 ** 32;
    const min = (signed ? -(2 ** (bits - 1)) * scale : 0) + bias;
    const least = isWord ? -(2 ** 31) : min;
    const max = (signed ? 2 ** (bits - 1) - 1 : 2 ** bits - 1) * scale + bias;
    const [first] = parts;
    const isSimple = parts.length === 1 && first!.word === 0 && first!.low === 0;
    const mask = !isSimple ? 0 : bits === 32 ? -1 : (1 << bits) - 1;
    return { name: operand, isLabel: operand === 'label', signed, bits, scale, bias, min, least, max, parts, shift: first!.shift, mask }; // prettier-ignore
  });
  return { name, size: (total / 8) as BitLayout['size'], fixedLow, fixedHigh, fields };
}

function tokenWidth(token: string, fault: (what: string) => Error): number {
  if (/^[01]+$/.test(token)) return token.length;
  const match = TOKEN.exec(token);
  if (match === null) throw fault(`token ${token}`);
  return match[6] === undefined ? Number(match[3]) : Number(match[6]) - Number(match[7]) + 1;
}

/**
 * Encodes an instruction by its layout. Fields named `label` take `displacement`, in bytes, instead of an operand.
 *
 * @throws BpfError `E_JIT_OPERAND` when a value does not fit its field
 */
export function encodeLayout(
  layout: BitLayout,
  operands: readonly number[],
  displacement: number,
  out: CodeBuffer,
  bigEndian: boolean,
): void {
  let low = layout.fixedLow;
  let high = layout.fixedHigh;
  const { fields, size } = layout;
  let next = 0;
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i]!;
    const operand = field.isLabel ? displacement : operands[next++]!;
    const { scale, mask } = field;
    const distance = operand - field.bias;
    // Signed or unsigned numbers of 32 bits: the bits are the same.
    let value = distance | 0;
    if (!(operand >= field.least && operand <= field.max) || (value !== distance && !Number.isInteger(operand)))
      throw misfit(layout, field, operand);
    if (scale !== 1) {
      const units = distance / scale;
      value = units | 0;
      if (value !== units) throw misfit(layout, field, operand);
    }
    if (mask !== 0) {
      low |= (value & mask) << field.shift;
      continue;
    }
    const { parts } = field;
    for (let k = 0; k < parts.length; k++) {
      const part = parts[k]!;
      const bits = part.width === 32 ? value : (value >> part.low) & ((1 << part.width) - 1);
      if (part.word === 1) high |= bits << part.shift;
      else low |= bits << part.shift;
    }
  }
  if (size === 4) {
    if (bigEndian) out.u32be(low);
    else out.u32le(low);
  } else if (size === 2) {
    if (bigEndian) out.u16be(low);
    else out.u16le(low);
  } else {
    // 48 and 64 bits: only big-endian machines have them here, so the high part comes first.
    if (size === 6) out.u16be(high);
    else out.u32be(high);
    out.u32be(low);
  }
}

function misfit(layout: BitLayout, field: Field, operand: number): BpfError {
  const unit = field.scale === 1 ? '' : ` in steps of ${field.scale}`;
  return new BpfError('E_JIT_OPERAND', `operand ${field.name} of ${layout.name}`, {
    expected: `${field.min} to ${field.max}${unit}`,
    got: String(operand),
  });
}

/** Prints a number or register operand of one type. `address` is where a label operand points, as a code offset. */
export type OperandPrinter = (value: number) => string;

/**
 * A node in the manual's syntax.
 *
 * @param printers - one for each operand type used in the syntaxes; the type of a label operand gets the code offset it goes to
 */
export function printLayout(
  form: MachineForm,
  node: MachineNode,
  target: number,
  printers: Readonly<Record<string, OperandPrinter>>,
): string {
  const names = operandNames(form.syntax).filter((name) => name !== 'label');
  return form.syntax.replace(/\{([A-Za-z][A-Za-z0-9_]*):([^}]*)\}/g, (_, name: string, type: string) => {
    const value = name === 'label' ? target : node.operands[names.indexOf(name)]!;
    const printer = printers[type];
    if (printer === undefined) throw new Error(`BUG: ${form.name}: no printer for operand type ${type}`);
    return printer(value);
  });
}
