import { x86_64 } from '@polybpf/jit-x86_64';
import { assemble } from '@polybpf/asm';
import { openMachine } from '../src/machine.ts';
const run = (text: string) => {
const m = openMachine(x86_64,{via:'qemu'});
const p = m.prepare(assemble(text), {helpers:{helper:(id)=>({id, call(cx){
  console.log('call', id, [1,2,3].map(n=>cx.arg(n).toString(16)));
  if (id===181) { for (let i=0;i<1;i++) console.log('ret', cx.call(cx.arg(2), [i, cx.arg(3)])); return 2; }
  return 0;
}})}});
console.log(p.address.toString(16));
try { console.log(p.run()); } catch(e) { console.log(String(e)); }
m.close();
};
run(`r1 = 4
      r2 = callback ll
      call 181
      exit
      callback:
      r0 = r1
      exit`);
run(`r1 = 4
      r2 = callback ll
      r3 = r10
      r3 += -8
      *(u64 *)(r10 - 8) = 0
      call 181
      exit
      callback:
      call 5
      exit`);
console.log('----');
run(`r1 = 4
      r2 = callback ll
      r3 = r10
      r3 += -8
      *(u64 *)(r10 - 8) = 0
      call 181
      r1 = *(u64 *)(r10 - 8)
      r0 *= 1000
      r0 += r1
      exit
      callback:
      r6 = r2
      r7 = *(u64 *)(r6 + 0)
      r7 += r1
      *(u64 *)(r6 + 0) = r7
      call 5
      exit`);
