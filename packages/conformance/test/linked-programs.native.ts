/** What tests of linking share: programs as an object beside the header that names them, and what their C program says. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assemble } from '@polybpf/asm';
import type { MapDef, Program } from '@polybpf/isa';
import { compile, type Target, writeObject } from '@polybpf/jit';
import type { LinkCase } from '@polybpf-tools/target-tests/link-cases';

const TABLE: MapDef = { name: 'table', kind: 'map', type: 2, keySize: 4, valueSize: 8, maxEntries: 4, flags: 0 };

/** Those of the tools that cannot be started; with `CI` set, one missing is a failure. */
export function missingTools(tools: Iterable<string>): string[] {
  const missing = [...new Set(tools)].filter((tool) => spawnSync(tool, ['--version']).status !== 0);
  if (missing.length > 0 && process.env['CI']) throw new Error(`missing tools: ${missing.join(', ')}`);
  return missing;
}

/** Writes `programs.o`, and `programs.h` with a `P(name)` for each program, into a folder. */
export function writePrograms(folder: string, target: Target, cases: Readonly<Record<string, LinkCase>>): void {
  const compiled = Object.entries(cases).map(([name, { text, relocations }]) => {
    const parsed = assemble(text, { name, syntax: 'kernel', endian: target.endian });
    const program: Program = {
      ...parsed,
      maps: parsed.maps.length > 0 ? [TABLE] : [],
      relocations: relocations ?? parsed.relocations,
    };
    return compile(program, target);
  });
  writeFileSync(join(folder, 'programs.o'), writeObject(compiled));
  const names = Object.keys(cases).map((name) => `P(${name})\n`);
  writeFileSync(join(folder, 'programs.h'), names.join(''));
}

/** What a C program printed about each program: after its name, the rest of its line. */
export function linesByName(output: string): ReadonlyMap<string, string> {
  const rows = output.trim().split('\n');
  return new Map(rows.map((row) => [row.slice(0, row.indexOf(' ')), row.slice(row.indexOf(' ') + 1)]));
}
