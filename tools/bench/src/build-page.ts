/** One HTML file with the bench in it: nothing is loaded, so that it opens from a disk as from a server. */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { PageInputs } from './browser/measure.ts';
import { packInputs } from './browser/page-inputs.ts';

const STYLE = `
body { font: 15px/1.4 sans-serif; margin: 2em; max-width: 75em }
table { border-collapse: collapse; margin: 1em 0 }
td, th { padding: 2px 10px; border-bottom: 1px solid #ccc; text-align: right; font-variant-numeric: tabular-nums }
td:first-child, th:first-child { text-align: left }`;

/** The page's text. */
export async function buildPage(inputs: PageInputs): Promise<string> {
  const [page, worker] = await Promise.all(['page.ts', 'worker.ts'].map(bundle));
  const element = (id: string, type: string, text: string): string =>
    `<script id="${id}" type="${type}">${text.replaceAll('</script', '<\\/script')}</script>`;
  return [
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>polybpf bench</title>',
    `<style>${STYLE}</style><h1>polybpf bench</h1>`,
    '<p><button id="quick">quick</button> <button id="thorough">thorough</button> <span id="status">idle</span></p>',
    '<div id="results"></div><details><summary>JSON</summary><pre id="json"></pre></details>',
    element('inputs', 'application/json', packInputs(inputs)),
    element('worker', 'text/plain', worker!),
    element('page', 'text/javascript', page!),
    '</html>\n',
  ].join('\n');
}

async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`./browser/${entry}`, import.meta.url))],
    bundle: true,
    write: false,
    minify: true,
    format: 'iife',
    platform: 'browser',
    target: 'es2022',
    conditions: ['@polybpf/source'],
  });
  return outputFiles[0]!.text;
}
