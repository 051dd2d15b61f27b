/** `--peer`: other runtimes through the plugin protocol; the command line's own plugin is one. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assemble } from '@polybpf/asm';
import { createInterpreter } from '@polybpf/interpreter';
import { makeProgram } from '@polybpf/isa';
import { afterAll, describe, expect, it } from 'vitest';
import { benchPeers } from '../src/bench-peers.ts';
import { findCompiler } from '../src/native-c.ts';
import { sha256 } from '../src/sha256.ts';
import { speedSections } from '../src/speed-report.ts';
import type { Workload } from '../src/workload.ts';

const MAIN = fileURLToPath(new URL('../../../apps/cli/src/main.ts', import.meta.url));
const PLUGIN = `${process.execPath} --import tsx --conditions=@polybpf/source ${MAIN} plugin`;
const ROUNDS = { warmUp: 0, measured: 4 };

/** Sums the bytes of its memory, again and again. */
function workload(name: string, rounds: number): Workload {
  const text = `r0 = 0\nr3 = ${rounds}\nouter:\nr4 = r1\nr5 = r1\nr5 += r2\ninner:\nr6 = *(u8 *)(r4 + 0)\nr0 += r6\nr4 += 1\nif r4 < r5 goto inner\nr3 -= 1\nif r3 != 0 goto outer\nexit\n`;
  const program = makeProgram(assemble(text).insns, { name });
  const mem = Uint8Array.from({ length: 100 }, (_, i) => i);
  const { r0 } = createInterpreter(program).run({ mem: mem.slice() });
  const input = { mem, r0, memHash: sha256(mem) };
  return { name, program, source: '', function: '', quick: input, full: input };
}

/** A peer that knows the result, and takes 2 ms for every run of a program that is longer than two instructions. */
const SPINNER = `
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
int main(int argc, char **argv) {
  char text[4096];
  size_t length = fread(text, 1, sizeof text, stdin);
  double ms = length > 60 ? 2.0 * atoi(argv[1]) : 0;
  struct timespec start, now;
  clock_gettime(CLOCK_MONOTONIC, &start);
  do clock_gettime(CLOCK_MONOTONIC, &now);
  while ((now.tv_sec - start.tv_sec) * 1e3 + (now.tv_nsec - start.tv_nsec) / 1e6 < ms);
  printf("%s\\n", argc == 4 ? argv[2] : "no memory");
  return 0;
}
`;
describe('peers', () => {
  const gcc = findCompiler('gcc');
  if (gcc === undefined) {
    if (process.env['CI']) throw new Error('there is no gcc');
    it.skip('there is no gcc', () => undefined);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'polybpf-peers-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const spinner = join(folder, 'spinner');
  writeFileSync(`${spinner}.c`, SPINNER);
  execFileSync(gcc, ['-O1', '-o', spinner, `${spinner}.c`]);

  it('are timed by their runs alone', () => {
    const sum = workload('sum', 20);
    const r0 = sum.quick.r0.toString(16);
    const peers = [
      { name: 'repeats', command: `${spinner} {repeat} ${r0}` },
      { name: 'once', command: `${spinner} 50 0x${r0}` },
    ];
    const rows = benchPeers([sum], peers, undefined, ROUNDS);
    const [repeats, once] = rows.map(({ ns, insns }) => (ns!.min * insns) / 1e6);
    // They spin 2 ms a run and 100 ms; how much more they take is up to the machine, but not fifty times.
    expect(repeats!).toBeGreaterThan(0.8 * 2);
    expect(once!).toBeGreaterThan(0.8 * 100);
    expect(repeats!).toBeLessThan(once!);
    const report = { environment: {}, inputs: { origin: 'shared', interpreter: 'quick', native: 'quick' }, peers: rows, missing: [] } as const; // prettier-ignore
    const [section] = speedSections(report);
    expect(section!.rows[0]).toEqual(['workload', 'repeats', 'repeats to C', 'once', 'once to C']);
    expect(section!.rows[1]!.slice(0, 3)).toEqual(['sum', expect.stringMatching(/^\d/), '-']);
  });

  it('may be this project itself', () => {
    const rows = benchPeers([workload('sum', 5)], [{ name: 'own', command: `${PLUGIN} --engine wasm` }], undefined, {
      warmUp: 0,
      measured: 1,
    });
    expect(rows).toMatchObject([{ peer: 'own', name: 'sum', ns: { count: 1 } }]);
    expect(rows[0]!.wrong).toBeUndefined();
  });

  it('that give something else or nothing are WRONG and say why', () => {
    const peers = [
      { name: 'liar', command: 'echo 1;:' },
      { name: 'silent', command: 'echo "no such thing" >&2; exit 3;' },
    ];
    const rows = benchPeers([workload('sum', 1)], peers, undefined, ROUNDS);
    expect(rows[0]).toMatchObject({ peer: 'liar', wrong: 'r0 is 0x1, not 0x1356' });
    expect(rows[1]!.wrong).toContain('exit 3: no such thing');
    expect(rows.every(({ ns }) => ns === undefined)).toBe(true);
  });
});
