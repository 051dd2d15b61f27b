/**
 * What stands before instructions in listings: addresses, hex columns, opcodes of the verifier log, headers of
 * llvm-objdump and bpftool, relocation lines.
 *
 * ```text
 *        3:  85 10 00 00 ff ff ff ff   call -0x1        llvm-objdump -d
 *            0000000000000018:  R_BPF_64_32  add        llvm-objdump -dr
 *   0000000000000018 <add>:                             llvm-objdump: a label
 *   7: (15) if r0 == 0x0 goto pc+2                      verifier log, bpftool prog dump xlated
 * ```
 */
import { decodeInsns, rowOf, type Insn, type InsnRow } from '@polybpf/isa';
import { defineLabel, defineNumericLabel, type Assembly } from './assembly.ts';
import {
  errorAt,
  fail,
  hexValue,
  isDigit,
  isWordChar,
  readSymbolTail,
  readWord,
  skipBlank,
  skipLine,
} from './scanner.ts';

/** What {@link readListingPrefix} found. */
export type Prefix = 'instruction' | 'line-done';

/** Reads what starts with a digit at the beginning of a line. */
export function readListingPrefix(a: Assembly): Prefix {
  const { s } = a;
  const start = s.pos;
  let end = start;
  let isDecimal = true;
  for (let code = s.text.charCodeAt(end); hexValue(code) !== -1; code = s.text.charCodeAt(++end)) {
    if (!isDigit(code)) isDecimal = false;
  }
  s.pos = end;
  const code = skipBlank(s);
  if (code === 0x3c) return readHeader(a);
  if (code !== 0x3a || end - start > 16)
    fail(s, 'E_ASM_SYNTAX', 'unexpected number', start, { expected: 'an instruction' });
  s.pos++;
  skipBlank(s);
  if (s.text.startsWith('R_BPF_', s.pos)) return readRelocation(a);
  if (isVerifierState(a)) {
    skipLine(s);
    return 'line-done';
  }
  if (isDecimal) defineNumericLabel(a, s.text.slice(start, end), start);
  return 'instruction';
}

/** `<add>:` */
function readHeader(a: Assembly): Prefix {
  const { s } = a;
  const at = s.pos++;
  const name = readSymbolTail(s, 0x3e);
  if (name === '' || s.text.charCodeAt(s.pos) !== 0x3a)
    fail(s, 'E_ASM_SYNTAX', 'header of a listing', at, { expected: '<name>:' });
  s.pos++;
  defineLabel(a, name, at);
  // Block labels of older compilers are in the symbol table as functions are.
  if (!/^\.?L(BB)?\d/.test(name.slice(0, 5))) a.functions.add(name);
  return 'line-done';
}

/** `R_BPF_64_64  map`, after the instruction it belongs to. */
function readRelocation(a: Assembly): Prefix {
  const { s } = a;
  const at = s.pos;
  readWord(s);
  skipBlank(s);
  const nameAt = s.pos;
  const name = readSymbolTail(s, 0x0a).trim();
  const last = a.insns.length - 1;
  const isWide = last >= 1 && a.insns[last]!.opcode === 0 && rowOf(a.insns[last - 1]!)?.slots === 2;
  const insn = isWide ? last - 1 : last;
  const row = insn < 0 ? undefined : rowOf(a.insns[insn]!);
  if (row?.kind === 'ld_imm64') a.references.push({ insn, use: 'address', name, pos: nameAt, relocation: true });
  else if (row?.immUse === 'subprogram' || row?.immUse === 'id') {
    a.references.push({ insn, use: 'call', name, pos: nameAt, relocation: true });
  } else fail(s, 'E_ASM_SYNTAX', 'relocation', at, { expected: 'a call or a wide load before it' });
  return 'line-done';
}

/** `0: R1=ctx() R10=fp0`: what the verifier knows, no instruction. */
function isVerifierState(a: Assembly): boolean {
  const { text, pos } = a.s;
  return text.charCodeAt(pos) === 0x52 && /^R\d+(_w)?=[a-z]{3}/.test(text.slice(pos, pos + 12));
}

