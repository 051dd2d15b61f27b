/** Random programs through the live kernel and our verifier. `random.ts COUNT SEED [ONLY]` */
import { openLiveKernel } from '../../packages/kernel/src/index.ts';
import { verify } from '../../packages/verifier/src/index.ts';
import { difference, Tally, toldByKernel, toldByUs } from './compare.ts';
import { randomProgram, rng } from './random-programs.ts';

const [count = 1000, seed = 1, only] = process.argv.slice(2).map(Number);
const privilege = process.env['PRIVILEGE'] === 'bpf' ? 'bpf' : 'root';
const LEVEL = Number(process.env['LEVEL'] ?? 2) as 2;
using kernel = openLiveKernel();
const init = { type: 2, keySize: 4, valueSize: 64, maxEntries: 2 };
const map = kernel.createMap(init);
const tally = new Tally();
let accepted = 0;
let processed = 0;
const from = only ?? 0;
for (let i = from; i < (only === undefined ? count : only + 1); i++) {
  const r = rng(seed * 1000003 + i);
  const insns = randomProgram(r);
  const flags = r() < 0.2 ? 8 : 0;
  const type = privilege === 'bpf' ? 'socket_filter' : 'kprobe';
  const loaded = kernel.load(insns, { type, fdArray: [map.fd], flags, logLevel: only === undefined ? 4 : LEVEL });
  if (loaded.accepted) {
    kernel.close(loaded.fd);
    accepted++;
    processed += loaded.stats?.insnsProcessed ?? 0;
  }
  let report;
  try {
    report = verify(
      { insns, maps: [{ ...init, name: 'polybpf' }], type, flags },
      { logLevel: only === undefined ? 0 : 2, privilege },
    );
  } catch (error) {
    tally.add(`crash: ${String(error)}`, String(i));
    if (only !== undefined) throw error;
    continue;
  }
  const a = toldByKernel(loaded);
  const b = toldByUs(report);
  tally.add(difference(a, b) ?? (a.states === b.states ? undefined : 'states differ'), `${i}`);
  if (only !== undefined) {
    console.log(loaded.log);
    console.log(report.log);
    console.log(type, flags, a, b);
  }
}
tally.print(`random (${accepted} accepted, ${processed} processed)`);
