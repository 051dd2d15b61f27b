/** Exit status of the command: 0 done, 1 refused or failed, 2 usage or bad input, 3 unsupported or a tool missing. */
import type { ErrorCode } from '@polybpf/errors';

export const EXIT_DONE = 0;
export const EXIT_FAILED = 1;
export const EXIT_BAD_INPUT = 2;
export const EXIT_UNSUPPORTED = 3;

/** The exit status that an error of this code ends the command with. */
export function exitCodeOf(code: ErrorCode): number {
  if (code === 'E_UNSUPPORTED' || code === 'E_MACHINE_MISSING') return EXIT_UNSUPPORTED;
  return /^E_(RUN|JIT|MACHINE|KERNEL)_/.test(code) ? EXIT_FAILED : EXIT_BAD_INPUT;
}
