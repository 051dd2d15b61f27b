/** Runs compiled programs under qemu-s390x in `harness.c`, which also checks the calling convention. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Program } from '@polybpf/isa';
import { compile, type CompiledProgram, link } from '@polybpf/jit';
import { s390x } from '../src/index.ts';

const GCC = 's390x-linux-gnu-gcc';
const QEMU = 'qemu-s390x';
/** As in harness.c. */
const TABLE_ADDRESS = 0x4000_0000n;
const TABLE_SIZE = 64;
const CODE_ADDRESS = 0x5000_0000n;
const SECOND_ADDRESS = 0x5100_0000n;
/** Where the harness keeps the memory that programs get. */
export const MEMORY_ADDRESS = 0x6000_0000n;
/** Helpers of the harness by id. */
export const CALL_BACK_HELPER = 5;
export const MIX_HELPER = 40;

/** What {@link MIX_HELPER} computes. */
export function mix(args: readonly bigint[]): bigint {
  const sum = args.reduce((total, arg) => BigInt.asUintN(64, (total ^ arg) * 0x9e3779b97f4a7c15n + 12345n), 7n);
  return BigInt.asUintN(64, sum);
}

/** Tools that are missing, for the name of a skipped test; an error in CI. */
export function missingTools(): string[] {
  const missing = [GCC, QEMU].filter((tool) => spawnSync(tool, ['--version']).status !== 0);
  if (missing.length > 0 && process.env['CI']) throw new Error(`missing tools: ${missing.join(', ')}`);
  return missing;
}

export interface HarnessJob {
  readonly code: Uint8Array;
  readonly memory?: Uint8Array;
  /** r1 to r5; default: memory and its length. */
  readonly args?: readonly bigint[];
  /** The program that a tail call with index 0 goes to. */
  readonly second?: Uint8Array;
}

export interface HarnessResult {
  /** Empty when all went well. */
  readonly problem: string;
  readonly r0: bigint;
  readonly memory: Uint8Array;
}

export interface Harness {
  run(jobs: readonly HarnessJob[]): HarnessResult[];
  close(): void;
}

/** A compiled program, and its code as it must be where the harness puts it. */
export function compileFor(
  program: Program,
  address: bigint = CODE_ADDRESS,
): { compiled: CompiledProgram; code: Uint8Array } {
  const helperCalls = { kind: 'table', address: TABLE_ADDRESS, count: TABLE_SIZE } as const;
  const compiled = compile(program, s390x, { helperCalls });
  return { compiled, code: link(compiled, address, () => undefined) };
}

/** The code of a program that is the second one of a job. */
export function compileSecond(program: Program): Uint8Array {
  return compileFor(program, SECOND_ADDRESS).code;
}

/** Builds the harness. */
export function openHarness(): Harness {
  const folder = mkdtempSync(join(tmpdir(), 'jit-s390x-'));
  const executable = join(folder, 'harness');
  const source = fileURLToPath(new URL('./harness.c', import.meta.url));
  execFileSync(GCC, ['-O1', '-Wall', '-Werror', '-static', '-march=z196', '-o', executable, source]);
  return {
    run(jobs) {
      const input = Buffer.concat(jobs.flatMap(encodeJob));
      const { stdout, status, stderr, signal } = spawnSync(QEMU, [executable], { input, maxBuffer: 1 << 30 });
      if (status !== 0) throw new Error(`harness: ${signal ?? `exit code ${status}`} ${stderr.toString()}`);
      return decodeResults(stdout, jobs);
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function encodeJob({ code, memory = new Uint8Array(0), args, second = new Uint8Array(0) }: HarnessJob): Uint8Array[] {
  const head = new Uint8Array(16 + (args === undefined ? 0 : 40));
  const view = new DataView(head.buffer);
  [code.length, memory.length, second.length, args === undefined ? 0 : 1].forEach((word, i) =>
    view.setUint32(4 * i, word),
  );
  args?.forEach((arg, i) => view.setBigUint64(16 + 8 * i, BigInt.asUintN(64, arg)));
  return [head, code, memory, second];
}

function decodeResults(output: Uint8Array, jobs: readonly HarnessJob[]): HarnessResult[] {
  const view = new DataView(output.buffer, output.byteOffset, output.byteLength);
  let at = 0;
  return jobs.map(({ memory }) => {
    const status = view.getUint32(at);
    const r0 = view.getBigUint64(at + 4);
    const length = memory?.length ?? 0;
    const result = {
      problem: describeStatus(status),
      r0,
      memory: Uint8Array.from(output.subarray(at + 12, at + 12 + length)),
    };
    at += 12 + length;
    return result;
  });
}

function describeStatus(status: number): string {
  if (status === 0) return '';
  if (status < 512) return `signal ${status - 256}`;
  return status >= 512 + 32 ? 'the back chain was overwritten' : `%r${status - 512} was not preserved`;
}
