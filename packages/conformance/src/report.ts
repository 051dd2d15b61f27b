/** Reports of suite results: text, TAP 14, JUnit XML, JSON. */
import { z } from 'zod';
import { type SuiteSummary, summarise, type VectorResult } from './run-suite.ts';

export type ReportFormat = 'text' | 'tap' | 'json' | 'junit';

/** The JSON report. */
export interface Report {
  readonly summary: SuiteSummary;
  readonly results: readonly VectorResult[];
}

/** Schema of the JSON report. */
export const reportSchema: z.ZodType = z.strictObject({
  summary: z.strictObject({ passed: z.number().int(), failed: z.number().int(), skipped: z.number().int(), byteOrderDependent: z.number().int() }), // prettier-ignore
  results: z.array(
    z.strictObject({
      name: z.string(),
      engine: z.string(),
      target: z.string().nullable(),
      status: z.enum(['passed', 'failed', 'skipped']),
      expected: z.string().optional(),
      got: z.string().optional(),
      reason: z.string().optional(),
      byteOrderDependent: z.literal(true).optional(),
    }),
  ),
});

/** Results in one format, ending in a newline. */
export function formatReport(results: readonly VectorResult[], format: ReportFormat): string {
  switch (format) {
    case 'json':
      return `${JSON.stringify({ summary: summarise(results), results }, undefined, 1)}\n`;
    case 'tap':
      return tap(results);
    case 'junit':
      return junit(results);
    case 'text':
      return text(results);
  }
}

function engineOf({ engine, target }: VectorResult): string {
  return target === null ? engine : `${engine}:${target}`;
}

function text(results: readonly VectorResult[]): string {
  const lines: string[] = [];
  for (const result of results) {
    if (result.status === 'failed')
      lines.push(
        `FAILED ${engineOf(result)} ${result.name}`,
        `  expected ${result.expected}`,
        `  got      ${result.got}`,
      );
  }
  const reasons = new Map<string, number>();
  for (const result of results) {
    if (result.status !== 'skipped') continue;
    const key = `${engineOf(result)}: ${result.reason}`;
    reasons.set(key, (reasons.get(key) ?? 0) + 1);
  }
  for (const [reason, count] of reasons) lines.push(`skipped ${count}: ${reason}`);
  for (const engine of new Set(results.map(engineOf))) {
    const own = summarise(results.filter((result) => engineOf(result) === engine));
    const dependent = own.byteOrderDependent === 0 ? '' : ` (${own.byteOrderDependent} depend on byte order: compared with the interpreter)`; // prettier-ignore
    lines.push(`${engine.padEnd(16)} ${own.passed} passed, ${own.failed} failed, ${own.skipped} skipped${dependent}`);
  }
  const total = summarise(results);
  lines.push(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  return `${lines.join('\n')}\n`;
}

function tap(results: readonly VectorResult[]): string {
  const lines = ['TAP version 14', `1..${results.length}`];
  results.forEach((result, i) => {
    const title = `${i + 1} - ${engineOf(result)} ${result.name.replace(/[\\#]/g, '\\$&')}`;
    if (result.status === 'skipped') lines.push(`ok ${title} # SKIP ${result.reason}`);
    else if (result.status === 'passed') lines.push(`ok ${title}`);
    else {
      lines.push(`not ok ${title}`, '  ---', `  expected: ${JSON.stringify(result.expected)}`, `  got: ${JSON.stringify(result.got)}`, '  ...'); // prettier-ignore
    }
  });
  return `${lines.join('\n')}\n`;
}

function junit(results: readonly VectorResult[]): string {
  const lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<testsuites>'];
  for (const engine of new Set(results.map(engineOf))) {
    const own = results.filter((result) => engineOf(result) === engine);
    const { failed, skipped } = summarise(own);
    lines.push(`  <testsuite name="${xml(engine)}" tests="${own.length}" failures="${failed}" skipped="${skipped}">`);
    for (const result of own) {
      const open = `    <testcase classname="${xml(engine)}" name="${xml(result.name)}"`;
      if (result.status === 'passed') lines.push(`${open}/>`);
      else if (result.status === 'skipped')
        lines.push(`${open}><skipped message="${xml(result.reason ?? '')}"/></testcase>`);
      else
        lines.push(`${open}><failure message="${xml(`expected ${result.expected}, got ${result.got}`)}"/></testcase>`);
    }
    lines.push('  </testsuite>');
  }
  lines.push('</testsuites>');
  return `${lines.join('\n')}\n`;
}

const XML_ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function xml(value: string): string {
  // Control characters are not allowed in XML 1.0, not even as entities.
  return value
    .replace(/[&<>"]/g, (char) => XML_ENTITIES[char]!)
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, '?');
}
