/** Helpers of clocks, CPUs and chance: `kernel/bpf/helpers.c`. Time is event time; it stands still within a run unless the VM ticks. */
import type { HelperTable, World } from './world.ts';

/** Reads the clock, and lets it tick. */
function now(world: World): bigint {
  const { time } = world;
  world.time += world.tick;
  return time;
}

const NS_PER_SECOND = 1_000_000_000n;
/** Jiffies start five minutes before they wrap at 32 bits (`INITIAL_JIFFIES`), and `get_jiffies_64` has this in all 64 bits. */
const INITIAL_JIFFIES_SECONDS = 300n;

/** Jiffies at a time. */
export function jiffiesAt(world: World, time: bigint): bigint {
  const hz = BigInt(world.hz);
  return BigInt.asUintN(32, -INITIAL_JIFFIES_SECONDS * hz) + (time * hz) / NS_PER_SECOND;
}

export const TIME_HELPERS: HelperTable = {
  bpf_ktime_get_ns: (_cx, world) => now(world),
  bpf_ktime_get_boot_ns: (_cx, world) => now(world) + world.bootOffset,
  bpf_ktime_get_tai_ns: (_cx, world) => now(world) + world.taiOffset,
  // Coarse: the time of the last timer tick.
  bpf_ktime_get_coarse_ns(_cx, world) {
    const period = NS_PER_SECOND / BigInt(world.hz);
    return (world.time / period) * period;
  },
  bpf_jiffies64: (_cx, world) => jiffiesAt(world, world.time),
  bpf_get_prandom_u32: (_cx, world) => world.random() >>> 0,
  bpf_get_smp_processor_id: (_cx, world) => world.cpu,
  bpf_get_numa_node_id: () => 0,
};
