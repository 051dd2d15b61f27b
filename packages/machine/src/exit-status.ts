/** How a runner died, found out without the event loop. */
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';

/** Exit code, or the signal that ended the process. */
export interface ExitStatus {
  readonly code: number | undefined;
  readonly signal: string | undefined;
}

const DEADLINE_MS = 5000;

/**
 * Status of a child that has closed its files, which a process does while it exits.
 *
 * While Node runs JavaScript nobody waits for the child: it stays a zombie, and its wait status is the last field of
 * /proc/pid/stat (proc(5), `exit_code`). A child that died earlier was waited for by Node, which knows the status.
 */
export function exitStatusOf(child: ChildProcess): ExitStatus {
  const deadline = performance.now() + DEADLINE_MS;
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null) {
      return { code: child.exitCode ?? undefined, signal: child.signalCode ?? undefined };
    }
    const status = zombieStatus(child.pid);
    if (status !== undefined) {
      const signal = status & 0x7f;
      return signal === 0 ? { code: status >> 8, signal: undefined } : { code: undefined, signal: signalName(signal) };
    }
    if (performance.now() > deadline) return { code: undefined, signal: undefined };
    Atomics.wait(pause, 0, 0, 1);
  }
}

/** Wait status of a zombie, or undefined while the process is alive. */
function zombieStatus(pid: number | undefined): number | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // The command name in parentheses may contain anything, so fields are counted from the last one that closes.
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .trim()
    .split(' ');
  return fields[0] === 'Z' ? Number(fields.at(-1)) : undefined;
}

/** Name of a signal number of this host. */
export function signalName(signal: number): string {
  return Object.entries(constants.signals).find(([, number]) => number === signal)?.[0] ?? `signal ${signal}`;
}
