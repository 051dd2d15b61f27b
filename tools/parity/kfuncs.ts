/** Calls of kernel functions, through the live kernel and our verifier. `kfuncs.ts COUNT SEED [PATTERN] [loops]` */
import { readFileSync } from 'node:fs';
import { parseBtf } from '../../packages/btf/src/index.ts';
import { createRegistry, profileByName } from '../../packages/helpers/src/index.ts';
import { makeInsn, type Insn } from '../../packages/isa/src/index.ts';
import { openLiveKernel } from '../../packages/kernel/src/index.ts';
import { verify } from '../../packages/verifier/src/index.ts';
import { difference, Tally, toldByKernel, toldByUs } from './compare.ts';
import { rng, type Random } from './random-programs.ts';

const count = Number(process.argv[2] ?? 1000);
const seed = Number(process.argv[3] ?? 1);
const pattern = new RegExp(process.argv[4] ?? '.');
const bytes = new Uint8Array(readFileSync('/sys/kernel/btf/vmlinux'));
const btf = parseBtf(bytes);
const ids = new Map(btf.types.filter(({ kind }) => kind === 'FUNC').map(({ name, id }) => [name, id]));
const structs = new Map(btf.types.filter(({ kind }) => kind === 'STRUCT').map(({ name, id }) => [name, id]));
const trace = btf.types.find(({ kind, name }) => kind === 'TYPEDEF' && name === 'btf_trace_sched_wakeup')!.id;
const kfuncs = Object.values(createRegistry(profileByName('6.18')).profile.kfuncs).filter(
  ({ available, name }) => available && ids.has(name) && pattern.test(name),
);
const USUAL = kfuncs.filter(({ name }) => /^bpf_(task|cgroup|cpumask|rcu|preempt|cast|rdonly|str|get_task|put)/.test(name)); // prettier-ignore
const SECTIONS = kfuncs.filter(({ name }) => /^bpf_(rcu_read|preempt|task_(from|acq|rel)|cpumask_(create|rel|first|acq))/.test(name)); // prettier-ignore
const pick = <T>(r: Random, list: readonly T[]): T => list[Math.floor(r() * list.length)]!;
const TYPES = [
  'syscall',
  'tracing',
  'xdp',
  'sched_cls',
  'kprobe',
  'cgroup_skb',
  'socket_filter',
  'perf_event',
] as const;
const EXIT = [makeInsn(0xb7, 0, 0, 0, 0), makeInsn(0x95, 0, 0, 0, 0)];
const call = (name: string): Insn => makeInsn(0x85, 0, 2, 0, ids.get(name)!);