/** `(b7)`: the opcode of what follows. */
export function readOpcodeHint(a: Assembly): void {
  const { s } = a;
  const high = hexValue(s.text.charCodeAt(s.pos + 1));
  const low = hexValue(s.text.charCodeAt(s.pos + 2));
  if (high === -1 || low === -1 || s.text.charCodeAt(s.pos + 3) !== 0x29) {
    fail(s, 'E_ASM_SYNTAX', 'unexpected text', s.pos, { expected: 'an instruction' });
  }
  a.hint = high * 16 + low;
  s.pos += 4;
}

/** The hex column here as slots, if there is one: eight bytes, sixteen for ld_imm64. `code` is the character here. */
export function readHexColumn(a: Assembly, code: number): Insn[] | undefined {
  const { s } = a;
  if (hexValue(code) === -1 || !isHexColumn(s.text, s.pos)) return undefined;
  const bytes: number[] = [];
  do {
    for (let i = 0; i < 8; i++) {
      bytes.push(Number.parseInt(s.text.slice(s.pos, s.pos + 2), 16));
      s.pos += 2;
      skipBlank(s);
    }
  } while (bytes.length === 8 && bytes[0] === 0x18 && isHexColumn(s.text, s.pos));
  return decodeInsns(Uint8Array.from(bytes), a.endian);
}

function isHexColumn(text: string, start: number): boolean {
  for (let i = 0, at = start; i < 8; i++, at += 3) {
    if (hexValue(text.charCodeAt(at)) === -1 || hexValue(text.charCodeAt(at + 1)) === -1) return false;
    const next = text.charCodeAt(at + 2);
    if (i < 7 ? next !== 0x20 : isWordChar(next)) return false;
  }
  return true;
}

/**
 * Replaces what the text of a listing line gave, from slot `first` on, by its hex column. Bytes say more than text:
 * llvm-objdump prints three kinds of call alike, `ld_pseudo` without its upper half, and leaves out reserved fields.
 * But they must not contradict each other.
 */
export function preferBytes(a: Assembly, first: number, raw: readonly Insn[], at: number): void {
  const given = a.insns.length - first;
  if (given > 0) {
    const text = a.insns[first]!;
    const bytes = raw[0]!;
    const isSymbolic = a.references.length > 0 && a.references[a.references.length - 1]!.insn >= first;
    const row = isSymbolic ? undefined : rowOf(text);
    const agree =
      given === raw.length &&
      text.opcode === bytes.opcode &&
      text.dst_reg === bytes.dst_reg &&
      (row === undefined || row.offsetUse === 'none' || text.offset === bytes.offset) &&
      (row === undefined || row.immUse === 'none' || isCutByLlvm(row) || text.imm === bytes.imm);
    if (!agree) {
      throw errorAt(a.s, 'E_ASM_OPERAND', 'hex column and text disagree', at, {
        expected: 'the same instruction in the byte order of the program',
      });
    }
  }
  a.insns.length = first;
  a.insns.push(...raw);
}

/** LLVM 19 prints the ordered loads and stores as atomic adds, and `skb[r2]` without its immediate. */
function isCutByLlvm(row: InsnRow): boolean {
  return row.kind === 'atomic' || row.kind === 'load_packet';
}

/** `int prog(struct xdp_md * ctx):` of bpftool: a label. */
export function readPrototype(a: Assembly, start: number): boolean {
  const { s } = a;
  const newline = s.text.indexOf('\n', start);
  const line = s.text.slice(start, newline === -1 ? s.text.length : newline).trimEnd();
  const bracket = line.indexOf('(');
  if (!line.endsWith('):') || bracket <= 0) return false;
  let from = bracket;
  while (from > 0 && isWordChar(line.charCodeAt(from - 1))) from--;
  const name = line.slice(from, bracket);
  if (name === '') return false;
  defineLabel(a, name, start + from);
  a.functions.add(name);
  s.pos = start + line.length;
  return true;
}
