/** Tail calls in functions of the program: what is known when they come back to the caller, and when they fail. */
import type { TextCase } from '../case-runner.ts';
import { MAPS } from './case-maps.ts';
import { collector } from './collector.ts';
import { functionTypes } from './function-types.ts';

/** r6 points to a slot of the caller, r9 is the context. */
const BEFORE = ['', '*(u64 *)(r6 + 0) = 1\n', 'r7 = *(u64 *)(r6 + 0)\n', '*(u8 *)(r6 + 0) = 1\n', 'call bpf_get_prandom_u32\nif r0 > 4 goto jump\nr0 = 3\nexit\njump: r7 = 0\n']; // prettier-ignore
const AFTER_FAILURE = ['', '*(u64 *)(r6 + 0) = 2\n', '*(u64 *)(r6 + 0) = r6\n', 'r7 = *(u64 *)(r6 + 0)\n'];
const END = ['r0 = 5\nexit', 'r0 = 0\nexit', 'exit'];
const IN_CALLER = [
  'r0 = *(u64 *)(r10 - 8)',
  'r0 = *(u64 *)(r10 - 16)',
  'r0 = *(u8 *)(r7 + 0)',
  'if r0 > 7 goto out\nr2 = r10\nr2 -= r0\nr0 = *(u8 *)(r2 - 1)',
  'r1 = *(u64 *)(r10 - 8)\nif r1 > 7 goto out\nr2 = r10\nr2 -= r1\nr0 = *(u8 *)(r2 - 1)',
  'r2 = r10\nr2 += r0\nr0 = *(u8 *)(r2 - 8)',
  'r8 += 1\nif r8 < 5 goto again\nr0 = 0',
];

export function tailCalls(): TextCase[] {
  const { list, add } = collector();
  for (const before of BEFORE) {
    for (const failed of AFTER_FAILURE) {
      for (const end of END) {
        for (const [i, after] of IN_CALLER.entries()) {
          const isNested = i % 2 === 1;
          const packet = 'r7 = *(u32 *)(r1 + 76)\nr3 = *(u32 *)(r1 + 80)\nr2 = r7\nr2 += 8\nif r2 > r3 goto out\n';
          const text = `*(u64 *)(r10 - 8) = 0\nr9 = r1\nr8 = 0\n${packet}again: r1 = r9\nr2 = r10\nr2 += -8\ncall local ${isNested ? 'middle' : 'inner'}\n${after}\nout: r0 = 0\nexit\n${isNested ? 'middle: call local inner\nr0 += 1\nexit\n' : ''}inner: r6 = r2\nr8 = r1\n${before}r1 = r8\nr2 = map_fd[0] ll\nr3 = 1\ncall bpf_tail_call\n${failed}${end}`;
          const signatures = { main: 's int(ctx)', ...(isNested ? { middle: 's int(ctx,long*)' } : {}), inner: 's int(ctx,long*)' }; // prettier-ignore
          add(`${before}; ${failed}; ${end}; ${after}`, 'sched_cls', text, { maps: [MAPS.programs], ...functionTypes(text, signatures) }); // prettier-ignore
        }
      }
    }
  }
  return list;
}
