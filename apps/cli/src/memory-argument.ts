/** `--mem HEX|@FILE` and options like it: bytes that a program gets. */
import { parseHex } from '@polybpf/conformance';
import { BpfError } from '@polybpf/errors';
import { readInput } from './files.ts';

/**
 * Bytes from hex digits, or from a file after `@`.
 *
 * @throws BpfError `E_INPUT`
 */
export function parseMemory(text: string | undefined, option = '--mem'): Uint8Array {
  if (text === undefined) return new Uint8Array(0);
  if (text.startsWith('@')) return readInput(text.slice(1));
  const bytes = parseHex(text.replace(/^0x/i, ''));
  if (bytes === undefined) throw new BpfError('E_INPUT', option, { expected: 'pairs of hex digits, or @FILE', got: JSON.stringify(text.slice(0, 40)) }); // prettier-ignore
  return bytes;
}

/**
 * A count from an option.
 *
 * @throws BpfError `E_USAGE`
 */
export function parseCount(option: string, text: string): number {
  const value = /^[0-9][0-9_]*$/.test(text) ? Number(text.replaceAll('_', '')) : NaN;
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new BpfError('E_USAGE', option, { expected: 'a whole number from 1', got: JSON.stringify(text) });
}
