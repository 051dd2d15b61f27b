/**
 * Statements of the kernel syntax: what llvm-mc takes, and the spellings of the verifier log, bpftool and GNU as.
 */
import { rowsOfOpcode, type InsnRow } from '@polybpf/isa';
import { emit, emitWide, imm64Row, nearest, type Assembly } from './assembly.ts';
import { readPrototype } from './listing.ts';
import {
  NARROW,
  readAnyRegister,
  readCall,
  readCallx,
  readImm64Number,
  readImm64Source,
  readOffset,
  readTarget,
  readWideRegister,
  takeLl,
  tryRegister,
} from './operands.ts';
import {
  atStatementEnd,
  expectChar,
  fail,
  isWordChar,
  readImm32,
  readInteger,
  readWord,
  skipBlank,
  startsNumber,
  takeWord,
} from './scanner.ts';
import { ALU_ROWS, ATOMIC_SYMBOLS, FORM_ROWS, formKey, JMP_ROWS, soleRow } from './syntax.ts';

const JA: InsnRow = /* @__PURE__ */ FORM_ROWS.get(formKey('ja', 'ja', 64))!;
const JA32: InsnRow = /* @__PURE__ */ FORM_ROWS.get(formKey('ja', 'ja32', 32))!;
const MAY_GOTO: InsnRow = /* @__PURE__ */ soleRow('may_goto');
const EXIT: InsnRow = /* @__PURE__ */ soleRow('exit');
const ADDR_SPACE_CAST: InsnRow = /* @__PURE__ */ soleRow('addr_space_cast');
const OPCODE_LD_IMM64 = /* @__PURE__ */ imm64Row('imm64')!.opcode;

/** Words that start a statement, and what reads the rest of it. */
const STATEMENTS: ReadonlyMap<string, (a: Assembly) => void> = new Map<string, (a: Assembly) => void>([
  ['if', readConditional],
  ['goto', (a) => emit(a, JA, 0, 0, readTarget(a, 'jump'), 0)],
  ['gotol', (a) => emit(a, JA32, 0, 0, 0, readTarget(a, 'far-jump'))],
  ['may_goto', (a) => emit(a, MAY_GOTO, 0, 0, readTarget(a, 'jump'), 0)],
  ['call', readCall],
  ['callx', readCallx],
  ['exit', (a) => emit(a, EXIT, 0, 0, 0, 0)],
  ['lock', readLocked],
  ['store_release', readStoreRelease],
  ['ld_pseudo', readPseudo],
]);

/** Whether `word` starts a statement of this syntax. */
export function isKernelStatement(word: string): boolean {
  return STATEMENTS.has(word);
}

/** One statement, without its end. */
export function parseKernelStatement(a: Assembly): void {
  const { s } = a;
  const code = skipBlank(s);
  const at = s.pos;
  if (code === 0x2a) return readStore(a);
  const register = tryRegister(s);
  if (register !== -1) return readRegisterStatement(a, register);
  const word = readWord(s);
  const statement = STATEMENTS.get(word);
  if (statement === undefined) unknownStatement(a, word, at);
  else statement(a);
}

function unknownStatement(a: Assembly, word: string, at: number): void {
  if (readPrototype(a, at)) return;
  const near = nearest(word, STATEMENTS.keys());
  const expected = near === undefined ? 'an instruction' : `${near}?`;
  fail(a.s, 'E_ASM_SYNTAX', 'unknown instruction', at, { expected });
}

function readRegisterStatement(a: Assembly, dst: number): void {
  const { s } = a;
  const code = skipBlank(s);
  const at = s.pos;
  if (code === 0x3d) {
    s.pos++;
    return readAssignment(a, dst);
  }
  const symbol = readOperator(a);
  const rows = ALU_ROWS.get(symbol);
  if (rows === undefined) {
    fail(s, 'E_ASM_SYNTAX', 'unknown operator', at, { expected: '= += -= *= /= %= &= |= ^= <<= >>= s>>= s/= s%=' });
  }
  const pair = (dst & NARROW) === 0 ? rows.wide : rows.narrow;
  readSecondOperand(a, dst, pair.imm!, pair.reg!, 0);
}

