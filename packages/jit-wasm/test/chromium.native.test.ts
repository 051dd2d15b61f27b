/**
 * The engines in a browser: Debian's Chromium without a window. All vectors, and generated programs that are compared with
 * the interpreter, faults included. `POLYBPF_BROWSER_PROGRAMS=100000` makes the long run.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleForBrowser, chromiumProblem, openPage, type OpenPage } from '@polybpf-tools/target-tests/chromium';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BrowserPage } from './browser-page.native.ts';
import { COMMON_ENDS } from './random-comparison.ts';

const PAGE = fileURLToPath(new URL('./browser-page.native.ts', import.meta.url));
const OURS = fileURLToPath(new URL('../../../test-vectors', import.meta.url));
const shared = process.env['POLYBPF_SHARED'];
const PUBLIC = shared === undefined ? undefined : join(shared, 'conformance/bpf_conformance');

/** Programs of each generator. */
const COUNT = Number(process.env['POLYBPF_BROWSER_PROGRAMS'] ?? 2000);
/** The page is asked for so many at once, so that its messages stay short and it can be closed. */
const PORTION = 1000;
const SEED = 20260106;

const problem = chromiumProblem();
describe('in Chromium', () => {
  if (problem !== undefined) {
    it.skip(`the engines in WebAssembly: ${problem}`, () => undefined);
    return;
  }
  let open: OpenPage;
  beforeAll(async () => {
    open = await openPage();
    await open.page.addScriptTag({ content: await bundleForBrowser(PAGE) });
  });
  afterAll(async () => {
    await open[Symbol.asyncDispose]();
    expect(open.problems).toEqual([]);
  });

  const vectors = async (folder: string, extension: string, least: number): Promise<void> => {
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    const chosen = names.filter((name) => name.endsWith(extension) && !name.endsWith('.schema.json'));
    const files = chosen.sort().map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') }));
    const reports = await open.page.evaluate((list) => pageOf().runVectors(list), files);
    expect(reports.map(({ engine }) => engine)).toEqual(['interpreter', 'wasm', 'wasm-interpreter', 'auto']);
    for (const { engine, passed, failed, problems } of reports) {
      expect(problems, engine).toEqual([]);
      expect(failed, engine).toBe(0);
      expect(passed, engine).toBeGreaterThanOrEqual(least);
    }
    console.log(reports.map(({ engine, passed }) => `${engine} ${passed}`).join(', '));
  };

  it('all of our vectors pass on every engine', () => vectors(OURS, '.json', 4000));

  if (PUBLIC !== undefined && existsSync(PUBLIC)) {
    it('the public suite passes on every engine', () => vectors(PUBLIC, '.data', 313));
  } else it.skip('the public suite: the shared folder is not here', () => undefined);

  it.each(['wasm', 'wasm-interpreter', 'auto'])(
    'random programs end on %s as on the interpreter',
    async (engine) => {
      const ends = new Map<string, number>();
      for (let first = 1; first <= COUNT; first += PORTION) {
        const count = Math.min(PORTION, COUNT - first + 1);
        const found = await open.page.evaluate(([name, from, number]) => pageOf().compareRandom(name, from, number), [engine, first, count] as const); // prettier-ignore
        if (found.different !== undefined) {
          expect(found.different.got, `program ${found.different.seed}`).toBe(found.different.expected);
        }
        for (const [end, number] of Object.entries(found.ends)) ends.set(end, (ends.get(end) ?? 0) + number);
      }
      console.log(`${engine}: ${[...ends].map(([end, number]) => `${end} ${number}`).join(', ')}`);
      expect([...ends.values()].reduce((sum, number) => sum + number, 0)).toBe(COUNT);
      if (COUNT >= 1000) for (const end of COMMON_ENDS) expect(ends.get(end), `${end} must occur`).toBeGreaterThan(0);
    },
    60_000 + COUNT * 100,
  );

  it(
    'programs of the fuzzer have one result on every engine',
    async () => {
      let programs = 0;
      for (let first = 0; first < COUNT; first += PORTION) {
        const count = Math.min(PORTION, COUNT - first);
        const found = await open.page.evaluate(([seed, from, number]) => pageOf().fuzz(seed, from, number), [SEED, first, count] as const); // prettier-ignore
        expect(found.disagreements).toEqual([]);
        expect(found.compared.map(({ engine }) => engine).sort()).toEqual(EACH_ORDER);
        for (const compared of found.compared) expect(compared.programs, compared.engine).toBe(count);
        programs += found.programs;
      }
      expect(programs).toBe(COUNT);
    },
    60_000 + COUNT * 100,
  );
});

/** Little-endian and big-endian programs are compared apart. */
const EACH_ORDER = ['interpreter', 'wasm', 'wasm-interpreter', 'auto'].flatMap((name) => [name, name]).sort();

/** In the page. */
declare function pageOf(): BrowserPage;
