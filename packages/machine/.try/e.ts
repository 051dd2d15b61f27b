import { x86_64 } from '@polybpf/jit-x86_64';
import { assembleNodes } from '@polybpf/jit';
import { planLayout } from '../src/layout.ts';
import { runnerProgram } from '../src/runner-program.ts';
import { runnerCpu } from '../src/runners/runner-cpus.ts';
const l = planLayout({stackBytes:1<<20, slots:4, codeBytes:1<<20,dataBytes:1<<20,batchBytes:1<<20});
const {nodes, stubs}=runnerProgram(runnerCpu(x86_64), l);
const a=assembleNodes(x86_64,nodes);
a.nodes.forEach((n,i)=>console.log(a.offsets[i].toString(16), n.form.name==='label'?`L${n.label}:`:x86_64.print(n, n.label>=0?a.labelOffsets[n.label]:0)));
