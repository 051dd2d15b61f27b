// `npm run gen:matrix`: runs all vectors on every engine and CPU, writes `docs/support-matrix.json` and, from it, the
// table in the README.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'prettier';
import { ROOT } from './repository.ts';
import { measureSupport } from './support-matrix.native.ts';

const shared = process.env['POLYBPF_SHARED'];
if (shared === undefined) {
  console.error('the public suite is not here: POLYBPF_SHARED names the folder that holds conformance/bpf_conformance');
  process.exit(3);
}
const matrix = measureSupport(join(shared, 'conformance/bpf_conformance'));
const text = await format(JSON.stringify(matrix), { parser: 'json', printWidth: 120 });
writeFileSync(join(ROOT, 'docs/support-matrix.json'), text);
console.log('wrote docs/support-matrix.json');
const args = ['--conditions=@polybpf/source', '--import', 'tsx', join(import.meta.dirname, 'docs.ts'), '--write'];
process.exitCode = spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit' }).status ?? 1;
