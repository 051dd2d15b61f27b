/**
 * Statements of the kernel syntax: what llvm-mc takes, and the spellings of the verifier log, bpftool and GNU as.
 */
import { rowsOfOpcode, type InsnRow } from '@polybpf/isa';
import { emit, emitWide, imm64Row, nearest, type Assembly } from './assembly.ts';
import {
  FETCHES,
  readFetch,
  readLoad,
  readLoadAcquire,
  readLocked,
  readStore,
  readStoreRelease,
} from './kernel-memory.ts';
import { readOperator, registerName, sameWidth } from './kernel-operands.ts';
import { readPrototype } from './listing.ts';
import {
  NARROW,
  readCall,
  readCallx,
  readImm64Number,
  readImm64Source,
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
  readNumber,
  readWord,
  skipBlank,
  startsNumber,
  takeWord,
} from './scanner.ts';
import { ALU_ROWS, FORM_ROWS, formKey, JMP_ROWS, soleRow } from './syntax.ts';

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
  const isAfterSemicolon = /;[ \t]*$/.test(a.s.text.slice(Math.max(0, at - 8), at));
  const instruction = isAfterSemicolon ? 'an instruction after ";", or "#" before a comment' : 'an instruction';
  const expected = near === undefined ? instruction : `${near}?`;
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
    // `r1 = w2` is how clang writes a 32-bit move whose zero-extended result it goes on with.
    if ((src & NARROW) === 0) sameWidth(a, dst, src, at);
    emit(a, (src & NARROW) === 0 ? pair.reg! : rows.narrow.reg!, dst & ~NARROW, src & ~NARROW, 0, 0);
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
      const value = readNumber(s, a.octal);
      const end = s.pos;
      if (!takeLl(s)) {
        if (value < -2147483648 || value > 4294967295) {
          const got = s.text.slice(at, end).slice(0, 40);
          fail(s, 'E_ASM_OPERAND', 'immediate out of range', at, {
            expected: '32 bits, or "ll" after the number',
            got,
          });
        }
        emit(a, mov, dst & ~NARROW, 0, 0, value | 0);
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
