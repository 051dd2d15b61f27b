/** What the command prints: tables for people, JSON with a schema for programs. */
import { writeStdout } from './files.ts';

/** Prints a line. */
export function printLine(text: string): void {
  writeStdout(`${text}\n`);
}

/** Prints a JSON document; 64-bit values in it are hex strings. */
export function printJson(value: unknown): void {
  writeStdout(`${JSON.stringify(value, undefined, 2)}\n`);
}

/** Rows as columns that line up; the first row is the heading. Numbers should be given right-aligned by the caller. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i]!)).join('  ').trimEnd()).join('\n'); // prettier-ignore
}

/** A 64-bit value as `0x` and 16 digits. */
export function hex64(value: bigint): string {
  return `0x${BigInt.asUintN(64, value).toString(16).padStart(16, '0')}`;
}
