/** Loads through kernel objects in tracing programs, through the live kernel and our verifier. `objects-of-kernel.ts COUNT SEED [raw|iter]` */
import { readFileSync } from 'node:fs';
import { parseBtf, resolveType, typeById } from '../../packages/btf/src/index.ts';
import { makeInsn, type Insn } from '../../packages/isa/src/index.ts';
import { openLiveKernel } from '../../packages/kernel/src/index.ts';
import { verify } from '../../packages/verifier/src/index.ts';
import { difference, Tally, toldByKernel, toldByUs } from './compare.ts';
import { rng, type Random } from './random-programs.ts';

const count = Number(process.argv[2] ?? 1000);
const seed = Number(process.argv[3] ?? 1);
const iterators = process.argv[4] === 'iter';
const helpersToo = process.argv[5] !== 'fields';
const bytes = new Uint8Array(readFileSync('/sys/kernel/btf/vmlinux'));
const btf = parseBtf(bytes);
const pick = <T>(r: Random, list: readonly T[]): T => list[Math.floor(r() * list.length)]!;
const targets = iterators
  ? btf.types.filter((t) => t.kind === 'FUNC' && /^bpf_iter_[a-z_]+$/.test(t.name) && btf.types.some((s) => s.kind === 'STRUCT' && s.name === t.name.replace('bpf_iter_', 'bpf_iter__'))) // prettier-ignore
  : btf.types.filter((t) => t.kind === 'TYPEDEF' && t.name.startsWith('btf_trace_'));

/** Types of registers as far as they are known, to aim loads well. */
type Known = number | undefined;

function pointee(id: number): Known {
  const type = id === 0 ? undefined : resolveType(btf, id);
  if (type?.kind !== 'PTR' || type.type === 0) return undefined;
  const to = resolveType(btf, type.type);
  return to.kind === 'STRUCT' || to.kind === 'UNION' ? to.id : undefined;
}

const SIZES = [0x10, 0x08, 0x00, 0x18];
const HELPERS = [
  35, 158, 82, 140, 156, 112, 113, 4, 107, 108, 189, 190, 46, 136, 137, 129, 141, 175, 176, 25, 111, 5, 14,
];

