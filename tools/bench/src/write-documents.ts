/**
 * `--write`: keeps the figures in `docs/performance`. `results.json` has a part for each command, as it was measured last;
 * `README.md` shows them between marks and keeps the prose around them.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TargetSizes } from './compare-sizes.ts';
import { speedBars, speedSections, type SpeedReport } from './speed-report.ts';
import { formatMarkdownTable } from './table.ts';

/** What `results.json` holds. */
export interface Results {
  readonly speed?: SpeedReport;
  readonly sizes?: { readonly targets: readonly TargetSizes[] };
}

const FOLDER: string = fileURLToPath(new URL('../../../docs/performance', import.meta.url));

/** Replaces one part of the results, and the tables that are made of them. */
export function writeDocuments(part: keyof Results, report: Results[keyof Results], folder: string = FOLDER): void {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'results.json');
  const results: Results = { ...(readJson(file) as Results), [part]: report };
  writeFileSync(file, `${JSON.stringify(results, undefined, 1)}\n`);
  const readme = join(folder, 'README.md');
  writeFileSync(readme, replaceMarked(readFileSync(readme, 'utf8'), markdownOf(results)));
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}

/**
 * Puts texts between the marks `<!-- NAME -->` and `<!-- /NAME -->` of a document.
 *
 * @throws Error when a mark is missing
 */
export function replaceMarked(document: string, parts: Readonly<Record<string, string>>): string {
  let result = document;
  for (const [name, text] of Object.entries(parts)) {
    const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
    const from = result.indexOf(start);
    const to = result.indexOf(end);
    if (from < 0 || to < from) throw new Error(`the document has no ${start} ... ${end}`);
    result = `${result.slice(0, from + start.length)}\n\n${text.trim()}\n\n${result.slice(to)}`;
  }
  return result;
}

/** The tables by the name of their marks; parts without results are left as they are. */
export function markdownOf({ speed, sizes }: Results): Record<string, string> {
  return {
    ...(speed !== undefined && { speed: speedMarkdown(speed) }),
    ...(sizes !== undefined && { sizes: sizesMarkdown(sizes.targets) }),
  };
}

function speedMarkdown(report: SpeedReport): string {
  const bars = speedBars(report).map(({ what, bar, value, met }) => [what, value, bar, met ? 'met' : 'missed']);
  const head = `${Object.values(report.environment).join(', ')}.`;
  const sections = speedSections(report).map(
    ({ title, rows }) => `### ${capital(title)}\n\n${formatMarkdownTable(rows)}`,
  );
  return [head, formatMarkdownTable([['bar', 'value', 'wanted', ''], ...bars]), ...sections].join('\n\n');
}

function sizesMarkdown(targets: readonly TargetSizes[]): string {
  const overview = targets.map(({ target, kernel, rows, larger, programRatio }) => {
    const classes = rows.filter(({ kind }) => kind === 'class');
    const smaller = classes.filter(({ ours, kernel: theirs }) => ours < theirs).length;
    return [target, kernel, String(classes.length), String(smaller), String(larger.length), programRatio.toFixed(3)];
  });
  const names = [...new Set(targets.flatMap(({ rows }) => rows.filter(({ kind }) => kind === 'program').map(({ name }) => name)))]; // prettier-ignore
  const programs = names.map((name) => [
    `\`${name}\``,
    ...targets.map(({ rows }) => {
      const row = rows.find((candidate) => candidate.name === name);
      return row === undefined ? '-' : `${row.ours} / ${row.kernel}`;
    }),
  ]);
  return [
    formatMarkdownTable([['CPU', 'kernel', 'classes', 'smaller', 'larger', 'whole programs, ratio'], ...overview]),
    '### Whole programs: bytes, ours / kernel',
    formatMarkdownTable([['program', ...targets.map(({ target }) => target)], ...programs]),
  ].join('\n\n');
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
