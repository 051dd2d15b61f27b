/** Text to a `Program`: lines, labels, statements; the rest is in the parsers and directives. */
import {
  findSubprograms,
  makeProgram,
  type Endian,
  type Insn,
  type Program,
  type SourceLine,
  type Subprogram,
} from '@polybpf/isa';
import { defineLabel, defineNumericLabel, resolveReferences, unfinishedBytes, type Assembly } from './assembly.ts';
import { readDirective } from './directives.ts';
import { preferBytes, readHexColumn, readListingPrefix, readOpcodeHint } from './listing.ts';
import { isKernelStatement, parseKernelStatement } from './parse-kernel.ts';
import { isUbpfStatement, parseUbpfStatement } from './parse-ubpf.ts';
import {
  atStatementEnd,
  fail,
  findLine,
  isDigit,
  isLineComment,
  isWordChar,
  makeScanner,
  readString,
  readSymbolTail,
  readWord,
  skipBlank,
  skipLine,
} from './scanner.ts';
import type { Syntax } from './syntax.ts';

export interface AssembleOptions {
  /** Default `kernel`; {@link detectSyntax} tells which one a text is in. */
  readonly syntax?: Syntax;
  /** Byte order of the program; default little. */
  readonly endian?: Endian;
  /** Name of the program; default: that of the function at its start, or `main`. */
  readonly name?: string;
  /** File name for errors and source lines. */
  readonly file?: string;
  /** The id of a helper by name, for `call bpf_map_lookup_elem`; without it helpers are called by id. */
  readonly helperId?: (name: string) => number | undefined;
  /** Whether the program gets its assembly text as source lines; default true. */
  readonly lines?: boolean;
}

/**
 * Assembles text. Both syntaxes, labels and directives are described in the README of this package.
 *
 * Instructions are encoded as they are written: a program that no verifier accepts, or one that jumps out of itself,
 * assembles. `checkInsns` of `@polybpf/isa` says what is wrong with it.
 *
 * @throws BpfError `E_ASM_*` with file, line, column and the line's text; `E_UNSUPPORTED` for data sections
 */
export function assemble(text: string, options: AssembleOptions = {}): Program {
  const a = startAssembly(text, options);
  const lines: SourceLine[] = [];
  while (!Number.isNaN(readBlankLines(a))) readLine(a, options.lines === false ? undefined : lines);
  if (a.bytes.length > 0) unfinishedBytes(a);
  resolveReferences(a);
  const subprograms = nameSubprograms(a, options.name ?? 'main');
  return makeProgram(a.insns, {
    name: options.name ?? subprograms[0]?.name ?? 'main',
    endian: a.endian,
    subprograms,
    maps: a.maps,
    relocations: a.relocations,
    lines,
    ...(a.section !== undefined && { section: a.section }),
    ...(a.license !== undefined && { license: a.license }),
  });
}

/**
 * The slots of one or more statements, without names: for tests, prompts and patches.
 *
 * @throws BpfError `E_ASM_*`
 */
export function parseInsns(text: string, syntax: Syntax = 'kernel'): readonly Insn[] {
  return assemble(text, { syntax, lines: false }).insns;
}

function startAssembly(text: string, options: AssembleOptions): Assembly {
  const syntax = options.syntax ?? 'kernel';
  return {
    s: makeScanner(text, options.file),
    syntax,
    endian: options.endian ?? 'little',
    octal: syntax === 'kernel',
    helperId: options.helperId,
    insns: [],
    labels: new Map(),
    numericLabels: new Map(),
    references: [],
    functions: new Set(),
    externs: new Map(),
    maps: [],
    mapIndex: new Map(),
    relocations: [],
    bytes: [],
    sectionStarts: new Map(),
    section: undefined,
    license: undefined,
    skipping: false,
    hint: -1,
    firstExit: -1,
    offset: 0,
  };
}

