/**
 * Makes `kernel-jit-sizes.json` from the table of measured sizes in the shared folder.
 *
 *   npx tsx --conditions=@polybpf/source tools/bench/import-sizes.ts [--check]
 *
 * `--check` writes nothing and fails when the committed file differs from what it would write.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { COMMITTED_SIZES, compactTable, type MeasuredTable, sharedFolder } from './src/kernel-sizes.ts';

const shared = sharedFolder();
if (shared === undefined) {
  console.error('no shared folder: set POLYBPF_SHARED');
  process.exit(2);
}
const measured = JSON.parse(readFileSync(join(shared, 'facts/kernel-jit-sizes.json'), 'utf8')) as MeasuredTable;
const text = compactTable(measured);
if (!process.argv.includes('--check')) {
  writeFileSync(COMMITTED_SIZES, text);
  console.log(
    `${Object.keys(measured.classes).length} classes, ${Object.keys(measured.wholePrograms).length} programs`,
  );
} else if (readFileSync(COMMITTED_SIZES, 'utf8') !== text) {
  console.error('kernel-jit-sizes.json differs from the shared table');
  process.exitCode = 1;
}
