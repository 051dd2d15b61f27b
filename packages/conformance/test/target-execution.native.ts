/**
 * What every native target proves by running: vectors, workloads, each row of the instruction table on all registers,
 * random programs, all beside the interpreter. A target's own test names its immediates and how much to run.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runSuite } from '@polybpf/conformance';
import { loadSuite, type NativeEngine, nativeEngine } from '@polybpf/conformance/node';
import { isBpfError } from '@polybpf/errors';
import { createHelperRegistry, runProgram } from '@polybpf/interpreter';
import { decodeProgram, type Insn, makeInsn, makeProgram } from '@polybpf/isa';
import { formatListing, type Target } from '@polybpf/jit';
import { fusionProgram } from '@polybpf-tools/target-tests/fusion-programs';
import { insn } from '@polybpf-tools/target-tests/insn';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
import { stackOperandPrograms } from './stack-operands.native.ts';

const SHARED = process.env['POLYBPF_SHARED'];
const PUBLIC = SHARED === undefined ? undefined : join(SHARED, 'conformance/bpf_conformance');
const WORKLOADS = SHARED === undefined ? undefined : join(SHARED, 'bench/workloads');
const OWN = new URL('../../../test-vectors', import.meta.url).pathname;
/** More and other programs than usual: POLYBPF_FUZZ=20000 POLYBPF_FUZZ_SEED=5000. */
const FUZZ = process.env['POLYBPF_FUZZ'];
const FIRST_SEED = Number(process.env['POLYBPF_FUZZ_SEED'] ?? 1);

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
const ALL = 0x3ff;

/** Runs a program natively and in the interpreter on several memories and compares r0 and memory. */
type Compare = (name: string, insns: readonly Insn[], memories: readonly Uint8Array[]) => void;
type Row = ReturnType<typeof triableRows>[number];

/** What is a target's own in these tests. */
export interface ExecutionPlan {
  /** The byte orders and options of the CPU; those with a base have the vectors run on the base alone. */
  readonly targets: readonly Target[];
  /** Rows that a target runs on all registers; without it, all that can be tried. */
  rowsOf?(target: Target): readonly Row[];
  /** Immediates of rows that take one. */
  immediatesOf(target: Target): readonly number[];
  /** Whether an immediate, by its index, is tried with these registers; without it, each one with each pair. */
  tries?(index: number, dst: number, src: number): boolean;
  /** How often rows without an immediate are tried on each pair of registers. */
  readonly repetitions: number;
  /** Memories that each batch of trials runs on. */
  readonly trialMemories: number;
  /** Distances from r10 that are added to it and subtracted again. */
  readonly stackDistances: readonly number[];
  /** Whether r10 is tried as operand of what only takes registers, with all other registers alive. */
  readonly hasStackOperands?: boolean;
  /** Sequences that are fused: how many programs, on how many memories each. */
  readonly fusions: { readonly programs: number; readonly memories: number };
  /** Random programs: how many, on how many memories each. */
  readonly random: { readonly programs: number; readonly memories: number };
}

/** Declares the tests; skipped by name where nothing runs the CPU's code, and with `CI` set they fail. */
export function describeExecution(plan: ExecutionPlan): void {
  if (process.env['CI'] && (PUBLIC === undefined || !existsSync(PUBLIC)))
    throw new Error('missing: the shared folder, POLYBPF_SHARED');
  const missing = missingTool(plan.targets);
  const title = plan.targets.length === 1 ? plan.targets[0]!.name : '$name';
  describe.skipIf(missing !== undefined).each(plan.targets)(`${title} code (${missing ?? 'runs'})`, (target) => {
    let engine: NativeEngine;
    beforeAll(() => {
      engine = nativeEngine(target);
    });
    afterAll(() => engine[Symbol.dispose]());

    describeSuites(plan, target, () => engine);
    describePrograms(plan, target, (name, insns, memories) => compare(engine, target, name, insns, memories));
  });
}

function missingTool(targets: readonly Target[]): string | undefined {
  try {
    for (const target of targets) if (target.base === undefined) nativeEngine(target)[Symbol.dispose]();
    return undefined;
  } catch (error) {
    if (!isBpfError(error) || error.code !== 'E_MACHINE_MISSING' || process.env['CI']) throw error;
    return error.message;
  }
}

