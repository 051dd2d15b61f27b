import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isBpfError } from '@polybpf/errors';
import { runSuite } from '@polybpf/conformance';
import { loadSuite, type NativeEngine, nativeEngine } from '@polybpf/conformance/node';
import { createHelperRegistry, runProgram } from '@polybpf/interpreter';
import { decodeProgram, type Insn, makeInsn, makeProgram } from '@polybpf/isa';
import { formatListing } from '@polybpf/jit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { riscv64 } from '../src/index.ts';
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
const WORKLOADS = SHARED === undefined ? undefined : join(SHARED, 'bench/workloads');
if (process.env['CI'] && (PUBLIC === undefined || !existsSync(PUBLIC)))
  throw new Error('missing: the shared folder, POLYBPF_SHARED');
const OWN = new URL('../../../test-vectors', import.meta.url).pathname;

interface WorkloadManifest {
  readonly workloads: readonly {
    readonly name: string;
    readonly isa: Readonly<Record<string, { readonly file: string }>>;
    readonly inputs: {
      readonly quick: {
        readonly file: string;
        readonly patch_u32_at_0: number;
        readonly len: number;
        readonly r0: string;
        readonly mem_sha256_after: string;
      };
    };
  }[];
}

const HELPERS = createHelperRegistry([
  { id: MIX_HELPER, call: (cx) => mix([cx.arg(1), cx.arg(2), cx.arg(3), cx.arg(4), cx.arg(5)]) },
]);
/** Around each boundary of the 6- and 12-bit immediates and of lui, powers of two and their neighbours. */
const IMMEDIATES = [0, 1, -1, 2, -2, 3, 5, 7, -8, 10, 30, 31, 32, 33, -31, -32, -33, 63, 64, 127, -128, 255, 1000, 2046, 2047, 2048, 2049, -2047, -2048, -2049, 4094, 4095, 4096, -4096, -4097, 0xffff, 0x10000, 0x10001, 0x1f000, 0x20000, -0x20000, -0x21000, 0xff00ff, 0x12345678, 0x7ffff7ff, 0x7ffff800, 0x7ffffffe, 0x7fffffff, -0x80000000, -0x7fffffff, -0x12345678]; // prettier-ignore
const ALL = 0x3ff;

function missingTool(): string | undefined {
  try {
    nativeEngine(riscv64)[Symbol.dispose]();
    return undefined;
  } catch (error) {
    if (!isBpfError(error) || error.code !== 'E_MACHINE_MISSING' || process.env['CI']) throw error;
    return error.message;
  }
}
const missing = missingTool();

