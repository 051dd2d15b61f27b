/**
 * The sizes that Linux JITs emit, as committed in `kernel-jit-sizes.json`. They were measured on running kernels and on
 * the kernel's own JIT objects; the file's `notes` say which is which.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Endian } from '@polybpf/isa';

/** A measured size; `insns` counts what the verifier made of the instruction. */
export interface KernelSize {
  readonly bytes: number;
  readonly insns: number;
}

/** The table. Sizes are by name, then by CPU in the words of `polybpf targets`; CPUs that were not measured are absent. */
export interface KernelSizes {
  readonly what: string;
  readonly notes: string;
  /** Kernel version by CPU. */
  readonly kernels: Readonly<Record<string, string>>;
  /** Bytes of whole programs, as hex. */
  readonly programs: Readonly<Record<string, Readonly<Record<Endian, string>>>>;
  readonly classes: ReadonlyMap<string, ReadonlyMap<string, KernelSize>>;
  readonly wholePrograms: ReadonlyMap<string, ReadonlyMap<string, KernelSize>>;
}

/** The measured table as its makers write it. */
export interface MeasuredTable {
  readonly what: string;
  readonly notes: string;
  readonly kernels: Readonly<Record<string, string>>;
  readonly programs: Readonly<Record<string, Readonly<Record<Endian, string>>>>;
  readonly classes: MeasuredRows;
  readonly wholePrograms: MeasuredRows;
}
type MeasuredRows = Readonly<
  Record<string, Readonly<Record<string, { readonly bytes: number; readonly bpfInsnsAfterVerifier: number }>>>
>;

/** The committed table: a row is one string with a cell per CPU, `bytes/insns` or `-`, in the order of `kernels`. */
interface CompactTable extends Omit<MeasuredTable, 'classes' | 'wholePrograms'> {
  readonly classes: Readonly<Record<string, string>>;
  readonly wholePrograms: Readonly<Record<string, string>>;
}

/** The committed file. */
export const COMMITTED_SIZES: string = fileURLToPath(new URL('../kernel-jit-sizes.json', import.meta.url));

/** The committed table's text for a measured one. */
export function compactTable(table: MeasuredTable): string {
  const cpus = Object.keys(table.kernels);
  const compactRows = (rows: MeasuredRows): Record<string, string> =>
    Object.fromEntries(
      Object.entries(rows).map(([name, row]) => {
        const cells = cpus.map((cpu) => {
          const size = row[cpu];
          return size === undefined ? '-' : `${size.bytes}/${size.bpfInsnsAfterVerifier}`;
        });
        return [name, cells.join(' ')];
      }),
    );
  const { what, notes, kernels, programs } = table;
  const compact: CompactTable = {
    what,
    notes,
    kernels,
    programs,
    classes: compactRows(table.classes),
    wholePrograms: compactRows(table.wholePrograms),
  };
  return `${JSON.stringify(compact, undefined, 2)}\n`;
}

/**
 * Reads a committed table.
 *
 * @throws Error when a row does not have a cell for each CPU, or a cell is not `bytes/insns`
 */
export function parseCompactTable(text: string): KernelSizes {
  const { what, notes, kernels, programs, classes, wholePrograms } = JSON.parse(text) as CompactTable;
  const cpus = Object.keys(kernels);
  const rowsOf = (rows: Readonly<Record<string, string>>): Map<string, Map<string, KernelSize>> =>
    new Map(Object.entries(rows).map(([name, row]) => [name, cellsOf(name, row, cpus)]));
  return { what, notes, kernels, programs, classes: rowsOf(classes), wholePrograms: rowsOf(wholePrograms) };
}

function cellsOf(name: string, row: string, cpus: readonly string[]): Map<string, KernelSize> {
  const cells = row.split(' ');
  if (cells.length !== cpus.length) throw new Error(`${name}: ${cells.length} cells for ${cpus.length} CPUs`);
  const sizes = new Map<string, KernelSize>();
  cells.forEach((cell, i) => {
    if (cell === '-') return;
    const match = /^(\d+)\/(\d+)$/.exec(cell);
    if (match === null) throw new Error(`${name}: "${cell}" is not bytes/insns`);
    const size = { bytes: Number(match[1]), insns: Number(match[2]) };
    // A program of no instructions is one that the kernel refused.
    if (size.insns > 0) sizes.set(cpus[i]!, size);
  });
  return sizes;
}

/** The committed table. */
export function readKernelSizes(path: string = COMMITTED_SIZES): KernelSizes {
  return parseCompactTable(readFileSync(path, 'utf8'));
}

/** The folder of shared facts and workloads: `POLYBPF_SHARED`, else beside the repository; undefined where there is none. */
export function sharedFolder(): string | undefined {
  const named = process.env['POLYBPF_SHARED'];
  const folder = named ?? fileURLToPath(new URL('../../../../shared', import.meta.url));
  return existsSync(folder) ? folder : undefined;
}
