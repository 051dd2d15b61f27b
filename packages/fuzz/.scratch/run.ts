import { runDifferential } from '../src/index.ts';
import { openEngines } from '../src/node.ts';
const [names, seed, first, count, isa, flavour, max] = process.argv.slice(2);
using open = openEngines(names!.split(','));
const t0 = performance.now();
const r = runDifferential({ engines: open.engines, seed: +seed!, first: +first!, count: +count!, isa: (isa ?? 'v4') as any, ...(flavour && flavour !== '-' ? { flavour: flavour as any } : {}), maxDisagreements: +(max ?? 5),
  onProgress: (p) => { if (p.programs % 6400 === 0) console.error(p, ((performance.now() - t0) / p.programs).toFixed(3), 'ms/program'); } });
for (const d of r.disagreements) { console.log(d.index, d.endian, JSON.stringify(d.shrunkOutcomes), '\n  orig', JSON.stringify(d.outcomes).slice(0, 400)); console.log(JSON.stringify(d.vector, null, 1)); }
const { coverage, disagreements, ...rest } = r; console.log(JSON.stringify(rest));
