/** Finds what runs the code of a CPU on this host: the host itself, or qemu-user. */
import { spawnSync } from 'node:child_process';
import { accessSync, chmodSync, constants, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { BpfError } from '@polybpf/errors';
import type { MachineNode, Target } from '@polybpf/jit';
import { executableOf } from './runner-image.ts';
import type { RunnerCpu } from './runner-program.ts';

/** How code of a CPU runs here. */
export interface Execution {
  /** `host`: directly; `qemu`: under qemu-user. */
  readonly kind: 'host' | 'qemu';
  /** Command and arguments in front of the executable; empty for `host`. */
  readonly command: readonly string[];
  /** Folder for executables; not mounted noexec when they run directly. */
  readonly folder: string;
}

const PROBE_EXIT_CODE = 42;
const PROBE_TIMEOUT_MS = 30_000;
const found = new Map<string, Execution>();

/**
 * Finds a way to run code of `cpu`, and proves it by running an executable that exits with 42. What was found is
 * remembered for the life of the process, per CPU, PATH and temporary folder.
 *
 * @param via - `host` or `qemu` to insist on one
 * @throws BpfError `E_MACHINE_MISSING` naming what to install; `E_UNSUPPORTED` on systems other than Linux
 */
export function findExecution(target: Target, cpu: RunnerCpu, via?: Execution['kind']): Execution {
  if (process.platform !== 'linux') {
    throw new BpfError('E_UNSUPPORTED', `running native code on ${process.platform}`, { expected: 'Linux' });
  }
  const key = [cpu.name, via, process.env['PATH'], tmpdir()].join('\n');
  const known = found.get(key);
  if (known !== undefined) return known;
  const direct = cpu.hostArch === process.arch;
  if (via === 'host' && !direct) throw missing(cpu, `this host is ${process.arch}`);
  const execution =
    direct && via !== 'qemu'
      ? { kind: 'host' as const, command: [] }
      : { kind: 'qemu' as const, command: qemuCommand(cpu) };
  const proved = prove(target, cpu, execution);
  found.set(key, proved);
  return proved;
}

function qemuCommand(cpu: RunnerCpu): string[] {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const name of [cpu.qemu, `${cpu.qemu}-static`]) {
    const path = folders.map((folder) => join(folder, name)).find(isExecutable);
    if (path !== undefined) return [path, ...cpu.qemuArguments];
  }
  throw missing(cpu, 'none found on PATH');
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function prove(target: Target, cpu: RunnerCpu, execution: Pick<Execution, 'kind' | 'command'>): Execution {
  const nodes: MachineNode[] = [];
  cpu.syscall(nodes, cpu.syscalls.exit, [PROBE_EXIT_CODE]);
  const { elf } = executableOf(target, nodes);
  const folders = execution.kind === 'host' ? [tmpdir(), '/dev/shm', '/var/tmp'] : [tmpdir()];
  const reasons: string[] = [];
  for (const folder of folders) {
    const outcome = withExecutable(folder, elf, (path) => {
      const [program, ...args] = [...execution.command, path];
      return spawnSync(program!, args, {
        encoding: 'utf8',
        timeout: PROBE_TIMEOUT_MS,
        stdio: ['ignore', 'ignore', 'pipe'],
      });
    });
    if (outcome.status === PROBE_EXIT_CODE) return { ...execution, folder };
    const ended = outcome.error?.message ?? `exit code ${outcome.status}, signal ${outcome.signal}`;
    reasons.push(`${ended} ${outcome.stderr ?? ''}`.trim());
  }
  throw missing(cpu, `${execution.command[0] ?? 'this host'} does not run its code: ${reasons.join('; ')}`);
}

/** Runs `body` with the path of an executable file that exists only meanwhile. */
export function withExecutable<T>(folder: string, elf: Uint8Array, body: (path: string) => T): T {
  const own = mkdtempSync(join(folder, 'polybpf-'));
  try {
    const path = join(own, 'runner');
    writeFileSync(path, elf);
    chmodSync(path, 0o700);
    return body(path);
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

function missing(cpu: RunnerCpu, got: string): BpfError {
  return new BpfError('E_MACHINE_MISSING', `nothing runs ${cpu.name} code here`, {
    expected: `\`${cpu.qemu}\` (Debian package qemu-user) on PATH`,
    got,
  });
}
