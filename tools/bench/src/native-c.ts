/** The yardstick: the workload's own C source, compiled for this host by gcc or clang with -O2, timed the way the machine times. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Workload } from './workload.ts';

/** Calls of a native program. */
export interface NativeRun {
  /** Result and memory of the first call. */
  readonly r0: bigint;
  readonly mem: Uint8Array;
  /** Wall time of `repeat` calls. */
  readonly elapsedNs: number;
}

export interface NativeC {
  /** Calls the function once, then `repeat` times on a fresh copy of `mem`, which is what is timed. */
  run(workload: Workload, mem: Uint8Array, repeat: number): NativeRun;
  /** Bytes of the function in the compiled file. */
  codeSize(workload: Workload): number | undefined;
  close(): void;
}

const HARNESS = `
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
typedef unsigned long long u64;
u64 PROGRAM(unsigned char *mem, u64 len);
int main(int argc, char **argv) {
  size_t len = strtoull(argv[2], 0, 10);
  u64 repeat = strtoull(argv[3], 0, 10), r0 = 0;
  unsigned char *input = malloc(len + 1), *mem = aligned_alloc(64, (len + 64) & ~(size_t)63);
  FILE *file = fopen(argv[1], "rb");
  if (argc != 5 || !file || fread(input, 1, len, file) != len) return 2;
  fclose(file);
  memcpy(mem, input, len);
  r0 = PROGRAM(mem, len);
  file = fopen(argv[4], "wb");
  if (!file || fwrite(mem, 1, len, file) != len || fclose(file)) return 2;
  memcpy(mem, input, len);
  struct timespec start, end;
  volatile u64 sink;
  clock_gettime(CLOCK_MONOTONIC, &start);
  for (u64 i = 0; i < repeat; i++) sink = PROGRAM(mem, len);
  clock_gettime(CLOCK_MONOTONIC, &end);
  printf("%llu %lld\\n", r0, (end.tv_sec - start.tv_sec) * 1000000000LL + end.tv_nsec - start.tv_nsec);
  return 0;
}
`;

/** Names that a compiler may have, the first that is there is used. */
const COMPILERS = { gcc: ['gcc'], clang: ['clang-19', 'clang', 'clang-14'] } as const;

/** The program of a compiler, or undefined where there is none. */
export function findCompiler(name: keyof typeof COMPILERS): string | undefined {
  return COMPILERS[name].find((program) => spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0);
}

/**
 * Compiles the sources of workloads into a temporary folder.
 *
 * @param compiler - see {@link findCompiler}
 */
export function buildNativeC(workloads: readonly Workload[], compiler: string): NativeC {
  const compile = (...args: readonly string[]): void => {
    execFileSync(compiler, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  };
  const folder = mkdtempSync(join(tmpdir(), 'polybpf-bench-'));
  const harness = join(folder, 'harness.c');
  writeFileSync(harness, HARNESS);
  const objectOf = (workload: Workload): string => join(folder, `${workload.name}.o`);
  for (const workload of workloads) {
    const program = `-DPROGRAM=${workload.function}`;
    // Two translation units: the calls must not be inlined into the loop.
    compile('-O2', '-w', `-I${dirname(workload.source)}`, '-c', '-o', objectOf(workload), workload.source);
    compile('-O2', '-w', program, '-o', join(folder, workload.name), harness, objectOf(workload));
  }
  return {
    run(workload, mem, repeat) {
      const input = join(folder, 'input');
      const output = join(folder, 'output');
      writeFileSync(input, mem);
      const args = [input, String(mem.length), String(repeat), output];
      const text = execFileSync(join(folder, workload.name), args, { encoding: 'utf8' });
      const [r0, elapsedNs] = text.trim().split(' ');
      return { r0: BigInt(r0!), mem: new Uint8Array(readFileSync(output)), elapsedNs: Number(elapsedNs) };
    },
    codeSize(workload) {
      const { stdout, status } = spawnSync('nm', ['-S', objectOf(workload)], { encoding: 'utf8' });
      if (status !== 0) return undefined;
      // all functions of the file: some are not inlined
      const sizes = stdout.split('\n').flatMap((line) => /^\S+ (\S+) [tT] /.exec(line)?.[1] ?? []);
      return sizes.reduce((sum, size) => sum + parseInt(size, 16), 0);
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}
