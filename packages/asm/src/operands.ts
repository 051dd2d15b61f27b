/** Operands that both syntaxes have: registers, code targets, callees, and what an ld_imm64 can load. */
import type { InsnRow } from '@polybpf/isa';
import { emit, emitWide, imm64Row, refer, type Assembly, type ReferenceUse } from './assembly.ts';
import {
  atStatementEnd,
  expectChar,
  fail,
  isDigit,
  isWordChar,
  readImm32,
  readImm64,
  readInteger,
  readString,
  readWord,
  skipBlank,
  startsNumber,
  takeChar,
  takeWord,
  type Scanner,
} from './scanner.ts';
import { soleRow } from './syntax.ts';

/** Set in a register number that was written `w1`. */
export const NARROW = 32;
const REGISTER_NUMBER = 31;

/** The number of `r3`, `%r3` or `w3` after blanks, the last with {@link NARROW}; -1 when there is none. */
export function tryRegister(s: Scanner): number {
  let code = skipBlank(s);
  const start = s.pos;
  let at = start;
  if (code === 0x25) code = s.text.charCodeAt(++at);
  const letter = code | 0x20;
  if (letter !== 0x72 && letter !== 0x77) return -1;
  let digit = s.text.charCodeAt(++at);
  if (!isDigit(digit)) return -1;
  let number = 0;
  while (isDigit(digit)) {
    if (number < 1000) number = number * 10 + digit - 0x30;
    digit = s.text.charCodeAt(++at);
  }
  if (isWordChar(digit)) return -1;
  if (number > 10) fail(s, 'E_ASM_OPERAND', 'register out of range', start, { expected: 'r0 to r10' });
  s.pos = at;
  return letter === 0x77 ? number | NARROW : number;
}

/** A register `r0` to `r10`, not `w0`. */
export function readWideRegister(s: Scanner, what: string): number {
  skipBlank(s);
  const at = s.pos;
  const register = tryRegister(s);
  if (register === -1) fail(s, 'E_ASM_SYNTAX', what, at, { expected: 'a register' });
  if ((register & NARROW) !== 0) fail(s, 'E_ASM_OPERAND', what, at, { expected: `r${register & REGISTER_NUMBER}` });
  return register;
}

/** A register under either name: for values of at most 32 bits, where listings write `r1` or `w1`. */
export function readAnyRegister(s: Scanner, what: string): number {
  const register = tryRegister(s);
  if (register === -1) fail(s, 'E_ASM_SYNTAX', what, s.pos, { expected: 'a register' });
  return register & REGISTER_NUMBER;
}

/** `+ 8`, `-8`, `+ -8` or nothing before the closing bracket, as an offset. */
export function readOffset(a: Assembly): number {
  const code = skipBlank(a.s);
  if (code !== 0x2b && code !== 0x2d) return 0;
  return readInteger(a.s, -32768, 32767, 'offset', a.octal);
}

/** A symbol: a word or a string. */
export function readSymbol(s: Scanner, what: string): string {
  if (skipBlank(s) === 0x22) return readString(s);
  const at = s.pos;
  const name = readWord(s);
  if (name === '' || isDigit(name.charCodeAt(0))) fail(s, 'E_ASM_SYNTAX', what, at, { expected: 'a name' });
  return name;
}

/** Skips what llvm-objdump writes after a target, ` <main+0x18>`. */
export function skipAnnotation(s: Scanner): void {
  if (skipBlank(s) !== 0x3c) return;
  for (let at = s.pos + 1; ; at++) {
    const code = s.text.charCodeAt(at);
    if (Number.isNaN(code) || code === 10) return;
    if (code === 0x3e) {
      s.pos = at + 1;
      return;
    }
  }
}

/** Whether `1f` or `1b` stands here, a reference to a numeric local label. */
function numericReference(s: Scanner): boolean {
  let at = s.pos;
  while (isDigit(s.text.charCodeAt(at))) at++;
  const letter = s.text.charCodeAt(at);
  return at > s.pos && (letter === 0x66 || letter === 0x62) && !isWordChar(s.text.charCodeAt(at + 1));
}

/** `+3`, `pc+3`, `LABEL` or `1f`: the distance, or a reference for the instruction about to be emitted and 0. */
export function readTarget(a: Assembly, use: ReferenceUse): number {
  const { s } = a;
  const code = skipBlank(s);
  const at = s.pos;
  let distance = 0;
  if (isDigit(code) && numericReference(s)) {
    const word = readWord(s);
    refer(a, use, word.slice(0, -1), at, word.endsWith('f') ? 'forward' : 'backward');
  } else if (startsNumber(code)) distance = readDistance(a, use);
  else if (code === 0x22) refer(a, use, readString(s), at);
  else {
    const name = readWord(s);
    if (name === '') fail(s, 'E_ASM_SYNTAX', 'jump target', at, { expected: 'a distance or a label' });
    if (name === 'pc' && isSign(s.text.charCodeAt(s.pos))) distance = readDistance(a, use);
    else refer(a, use, name, at);
  }
  skipAnnotation(s);
  return distance;
}

