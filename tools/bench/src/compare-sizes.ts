/** Our sizes beside the kernel's. */
import { BpfError, isBpfError } from '@polybpf/errors';
import { compile, type Target } from '@polybpf/jit';
import type { KernelSizes } from './kernel-sizes.ts';
import { parseSizeClass } from './size-class.ts';
import { isExtendedOnce, notComparable, verifierBytes } from './size-exceptions.ts';
import { classSize } from './size-frame.ts';
import { wholeProgram } from './size-programs.ts';
import { geometricMean } from './statistics.ts';

/** One class or program on one CPU. */
export interface SizeRow {
  readonly name: string;
  readonly kind: 'class' | 'program';
  readonly ours: number;
  /** With what the verifier adds. */
  readonly kernel: number;
  /** Bytes of `kernel` for tests of the verifier, where it was not part of the measurement. */
  readonly added: number;
  /** What the verifier made of it: the kernel's bytes are for that many instructions. */
  readonly kernelInsns: number;
}

/** A row of the table that is not compared, and why. */
export interface SizeGap {
  readonly name: string;
  readonly reason: string;
}

export interface TargetSizes {
  readonly target: string;
  readonly kernel: string;
  readonly rows: readonly SizeRow[];
  readonly gaps: readonly SizeGap[];
  /** Rows of classes where ours is larger. */
  readonly larger: readonly SizeRow[];
  /** Geometric mean of ours / kernel over the whole programs. */
  readonly programRatio: number;
}

/** Compares everything in the table that the kernel measured on this CPU. */
export function compareSizes(target: Target, table: KernelSizes): TargetSizes {
  const rows: SizeRow[] = [];
  const gaps: SizeGap[] = [];
  const measured: readonly [SizeRow['kind'], KernelSizes['classes'], (name: string) => number | string][] = [
    ['class', table.classes, (name) => sizeOfClass(name, target, table)],
    ['program', table.wholePrograms, (name) => sizeOfProgram(name, target, table)],
  ];
  for (const [kind, names, sizeOf] of measured) {
    for (const [name, cells] of names) {
      const kernel = cells.get(target.name);
      if (kernel === undefined) {
        gaps.push({ name, reason: 'the kernel has no figure for this CPU' });
        continue;
      }
      if (kind === 'program' && kernel.bytes === 0) {
        gaps.push({ name, reason: "the kernel's JIT refuses it" });
        continue;
      }
      const ours = notComparable(target.name, name) ?? sizeOrReason(() => sizeOf(name));
      if (typeof ours === 'string') gaps.push({ name, reason: ours });
      else {
        const added = verifierBytes(table, target.name, name);
        rows.push({ name, kind, ours, kernel: kernel.bytes + added, added, kernelInsns: kernel.insns });
      }
    }
  }
  const programs = rows.filter((row) => row.kind === 'program');
  return {
    target: target.name,
    kernel: table.kernels[target.name] ?? 'none',
    rows,
    gaps,
    larger: rows.filter((row) => row.kind === 'class' && row.ours > row.kernel),
    programRatio: geometricMean(programs.map((row) => row.ours / row.kernel)),
  };
}

function sizeOrReason(size: () => number | string): number | string {
  try {
    return size();
  } catch (error) {
    if (isBpfError(error) && error.code === 'E_UNSUPPORTED') return error.message;
    throw error;
  }
}

function sizeOfClass(name: string, target: Target, table: KernelSizes): number | string {
  const parsed = parseSizeClass(name);
  if (!parsed.ok) return parsed.reason;
  const readsUpper = parsed.sizeClass.readsUpper && !isExtendedOnce(table, target);
  return classSize(target, { ...parsed.sizeClass, readsUpper });
}

function sizeOfProgram(name: string, target: Target, table: KernelSizes): number | string {
  const program = wholeProgram(name, target.endian, table.programs[name]);
  if (program === undefined) return 'no program of this name is known';
  const { code } = compile(program, target);
  if (code.length === 0) throw new BpfError('E_JIT_PROGRAM', `${name} compiled to nothing`);
  return code.length;
}
