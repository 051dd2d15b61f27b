/** Loops, locks, timers, per-CPU variables: `kernel/bpf/bpf_iter.c`, `kernel/bpf/helpers.c`. */
import { BpfError } from '@polybpf/errors';
import type { HelperContext } from '@polybpf/interpreter';
import { BPF_MAX_LOOPS } from '@polybpf/isa';
import { E2BIG, EBUSY, EDEADLK, EINVAL } from './errno.ts';
import { type HelperTable, mapArgument, type TimerState, unknownFlags, type World } from './world.ts';

/** CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME. */
const CLOCKS: ReadonlySet<bigint> = /* @__PURE__ */ new Set([0n, 1n, 7n]);
const TIMER_ABSOLUTE = 1n;
const TIMER_CPU_PIN = 2n;

function lock(cx: HelperContext, world: World): void {
  const address = cx.arg(1);
  cx.memory.view(address, 4, 'helper_write');
  if (world.locks.has(address)) {
    throw new BpfError('E_INPUT', `spin lock at 0x${address.toString(16)}`, {
      expected: 'a free lock',
      got: 'a held one',
    });
  }
  world.locks.add(address);
}

function unlock(cx: HelperContext, world: World): void {
  if (world.locks.delete(cx.arg(1))) return;
  throw new BpfError('E_INPUT', `spin lock at 0x${cx.arg(1).toString(16)}`, {
    expected: 'a held lock',
    got: 'a free one',
  });
}

function armed(world: World, address: bigint): TimerState | undefined {
  return world.timers.get(address);
}

function perCpu(world: World, address: bigint, cpu: number): bigint {
  const addresses = world.percpu.get(address);
  if (addresses === undefined) {
    throw new BpfError('E_UNSUPPORTED', `per-CPU variable at 0x${address.toString(16)} that the VM was not given`);
  }
  return addresses[cpu] ?? 0n;
}

export const LOOP_HELPERS: HelperTable = {
  /** place in a map value, pointer: the pointer that was there. */
  bpf_kptr_xchg(cx) {
    const old = cx.memory.read(cx.arg(1), 8);
    cx.memory.write(cx.arg(1), 8, cx.arg(2));
    return old;
  },
  /** nr_loops, callback, ctx, flags. */
  bpf_loop(cx) {
    const count = cx.arg(1) & 0xffffffffn;
    const [callback, context, flags] = [cx.arg(2), cx.arg(3), cx.arg(4)];
    if (flags !== 0n) return -EINVAL;
    if (count > BigInt(BPF_MAX_LOOPS)) return -E2BIG;
    for (let k = 0; k < Number(count); k++) {
      if (cx.call(callback, [k, context]) !== 0n) return k + 1;
    }
    return Number(count);
  },
  bpf_spin_lock: lock,
  bpf_spin_unlock: unlock,
  /** ptr, cpu. */
  bpf_per_cpu_ptr: (cx, world) => perCpu(world, cx.arg(1), cx.arg32(2)),
  bpf_this_cpu_ptr: (cx, world) => perCpu(world, cx.arg(1), world.cpu),
  /** timer, map, flags. */
  bpf_timer_init(cx, world) {
    const address = cx.arg(1);
    const map = mapArgument(cx, world, 2);
    if (!CLOCKS.has(cx.arg(3))) return -EINVAL;
    if (world.timers.has(address)) return -EBUSY;
    world.timers.set(address, { address, map, callback: undefined, program: undefined, expires: undefined, cpu: 0 });
    return 0;
  },
  bpf_timer_set_callback(cx, world) {
    const timer = armed(world, cx.arg(1));
    if (timer === undefined) return -EINVAL;
    timer.callback = cx.arg(2);
    timer.program = cx.program;
    return 0;
  },
  /** timer, nsecs, flags. */
  bpf_timer_start(cx, world) {
    const timer = armed(world, cx.arg(1));
    const flags = cx.arg(3);
    if (unknownFlags(flags, TIMER_ABSOLUTE | TIMER_CPU_PIN) || timer?.callback === undefined) return -EINVAL;
    timer.expires = (flags & TIMER_ABSOLUTE) === 0n ? world.time + cx.arg(2) : cx.arg(2);
    timer.cpu = world.cpu;
    return 0;
  },
  bpf_timer_cancel(cx, world) {
    const timer = armed(world, cx.arg(1));
    if (timer === undefined) return -EINVAL;
    if (world.run?.facts['timer'] === timer.address) return -EDEADLK;
    const active = timer.expires !== undefined;
    timer.expires = undefined;
    return active ? 1 : 0;
  },
};

/** Kfuncs of open-coded number iterators and of sections that a virtual machine need not protect. */
export const LOOP_KFUNCS: HelperTable = {
  /** it, start, end: `struct bpf_iter_num` holds the current number and the end. */
  bpf_iter_num_new(cx) {
    const [start, end] = [cx.arg32(2) | 0, cx.arg32(3) | 0];
    const error = start > end ? -EINVAL : end - start > BPF_MAX_LOOPS ? -E2BIG : 0;
    cx.memory.write(cx.arg(1), 4, error === 0 ? BigInt(start - 1) : 0n);
    cx.memory.write(cx.arg(1) + 4n, 4, error === 0 ? BigInt(end) : 0n);
    return error;
  },
  bpf_iter_num_next(cx) {
    const at = cx.arg(1);
    const current = Number(BigInt.asIntN(32, cx.memory.read(at, 4)));
    const end = Number(BigInt.asIntN(32, cx.memory.read(at + 4n, 4)));
    if (current + 1 >= end) {
      cx.memory.write(at, 8, 0n);
      return 0;
    }
    cx.memory.write(at, 4, BigInt(current + 1));
    return at;
  },
  bpf_iter_num_destroy: (cx) => void cx.memory.write(cx.arg(1), 8, 0n),
  bpf_rcu_read_lock: () => undefined,
  bpf_rcu_read_unlock: () => undefined,
  bpf_preempt_disable: () => undefined,
  bpf_preempt_enable: () => undefined,
  bpf_cast_to_kern_ctx: (cx) => cx.arg(1),
  bpf_rdonly_cast: (cx) => cx.arg(1),
};
