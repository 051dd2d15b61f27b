/** Helpers of stacks: `kernel/bpf/stackmap.c`. Stacks come with the event. */
import type { HelperContext } from '@polybpf/interpreter';
import { EFAULT, EINVAL } from './errno.ts';
import { currentRun, type HelperTable, mapArgument, unknownFlags, type World } from './world.ts';

const SKIP_MASK = 0xffn;
const USER_STACK = 1n << 8n;
const USER_BUILD_ID = 1n << 11n;

function getStack(cx: HelperContext, world: World): number {
  const size = cx.arg32(3);
  const flags = cx.arg(4);
  const target = cx.memory.view(cx.arg(2), size, 'helper_write');
  const { stacks } = currentRun(world);
  const user = (flags & USER_STACK) !== 0n;
  const refused =
    unknownFlags(flags, SKIP_MASK | USER_STACK | USER_BUILD_ID) || (!user && (flags & USER_BUILD_ID) !== 0n);
  if (refused || size % 8 !== 0 || size === 0) {
    target.fill(0);
    return -EINVAL;
  }
  const frames = (user ? stacks.user : stacks.kernel).slice(Number(flags & SKIP_MASK));
  target.fill(0);
  if (frames.length === 0) return -EFAULT;
  const kept = frames.slice(0, size / 8);
  kept.forEach((frame, k) => cx.memory.write(cx.arg(2) + BigInt(8 * k), 8, frame));
  return kept.length * 8;
}

export const STACK_HELPERS: HelperTable = {
  /** ctx, map, flags. */
  bpf_get_stackid(cx, world) {
    const map = mapArgument(cx, world, 2);
    const { stacks } = currentRun(world);
    const flags = cx.arg(3);
    return map.stacks?.store((flags & USER_STACK) === 0n ? stacks.kernel : stacks.user, flags) ?? -EINVAL;
  },
  /** ctx, buf, size, flags. */
  bpf_get_stack: getStack,
  bpf_get_task_stack: getStack,
};
