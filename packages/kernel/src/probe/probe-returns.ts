/** Which variants load, what their programs may return, and whether they can be test-run. */
import { isBpfError } from '@polybpf/errors';
import { encodeProgram } from '@polybpf/isa';
import type { LiveKernel } from '../live-kernel.ts';
import type { LoadOptions } from '../load-program.ts';
import type { ReturnValueProfile } from './profile.ts';
import { type Answer, ask, exit, movImm, movReg32 } from './snippets.ts';

/** What is known of a variant before its context and calls are probed. */
export interface Loadability {
  readonly loadable: boolean;
  /** Why not. */
  readonly refused: Answer | undefined;
  readonly returnValue: ReturnValueProfile;
  /** A number that may be returned; 0 when none may. */
  readonly anyReturn: number;
}

/** Constants that are tried. */
const VALUES = [-2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 100];

/** Tries all constants, and a number that is not known. */
export function probeReturns(kernel: LiveKernel, options: LoadOptions): Loadability {
  let refused: Answer | undefined;
  const accepted = VALUES.filter((value) => {
    const answer = ask(kernel, [movImm(0, value), exit()], options, 4);
    if (!answer.accepted && (refused === undefined || value === 0)) refused = answer;
    return answer.accepted;
  });
  const loadable = accepted.length > 0;
  const rule = loadable ? unknownReturn(kernel, options) : null;
  const anyReturn = accepted.includes(0) ? 0 : (accepted[0] ?? 0);
  return { loadable, refused: loadable ? undefined : refused, returnValue: { accepted, rule }, anyReturn };
}

/** The lower half of a pointer is an unknown number; the verifier then says what it would have wanted. */
function unknownReturn(kernel: LiveKernel, options: LoadOptions): string {
  const answer = ask(kernel, [movReg32(0, 1), exit()], options, 4);
  if (answer.accepted) return 'any scalar';
  return /should have been in (\[-?\d+, -?\d+\])/.exec(answer.message)?.[1] ?? answer.message;
}

/** Whether BPF_PROG_TEST_RUN knows the variant; what it says to the input does not matter. */
export function probeTestRun(kernel: LiveKernel, options: LoadOptions, anyReturn: number): boolean {
  const outcome = kernel.load(encodeProgram([movImm(0, anyReturn), exit()]), { ...options, name: 'probe' });
  if (!outcome.accepted) return false;
  try {
    kernel.testRun(outcome.fd, { data: new Uint8Array(64) });
    return true;
  } catch (error) {
    if (!isBpfError(error)) throw error;
    return error.got !== 'ENOTSUPP';
  } finally {
    kernel.close(outcome.fd);
  }
}