function isSign(code: number): boolean {
  return code === 0x2b || code === 0x2d;
}

function readDistance(a: Assembly, use: ReferenceUse): number {
  return use === 'jump'
    ? readInteger(a.s, -32768, 32767, 'jump distance', a.octal)
    : readInteger(a.s, -2147483648, 2147483647, 'distance', a.octal);
}

const CALL_LOCAL: InsnRow = /* @__PURE__ */ soleRow('call_local');
const CALL_KFUNC: InsnRow = /* @__PURE__ */ soleRow('call_kfunc');
const CALL_HELPER: InsnRow = /* @__PURE__ */ soleRow('call_helper');
const CALLX: InsnRow = /* @__PURE__ */ soleRow('callx');

/** `callx r2`. */
export function readCallx(a: Assembly): void {
  emit(a, CALLX, readWideRegister(a.s, 'callee'), 0, 0, 0);
}

/**
 * What follows `call`:
 *
 * ```text
 *   5  helper 5  bpf_map_lookup_elem#1      a helper by id
 *   pc+5  local +5  local NAME  NAME        a function of this program
 *   kfunc 1234  kfunc 1234, 2  kfunc NAME   a kfunc by BTF id, of module 2 of the fd array
 *   r2                                      the address in a register
 * ```
 */
export function readCall(a: Assembly): void {
  const { s } = a;
  const code = skipBlank(s);
  const at = s.pos;
  if (startsNumber(code)) emit(a, CALL_HELPER, 0, 0, 0, readImm32(s, 'helper id', a.octal));
  else if (code === 0x22) callSymbol(a, readString(s), at);
  else {
    const register = tryRegister(s);
    if (register !== -1) {
      s.pos = at;
      return readCallx(a);
    }
    const word = readWord(s);
    if (word === '') fail(s, 'E_ASM_SYNTAX', 'callee', at, { expected: 'a helper id, a function or a register' });
    if (word === 'pc' && isSign(s.text.charCodeAt(s.pos))) emit(a, CALL_LOCAL, 0, 0, 0, readDistance(a, 'local-call'));
    else if (s.text.charCodeAt(s.pos) === 0x23 && isDigit(s.text.charCodeAt(s.pos + 1))) {
      s.pos++;
      emit(a, CALL_HELPER, 0, 0, 0, readImm32(s, 'helper id', false));
    } else if (atStatementEnd(s) || !callKeyword(a, word)) callSymbol(a, word, at);
  }
  skipAnnotation(s);
}

function callKeyword(a: Assembly, word: string): boolean {
  const { s } = a;
  if (word === 'local') emit(a, CALL_LOCAL, 0, 0, 0, readTarget(a, 'local-call'));
  else if (word === 'helper') emit(a, CALL_HELPER, 0, 0, 0, readImm32(s, 'helper id', a.octal));
  else if (word === 'kfunc') {
    if (startsNumber(skipBlank(s))) {
      const id = readImm32(s, 'BTF id', a.octal);
      const module = takeChar(s, 0x2c) ? readInteger(s, -32768, 32767, 'module index', a.octal) : 0;
      emit(a, CALL_KFUNC, 0, 0, module, id);
    } else {
      const symbol = readSymbol(s, 'kfunc');
      a.relocations.push({ insn: a.insns.length, kind: 'kfunc', symbol, addend: 0, ...weakness(a, symbol) });
      emit(a, CALL_KFUNC, 0, 0, 0, -1);
    }
  } else return false;
  return true;
}

function weakness(a: Assembly, symbol: string): { weak?: true } {
  return a.externs.get(symbol) === true ? { weak: true } : {};
}

function callSymbol(a: Assembly, name: string, pos: number): void {
  refer(a, 'call', name, pos);
  emit(a, CALL_HELPER, 0, 0, 0, -1);
}

const IMM64: InsnRow = /* @__PURE__ */ imm64Row('imm64')!;
const FUNC: InsnRow = /* @__PURE__ */ imm64Row('func')!;
const MAP_IDX: InsnRow = /* @__PURE__ */ imm64Row('map_idx')!;
const MAP_IDX_VALUE: InsnRow = /* @__PURE__ */ imm64Row('map_idx_value')!;

/** Both slots of an ld_imm64 of a plain number, which stands at `pos`. */
export function readImm64Number(a: Assembly, dst: number): void {
  const { low, high } = readImm64(a.s, a.octal);
  emitWide(a, IMM64, dst, low, high);
}

