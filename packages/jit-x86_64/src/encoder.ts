/**
 * Encodes, measures and prints instructions from rows in the notation of the Intel manual (SDM vol. 2 sec. 3.1.1.1):
 *
 * ```text
 *   syntax    add {rm:r64}, {reg:r64}                       encoding  REX.W + 01 /r
 *   syntax    mov {reg:r32}, dword ptr [{base:r64}{disp:disp}]        8B /r
 *   syntax    mov dword ptr [{base:r64}{disp:disp}], {imm:i32}        C7 /0 id
 * ```
 *
 * An operand's name says which field of the instruction it goes to, its type what it may be and how it is printed:
 *
 * ```text
 *   reg              ModRM.reg                      rd           low three bits of the opcode (+rd)
 *   rm               ModRM.rm, a register           imm          immediate: ib iw id
 *   base disp        ModRM memory operand           high low     the halves of a 64-bit immediate: io
 *   index scale      ... with SIB                   label        cb cd, or [rip + label]
 *   address          [disp32], absolute             symbol       cd or [rip + symbol], left 0 for a relocation
 * ```
 *
 * Layout of an instruction (SDM vol. 2 fig. 2-1):
 *
 * ```text
 *   prefixes | REX 0100WRXB | opcode 1-3 | ModRM mod:2 reg:3 rm:3 | SIB scale:2 index:3 base:3 | disp 0,1,4 | imm
 * ```
 *
 * The REX prefix appears when a field needs it: W, a register above 7, or one of the low bytes spl, bpl, sil, dil. The
 * displacement takes none, one or four bytes by its value. Every operand is range-checked; nothing is masked silently.
 */
import { BpfError } from '@polybpf/errors';
import type { CodeBuffer, MachineForm, MachineNode } from '@polybpf/jit';
import { NAMES16, NAMES32, NAMES64, NAMES8, RBP, RSP } from './registers.ts';

/** What a row's encoding compiles to. Fields ending in `At` are positions in `node.operands`, -1 for none. */
interface Encoding {
  /** Legacy prefixes: LOCK, REP, operand size. */
  readonly prefixes: readonly number[];
  /** 0x48 with REX.W, else 0. */
  readonly rex: number;
  readonly opcode: readonly number[];
  /** ModRM.reg: opcode extension 0..7, {@link REG_OPERAND}, or {@link NO_MODRM}. */
  readonly modrm: number;
  readonly regAt: number;
  readonly rmAt: number;
  readonly rdAt: number;
  readonly baseAt: number;
  readonly indexAt: number;
  readonly scaleAt: number;
  readonly dispAt: number;
  readonly addressAt: number;
  readonly immAt: number;
  readonly highAt: number;
  /** Bytes of the immediate. */
  readonly immSize: 0 | 1 | 2 | 4 | 8;
  /** Bytes of the displacement to `label` or `symbol`. */
  readonly relSize: 0 | 1 | 4;
  /** Whether that displacement is the memory operand [rip + rel32] rather than a jump distance. */
  readonly ripRelative: boolean;
  /** Whether the displacement goes to `symbol`, for a relocation to fill. */
  readonly toSymbol: boolean;
  /** Whether ModRM.reg or ModRM.rm is a byte register, which needs REX from 4 on. */
  readonly regIsByte: boolean;
  readonly rmIsByte: boolean;
  /** Size without optional REX, SIB and displacement of a memory operand. */
  readonly fixedSize: number;
  readonly operands: readonly Operand[];
}

interface Operand {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** `min` and `max` as far as they are signed 32-bit numbers, which are faster to compare. */
  readonly low: number;
  readonly high: number;
  readonly print: (value: number) => string;
}

/** What an operand type says. */
type OperandType = Omit<Operand, 'name' | 'low' | 'high'>;

/** A row of the instruction table. */
export interface X64Form extends MachineForm {
  /** In the manual's notation. */
  readonly encoding: string;
  readonly code: Encoding;
}

const NO_MODRM = -1;
const REG_OPERAND = 8;

const register = (names: readonly string[]): OperandType => ({
  min: 0,
  max: 15,
  print: (value) => names[value] ?? `?${value}`,
});

const integer = (min: number, max: number): OperandType => ({ min, max, print: String });

const hex32 = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');

