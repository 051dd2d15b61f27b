import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isBpfError } from '@polybpf/errors';
import { runSuite } from '@polybpf/conformance';
import { loadSuite, type NativeEngine, nativeEngine } from '@polybpf/conformance/node';
import { createHelperRegistry, runProgram } from '@polybpf/interpreter';
import { type Insn, makeInsn, makeProgram } from '@polybpf/isa';
import { formatListing } from '@polybpf/jit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sparc64 } from '../src/index.ts';
import { insn } from '@polybpf-tools/target-tests/insn';
import { fusionProgram } from '@polybpf-tools/target-tests/fusion-programs';
import {
  makeRandom,
  mix,
  MIX_HELPER,
  randomProgram,
  type Trial,
  trialMemory,
  trialProgram,
  triableRows,
} from '../../jit-x86_64/test/program-generator.ts';

const SHARED = process.env['POLYBPF_SHARED'];
const PUBLIC = SHARED === undefined ? undefined : join(SHARED, 'conformance/bpf_conformance');
if (process.env['CI'] && (PUBLIC === undefined || !existsSync(PUBLIC)))
  throw new Error('missing: the shared folder, POLYBPF_SHARED');
const OWN = new URL('../../../test-vectors', import.meta.url).pathname;
/** More and other programs than usual: POLYBPF_FUZZ=20000 POLYBPF_FUZZ_SEED=5000. */
const PROGRAMS = Number(process.env['POLYBPF_FUZZ'] ?? 300);
const FIRST_SEED = Number(process.env['POLYBPF_FUZZ_SEED'] ?? 1);

const HELPERS = createHelperRegistry([
  { id: MIX_HELPER, call: (cx) => mix([cx.arg(1), cx.arg(2), cx.arg(3), cx.arg(4), cx.arg(5)]) },
]);
/** Around each boundary of the 13-bit immediates and of sethi, masks, powers of two and their neighbours. */
const IMMEDIATES = [
  0, 1, -1, 2, -2, 3, 5, 7, -8, 10, 31, 32, 33, 63, 64, 127, -128, 255, 0x3ff, 0x400, 4094, 4095, 4096, 4097, -4095, -4096,
  -4097, -4098, 8190, 8191, 8192, -8192, -8193, -8191, 0x7fff, 0xffff, 0x10000, 0x1fc00, -0x10000, -0x10400, 0xff00ff,
  0x12345678, 0x7ffffc00, 0x7ffffbff, 0x7ffffffe, 0x7fffffff, -0x80000000, -0x7fffffff, -0x7ffffc00, -0x12345678,
]; // prettier-ignore
const ALL = 0x3ff;

function missingTool(): string | undefined {
  try {
    nativeEngine(sparc64)[Symbol.dispose]();
    return undefined;
  } catch (error) {
    if (!isBpfError(error) || error.code !== 'E_MACHINE_MISSING' || process.env['CI']) throw error;
    return error.message;
  }
}
const missing = missingTool();

