/** Which helpers and kernel functions each variant may call. */
import type { LiveKernel } from '../live-kernel.ts';
import type { LoadOptions } from '../load-program.ts';
import { type Answer, ask, callHelper, callKfunc, exit, movImm } from './snippets.ts';

/** What the verifier thinks of one call in one variant. */
export interface CallAnswer {
  readonly allowed: boolean;
  readonly needsSleepable: boolean;
  /** `helper call is not allowed in probe`: the type knows it, this place does not. */
  readonly notAllowedHere: boolean;
  /** What it wants of r1, which holds the context. */
  readonly arg1Expected: string | undefined;
}

/** r1 stays the context. */
const ARGUMENTS = [2, 3, 4, 5].map((register) => movImm(register, 0));
const NOT_FOR_TYPE =
  /program of this type cannot use helper|unknown func |invalid func |calling kernel function \S+ is not allowed|^JIT does not support calling k/;

/** Tries one helper with the context and four zeros as arguments. */
export function probeHelper(kernel: LiveKernel, options: LoadOptions, id: number): CallAnswer {
  return judge(ask(kernel, [...ARGUMENTS, callHelper(id), movImm(0, 0), exit()], options, 4));
}

/** Tries one kernel function by its BTF id. */
export function probeKfunc(kernel: LiveKernel, options: LoadOptions, id: number): CallAnswer {
  return judge(ask(kernel, [...ARGUMENTS, callKfunc(id), movImm(0, 0), exit()], options, 4));
}

function judge({ accepted, message }: Answer): CallAnswer {
  const notAllowedHere = /not allowed in probe/.test(message);
  return {
    allowed: accepted || !NOT_FOR_TYPE.test(message),
    needsSleepable: /might sleep in a non-sleepable|must be sleepable to call|non-sleepable/.test(message),
    notAllowedHere,
    arg1Expected: /^R1 type=\S+ expected=(.*)$/.exec(message)?.[1],
  };
}

/**
 * Whether a program without a GPL-compatible licence is refused for calling it; undefined when such a program is refused
 * for that alone.
 */
export function isGplOnly(
  kernel: LiveKernel,
  options: LoadOptions,
  anyReturn: number,
  id: number,
): boolean | undefined {
  const other = { ...options, license: 'Proprietary' };
  if (!ask(kernel, [movImm(0, anyReturn), exit()], other, 0).accepted) return undefined;
  const insns = [...ARGUMENTS, callHelper(id), movImm(0, 0), exit()];
  return /GPL-restricted/.test(ask(kernel, insns, other, 4).message);
}
