import { openMachine } from '../src/index.ts';
import { x86, arm, s390 } from './fake.ts';
const codes: Record<string, string> = { x86_64: '488d043e'+'c3', arm64: '0000018b'+'c0035fd6', s390x: 'b9080023'+'07fe' };
const bytes=(h:string)=>Uint8Array.from(Buffer.from(h,'hex'));
for (const t of [x86, arm, s390]) {
  const m = openMachine(t, {timeoutMs: 300});
  const c=bytes(codes[t.name]!);
  let best=1e9, bestCpu=1e9; const all:number[]=[];
  for(let b=0;b<40;b++){ const s=performance.now(); for(let i=0;i<50;i++) m.runCode(c, {args:[5n, 2n]}); const u=(performance.now()-s)*20; all.push(u); best=Math.min(best,u);}
  all.sort((a,b)=>a-b); console.log(t.name,'rtt us best',best.toFixed(1),'median',all[20]!.toFixed(1));
  m.close();
}
