/** The engines in a browser: Debian's Chromium without a window, a page that is one file. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, describe, expect, it } from 'vitest';

const PROGRAM = 'chromium';
const found = spawnSync(PROGRAM, ['--version'], { encoding: 'utf8' }).status === 0;
const SUITE = fileURLToPath(new URL('../../../test-vectors', import.meta.url));
/** Files of vectors that are run; with POLYBPF_BROWSER_ALL all of them. */
const TOPICS = /^(alu-shift|atomic|call-local|control-special|load-store|memory)/;

interface EngineResult {
  readonly engine: string;
  readonly passed: number;
  readonly failed: number;
  readonly details: readonly string[];
}

describe('in Chromium', () => {
  if (!found) {
    if (process.env['CI']) throw new Error(`${PROGRAM} of the Debian package chromium is missing`);
    it.skip(`needs ${PROGRAM} of the Debian package chromium`, () => undefined);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'polybpf-chromium-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));

  it('vectors pass on every engine', async () => {
    const { outputFiles } = await build({
      entryPoints: [fileURLToPath(new URL('./browser-page.native.ts', import.meta.url))],
      bundle: true,
      write: false,
      format: 'iife',
      platform: 'browser',
      target: 'es2022',
      conditions: ['@polybpf/source'],
    });
    const names = readdirSync(SUITE).filter((name) => name.endsWith('.json') && !name.includes('schema'));
    const chosen = names.filter((name) => process.env['POLYBPF_BROWSER_ALL'] !== undefined || TOPICS.test(name));
    const vectorFiles = chosen.map((name) => ({ name, text: readFileSync(join(SUITE, name), 'utf8') }));
    const script = (text: string): string => `<script>${text.replaceAll('</script', '<\\/script')}</script>`;
    const page = join(folder, 'page.html');
    const data = `globalThis.vectorFiles = ${JSON.stringify(vectorFiles)};`;
    writeFileSync(page, `<!doctype html><meta charset="utf-8"><body>${script(data)}${script(outputFiles[0]!.text)}`);
    const { stdout, stderr } = spawnSync(
      PROGRAM,
      ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', `--user-data-dir=${join(folder, 'profile')}`, '--timeout=120000', '--dump-dom', `file://${page}`],
      { encoding: 'utf8', maxBuffer: 1 << 28, timeout: 300_000 },
    ); // prettier-ignore
    const json = /RESULT(.*)END<\/body>/s.exec(stdout)?.[1];
    expect(json, stderr.slice(-2000)).toBeDefined();
    const unescaped = json!.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
    const results = JSON.parse(unescaped) as readonly EngineResult[];
    expect(results.map(({ engine }) => engine)).toEqual(['interpreter', 'wasm', 'wasm-interpreter', 'auto']);
    for (const { engine, passed, failed, details } of results) {
      expect(failed, `${engine}: ${details.join('; ')}`).toBe(0);
      expect(passed, engine).toBeGreaterThan(300);
    }
    console.log(results.map(({ engine, passed }) => `${engine} ${passed}`).join(', '));
  });
});
