/** The chart of `docs/performance`: for every workload the time of each engine in that of native C. */
import type { SpeedReport } from './speed-report.ts';

interface Series {
  readonly name: string;
  readonly colour: string;
  readonly ratios: ReadonlyMap<string, number>;
}

const LABELS = 80;
const BAR = 9;
const GAP = 10;
const WIDTH = 620;
/** Ratios further to the right are cut, and say what they are. */
const MOST = 2.5;
const TOP = 46;

/** An SVG image, or undefined when nothing was compared with C. */
export function speedChart(report: SpeedReport): string | undefined {
  const series = seriesOf(report).filter(({ ratios }) => ratios.size > 0);
  if (series.length === 0) return undefined;
  const names = [...new Set(series.flatMap(({ ratios }) => [...ratios.keys()]))];
  const group = series.length * BAR + GAP;
  const height = TOP + names.length * group + 24;
  const x = (ratio: number): number => LABELS + (Math.min(ratio, MOST) / MOST) * WIDTH;
  const parts: string[] = [];
  series.forEach(({ name, colour }, i) => {
    const left = LABELS + i * 190;
    parts.push(`<rect x="${left}" y="10" width="12" height="12" fill="${colour}"/>`, text(left + 18, 20, name));
  });
  for (let ratio = 0; ratio <= MOST; ratio += 0.5) {
    const at = x(ratio).toFixed(1);
    const line = ratio === 1 ? 'stroke="#555" stroke-width="1.5"' : 'stroke="#ddd"';
    parts.push(`<line x1="${at}" y1="${TOP - 6}" x2="${at}" y2="${height - 20}" ${line}/>`, text(Number(at), height - 6, ratio.toFixed(1), 'middle')); // prettier-ignore
  }
  names.forEach((name, row) => {
    const top = TOP + row * group;
    parts.push(text(LABELS - 8, top + (series.length * BAR) / 2 + 4, name, 'end'));
    series.forEach(({ name: engine, colour, ratios }, i) => {
      const ratio = ratios.get(name);
      if (ratio === undefined) return;
      const y = top + i * BAR;
      parts.push(`<rect x="${LABELS}" y="${y}" width="${(x(ratio) - LABELS).toFixed(1)}" height="${BAR - 1}" fill="${colour}"><title>${escape(engine)}, ${escape(name)}: ${ratio.toFixed(2)}</title></rect>`); // prettier-ignore
      if (ratio > MOST) parts.push(text(x(ratio) + 4, y + BAR - 1, ratio.toFixed(1)));
    });
  });
  const view = `viewBox="0 0 ${LABELS + WIDTH + 50} ${height}"`;
  const title = '<title>time of each engine in that of native C by gcc -O2, by workload</title>';
  return `<svg xmlns="http://www.w3.org/2000/svg" ${view} font-family="sans-serif" font-size="12">${title}\n${parts.join('\n')}\n</svg>\n`; // prettier-ignore
}

function seriesOf({ native, wasm }: SpeedReport): Series[] {
  const ratio = (ns: number | undefined, c: number | undefined): number | undefined =>
    ns === undefined || c === undefined ? undefined : ns / c;
  const collect = <Row extends { readonly name: string; readonly wrong?: string }>(
    rows: readonly Row[] | undefined,
    value: (row: Row) => number | undefined,
  ): Map<string, number> => {
    const right = (rows ?? []).filter(({ wrong }) => wrong === undefined);
    return new Map(right.map((row) => [row.name, value(row)] as const).filter((pair): pair is [string, number] => pair[1] !== undefined)); // prettier-ignore
  };
  return [
    { name: `native ${native?.target ?? ''}`, colour: '#1b6ca8', ratios: collect(native?.rows, (row) => row.ratio) },
    { name: 'WebAssembly', colour: '#e07b39', ratios: collect(wasm, ({ ns, cNs }) => ratio(ns.wasm.min, cNs?.min)) },
    { name: 'live kernel', colour: '#7a7a7a', ratios: collect(native?.rows, ({ kernelNs, cNs }) => ratio(kernelNs?.min, cNs?.min)) }, // prettier-ignore
    { name: 'C by clang', colour: '#5aa469', ratios: collect(native?.rows, ({ clangNs, cNs }) => ratio(clangNs?.min, cNs?.min)) }, // prettier-ignore
  ];
}

function text(x: number, y: number, content: string, anchor = 'start'): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${escape(content)}</text>`;
}

function escape(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
