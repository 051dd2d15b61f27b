import { SHAPES } from './src/scale/shapes.ts';
import { STAGES } from './src/scale/stages.ts';
const [shape, stage, ...sizes] = process.argv.slice(2);
const sh = SHAPES.find((s) => s.name === shape)!, st = STAGES.find((s) => s.name === stage)!;
for (const n of sizes.map(Number)) {
  const p = sh.make(n);
  const work = st.prepare(p);
  const t = performance.now();
  try { work(); } catch (e) { console.log(shape, stage, n, 'ERR', String((e as Error).stack).slice(0, 400)); continue; }
  const ms = performance.now() - t;
  console.log(shape, '|', stage, n, ms.toFixed(0) + ' ms', (ms * 1e6 / n).toFixed(0) + ' ns/insn', (process.resourceUsage().maxRSS / 1024).toFixed(0) + ' MB');
}
