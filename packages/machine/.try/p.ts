import { targetByName } from '@polybpf/targets';
import { assemble } from '@polybpf/asm';
import { openMachine } from '../src/machine.ts';
const m = openMachine(targetByName('x86_64'));
const p = m.prepare(assemble('r0 = 1\nexit'));
const mem = new Uint8Array(64);
for (let k=0;k<3;k++) for (const [n,o] of [['nomem',{}],['mem',{mem}]] as const) {
  let best=1e9; const c0=process.cpuUsage(); const N=100, B=40;
  for(let b=0;b<B;b++){ const s=performance.now(); for(let i=0;i<N;i++) p.run(o); best=Math.min(best,(performance.now()-s)*1000/N);}
  const c=process.cpuUsage(c0); console.log(n,'best wall',best.toFixed(1),'cpu/run user',(c.user/N/B).toFixed(1),'sys',(c.system/N/B).toFixed(1));
}
m.close();
