import { existsSync, readFileSync } from 'node:fs';
import { parseBtf } from '@polybpf/btf';
import { makeInsn, type Insn } from '@polybpf/isa';
import { openLiveKernel, probeLiveKernel } from '@polybpf/kernel';
import { expect, it } from 'vitest';
import { verify } from '../src/index.ts';

const VMLINUX = '/sys/kernel/btf/vmlinux';
const available = probeLiveKernel().available && existsSync(VMLINUX);
const EXIT = [makeInsn(0xb7, 0, 0, 0, 0), makeInsn(0x95, 0, 0, 0, 0)];
const TASK = makeInsn(0x79, 7, 1, 0, 0);
const pass = (reg: number): Insn => makeInsn(0xbf, 1, reg, 0, 0);

it.runIf(available)('gives programs on a tracepoint the verdict of the live kernel', () => {
  const kernelBtf = new Uint8Array(readFileSync(VMLINUX));
  const btf = parseBtf(kernelBtf);
  const idOf = (kind: string, name: string): number => btf.types.find((t) => t.kind === kind && t.name === name)!.id;
  const call = (name: string): Insn => makeInsn(0x85, 0, 2, 0, idOf('FUNC', name));
  const attachBtfId = idOf('TYPEDEF', 'btf_trace_sched_wakeup');
  const place = [makeInsn(0xbf, 1, 10, 0, 0), makeInsn(0x07, 1, 0, 0, -8)];
  const programs: readonly (readonly Insn[])[] = [
    [TASK, makeInsn(0x61, 2, 7, 16, 0), ...EXIT],
    [TASK, makeInsn(0x61, 2, 7, 32760, 0), ...EXIT],
    [makeInsn(0x79, 7, 1, 8, 0), ...EXIT],
    [TASK, makeInsn(0x63, 7, 10, 16, 0), ...EXIT],
    [TASK, pass(7), call('bpf_task_acquire'), ...EXIT],
    [TASK, pass(7), call('bpf_task_acquire'), makeInsn(0x15, 0, 0, 2, 0), pass(0), call('bpf_task_release'), ...EXIT],
    [TASK, call('bpf_rcu_read_lock'), ...EXIT],
    [TASK, call('bpf_rcu_read_lock'), call('bpf_rcu_read_unlock'), ...EXIT],
    [
      ...place,
      makeInsn(0xb7, 2, 0, 0, 0),
      makeInsn(0xb7, 3, 0, 0, 9),
      call('bpf_iter_num_new'),
      makeInsn(0xb7, 6, 0, 0, 0),
      ...place,
      call('bpf_iter_num_next'),
      makeInsn(0x15, 0, 0, 2, 0),
      makeInsn(0x07, 6, 0, 0, 1),
      makeInsn(0x05, 0, 0, -6, 0),
      ...place,
      call('bpf_iter_num_destroy'),
      ...EXIT,
    ],
  ];
  using kernel = openLiveKernel();
  const how = { type: 'tracing', attachType: 'BPF_TRACE_RAW_TP' } as const;
  const told = programs.map((insns) => {
    const loaded = kernel.load(insns, { ...how, attachBtfId, logLevel: 4 });
    if (loaded.accepted) kernel.close(loaded.fd);
    return [loaded.errno, loaded.message.replace(/verification time.*$/, ''), loaded.stats?.insnsProcessed];
  });
  const ours = programs.map((insns) => {
    const report = verify({ insns, ...how, attachBtfName: 'sched_wakeup' }, { kernelBtf });
    expect(report.verdict).not.toBe('unsupported');
    return [report.errno, report.message, report.processed];
  });
  expect(ours).toStrictEqual(told);
});