describe.skipIf(missing !== undefined)(`riscv64 code (${missing ?? 'runs'})`, () => {
  let engine: NativeEngine;
  beforeAll(() => {
    engine = nativeEngine(riscv64);
  });
  afterAll(() => engine[Symbol.dispose]());

  /** Runs a program natively and in the interpreter on several memories and compares r0 and memory. */
  function compare(name: string, insns: readonly Insn[], memories: readonly Uint8Array[]): void {
    const program = makeProgram(insns);
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
    expect(results.filter(({ status, reason }) => status !== 'passed' && reason !== 'native code does not check accesses')).toEqual([]); // prettier-ignore
    expect(results.length).toBeGreaterThan(2000);
  });

  it.skipIf(WORKLOADS === undefined || !existsSync(WORKLOADS))(
    'computes the workloads of every ISA version (in POLYBPF_SHARED)',
    () => {
      const { workloads } = JSON.parse(readFileSync(join(WORKLOADS!, 'manifest.json'), 'utf8')) as WorkloadManifest;
      const wrong: string[] = [];
      for (const { name, isa, inputs } of workloads) {
        const { file, patch_u32_at_0, len, r0, mem_sha256_after } = inputs.quick;
        const mem = Uint8Array.from(readFileSync(join(WORKLOADS!, file)).subarray(0, len));
        new DataView(mem.buffer).setUint32(0, patch_u32_at_0, true);
        for (const version of Object.keys(isa)) {
          const program = makeProgram(decodeProgram(readFileSync(join(WORKLOADS!, isa[version]!.file))), { name });
          const prepared = engine.machine.prepare(program);
          const outcome = prepared.run({ mem, timeoutMs: 30_000 });
          const sha256 = createHash('sha256').update(outcome.mem).digest('hex');
          if (outcome.r0 !== BigInt(r0) || sha256 !== mem_sha256_after)
            wrong.push(`${name} ${version}: r0 ${outcome.r0}`);
          prepared.dispose();
        }
      }
      expect(workloads.length).toBeGreaterThan(10);
      expect(wrong).toEqual([]);
    },
  );

  it.each(triableRows().map((row) => [row.name, row] as const))('%s on all registers', (name, row) => {
    const random = makeRandom(row.id + 1);
    const trials: Trial[] = [];
    const hasSrc = row.src === 'read' || row.src === 'readwrite';
    const isMemory = !['alu', 'end', 'jmp'].includes(row.kind);
    const isLoad = row.kind === 'load' || row.kind === 'load_acquire';
    const dsts = isMemory && !isLoad ? 11 : 10;
    const srcs = hasSrc ? (isLoad ? 11 : 10) : 1;
    const imms = row.immUse === 'imm' ? IMMEDIATES : [0, 0, 0];
    for (let dst = 0; dst < dsts; dst++) {
      for (let src = 0; src < srcs; src++) {
        for (const imm of imms) {
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

  it.each([8, -8, 2040, 2048, 4096, -4096, 0xffe000, -0x1000000, 0x7ffff800, 0x7fffffff, -0x80000000])(
    'r10 plus %i and back',
    (k) => {
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
    },
  );

  it('r10 as operand of what only takes registers', () => {
    // Every other register is alive, so that no short one is free; results do not depend on where the stack lies.
    const busy = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((register) => insn('ldxdw', register, 1, 0));
    const load = [...busy.slice(1), busy[0]!].map((each, i) => ({ ...each, offset: 8 * i }));
    const mix = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((register) => insn('xor64_reg', 0, register));
    const slot = insn('stdw', 10, 0, -8, 77);
    const back = (...insns: Insn[]): Insn[] => [...load, slot, ...insns, ...mix, insn('exit')];
    const relative = [insn('ldxdw', 0, 10, -8), insn('sub64_reg', 0, 10)];
    const low = [insn('ldxw', 0, 10, -8), insn('sub32_reg', 0, 10)];
    const programs: Readonly<Record<string, Insn[]>> = {
      cmpxchg64: back(insn('mov64_imm', 0, 0, 0, 77), insn('atomic_cmpxchg64', 10, 10, -8), ...relative),
      cmpxchg32: back(insn('mov64_imm', 0, 0, 0, 77), insn('atomic_cmpxchg32', 10, 10, -8), ...low),
      add: back(insn('atomic_add64', 10, 10, -8), ...relative),
      store: back(insn('stxdw', 10, 10, -8), ...relative),
      release: back(insn('store_release64', 10, 10, -8), ...relative),
      div: back(insn('mov64_reg', 0, 10), insn('div64_reg', 0, 10)),
      div32: back(insn('mov64_reg', 0, 10), insn('div32_reg', 0, 10)),
      mod: back(insn('mov64_reg', 0, 10), insn('mod64_reg', 0, 10)),
      lsh: back(insn('mov64_reg', 0, 10), insn('lsh64_imm', 0, 0, 0, 1), insn('sub64_reg', 0, 10), insn('sub64_reg', 0, 10)), // prettier-ignore
      compare: back(insn('mov64_reg', 0, 10), insn('jlt32_reg', 0, 10, 1), insn('mov64_imm', 0, 0, 0, 3), insn('jne64_reg', 10, 1, 1), insn('mov64_imm', 0, 0, 0, 5)), // prettier-ignore
      compare10: back(insn('mov64_imm', 0, 0, 0, 1), insn('jsgt32_reg', 10, 10, 1), insn('mov64_imm', 0, 0, 0, 2)),
      compare32: back(insn('mov32_reg', 0, 10), insn('jsgt32_reg', 10, 0, 2), insn('jslt32_reg', 0, 10, 1), insn('mov64_imm', 0, 0, 0, 3), insn('jset32_reg', 1, 10, 0)), // prettier-ignore
    };
    const random = makeRandom(10);
    for (const [name, insns] of Object.entries(programs)) {
      compare(
        name,
        insns,
        Array.from({ length: 4 }, () => trialMemory(random, 96)),
      );
    }
  });

  it('sequences that are fused', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = makeRandom(seed);
      const { insns, memory } = fusionProgram(random, 30);
      compare(
        `fusion seed ${seed}`,
        insns,
        Array.from({ length: 6 }, () => trialMemory(random, memory)),
      );
    }
  });

  it('random programs', () => {
    for (let seed = 1; seed <= 600; seed++) {
      const { insns, memory } = randomProgram(seed);
      const random = makeRandom(seed);
      const memories = Array.from({ length: 4 }, () => trialMemory(random, memory));
      // r0 = 0: a program that does not use r0 may still compare with it in cmpxchg.
      compare(`seed ${seed}`, [makeInsn(0xb7, 0, 0, 0, 0), ...insns], memories);
    }
  });
});
