import type { ErrorCode } from './codes.ts';

/** Where in the input an error is. Every field is optional; fill what is known. */
export interface ErrorPlace {
  /** File or input name as the user gave it. */
  readonly file?: string;
  /** Section name of an object file. */
  readonly section?: string;
  /** Program or symbol name. */
  readonly symbol?: string;
  /** Instruction index in slots, 0-based. */
  readonly insn?: number;
  /** Byte offset into the file, section or image. */
  readonly offset?: number;
  /** Line of text, 1-based. */
  readonly line?: number;
  /** Column of text, 1-based. */
  readonly column?: number;
  /** The offending source line, without its newline; shown with a caret under `column`. */
  readonly text?: string;
}

/** What else an error can carry beside its message. */
export interface ErrorDetails {
  readonly at?: ErrorPlace;
  /** What would have been right. */
  readonly expected?: string;
  /** What was found. */
  readonly got?: string;
  readonly cause?: unknown;
}

/**
 * The one error class of the project. Callers switch on {@link BpfError.code}; people read `message`, which says what,
 * where, expected and got, in lower case and without a full stop: `insn 7: offset must be 0 or 1 for div, got 2`.
 */
export class BpfError extends Error {
  override readonly name = 'BpfError';
  readonly code: ErrorCode;
  readonly at: ErrorPlace;
  readonly expected: string | undefined;
  readonly got: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(composeMessage(message, details), 'cause' in details ? { cause: details.cause } : undefined);
    this.code = code;
    this.at = details.at ?? {};
    this.expected = details.expected;
    this.got = details.got;
  }
}

/** Says whether `value` is a {@link BpfError}, also across realms and bundles. */
export function isBpfError(value: unknown): value is BpfError {
  return value instanceof Error && value.name === 'BpfError' && 'code' in value;
}

/** The place as a prefix of one line: `prog.o: section xdp: insn 7`. Empty when nothing is known. */
export function formatPlace(at: ErrorPlace): string {
  const parts: string[] = [];
  if (at.file !== undefined) parts.push(at.file);
  if (at.section !== undefined) parts.push(`section ${at.section}`);
  if (at.symbol !== undefined) parts.push(at.symbol);
  if (at.line !== undefined)
    parts.push(at.column === undefined ? `line ${at.line}` : `line ${at.line}, column ${at.column}`);
  if (at.insn !== undefined) parts.push(`insn ${at.insn}`);
  if (at.offset !== undefined) parts.push(`offset 0x${at.offset.toString(16)}`);
  return parts.join(': ');
}

/**
 * An error as a person reads it on a terminal: code, message, and the source line with a caret where both are known.
 *
 * @example
 * ```text
 * E_ASM_OPERAND: line 3, column 6: register out of range, expected r0 to r10, got r11
 *     r1 = r11
 *          ^
 * ```
 */
export function formatError(error: BpfError): string {
  const head = `${error.code}: ${error.message}`;
  const { text, column } = error.at;
  if (text === undefined) return head;
  if (column === undefined) return `${head}\n    ${text}`;
  const indent = text.slice(0, column - 1).replace(/[^\t]/g, ' ');
  return `${head}\n    ${text}\n    ${indent}^`;
}

function composeMessage(message: string, { at, expected, got }: ErrorDetails): string {
  const place = at === undefined ? '' : formatPlace(at);
  const head = place === '' ? message : `${place}: ${message}`;
  const wanted = expected === undefined ? '' : `, expected ${expected}`;
  return `${head}${wanted}${got === undefined ? '' : `, got ${got}`}`;
}
