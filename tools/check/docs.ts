// `npm run check:docs`: every path, script and anchor named in a document exists, every package README has its parts,
// generated documents are up to date, and no committed text names a path of one machine.
// With `--write` (`npm run gen:docs`) generated documents are written instead of compared.
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { documentProblems } from './document-problems.ts';
import { expectedDocument, GENERATED_PARTS } from './generated-documents.ts';
import { openRepository, ROOT } from './repository.ts';

const DOCUMENTS = [
  /^(README|CONTRIBUTING)\.md$/,
  /^docs\/.*\.md$/,
  /^(packages|apps|tools)\/[^/]+\/[^/]*\.md$/,
  /^(examples|test-vectors)\/.*\.md$/,
];
const MUST_EXIST = ['README.md', 'CONTRIBUTING.md', 'LICENSE'];
/** The folder names of the machines this project is built on; spelled in two halves so as not to find itself. */
const MACHINE_PATHS = new RegExp(`/${'work'}/(main|shared|\\.library)\\b`);
const TEXT_FILE = /\.(md|ts|mts|mjs|js|cjs|json|sh|c|h|yml|yaml|txt)$|(^|\/)run$/;
const LARGEST_TEXT = 4_000_000;

const write = process.argv.includes('--write');
const problems: string[] = [];

for (const part of GENERATED_PARTS) {
  const file = join(ROOT, part.path);
  const current = existsSync(file) ? readFileSync(file, 'utf8') : undefined;
  const expected = expectedDocument(part, current);
  if (expected === undefined || expected === current) continue;
  if (write) {
    writeFileSync(file, expected);
    console.log(`wrote ${part.path} (${part.name})`);
  } else problems.push(`${part.path}: "${part.name}" is out of date; npm run gen:docs writes it`);
}

const repository = openRepository();
for (const path of MUST_EXIST) if (!repository.files.has(path)) problems.push(`${path} is missing`);
for (const path of repository.files) {
  if (/^packages\/[^/]+\/package\.json$/.test(path)) {
    const readme = path.replace('package.json', 'README.md');
    if (!repository.files.has(readme)) problems.push(`${readme} is missing`);
  }
  if (DOCUMENTS.some((pattern) => pattern.test(path))) problems.push(...documentProblems(path, repository));
  if (TEXT_FILE.test(path) && statSync(join(ROOT, path)).size <= LARGEST_TEXT) {
    const line = repository
      .read(path)
      .split('\n')
      .findIndex((text) => MACHINE_PATHS.test(text));
    if (line !== -1) problems.push(`${path}:${line + 1}: names a path of one machine`);
  }
}

for (const problem of problems) console.error(problem);
console.log(`check:docs: ${problems.length} problems`);
process.exitCode = problems.length > 0 ? 1 : 0;
