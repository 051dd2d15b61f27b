/**
 * Helpers that read memory which may not be there: `kernel/trace/bpf_trace.c`, `mm/maccess.c`. User and kernel memory are
 * the same guest regions, filled from the event. What cannot be read becomes zeros and -EFAULT.
 */
import type { HelperContext } from '@polybpf/interpreter';
import { EFAULT, EINVAL, EPERM } from './errno.ts';
import { type HelperTable, peekMemory, peekString, type World } from './world.ts';

/** dst, size, source of every `probe_read`. */
function probeRead(cx: HelperContext, world: World): number {
  const size = cx.arg32(2);
  const target = cx.memory.view(cx.arg(1), size, 'helper_write');
  const bytes = peekMemory(world, cx.arg(3), size);
  if (bytes === undefined) {
    target.fill(0);
    return size === 0 ? 0 : -EFAULT;
  }
  target.set(bytes);
  return 0;
}

/** Length with the zero that ends the string, at most `size`; longer strings are cut. */
function probeReadString(cx: HelperContext, world: World): number {
  const size = cx.arg32(2);
  const target = cx.memory.view(cx.arg(1), size, 'helper_write');
  if (size === 0) return 0;
  const text = peekString(world, cx.arg(3), size);
  if (text === undefined) {
    target.fill(0);
    return -EFAULT;
  }
  target.set(text);
  target[text.length] = 0;
  return text.length + 1;
}

export const PROBE_HELPERS: HelperTable = {
  bpf_probe_read: probeRead,
  bpf_probe_read_kernel: probeRead,
  bpf_probe_read_user: probeRead,
  bpf_probe_read_str: probeReadString,
  bpf_probe_read_kernel_str: probeReadString,
  bpf_probe_read_user_str: probeReadString,
  bpf_copy_from_user: probeRead,
  // The fifth argument is flags, the fourth a task; there is one address space.
  bpf_copy_from_user_task(cx, world) {
    if (cx.arg(5) !== 0n) return -EINVAL;
    return probeRead(cx, world);
  },
  bpf_probe_write_user(cx, world) {
    const size = cx.arg32(3);
    const source = cx.memory.view(cx.arg(2), size);
    const target = peekMemory(world, cx.arg(1), size);
    if (target === undefined) return -EPERM;
    target.set(source);
    return 0;
  },
};
