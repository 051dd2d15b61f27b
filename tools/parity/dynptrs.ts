/**
 * Programs around dynptrs through the live kernel and our verifier. `dynptrs.ts COUNT SEED [ONLY]`; `LOGS=1` compares the
 * detailed logs as well, `REASONS=1` counts the kernel's messages,
 * `PRIVILEGE=bpf` is for a loader without CAP_PERFMON, as which it is then to be run.
 */
import { readFileSync } from 'node:fs';
import { parseBtf } from '../../packages/btf/src/index.ts';
import { makeInsn } from '../../packages/isa/src/index.ts';
import { openLiveKernel } from '../../packages/kernel/src/index.ts';
import { verify } from '../../packages/verifier/src/index.ts';
import { difference, Tally, toldByKernel, toldByUs } from './compare.ts';
import { DYNPTR_BTF } from '../../packages/verifier/test/dynptr-btf.ts';
import { DYNPTR_ATTACH, DYNPTR_MAPS, DYNPTR_TYPES, dynptrProgram } from './dynptr-programs.ts';
import { LogTally } from './log-lines.ts';
import { rng } from './random-programs.ts';

const [count = 1000, seed = 1, only] = process.argv.slice(2).map(Number);
const kernelBtf = new Uint8Array(readFileSync('/sys/kernel/btf/vmlinux'));
const { types } = parseBtf(kernelBtf);
const ids = new Map(types.filter(({ kind }) => kind === 'FUNC').map(({ name, id }) => [name, id]));
const traces = new Map(types.filter(({ name }) => name.startsWith('btf_trace_')).map(({ name, id }) => [name.slice(10), id])); // prettier-ignore
using kernel = openLiveKernel();
const fdArray = DYNPTR_MAPS.map((map) => kernel.createMap(map).fd);
const loadedBtf = kernel.loadBtf(DYNPTR_BTF);
if (!loadedBtf.accepted) throw new Error(loadedBtf.message);
const privilege = process.env['PRIVILEGE'] === 'bpf' ? 'bpf' : 'root';
const tally = new Tally();
const logs = process.env['LOGS'] === undefined ? undefined : new LogTally();
const level = only === undefined && logs === undefined ? 4 : 2;
const reasons = new Map<string, number>();
let accepted = 0;
for (let i = only ?? 0; i < (only === undefined ? count : only + 1); i++) {
  const r = rng(seed * 7907 + i);
  const type = DYNPTR_TYPES[Math.floor(r() * DYNPTR_TYPES.length)]!;
  const { insns, functions } = dynptrProgram(r, type, (name) => makeInsn(0x85, 0, 2, 0, ids.get(name)!));
  const flags = (type === 'syscall' ? 16 : 0) | (r() < 0.2 ? 8 : 0) | (r() < 0.1 ? 1 : 0) | (r() < 0.1 ? 128 : 0);
  const words = Uint32Array.from(functions.flatMap((row) => [row.insn, row.type]));
  const funcInfo = { recordSize: 8, bytes: new Uint8Array(words.buffer) };
  if (privilege === 'bpf' && ['kprobe', 'tracepoint', 'tracing', 'lwt_in', 'lwt_xmit'].includes(type)) continue;
  const { attachType, target } = DYNPTR_ATTACH[type] ?? {};
  const attach = attachType === undefined ? {} : { attachType };
  const attachBtf = target === undefined ? {} : { attachBtfId: traces.get(target)! };
  const loaded = kernel.load(insns, { type, ...attach, ...attachBtf, flags, fdArray, btfFd: loadedBtf.fd, funcInfo, logLevel: level }); // prettier-ignore
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
      ...attach,
      ...(target === undefined ? {} : { attachBtfName: target }),
      flags,
      maps: DYNPTR_MAPS,
      btf: DYNPTR_BTF,
      functions,
    };
    const report = verify(input, { kernelBtf, logLevel: level === 2 ? 2 : 0, privilege });
    if (only !== undefined) {
      console.log(loaded.log);
      console.log('-----');
      console.log(report.log);
    }
    logs?.add(`${i}`, loaded.log, report.log);
    tally.add(difference(told, toldByUs(report)), `${i} ${type}`);
  } catch (error) {
    tally.add(`crash ${String(error)}`, `${i} ${type}`);
    if (only !== undefined) throw error;
  }
}
if (process.env['REASONS'] !== undefined) {
  for (const [reason, n] of [...reasons].sort((a, b) => b[1] - a[1])) console.log(String(n).padStart(6), reason);
}
logs?.print('logs');
tally.print(`dynptrs, ${accepted} accepted`);
