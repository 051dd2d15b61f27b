import { createInterpreter } from '@polybpf/interpreter';
import { makeProgram, makeInsn, type Insn } from '@polybpf/isa';
import { formatListing } from '@polybpf/jit';
import { targetByName } from '@polybpf/targets';
import { openMachine } from '../src/machine.ts';
import { createRandom, MEM_BYTES, mixArguments, randomProgram } from '../test/random-program.ts';
const target = targetByName(process.argv[2]!); const from=Number(process.argv[3]??0), to=Number(process.argv[4]??400);
const m = openMachine(target);
const helpers = [{ id: 1, call: ({ arg }: { arg: (n: number) => bigint }) => mixArguments(arg) }];
const bad = (insns: readonly Insn[], mem: Uint8Array) => {
  const program = makeProgram(insns, { endian: target.endian });
  let e; try { e = createInterpreter(program, { helpers, clobber: true } as any).run({ mem: mem.slice() }).r0; } catch { return false; }
  const e2 = createInterpreter(program, { helpers }).run({ mem: mem.slice() }).r0;
  if (e !== e2) return false;
  const p = m.prepare(program, { helpers });
  let g; try { g = p.run({ mem }).r0; } catch (x) { g = String(x); }
  p.dispose();
  return g !== e ? `${e} != ${g}` : false;
};
let fails=0;
for (let i = from; i < to; i++) {
  const random = createRandom(i * 7919 + 12345);
  let insns: Insn[] = randomProgram(random, 1 + random(60));
  const mem = Uint8Array.from({ length: MEM_BYTES }, () => random(256));
  if (!bad(insns, mem)) continue;
  const nop = makeInsn(0x05, 0, 0, 0, 0);
  for (let changed = true; changed; ) { changed = false;
    for (let k = 0; k < insns.length; k++) {
      if (insns[k]!.opcode === 0x05 || insns[k]!.opcode===0x95) continue;
      const two = insns[k]!.opcode === 0x18;
      const t = insns.slice(); t[k] = nop; if (two) t[k+1] = nop;
      if (bad(t, mem)) { insns = t; changed = true; }
      if (two) k++;
    } }
  console.log('seed', i, bad(insns, mem)); insns.forEach((x,k)=>{ if (x.opcode!==5) console.log(k, JSON.stringify(x)); });
  console.log(formatListing(m.prepare(makeProgram(insns,{endian:target.endian}),{helpers}).compiled));
  if (++fails>=3) break;
}
m.close();
