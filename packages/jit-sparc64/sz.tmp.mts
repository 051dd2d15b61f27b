import { compareSizes } from '../../tools/bench/src/compare-sizes.ts';
import { readKernelSizes } from '../../tools/bench/src/kernel-sizes.ts';
import { sparc64 } from '@polybpf/jit-sparc64';
const s = compareSizes(sparc64, readKernelSizes());
for (const r of s.rows) if (r.kind!=='class'||process.argv[2]) console.log(r.kind, r.name, r.ours, r.kernel, (r.ours/r.kernel).toFixed(2));
console.log('LARGER'); for (const r of s.larger) console.log(r.name, r.ours, r.kernel, r.added);
console.log(s.programRatio); console.log(JSON.stringify(s.gaps).slice(0,1500));
