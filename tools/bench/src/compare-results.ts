/** Two speed reports, as ratios of their times: what became slower. */
import { geometricMean } from './statistics.ts';
import type { SpeedReport } from './speed-report.ts';

/** Least times by part and row; rows with wrong results have none. */
function timesOf(report: SpeedReport): Map<string, Map<string, number>> {
  const parts = new Map<string, Map<string, number>>();
  const put = (part: string, row: string, ns: number | undefined | null): void => {
    if (ns === undefined || ns === null || !(ns > 0)) return;
    const rows = parts.get(part) ?? new Map<string, number>();
    parts.set(part, rows.set(row, ns));
  };
  for (const { name, ns, wrong } of report.interpreter ?? []) if (wrong === undefined) put('interpreter', name, ns.min);
  for (const { name, ns, firstCallNs, wrong } of report.wasm ?? []) {
    if (wrong !== undefined) continue;
    put('WebAssembly, interpreter', name, ns.interpreter.min);
    put('WebAssembly, compiled', name, ns.wasm.min);
    put('WebAssembly, with facts', name, ns.facts.min);
    put('WebAssembly, first call', name, firstCallNs);
  }
  for (const { name, ns, cNs, wrong } of report.native?.rows ?? []) {
    if (wrong !== undefined) continue;
    put('native', name, ns.min);
    put('native C of gcc', name, cNs?.min);
  }
  for (const { name, sandboxNs, wrong } of report.sandbox?.rows ?? []) if (wrong === undefined) put('sandbox', name, sandboxNs.min); // prettier-ignore
  for (const { target, programs, concatenation } of report.compile ?? []) {
    put('compilation, programs', target, programs.ns.min / programs.slots);
    put('compilation, large function', target, concatenation.ns.min / concatenation.slots);
  }
  for (const { name, ns, slots } of report.text ?? [])
    put('reading and writing', name, slots > 0 ? ns.min / slots : ns.min);
  for (const { name, ns, wrong } of report.verifier ?? []) if (wrong === undefined) put('verifier', name, ns.min);
  return parts;
}

/**
 * A table: of each part that both have the geometric mean of the ratios now / then, and the rows at both ends. Means of
 * what is not ours (`native C`) say how the two machines compare.
 */
export function compareResults(now: SpeedReport, then: SpeedReport): string[][] {
  const before = timesOf(then);
  const rows: string[][] = [];
  for (const [part, times] of timesOf(now)) {
    const ratios = [...times].flatMap(([name, ns]) => {
      const old = before.get(part)?.get(name);
      return old === undefined ? [] : [{ name, ratio: ns / old }];
    });
    if (ratios.length === 0) continue;
    ratios.sort((a, b) => a.ratio - b.ratio);
    const say = ({ name, ratio }: (typeof ratios)[number]): string => `${name} ${ratio.toFixed(2)}`;
    rows.push([part, geometricMean(ratios.map(({ ratio }) => ratio)).toFixed(2), say(ratios[0]!), say(ratios.at(-1)!)]);
  }
  return rows.length === 0 ? [] : [['part', 'mean', 'least', 'most'], ...rows];
}
