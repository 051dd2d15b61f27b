/** The page of `npm run bench -- browser`, in headless Chromium: it shows the tables of the command line. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromiumProblem, openPage } from '@polybpf-tools/target-tests/chromium';
import { ALL_TARGETS } from '@polybpf/targets';
import { describe, expect, it } from 'vitest';
import { buildPage } from '../src/build-page.ts';
import { loadWorkloads } from '../src/load-workloads.ts';
import type { SpeedReport } from '../src/speed-report.ts';
import { verifierPrograms } from '../src/verifier-programs.ts';

const problem = chromiumProblem();
describe('the page of the bench', () => {
  if (problem !== undefined) {
    it.skip(problem, () => undefined);
    return;
  }

  it('measures and shows every row', async () => {
    // The examples are in every clone; three of them make the test short.
    const { origin, workloads } = loadWorkloads(undefined);
    const chosen = workloads.slice(0, 3);
    const folder = mkdtempSync(join(tmpdir(), 'polybpf-bench-page-'));
    try {
      const file = join(folder, 'bench.html');
      writeFileSync(file, await buildPage({ origin, workloads: chosen }));
      await using open = await openPage();
      const { page, problems } = open;
      await page.goto(`file://${file}`);
      expect(await page.textContent('#status')).toBe('idle');
      await page.click('#quick');
      await page.waitForFunction(`/^(done|failed)/.test(document.getElementById('status').textContent)`, undefined, { timeout: 400_000 }); // prettier-ignore
      expect(await page.textContent('#status')).toMatch(/^done in \d+ s$/);
      expect(problems).toEqual([]);

      const tables: Record<string, string[][]> = await page.evaluate(
        `Object.fromEntries([...document.querySelectorAll('table')].map((table) =>
          [table.id, [...table.rows].map((row) => [...row.cells].map((cell) => cell.textContent))]))`,
      );
      const rowsOf = (title: string): string[][] => {
        const name = Object.keys(tables).find((id) => id.startsWith(title));
        expect(name, `${title} among ${Object.keys(tables).join('; ')}`).toBeDefined();
        return tables[name!]!;
      };
      const names = chosen.map(({ name }) => name);
      const wasm = rowsOf('WebAssembly');
      expect(wasm[0]).toEqual(['workload', 'insns', 'interpreter', 'compiled', 'with facts', 'C', 'ratio to C', 'with facts', 'first call', 'bytes']); // prettier-ignore
      expect(wasm.map(([name]) => name)).toEqual(['workload', ...names, 'geometric mean']);
      for (const [name, insns, interpreter, compiled, facts, , , , first, bytes] of wasm.slice(1, -1)) {
        for (const figure of [insns, interpreter, compiled, facts, parseFloat(first!), bytes]) {
          expect(Number(figure), name).toBeGreaterThan(0);
        }
      }
      expect(rowsOf('interpreter').length).toBeGreaterThan(2);
      expect(rowsOf('compilation').map(([name]) => name)).toEqual(['target', ...ALL_TARGETS.map(({ name }) => name), 'wasm']); // prettier-ignore
      expect(rowsOf('verifier').map(([name]) => name)).toEqual(['program', ...verifierPrograms(true).map(({ name }) => name), 'geometric mean']); // prettier-ignore
      expect(rowsOf('bars').find(([what]) => what === 'results')).toEqual(['results', 'all right', 'all right', 'met']);

      const report = JSON.parse((await page.textContent('#json'))!) as SpeedReport;
      expect(report.wasm!.map(({ name }) => name)).toEqual(names);
      expect(report.environment['browser']).toContain('Chrome');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