/** Skips empty lines and lines of comment; a `;` at the start of a line is one, as in the verifier log and `-S`. */
function readBlankLines({ s }: Assembly): number {
  for (;;) {
    const code = skipBlank(s);
    if (code === 10) s.pos++;
    else if (code === 0x3b || isLineComment(s, code)) skipLine(s);
    else return code;
  }
}

/** One line of text: prefix, then labels and statements up to its end. */
function readLine(a: Assembly, lines: SourceLine[] | undefined): void {
  const { s } = a;
  a.hint = -1;
  let code = skipBlank(s);
  if (a.skipping) {
    const word = code === 0x2e ? readWord(s) : '';
    if (word !== '' && s.text.charCodeAt(s.pos) !== 0x3a) readDirective(a, word, s.pos - word.length);
    return skipLine(s);
  }
  let raw = readHexColumn(a, code);
  if (raw === undefined && (isDigit(code) || (code === 0x2f && isFileHeader(a)))) {
    if (code === 0x2f || readListingPrefix(a) === 'line-done') {
      endLine(a, false);
      return;
    }
    code = skipBlank(s);
    raw = readHexColumn(a, code);
  }
  const isAddressed = code === 0x28;
  if (isAddressed) readOpcodeHint(a);
  for (;;) {
    readLabels(a);
    if (!atStatementEnd(s) || raw !== undefined) readStatement(a, raw, lines);
    if (!endLine(a, isAddressed)) return;
  }
}

/** `/tmp/prog.o:  file format elf64-bpf`; consumed up to the end of the line. */
function isFileHeader({ s }: Assembly): boolean {
  const newline = s.text.indexOf('\n', s.pos);
  const line = s.text.slice(s.pos, Math.min(newline === -1 ? s.text.length : newline, s.pos + 4096));
  if (!line.includes(': file format ') && !line.includes(':\tfile format ')) return false;
  skipLine(s);
  return true;
}

/** Labels before a statement: `name:`, `"any name":`, and the headings of listings, which look like it. */
function readLabels(a: Assembly): void {
  const { s } = a;
  for (;;) {
    const code = skipBlank(s);
    const at = s.pos;
    if (!isWordChar(code) && code !== 0x22) return;
    if (isDigit(code) && !isNumericLabel(a)) return;
    const name = code === 0x22 ? readString(s) : readWord(s);
    if (skipBlank(s) !== 0x3a) {
      s.pos = at;
      if (name === 'Disassembly' && s.text.startsWith('Disassembly of section ', at)) readSectionHeading(a);
      return;
    }
    s.pos++;
    skipBlank(s);
    if (s.text.startsWith('file format ', s.pos)) return skipLine(s);
    if (isDigit(code)) defineNumericLabel(a, name, at);
    else defineLabel(a, name, at);
  }
}

function isNumericLabel({ s }: Assembly): boolean {
  let at = s.pos;
  while (isDigit(s.text.charCodeAt(at))) at++;
  return s.text.charCodeAt(at) === 0x3a;
}

/** `Disassembly of section xdp:` */
function readSectionHeading(a: Assembly): void {
  const { s } = a;
  s.pos += 'Disassembly of section '.length;
  const name = readSymbolTail(s, 10).trim().replace(/:$/, '');
  a.sectionStarts.set(name, a.insns.length);
  if (a.section === undefined) a.section = name;
}