/**
 * What an ld_imm64 loads, other than a plain number:
 *
 * ```text
 *   map_fd[3]  map_value[3][8]  map_idx[0]  map_idx_value[0][8]  btf_id[77]  btf_id[77][4]   by number
 *   func +5  func NAME                                    address of a function of this program
 *   map NAME  map_value NAME[8]                           a map declared with .map
 *   extern NAME  extern NAME[8]                           a symbol that stays unresolved, and an addend
 *   NAME                                                  a map, a function, or a name declared .extern
 *   map[id:3]  map[id:3][0]+8  map[idx:0]  map[idx:0][0]+8  subprog[+5]     as bpftool prints
 * ```
 */
export function readImm64Source(a: Assembly, dst: number): void {
  const { s } = a;
  const code = skipBlank(s);
  const at = s.pos;
  if (code === 0x22) return addressOf(a, readString(s), at, dst);
  const word = readWord(s);
  if (word === '') fail(s, 'E_ASM_SYNTAX', 'operand', at, { expected: 'a register, number or name' });
  const next = skipBlank(s);
  const isName = next === 0x22 || (isWordChar(next) && !isDigit(next) && !endsImm64(s));
  const row = imm64Row(word);
  if (next === 0x5b && word === 'map') return bpftoolMap(a, dst);
  if (next === 0x5b && word === 'subprog') {
    s.pos++;
    const distance = readDistance(a, 'func');
    expectChar(s, 0x5d);
    return emitWide(a, FUNC, dst, distance, 0);
  }
  if (next === 0x5b && row !== undefined && row !== IMM64 && row !== FUNC) {
    const low = bracketed(a, 'id');
    const high = row.nextImmUse !== 'none' && skipBlank(s) === 0x5b ? bracketed(a, 'offset') : 0;
    return emitWide(a, row, dst, low, high);
  }
  if (word === 'func' && (isName || isSign(next))) return emitFunc(a, dst);
  if (word === 'map' && isName) {
    mapReference(a, 'map');
    return emitWide(a, MAP_IDX, dst, 0, 0);
  }
  if (word === 'map_value' && isName) {
    mapReference(a, 'map-value');
    return emitWide(a, MAP_IDX_VALUE, dst, 0, skipBlank(s) === 0x5b ? bracketed(a, 'offset') : 0);
  }
  if (word === 'extern' && isName) {
    const symbol = readSymbol(s, 'symbol');
    const addend = skipBlank(s) === 0x5b ? bracketed(a, 'addend') : 0;
    a.relocations.push({ insn: a.insns.length, kind: 'extern', symbol, addend, ...weakness(a, symbol) });
    return emitWide(a, IMM64, dst, -1, 0);
  }
  addressOf(a, word, at, dst);
}

function addressOf(a: Assembly, name: string, pos: number, dst: number): void {
  refer(a, 'address', name, pos);
  emitWide(a, IMM64, dst, 0, 0);
}

function emitFunc(a: Assembly, dst: number): void {
  const distance = readTarget(a, 'func');
  emitWide(a, FUNC, dst, distance, 0);
}

function mapReference(a: Assembly, use: 'map' | 'map-value'): void {
  skipBlank(a.s);
  const at = a.s.pos;
  refer(a, use, readSymbol(a.s, 'map'), at);
}

/** Whether the word here is the `ll` that ends a wide immediate. */
function endsImm64(s: Scanner): boolean {
  return s.text.startsWith('ll', s.pos) && !isWordChar(s.text.charCodeAt(s.pos + 2));
}

function bracketed(a: Assembly, what: string): number {
  expectChar(a.s, 0x5b);
  const value = readImm32(a.s, what, a.octal);
  expectChar(a.s, 0x5d);
  return value;
}

function bpftoolMap(a: Assembly, dst: number): void {
  const { s } = a;
  expectChar(s, 0x5b);
  const at = s.pos;
  const key = readWord(s);
  const op = key === 'idx' ? 'map_idx' : 'map_fd';
  if (op === 'map_fd' && key !== 'id' && key !== 'fd') {
    fail(s, 'E_ASM_SYNTAX', 'map', at, { expected: 'id:, fd: or idx:' });
  }
  expectChar(s, 0x3a);
  const id = readImm32(s, 'map id', false);
  expectChar(s, 0x5d);
  const isValue = skipBlank(s) === 0x5b || isSign(skipBlank(s));
  if (takeChar(s, 0x5b)) {
    readInteger(s, 0, 0, 'map key', false);
    expectChar(s, 0x5d);
  }
  const offset = isSign(skipBlank(s)) ? readImm32(s, 'offset', false) : 0;
  const row = imm64Row(isValue ? (op === 'map_fd' ? 'map_value' : 'map_idx_value') : op)!;
  emitWide(a, row, dst, id, offset);
}

/** Takes the `ll` of a wide immediate, when it is there. */
export function takeLl(s: Scanner): boolean {
  return takeWord(s, 'll');
}