/** Operator characters up to the next operand: `s>>=`, `==`, `&`. */
function readOperator(a: Assembly): string {
  const { s } = a;
  skipBlank(s);
  const start = s.pos;
  if (s.text.charCodeAt(s.pos) === 0x73) s.pos++;
  for (;;) {
    const code = s.text.charCodeAt(s.pos);
    // ! % & * + - / < = > ^ |
    const isOperator =
      code === 0x3d ||
      code === 0x3e ||
      code === 0x3c ||
      code === 0x2b ||
      code === 0x26 ||
      code === 0x21 ||
      // prettier-ignore
      code === 0x7c ||
      code === 0x5e ||
      code === 0x25 ||
      code === 0x2a ||
      code === 0x2f ||
      code === 0x2d;
    if (!isOperator) break;
    s.pos++;
    // An operator ends with its `=`, but for `==`; `&` and `<` end before a sign or a register.
    if (code === 0x3d && s.text.charCodeAt(s.pos) !== 0x3d) break;
    const next = s.text.charCodeAt(s.pos);
    if (next === 0x2d || next === 0x2b || next === 0x25) break;
  }
  return s.text.slice(start, s.pos);
}

/** A register of the width of `dst`, or an immediate. */
function readSecondOperand(a: Assembly, dst: number, imm: InsnRow, reg: InsnRow, offset: number): void {
  const { s } = a;
  const code = skipBlank(s);
  if (startsNumber(code)) {
    emit(a, imm, dst & ~NARROW, 0, offset, readImm32(s, 'immediate', a.octal));
    return;
  }
  const at = s.pos;
  const src = tryRegister(s);
  if (src === -1) fail(s, 'E_ASM_SYNTAX', 'operand', at, { expected: 'a register or a number' });
  sameWidth(a, dst, src, at);
  emit(a, reg, dst & ~NARROW, src & ~NARROW, offset, 0);
}

function sameWidth(a: Assembly, dst: number, src: number, at: number): void {
  if ((dst & NARROW) === (src & NARROW)) return;
  const expected = `${(dst & NARROW) === 0 ? 'r' : 'w'}${src & ~NARROW}, as wide as the destination`;
  fail(a.s, 'E_ASM_OPERAND', 'registers of different width', at, { expected });
}

function readAssignment(a: Assembly, dst: number): void {
  const { s } = a;
  const code = skipBlank(s);
  const at = s.pos;
  const rows = ALU_ROWS.get('=')!;
  const pair = (dst & NARROW) === 0 ? rows.wide : rows.narrow;
  if (code === 0x2d && isNegation(a)) return readNegation(a, dst);
  if (startsNumber(code)) return readNumberOrImm64(a, dst, pair.imm!);
  if (code === 0x28) return readSignExtension(a, dst);
  if (code === 0x2a) return readLoad(a, dst);
  const src = tryRegister(s);
  if (src !== -1) {
    sameWidth(a, dst, src, at);
    emit(a, pair.reg!, dst & ~NARROW, src & ~NARROW, 0, 0);
    return;
  }
  if (readFunctionForm(a, dst)) return;
  s.pos = at;
  // prettier-ignore
  if ((dst & NARROW) !== 0) fail(s, 'E_ASM_OPERAND', 'operand of a 32-bit assignment', at, { expected: 'a register, number or load' });
  readImm64Source(a, dst);
  takeLl(s);
}

/** Whether the minus here is followed by a register. */
function isNegation(a: Assembly): boolean {
  const { s } = a;
  const start = s.pos++;
  const code = skipBlank(s);
  const letter = code | 0x20;
  const found = code === 0x25 || letter === 0x72 || letter === 0x77;
  s.pos = start;
  return found;
}

function readNegation(a: Assembly, dst: number): void {
  const { s } = a;
  s.pos++;
  skipBlank(s);
  const at = s.pos;
  const src = tryRegister(s);
  if (src !== dst) {
    fail(s, 'E_ASM_OPERAND', 'negation of another register', at, { expected: registerName(dst) });
  }
  emit(a, FORM_ROWS.get(formKey('alu', 'neg', (dst & NARROW) === 0 ? 64 : 32))!, dst & ~NARROW, 0, 0, 0);
}

function registerName(register: number): string {
  return `${(register & NARROW) === 0 ? 'r' : 'w'}${register & ~NARROW}`;
}

