/**
 * `--write`: keeps the figures in `docs/performance`. `results.json` has a part for each command, as it was measured last;
 * `README.md` shows them between marks and keeps the prose around them.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SizeRow, TargetSizes } from './compare-sizes.ts';
import { speedBars, speedSections, type SpeedReport } from './speed-report.ts';
import { formatMarkdownTable } from './table.ts';

/** What one run of the bench found. */
export interface Results {
  readonly speed?: SpeedReport;
  readonly sizes?: { readonly targets: readonly TargetSizes[] };
}

const FOLDER: string = fileURLToPath(new URL('../../../docs/performance', import.meta.url));

/** Replaces the parts that were measured. */
export function writeDocuments(measured: Results, folder: string = FOLDER): void {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'results.json');
  const { speed, sizes } = measured;
  const results = {
    ...readJson(file),
    ...(speed !== undefined && { speed }),
    ...(sizes !== undefined && {
      sizes: Object.fromEntries(sizes.targets.map((target) => [target.target, compactSizes(target)])),
    }),
  };
  writeFileSync(file, `${JSON.stringify(results, undefined, 2)}\n`);
  const readme = join(folder, 'README.md');
  writeFileSync(readme, replaceMarked(readFileSync(readme, 'utf8'), markdownOf(measured)));
}

/** One line for each class and program: `ours/kernel`, or why they are not compared. */
function compactSizes({ kernel, rows, gaps, larger, programRatio }: TargetSizes): object {
  const sizesOf = (kind: SizeRow['kind']): object =>
    Object.fromEntries(rows.filter((row) => row.kind === kind).map((row) => [row.name, `${row.ours}/${row.kernel}`]));
  return {
    kernel,
    larger: larger.length,
    programRatio,
    classes: sizesOf('class'),
    programs: sizesOf('program'),
    notCompared: Object.fromEntries(gaps.map(({ name, reason }) => [name, reason])),
  };
}

function readJson(file: string): object {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as object;
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

/** The tables by the name of their marks. */
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
