/** Pages around the arena that nothing may write: the proof that sandboxed code stays inside. */
import type { SharedLayout } from './layout.ts';
import type { SharedFile } from './shared-file.ts';

const CANARY: Uint8Array = new Uint8Array(0x10000).fill(0xa5);

/** Fills them. */
export function writeCanaries(file: SharedFile, { canaries }: SharedLayout): void {
  for (const canary of canaries) file.write(canary, CANARY);
}

/** Whether they are as they were. */
export function canariesAreIntact(file: SharedFile, { canaries }: SharedLayout): boolean {
  return canaries.every((canary) => {
    const bytes = new Uint8Array(CANARY.length);
    file.read(canary, bytes);
    return bytes.every((byte, i) => byte === CANARY[i]);
  });
}
