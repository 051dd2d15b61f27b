/** The file that Node and the runner share: Node reads and writes it by offset, the runner maps it. */
import { closeSync, constants, ftruncateSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BpfError } from '@polybpf/errors';

/** A file without a name: it is gone once every descriptor is closed. */
export interface SharedFile {
  readonly fd: number;
  /** @throws BpfError `E_MACHINE_PROTOCOL` when the file ends early */
  read(offset: number, into: Uint8Array): void;
  /** @throws BpfError `E_MACHINE_LIMIT` when the file system is full */
  write(offset: number, bytes: Uint8Array): void;
  close(): void;
}

/**
 * Makes a sparse file of `length` zeros in memory-backed /dev/shm, else in the temporary folder, and removes its name.
 *
 * @throws BpfError `E_MACHINE_MISSING` when neither folder takes a file
 */
export function createSharedFile(length: number): SharedFile {
  const fd = openUnnamed(['/dev/shm', tmpdir()]);
  ftruncateSync(fd, length);
  let open = true;
  return {
    fd,
    read(offset, into) {
      let done = 0;
      while (done < into.length) {
        const count = readSync(fd, into, done, into.length - done, offset + done);
        if (count === 0) throw new BpfError('E_MACHINE_PROTOCOL', 'the shared file of the native runner is too short');
        done += count;
      }
    },
    write(offset, bytes) {
      let done = 0;
      while (done < bytes.length) {
        try {
          done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
        } catch (cause) {
          throw new BpfError('E_MACHINE_LIMIT', 'cannot write the shared file of the native runner', {
            cause,
            got: String(cause),
          });
        }
      }
    },
    close() {
      if (open) closeSync(fd);
      open = false;
    },
  };
}

function openUnnamed(folders: readonly string[]): number {
  const reasons: string[] = [];
  for (const folder of folders) {
    const path = join(folder, `polybpf-${randomUUID()}`);
    try {
      const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
      unlinkSync(path);
      return fd;
    } catch (error) {
      reasons.push(String(error));
    }
  }
  throw new BpfError('E_MACHINE_MISSING', 'no folder for the shared file of the native runner', {
    expected: `one of ${folders.join(', ')} to be writable`,
    got: reasons.join('; '),
  });
}
