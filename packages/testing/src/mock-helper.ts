/** Helpers that a test answers for the kernel, with a record of their calls. */
import type { VmOptions } from '@polybpf/runtime';

/** What a helper sees while it runs. */
export type HelperContext = Parameters<NonNullable<VmOptions['mocks']>[string]>[0];

/** Arguments of one call: registers 1 to 5, unsigned. */
export type HelperCall = readonly [bigint, bigint, bigint, bigint, bigint];

/** A helper for `createVm({ mocks: { name: mock.call } })`. */
export interface MockedHelper {
  readonly call: (cx: HelperContext) => bigint | number | void;
  readonly calls: readonly HelperCall[];
  /** Results of the next calls, in order; afterwards the implementation answers again. */
  returnNext(...results: readonly (bigint | number)[]): MockedHelper;
  /** Forgets calls and results that are still to come. */
  reset(): void;
}

/**
 * A mocked helper.
 *
 * @param answer - a result, or a function that gets the arguments and the engine's context; default 0
 */
export function mockHelper(
  answer: bigint | number | ((args: HelperCall, cx: HelperContext) => bigint | number | void) = 0,
): MockedHelper {
  const calls: HelperCall[] = [];
  const next: (bigint | number)[] = [];
  const mock: MockedHelper = {
    calls,
    call(cx) {
      const args: HelperCall = [cx.arg(1), cx.arg(2), cx.arg(3), cx.arg(4), cx.arg(5)];
      calls.push(args);
      const planned = next.shift();
      if (planned !== undefined) return planned;
      return typeof answer === 'function' ? answer(args, cx) : answer;
    },
    returnNext(...results) {
      next.push(...results);
      return mock;
    },
    reset() {
      calls.length = 0;
      next.length = 0;
    },
  };
  return mock;
}
