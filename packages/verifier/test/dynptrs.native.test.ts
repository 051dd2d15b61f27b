import { existsSync, readFileSync } from 'node:fs';
import { parseBtf } from '@polybpf/btf';
import { makeInsn } from '@polybpf/isa';
import { openLiveKernel, probeLiveKernel } from '@polybpf/kernel';
import { describe, expect, it } from 'vitest';
import { difference, toldByKernel, toldByUs } from '../../../tools/parity/compare.ts';
import { DYNPTR_ATTACH, DYNPTR_MAPS, DYNPTR_TYPES, dynptrProgram } from '../../../tools/parity/dynptr-programs.ts';
import { KFUNC_MAPS, KFUNC_TYPES, kfuncPrograms } from '../../../tools/parity/kfunc-argument-programs.ts';
import { DYNPTR_BTF } from './dynptr-btf.ts';
import { LogTally } from '../../../tools/parity/log-lines.ts';
import { rng } from '../../../tools/parity/random-programs.ts';
import { verify } from '../src/index.ts';

const VMLINUX = '/sys/kernel/btf/vmlinux';
const available = probeLiveKernel().available && existsSync(VMLINUX);

describe.runIf(available)('programs get the verdict, message, errno and effort of the live kernel', () => {
  const kernelBtf = new Uint8Array(readFileSync(VMLINUX));
  const { types } = parseBtf(kernelBtf);
  const idOf = (name: string): number => types.find((t) => t.kind === 'FUNC' && t.name === name)!.id;

  it('around dynptrs, and the same log', () => {
    using kernel = openLiveKernel();
    const fdArray = DYNPTR_MAPS.map((map) => kernel.createMap(map).fd);
    const btf = kernel.loadBtf(DYNPTR_BTF);
    if (!btf.accepted) throw new Error(btf.message);
    const logs = new LogTally();
    const differences: string[] = [];
    let accepted = 0;
    for (let i = 0; i < 400; i++) {
      const r = rng(20_261_126 + i);
      const type = DYNPTR_TYPES[Math.floor(r() * DYNPTR_TYPES.length)];
      const { insns, functions } = dynptrProgram(r, type, (name) => makeInsn(0x85, 0, 2, 0, idOf(name)));
      const flags = type === 'syscall' ? 16 : 0;
      const words = Uint32Array.from(functions.flatMap(({ insn, type }) => [insn, type]));
      const funcInfo = { recordSize: 8, bytes: new Uint8Array(words.buffer) };
      const { attachType, target } = DYNPTR_ATTACH[type] ?? {};
      const attach = attachType === undefined ? {} : { attachType };
      const attachBtf = target === undefined ? {} : { attachBtfId: types.find(({ name }) => name === `btf_trace_${target}`)!.id }; // prettier-ignore
      const how = { type, ...attach, flags };
      const loaded = kernel.load(insns, { ...how, ...attachBtf, fdArray, btfFd: btf.fd, funcInfo, logLevel: 2 });
      if (loaded.accepted) {
        accepted++;
        kernel.close(loaded.fd);
      }
      const input = { insns, ...how, maps: DYNPTR_MAPS, btf: DYNPTR_BTF, functions, ...(target === undefined ? {} : { attachBtfName: target }) }; // prettier-ignore
      const report = verify(input, { kernelBtf, logLevel: 2 });
      logs.add(String(i), loaded.log, report.log);
      const differs = difference(toldByKernel(loaded), toldByUs(report));
      if (differs !== undefined) differences.push(`${i}: ${differs}`);
    }
    expect(accepted).toBeGreaterThan(100);
    expect(differences).toStrictEqual([]);
    expect(logs.same).toBe(logs.programs);
  });

  it('with arguments of kernel functions', () => {
    using kernel = openLiveKernel();
    const attachBtfId = types.find(({ name }) => name === 'btf_trace_sched_wakeup')!.id;
    const fdArray = KFUNC_MAPS.map(({ frozen, ...init }) => {
      const map = kernel.createMap(init);
      if (frozen !== undefined) {
        map.update(new Uint8Array(4), frozen);
        map.freeze();
      }
      return map.fd;
    });
    const make = kfuncPrograms(kernelBtf);
    const differences: string[] = [];
    let accepted = 0;
    for (let i = 0; i < 600; i++) {
      const r = rng(7_112_026 + i);
      const type = KFUNC_TYPES[Math.floor(r() * KFUNC_TYPES.length)];
      const insns = make(r, type);
      const traces = type === 'tracing';
      const how = { type, flags: type === 'syscall' ? 16 : 0, ...(traces ? { attachType: 'BPF_TRACE_RAW_TP' } : {}) };
      const loaded = kernel.load(insns, { ...how, ...(traces ? { attachBtfId } : {}), fdArray, logLevel: 4 });
      if (loaded.accepted) {
        accepted++;
        kernel.close(loaded.fd);
      }
      const target = traces ? { attachBtfName: 'sched_wakeup' } : {};
      const report = verify({ insns, maps: KFUNC_MAPS, ...how, ...target }, { kernelBtf });
      const differs = difference(toldByKernel(loaded), toldByUs(report));
      if (differs !== undefined) differences.push(`${i}: ${differs}`);
    }
    expect(accepted).toBeGreaterThan(80);
    expect(differences).toStrictEqual([]);
  });
});
