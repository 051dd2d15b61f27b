/** The page: starts the worker, shows its tables. Entry of the page's script. */
import type { WorkerMessage, WorkerRequest } from './worker.ts';

/** The little of a browser's document that is used; this workspace is compiled for node. */
interface Element {
  textContent: string | null;
  hidden: boolean;
  disabled: boolean;
  id: string;
  append(...children: (Element | string)[]): void;
  replaceChildren(): void;
  addEventListener(type: 'click', listener: () => void): void;
}
interface Browser {
  readonly document: {
    createElement(name: string): Element;
    getElementById(id: string): Element | null;
    readonly body: Element;
  };
  readonly location: { readonly search: string };
  readonly Worker: new (url: string) => {
    onmessage: ((event: { readonly data: WorkerMessage }) => void) | null;
    onerror: ((event: { readonly message: string }) => void) | null;
    postMessage(request: WorkerRequest): void;
    terminate(): void;
  };
}

const { document, location, Worker } = globalThis as unknown as Browser;
const byId = (id: string): Element => document.getElementById(id)!;
const status = byId('status');
const buttons = [byId('quick'), byId('thorough')];
buttons[0]!.addEventListener('click', () => run(true));
buttons[1]!.addEventListener('click', () => run(false));
// page.html?quick begins by itself.
const wanted = location.search.slice(1);
if (wanted === 'quick' || wanted === 'thorough') run(wanted === 'quick');

function run(isQuick: boolean): void {
  const script = new Blob([byId('worker').textContent!], { type: 'text/javascript' });
  const worker = new Worker(URL.createObjectURL(script));
  const started = performance.now();
  const end = (text: string): void => {
    status.textContent = text;
    for (const button of buttons) button.disabled = false;
    worker.terminate();
  };
  for (const button of buttons) button.disabled = true;
  byId('results').replaceChildren();
  worker.onmessage = ({ data }) => {
    if (data.kind === 'part') status.textContent = `measuring: ${data.name}`;
    else if (data.kind === 'failure') end(`failed: ${data.message}`);
    else {
      show(data);
      end(`done in ${((performance.now() - started) / 1000).toFixed(0)} s`);
    }
  };
  worker.onerror = ({ message }) => end(`failed: ${message}`);
  worker.postMessage({ inputs: byId('inputs').textContent!, isQuick });
}

function show({ report, bars, sections }: Extract<WorkerMessage, { kind: 'report' }>): void {
  const results = byId('results');
  results.append(element('p', `${Object.values(report.environment).join(', ')}; workloads: ${report.inputs.origin}`));
  const verdicts = bars.map(({ what, bar, value, met }) => [what, value, bar, met ? 'met' : 'missed']);
  results.append(table('bars', [['bar', 'value', 'wanted', ''], ...verdicts]));
  for (const { title, rows } of sections) results.append(element('h2', title), table(title, rows));
  for (const line of report.missing) results.append(element('p', `not measured: ${line}`));
  byId('json').textContent = JSON.stringify(report, undefined, 2);
}

function table(title: string, rows: readonly (readonly string[])[]): Element {
  const made = element('table');
  made.id = title;
  rows.forEach((cells, i) => {
    const row = element('tr');
    row.append(...cells.map((cell) => element(i === 0 ? 'th' : 'td', cell)));
    made.append(row);
  });
  return made;
}

function element(name: string, text?: string): Element {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  return made;
}
