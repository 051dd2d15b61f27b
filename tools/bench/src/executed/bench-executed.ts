/**
 * Instructions that other CPUs execute for the workloads, under QEMU, beside what the Linux JIT of that CPU executes: its
 * translation is one to one, so interpreting the program says how often each piece of its code runs.
 */
import { isBpfError } from '@polybpf/errors';
import { type InsnRow, makeInsn, makeProgram, type Program, rowOf } from '@polybpf/isa';
import type { Target } from '@polybpf/jit';
import { openMachine, type PreparedProgram } from '@polybpf/machine';
import { withEndian } from '../concatenate.ts';
import type { KernelSizes } from '../kernel-sizes.ts';
import { geometricMean } from '../statistics.ts';
import type { Workload } from '../workload.ts';
import { countRun, type RunCount } from './count-insns.ts';
import { type KernelCode, kernelCode, kernelExecutes } from './kernel-class.ts';
import type { QemuCounter } from './qemu-counter.ts';

/** One workload on one CPU. */
export interface ExecutedRow {
  readonly name: string;
  /** BPF instructions. */
  readonly insns: number;
  /** Instructions of the CPU, by our code; without the call and what is around it. */
  readonly ours?: number;
  /** By the kernel's; absent where its JIT refuses an instruction, or was not measured on this CPU. */
  readonly kernel?: number;
  /** Why a count is absent. */
  readonly missing?: string;
  readonly wrong?: string;
}

export interface ExecutedTarget {
  readonly target: string;
  /** Column of the table that it is compared with; absent: none fits. */
  readonly kernel?: string;
  readonly rows: readonly ExecutedRow[];
  /** Geometric mean of ours / kernel. */
  readonly ratio?: number;
}

/** CPUs that have no column of their own but share instructions with one: only the order of bytes differs. */
const SAME_CODE: Readonly<Record<string, string>> = { mips64: 'mips64le', armeb: 'arm' };
/** Instructions by which a column cannot be counted, and why. */
const NOT_COUNTED: Readonly<Record<string, readonly (readonly [RegExp, string])[]>> = {
  arm: [[/^s?(div|mod)64/, 'the kernel calls a C function, whose instructions are not in the table']],
  riscv64: [[/^(be|bswap|le)(16|32|64)/, 'the kernel ran on a CPU with Zbb, and used its rev8']],
};
/** What every call costs: it is measured with this program and left out. */
const NOTHING: Program = makeProgram([makeInsn(0x95, 0, 0, 0, 0)], { name: 'nothing' });

/** Counts on every target. */
export function benchExecuted(
  targets: readonly Target[],
  workloads: readonly Workload[],
  sizes: KernelSizes,
  counter: QemuCounter,
): ExecutedTarget[] {
  const runs = new Map<string, Counted | string>();
  const runOf = (workload: Workload, target: Target): Counted | string => {
    const key = `${workload.name} ${target.endian}`;
    if (!runs.has(key)) runs.set(key, interpret(workload, target));
    return runs.get(key)!;
  };
  return targets.map((target) => {
    const column = SAME_CODE[target.name] ?? target.name;
    const code = kernelCode(column, sizes);
    using machine = openMachine(target, { via: 'qemu', timeoutMs: 120_000 });
    const empty = machine.prepare(withEndian(NOTHING, target.endian));
    // The first call starts the runner.
    empty.run();
    const rows = workloads.map((workload): ExecutedRow => {
      const { name } = workload;
      const counted = runOf(workload, target);
      if (typeof counted === 'string') return { name, insns: 0, missing: counted };
      const { run, mem } = counted;
      const row = { name, insns: run.insns };
      const prepared = machine.prepare(withEndian(workload.program, target.endian));
      try {
        const { executed, r0 } = countCall(prepared, mem, counter);
        if (r0 !== run.r0) return { ...row, wrong: `r0 is 0x${r0.toString(16)}, not 0x${run.r0.toString(16)}` };
        const ours = executed - countCall(empty, mem, counter).executed;
        const theirs = code && kernelCount(workload, run, code, column, column !== target.name);
        if (typeof theirs === 'string') return { ...row, ours, missing: theirs };
        return { ...row, ours, ...(theirs !== undefined && { kernel: theirs }) };
      } catch (error) {
        if (!isBpfError(error)) throw error;
        return { ...row, missing: error.message };
      } finally {
        prepared.dispose();
      }
    });
    const ratios = rows.flatMap(({ ours, kernel: theirs }) =>
      ours === undefined || theirs === undefined ? [] : [ours / theirs],
    );
    return {
      target: target.name,
      ...(code !== undefined && { kernel: column }),
      rows,
      ...(ratios.length > 0 && { ratio: geometricMean(ratios) }),
    };
  });
}

interface Counted {
  readonly run: RunCount;
  readonly mem: Uint8Array;
}

/** What the interpreter counts, or why it cannot: a program whose bytes mean something else in the other byte order. */
function interpret({ program, quick, headerWords = 0 }: Workload, { endian }: Target): Counted | string {
  const mem = quick.mem.slice();
  for (let word = 0; endian === 'big' && word < headerWords; word++) mem.subarray(4 * word, 4 * word + 4).reverse();
  try {
    return { run: countRun(withEndian(program, endian), mem.slice()), mem };
  } catch (error) {
    if (!isBpfError(error)) throw error;
    return `the interpreter: ${error.message}`;
  }
}

function countCall(
  program: PreparedProgram,
  mem: Uint8Array,
  counter: QemuCounter,
): { readonly executed: number; readonly r0: bigint } {
  const before = counter.read();
  const { r0 } = program.run({ mem });
  return { executed: counter.read() - before, r0 };
}

function kernelCount(
  { program }: Workload,
  run: RunCount,
  code: KernelCode,
  cpu: string,
  isOtherOrder: boolean,
): number | string {
  let sum = 0;
  for (let i = 0; i < program.insns.length; i++) {
    const insn = program.insns[i]!;
    const passes = run.passes[i]!;
    if (passes.executed === 0) continue;
    const row = isOtherOrder ? inOtherOrder(rowOf(insn)) : rowOf(insn);
    const reason = NOT_COUNTED[cpu]?.find(([names]) => names.test(row?.name ?? ''))?.[1];
    if (reason !== undefined) return `${row?.name}: ${reason}`;
    const nextImm = program.insns[i + 1]?.imm ?? 0;
    const count = row === undefined ? undefined : kernelExecutes(insn, row, nextImm, passes, code);
    if (count === undefined) return `the kernel's JIT was not measured with ${row?.name}`;
    sum += count;
  }
  return sum;
}

/** What swaps bytes on a CPU of one order leaves them alone on that of the other. */
function inOtherOrder(row: InsnRow | undefined): InsnRow | undefined {
  if (row?.kind !== 'end' || row.op === 'bswap') return row;
  return { ...row, op: row.op === 'be' ? 'le' : 'be' };
}