function readNumberOrImm64(a: Assembly, dst: number, mov: InsnRow): void {
  const { s } = a;
  const at = s.pos;
  if (a.hint !== OPCODE_LD_IMM64) {
    // Most numbers are short and no wide immediate follows them: look ahead only as far as the number goes.
    let end = s.pos + 1;
    while (isWordChar(s.text.charCodeAt(end)) || s.text.charCodeAt(end) === 0x27) end++;
    s.pos = end;
    if (!takeLl(s)) {
      s.pos = at;
      const value = readImm32(s, 'immediate', a.octal);
      if (!takeLl(s)) {
        emit(a, mov, dst & ~NARROW, 0, 0, value);
        return;
      }
    }
    s.pos = at;
  }
  // prettier-ignore
  if ((dst & NARROW) !== 0) fail(s, 'E_ASM_OPERAND', 'wide immediate in a 32-bit register', at, { expected: `r${dst & ~NARROW}` });
  readImm64Number(a, dst);
  takeLl(s);
}

function readSignExtension(a: Assembly, dst: number): void {
  const { s } = a;
  s.pos++;
  skipBlank(s);
  const at = s.pos;
  const type = readWord(s);
  const width = (dst & NARROW) === 0 ? 64 : 32;
  const row = FORM_ROWS.get(formKey('alu', 'movsx', width, type.startsWith('s') ? Number(type.slice(1)) : -1));
  if (row === undefined) {
    fail(s, 'E_ASM_OPERAND', 'cast', at, { expected: width === 64 ? 's8, s16 or s32' : 's8 or s16' });
  }
  expectChar(s, 0x29);
  skipBlank(s);
  const registerAt = s.pos;
  const src = tryRegister(s);
  if (src === -1) fail(s, 'E_ASM_SYNTAX', 'operand of a cast', registerAt, { expected: 'a register' });
  sameWidth(a, dst, src, registerAt);
  emit(a, row, dst & ~NARROW, src & ~NARROW, 0, 0);
}

/** `(u32 *)` after a star or a bracket: the width, negative when signed. */
function readPointerType(a: Assembly): number {
  const { s } = a;
  expectChar(s, 0x28);
  skipBlank(s);
  const at = s.pos;
  const type = readWord(s);
  const width = Number(type.slice(1));
  const isWidth = width === 8 || width === 16 || width === 32 || width === 64;
  if (!isWidth || (type[0] !== 'u' && type[0] !== 's')) {
    fail(s, 'E_ASM_SYNTAX', 'access type', at, { expected: 'u8, u16, u32, u64, s8, s16 or s32' });
  }
  expectChar(s, 0x2a);
  expectChar(s, 0x29);
  return type[0] === 's' ? -width : width;
}

/** `(r2 + 8)`: the register; the offset is left in `a.offset`. */
function readAddress(a: Assembly): number {
  expectChar(a.s, 0x28);
  const base = readAddressBody(a);
  expectChar(a.s, 0x29);
  return base;
}

function readAddressBody(a: Assembly): number {
  const base = readWideRegister(a.s, 'address');
  a.offset = readOffset(a);
  return base;
}

function readLoad(a: Assembly, dst: number): void {
  const { s } = a;
  s.pos++;
  skipBlank(s);
  const typeAt = s.pos;
  const type = readPointerType(a);
  const width = Math.abs(type);
  if (skipBlank(s) !== 0x28) return readPacketLoad(a, dst, width);
  const base = readAddress(a);
  // prettier-ignore
  const row = type < 0 ? FORM_ROWS.get(formKey('load', 'load_signed', width, width)) : FORM_ROWS.get(formKey('load', 'load', width));
  if (row === undefined) fail(s, 'E_ASM_OPERAND', 'access type', typeAt, { expected: 's8, s16 or s32' });
  if ((dst & NARROW) !== 0 && (width === 64 || type < 0)) {
    fail(s, 'E_ASM_OPERAND', 'load into a 32-bit register', typeAt, { expected: 'u8, u16 or u32' });
  }
  emit(a, row, dst & ~NARROW, base, a.offset, 0);
}

