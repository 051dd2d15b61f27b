/** Bytes to instruction slots and back, in both byte orders (RFC 9669 sec. 3.1). */
import { BpfError } from '@polybpf/errors';
import { INSN_SIZE } from './constants.ts';
import { checkInsns } from './check.ts';
import type { Endian, Insn } from './insn.ts';

/**
 * Splits bytes into fields, without asking whether they mean anything.
 *
 * @param bytes - a multiple of 8 bytes
 * @throws BpfError `E_DECODE_LENGTH`
 */
export function decodeInsns(bytes: Uint8Array, endian: Endian = 'little'): Insn[] {
  if (bytes.length % INSN_SIZE !== 0) {
    throw new BpfError('E_DECODE_LENGTH', 'program length', {
      expected: 'a multiple of 8 bytes',
      got: `${bytes.length} bytes`,
    });
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = endian === 'little';
  const count = bytes.length / INSN_SIZE;
  const insns: Insn[] = new Array<Insn>(count);
  for (let i = 0, at = 0; i < count; i++, at += INSN_SIZE) {
    const registers = bytes[at + 1]!;
    const low = registers & 15;
    const high = registers >> 4;
    insns[i] = {
      opcode: bytes[at]!,
      dst_reg: little ? low : high,
      src_reg: little ? high : low,
      offset: view.getInt16(at + 2, little),
      imm: view.getInt32(at + 4, little),
    };
  }
  return insns;
}

/**
 * Bytes to a legal program: {@link decodeInsns} plus every check of {@link checkInsns}.
 *
 * @throws BpfError `E_DECODE_*`, the first problem found
 */
export function decodeProgram(bytes: Uint8Array, endian: Endian = 'little'): Insn[] {
  const insns = decodeInsns(bytes, endian);
  const problem = checkInsns(insns)[0];
  if (problem !== undefined) throw problem;
  return insns;
}

/**
 * Fields to bytes, 8 per slot.
 *
 * @throws BpfError `E_ENCODE_FIELD` when a field does not fit its bits
 */
export function encodeProgram(insns: readonly Insn[], endian: Endian = 'little'): Uint8Array {
  const bytes = new Uint8Array(insns.length * INSN_SIZE);
  const view = new DataView(bytes.buffer);
  const little = endian === 'little';
  for (let i = 0, at = 0; i < insns.length; i++, at += INSN_SIZE) {
    const insn = insns[i]!;
    checkField(insn.opcode, 0, 255, 'opcode', i);
    checkField(insn.dst_reg, 0, 15, 'dst_reg', i);
    checkField(insn.src_reg, 0, 15, 'src_reg', i);
    checkField(insn.offset, -32768, 32767, 'offset', i);
    checkField(insn.imm, -2147483648, 2147483647, 'imm', i);
    bytes[at] = insn.opcode;
    bytes[at + 1] = little ? (insn.src_reg << 4) | insn.dst_reg : (insn.dst_reg << 4) | insn.src_reg;
    view.setInt16(at + 2, insn.offset, little);
    view.setInt32(at + 4, insn.imm, little);
  }
  return bytes;
}

function checkField(value: number, min: number, max: number, field: string, insn: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new BpfError('E_ENCODE_FIELD', `${field} does not fit`, {
    at: { insn },
    expected: `${min} to ${max}`,
    got: String(value),
  });
}
