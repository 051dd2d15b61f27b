/**
 * What the engines are timed on: programs `u64 prog(u8 *mem, u64 len)` that need nothing but their memory, each with its
 * C source, so that native C can run the same work in the same minute.
 */
import type { Program } from '@polybpf/isa';
import { sha256 } from './sha256.ts';

/** One input of a workload and what must come out. */
export interface WorkloadInput {
  readonly mem: Uint8Array;
  readonly r0: bigint;
  /** SHA-256 of the memory afterwards, as hex. */
  readonly memHash: string;
}

export interface Workload {
  readonly name: string;
  /** Little-endian. */
  readonly program: Program;
  /** The same, written so that the kernel's verifier can bound its loops; see `kernel-workload.ts`. */
  readonly forKernel?: Program;
  /** C source, and the name of its function. */
  readonly source: string;
  readonly function: string;
  /** How many 32-bit words at the start of the memory are in the byte order of the program; all else is bytes in any order. */
  readonly headerWords?: number;
  readonly quick: WorkloadInput;
  readonly full: WorkloadInput;
}

/** Where workloads come from: the shared folder, or what a clone of the repository has. */
export interface WorkloadSet {
  readonly origin: 'shared' | 'examples';
  readonly workloads: readonly Workload[];
}

/** What is wrong with a result, or undefined. */
export function wrongResult(
  input: WorkloadInput,
  { r0, mem }: { readonly r0: bigint; readonly mem: Uint8Array },
): string | undefined {
  if (r0 !== input.r0) return `r0 is 0x${r0.toString(16)}, not 0x${input.r0.toString(16)}`;
  return sha256(mem) === input.memHash ? undefined : 'memory differs';
}
