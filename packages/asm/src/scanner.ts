/**
 * Reads tokens from text by character codes: linear, without regular expressions on input. A scanner never throws
 * anything but a `BpfError` with file, line, column and the line's text.
 *
 * Blanks are spaces, tabs, carriage returns and block comments. A newline ends a statement and is no blank, but block
 * comments may hold newlines.
 */
import { BpfError, type ErrorCode } from '@polybpf/errors';

export interface Scanner {
  readonly text: string;
  readonly file: string | undefined;
  /** Index of the next character. */
  pos: number;
  /** The line that {@link findLine} found last: its 1-based number, its first character, its newline or the end. */
  line: number;
  lineStart: number;
  lineEnd: number;
  /** Start of the digits of the number read last, after its sign. */
  digitsAt: number;
}

export function makeScanner(text: string, file: string | undefined): Scanner {
  return { text, file, pos: 0, line: 1, lineStart: 0, lineEnd: newlineAfter(text, 0), digitsAt: 0 };
}

function newlineAfter(text: string, pos: number): number {
  const newline = text.indexOf('\n', pos);
  return newline === -1 ? text.length : newline;
}

/** Sets `line`, `lineStart` and `lineEnd` for `pos`; calls with rising positions cost linear time in sum. */
export function findLine(s: Scanner, pos: number): void {
  while (pos > s.lineEnd) {
    s.line++;
    s.lineStart = s.lineEnd + 1;
    s.lineEnd = newlineAfter(s.text, s.lineStart);
  }
}

/** A source line in an error; longer ones would drown the message. */
const LONGEST_SHOWN = 500;

/** What an error of the assembler says beside its code. */
export interface Complaint {
  readonly expected?: string;
  readonly got?: string;
}

/** The error `code` at character `pos`. */
export function errorAt(
  s: Scanner,
  code: ErrorCode,
  message: string,
  pos: number,
  complaint: Complaint = {},
): BpfError {
  const start = pos === 0 ? 0 : s.text.lastIndexOf('\n', pos - 1) + 1;
  const newline = s.text.indexOf('\n', pos);
  const text = s.text.slice(start, newline === -1 ? s.text.length : newline).replace(/\r$/, '');
  const place = { line: countLines(s.text, pos), column: pos - start + 1 };
  const at = { ...place, ...(s.file !== undefined && { file: s.file }), ...(text.length <= LONGEST_SHOWN && { text }) };
  return new BpfError(code, message, { at, ...complaint });
}

/** Throws the error `code` at `pos`, with what stands there as `got` unless told otherwise. */
export function fail(s: Scanner, code: ErrorCode, message: string, pos: number, complaint: Complaint = {}): never {
  throw errorAt(s, code, message, pos, { got: describe(s, pos), ...complaint });
}

function countLines(text: string, end: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < end; at = text.indexOf('\n', at + 1)) line++;
  return line;
}

/** The token at `pos` in words. */
function describe(s: Scanner, pos: number): string {
  const code = s.text.charCodeAt(pos);
  if (Number.isNaN(code)) return 'end of text';
  if (code === 10 || code === 13) return 'end of line';
  let end = pos + 1;
  if (isWordChar(code) || code === 0x25) while (isWordChar(s.text.charCodeAt(end)) && end - pos < 40) end++;
  return `"${s.text.slice(pos, end)}"`;
}

/** Letters, digits, `_`, `.`, `$`, and everything beyond ASCII. */
export function isWordChar(code: number): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x30 && code <= 0x39) ||
    (code >= 0x41 && code <= 0x5a) ||
    code === 0x5f ||
    code === 0x2e ||
    code === 0x24 ||
    code >= 0x80
  );
}

