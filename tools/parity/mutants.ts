/** Mutated programs of many types through the live kernel and our verifier. */
import { arbitraryFrontierProgram, generatorOf, programGenerator } from '../../packages/fuzz/src/index.ts';
import type { Insn } from '../../packages/isa/src/index.ts';
import { openLiveKernel } from '../../packages/kernel/src/index.ts';
import { verify } from '../../packages/verifier/src/index.ts';
import { difference, Tally, toldByKernel, toldByUs } from './compare.ts';

const TYPES: [string, string?][] = [
  ['socket_filter'],
  ['kprobe'],
  ['sched_cls'],
  ['sched_act'],
  ['tracepoint'],
  ['xdp'],
  ['perf_event'],
  ['cgroup_skb', 'BPF_CGROUP_INET_INGRESS'],
  ['cgroup_skb', 'BPF_CGROUP_INET_EGRESS'],
  ['cgroup_sock', 'BPF_CGROUP_INET_SOCK_CREATE'],
  ['lwt_in'],
  ['lwt_out'],
  ['lwt_xmit'],
  ['sock_ops', 'BPF_CGROUP_SOCK_OPS'],
  ['sk_skb'],
  ['cgroup_device', 'BPF_CGROUP_DEVICE'],
  ['sk_msg', 'BPF_SK_MSG_VERDICT'],
  ['raw_tracepoint'],
  ['cgroup_sock_addr', 'BPF_CGROUP_INET4_CONNECT'],
  ['cgroup_sock_addr', 'BPF_CGROUP_UDP4_RECVMSG'],
  ['lwt_seg6local'],
  ['sk_reuseport', 'BPF_SK_REUSEPORT_SELECT'],
  ['flow_dissector', 'BPF_FLOW_DISSECTOR'],
  ['cgroup_sysctl', 'BPF_CGROUP_SYSCTL'],
  ['raw_tracepoint_writable'],
  ['cgroup_sockopt', 'BPF_CGROUP_SETSOCKOPT'],
  ['cgroup_sockopt', 'BPF_CGROUP_GETSOCKOPT'],
  ['sk_lookup', 'BPF_SK_LOOKUP'],
  ['netfilter', 'BPF_NETFILTER'],
];

