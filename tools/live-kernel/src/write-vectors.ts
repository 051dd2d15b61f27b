/**
 * Writes `test-vectors/*.json` from the topics, each vector labelled by the live kernel. Run as root:
 *
 *   npm run vectors            writes the files and the JSON Schema
 *   npm run vectors -- --check says what differs from the committed files and exits 1
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseVectorFile, vectorJsonSchema, type VectorFile } from '@polybpf/conformance';
import { createKernelRunner, openLiveKernel } from '@polybpf/kernel';
import { format } from 'prettier';
import { labelDraft } from './label.ts';
import { ADDRESS_TOPICS } from './topics/address.ts';
import { ALU_TOPICS } from './topics/alu.ts';
import { CALL_TOPICS } from './topics/call.ts';
import { ENCODING_TOPICS } from './topics/encoding.ts';
import { FUSION_TOPICS } from './topics/fusion.ts';
import { JUMP_BOUNDARY_TOPICS } from './topics/jump-boundary.ts';
import { JUMP_TOPICS } from './topics/jump.ts';
import { MEMORY_TOPICS } from './topics/memory.ts';
import { SPECIAL_TOPICS } from './topics/special.ts';

const folder = fileURLToPath(new URL('../../../test-vectors/', import.meta.url));
const check = process.argv.includes('--check');
const kernelRelease = release().split('.').slice(0, 2).join('.');

using kernel = openLiveKernel();
using runner = createKernelRunner(kernel);
let stale = 0;
let count = 0;
let refused = 0;
const TOPICS = [
  ...ALU_TOPICS,
  ...FUSION_TOPICS,
  ...JUMP_TOPICS,
  ...JUMP_BOUNDARY_TOPICS,
  ...CALL_TOPICS,
  ...MEMORY_TOPICS,
  ...ADDRESS_TOPICS,
  ...ENCODING_TOPICS,
  ...SPECIAL_TOPICS,
];
for (const topic of TOPICS) {
  const tests = topic.drafts.map((draft) => labelDraft(draft, runner, kernelRelease));
  const file: VectorFile = {
    schema: 'polybpf-vectors@1',
    topic: topic.topic,
    spec: [...topic.spec],
    notes: { ...topic.notes },
    tests,
  };
  parseVectorFile(file, topic.file);
  count += tests.length;
  refused += tests.filter((test) => test.acceptedBy?.linux === false).length;
  await put(`${topic.file}.json`, file);
}
await put('vector.schema.json', vectorJsonSchema());
console.log(`${count} vectors, ${count - refused} accepted by linux ${kernelRelease}, ${refused} refused`);
if (check && stale > 0) process.exitCode = 1;

async function put(name: string, value: unknown): Promise<void> {
  const path = `${folder}${name}`;
  const text = await format(JSON.stringify(value), { parser: 'json', printWidth: 160 });
  const known = existsSync(path) ? readFileSync(path, 'utf8') : '';
  if (known === text) return;
  stale++;
  console.log(`${check ? 'differs' : 'written'}: test-vectors/${name}`);
  if (!check) writeFileSync(path, text);
}
