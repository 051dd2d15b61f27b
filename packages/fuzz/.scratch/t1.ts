import { programGenerator } from '../src/generate.ts';
import { checkInsns, makeProgram } from '@polybpf/isa';
import { disassemble } from '@polybpf/asm';
import { runProgram, unwindHelper } from '@polybpf/interpreter';
const flavour = (process.argv[2] ?? 'any') as any;
const isa = (process.argv[3] ?? 'v4') as any;
const gen = programGenerator(7, { flavour, isa });
console.log(disassemble(gen(3).insns, { addresses: true }));
let t = performance.now(); const N = 2000; let n = 0, slots = 0, ex = 0, max = 0; let tg = 0;
for (let i = 0; i < N; i++) {
  const a = performance.now();
  const p = gen(i); tg += performance.now() - a; slots += p.insns.length; max = Math.max(max, p.insns.length);
  const problems = checkInsns(p.insns);
  if (problems.length) { console.log(i, problems[0]!.message, disassemble(p.insns)); break; }
  try { const r = runProgram(makeProgram(p.insns), { mem: p.mem, helpers: [unwindHelper(5)], clobber: true, budget: 1e6 }); ex += r.insnsExecuted; }
  catch (e: any) { if (n++ < 5) console.log(i, e.message); }
}
console.log({ ms: (performance.now() - t) / N, gen: tg / N, slots: slots / N, max, executed: ex / N, faults: n });