/** `r0 = *(u8 *)skb[4]` and `skb[r1 + 4]`. */
function readPacketLoad(a: Assembly, dst: number, width: number): void {
  const { s } = a;
  const at = s.pos;
  if (readWord(s) !== 'skb' || dst !== 0) fail(s, 'E_ASM_SYNTAX', 'load', at, { expected: '"(" or r0 = ... skb[' });
  expectChar(s, 0x5b);
  const isAbsolute = startsNumber(skipBlank(s)) && tryRegister(s) === -1;
  const row = FORM_ROWS.get(formKey('load_packet', isAbsolute ? 'abs' : 'ind', width));
  if (row === undefined) fail(s, 'E_ASM_OPERAND', 'packet access', at, { expected: 'u8, u16 or u32' });
  const src = isAbsolute ? 0 : readWideRegister(s, 'packet offset');
  const code = skipBlank(s);
  const imm = isAbsolute || code === 0x2b || code === 0x2d ? readImm32(s, 'packet offset', a.octal) : 0;
  expectChar(s, 0x5d);
  emit(a, row, 0, src, 0, imm);
}

/** `*(u32 *)(r1 + 8) = r2` or `= 5`. */
function readStore(a: Assembly): void {
  const { s } = a;
  s.pos++;
  skipBlank(s);
  const typeAt = s.pos;
  const width = readPointerType(a);
  const base = readAddress(a);
  const offset = a.offset;
  skipBlank(s);
  const at = s.pos;
  // prettier-ignore
  if (readOperator(a) !== '=') fail(s, 'E_ASM_SYNTAX', 'operator of a store', at, { expected: '"=", or lock before the statement' });
  if (width < 0) fail(s, 'E_ASM_OPERAND', 'access type', typeAt, { expected: 'u8, u16, u32 or u64' });
  if (startsNumber(skipBlank(s))) {
    // prettier-ignore
    emit(a, FORM_ROWS.get(formKey('store_imm', 'store_imm', width))!, base, 0, offset, readImm32(s, 'immediate', a.octal));
    return;
  }
  emit(a, FORM_ROWS.get(formKey('store', 'store', width))!, base, readValueRegister(a, width), offset, 0);
}

/** The register that holds a value of `width` bits: `r1` always, `w1` up to 32 bits. */
function readValueRegister(a: Assembly, width: number): number {
  return width === 64 ? readWideRegister(a.s, '64-bit operand') : readAnyRegister(a.s, 'operand');
}

const ATOMIC_OPS: ReadonlyMap<string, string> = /* @__PURE__ */ new Map(
  Object.entries(ATOMIC_SYMBOLS).map(([op, symbol]) => [symbol, op]),
);

/** `lock *(u64 *)(r1 + 0) += r2`. */
function readLocked(a: Assembly): void {
  const { s } = a;
  expectChar(s, 0x2a);
  skipBlank(s);
  const typeAt = s.pos;
  const width = readPointerType(a);
  const base = readAddress(a);
  const offset = a.offset;
  skipBlank(s);
  const at = s.pos;
  const op = ATOMIC_OPS.get(readOperator(a));
  if (op === undefined) fail(s, 'E_ASM_SYNTAX', 'atomic operator', at, { expected: '+= |= &= or ^=' });
  const row = FORM_ROWS.get(formKey('atomic', op, width));
  if (row === undefined) fail(s, 'E_ASM_OPERAND', 'atomic access', typeAt, { expected: 'u32 or u64' });
  emit(a, row, base, readValueRegister(a, width), offset, 0);
}

function readStoreRelease(a: Assembly): void {
  const { s } = a;
  expectChar(s, 0x28);
  const width = readUnsignedType(a);
  const base = readAddress(a);
  const offset = a.offset;
  expectChar(s, 0x2c);
  const src = readValueRegister(a, width);
  expectChar(s, 0x29);
  emit(a, FORM_ROWS.get(formKey('store_release', 'store_release', width))!, base, src, offset, 0);
}

function readUnsignedType(a: Assembly): number {
  skipBlank(a.s);
  const at = a.s.pos;
  const width = readPointerType(a);
  if (width < 0) fail(a.s, 'E_ASM_OPERAND', 'access type', at, { expected: 'u8, u16, u32 or u64' });
  return width;
}