function readStatement(a: Assembly, raw: Insn[] | undefined, lines: SourceLine[] | undefined): void {
  const { s } = a;
  const first = a.insns.length;
  const at = s.pos;
  if (s.text.charCodeAt(at) === 0x2e) readDirective(a, readWord(s), at);
  else if (raw !== undefined && (atStatementEnd(s) || s.text.startsWith('<unknown>', at))) {
    if (!atStatementEnd(s)) s.pos += '<unknown>'.length;
  } else if (!atStatementEnd(s)) (a.syntax === 'kernel' ? parseKernelStatement : parseUbpfStatement)(a);
  if (raw !== undefined) preferBytes(a, first, raw, at);
  if (a.insns.length === first) return;
  if (a.hint !== -1 && a.insns[first]!.opcode !== a.hint) {
    const [hint, got] = [a.hint, a.insns[first]!.opcode].map((opcode) => `0x${opcode.toString(16).padStart(2, '0')}`);
    fail(s, 'E_ASM_OPERAND', 'opcode of the listing does not fit the text', at, { expected: hint!, got: got! });
  }
  lines?.push(sourceLine(a, first, at));
}

function sourceLine({ s }: Assembly, insn: number, at: number): SourceLine {
  findLine(s, at);
  const text = s.text.slice(s.lineStart, s.lineEnd).trim();
  return { insn, file: s.file ?? '', line: s.line, column: at - s.lineStart + 1, text };
}

/**
 * Goes past the end of a statement.
 *
 * @returns whether another statement follows on the line, after a `;`
 */
function endLine(a: Assembly, isLog: boolean): boolean {
  const { s } = a;
  if (!atStatementEnd(s)) fail(s, 'E_ASM_SYNTAX', 'unexpected text', s.pos, { expected: 'the end of the statement' });
  if (s.text.charCodeAt(s.pos) === 0x3b && a.syntax === 'kernel' && !isLog) {
    s.pos++;
    return true;
  }
  skipLine(s);
  return false;
}

/** Functions: where local calls and function addresses go, and what directives declare; named by labels. */
function nameSubprograms(a: Assembly, mainName: string): Subprogram[] {
  const unresolved = a.relocations.filter(({ kind }) => kind === 'subprogram').map(({ insn }) => insn);
  const called = findSubprograms(a.insns, mainName, new Set(unresolved));
  const names = new Map<number, string>();
  const jumpedTo = new Set(
    a.references.filter(({ use }) => use === 'jump' || use === 'far-jump').map(({ name }) => name),
  );
  const starts = new Set(called.map(({ start }) => start));
  for (const [name, { insn }] of a.labels) {
    const isFunction = a.functions.has(name);
    if (isFunction && insn < a.insns.length) starts.add(insn);
    const known = names.get(insn);
    // A label at the start that something jumps to is the head of a loop, and no name of the program.
    const isName = insn > 0 || isFunction || !jumpedTo.has(name);
    if (known === undefined ? isName : isFunction && !a.functions.has(known)) names.set(insn, name);
  }
  const sorted = [...starts].sort((x, y) => x - y);
  return sorted.map((start, k) => ({
    name: names.get(start) ?? (start === 0 ? mainName : `func_${start}`),
    start,
    end: sorted[k + 1] ?? a.insns.length,
  }));
}

/** Lines that {@link detectSyntax} looks at. */
const LINES_LOOKED_AT = 50;

/** Which syntax a text is in, by its first statements: `mov %r0, 1` or `r0 = 1`. */
export function detectSyntax(text: string): Syntax {
  let start = 0;
  for (let line = 0; line < LINES_LOOKED_AT && start < text.length; line++) {
    const newline = text.indexOf('\n', start);
    const end = newline === -1 ? text.length : newline;
    const words = /^[\s\d:]*([A-Za-z_][\w.]*)[ \t]*([^\s])?/.exec(text.slice(start, Math.min(end, start + 200)));
    const [word, next] = [words?.[1], words?.[2]];
    start = end + 1;
    if (word === undefined || next === ':') continue;
    if (word === 'lock') return next === '*' ? 'kernel' : 'ubpf';
    const isUbpf = isUbpfStatement(word) && !isKernelStatement(word);
    if (isUbpf && next !== '=') return 'ubpf';
    if (/^[rw]\d+$/.test(word) || (isKernelStatement(word) && !isUbpfStatement(word))) return 'kernel';
  }
  return 'kernel';
}
