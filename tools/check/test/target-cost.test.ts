import { describe, expect, it } from 'vitest';
import { codeLines, renderTargetCost } from '../target-cost.ts';

describe('lines of code', () => {
  it('are neither blank, comments nor imports', () => {
    const source = [
      '/** What it does.',
      ' * More. */',
      "import { a, type B } from './a.ts';",
      'import {',
      '  c,',
      "} from './c.ts';",
      "export type { D } from './d.ts';",
      '',
      '// Why.',
      'const x = a + 1; // counts',
      '  /** Documentation. */',
      '  const y = "// no comment";',
      '',
    ];
    expect(codeLines(source.join('\n'))).toBe(2);
  });

  it('are told for every target, tables and lowering apart', () => {
    const rows = renderTargetCost().split('\n').filter((line) => /^\| \w+ \| \d+/.test(line)); // prettier-ignore
    const names = rows.map((row) => row.split('|')[1]!.trim()).sort();
    expect(names).toEqual(['arm', 'arm64', 'loongarch64', 'mips64', 'ppc64', 'riscv64', 's390x', 'sparc64', 'x86_64']);
    for (const row of rows) {
      const [tables, lowering, all] = row.split('|').slice(2, 5).map(Number) as [number, number, number];
      expect(Math.abs(tables + lowering - all)).toBeLessThanOrEqual(10);
    }
  });
});
