/** Writes schemas/*.schema.json from src/schemas.ts: `npm run schemas -w apps/cli`. A test says when they are stale. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { format } from 'prettier';
import { schemaFiles } from '../src/schemas.ts';

const folder = new URL('../schemas/', import.meta.url);
mkdirSync(folder, { recursive: true });
for (const [name, schema] of Object.entries(schemaFiles())) {
  writeFileSync(new URL(name, folder), await format(JSON.stringify(schema), { parser: 'json', printWidth: 120 }));
}
