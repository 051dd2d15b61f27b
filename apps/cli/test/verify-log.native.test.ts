/** The verifier's log against that of the live kernel, line by line. */
import { release } from 'node:os';
import { arbitraryFrontierProgram, generatorOf } from '@polybpf/fuzz';
import { openLiveKernel, probeLiveKernel } from '@polybpf/kernel';
import { verify } from '@polybpf/verifier';
import { describe, expect, it } from 'vitest';
import { LogTally } from '../../../tools/parity/log-lines.ts';

const probe = probeLiveKernel();
const isCi = !['', 'false', undefined].includes(process.env['CI']);
const mustWork = isCi && process.platform === 'linux' && process.getuid?.() === 0;
// Other releases print other logs.
const isKernel = release().startsWith('6.18.');
const describeKernel = isKernel && (probe.available || mustWork) ? describe : describe.skip;
const why = !isKernel ? ` (skipped: Linux ${release()}, not 6.18)` : probe.available ? '' : ` (skipped: ${probe.reason.message})`; // prettier-ignore
const COUNT = 60;

describeKernel(`the log of the verifier${why}`, () => {
  it.each([1, 2] as const)('is that of the kernel at level %d', (level) => {
    using kernel = openLiveKernel();
    const tally = new LogTally();
    const generate = generatorOf(arbitraryFrontierProgram(), 41);
    const fdsOf = new Map<string, number[]>();
    for (let i = 0; i < COUNT; i++) {
      const { program, type } = generate(i);
      let fds = fdsOf.get(type);
      fds ??= program.maps.map(({ type: kind, keySize, valueSize, maxEntries }) => kernel.createMap({ type: kind, keySize, valueSize, maxEntries }).fd); // prettier-ignore
      fdsOf.set(type, fds);
      const loaded = kernel.load(program.insns, { type, fdArray: fds, logLevel: level });
      if (loaded.accepted) kernel.close(loaded.fd);
      const maps = program.maps.map((map) => ({ ...map, name: 'polybpf' }));
      tally.add(`frontier ${i}`, loaded.log, verify({ insns: program.insns, maps, type }, { logLevel: level }).log);
    }
    expect(tally.programs).toBe(COUNT);
    expect(tally.equal / tally.total).toBeGreaterThan(0.995);
  });
});