/** `ld_pseudo r1, 1, 5`: LLVM's spelling of the pseudo sources of ld_imm64. It has no upper half. */
function readPseudo(a: Assembly): void {
  const { s } = a;
  const dst = readWideRegister(s, 'destination');
  expectChar(s, 0x2c);
  skipBlank(s);
  const at = s.pos;
  const source = readInteger(s, 0, 15, 'source', a.octal);
  const row = rowsOfOpcode(OPCODE_LD_IMM64).find((candidate) => candidate.fixed.src_reg === source);
  if (row === undefined) fail(s, 'E_ASM_OPERAND', 'source of ld_imm64', at, { expected: '0 to 6' });
  expectChar(s, 0x2c);
  emitWide(a, row, dst, readImm32(s, 'immediate', a.octal), 0);
}

function readConditional(a: Assembly): void {
  const { s } = a;
  skipBlank(s);
  const at = s.pos;
  const dst = tryRegister(s);
  if (dst === -1) fail(s, 'E_ASM_SYNTAX', 'condition', at, { expected: 'a register' });
  skipBlank(s);
  const operatorAt = s.pos;
  const rows = JMP_ROWS.get(readOperator(a));
  if (rows === undefined) {
    fail(s, 'E_ASM_SYNTAX', 'unknown comparison', operatorAt, { expected: '== != > >= < <= & s> s>= s< s<=' });
  }
  const pair = (dst & NARROW) === 0 ? rows.wide : rows.narrow;
  let src = -1;
  let imm = 0;
  if (startsNumber(skipBlank(s))) imm = readImm32(s, 'immediate', a.octal);
  else {
    const srcAt = s.pos;
    src = tryRegister(s);
    if (src === -1) fail(s, 'E_ASM_SYNTAX', 'operand', srcAt, { expected: 'a register or a number' });
    sameWidth(a, dst, src, srcAt);
  }
  if (!takeWord(s, 'goto')) fail(s, 'E_ASM_SYNTAX', 'conditional jump', s.pos, { expected: '"goto"' });
  const distance = readTarget(a, 'jump');
  if (src === -1) emit(a, pair.imm!, dst & ~NARROW, 0, distance, imm);
  else emit(a, pair.reg!, dst & ~NARROW, src & ~NARROW, distance, 0);
}

/**
 * What follows `rN =` and looks like a call: byte swaps, fetching atomics, load_acquire, addr_space_cast.
 *
 * @returns false when the word is none of these
 */
function readFunctionForm(a: Assembly, dst: number): boolean {
  const { s } = a;
  const at = s.pos;
  const word = readWord(s);
  const swap = SWAPS.get(word);
  if (swap !== undefined) {
    if (atStatementEnd(s) || takeLl(s)) return false;
    if ((dst & NARROW) !== 0)
      fail(s, 'E_ASM_OPERAND', 'destination of a byte swap', at, { expected: `r${dst & ~NARROW}` });
    skipBlank(s);
    const srcAt = s.pos;
    // prettier-ignore
    if (tryRegister(s) !== dst) fail(s, 'E_ASM_OPERAND', 'byte swap of another register', srcAt, { expected: registerName(dst) });
    emit(a, swap, dst, 0, 0, 0);
    return true;
  }
  if (skipBlank(s) !== 0x28) return false;
  const fetch = FETCHES.get(word);
  if (fetch !== undefined) readFetch(a, dst, fetch, at);
  else if (word === 'load_acquire') readLoadAcquire(a, dst);
  else if (word === 'addr_space_cast') readAddrSpaceCast(a, dst);
  else {
    const expected = nearest(word, [...FETCHES.keys(), 'load_acquire', 'addr_space_cast']);
    // prettier-ignore
    fail(s, 'E_ASM_SYNTAX', 'unknown instruction', at, { expected: expected === undefined ? 'atomic_fetch_add or the like' : `${expected}?` });
  }
  return true;
}

const SWAPS: ReadonlyMap<string, InsnRow> = /* @__PURE__ */ new Map(
  [...FORM_ROWS.values()].filter((row) => row.kind === 'end').map((row) => [row.name, row]),
);

/** A fetching atomic under one of its names. */
interface Fetch {
  readonly op: string;
  /** Width in the name; undefined: the pointer type tells. */
  readonly width: number | undefined;
}

/**
 * Names of LLVM (`xchg_64`, `cmpxchg32_32`), of the kernel's log (`atomic64_xchg`) and of RFC 9669
 * (`atomic_fetch_add_64`).
 */