function rng(seed: number): () => number {
  let s = seed >>> 0;
  return () => {
    s = (s + 0x6d2b79f5) >>> 0;
    let t = s;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const IMMS = [
  0, 1, -1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 255, 256, 512, -8, -16, -512, 0x7fffffff, -0x80000000, 0xffff, 24,
  23, 25, 0x3fffffff,
];
const OFFS = [
  0, 1, -1, 2, 3, 4, 8, 12, 14, 16, 20, 24, 32, 64, 76, 80, -4, -8, -16, -24, -256, -504, -512, -513, -520, 32767,
  -32768,
];
const ALU = [
  0x07, 0x0f, 0x17, 0x1f, 0x27, 0x2f, 0x37, 0x3f, 0x47, 0x4f, 0x57, 0x5f, 0x67, 0x6f, 0x77, 0x7f, 0x87, 0x97, 0x9f,
  0xa7, 0xaf, 0xb7, 0xbf, 0xc7, 0xcf, 0xd7, 0x04, 0x0c, 0x14, 0x1c, 0x24, 0x2c, 0x34, 0x3c, 0x44, 0x4c, 0x54, 0x5c,
  0x64, 0x6c, 0x74, 0x7c, 0x84, 0x94, 0x9c, 0xa4, 0xac, 0xb4, 0xbc, 0xc4, 0xcc, 0xd4, 0xdc,
];
const JMP = [
  0x15, 0x1d, 0x25, 0x2d, 0x35, 0x3d, 0x45, 0x4d, 0x55, 0x5d, 0x65, 0x6d, 0x75, 0x7d, 0xa5, 0xad, 0xb5, 0xbd, 0xc5,
  0xcd, 0xd5, 0xdd, 0x16, 0x1e, 0x26, 0x2e, 0x36, 0x3e, 0x46, 0x4e, 0x56, 0x5e, 0x66, 0x6e, 0x76, 0x7e, 0xa6, 0xae,
  0xb6, 0xbe, 0xc6, 0xce, 0xd6, 0xde,
];
const MEM = [0x61, 0x69, 0x71, 0x79, 0x62, 0x6a, 0x72, 0x7a, 0x63, 0x6b, 0x73, 0x7b, 0x81, 0x89, 0x91, 0xc3, 0xdb];
const ATOMIC = [0x00, 0x01, 0x40, 0x41, 0x50, 0x51, 0xa0, 0xa1, 0xe1, 0xf1, 0x100, 0x110, 0x10];

function mutate(insns: readonly Insn[], r: () => number): Insn[] {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(r() * list.length)]!;
  const out = insns.map((insn) => ({ ...insn }));
  const n = 1 + Math.floor(r() * 3);
  for (let k = 0; k < n; k++) {
    const at = Math.floor(r() * out.length);
    const insn = out[at]!;
    const kind = insn.opcode & 7;
    switch (Math.floor(r() * 9)) {
      case 0:
        insn.dst_reg = Math.floor(r() * 11.3);
        break;
      case 1:
        insn.src_reg = Math.floor(r() * 11.3);
        break;
      case 2:
        insn.imm = pick(IMMS);
        break;
      case 3:
        insn.offset = pick(OFFS);
        break;
      case 4: {
        const list = kind === 4 || kind === 7 ? ALU : kind === 5 || kind === 6 ? JMP : MEM;
        if (insn.opcode !== 0x85 && insn.opcode !== 0x95 && insn.opcode !== 0x18 && insn.opcode !== 0) {
          insn.opcode = pick(list);
          if (insn.opcode === 0xc3 || insn.opcode === 0xdb) insn.imm = pick(ATOMIC);
          if ((kind === 4 || kind === 7) && (insn.opcode & 8) !== 0 && (insn.opcode & 0xf0) !== 0xd0) insn.imm = 0;
          if ((kind === 4 || kind === 7) && (insn.opcode & 8) === 0) insn.src_reg = 0;
          if ((kind === 5 || kind === 6) && (insn.opcode & 8) !== 0) insn.imm = 0;
          if ((kind === 5 || kind === 6) && (insn.opcode & 8) === 0) insn.src_reg = 0;
        }
        break;
      }
      case 5:
        if (insn.opcode === 0x85 && insn.src_reg === 0) insn.imm = 1 + Math.floor(r() * 211);
        break;
      case 6:
        insn.imm = (insn.imm + (r() < 0.5 ? 1 : -1)) | 0;
        break;
      case 7:
        insn.offset = Math.max(-32768, Math.min(32767, insn.offset + (r() < 0.5 ? 1 : -1)));
        break;
      case 8:
        if (r() < 0.3) insn.opcode = Math.floor(r() * 256);
        break;
    }
  }
  return out;
}

const [count = 1000, seed = 1, only] = process.argv.slice(2).map(Number);
const privilege = process.env['PRIVILEGE'] === 'bpf' ? 'bpf' : 'root';
const LEVEL = Number(process.env['LEVEL'] ?? 2) as 2;
using kernel = openLiveKernel();
const frontier = generatorOf(arbitraryFrontierProgram(), seed);
const valid = programGenerator(seed);
const tally = new Tally();
const fdsOf = new Map<string, number[]>();
const from = only ?? 0;
let accepted = 0;
for (let i = from; i < (only === undefined ? count : only + 1); i++) {
  const r = rng(seed * 1000003 + i);
  const useFrontier = r() < Number(process.env['FRONTIER'] ?? 0.75);
  const base = useFrontier ? frontier(i).program : { insns: valid(i).insns, maps: [] };
  const baseType = useFrontier ? frontier(i).type : 'socket_filter';
  const [type, attachType] =
    r() < Number(process.env['SAME'] ?? 0.5) ? [baseType, undefined] : TYPES[Math.floor(r() * TYPES.length)]!;
  const insns = r() < Number(process.env['PLAIN'] ?? 0.1) ? [...base.insns] : mutate(base.insns, r);
  const flags = r() < 0.1 ? 1 : r() < 0.1 ? 8 : 0;
  const license = r() < 0.9 ? 'GPL' : 'MIT';
  const key = `${type}/${attachType}/${useFrontier}`;
  let fds = fdsOf.get(key);
  try {
    fds ??= base.maps.map(
      (map) =>
        kernel.createMap({ type: map.type, keySize: map.keySize, valueSize: map.valueSize, maxEntries: map.maxEntries })
          .fd,
    );
  } catch {
    continue;
  }
  if (useFrontier) fdsOf.set(key, fds);
  const loaded = kernel.load(insns, {
    type,
    ...(attachType === undefined ? {} : { attachType }),
    fdArray: fds,
    flags,
    license,
    logLevel: only === undefined ? 4 : LEVEL,
  });
  if (loaded.accepted) {
    kernel.close(loaded.fd);
    accepted++;
  }
  if (!useFrontier) for (const fd of fds) kernel.close(fd);
  let report;
  try {
    report = verify(
      { insns, maps: base.maps, type, ...(attachType === undefined ? {} : { attachType }), flags, license },
      { logLevel: only === undefined ? 0 : 2, privilege },
    );
  } catch (error) {
    tally.add(`crash: ${String(error)}`, String(i));
    if (only !== undefined) throw error;
    continue;
  }
  const a = toldByKernel(loaded);
  const b = toldByUs(report);
  tally.add(difference(a, b), `${i}:${type}`);
  if (only !== undefined) {
    console.log(
      insns
        .map((n, k) => `${k}: ${n.opcode.toString(16)} d${n.dst_reg} s${n.src_reg} o${n.offset} i${n.imm}`)
        .join('\n'),
    );
    console.log(loaded.log);
    console.log(report.log);
    console.log(type, attachType, flags, license, a, b);
  }
}
tally.print(`mutants (${accepted} accepted)`);
