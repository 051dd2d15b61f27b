/**
 * Arguments of kernel functions through the live kernel and our verifier. `kfunc-arguments.ts COUNT SEED [PATTERN]`; `SHOW=N`
 * prints both logs of one program, `REASONS=1` counts the kernel's messages, `LOGS=1` compares the detailed logs as well.
 */
import { readFileSync } from 'node:fs';
import { parseBtf } from '../../packages/btf/src/index.ts';
import { openLiveKernel } from '../../packages/kernel/src/index.ts';
import { verify } from '../../packages/verifier/src/index.ts';
import { difference, Tally, toldByKernel, toldByUs } from './compare.ts';
import { KFUNC_MAPS, KFUNC_TYPES, kfuncPrograms } from './kfunc-argument-programs.ts';
import { LogTally } from './log-lines.ts';
import { rng } from './random-programs.ts';

const [count = 1000, seed = 1] = process.argv.slice(2, 4).map(Number);
const pattern = new RegExp(process.argv[4] ?? '.');
const kernelBtf = new Uint8Array(readFileSync('/sys/kernel/btf/vmlinux'));
const trace = parseBtf(kernelBtf).types.find(({ name }) => name === 'btf_trace_sched_wakeup')!.id;

using kernel = openLiveKernel();
const fdArray = KFUNC_MAPS.map(({ frozen, ...map }) => {
  const made = kernel.createMap(map);
  if (frozen !== undefined) {
    made.update(new Uint8Array(4), frozen);
    made.freeze();
  }
  return made.fd;
});
const make = kfuncPrograms(kernelBtf, pattern);
const tally = new Tally();
const logs = process.env['LOGS'] === undefined ? undefined : new LogTally();
const reasons = new Map<string, number>();
let accepted = 0;
for (let i = 0; i < count; i++) {
  const r = rng(seed * 6271 + i);
  const type = KFUNC_TYPES[Math.floor(r() * KFUNC_TYPES.length)]!;
  const insns = make(r, type);
  const tracing = type === 'tracing' ? { attachType: 'BPF_TRACE_RAW_TP' } : {};
  const how = { type, flags: type === 'syscall' ? 16 : 0, ...tracing };
  const shown = process.env['SHOW'] === String(i);
  const detailed = shown || logs !== undefined;
  const attach = type === 'tracing' ? { attachBtfId: trace } : {};
  const loaded = kernel.load(insns, { ...how, ...attach, fdArray, logLevel: detailed ? 2 : 4 });
  if (loaded.accepted) {
    accepted++;
    kernel.close(loaded.fd);
  }
  const told = toldByKernel(loaded);
  const reason = told.message.replace(/-?\d+/g, 'N');
  reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  try {
    const target = type === 'tracing' ? { attachBtfName: 'sched_wakeup' } : {};
    const report = verify({ insns, maps: KFUNC_MAPS, ...how, ...target }, { kernelBtf, logLevel: detailed ? 2 : 0 });
    if (shown) console.log(`${loaded.log}\n-----\n${report.log}`);
    logs?.add(String(i), loaded.log, report.log);
    tally.add(difference(told, toldByUs(report)), `${i} ${type}`);
  } catch (error) {
    tally.add(`crash ${String(error)}`, `${i} ${type}`);
  }
}
if (process.env['REASONS'] !== undefined) {
  for (const [reason, n] of [...reasons].sort((a, b) => b[1] - a[1])) console.log(String(n).padStart(6), reason);
}
logs?.print('logs');
tally.print(`arguments of kernel functions, ${accepted} accepted`);
