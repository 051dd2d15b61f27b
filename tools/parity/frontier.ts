/** Frontier programs through the live kernel and our verifier. `npm run parity -- frontier [COUNT] [SEED]` */
import { arbitraryFrontierProgram, generatorOf } from '../../packages/fuzz/src/index.ts';
import { openLiveKernel } from '../../packages/kernel/src/index.ts';
import { verify } from '../../packages/verifier/src/index.ts';
import { difference, Tally, toldByKernel, toldByUs } from './compare.ts';

const LEVEL = Number(process.env['LEVEL'] ?? 2) as 2;

export function runFrontier(count: number, seed: number, only?: number, privilege: 'root' | 'bpf' = 'root'): Tally {
  using kernel = openLiveKernel();
  const generate = generatorOf(arbitraryFrontierProgram(), seed);
  const tally = new Tally();
  // A program array belongs to the type of the first program that uses it, so that each type has maps of its own.
  const fdsOf = new Map<string, number[]>();
  const from = only ?? 0;
  for (let i = from; i < (only === undefined ? count : only + 1); i++) {
    const { program, type, text } = generate(i);
    let fds = fdsOf.get(type);
    fds ??= program.maps.map(
      (map) =>
        kernel.createMap({
          type: map.type,
          keySize: map.keySize,
          valueSize: map.valueSize,
          maxEntries: map.maxEntries,
        }).fd,
    );
    fdsOf.set(type, fds);
    const loaded = kernel.load(program.insns, { type, fdArray: fds, logLevel: only === undefined ? 4 : LEVEL });
    if (loaded.accepted) kernel.close(loaded.fd);
    let report;
    try {
      report = verify(
        { insns: program.insns, maps: program.maps, type },
        { logLevel: only === undefined ? 0 : 2, privilege },
      );
    } catch (error) {
      tally.add(`crash: ${String(error)}`, String(i));
      if (only !== undefined) {
        console.log(text);
        throw error;
      }
      continue;
    }
    const a = toldByKernel(loaded);
    const b = toldByUs(report);
    tally.add(difference(a, b), String(i));
    if (only !== undefined) {
      console.log(text);
      console.log(loaded.log);
      console.log(report.log);
      console.log(a, b);
    }
  }
  return tally;
}

const [count, seed, only] = process.argv.slice(2).map(Number);
runFrontier(count ?? 1000, seed ?? 1, only, process.env['PRIVILEGE'] === 'bpf' ? 'bpf' : 'root').print('frontier');
