/**
 * `--write`: keeps the figures in `docs/performance`. `results.json` has a part for each command, as it was measured last;
 * `README.md` shows them between marks and keeps the prose around them.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { speedChart } from './chart.ts';
import type { SizeRow, TargetSizes } from './compare-sizes.ts';
import type { ExecutedTarget } from './executed/bench-executed.ts';
import { executedSections } from './executed/executed-report.ts';
import type { ScaleRow } from './scale/bench-scale.ts';
import { scaleSections } from './scale/scale-report.ts';
import { type Section, speedBars, speedSections, type SpeedReport } from './speed-report.ts';
import { formatMarkdownTable } from './table.ts';

/** What one run of the bench found. */
export interface Results {
  readonly speed?: SpeedReport;
  readonly sizes?: { readonly targets: readonly TargetSizes[] };
  readonly executed?: { readonly origin: string; readonly targets: readonly ExecutedTarget[] };
  readonly scale?: { readonly rows: readonly ScaleRow[] };
  /** The speed report of the page in a browser. */
  readonly browser?: SpeedReport;
}

const CHART = 'speed.svg';
const FOLDER: string = fileURLToPath(new URL('../../../docs/performance', import.meta.url));

/** Replaces the parts that were measured. */
export function writeDocuments(measured: Results, folder: string = FOLDER): void {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'results.json');
  const { sizes, ...asMeasured } = measured;
  const results = {
    ...readJson(file),
    ...asMeasured,
    ...(sizes !== undefined && {
      sizes: Object.fromEntries(sizes.targets.map((target) => [target.target, compactSizes(target)])),
    }),
  };
  writeFileSync(file, `${JSON.stringify(results, undefined, 2)}\n`);
  const chart = measured.speed === undefined ? undefined : speedChart(measured.speed);
  if (chart !== undefined) writeFileSync(join(folder, CHART), chart);
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

/** The results that were written last, which are the committed ones unless somebody has measured since. */
export function readResults(folder: string = FOLDER): Pick<Results, 'speed'> {
  return readJson(join(folder, 'results.json'));
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
export function markdownOf({ speed, sizes, executed, scale, browser }: Results): Record<string, string> {
  return {
    ...(speed !== undefined && { speed: speedMarkdown(speed) }),
    ...(browser !== undefined && { browser: reportMarkdown(browser) }),
    ...(executed !== undefined && { executed: sectionsMarkdown(executedSections(executed.targets)) }),
    ...(scale !== undefined && { scale: sectionsMarkdown(scaleSections(scale.rows)) }),
    ...(sizes !== undefined && { sizes: sizesMarkdown(sizes.targets) }),
  };
}

function speedMarkdown(report: SpeedReport): string {
  const picture =
    speedChart(report) === undefined ? '' : `\n\n![time of each engine in that of C by gcc -O2](${CHART})`;
  return reportMarkdown(report) + picture;
}

function sectionsMarkdown(sections: readonly Section[]): string {
  return sections.map(({ title, rows }) => `### ${capital(title)}\n\n${formatMarkdownTable(rows)}`).join('\n\n');
}

function reportMarkdown(report: SpeedReport): string {
  const bars = speedBars(report).map(({ what, bar, value, met }) => [what, value, bar, met ? 'met' : 'missed']);
  const head = `${Object.values(report.environment).join(', ')}.`;
  return [
    head,
    formatMarkdownTable([['bar', 'value', 'wanted', ''], ...bars]),
    sectionsMarkdown(speedSections(report)),
  ].join('\n\n');
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
