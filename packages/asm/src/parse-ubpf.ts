/** Statements of the ubpf syntax, `mnemonic operand, operand`, as the public conformance suite writes them. */
import { INSN_TABLE, type InsnRow } from '@polybpf/isa';
import { emit, nearest, type Assembly } from './assembly.ts';
import {
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
import { expectChar, fail, readImm32, readWord, skipBlank, startsNumber } from './scanner.ts';
import { mnemonicsOf, type RowPair } from './syntax.ts';

/** Mnemonics and their rows; an operation on an immediate and on a register share one. */
function buildMnemonics(): ReadonlyMap<string, RowPair> {
  const mnemonics = new Map<string, RowPair>();
  for (const row of INSN_TABLE) {
    for (const name of mnemonicsOf(row)) {
      const known = mnemonics.get(name) ?? { imm: undefined, reg: undefined };
      mnemonics.set(name, row.source === 'imm' ? { ...known, imm: row } : { ...known, reg: row });
    }
  }
  return mnemonics;
}

const MNEMONICS: ReadonlyMap<string, RowPair> = /* @__PURE__ */ buildMnemonics();

/** One statement, without its end. */
export function parseUbpfStatement(a: Assembly): void {
  const { s } = a;
  skipBlank(s);
  const at = s.pos;
  const word = readWord(s);
  if (word === 'call') return readCall(a);
  if (word === 'callx') return readCallx(a);
  const rows = MNEMONICS.get(word === 'lock' ? readLockedName(a) : word);
  if (rows === undefined) unknownMnemonic(a, at);
  readOperands(a, rows);
}

function readLockedName(a: Assembly): string {
  const word = readWord(a.s);
  return word === 'fetch' ? `lock fetch ${readWord(a.s)}` : `lock ${word}`;
}

/** Whether `word` starts a statement of this syntax. */
export function isUbpfStatement(word: string): boolean {
  return word === 'call' || word === 'callx' || word === 'lock' || MNEMONICS.has(word);
}

function unknownMnemonic(a: Assembly, at: number): never {
  const written = a.s.text.slice(at, a.s.pos).slice(0, 60);
  const near = nearest(written.replace(/\s+/g, ' '), MNEMONICS.keys());
  const expected = near === undefined ? 'an instruction' : `${near}?`;
  return fail(a.s, 'E_ASM_SYNTAX', 'unknown instruction', at, { expected, got: `"${written}"` });
}

function readOperands(a: Assembly, rows: RowPair): void {
  const { s } = a;
  const row = rows.reg ?? rows.imm!;
  switch (row.kind) {
    case 'alu':
    case 'jmp':
      return readArithmetic(a, rows);
    case 'end':
      return emit(a, row, readWideRegister(s, 'destination'), 0, 0, 0);
    case 'addr_space_cast': {
      const dst = readWideRegister(s, 'destination');
      expectChar(s, 0x2c);
      const src = readWideRegister(s, 'source');
      expectChar(s, 0x2c);
      return emit(a, row, dst, src, 0, readImm32(s, 'immediate', a.octal));
    }
    case 'ja':
    case 'may_goto':
      return readJump(a, row);
    case 'exit':
      if (a.firstExit === -1) a.firstExit = a.insns.length;
      return emit(a, row, 0, 0, 0, 0);
    case 'ld_imm64':
      return readLddw(a);
    case 'load':
    case 'load_acquire': {
      const dst = readWideRegister(s, 'destination');
      expectChar(s, 0x2c);
      const src = readMemory(a);
      return emit(a, row, dst, src, a.offset, 0);
    }
    case 'store':
    case 'store_release':
    case 'atomic': {
      const dst = readMemory(a);
      expectChar(s, 0x2c);
      return emit(a, row, dst, readWideRegister(s, 'source'), a.offset, 0);
    }
    case 'store_imm': {
      const dst = readMemory(a);
      expectChar(s, 0x2c);
      return emit(a, row, dst, 0, a.offset, readImm32(s, 'immediate', a.octal));
    }
    case 'load_packet': {
      const src = row.op === 'ind' ? readWideRegister(s, 'packet offset') : 0;
      if (row.op === 'ind') expectChar(s, 0x2c);
      return emit(a, row, 0, src, 0, readImm32(s, 'packet offset', a.octal));
    }
    case 'call_helper':
    case 'call_local':
    case 'call_kfunc':
    case 'callx':
      return readCall(a);
  }
}

function readJump(a: Assembly, row: InsnRow): void {
  if (row.offsetUse === 'jump') emit(a, row, 0, 0, readTarget(a, 'jump'), 0);
  else emit(a, row, 0, 0, 0, readTarget(a, 'far-jump'));
}

/** `dst`, `dst, src`, `dst, imm`, and a target after those of a jump. */
function readArithmetic(a: Assembly, { imm, reg }: RowPair): void {
  const { s } = a;
  const dst = readWideRegister(s, 'destination');
  const isUnary = imm === undefined && reg!.src === 'none';
  if (isUnary) return emit(a, reg!, dst, 0, 0, 0);
  expectChar(s, 0x2c);
  const code = skipBlank(s);
  const at = s.pos;
  let src = -1;
  let value = 0;
  if (startsNumber(code)) value = readImm32(s, 'immediate', a.octal);
  else if (tryRegister(s) !== -1) {
    s.pos = at;
    src = readWideRegister(s, 'source');
  } else fail(s, 'E_ASM_SYNTAX', 'operand', at, { expected: 'a register or a number' });
  const row = src === -1 ? imm : reg;
  if (row === undefined) fail(s, 'E_ASM_OPERAND', 'operand', at, { expected: 'a register' });
  let distance = 0;
  if (row.kind === 'jmp') {
    expectChar(s, 0x2c);
    distance = readTarget(a, 'jump');
  }
  emit(a, row, dst, src === -1 ? 0 : src, distance, value);
}

/** `[%r1+8]`: the register; the offset is left in `a.offset`. */
function readMemory(a: Assembly): number {
  expectChar(a.s, 0x5b);
  const base = readWideRegister(a.s, 'address');
  a.offset = readOffset(a);
  expectChar(a.s, 0x5d);
  return base;
}

function readLddw(a: Assembly): void {
  const dst = readWideRegister(a.s, 'destination');
  expectChar(a.s, 0x2c);
  if (startsNumber(skipBlank(a.s))) readImm64Number(a, dst);
  else readImm64Source(a, dst);
  takeLl(a.s);
}