export function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** The value of a hexadecimal digit, or -1. */
export function hexValue(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** Skips blanks; returns the code of the next character, NaN at the end of the text. */
export function skipBlank(s: Scanner): number {
  const { text } = s;
  for (;;) {
    const code = text.charCodeAt(s.pos);
    if (code === 0x20 || code === 9 || code === 13 || code === 0x0b || code === 0x0c) s.pos++;
    else if (code === 0x2f && text.charCodeAt(s.pos + 1) === 0x2a) {
      const end = text.indexOf('*/', s.pos + 2);
      if (end === -1) fail(s, 'E_ASM_SYNTAX', 'comment without end', s.pos, { expected: '"*/"' });
      s.pos = end + 2;
    } else return code;
  }
}

/** Skips to the newline that ends the current line, or to the end of the text. */
export function skipLine(s: Scanner): void {
  const end = s.text.indexOf('\n', s.pos);
  s.pos = end === -1 ? s.text.length : end;
}

/** Whether a comment to the end of the line starts here: `#` or `//`. */
export function isLineComment(s: Scanner, code: number): boolean {
  return code === 0x23 || (code === 0x2f && s.text.charCodeAt(s.pos + 1) === 0x2f);
}

/** Whether nothing follows on this statement: newline, end, comment or `;`. Leaves `pos` at it. */
export function atStatementEnd(s: Scanner): boolean {
  const code = skipBlank(s);
  return Number.isNaN(code) || code === 10 || code === 0x3b || isLineComment(s, code);
}

/** A run of word characters after blanks; empty when there is none. */
export function readWord(s: Scanner): string {
  skipBlank(s);
  const start = s.pos;
  while (isWordChar(s.text.charCodeAt(s.pos))) s.pos++;
  return s.text.slice(start, s.pos);
}

/** Takes `char` (one character) after blanks, if it is there. */
export function takeChar(s: Scanner, char: number): boolean {
  if (skipBlank(s) !== char) return false;
  s.pos++;
  return true;
}

/** Takes `char` or fails. */
export function expectChar(s: Scanner, char: number): void {
  if (skipBlank(s) !== char) {
    fail(s, 'E_ASM_SYNTAX', 'unexpected text', s.pos, { expected: `"${String.fromCharCode(char)}"` });
  }
  s.pos++;
}

/** Takes the word `word` after blanks, if it is there as a whole. */
export function takeWord(s: Scanner, word: string): boolean {
  skipBlank(s);
  if (!s.text.startsWith(word, s.pos) || isWordChar(s.text.charCodeAt(s.pos + word.length))) return false;
  s.pos += word.length;
  return true;
}

/** A string in double quotes, with `\"`, `\\`, `\n`, `\t` and `\uXXXX`. `pos` is at the opening quote. */
export function readString(s: Scanner): string {
  const start = s.pos++;
  let out = '';
  for (;;) {
    const code = s.text.charCodeAt(s.pos);
    if (Number.isNaN(code) || code === 10) fail(s, 'E_ASM_SYNTAX', 'string without end', start, { expected: "'\"'" });
    s.pos++;
    if (code === 0x22) return out;
    if (code !== 0x5c) out += String.fromCharCode(code);
    else out += readEscape(s);
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  '0': '\0',
  '\\': '\\',
  '"': '"',
  "'": "'",
};

function readEscape(s: Scanner): string {
  const char = s.text[s.pos++] ?? '';
  if (char === 'u') {
    let value = 0;
    for (let i = 0; i < 4; i++) {
      const digit = hexValue(s.text.charCodeAt(s.pos));
      if (digit === -1) fail(s, 'E_ASM_SYNTAX', 'escape in a string', s.pos, { expected: 'four hexadecimal digits' });
      value = value * 16 + digit;
      s.pos++;
    }
    return String.fromCharCode(value);
  }
  return (
    ESCAPES[char] ??
    fail(s, 'E_ASM_SYNTAX', 'escape in a string', s.pos - 2, { expected: '\\n \\t \\r \\0 \\\\ \\" \\u' })
  );
}

/** Whether a number starts here: digit, sign or quote. `code` is what {@link skipBlank} returned. */
export function startsNumber(code: number): boolean {
  return isDigit(code) || code === 0x2d || code === 0x2b || code === 0x27;
}

/**
 * An integer: decimal, `0x`, `0b`, `0o`, in the kernel syntax octal after a leading 0 (as llvm-mc reads it), or a
 * character in single quotes; with any signs before it. Beyond 2^53 the value is only good for a range check;
 * {@link readImm64} takes the digits then.
 */
export function readNumber(s: Scanner, octal: boolean): number {
  let negative = false;
  let code = skipBlank(s);
  while (code === 0x2d || code === 0x2b) {
    if (code === 0x2d) negative = !negative;
    s.pos++;
    code = skipBlank(s);
  }
  s.digitsAt = s.pos;
  const value = code === 0x27 ? readCharacter(s) : readDigits(s, octal);
  return negative ? -value : value;
}

function readCharacter(s: Scanner): number {
  const start = s.pos++;
  const code = s.text.charCodeAt(s.pos++);
  const value = code === 0x5c ? readEscape(s).charCodeAt(0) : code;
  if (Number.isNaN(value) || code === 10 || s.text.charCodeAt(s.pos) !== 0x27) {
    fail(s, 'E_ASM_SYNTAX', 'character without end', start, { expected: 'a character in single quotes' });
  }
  s.pos++;
  return value;
}

function readDigits(s: Scanner, octal: boolean): number {
  const { text } = s;
  const start = s.pos;
  let base = 10;
  if (text.charCodeAt(start) === 0x30) {
    const mark = text.charCodeAt(start + 1) | 0x20;
    if (mark === 0x78) base = 16;
    else if (mark === 0x62) base = 2;
    else if (mark === 0x6f) base = 8;
    if (base !== 10) s.pos += 2;
    else if (octal && isDigit(text.charCodeAt(start + 1))) base = 8;
  }
  const first = s.pos;
  let value = 0;
  for (;;) {
    const digit = hexValue(text.charCodeAt(s.pos));
    if (digit === -1 || digit >= base) break;
    value = value * base + digit;
    s.pos++;
  }
  if (s.pos === first || isWordChar(text.charCodeAt(s.pos))) {
    fail(s, 'E_ASM_SYNTAX', 'number', start, { expected: 'a number' });
  }
  return value;
}

/** A number within `min` to `max`. */
export function readInteger(s: Scanner, min: number, max: number, what: string, octal: boolean): number {
  skipBlank(s);
  const at = s.pos;
  const value = readNumber(s, octal);
  if (value >= min && value <= max) return value === 0 ? 0 : value;
  // prettier-ignore
  return fail(s, 'E_ASM_OPERAND', `${what} out of range`, at, { expected: `${min} to ${max}`, got: s.text.slice(at, s.pos).slice(0, 40) });
}

/** A signed or unsigned 32-bit number as the signed value of its 32 bits. */
export function readImm32(s: Scanner, what: string, octal: boolean): number {
  return readInteger(s, -2147483648, 4294967295, what, octal) | 0;
}

/** A signed or unsigned 64-bit number as two signed halves. */
export function readImm64(s: Scanner, octal: boolean): { low: number; high: number } {
  skipBlank(s);
  const at = s.pos;
  const value = readNumber(s, octal);
  if (Math.abs(value) <= Number.MAX_SAFE_INTEGER) return { low: value | 0, high: Math.floor(value / 4294967296) | 0 };
  const digits = s.text.slice(s.digitsAt, s.pos);
  const exact = exactValue(digits, octal) * (value < 0 ? -1n : 1n);
  if (exact < -(1n << 63n) || exact >= 1n << 64n) {
    fail(s, 'E_ASM_OPERAND', 'immediate out of range', at, { expected: '-2^63 to 2^64 - 1', got: digits.slice(0, 40) });
  }
  return { low: Number(BigInt.asIntN(32, exact)), high: Number(BigInt.asIntN(32, exact >> 32n)) };
}

/** The value of digits too long for a double. Absurdly long ones are just too large; BigInt would take its time. */
function exactValue(digits: string, octal: boolean): bigint {
  const significant = digits.replace(/^0[xXbBoO]?0*/, '');
  if (significant.length > 64) return 1n << 64n;
  const prefix = /^0[xXbBoO]/.exec(digits)?.[0].toLowerCase() ?? (octal && digits.startsWith('0') ? '0o' : '');
  return BigInt(prefix + significant);
}

/** Text up to the character `end` on this line, which is taken, or up to the newline, which is not. */
export function readSymbolTail(s: Scanner, end: number): string {
  const start = s.pos;
  for (;;) {
    const code = s.text.charCodeAt(s.pos);
    if (Number.isNaN(code) || code === 10) return end === 10 ? s.text.slice(start, s.pos) : '';
    if (code === end) return s.text.slice(start, s.pos++);
    s.pos++;
  }
}
