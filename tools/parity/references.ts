/** Random programs that acquire, check, pass on and release: sockets, ring buffers, callbacks, packets. `references.ts COUNT SEED [ONLY]` */
import { makeInsn, type Insn } from '../../packages/isa/src/index.ts';
import { openLiveKernel } from '../../packages/kernel/src/index.ts';
import { verify } from '../../packages/verifier/src/index.ts';
import { difference, Tally, toldByKernel, toldByUs } from './compare.ts';
import { rng, type Random } from './random-programs.ts';

const pick = <T>(r: Random, list: readonly T[]): T => list[Math.floor(r() * list.length)]!;
const SAVED = [6, 7, 8];

/** A call with a register as its first argument, unless that is null; mostly the register is forgotten then. */
function checked(r: Random, reg: number, call: readonly Insn[]): Insn[] {
  const forget = r() < 0.9 ? [makeInsn(0xb7, reg, 0, 0, 0)] : [];
  const body = [makeInsn(0xbf, 1, reg, 0, 0), ...call, ...forget];
  return r() < 0.95 ? [makeInsn(0x15, reg, 0, body.length, 0), ...body] : body;
}

/** Instructions of one step; the context is in r9. */
function step(r: Random): Insn[] {
  const to = pick(r, SAVED);
  const from = pick(r, SAVED);
  const slot = pick(r, [-40, -48, -56]);
  switch (Math.floor(r() * 15)) {
    case 0:
      return [makeInsn(0x18, 1, 5, 0, 0), makeInsn(0, 0, 0, 0, 0), makeInsn(0xb7, 2, 0, 0, pick(r, [8, 16, 24])), makeInsn(0xb7, 3, 0, 0, 0), makeInsn(0x85, 0, 0, 0, 131), makeInsn(0xbf, to, 0, 0, 0)]; // prettier-ignore
    case 1:
    case 2:
      return checked(r, from, [makeInsn(0xb7, 2, 0, 0, 0), makeInsn(0x85, 0, 0, 0, pick(r, [132, 133]))]);
    case 3:
      return [makeInsn(0xbf, 1, 9, 0, 0), makeInsn(0xbf, 2, 10, 0, 0), makeInsn(0x07, 2, 0, 0, -32), makeInsn(0xb7, 3, 0, 0, 12), makeInsn(0xb7, 4, 0, 0, -1), makeInsn(0xb7, 5, 0, 0, 0), makeInsn(0x85, 0, 0, 0, pick(r, [84, 85, 99])), makeInsn(0xbf, to, 0, 0, 0)]; // prettier-ignore
    case 4:
    case 5:
      return checked(r, from, [makeInsn(0x85, 0, 0, 0, 86)]);
    case 6:
    case 7:
      return [makeInsn(pick(r, [0x15, 0x55]), from, 0, Math.floor(r() * 6), 0)];
    case 8:
      return [
        makeInsn(0x15, from, 0, 1, 0),
        makeInsn(pick(r, [0x61, 0x71]), 0, from, pick(r, [0, 4, 8, 16, 40, 44]), 0),
      ];
    case 9:
      return r() < 0.3 ? [makeInsn(0x15, from, 0, 1, 0), makeInsn(0x7a, from, 0, pick(r, [0, 8, 16]), 5)] : [];
    case 10:
      return [makeInsn(0x7b, 10, from, slot, 0)];
    case 11:
      return [makeInsn(0x79, to, 10, slot, 0)];
    case 12:
      return [makeInsn(0xbf, to, from, 0, 0)];
    case 13:
      return r() < 0.3 ? checked(r, from, [makeInsn(0x85, 0, 0, 0, pick(r, [95, 96, 98]))]) : [];
    default:
      return [makeInsn(0x85, 0, 0, 0, 7), makeInsn(0xbf, to, 0, 0, 0)];
  }
}

function program(r: Random): Insn[] {
  const insns = [
    makeInsn(0xbf, 9, 1, 0, 0),
    makeInsn(0xb7, 6, 0, 0, 0),
    makeInsn(0xb7, 7, 0, 0, 0),
    makeInsn(0xb7, 8, 0, 0, 0),
  ];
  for (let off = -56; off < 0; off += 8) insns.push(makeInsn(0x7a, 10, 0, off, 0));
  const steps = 2 + Math.floor(r() * 9);
  for (let i = 0; i < steps; i++) insns.push(...step(r));
  for (const reg of SAVED) {
    const kind = r();
    if (kind < 0.35) insns.push(makeInsn(0x15, reg, 0, 2, 0), makeInsn(0xbf, 1, reg, 0, 0), makeInsn(0x85, 0, 0, 0, 86));
    else if (kind < 0.7) insns.push(makeInsn(0x15, reg, 0, 3, 0), makeInsn(0xbf, 1, reg, 0, 0), makeInsn(0xb7, 2, 0, 0, 0), makeInsn(0x85, 0, 0, 0, 132)); // prettier-ignore
  }
  insns.push(makeInsn(0xb7, 0, 0, 0, 0), makeInsn(0x95, 0, 0, 0, 0));
  return insns;
}

const [count = 1000, seed = 1, only] = process.argv.slice(2).map(Number);
using kernel = openLiveKernel();
const ring = { type: 27, keySize: 0, valueSize: 0, maxEntries: 4096, name: 'ring' };
const map = kernel.createMap(ring);
const tally = new Tally();
let accepted = 0;
for (let i = only ?? 0; i < (only === undefined ? count : only + 1); i++) {
  const r = rng(seed * 104729 + i);
  const insns = program(r);
  const type = pick(r, ['sched_cls', 'sched_cls', 'xdp', 'cgroup_skb', 'sk_skb'] as const);
  const flags = r() < 0.2 ? 8 : 0;
  const loaded = kernel.load(insns, { type, flags, fdArray: [map.fd], logLevel: only === undefined ? 4 : 2 });
  if (loaded.accepted) {
    kernel.close(loaded.fd);
    accepted++;
  }
  const report = verify({ insns, maps: [ring], type, flags }, { logLevel: only === undefined ? 0 : 2 });
  const told = toldByKernel(loaded);
  const ours = toldByUs(report);
  tally.add(difference(told, ours), `${i}`);
  if (only !== undefined) {
    console.log(loaded.log);
    console.log(report.log);
    console.log(told, ours);
  }
}
tally.print(`references (${accepted} accepted)`);