/** A program that calls several; r6 is the context, r7 to r9 what calls gave. */
function program(r: Random, type: string): Insn[] {
  const insns = [makeInsn(0xbf, 6, 1, 0, 0)];
  insns.push(type === 'tracing' ? makeInsn(0x79, 7, 1, 0, 0) : makeInsn(0xbf, 7, 1, 0, 0));
  insns.push(makeInsn(0xbf, 8, 7, 0, 0), makeInsn(0xbf, 9, 7, 0, 0));
  for (let off = -32; off < 0; off += 8) insns.push(makeInsn(0x7a, 10, 0, off, r() < 0.5 ? 0 : 1));
  const calls = 1 + Math.floor(r() * 5);
  const held: (readonly [number, string])[] = [];
  let last = 7;
  for (let i = 0; i < calls; i++) {
    const kfunc = pick(r, r() < 0.4 && SECTIONS.length > 0 ? SECTIONS : r() < 0.7 && USUAL.length > 0 ? USUAL : kfuncs);
    kfunc.params.forEach(({ name }, k) => {
      const reg = k + 1;
      const kind = r();
      if (name === 'btf_id__k') {
        if (kind < 0.9) insns.push(makeInsn(0xb7, reg, 0, 0, kind < 0.7 ? structs.get(pick(r, ['task_struct', 'sock', 'cpumask']))! : pick(r, [0, 1, 2, 1 << 28]))); // prettier-ignore
        return;
      }
      const scalar = !kfunc.params[k]!.type.includes('*');
      if (scalar ? kind < 0.9 : kind < 0.04) insns.push(makeInsn(0xb7, reg, 0, 0, pick(r, [0, 1, 2, 8, 64])));
      else if (kind < 0.75) insns.push(makeInsn(0xbf, reg, r() < 0.7 ? last : pick(r, [7, 8, 9]), 0, 0));
      else if (kind < 0.85) insns.push(makeInsn(0xbf, reg, 6, 0, 0));
      else if (kind < 0.97)
        insns.push(makeInsn(0xbf, reg, 10, 0, 0), makeInsn(0x07, reg, 0, 0, pick(r, [-8, -16, -4])));
      if (kind > 0.98) insns.push(makeInsn(0x07, reg, 0, 0, 8));
    });
    insns.push(call(kfunc.name));
    if (kfunc.flags.includes('RELEASE')) held.pop();
    if (!kfunc.ret.includes('*')) {
      if (r() < 0.2) insns.push(makeInsn(0xbf, pick(r, [7, 8, 9]), 0, 0, 0));
      continue;
    }
    last = pick(r, [7, 8, 9]);
    insns.push(makeInsn(0xbf, last, 0, 0, 0));
    if (kfunc.flags.includes('RET_NULL') && r() < 0.9) insns.push(makeInsn(0x55, last, 0, 2, 0), ...EXIT);
    if (r() < 0.3) insns.push(makeInsn(0x61 | pick(r, [0, 0x18]), 0, last, pick(r, [0, 8, 16, 1024, 2048]), 0));
    const back = /^struct (task_struct|cgroup|bpf_cpumask|file) \*/.exec(kfunc.ret)?.[1];
    const release = { task_struct: 'bpf_task_release', cgroup: 'bpf_cgroup_release', bpf_cpumask: 'bpf_cpumask_release', file: 'bpf_put_file' }[back ?? '']; // prettier-ignore
    if (kfunc.flags.includes('ACQUIRE') && release !== undefined) held.push([last, release]);
  }
  for (const [reg, release] of held.reverse()) {
    if (r() < 0.9) insns.push(makeInsn(0xbf, 1, reg, 0, 0), call(release));
  }
  for (const end of ['bpf_rcu_read_unlock', 'bpf_preempt_enable']) {
    const opened = insns.some(({ opcode, src_reg: src, imm }) => opcode === 0x85 && src === 2 && imm === ids.get(end.replace('unlock', 'lock').replace('enable', 'disable'))); // prettier-ignore
    if (opened && r() < 0.7) insns.push(call(end));
  }
  if (r() < 0.2) insns.push(makeInsn(0x61, 0, pick(r, [7, 8, 9]), pick(r, [0, 16, 1024]), 0));
  insns.push(...EXIT);
  return insns;
}