const OPERAND_TYPES: Readonly<Record<string, OperandType>> = {
  r64: register(NAMES64),
  r32: register(NAMES32),
  r16: register(NAMES16),
  r8: register(NAMES8),
  scale: integer(1, 8),
  disp: {
    min: -(2 ** 31),
    max: 2 ** 31 - 1,
    print: (value) => (value === 0 ? '' : value < 0 ? String(value) : `+${value}`),
  },
  i8: integer(-128, 127),
  u8: integer(0, 255),
  i16: integer(-32768, 32767),
  i32: integer(-(2 ** 31), 2 ** 31 - 1),
  u32: integer(0, 2 ** 32 - 1),
  /** Half of a 64-bit immediate; either sign. */
  half: { min: -(2 ** 31), max: 2 ** 32 - 1, print: hex32 },
};

const OPERAND = /\{([a-z]+):([a-z0-9]+)\}/g;
const IMMEDIATE_SIZES: Readonly<Record<string, 1 | 2 | 4 | 8>> = { ib: 1, iw: 2, id: 4, io: 8 };
const LEGACY_PREFIXES: readonly string[] = ['F0', 'F2', 'F3', '66'];

/**
 * Compiles and proves one row: every operand has a field, every field an operand, and the sizes agree.
 *
 * @throws Error on a faulty row: our own mistake, found when the table loads
 */
export function compileForm(name: string, syntax: string, encoding: string): Encoding {
  const fault = (what: string): Error => new Error(`BUG: row ${name}: ${what}`);
  const operands: Operand[] = [];
  const types = new Map<string, string>();
  for (const [, operand, type] of syntax.matchAll(OPERAND)) {
    if (types.has(operand!)) throw fault(`operand ${operand} twice`);
    types.set(operand!, type!);
    if (operand === 'label' || operand === 'symbol') continue;
    const description = OPERAND_TYPES[type!];
    if (description === undefined) throw fault(`operand type ${type}`);
    const { min, max, print: format } = description;
    operands.push({ name: operand!, min, max, low: Math.max(min, -(2 ** 31)), high: Math.min(max, 2 ** 31 - 1), print: format }); // prettier-ignore
  }
  const at = (operand: string): number => operands.findIndex((entry) => entry.name === operand);

  const prefixes: number[] = [];
  const opcode: number[] = [];
  let rex = 0;
  let modrm = NO_MODRM;
  let immSize: Encoding['immSize'] = 0;
  let relSize: Encoding['relSize'] = 0;
  let plusRegister = false;
  for (const token of encoding.split(/[\s+]+/)) {
    if (token === 'REX.W') rex = 0x48;
    else if (token === '/r') modrm = REG_OPERAND;
    else if (/^\/[0-7]$/.test(token)) modrm = Number(token[1]);
    else if (token === 'cb') relSize = 1;
    else if (token === 'cd') relSize = 4;
    else if (token === 'rd') plusRegister = true;
    else if (token in IMMEDIATE_SIZES) immSize = IMMEDIATE_SIZES[token]!;
    else if (!/^[0-9A-F]{2}$/.test(token)) throw fault(`token ${token}`);
    else if (opcode.length === 0 && LEGACY_PREFIXES.includes(token)) prefixes.push(Number.parseInt(token, 16));
    else opcode.push(Number.parseInt(token, 16));
  }

  const target = types.has('label') || types.has('symbol');
  const ripRelative = target && syntax.includes('[rip');
  if (ripRelative) relSize = 4;
  const addressAt = at('address');
  const memory = at('base') >= 0 || addressAt >= 0 || ripRelative;
  const immAt = immSize === 8 ? at('low') : at('imm');
  if (opcode.length === 0) throw fault('no opcode');
  if (target !== relSize > 0) throw fault('label or symbol and cb or cd go together');
  if (immSize > 0 !== immAt >= 0) throw fault('immediate operand and field go together');
  if (plusRegister !== at('rd') >= 0) throw fault('rd and +rd go together');
  if ((modrm === REG_OPERAND) !== at('reg') >= 0) throw fault('reg and /r go together');
  if ((modrm !== NO_MODRM) !== (at('rm') >= 0 || memory)) throw fault('ModRM without rm or memory operand');
  if (at('base') >= 0 !== at('disp') >= 0) throw fault('base and disp go together');
  if (at('index') >= 0 !== at('scale') >= 0) throw fault('index and scale go together');
  const known = ['reg', 'rm', 'rd', 'base', 'index', 'scale', 'disp', 'address', 'imm', 'low', 'high'];
  for (const operand of operands) if (!known.includes(operand.name)) throw fault(`operand name ${operand.name}`);

  const fixedSize =
    prefixes.length +
    (rex === 0 ? 0 : 1) +
    opcode.length +
    (modrm === NO_MODRM ? 0 : 1) +
    immSize +
    relSize +
    (addressAt >= 0 ? 5 : 0);
  return {
    prefixes, rex, opcode, modrm,
    regAt: at('reg'), rmAt: at('rm'), rdAt: at('rd'),
    baseAt: at('base'), indexAt: at('index'), scaleAt: at('scale'), dispAt: at('disp'), addressAt,
    immAt, highAt: at('high'), immSize, relSize, ripRelative, toSymbol: types.has('symbol'),
    regIsByte: types.get('reg') === 'r8', rmIsByte: types.get('rm') === 'r8',
    fixedSize, operands,
  }; // prettier-ignore
}

