/** Files and standard streams, with errors that name them. */
import { existsSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BpfError } from '@polybpf/errors';

/**
 * The bytes of a file, or of standard input for `-`.
 *
 * @throws BpfError `E_INPUT`
 */
export function readInput(path: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(path === '-' ? 0 : path));
  } catch (cause) {
    throw new BpfError('E_INPUT', `cannot read ${path === '-' ? 'standard input' : path}`, {
      got: reason(cause),
      cause,
    });
  }
}

/**
 * Writes a file, or standard output for `-`.
 *
 * @throws BpfError `E_INPUT`
 */
export function writeOutput(path: string, data: Uint8Array | string): void {
  if (path === '-') return writeStdout(data);
  try {
    writeFileSync(path, data);
  } catch (cause) {
    throw new BpfError('E_INPUT', `cannot write ${path}`, { got: reason(cause), cause });
  }
}

/** Writes all of it before it returns, also to a pipe that is full for a while; a reader that left is no error. */
export function writeStdout(data: Uint8Array | string): void {
  let rest: Uint8Array = typeof data === 'string' ? new TextEncoder().encode(data) : data;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EPIPE') return;
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

/**
 * Where a file or folder of the project lies: beside the sources, or packed beside the bundle.
 *
 * @param name - relative to the root of the repository
 * @throws BpfError `E_INPUT`
 */
export function findShipped(name: string): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (let up = 0; up < 6; up++) {
    const candidate = join(folder, name);
    if (existsSync(candidate)) return candidate;
    folder = dirname(folder);
  }
  throw new BpfError('E_INPUT', `no ${name} beside this installation`);
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
