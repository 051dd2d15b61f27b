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
import type { FlagRole } from './flag-roles.ts';
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
  /** Of a register: what a number above 7 makes of the REX prefix; else 0. */
  readonly rex: number;
  readonly print: (value: number) => string;
}

/** What an operand type says. */
type OperandType = Omit<Operand, 'name' | 'low' | 'high' | 'rex'>;

/** A row of the instruction table. */
export interface X64Form extends MachineForm {
  /** In the manual's notation. */
  readonly encoding: string;
  readonly code: Encoding;
  readonly role: FlagRole;
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
  /** Either sign; signed numbers are better, see bit-layout.ts. */
  u32: { min: -(2 ** 31), max: 2 ** 32 - 1, print: (value) => String(value >>> 0) },
  /** Half of a 64-bit immediate; either sign. */
  half: { min: -(2 ** 31), max: 2 ** 32 - 1, print: hex32 },
};

/** The prefix with the bit that extends a field: R, X or B (SDM vol. 2 sec. 2.2.1.2). */
const REX: Readonly<Record<string, number>> = { reg: 0x44, index: 0x42, base: 0x41, rm: 0x41, rd: 0x41 };

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
    operands.push({ name: operand!, min, max, low: Math.max(min, -(2 ** 31)), high: Math.min(max, 2 ** 31 - 1), rex: REX[operand!] ?? 0, print: format }); // prettier-ignore
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
function rexOf(code: Encoding, values: readonly number[]): number {
  let { rex } = code;
  const { operands } = code;
  for (let i = 0; i < operands.length; i++) if (values[i]! > 7) rex |= operands[i]!.rex;
  return rex | byteRex(code, values);
}

/** The low bytes spl, bpl, sil and dil need a prefix, without any bit. */
function byteRex({ regIsByte, rmIsByte, regAt, rmAt }: Encoding, values: readonly number[]): number {
  return (regIsByte && values[regAt]! > 3) || (rmIsByte && values[rmAt]! > 3) ? 0x40 : 0;
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
  const { prefixes, opcode, modrm } = code;
  const rex = checkOperands(form, operands);
  const start = out.length;
  const bytes = out.room(LONGEST);
  let at = start;
  for (let i = 0; i < prefixes.length; i++) bytes[at++] = prefixes[i]!;
  if (rex !== 0) bytes[at++] = rex;
  for (let i = 0; i < opcode.length; i++) bytes[at++] = opcode[i]!;
  if (code.rdAt >= 0) bytes[at - 1]! += operands[code.rdAt]! & 7;
  if (modrm !== NO_MODRM) {
    const reg = (modrm === REG_OPERAND ? operands[code.regAt]! & 7 : modrm) << 3;
    if (code.rmAt >= 0) bytes[at++] = 0xc0 | reg | (operands[code.rmAt]! & 7);
    else if (code.baseAt >= 0) at = putMemory(code, operands, reg, bytes, at);
    else if (code.ripRelative) bytes[at++] = reg | 5;
    else {
      // [disp32] without base: SIB with no index and no base (SDM vol. 2 table 2-3)
      bytes[at++] = reg | 4;
      bytes[at++] = 0x25;
      at = put32(operands[code.addressAt]!, bytes, at);
    }
  }
  if (code.relSize !== 0) at = putRelative(node, code, displacement, start, bytes, at);
  switch (code.immSize) {
    case 0:
      break;
    case 1:
      bytes[at++] = operands[code.immAt]!;
      break;
    case 2:
      bytes[at++] = operands[code.immAt]!;
      bytes[at++] = operands[code.immAt]! >> 8;
      break;
    case 8:
      at = put32(operands[code.immAt]!, bytes, at);
      at = put32(operands[code.highAt]!, bytes, at);
      break;
    default:
      at = put32(operands[code.immAt]!, bytes, at);
  }
  out.length = at;
}

/** No instruction is longer (SDM vol. 2 sec. 2.3.11). */
const LONGEST = 15;

/** Writes 32 bits; returns the place behind them. */
function put32(value: number, bytes: Uint8Array, at: number): number {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
  return at + 4;
}

/** Checks the operands, and returns the REX prefix that they need, 0 for none. */
function checkOperands(form: X64Form, values: readonly number[]): number {
  const { code } = form;
  const { operands, indexAt } = code;
  const count = values.length;
  if (count !== operands.length) throw misfit(form, 'operand list', `${operands.length} operands`, String(count));
  let { rex } = code;
  for (let i = 0; i < count; i++) {
    const value = values[i]!;
    const operand = operands[i]!;
    if (value !== (value | 0) || value < operand.low || value > operand.high) {
      const { min, max } = operand;
      if (!(value >= min && value <= max) || !Number.isInteger(value)) {
        throw misfit(form, `operand ${operand.name}`, `${min} to ${max}`, String(value));
      }
    }
    if (value > 7) rex |= operand.rex;
  }
  if (indexAt >= 0) {
    // the encoding of rsp as index means "no index"
    if (values[indexAt] === RSP) throw misfit(form, 'operand index', 'any register but rsp', 'rsp');
    const scale = values[code.scaleAt]!;
    if ((scale & (scale - 1)) !== 0) throw misfit(form, 'operand scale', '1, 2, 4 or 8', String(scale));
  }
  return code.regIsByte || code.rmIsByte ? rex | byteRex(code, values) : rex;
}

function misfit(form: X64Form, what: string, expected: string, got: string): BpfError {
  return new BpfError('E_JIT_OPERAND', `${what} of ${form.name}`, { expected, got });
}

/** Writes ModRM, SIB and displacement of a memory operand; returns the place behind them. */
function putMemory(code: Encoding, operands: readonly number[], reg: number, bytes: Uint8Array, at: number): number {
  const base = operands[code.baseAt]!;
  const disp = operands[code.dispAt]!;
  const size = dispSize(base, disp);
  const mod = size === 0 ? 0 : size === 1 ? 0x40 : 0x80;
  if (code.indexAt >= 0) {
    const scale = 31 - Math.clz32(operands[code.scaleAt]!);
    bytes[at++] = mod | reg | 4;
    bytes[at++] = (scale << 6) | ((operands[code.indexAt]! & 7) << 3) | (base & 7);
  } else {
    bytes[at++] = mod | reg | (base & 7);
    // rm = 100 (rsp, r12) announces a SIB byte: base only, no index
    if ((base & 7) === RSP) bytes[at++] = 0x24;
  }
  if (size === 1) bytes[at++] = disp;
  return size === 4 ? put32(disp, bytes, at) : at;
}

/** Displacements count from the end of the instruction. No row has an immediate behind one. */
function putRelative(
  { form }: MachineNode,
  { relSize, toSymbol }: Encoding,
  displacement: number,
  start: number,
  bytes: Uint8Array,
  at: number,
): number {
  if (toSymbol) return put32(0, bytes, at);
  const relative = displacement - (at - start + relSize);
  const limit = relSize === 1 ? 127 : 2 ** 31 - 1;
  if (relative > limit || relative < -limit - 1) {
    throw new BpfError('E_JIT_BRANCH_RANGE', `displacement of ${form.name}`, {
      expected: `${-limit - 1} to ${limit}`,
      got: String(relative),
    });
  }
  if (relSize !== 1) return put32(relative, bytes, at);
  bytes[at] = relative;
  return at + 1;
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
