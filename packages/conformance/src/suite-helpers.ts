/** The helpers that vectors may call: those that the public suite's runner gives its plugins. */
import { type Helper, unwindHelper } from '@polybpf/interpreter';

/** Id of the helper that returns its argument, and ends the program when that is 0. */
export const UNWIND_HELPER = 5;

/** The suite's helpers for the interpreter. */
export function suiteHelpers(): Helper[] {
  return [unwindHelper(UNWIND_HELPER)];
}
