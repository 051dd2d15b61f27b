/**
 * Logs of our verifier and of the live kernel, line by line: frontier programs, then the programs of Debian's libbpf-tools.
 * `npx tsx --conditions=@polybpf/source tools/parity/logs.ts [COUNT] [LEVEL] [SEED]`
 */
import { readFileSync } from 'node:fs';
import { objectSymbols } from '../../apps/cli/src/commands/kernel-load.ts';
import { verifyInputs } from '../../apps/cli/src/verify/object-input.ts';
import { parseBtf } from '../../packages/btf/src/index.ts';
import { arbitraryFrontierProgram, generatorOf } from '../../packages/fuzz/src/index.ts';
import { openLiveKernel, openObject } from '../../packages/kernel/src/index.ts';
import { loadObject } from '../../packages/loader/src/index.ts';
import { libbpfTools } from '../../packages/loader/test/corpus.ts';
import { verify } from '../../packages/verifier/src/index.ts';
import { LogTally } from './log-lines.ts';

const [count = 1000, level = 2, seed = 7] = process.argv.slice(2).map(Number);
using kernel = openLiveKernel();

const frontier = new LogTally();
const generate = generatorOf(arbitraryFrontierProgram(), seed);
const fdsOf = new Map<string, number[]>();
for (let i = 0; i < count; i++) {
  const { program, type } = generate(i);
  let fds = fdsOf.get(type);
  fds ??= program.maps.map((map) => kernel.createMap({ type: map.type, keySize: map.keySize, valueSize: map.valueSize, maxEntries: map.maxEntries }).fd); // prettier-ignore
  fdsOf.set(type, fds);
  const loaded = kernel.load(program.insns, { type, fdArray: fds, logLevel: level as 2 });
  if (loaded.accepted) kernel.close(loaded.fd);
  // The kernel package names maps so.
  const maps = program.maps.map((map) => ({ ...map, name: 'polybpf' }));
  frontier.add(`frontier ${i}`, loaded.log, verify({ insns: program.insns, maps, type }, { logLevel: level }).log);
}
frontier.print('frontier');

const objects = new LogTally();
const kernelBtf = new Uint8Array(readFileSync('/sys/kernel/btf/vmlinux'));
const targetBtf = parseBtf(kernelBtf);
let unsupported = 0;
for (const { name, bytes } of libbpfTools()) {
  let object;
  try {
    object = loadObject(bytes, { illegal: 'keep', targetBtf });
  } catch {
    continue;
  }
  using loader = openObject(kernel, object, { symbols: objectSymbols(bytes), logLevel: level as 2 });
  const inputs = verifyInputs(
    { kind: 'object', programs: object.programs, object, bytes, fixedOrder: true },
    undefined,
  );
  object.programs.forEach((program, index) => {
    const { load } = loader.load(index);
    if (load === undefined || load.log.length > 3e6) return;
    const report = verify(inputs[index]!, { kernelBtf, logLevel: level });
    if (report.verdict === 'unsupported') unsupported++;
    else objects.add(`${name}:${program.name}`, load.log, report.log);
  });
}
objects.print(`libbpf-tools (${unsupported} programs unsupported)`);