describe.skipIf(missing !== undefined)(`sparc64 code (${missing ?? 'runs'})`, () => {
  let engine: NativeEngine;
  beforeAll(() => {
    engine = nativeEngine(sparc64);
  });
  afterAll(() => engine[Symbol.dispose]());

  /** Runs a program natively and in the interpreter on several memories and compares r0 and memory. */
  function compare(name: string, insns: readonly Insn[], memories: readonly Uint8Array[]): void {
    const program = makeProgram(insns, { endian: 'big' });
    const prepared = engine.machine.prepare(program, { helpers: HELPERS });
    try {
      const outcomes = engine.machine.runBatch(memories.map((mem) => ({ program: prepared, mem })));
      outcomes.forEach((outcome, i) => {
        if (outcome.status === 'failed') throw new Error(`${name}: ${outcome.error.message}\n${formatListing(prepared.compiled)}`); // prettier-ignore
        const mem = memories[i]!.slice();
        const { r0 } = runProgram(program, { mem, helpers: HELPERS });
        const differs = outcome.mem.findIndex((byte, at) => byte !== mem[at]);
        if (outcome.r0 === r0 && differs < 0) return;
        const seen = `r0 ${outcome.r0}, expected ${r0}; memory differs at ${differs}`;
        throw new Error(`${name}: ${seen}\n${formatListing(prepared.compiled).slice(0, 8000)}`);
      });
    } finally {
      prepared.dispose();
    }
  }

  it.skipIf(PUBLIC === undefined || !existsSync(PUBLIC))('passes all 313 public vectors (in POLYBPF_SHARED)', () => {
    const results = runSuite(loadSuite(PUBLIC!), engine);
    expect(results.filter(({ status }) => status !== 'passed')).toEqual([]);
    expect(results).toHaveLength(313);
  });

  it('passes our own vectors, but for faults that only a checking engine can report', () => {
    const results = runSuite(loadSuite(OWN), engine);
    const reasons = ['native code does not check accesses', 'only for little-endian memory'];
    expect(results.filter(({ status, reason }) => status !== 'passed' && !reasons.includes(reason!))).toEqual([]);
    expect(results.filter(({ status }) => status === 'passed').length).toBeGreaterThan(2000);
  });

  it.each(triableRows().map((row) => [row.name, row] as const))('%s on all registers', (name, row) => {
    const random = makeRandom(row.id + 1);
    const trials: Trial[] = [];
    const hasSrc = row.src === 'read' || row.src === 'readwrite';
    const isMemory = !['alu', 'end', 'jmp'].includes(row.kind);
    const isLoad = row.kind === 'load' || row.kind === 'load_acquire';
    const dsts = isMemory && !isLoad ? 11 : 10;
    const srcs = hasSrc ? (isLoad ? 11 : 10) : 1;
    const imms = row.immUse === 'imm' ? IMMEDIATES : [0];
    for (let dst = 0; dst < dsts; dst++) {
      for (let src = 0; src < srcs; src++) {
        // Each register meets a part of the immediates, and all of them together each one several times.
        for (const imm of imms.filter((_, k) => imms.length === 1 || (k + dst + src) % 3 === 0)) {
          const masks = [ALL, (1 << dst) | (row.src === 'readwrite' ? 1 << src : 0), random.int(1024)];
          trials.push({ row, dst, src, imm, live: random.pick(masks) & ALL });
        }
      }
    }
    // Jumps reach 32 Ki instructions.
    for (let from = 0; from < trials.length; from += 350) {
      const { insns, memory: length } = trialProgram(trials.slice(from, from + 350));
      compare(
        name,
        insns,
        Array.from({ length: 3 }, () => trialMemory(random, length)),
      );
    }
  });

  it.each([8, -8, 4096, 0x7ff8, 0x7fff8000, 0x7fffffff, -0x80000000])('r10 plus %i and back', (k) => {
    const sum = [
      insn('mov64_reg', 2, 10),
      insn('add64_imm', 2, 0, 0, k),
      insn('mov64_reg', 3, 2),
      insn('sub64_reg', 3, 10),
    ];
    compare(
      `r10 + ${k}`,
      [insn('stdw', 10, 0, -8, 7), ...sum, insn('mov64_reg', 0, 3), insn('exit')],
      [new Uint8Array(8)],
    );
  });

  it('sequences that are fused', () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + PROGRAMS / 2; seed++) {
      const random = makeRandom(seed);
      const { insns, memory } = fusionProgram(random, 30);
      compare(
        `fusion seed ${seed}`,
        insns,
        Array.from({ length: 4 }, () => trialMemory(random, memory)),
      );
    }
  });

  it('random programs', () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + PROGRAMS; seed++) {
      const { insns, memory } = randomProgram(seed);
      const random = makeRandom(seed);
      const memories = Array.from({ length: 3 }, () => trialMemory(random, memory));
      // r0 = 0: a program that does not use r0 may still compare with it in cmpxchg.
      compare(`seed ${seed}`, [makeInsn(0xb7, 0, 0, 0, 0), ...insns], memories);
    }
  });
});