/** A loop over numbers or bits with a body that counts, stores, branches and reads the stack. */
function loop(r: Random): Insn[] {
  const kind = r() < 0.7 ? 'num' : 'bits';
  const off = pick(r, [-8, -16, -24, -32]) - (kind === 'bits' ? 8 : 0);
  const place = (): Insn[] => [makeInsn(0xbf, 1, 10, 0, 0), makeInsn(0x07, 1, 0, 0, r() < 0.02 ? off + 8 : off)];
  const insns = [makeInsn(0xb7, 6, 0, 0, 0), makeInsn(0xb7, 7, 0, 0, pick(r, [0, 1, 5])), makeInsn(0xbf, 8, 10, 0, 0)];
  for (const at of [-40, -48]) if (r() < 0.8) insns.push(makeInsn(0x7a, 10, 0, at, 0));
  insns.push(...place(), makeInsn(0xb7, 2, 0, 0, 0), makeInsn(0xb7, 3, 0, 0, pick(r, [1, 3, 10, 1000])));
  insns.push(call(`bpf_iter_${kind}_new`));
  const head = insns.length;
  insns.push(...place(), call(`bpf_iter_${kind}_next`));
  const exit = insns.length;
  insns.push(makeInsn(0x15, 0, 0, 0, 0));
  const steps = Math.floor(r() * 7);
  for (let i = 0; i < steps; i++) {
    const reg = pick(r, [6, 7, 9]);
    const from = insns.length;
    switch (Math.floor(r() * 11)) {
      case 0: insns.push(makeInsn(0x61, 9, 0, 0, 0)); break;
      case 1: insns.push(makeInsn(0x07, reg, 0, 0, pick(r, [1, 2, -1]))); break;
      case 2: insns.push(makeInsn(0x0f, 6, 7, 0, 0)); break;
      case 3: insns.push(makeInsn(0x7b, 10, reg, pick(r, [-40, -48]), 0)); break;
      case 4: insns.push(makeInsn(0x79, reg, 10, pick(r, [-40, -48]), 0)); break;
      case 5: insns.push(makeInsn(pick(r, [0x25, 0x15, 0x55, 0xa5]), reg, 0, pick(r, [0, 1, 2]), pick(r, [0, 1, 5, 20]))); break;
      case 6: insns.push(makeInsn(0xb7, reg, 0, 0, pick(r, [0, 1, 7]))); break;
      case 7: insns.push(makeInsn(0x57, reg, 0, 0, 7), makeInsn(0xbf, 2, 10, 0, 0), makeInsn(0x1f, 2, reg, 0, 0), makeInsn(0x71, 3, 2, -41, 0)); break;
      case 8: insns.push(makeInsn(0x25, reg, 0, 2, pick(r, [3, 7, 8])), makeInsn(0xbf, 2, 10, 0, 0), makeInsn(0x1f, 2, reg, 0, 0), makeInsn(0x72, 2, 0, -33, 1)); break;
      case 9: insns.push(makeInsn(0x85, 0, 0, 0, 7), makeInsn(0xbf, reg, 0, 0, 0)); break;
      default: insns.push(makeInsn(0x25, reg, 0, exit - from - 1, 100)); break;
    } // prettier-ignore
  }
  // Short jumps at the end of the body land on this or the next.
  insns.push(makeInsn(0xbf, 9, 6, 0, 0));
  insns.push(makeInsn(0x05, 0, 0, head - insns.length - 1, 0));
  const out = insns.length;
  insns[exit] = makeInsn(0x15, 0, 0, out - exit - 1, 0);
  if (r() < 0.95) insns.push(...place(), call(`bpf_iter_${kind}_destroy`));
  if (r() < 0.4) insns.push(makeInsn(0x57, 7, 0, 0, 7), makeInsn(0xbf, 2, 10, 0, 0), makeInsn(0x1f, 2, 7, 0, 0), makeInsn(0x71, 3, 2, -41, 0)); // prettier-ignore
  insns.push(...EXIT);
  return insns;
}

using kernel = openLiveKernel();
const r = rng(seed);
const tally = new Tally();
let accepted = 0;
for (let i = 0; i < count; i++) {
  const type = pick(r, TYPES);
  const insns = process.argv[5] === 'loops' ? loop(r) : program(r, type);
  const flags = type === 'syscall' ? 16 : 0;
  const tracing = type === 'tracing' ? { attachType: 'BPF_TRACE_RAW_TP' } : {};
  const options = { type, flags, ...tracing };
  const loaded = kernel.load(insns, { ...options, ...(type === 'tracing' ? { attachBtfId: trace } : {}), logLevel: 4 });
  if (loaded.accepted) {
    accepted++;
    kernel.close(loaded.fd);
  }
  try {
    const input = { ...options, insns, ...(type === 'tracing' ? { attachBtfName: 'sched_wakeup' } : {}) };
    const isShown = process.env['SHOW'] === String(i);
    const report = verify(input, { kernelBtf: bytes, logLevel: isShown ? 2 : 0 });
    if (isShown) {
      console.log(kernel.load(insns, { ...options, ...(type === 'tracing' ? { attachBtfId: trace } : {}), logLevel: 2 }).log); // prettier-ignore
      console.log(report.log);
    }
    tally.add(difference(toldByKernel(loaded), toldByUs(report)), `${i} ${type}`);
  } catch (error) {
    tally.add(`crash ${String(error)}`, `${i} ${type}`);
  }
}
tally.print(`kernel functions, ${accepted} accepted`);
