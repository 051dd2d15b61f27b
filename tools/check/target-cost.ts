/**
 * What each CPU cost: lines of its package that are neither blank, comment nor import, so that a clearer text costs nothing.
 * Types and table rows count. The text comes from the sources themselves, so the table cannot be older than they are.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './repository.ts';

/** Files that say what the CPU is: registers, instructions, how they are encoded, how far they reach. Any other lowers. */
const TABLES: ReadonlySet<string> = new Set([
  'registers.ts', 'instructions.ts', 'fields.ts', 'encoder.ts', 'relocations.ts', 'branches.ts', 'compress.ts', 'pad.ts',
  'flag-roles.ts', 'index.ts',
]); // prettier-ignore

/** Lines of a source that are neither blank, comment nor import. */
export function codeLines(source: string): number {
  const text = source
    .replace(/^(import|export) (type )?(\{[^}]*\}|\w+|\* as \w+) from '[^']+';/gm, '')
    .replace(/^[ \t]*\/\*[\s\S]*?\*\//gm, '')
    .replace(/^[ \t]*\/\/.*$/gm, '');
  return text.split('\n').filter((line) => line.trim() !== '').length;
}

function linesOf(folder: string, isCounted: (file: string) => boolean): number {
  const files = readdirSync(join(ROOT, folder)).filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'));
  return files.filter(isCounted).reduce((sum, file) => sum + codeLines(readFileSync(join(ROOT, folder, file), 'utf8')), 0); // prettier-ignore
}

/** To the nearest ten, so that not every change of a line is one of the document. */
const tens = (lines: number): number => Math.round(lines / 10) * 10;

/** The table of `docs/ADDING-AN-ARCH.md`: a row for each target package, cheapest first, and what they share. */
export function renderTargetCost(): string {
  const packages = readdirSync(join(ROOT, 'packages')).filter((name) => /^jit-(?!wasm$)/.test(name));
  const rows = packages
    .map((name) => {
      const tables = linesOf(`packages/${name}/src`, (file) => TABLES.has(file));
      const lowering = linesOf(`packages/${name}/src`, (file) => !TABLES.has(file));
      return { name: name.slice('jit-'.length), tables, lowering };
    })
    .sort((a, b) => a.tables + a.lowering - (b.tables + b.lowering))
    .map(({ name, tables, lowering }) => `| ${name} | ${tens(tables)} | ${tens(lowering)} | ${tens(tables + lowering)} |`); // prettier-ignore
  const parts = linesOf('packages/jit/src/lowering', () => true);
  const driver = linesOf('packages/jit/src', () => true);
  const shared = `All of them share ${tens(parts)} lines in \`packages/jit/src/lowering\` and ${tens(driver)} in the rest of \`packages/jit\`.`;
  return ['', '| CPU | tables and encoder | frame, lowering, peephole | lines |', '| --- | --- | --- | --- |', ...rows, '', shared, ''].join('\n'); // prettier-ignore
}
