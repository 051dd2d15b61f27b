/** What the page of `chromium.native.test.ts` runs: vectors on every engine, results as JSON into the document. */
import {
  interpreterEngine,
  readVectorFile,
  runSuite,
  summarise,
  WASM_ENGINES,
  wasmVectorEngine,
} from '@polybpf/conformance';

interface Page {
  readonly vectorFiles: readonly { readonly name: string; readonly text: string }[];
  readonly document: { title: string; readonly body: { textContent: string } };
}

const page = globalThis as unknown as Page;
try {
  const vectors = page.vectorFiles.flatMap(({ name, text }) => readVectorFile(text, name));
  const engines = [interpreterEngine(), ...WASM_ENGINES.map((name) => wasmVectorEngine(name))];
  const results = engines.map((engine) => {
    const all = runSuite(vectors, engine);
    const failed = all.filter(({ status }) => status === 'failed').slice(0, 5);
    return { engine: engine.name, ...summarise(all), details: failed.map(({ name, got }) => `${name}: ${got}`) };
  });
  page.document.body.textContent = `RESULT${JSON.stringify(results)}END`;
} catch (error) {
  page.document.body.textContent = `RESULT${JSON.stringify(String(error))}END`;
}
