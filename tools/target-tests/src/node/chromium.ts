/** Tests in a browser: a page made of one TypeScript file, in Debian's Chromium without a window. */
import { spawnSync } from 'node:child_process';
import { build } from 'esbuild';
import { type Browser, chromium, type Page } from 'playwright-core';

/** The Debian package, and its program. */
export const CHROMIUM = 'chromium';

/**
 * Why no page can be opened here, or undefined when one can.
 *
 * @throws Error in CI, which must not go green by skipping
 */
export function chromiumProblem(): string | undefined {
  if (spawnSync(CHROMIUM, ['--version'], { stdio: 'ignore' }).status === 0) return undefined;
  const problem = `there is no ${CHROMIUM}: on Debian, as root: apt-get install --no-install-recommends ${CHROMIUM}`;
  if (process.env['CI']) throw new Error(problem);
  return problem;
}

/** The file and all that it imports, as one classic script. */
export async function bundleForBrowser(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'iife',
    platform: 'browser',
    target: 'es2022',
    conditions: ['@polybpf/source'],
  });
  return outputFiles[0]!.text;
}

/** A browser with one page; errors of the page fail whoever waits for it. */
export interface OpenPage extends AsyncDisposable {
  readonly page: Page;
  /** What the page wrote to its console as errors, and exceptions that nobody caught. */
  readonly problems: readonly string[];
}

/** Opens an empty page. Chromium refuses its own sandbox to root, so it goes without. */
export async function openPage(): Promise<OpenPage> {
  const executablePath = spawnSync('sh', ['-c', `command -v ${CHROMIUM}`], { encoding: 'utf8' }).stdout.trim();
  const args = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'];
  const browser: Browser = await chromium.launch({ executablePath, args });
  const page = await browser.newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  return { page, problems, [Symbol.asyncDispose]: () => browser.close() };
}
