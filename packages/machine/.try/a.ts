import { openMachine } from '../src/index.ts';
import { x86, arm, s390 } from './fake.ts';
const codes: Record<string, string> = {
 x86_64: '488d043e'+'c3', // lea rax,[rsi+rdi]; ret
 arm64: '0000018b'+'c0035fd6',
 s390x: 'b9080023'+'07fe',
};
const loops: Record<string,string> = { x86_64:'ebfe', arm64:'00000014', s390x:'a7f40000' };
const crash: Record<string,string> = { x86_64:'488b0425000000'+'00c3', arm64:'000080d2000040f9c0035fd6', s390x:'a7290000e32020000004'+'07fe' };
const bytes=(h:string)=>Uint8Array.from(Buffer.from(h,'hex'));
for (const t of [x86, arm, s390]) {
  const t0=performance.now();
  const m = openMachine(t, {timeoutMs: 300});
  const t1=performance.now();
  const r = m.runCode(bytes(codes[t.name]!), {args:[40n, 2n]});
  const t2=performance.now();
  console.log(t.name, m.execution.kind, r, 'open', (t1-t0).toFixed(1), 'first', (t2-t1).toFixed(1));
  console.log(m.runCode(bytes(codes[t.name]!), {args:[-1n, 2n], repeat: 1000000}));
  for (const [n,c] of [['crash',crash],['loop',loops]] as const) { const s=performance.now(); try { console.log(m.runCode(bytes(c[t.name]!))); } catch (e) { console.log(n, String(e), (performance.now()-s).toFixed(1)); } }
  console.log(m.runCode(bytes(codes[t.name]!), {args:[5n, 2n], mem:new Uint8Array(3)}));
  const s=performance.now(); for(let i=0;i<2000;i++) m.runCode(bytes(codes[t.name]!), {args:[5n, 2n]}); console.log('rtt us', (performance.now()-s)/2);
  m.close();
}