/** The REX prefix of a node, 0 for none. */
function rexOf(code: Encoding, operands: readonly number[]): number {
  let rex = code.rex;
  if (code.regAt >= 0) {
    const reg = operands[code.regAt]!;
    if (reg > 7) rex |= 0x44;
    else if (code.regIsByte && reg > 3) rex |= 0x40;
  }
  if (code.rmAt >= 0) {
    const rm = operands[code.rmAt]!;
    if (rm > 7) rex |= 0x41;
    else if (code.rmIsByte && rm > 3) rex |= 0x40;
  }
  if (code.baseAt >= 0 && operands[code.baseAt]! > 7) rex |= 0x41;
  if (code.indexAt >= 0 && operands[code.indexAt]! > 7) rex |= 0x42;
  if (code.rdAt >= 0 && operands[code.rdAt]! > 7) rex |= 0x41;
  return rex;
}

/** Bytes of displacement of [base + disp]: rbp and r13 have no form without one (SDM vol. 2 table 2-5). */
function dispSize(base: number, disp: number): 0 | 1 | 4 {
  if (disp === 0 && (base & 7) !== RBP) return 0;
  return disp >= -128 && disp <= 127 ? 1 : 4;
}

/** Bytes of a node. */
export function sizeOf(node: MachineNode): number {
  const { code } = node.form as X64Form;
  const { operands } = node;
  let size = code.fixedSize;
  if (code.rex === 0 && rexOf(code, operands) !== 0) size++;
  if (code.baseAt >= 0) {
    const base = operands[code.baseAt]!;
    if (code.indexAt >= 0 || (base & 7) === RSP) size++;
    size += dispSize(base, operands[code.dispAt]!);
  }
  return size;
}

/**
 * Appends the bytes of a node.
 *
 * @param displacement - offset of the node's label minus offset of the node
 * @throws BpfError `E_JIT_OPERAND` when a value does not fit its field, `E_JIT_BRANCH_RANGE` when a label is too far
 */
export function encode(node: MachineNode, displacement: number, out: CodeBuffer): void {
  const form = node.form as X64Form;
  const { code } = form;
  const { operands } = node;
  checkOperands(form, operands);
  const start = out.length;
  for (let i = 0; i < code.prefixes.length; i++) out.u8(code.prefixes[i]!);
  const rex = rexOf(code, operands);
  if (rex !== 0) out.u8(rex);
  const last = code.opcode.length - 1;
  for (let i = 0; i < last; i++) out.u8(code.opcode[i]!);
  out.u8(code.rdAt >= 0 ? code.opcode[last]! + (operands[code.rdAt]! & 7) : code.opcode[last]!);
  if (code.modrm !== NO_MODRM) {
    const reg = (code.modrm === REG_OPERAND ? operands[code.regAt]! & 7 : code.modrm) << 3;
    if (code.rmAt >= 0) out.u8(0xc0 | reg | (operands[code.rmAt]! & 7));
    else if (code.baseAt >= 0) encodeMemory(code, operands, reg, out);
    else if (code.ripRelative) out.u8(reg | 5);
    else {
      // [disp32] without base: SIB with no index and no base (SDM vol. 2 table 2-3)
      out.u8(reg | 4);
      out.u8(0x25);
      out.u32le(operands[code.addressAt]!);
    }
  }
  if (code.relSize !== 0) encodeRelative(node, displacement, start, out);
  if (code.immSize === 1) out.u8(operands[code.immAt]!);
  else if (code.immSize === 4) out.u32le(operands[code.immAt]!);
  else if (code.immSize === 2) out.u16le(operands[code.immAt]!);
  else if (code.immSize === 8) {
    out.u32le(operands[code.immAt]!);
    out.u32le(operands[code.highAt]!);
  }
}

