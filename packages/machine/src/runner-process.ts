/**
 * The runner as a process: start, talk, find out how it died, start again.
 *
 * Nothing has to be done when this process ends: the runner then reads the end of its FIFO and exits, and one that is
 * busy is ended by its own timer.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { BpfError } from '@polybpf/errors';
import { createDoorbell } from './doorbell.ts';
import { type Execution, withExecutable } from './execution.ts';
import { exitStatusOf, type ExitStatus } from './exit-status.ts';
import { MESSAGE_BYTES, REPORT, RUNNER_EXIT } from './layout.ts';

/** A runner that is started when it is needed. */
export interface RunnerProcess {
  /** Process id of the running runner, or undefined. */
  readonly pid: number | undefined;
  /** Whether a runner is there; it may have died without our knowing. */
  readonly running: boolean;
  /**
   * Starts the runner and waits for its first report.
   *
   * @throws BpfError `E_MACHINE_PROTOCOL` when it does not come up
   */
  start(): void;
  /** Sends one message. Returns false when the runner is gone. */
  send(message: Uint8Array): boolean;
  /** Waits for one message. Returns false when the runner is gone. */
  receive(message: Uint8Array): boolean;
  /** After a false from `send` or `receive`: how the runner ended. It is no longer running afterwards. */
  takeExitStatus(): ExitStatus;
  /** Kills the runner; `start` makes a new one. */
  kill(): void;
  /** Kills the runner for good. */
  close(): void;
}

const START_ERRORS: Readonly<Record<number, string>> = {
  [RUNNER_EXIT.sharedMap]: 'cannot map the shared file',
  [RUNNER_EXIT.codeMap]: 'cannot map executable memory',
};

/**
 * Prepares a runner process.
 *
 * @param elf - the runner's executable
 * @param sharedFd - the shared file, which the runner gets as fd 3
 * @param bigEndian - byte order of the words in messages
 */
export function createRunnerProcess(
  execution: Execution,
  elf: Uint8Array,
  sharedFd: number,
  bigEndian: boolean,
): RunnerProcess {
  const doorbell = createDoorbell();
  let child: ChildProcess | undefined;
  const kill = (): void => {
    child?.kill('SIGKILL');
    child = undefined;
  };

  return {
    get pid() {
      return child?.pid;
    },
    get running() {
      return child !== undefined;
    },
    start() {
      withExecutable(execution.folder, elf, (path) => {
        child = launch(execution, path, doorbell.openRunnerEnds(), sharedFd);
        // The file must stay until the runner reports: qemu opens it only after it has been started itself.
        const message = new Uint8Array(MESSAGE_BYTES);
        const reported = doorbell.receive(message);
        const word = new DataView(message.buffer).getBigUint64(0, !bigEndian);
        if (reported && word === BigInt(REPORT.ready)) return;
        const { code, signal } = reported ? { code: undefined, signal: undefined } : exitStatusOf(child);
        kill();
        throw new BpfError('E_MACHINE_PROTOCOL', 'the native runner does not start', {
          got: reported ? `message ${word}` : (signal ?? START_ERRORS[code ?? -1] ?? `exit code ${code}`),
        });
      });
    },
    send: (message) => doorbell.send(message),
    receive: (message) => doorbell.receive(message),
    takeExitStatus() {
      if (child === undefined) return { code: undefined, signal: undefined };
      const status = exitStatusOf(child);
      kill();
      return status;
    },
    kill,
    close() {
      kill();
      doorbell.close();
    },
  };
}

function launch(
  execution: Execution,
  path: string,
  ends: { input: number; output: number },
  sharedFd: number,
): ChildProcess {
  const [program, ...args] = [...execution.command, path];
  try {
    // A session of its own: Ctrl-C on the terminal is for Node, whose end the runner notices.
    const child = spawn(program!, args, { stdio: [ends.input, ends.output, 'ignore', sharedFd], detached: true });
    // A failed start is seen below; without a listener the event, which comes later, would end this process.
    child.on('error', () => undefined);
    child.unref();
    if (child.pid === undefined)
      throw new BpfError('E_MACHINE_PROTOCOL', 'the native runner does not start', { got: `no process of ${program}` });
    return child;
  } finally {
    closeSync(ends.input);
    closeSync(ends.output);
  }
}
