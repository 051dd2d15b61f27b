/** Programs around owned objects through the live kernel and our verifier. `dynptrs.ts COUNT SEED [ONLY]` */
import { readFileSync } from 'node:fs';
import { parseBtf } from '../../packages/btf/src/index.ts';
import { openLiveKernel } from '../../packages/kernel/src/index.ts';
import { verify } from '../../packages/verifier/src/index.ts';
import { difference, Tally, toldByKernel, toldByUs } from './compare.ts';
import { OWNED_TYPES, ownedProgram } from './owned-programs.ts';
import { OWNED_BTF, OWNED_MAPS } from './owned-types.ts';
import { rng } from './random-programs.ts';

const [count = 1000, seed = 1, only] = process.argv.slice(2).map(Number);
const kernelBtf = new Uint8Array(readFileSync('/sys/kernel/btf/vmlinux'));
const ids = new Map(parseBtf(kernelBtf).types.filter(({ kind }) => kind === 'FUNC').map(({ name, id }) => [name, id])); // prettier-ignore
using kernel = openLiveKernel();
const loadedBtf = kernel.loadBtf(OWNED_BTF);
if (!loadedBtf.accepted) throw new Error(loadedBtf.message);
const btfFd = loadedBtf.fd;
const fdArray = OWNED_MAPS.map((map) => kernel.createMap({ ...map, btfFd }).fd);
const maps = OWNED_MAPS.map((map) => ({ ...map, btf: OWNED_BTF }));
const trace = parseBtf(kernelBtf).types.find(
  ({ kind, name }) => kind === 'TYPEDEF' && name === 'btf_trace_sched_wakeup',
)!.id;
const tally = new Tally();
const reasons = new Map<string, number>();
let accepted = 0;
for (let i = only ?? 0; i < (only === undefined ? count : only + 1); i++) {
  if (process.env['TRACE'] !== undefined) console.error(i);
  const r = rng(seed * 7907 + i);
  const type = OWNED_TYPES[Math.floor(r() * OWNED_TYPES.length)]!;
  const { insns, functions } = ownedProgram(r, type, (name) => ids.get(name)!);
  const flags = (type === 'syscall' ? 16 : 0) | (r() < 0.2 ? 8 : 0);
  const attach = type === 'tracing' ? { attachType: 'BPF_TRACE_RAW_TP' } : {};
  const words = Uint32Array.from(functions.flatMap((row) => [row.insn, row.type]));
  const funcInfo = { recordSize: 8, bytes: new Uint8Array(words.buffer) };
  const loaded = kernel.load(insns, { type, flags, ...attach, ...(type === 'tracing' ? { attachBtfId: trace } : {}), fdArray, btfFd, funcInfo, logLevel: only === undefined ? 4 : 2 }); // prettier-ignore
  const told = toldByKernel(loaded);
  if (loaded.accepted) {
    accepted++;
    kernel.close(loaded.fd);
  }
  const reason = told.message.replace(/-?\d+/g, 'N');
  reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  try {
    const input = {
      insns,
      type,
      flags,
      ...attach,
      ...(type === 'tracing' ? { attachBtfName: 'sched_wakeup' } : {}),
      maps,
      btf: OWNED_BTF,
      functions,
    };
    const report = verify(input, { kernelBtf, logLevel: only === undefined ? 0 : 2 });
    if (only !== undefined) {
      console.log(loaded.log);
      console.log('-----');
      console.log(report.log);
    }
    tally.add(difference(told, toldByUs(report)), `${i} ${type}`);
  } catch (error) {
    tally.add(`crash ${String(error)}`, `${i} ${type}`);
    if (only !== undefined) throw error;
  }
}
if (process.env['REASONS'] !== undefined) {
  for (const [reason, n] of [...reasons].sort((a, b) => b[1] - a[1])) console.log(String(n).padStart(6), reason);
}
tally.print(`owned objects, ${accepted} accepted`);
