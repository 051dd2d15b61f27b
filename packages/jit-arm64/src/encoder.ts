/**
 * Nodes to bytes and to text.
 *
 * Bytes come from the layouts of the table; what a layout cannot say (which logical immediates exist, which shift types
 * an addition takes) is checked here, so that no node encodes to another instruction than it prints. Text is what
 * objdump prints: the manual's preferred aliases (`mov`, `lsl`, `uxtb`, ...) instead of the rows' own names.
 */
import { BpfError } from '@polybpf/errors';
import { type CodeBuffer, encodeLayout, leadingZeros64, type MachineNode, type OperandPrinter, padWith, printRow, type Target, trailingZeros64 } from '@polybpf/jit'; // prettier-ignore
import { ADR_FAR } from './branches.ts';
import { type Arm64Form, type InstructionName, INSTRUCTIONS } from './instructions.ts';
import { W_NAMES, X_NAMES, ZR } from './registers.ts';
import { NOP } from './relocations.ts';

const CONDITIONS = ['eq', 'ne', 'hs', 'lo', 'mi', 'pl', 'vs', 'vc', 'hi', 'ls', 'ge', 'lt', 'gt', 'le', 'al', 'nv'];
const SHIFTS = ['lsl', 'lsr', 'asr', 'ror'];
const EXTENDS = ['uxtw', 'lsl', 'sxtw', 'sxtx'];

/**
 * The logical immediate (Arm ARM DDI 0487, `DecodeBitMasks`) for a 64-bit value: a run of ones, rotated, in elements of
 * 2 to 64 bits that repeat. For 32-bit instructions pass the value twice.
 *
 * @returns N:immr:imms as a 13-bit number, or -1 when the value is no logical immediate
 */
export function encodeMask(high: number, low: number): number {
  if (high !== low) {
    const ones = popCount(high) + popCount(low);
    const trailing = trailingZeros64(high, low);
    if (trailing > 0) {
      const leading = leadingZeros64(high, low);
      if (leading + ones + trailing !== 64) return -1;
      return 0x1000 | ((64 - trailing) << 6) | (ones - 1);
    }
    const lowOnes = low !== -1 ? countTrailing(~low) : 32 + countTrailing(~high);
    const highOnes = high !== -1 ? Math.clz32(~high) : 32 + Math.clz32(~low);
    if (lowOnes + highOnes !== ones) return -1;
    return 0x1000 | (highOnes << 6) | (ones - 1);
  }
  if (low === 0 || low === -1) return -1;
  let size = 32;
  while (size > 2) {
    const half = size >> 1;
    const mask = 2 ** half - 1;
    if ((low & mask) !== ((low >>> half) & mask)) break;
    size = half;
  }
  const element = size === 32 ? low : low & (2 ** size - 1);
  const ones = popCount(element);
  const trailing = countTrailing(element);
  const lead = Math.clz32(element) - (32 - size);
  const sizeBits = (-size << 1) & 0x3f;
  if (trailing > 0) return lead + ones + trailing === size ? ((size - trailing) << 6) | sizeBits | (ones - 1) : -1;
  const lowOnes = countTrailing(~element);
  return lowOnes + countLeadingOnes(element, size) === ones ? (countLeadingOnes(element, size) << 6) | sizeBits | (ones - 1) : -1; // prettier-ignore
}

/** [high, low] of a 13-bit logical immediate; undefined for the encodings that {@link encodeMask} does not make. */
export function decodeMask(encoded: number): readonly [high: number, low: number] | undefined {
  const immr = (encoded >> 6) & 0x3f;
  const imms = encoded & 0x3f;
  const size = (encoded & 0x1000) !== 0 ? 64 : 2 ** (31 - Math.clz32(~imms & 0x3f));
  const ones = (imms & (size - 1)) + 1;
  if (size < 2 || ones === size || immr >= size) return undefined;
  let high = 0;
  let low = 0;
  for (let bit = 0; bit < 64; bit++) {
    if (((bit + immr) & (size - 1)) >= ones) continue;
    if (bit < 32) low |= 1 << bit;
    else high |= 1 << (bit - 32);
  }
  return [high, low];
}