function checkOperands(form: X64Form, values: readonly number[]): void {
  const { operands, indexAt, scaleAt } = form.code;
  if (values.length !== operands.length)
    throw misfit(form, 'operand list', `${operands.length} operands`, String(values.length));
  for (let i = 0; i < operands.length; i++) {
    const value = values[i]!;
    const operand = operands[i]!;
    if (value === (value | 0) && value >= operand.low && value <= operand.high) continue;
    const { min, max } = operand;
    if (!(value >= min && value <= max) || !Number.isInteger(value)) {
      throw misfit(form, `operand ${operand.name}`, `${min} to ${max}`, String(value));
    }
  }
  if (indexAt < 0) return;
  // the encoding of rsp as index means "no index"
  if (values[indexAt] === RSP) throw misfit(form, 'operand index', 'any register but rsp', 'rsp');
  const scale = values[scaleAt]!;
  if ((scale & (scale - 1)) !== 0) throw misfit(form, 'operand scale', '1, 2, 4 or 8', String(scale));
}

function misfit(form: X64Form, what: string, expected: string, got: string): BpfError {
  return new BpfError('E_JIT_OPERAND', `${what} of ${form.name}`, { expected, got });
}

function encodeMemory(code: Encoding, operands: readonly number[], reg: number, out: CodeBuffer): void {
  const base = operands[code.baseAt]!;
  const disp = operands[code.dispAt]!;
  const size = dispSize(base, disp);
  const mod = size === 0 ? 0 : size === 1 ? 0x40 : 0x80;
  if (code.indexAt >= 0) {
    const scale = 31 - Math.clz32(operands[code.scaleAt]!);
    out.u8(mod | reg | 4);
    out.u8((scale << 6) | ((operands[code.indexAt]! & 7) << 3) | (base & 7));
  } else {
    out.u8(mod | reg | (base & 7));
    // rm = 100 (rsp, r12) announces a SIB byte: base only, no index
    if ((base & 7) === RSP) out.u8(0x24);
  }
  if (size === 1) out.u8(disp);
  else if (size === 4) out.u32le(disp);
}

/** Displacements count from the end of the instruction. No row has an immediate behind one. */
function encodeRelative(node: MachineNode, displacement: number, start: number, out: CodeBuffer): void {
  const { code } = node.form as X64Form;
  if (code.toSymbol) {
    out.u32le(0);
    return;
  }
  const relative = displacement - (out.length - start + code.relSize);
  const limit = code.relSize === 1 ? 127 : 2 ** 31 - 1;
  if (relative > limit || relative < -limit - 1) {
    throw new BpfError('E_JIT_BRANCH_RANGE', `displacement of ${node.form.name}`, {
      expected: `${-limit - 1} to ${limit}`,
      got: String(relative),
    });
  }
  if (code.relSize === 1) out.u8(relative);
  else out.u32le(relative);
}

/**
 * The node in Intel syntax, as `as -msyntax=intel -mnaked-reg` takes it when the symbol `code` is the start of the code.
 *
 * @param target - code offset of the node's label
 */
export function print(node: MachineNode, target: number): string {
  const { code } = node.form as X64Form;
  let next = 0;
  return node.form.syntax.replace(OPERAND, (_, name: string) => {
    if (name === 'label') return `${code.ripRelative ? 'code+' : ''}0x${target.toString(16)}`;
    if (name === 'symbol') return symbolText(node);
    const operand = code.operands[next]!;
    return operand.print(node.operands[next++]!);
  });
}

function symbolText({ symbol, addend }: MachineNode): string {
  if (symbol === undefined) return '0';
  const name = symbol.kind === 'helper' ? `helper_${symbol.id}` : symbol.name;
  return addend === 0 ? name : `${name}${addend < 0 ? '' : '+'}${addend}`;
}
