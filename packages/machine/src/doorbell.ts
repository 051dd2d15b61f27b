/**
 * Two FIFOs between Node and the runner. FIFOs, because `fs.readSync` and `fs.writeSync` on them block: a whole call is
 * synchronous and costs a few microseconds, where streams cost a turn of the event loop.
 *
 * Each side holds only its own end. When the runner dies, its end closes and the read in Node returns 0 at once, so no
 * watchdog is needed; when Node dies, the runner reads 0 and exits.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BpfError } from '@polybpf/errors';
import { MESSAGE_BYTES } from './layout.ts';

/** Node's side of the doorbell. */
export interface Doorbell {
  /** Opens the two ends that a new runner gets as fd 0 and 1. The caller closes them once the runner has them. */
  openRunnerEnds(): { readonly input: number; readonly output: number };
  /** Sends one message. Returns false when no runner holds the other end. */
  send(message: Uint8Array): boolean;
  /** Waits for one message. Returns false when the runner is gone. */
  receive(message: Uint8Array): boolean;
  close(): void;
}

/**
 * Makes the FIFOs and removes their names at once.
 *
 * @throws BpfError `E_MACHINE_MISSING` when there is no `mkfifo` program or no folder for FIFOs
 */
export function createDoorbell(): Doorbell {
  const { toRunner, fromRunner } = openFifos();
  let open = true;
  return {
    openRunnerEnds() {
      discardUnread(toRunner);
      return { input: reopen(toRunner, constants.O_RDONLY), output: reopen(fromRunner, constants.O_WRONLY) };
    },
    send(message) {
      try {
        writeSync(toRunner, message, 0, MESSAGE_BYTES);
        return true;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EPIPE') return false;
        throw error;
      }
    },
    receive(message) {
      let done = 0;
      while (done < MESSAGE_BYTES) {
        const count = readUninterrupted(fromRunner, message, done);
        if (count === 0) return false;
        done += count;
      }
      return true;
    },
    close() {
      if (!open) return;
      open = false;
      closeSync(toRunner);
      closeSync(fromRunner);
    },
  };
}

/** Reads on; libuv does not repeat a read that a signal handler of this process has interrupted. */
function readUninterrupted(fd: number, message: Uint8Array, done: number): number {
  for (;;) {
    try {
      return readSync(fd, message, done, MESSAGE_BYTES - done, null);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EINTR') throw error;
    }
  }
}

function openFifos(): { toRunner: number; fromRunner: number } {
  const folder = mkdtempSync(join(tmpdir(), 'polybpf-'));
  try {
    const paths = [join(folder, 'in'), join(folder, 'out')] as const;
    const { status, error, stderr } = spawnSync('mkfifo', ['-m', '600', ...paths], { encoding: 'utf8' });
    if (status !== 0) {
      throw new BpfError('E_MACHINE_MISSING', 'cannot make a FIFO', {
        expected: '`mkfifo` (Debian package coreutils) to work',
        got: error?.message ?? stderr.trim(),
      });
    }
    // Opening one end of a FIFO waits for the other, but not for O_RDWR (fifo(7)).
    const both = paths.map((path) => openSync(path, constants.O_RDWR));
    const toRunner = openSync(paths[0], constants.O_WRONLY);
    const fromRunner = openSync(paths[1], constants.O_RDONLY);
    both.forEach((fd) => closeSync(fd));
    return { toRunner, fromRunner };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Opens the FIFO behind a descriptor once more, though it has no name any longer (proc(5), /proc/pid/fd). */
function reopen(fd: number, flags: number): number {
  return openSync(`/proc/self/fd/${fd}`, flags);
}

/** A runner that died may have left a message that the next one must not see. */
function discardUnread(toRunner: number): void {
  const fd = reopen(toRunner, constants.O_RDONLY | constants.O_NONBLOCK);
  const unread = new Uint8Array(MESSAGE_BYTES);
  try {
    while (readSync(fd, unread, 0, MESSAGE_BYTES, null) > 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
  } finally {
    closeSync(fd);
  }
}
