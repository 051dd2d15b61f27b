/** Symbols of the running kernel that have an address in /proc/kallsyms: without CONFIG_KALLSYMS_ALL, functions only. */
import { readFileSync } from 'node:fs';

const KALLSYMS = '/proc/kallsyms';
let names: ReadonlySet<string> | undefined;

/** Whether the running kernel knows the address of a symbol; true where that cannot be read. */
export function hasLiveSymbol(name: string): boolean {
  names ??= readNames();
  return names.size === 0 || names.has(name);
}

function readNames(): ReadonlySet<string> {
  try {
    const lines = readFileSync(KALLSYMS, 'latin1').split('\n');
    return new Set(lines.map((line) => line.split(/[ \t]/, 3)[2] ?? ''));
  } catch {
    return new Set();
  }
}