function program(r: Random, params: readonly { readonly type: number }[]): Insn[] {
  const insns: Insn[] = [makeInsn(0xbf, 6, 1, 0, 0)];
  const known: Known[] = [];
  const args = params.length;
  const first = Math.floor(r() * (args + 1)) + (r() < 0.03 ? 1 : 0);
  insns.push(makeInsn(0x61 | (r() < 0.95 ? 0x18 : pick(r, SIZES)), 7, 6, first * 8 + (r() < 0.03 ? 4 : 0), 0));
  known[7] = first < args ? pointee(params[first]!.type) : undefined;
  const steps = 1 + Math.floor(r() * 5);
  let reg = 7;
  for (let i = 0; i < steps; i++) {
    if (r() < 0.25) insns.push(makeInsn(0x55, reg, 0, 2, 0), makeInsn(0xb7, 0, 0, 0, 0), makeInsn(0x95, 0, 0, 0, 0));
    const type = known[reg] === undefined ? undefined : typeById(btf, known[reg]!);
    let off = Math.floor(r() * 64) - (r() < 0.02 ? 70 : 0);
    let size = pick(r, SIZES);
    let next: Known;
    if (type !== undefined && (type.kind === 'STRUCT' || type.kind === 'UNION') && type.members.length > 0) {
      const pointers = type.members.filter((m) => pointee(m.type) !== undefined);
      const m = r() < 0.7 && pointers.length > 0 ? pick(r, pointers) : pick(r, type.members);
      off = m.bitOffset >> 3;
      next = pointee(m.type);
      if (next !== undefined) size = 0x18;
      if (r() < 0.1) off += Math.floor(r() * 9) - 4;
      if (r() < 0.06) {
        size = pick(r, SIZES);
        next = undefined;
      }
      if (r() < 0.04) off = type.size - Math.floor(r() * 9);
    } else if (r() < 0.5) break;
    if (off > 32767 || off < -32768) break;
    const to = pick(r, [7, 8, 9]);
    if (r() < 0.05) insns.push(makeInsn(0x07, reg, 0, 0, pick(r, [8, 16, -8, 1])));
    if (r() < 0.03) insns.push(makeInsn(0x63 | size, reg, 10, off, 0));
    insns.push(makeInsn((r() < 0.05 && size !== 0x18 ? 0x81 : 0x61) | size, to, reg, off, 0));
    known[to] = next;
    reg = to;
  }
  if (helpersToo && r() < 0.5) {
    for (let a = 1; a <= 5; a++) {
      const kind = r();
      if (kind < 0.4) insns.push(makeInsn(0xbf, a, pick(r, [7, reg, 6]), 0, 0));
      else if (kind < 0.6) insns.push(makeInsn(0xb7, a, 0, 0, pick(r, [0, 1, 8, 16])));
      else insns.push(makeInsn(0x7a, 10, 0, -8 * a, 0), makeInsn(0xbf, a, 10, 0, 0), makeInsn(0x07, a, 0, 0, -8 * a));
    }
    insns.push(makeInsn(0x85, 0, 0, 0, pick(r, HELPERS)));
    if (r() < 0.4) insns.push(makeInsn(0x61 | pick(r, SIZES), 1, 0, pick(r, [0, 8, 16, 24, 32, 1024]), 0));
  }
  if (r() < 0.9) insns.push(makeInsn(0xb7, 0, 0, 0, r() < 0.05 ? 2 : 0));
  insns.push(makeInsn(0x95, 0, 0, 0, 0));
  return insns;
}

using kernel = openLiveKernel();

/** Both logs of one program, whose number is in SHOW. */
function show(insns: Insn[], attachType: string, id: number, name: string, flags: number, license: string): void {
  console.log(kernel.load(insns, { type: 'tracing', attachType, attachBtfId: id, logLevel: 2, flags, license }).log);
  const options = { kernelBtf: bytes, logLevel: 2 };
  console.log(verify({ insns, type: 'tracing', attachType, attachBtfName: name, flags, license }, options).log);
}

const r = rng(seed);
const tally = new Tally();
let accepted = 0;
for (let i = 0; i < count; i++) {
  const target = pick(r, targets);
  const proto = resolveType(btf, target.kind === 'FUNC' ? target.type : (resolveType(btf, target.id) as { type: number }).type); // prettier-ignore
  const params = (proto as unknown as { params: { type: number }[] }).params.slice(iterators ? 0 : 1);
  const insns = program(r, params);
  const attachType = iterators ? 'BPF_TRACE_ITER' : 'BPF_TRACE_RAW_TP';
  const name = target.name.replace(/^(btf_trace_|bpf_iter_)/, '');
  const flags = iterators && r() < 0.3 ? 16 : 0;
  const license = r() < 0.01 ? 'MIT' : 'GPL';
  const loaded = kernel.load(insns, {
    type: 'tracing',
    attachType,
    attachBtfId: target.id,
    logLevel: 4,
    flags,
    license,
  });
  if (loaded.accepted) {
    accepted++;
    kernel.close(loaded.fd);
  }
  const example = `${i} ${name}`;
  if (process.env['SHOW'] === String(i)) show(insns, attachType, target.id, name, flags, license);
  try {
    const report = verify(
      { insns, type: 'tracing', attachType, attachBtfName: name, flags, license },
      { kernelBtf: bytes },
    );
    tally.add(difference(toldByKernel(loaded), toldByUs(report)), example);
  } catch (error) {
    tally.add(`crash ${String(error)}`, example);
  }
}
tally.print(`kernel objects, ${accepted} accepted`);
