/** Vectors from files and folders: the kind of each file is told by its name. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { BpfError } from '@polybpf/errors';
import { readDataFile } from '../read-data-file.ts';
import { readJsonLines } from '../read-json-lines.ts';
import { readVectorFile } from '../read-vector-file.ts';
import type { Vector } from '../vector.ts';

/**
 * Reads a suite: a folder of `.json` (ours), `.data` (bpf_conformance) and `.jsonl` files, searched with its
 * subfolders, or one such file.
 *
 * @throws BpfError `E_INPUT` when nothing is there, `E_VECTOR_FORMAT` for malformed files
 */
export function loadSuite(path: string): Vector[] {
  const files = listFiles(path);
  const vectors = files.flatMap(readVectors);
  if (vectors.length === 0)
    throw new BpfError('E_INPUT', 'no vectors', { at: { file: path }, expected: '.json, .data or .jsonl files' });
  return vectors;
}

function listFiles(path: string): string[] {
  let stat;
  try {
    stat = statSync(path);
  } catch (cause) {
    throw new BpfError('E_INPUT', 'cannot read', { at: { file: path }, cause });
  }
  if (!stat.isDirectory()) return [path];
  const entries = readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const child = join(path, entry.name);
    if (entry.isDirectory()) return listFiles(child);
    return /\.(json|data|jsonl|ndjson)$/.test(entry.name) && !entry.name.endsWith('.schema.json') ? [child] : [];
  });
}

function readVectors(file: string): Vector[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new BpfError('E_INPUT', 'cannot read', { at: { file }, cause });
  }
  if (file.endsWith('.data')) return [readDataFile(text, basename(file))];
  if (file.endsWith('.json') && !looksLikeLines(text)) return readVectorFile(text, file);
  return readJsonLines(text, file);
}

/** A `.json` file whose first line is a whole object is JSON lines under another name. */
function looksLikeLines(text: string): boolean {
  const first = text.slice(0, text.indexOf('\n') < 0 ? text.length : text.indexOf('\n')).trim();
  return first.startsWith('{"name"') && first.endsWith('}');
}
