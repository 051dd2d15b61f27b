/** Programs of real objects through the live kernel and our verifier: `npm run parity -- objects [OBJECT[:PROGRAM]] [show] [FOLDER]`; a folder of objects instead of those of the packages. */
import { parseBtf } from '../../packages/btf/src/index.ts';
import { readVmlinuxBtf, openLiveKernel, openObject } from '../../packages/kernel/src/index.ts';
import { loadObject } from '../../packages/loader/src/index.ts';
import { verify } from '../../packages/verifier/src/index.ts';
import { ciliumObjects, libbpfTools } from '../../packages/loader/test/corpus.ts';
import { objectSymbols } from '../../apps/cli/src/commands/kernel-load.ts';
import { verifyInputs } from '../../apps/cli/src/verify/object-input.ts';
import { difference, Tally, toldByKernel, toldByUs } from './compare.ts';
import { readFileSync, readdirSync } from 'node:fs';

const filter = process.argv[2]?.includes('/') ? '' : (process.argv[2] ?? '');
const show = process.argv[3] === 'show';
const kernelBtf = readFileSync('/sys/kernel/btf/vmlinux');
const target = parseBtf(new Uint8Array(kernelBtf));
void readVmlinuxBtf;
using kernel = openLiveKernel();
const tally = new Tally();
const accepts = new Tally();
const folder = process.argv.slice(2).find((word) => word.includes('/'));
function objectsIn(path: string): { name: string; bytes: Uint8Array }[] {
  return readdirSync(path)
    .filter((n) => n.endsWith('.o'))
    .map((name) => ({ name, bytes: new Uint8Array(readFileSync(`${path}/${name}`)) }));
}
const packaged = () => [...libbpfTools(), ...ciliumObjects(), ...objectsIn('examples/objects')];
let ours = 0;
for (const { name, bytes } of folder === undefined ? packaged() : objectsIn(folder)) {
  if (!name.includes(filter.split(':')[0]!)) continue;
  let object;
  try {
    object = loadObject(bytes, { illegal: 'keep', targetBtf: target });
  } catch (error) {
    if (folder !== undefined) console.log(name, String(error));
    continue;
  }
  if (object.endian !== 'little') continue;
  using loader = openObject(kernel, object, { symbols: objectSymbols(bytes) });
  let inputs;
  try {
    inputs = verifyInputs({ kind: 'object', programs: object.programs, object, bytes, fixedOrder: true }, undefined);
  } catch (error) {
    console.log(name, String(error));
    continue;
  }
  object.programs.forEach((program, index) => {
    if (filter.includes(':') && program.name !== filter.split(':')[1]) return;
    const { load } = loader.load(index);
    if (load === undefined) return;
    const example = `${name}:${program.name}`;
    try {
      const start = performance.now();
      const report = verify(inputs[index]!, {
        kernelBtf: new Uint8Array(kernelBtf.buffer, kernelBtf.byteOffset, kernelBtf.length),
        logLevel: show ? 2 : 0,
        cpus: 2,
      });
      ours += performance.now() - start;
      const a = toldByKernel(load);
      const b = toldByUs(report);
      const cause = difference(a, b);
      tally.add(cause, example);
      if (load.accepted) accepts.add(cause, example);
      if (show) {
        console.log(report.log);
        console.log(example, a, b);
      }
    } catch (error) {
      tally.add(`crash ${String(error)}`, example);
      if (show) throw error;
    }
  });
}
tally.print('objects');
accepts.print('of those accepted by the kernel');
console.log(`${ours.toFixed(0)} ms`);