function fetchNames(): ReadonlyMap<string, Fetch> {
  const names = new Map<string, Fetch>();
  for (const row of FORM_ROWS.values()) {
    if (row.kind !== 'atomic' || (!row.op.startsWith('fetch_') && !row.op.endsWith('xchg'))) continue;
    const { op, width } = row;
    names.set(`atomic_${op}`, { op, width: undefined });
    names.set(`atomic${width === 64 ? 64 : ''}_${op}`, { op, width: width === 64 ? 64 : undefined });
    names.set(`atomic_${op}_${width}`, { op, width });
    if (op.endsWith('xchg')) names.set(`${op}${width === 32 ? 32 : ''}_${width}`, { op, width });
  }
  return names;
}

const FETCHES: ReadonlyMap<string, Fetch> = /* @__PURE__ */ fetchNames();

/** `r2 = atomic_fetch_add((u64 *)(r1 + 0), r2)`, `r0 = cmpxchg_64(r1 + 0, r0, r2)`. */
function readFetch(a: Assembly, dst: number, fetch: Fetch, at: number): void {
  const { s } = a;
  expectChar(s, 0x28);
  const typed = skipBlank(s) === 0x28;
  const typeAt = s.pos;
  const width = typed ? readPointerType(a) : fetch.width;
  if (width === undefined) fail(s, 'E_ASM_SYNTAX', 'atomic operand', typeAt, { expected: '(u32 *) or (u64 *)' });
  // prettier-ignore
  if (fetch.width !== undefined && width !== fetch.width) fail(s, 'E_ASM_OPERAND', 'access type', typeAt, { expected: `u${fetch.width}` });
  const base = typed ? readAddress(a) : readAddressBody(a);
  const offset = a.offset;
  const row = FORM_ROWS.get(formKey('atomic', fetch.op, width));
  if (row === undefined) fail(s, 'E_ASM_OPERAND', 'atomic access', at, { expected: 'u32 or u64' });
  if (fetch.op === 'cmpxchg') {
    expectChar(s, 0x2c);
    skipBlank(s);
    const oldAt = s.pos;
    const old = readValueRegister(a, width);
    if (old !== 0) fail(s, 'E_ASM_OPERAND', 'compared register', oldAt, { expected: 'r0' });
  }
  expectChar(s, 0x2c);
  const src = readValueRegister(a, width);
  expectChar(s, 0x29);
  const result = fetch.op === 'cmpxchg' ? 0 : src;
  if ((dst & ~NARROW) !== result || (width === 64 && (dst & NARROW) !== 0)) {
    const expected = fetch.op === 'cmpxchg' ? 'r0' : `r${src}, the register of the operand`;
    fail(s, 'E_ASM_OPERAND', `result of ${fetch.op}`, at, { expected, got: registerName(dst) });
  }
  emit(a, row, base, src, offset, 0);
}

function readLoadAcquire(a: Assembly, dst: number): void {
  const { s } = a;
  expectChar(s, 0x28);
  skipBlank(s);
  const at = s.pos;
  const width = readUnsignedType(a);
  const base = readAddress(a);
  expectChar(s, 0x29);
  // prettier-ignore
  if (width === 64 && (dst & NARROW) !== 0) fail(s, 'E_ASM_OPERAND', 'load into a 32-bit register', at, { expected: 'u8, u16 or u32' });
  emit(a, FORM_ROWS.get(formKey('load_acquire', 'load_acquire', width))!, dst & ~NARROW, base, a.offset, 0);
}

/** `r1 = addr_space_cast(r2, 0, 1)`: the numbers are the address spaces, the halves of `imm`. */
function readAddrSpaceCast(a: Assembly, dst: number): void {
  const { s } = a;
  // prettier-ignore
  if ((dst & NARROW) !== 0) fail(s, 'E_ASM_OPERAND', 'destination of a cast', s.pos, { expected: `r${dst & ~NARROW}`, got: registerName(dst) });
  expectChar(s, 0x28);
  const src = readWideRegister(s, 'operand');
  expectChar(s, 0x2c);
  const to = readInteger(s, 0, 65535, 'address space', a.octal);
  expectChar(s, 0x2c);
  const from = readInteger(s, 0, 65535, 'address space', a.octal);
  expectChar(s, 0x29);
  emit(a, ADDR_SPACE_CAST, dst, src, 0, (to << 16) | from);
}
