/**
 * Directives: maps, functions, raw slots, and those of ELF assemblers that mean nothing here or name the section.
 */
import { decodeInsns, makeInsn } from '@polybpf/isa';
import { defineLabel, nearest, unfinishedBytes, type Assembly } from './assembly.ts';
import { readMapDirective } from './map-directive.ts';
import { readSymbol } from './operands.ts';
import {
  errorAt,
  expectChar,
  fail,
  readImm32,
  readImm64,
  readInteger,
  readString,
  readWord,
  skipBlank,
  skipLine,
  takeChar,
} from './scanner.ts';

/** What clang and gcc write around code and what has no meaning for a program. */
// prettier-ignore
const IGNORED = new Set([
  '.file', '.ident', '.p2align', '.align', '.balign', '.size', '.addrsig', '.addrsig_sym', '.loc', '.hidden', '.local',
  '.cfi_sections', '.cfi_startproc', '.cfi_endproc', '.protected',
]);

const DIRECTIVES: ReadonlyMap<string, (a: Assembly) => void> = new Map<string, (a: Assembly) => void>([
  ['.map', (a) => readMapDirective(a)],
  ['.function', readFunction],
  ['.type', readType],
  ['.globl', readGlobal],
  ['.global', readGlobal],
  ['.extern', (a) => declareExtern(a, false)],
  ['.weak', (a) => declareExtern(a, true)],
  ['.insn', readRawInsn],
  ['.byte', readBytes],
  ['.quad', readQuads],
  ['.8byte', readQuads],
  ['.license', (a) => void (a.license = readQuoted(a, 'licence'))],
  ['.section', readSection],
  ['.text', (a) => enterSection(a, '.text')],
  ['.data', (a) => refuseData(a, '.data', a.s.pos)],
  ['.bss', (a) => refuseData(a, '.bss', a.s.pos)],
]);

/** Directives that end a section. */
const SECTIONS = new Set(['.section', '.text', '.data', '.bss']);

/** The directive `word`, which stands at `at`; `pos` is behind it. */
export function readDirective(a: Assembly, word: string, at: number): void {
  const directive = DIRECTIVES.get(word);
  if (a.skipping && !SECTIONS.has(word)) return skipLine(a.s);
  if (directive !== undefined) return directive(a);
  if (IGNORED.has(word)) return skipLine(a.s);
  const near = nearest(word, DIRECTIVES.keys());
  fail(a.s, 'E_ASM_DIRECTIVE', 'unknown directive', at, { expected: near === undefined ? 'a directive' : `${near}?` });
}

/** `.function NAME`: a function starts here. */
function readFunction(a: Assembly): void {
  skipBlank(a.s);
  const at = a.s.pos;
  const name = readSymbol(a.s, 'function');
  a.functions.add(name);
  defineLabel(a, name, at);
}

/** `.type NAME,@function`: the label NAME is a function. */
function readType(a: Assembly): void {
  const name = readSymbol(a.s, 'symbol');
  takeChar(a.s, 0x2c);
  if (!takeChar(a.s, 0x40)) takeChar(a.s, 0x25);
  const type = readWord(a.s);
  if (type === 'function' || type === 'STT_FUNC') a.functions.add(name);
}

function readGlobal(a: Assembly): void {
  do a.functions.add(readSymbol(a.s, 'symbol'));
  while (takeChar(a.s, 0x2c));
}

function declareExtern(a: Assembly, weak: boolean): void {
  do a.externs.set(readSymbol(a.s, 'symbol'), weak);
  while (takeChar(a.s, 0x2c));
}

/** `.insn opcode, dst_reg, src_reg, offset, imm`: one slot as it is, legal or not, the same in both byte orders. */
function readRawInsn(a: Assembly): void {
  const { s, octal } = a;
  if (a.bytes.length > 0) unfinishedBytes(a);
  const opcode = readInteger(s, 0, 255, 'opcode', octal);
  expectChar(s, 0x2c);
  const dst_reg = readInteger(s, 0, 15, 'dst_reg', octal);
  expectChar(s, 0x2c);
  const src_reg = readInteger(s, 0, 15, 'src_reg', octal);
  expectChar(s, 0x2c);
  const offset = readInteger(s, -32768, 32767, 'offset', octal);
  expectChar(s, 0x2c);
  a.insns.push(makeInsn(opcode, dst_reg, src_reg, offset, readImm32(s, 'imm', octal)));
}

/** `.byte 0xb7, 0, ...`: bytes in memory order; eight make a slot, over several directives too. */
function readBytes(a: Assembly): void {
  do {
    pushByte(a, readInteger(a.s, -128, 255, 'byte', a.octal) & 255);
  } while (takeChar(a.s, 0x2c));
}

/** `.quad 0x00000001000000b7`: 64-bit words in the byte order of the program. */
function readQuads(a: Assembly): void {
  do {
    const { low, high } = readImm64(a.s, a.octal);
    const halves = a.endian === 'little' ? [low, high] : [high, low];
    for (const half of halves) {
      for (let i = 0; i < 4; i++) pushByte(a, (half >>> (a.endian === 'little' ? 8 * i : 24 - 8 * i)) & 255);
    }
  } while (takeChar(a.s, 0x2c));
}

function pushByte(a: Assembly, byte: number): void {
  a.bytes.push(byte);
  if (a.bytes.length < 8) return;
  a.insns.push(decodeInsns(Uint8Array.from(a.bytes), a.endian)[0]!);
  a.bytes.length = 0;
}

function readQuoted(a: Assembly, what: string): string {
  if (skipBlank(a.s) !== 0x22) fail(a.s, 'E_ASM_DIRECTIVE', what, a.s.pos, { expected: 'a string in double quotes' });
  return readString(a.s);
}

/** `.section xdp,"ax",@progbits`: code. Debug sections and notes are skipped; data has no place but `.map`. */
function readSection(a: Assembly): void {
  skipBlank(a.s);
  const at = a.s.pos;
  const name = readSectionName(a);
  let flags = 'ax';
  if (takeChar(a.s, 0x2c)) flags = skipBlank(a.s) === 0x22 ? readString(a.s) : readWord(a.s);
  else if (/^\.(BTF|debug|llvm|note|comment|strtab|symtab)/.test(name)) flags = '';
  skipLine(a.s);
  if (flags.includes('x')) return enterSection(a, name);
  if (!flags.includes('a')) {
    a.skipping = true;
    return;
  }
  refuseData(a, name, at);
}

function refuseData(a: Assembly, name: string, at: number): never {
  throw errorAt(a.s, 'E_UNSUPPORTED', `data section ${name.slice(0, 80)}`, at, {
    expected: 'maps and data declared with .map',
  });
}

function readSectionName(a: Assembly): string {
  if (skipBlank(a.s) === 0x22) return readString(a.s);
  const start = a.s.pos;
  const { text } = a.s;
  for (let code = text.charCodeAt(a.s.pos); ; code = text.charCodeAt(++a.s.pos)) {
    // Section names hold slashes, as in tracepoint/syscalls/sys_enter_openat.
    if (Number.isNaN(code) || code === 0x2c || code <= 0x20) break;
  }
  if (a.s.pos === start) fail(a.s, 'E_ASM_DIRECTIVE', 'section', start, { expected: 'a name' });
  return text.slice(start, a.s.pos);
}

function enterSection(a: Assembly, name: string): void {
  a.skipping = false;
  if (a.section === undefined || a.insns.length === 0) a.section = name;
}
