/** Calls of every helper with arguments of every kind, in program types of all kinds. `helpers.ts COUNT SEED [ONLY]` */
import { makeInsn, type Insn } from '../../packages/isa/src/index.ts';
import { openLiveKernel } from '../../packages/kernel/src/index.ts';
import { verify } from '../../packages/verifier/src/index.ts';
import { difference, Tally, toldByKernel, toldByUs } from './compare.ts';
import { rng, type Random } from './random-programs.ts';

const TYPES = [
  'socket_filter', 'kprobe', 'sched_cls', 'tracepoint', 'xdp', 'perf_event', 'cgroup_skb', 'cgroup_sock', 'lwt_in', 'lwt_xmit',
  'sock_ops', 'sk_skb', 'cgroup_device', 'sk_msg', 'raw_tracepoint', 'lwt_seg6local', 'sk_reuseport', 'flow_dissector', 'cgroup_sysctl',
] as const; // prettier-ignore
// type, key, value, entries, flags
const MAPS = [
  [1, 4, 8, 4], [2, 4, 64, 2], [3, 4, 4, 4], [4, 4, 4, 4], [5, 4, 8, 4], [6, 4, 8, 4], [7, 4, 80, 4], [8, 4, 4, 4],
  [9, 4, 8, 4], [11, 8, 8, 4, 1], [12, 4, 4, 1, 0, 1], [14, 4, 8, 4], [15, 4, 4, 4], [16, 4, 4, 4], [17, 4, 4, 4], [18, 4, 4, 4],
  [20, 4, 4, 4], [22, 0, 8, 4], [23, 0, 8, 4], [25, 4, 8, 4], [27, 0, 0, 4096], [30, 0, 8, 4], [31, 0, 0, 4096],
]; // prettier-ignore

const pick = <T>(r: Random, list: readonly T[]): T => list[Math.floor(r() * list.length)]!;

/** One register set to something that helpers like or dislike. */
function argument(r: Random, reg: number, count: number, like: number): Insn[] {
  const kind = r() < 0.6 ? like : Math.floor(r() * 9);
  switch (kind) {
    case 0:
      return [makeInsn(0xbf, reg, 6, 0, 0)];
    case 1:
    case 2:
      return [makeInsn(0xbf, reg, 10, 0, 0), makeInsn(0x07, reg, 0, 0, pick(r, [-8, -16, -32, -64, -4, -1]))];
    case 3:
      return [makeInsn(0xb7, reg, 0, 0, pick(r, [0, 1, 2, 4, 8, 16, 32, 64, 65, 255, 4096, -1]))];
    case 4: {
      const map = Math.floor(r() * count);
      return [makeInsn(0x18, reg, 5, 0, map), makeInsn(0, 0, 0, 0, 0)];
    }
    case 5:
      return [makeInsn(0xbf, reg, 7, 0, 0)];
    case 6:
      return [makeInsn(0xbf, reg, 7, 0, 0), makeInsn(0x57, reg, 0, 0, pick(r, [1, 7, 15, 63, 255]))];
    case 7:
      return [makeInsn(0xbf, reg, 8, 0, 0), makeInsn(0x07, reg, 0, 0, pick(r, [0, 4, 56, 60, 64]))];
    default:
      return [];
  }
}

const LIKES = [
  [4, 1, 1, 3, 3], [0, 3, 1, 3, 3], [1, 3, 1, 3, 3], [0, 4, 3, 1, 3], [0, 1, 3, 3, 3], [4, 3, 3, 3, 3], [0, 3, 3, 1, 3], [3, 3, 3, 3, 3],
  [0, 4, 3, 7, 3], [1, 3, 3, 1, 3], [7, 3, 7, 3, 3], [4, 0, 1, 3, 3], [0, 4, 1, 3, 3],
]; // prettier-ignore

function program(r: Random, count: number, id: number): Insn[] {
  const insns = [makeInsn(0xbf, 6, 1, 0, 0)];
  for (let off = -64; off < 0; off += 8) if (r() < 0.8) insns.push(makeInsn(0x7a, 10, 0, off, 0));
  insns.push(
    makeInsn(0x62, 10, 0, -4, 1), makeInsn(0xbf, 2, 10, 0, 0), makeInsn(0x07, 2, 0, 0, -4),
    makeInsn(0x18, 1, 5, 0, 1), makeInsn(0, 0, 0, 0, 0), makeInsn(0x85, 0, 0, 0, 1),
    makeInsn(0x55, 0, 0, 1, 0), makeInsn(0x95, 0, 0, 0, 0), makeInsn(0xbf, 8, 0, 0, 0), makeInsn(0x85, 0, 0, 0, 7), makeInsn(0xbf, 7, 0, 0, 0),
  ); // prettier-ignore
  const likes = pick(r, LIKES);
  for (let reg = 1; reg <= 5; reg++) insns.push(...argument(r, reg, count, likes[reg - 1]!));
  insns.push(makeInsn(0x85, 0, 0, 0, id));
  const use = r();
  if (use < 0.15) insns.push(makeInsn(0x15, 0, 0, 1, 0), makeInsn(0x71, 0, 0, pick(r, [0, 4, 7, 8, 63, 64]), 0));
  else if (use < 0.25) insns.push(makeInsn(0x79, 0, 0, 0, 0));
  else if (use < 0.35) insns.push(makeInsn(0x67, 0, 0, 0, 3));
  insns.push(makeInsn(0xb7, 0, 0, 0, 0), makeInsn(0x95, 0, 0, 0, 0));
  return insns;
}

const [count = 1000, seed = 1, only] = process.argv.slice(2).map(Number);
using kernel = openLiveKernel();
const maps: {
  name: string;
  type: number;
  keySize: number;
  valueSize: number;
  maxEntries: number;
  flags: number;
  fd: number;
}[] = [];
for (const [type, keySize, valueSize, maxEntries, flags = 0, inner] of MAPS) {
  const init = { type: type!, keySize: keySize!, valueSize: valueSize!, maxEntries: maxEntries!, flags };
  try {
    maps.push({
      ...init,
      name: 'polybpf',
      fd: kernel.createMap({ ...init, ...(inner === undefined ? {} : { innerMap: 0 }) } as never).fd,
    });
  } catch {
    // Not in this kernel, or in need of more than sizes.
  }
}
const tally = new Tally();
let accepted = 0;
for (let i = only ?? 0; i < (only === undefined ? count : only + 1); i++) {
  const r = rng(seed * 7919 + i);
  const type = pick(r, TYPES);
  const id = Math.floor(r() * 213);
  // Maps that hold programs remember the first that used them.
  const usable = maps.filter((map) => map.type !== 3 && map.type !== 14 && map.type !== 16);
  const insns = program(r, usable.length, id);
  const loaded = kernel.load(insns, {
    type,
    fdArray: usable.map((map) => map.fd),
    logLevel: only === undefined ? 4 : 2,
  });
  if (loaded.accepted) {
    kernel.close(loaded.fd);
    accepted++;
  }
  let ours;
  try {
    ours = toldByUs(verify({ insns, maps: usable, type }, { logLevel: 0 }));
  } catch (error) {
    tally.add(`crash: ${String(error)}`, `${i}:${type}:${id}`);
    if (only !== undefined) throw error;
    continue;
  }
  const told = toldByKernel(loaded);
  tally.add(difference(told, ours), `${i}:${type}:${id}`);
  if (only !== undefined) {
    console.log(loaded.log);
    console.log(verify({ insns, maps: usable, type }, { logLevel: 2 }).log);
    console.log(told, ours);
  }
}
tally.print(`helpers (${accepted} accepted, ${maps.length} maps)`);