function popCount(value: number): number {
  let count = value - ((value >>> 1) & 0x55555555);
  count = (count & 0x33333333) + ((count >>> 2) & 0x33333333);
  return (((count + (count >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
}

/** Trailing zeros, 32 for 0. */
function countTrailing(value: number): number {
  return value === 0 ? 32 : 31 - Math.clz32(value & -value);
}

function countLeadingOnes(element: number, size: number): number {
  return Math.clz32(~(element << (32 - size)));
}

/** What only some values of a field mean, by operand type: the layouts know widths, not gaps. */
const GAPS: readonly (readonly [
  InstructionName,
  position: number,
  isValid: (value: number) => boolean,
  expected: string,
])[] = /* @__PURE__ */ [
  ...(['and', 'orr', 'eor'] as const).flatMap((name) => [maskGap(`${name}_imm_x`, 2), maskGap(`${name}_imm_w`, 2)]),
  maskGap('tst_imm_x', 1),
  maskGap('tst_imm_w', 1),
  ...(['add_shift_x', 'add_shift_w', 'sub_shift_x', 'sub_shift_w'] as const).map((name) => shiftGap(name, 3)),
  shiftGap('cmp_shift_x', 2),
  shiftGap('cmp_shift_w', 2),
];
const GAP_OF = /* @__PURE__ */ new Map(GAPS.map((gap) => [INSTRUCTIONS[gap[0]], gap]));

function maskGap(name: InstructionName, position: number): (typeof GAPS)[number] {
  return [name, position, (value) => decodeMask(value) !== undefined, 'a logical immediate'];
}

function shiftGap(name: InstructionName, position: number): (typeof GAPS)[number] {
  return [name, position, (value) => value !== 3, 'lsl, lsr or asr'];
}

/**
 * Appends the bytes of a node.
 *
 * @throws BpfError `E_JIT_OPERAND` when an operand does not fit
 */
export function encode(node: MachineNode, displacement: number, out: CodeBuffer): void {
  if (node.form === ADR_FAR) return encodeAdrFar(node, displacement, out);
  const form = node.form as Arm64Form;
  const gap = GAP_OF.get(form);
  if (gap !== undefined && !gap[2](node.operands[gap[1]]!)) {
    throw new BpfError('E_JIT_OPERAND', `operand of ${form.name}`, {
      expected: gap[3],
      got: String(node.operands[gap[1]]),
    });
  }
  encodeLayout(form.layout, node.operands, displacement, out, false);
}

/** `adr` to the right place within a page of 4 KiB, then the pages: `adr; add|sub lsl #12`. */
function encodeAdrFar(node: MachineNode, displacement: number, out: CodeBuffer): void {
  const [rd] = node.operands as [number];
  const pages = Math.floor(displacement / 4096);
  const step = {
    ...node,
    form: pages < 0 ? INSTRUCTIONS.sub_imm12_x : INSTRUCTIONS.add_imm12_x,
    operands: [rd, rd, Math.abs(pages)],
  };
  encode({ ...node, form: INSTRUCTIONS.adr, operands: [rd] }, displacement - pages * 4096, out);
  encode(step, 0, out);
}

/** Bytes of a node. */
export function sizeOf(node: MachineNode): number {
  return node.form === ADR_FAR ? 8 : 4;
}

/** Padding that may be executed: a multiple of 4 bytes. */
export const pad: Target['pad'] = padWith(4, (out) => out.u32le(NOP));

const PRINTERS: Readonly<Record<string, OperandPrinter>> = {
  x: (value) => X_NAMES[value]!,
  w: (value) => W_NAMES[value]!,
  xsp,
  wsp,
  h: hex,
  d: String,
  mask64: (value) => maskText(value, 64),
  mask32: (value) => maskText(value, 32),
  disp: (value) => (value === 0 ? '' : `, #${value}`),
  shift: (value) => SHIFTS[value]!,
  extend: (value) => EXTENDS[value]!,
  index1: (value) => String(value),
  index2: (value) => String(value * 2),
  index3: (value) => String(value * 3),
  cond: (value) => CONDITIONS[value]!,
  label: hex,
};

function xsp(value: number): string {
  return value === 31 ? 'sp' : X_NAMES[value]!;
}

function wsp(value: number): string {
  return value === 31 ? 'wsp' : W_NAMES[value]!;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

function maskText(encoded: number, width: 32 | 64): string {
  const mask = decodeMask(encoded);
  if (mask === undefined) return hex(encoded);
  return hex64(width === 64 ? mask[0] : 0, mask[1]);
}

/** A node as objdump prints it; `target` is the code offset of its label. */
export function print(node: MachineNode, target: number): string {
  const row = node.form.name as InstructionName;
  const names = row.endsWith('_w') ? W_NAMES : X_NAMES;
  if (row === 'tbz' || row === 'tbnz') {
    const [rt, bit] = node.operands as [number, number];
    return `${row} ${(bit < 32 ? W_NAMES : X_NAMES)[rt]}, #${bit}, ${hex(target)}`;
  }
  return printRow(node, target, PRINTERS, ALIASES[row]?.(node.operands, names));
}

/** Text of an instruction when an alias is preferred for its operands. `names` are the registers of the row's width. */
type Alias = (operands: readonly number[], names: readonly string[]) => string | undefined;

const both = (row: string, alias: Alias): [string, Alias][] => [
  [`${row}_x`, alias],
  [`${row}_w`, alias],
];

const ALIASES: Readonly<Record<string, Alias>> = /* @__PURE__ */ Object.fromEntries<Alias>([
  ['add_imm_x', ([rd, rn, imm]) => (imm === 0 && (rd === 31 || rn === 31) ? `mov ${xsp(rd!)}, ${xsp(rn!)}` : undefined)],
  ['add_imm_w', ([rd, rn, imm]) => (imm === 0 && (rd === 31 || rn === 31) ? `mov ${wsp(rd!)}, ${wsp(rn!)}` : undefined)],
  ...both('orr_imm', moveMask),
  ...both('movz', (operands, r) => moveWide(operands, r, 0)),
  ...both('movn', (operands, r) => moveWide(operands, r, -1)),
  ...both('movk', ([rd, imm, hw], r) => (hw === 0 ? `movk ${r[rd!]}, #${hex(imm!)}` : undefined)),
  ...both('ubfm', (operands, r) => bitField('u', operands, r)),
  ...both('sbfm', (operands, r) => bitField('s', operands, r)),
  ...both('extr', ([rd, rn, rm, lsb], r) => (rn === rm ? `ror ${r[rd!]}, ${r[rn!]}, #${lsb}` : undefined)),
  ...both('sub', ([rd, rn, rm], r) => (rn === ZR ? `neg ${r[rd!]}, ${r[rm!]}` : undefined)),
  ...both('orr', ([rd, rn, rm], r) => (rn === ZR ? `mov ${r[rd!]}, ${r[rm!]}` : undefined)),
  ...both('madd', ([rd, rn, rm, ra], r) => (ra === ZR ? `mul ${r[rd!]}, ${r[rn!]}, ${r[rm!]}` : undefined)),
  ...both('msub', ([rd, rn, rm, ra], r) => (ra === ZR ? `mneg ${r[rd!]}, ${r[rn!]}, ${r[rm!]}` : undefined)),
  ...['add', 'sub', 'and', 'orr', 'eor'].flatMap((name) => both(`${name}_shift`, (operands, r) => shifted(name, operands, r))),
  ...both('cmp_shift', ([rn, rm, shift, amount], r) => (shift === 0 && amount === 0 ? `cmp ${r[rn!]}, ${r[rm!]}` : undefined)),
  ['csinc_x', (operands) => conditional('inc', operands)],
  ['csinv_x', (operands) => conditional('inv', operands)],
  ['add_ext_x', (operands) => extended('add', operands)],
  ['sub_ext_x', (operands) => extended('sub', operands)],
  ...both('ldr_reg', (operands, r) => indexed('ldr', r, r === X_NAMES ? 3 : 2, operands)),
  ...both('str_reg', (operands, r) => indexed('str', r, r === X_NAMES ? 3 : 2, operands)),
  ['ldrh_reg', (operands) => indexed('ldrh', W_NAMES, 1, operands)],
  ['ldrb_reg', (operands) => indexed('ldrb', W_NAMES, 0, operands)],
  ['ldrsw_reg', (operands) => indexed('ldrsw', X_NAMES, 2, operands)],
  ['ldrsh_reg', (operands) => indexed('ldrsh', X_NAMES, 1, operands)],
  ['ldrsb_reg', (operands) => indexed('ldrsb', X_NAMES, 0, operands)],
  ['strh_reg', (operands) => indexed('strh', W_NAMES, 1, operands)],
  ['strb_reg', (operands) => indexed('strb', W_NAMES, 0, operands)],
]); // prettier-ignore

/** `mov rd, #value` for movz (`fill` 0) and movn (-1), but for the forms that only the row's own name can express. */
function moveWide([rd, imm, hw]: readonly number[], names: readonly string[], fill: 0 | -1): string | undefined {
  const wide = names === X_NAMES;
  if ((imm === 0 && hw !== 0) || (fill === -1 && !wide && imm === 0xffff)) {
    return hw === 0 ? `${fill === 0 ? 'movz' : 'movn'} ${names[rd!]}, #${hex(imm!)}` : undefined;
  }
  const shifted32 = hw! & 16 ? imm! << 16 : imm!;
  const low = (hw! < 32 ? shifted32 : 0) ^ fill;
  const high = wide ? (hw! >= 32 ? shifted32 : 0) ^ fill : 0;
  return `mov ${names[rd!]}, #${hex64(high, low)}`;
}

function hex64(high: number, low: number): string {
  if (high === 0) return hex(low >>> 0);
  return hex(high >>> 0) + (low >>> 0).toString(16).padStart(8, '0');
}

/** `mov rd, #mask` unless movz or movn could do it and would be what a reader expects. */
function moveMask([rd, rn, mask]: readonly number[], names: readonly string[]): string | undefined {
  if (rn !== ZR) return undefined;
  const value = decodeMask(mask!);
  if (value === undefined) return undefined;
  const [high, low] = value;
  const wide = names === X_NAMES;
  const halves = [low & 0xffff, low >>> 16, ...(wide ? [high & 0xffff, high >>> 16] : [])];
  const different = (fill: number): number => halves.filter((half) => half !== fill).length;
  if (rd !== 31 && (different(0) <= 1 || different(0xffff) <= 1)) return undefined;
  return `mov ${wide ? xsp(rd!) : wsp(rd!)}, #${hex64(wide ? high : 0, low)}`;
}

/** The shift, extension or bit field move that a `ubfm` or `sbfm` is. */
function bitField(sign: 'u' | 's', [rd, rn, immr, imms]: readonly number[], names: readonly string[]): string {
  const top = names === X_NAMES ? 63 : 31;
  const [d, n] = [names[rd!], names[rn!]];
  if (imms === top) return `${sign === 'u' ? 'lsr' : 'asr'} ${d}, ${n}, #${immr}`;
  if (sign === 'u' && imms! + 1 === immr) return `lsl ${d}, ${n}, #${top - imms!}`;
  if (immr === 0 && (sign === 's' || top === 31)) {
    const letter = imms === 7 ? 'b' : imms === 15 ? 'h' : imms === 31 ? 'w' : '';
    if (letter !== '') return `${sign}xt${letter} ${d}, ${W_NAMES[rn!]}`;
  }
  if (imms! < immr!) return `${sign}bfiz ${d}, ${n}, #${top + 1 - immr!}, #${imms! + 1}`;
  return `${sign}bfx ${d}, ${n}, #${immr}, #${imms! - immr! + 1}`;
}

function shifted(name: string, [rd, rn, rm, shift, amount]: readonly number[], names: readonly string[]): string {
  const plain = shift === 0 && amount === 0;
  const tail = plain ? '' : `, ${SHIFTS[shift!]} #${amount}`;
  if (name === 'sub' && rn === ZR) return `neg ${names[rd!]}, ${names[rm!]}${tail}`;
  if (name === 'orr' && rn === ZR && plain) return `mov ${names[rd!]}, ${names[rm!]}`;
  return `${name} ${names[rd!]}, ${names[rn!]}, ${names[rm!]}${tail}`;
}

/** `cset`, `cinc` and their like: csinc and csinv with one source say what happens when the opposite condition holds. */
function conditional(name: 'inc' | 'inv', [rd, rn, rm, cond]: readonly number[]): string | undefined {
  // Always and never have no opposite.
  if (rn !== rm || cond! >= 14) return undefined;
  const opposite = CONDITIONS[cond! ^ 1];
  if (rn === ZR) return `${name === 'inc' ? 'cset' : 'csetm'} ${X_NAMES[rd!]}, ${opposite}`;
  return `c${name} ${X_NAMES[rd!]}, ${X_NAMES[rn!]}, ${opposite}`;
}

function extended(name: string, [rd, rn, rm, extend]: readonly number[]): string {
  const index = ((extend! & 1) === 0 ? W_NAMES : X_NAMES)[rm!]!;
  const plain = extend === 1 && (rd === 31 || rn === 31);
  return `${name} ${xsp(rd!)}, ${xsp(rn!)}, ${index}${plain ? '' : `, ${extend === 1 ? 'uxtx' : EXTENDS[extend!]}`}`;
}

function indexed(
  name: string,
  names: readonly string[],
  log2: number,
  [rt, rn, rm, extend, s]: readonly number[],
): string {
  const index = ((extend! & 1) === 0 ? W_NAMES : X_NAMES)[rm!]!;
  const amount = s === 1 ? ` #${log2}` : '';
  const tail = extend === 1 && amount === '' ? '' : `, ${EXTENDS[extend!]}${amount}`;
  return `${name} ${names[rt!]}, [${xsp(rn!)}, ${index}${tail}]`;
}