function compare(engine: NativeEngine, { endian }: Target, ...[name, insns, memories]: Parameters<Compare>): void {
  const program = makeProgram(insns, { endian });
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

function describeSuites({ targets }: ExecutionPlan, target: Target, engine: () => NativeEngine): void {
  const isLittle = target.endian === 'little';

  it.skipIf(PUBLIC === undefined || !existsSync(PUBLIC))('passes all 313 public vectors (in POLYBPF_SHARED)', () => {
    const results = runSuite(loadSuite(PUBLIC!), engine());
    expect(results.filter(({ status }) => status !== 'passed')).toEqual([]);
    expect(results).toHaveLength(313);
  });

  it.skipIf(target.base !== undefined)(
    'passes our own vectors, but for faults that only a checking engine can report',
    () => {
      const results = runSuite(loadSuite(OWN), engine());
      const reasons = ['native code does not check accesses', ...(isLittle ? [] : ['only for little-endian memory'])];
      expect(results.filter(({ status, reason }) => status !== 'passed' && !reasons.includes(reason!))).toEqual([]);
      expect(results.filter(({ status }) => status === 'passed').length).toBeGreaterThan(2000);
    },
  );

  // The workloads are little-endian: a CPU without that byte order has no such test, one with both has one skipped.
  const orders = new Set(targets.map(({ endian }) => endian));
  if (!orders.has('little')) return;
  it.skipIf(!isLittle || WORKLOADS === undefined || !existsSync(WORKLOADS))(
    `computes the workloads of every ISA version (in POLYBPF_SHARED${orders.size > 1 ? ', for little-endian memory' : ''})`,
    () => {
      const { workloads } = JSON.parse(readFileSync(join(WORKLOADS!, 'manifest.json'), 'utf8')) as WorkloadManifest;
      const wrong: string[] = [];
      for (const { name, isa, inputs } of workloads) {
        const { file, patch_u32_at_0, len, r0, mem_sha256_after } = inputs.quick;
        const mem = Uint8Array.from(readFileSync(join(WORKLOADS!, file)).subarray(0, len));
        new DataView(mem.buffer).setUint32(0, patch_u32_at_0, true);
        for (const version of Object.keys(isa)) {
          const program = makeProgram(decodeProgram(readFileSync(join(WORKLOADS!, isa[version]!.file))), { name });
          const prepared = engine().machine.prepare(program);
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
}

function describePrograms(plan: ExecutionPlan, target: Target, compare: Compare): void {
  const rows = plan.rowsOf?.(target) ?? triableRows();
  it.each(rows.map((row) => [row.name, row] as const))('%s on all registers', (name, row) => {
    const random = makeRandom(row.id + 1);
    const trials = trialsOf(plan, target, row, random);
    // Jumps reach 32 Ki instructions.
    for (let from = 0; from < trials.length; from += 350) {
      const { insns, memory } = trialProgram(trials.slice(from, from + 350));
      compare(name, insns, memoriesOf(plan.trialMemories, random, memory));
    }
  });

  it.each(plan.stackDistances)('r10 plus %i and back', (k) => {
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

  if (plan.hasStackOperands === true) {
    it('r10 as operand of what only takes registers', () => {
      const random = makeRandom(10);
      for (const [name, insns] of Object.entries(stackOperandPrograms()))
        compare(name, insns, memoriesOf(4, random, 96));
    });
  }

  it('sequences that are fused', () => {
    const { programs, memories } = plan.fusions;
    for (const seed of seeds(FUZZ === undefined ? programs : Number(FUZZ) / 2)) {
      const random = makeRandom(seed);
      const { insns, memory } = fusionProgram(random, 30);
      compare(`fusion seed ${seed}`, insns, memoriesOf(memories, random, memory));
    }
  });

  it('random programs', () => {
    const { programs, memories } = plan.random;
    for (const seed of seeds(FUZZ === undefined ? programs : Number(FUZZ))) {
      const { insns, memory } = randomProgram(seed);
      // r0 = 0: a program that does not use r0 may still compare with it in cmpxchg.
      const started = [makeInsn(0xb7, 0, 0, 0, 0), ...insns];
      compare(`seed ${seed}`, started, memoriesOf(memories, makeRandom(seed), memory));
    }
  });
}

function trialsOf(plan: ExecutionPlan, target: Target, row: Row, random: ReturnType<typeof makeRandom>): Trial[] {
  const { tries = () => true } = plan;
  const trials: Trial[] = [];
  const hasSrc = row.src === 'read' || row.src === 'readwrite';
  const isMemory = !['alu', 'end', 'jmp'].includes(row.kind);
  const isLoad = row.kind === 'load' || row.kind === 'load_acquire';
  const dsts = isMemory && !isLoad ? 11 : 10;
  const srcs = hasSrc ? (isLoad ? 11 : 10) : 1;
  const hasImm = row.immUse === 'imm';
  const imms = hasImm ? plan.immediatesOf(target) : Array.from({ length: plan.repetitions }, () => 0);
  for (let dst = 0; dst < dsts; dst++) {
    for (let src = 0; src < srcs; src++) {
      for (const imm of imms.filter((_, index) => !hasImm || tries(index, dst, src))) {
        const masks = [ALL, (1 << dst) | (row.src === 'readwrite' ? 1 << src : 0), random.int(1024)];
        trials.push({ row, dst, src, imm, live: random.pick(masks) & ALL });
      }
    }
  }
  return trials;
}

function memoriesOf(count: number, random: ReturnType<typeof makeRandom>, length: number): Uint8Array[] {
  return Array.from({ length: count }, () => trialMemory(random, length));
}

/** From the first seed on; half a seed more is one more. */
function seeds(count: number): number[] {
  return Array.from({ length: Math.ceil(count) }, (_, i) => FIRST_SEED + i);
}
