import { programGenerator } from '../src/generate.ts';
import { disassemble } from '@polybpf/asm';
import { makeProgram, encodeProgram, makeInsn } from '@polybpf/isa';
import { runProgram, unwindHelper } from '@polybpf/interpreter';
import { connectKernel } from '../../../tools/live-kernel/src/bpf-syscall.ts';
const [isa, from, count] = [process.argv[2] ?? 'v4', +(process.argv[3] ?? 0), +(process.argv[4] ?? 1000)];
const gen = programGenerator(11, { flavour: 'kernel', isa: isa as any });
const k = connectKernel();
const SIZE = 8 + 256;
const map = k.createArray(SIZE);
const stats = new Map<string, number>(); let ok = 0, bad = 0; let tk = 0, tg = 0, ti = 0;
for (let i = from; i < from + count; i++) {
  let a = performance.now();
  const p = gen(i); tg += performance.now() - a; a = performance.now();
  const buf = new Uint8Array(SIZE); buf.set(p.mem, 8);
  const mv = (r: number, off: number) => [makeInsn(0x18, r, 2, 0, map), makeInsn(0, 0, 0, 0, off)];
  const tail = [...mv(1, 0), makeInsn(0x7b, 1, 0, 0, 0), makeInsn(0xb7, 0, 0, 0, 0), makeInsn(0x95, 0, 0, 0, 0)];
  const prog = [...(p.mem.length ? mv(1, 8) : [makeInsn(0xb7, 1, 0, 0, 0)]), makeInsn(0xb7, 2, 0, 0, p.mem.length), makeInsn(0x85, 0, 1, 0, tail.length), ...tail, ...p.insns];
  k.write(map, buf);
  const r = k.load(encodeProgram(prog, 'little'));
  if (r.fd === undefined) { const m = r.message.replace(/\d+/g, 'N'); stats.set(m, (stats.get(m) ?? 0) + 1); if (stats.get(m)! <= 2) console.log(i, p.insns.length, r.errno, r.message); tk += performance.now() - a; continue; }
  k.testRun(r.fd); k.close(r.fd);
  const out = k.read(map, SIZE); tk += performance.now() - a; a = performance.now();
  const r0 = new DataView(out.buffer).getBigUint64(0, true);
  const mem = p.mem.slice();
  try {
  const q = runProgram(makeProgram(p.insns), { mem, helpers: [unwindHelper(5)], clobber: true, budget: 1e6 }); ti += performance.now() - a;
  if (q.r0 !== r0 || Buffer.compare(mem, out.subarray(8, 8 + mem.length))) { bad++; if (bad < 10) console.log('MISMATCH', i, r0.toString(16), q.r0.toString(16)); } else ok++;
  } catch (e: any) { console.log(i, e.message); }
}
console.log({ ok, bad, gen: tg / count, kernel: tk / count, interp: ti / count }, stats);
