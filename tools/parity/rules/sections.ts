/** Spin locks and timers in map values. */
import type { TextCase } from '../case-runner.ts';
import { MAPS } from './case-maps.ts';
import { collector, lookup } from './collector.ts';
import { functionTypes } from './function-types.ts';

const LOCK = 'r1 = r6\nr1 += 4\ncall bpf_spin_lock\n';
const UNLOCK = 'r1 = r6\nr1 += 4\ncall bpf_spin_unlock\n';
const INSIDE = ['call bpf_get_prandom_u32\n', 'r0 = *(u32 *)(r6 + 0)\n', 'r0 = *(u32 *)(r6 + 4)\n', '*(u32 *)(r6 + 0) = 1\n', 'goto +0\n', 'call bpf_ktime_get_ns\n', 'r0 = 0\nexit\n', 'r1 = 0\nr2 = 0\nr3 = 0\ncall bpf_tail_call\n', 'r1 = r7\nr1 += 4\ncall bpf_spin_lock\n', 'r1 = r7\nr1 += 4\ncall bpf_spin_unlock\n', LOCK, UNLOCK, 'if r0 == 0 goto end\n', 'call local sub\n']; // prettier-ignore
const OUTSIDE = ['r0 = *(u32 *)(r6 + 4)\n', '*(u32 *)(r6 + 4) = 0\n', '*(u64 *)(r6 + 0) = 0\n', 'r0 = *(u8 *)(r6 + 3)\n', 'r0 = *(u16 *)(r6 + 3)\n', 'r1 = r6\ncall bpf_spin_lock\n', 'r1 = r10\nr1 += -4\ncall bpf_spin_lock\n', 'r1 = 0\ncall bpf_spin_lock\n', 'r1 = r6\nr2 = 8\nr3 = 0\nr4 = 0\nr5 = 0\ncall bpf_csum_diff\n', 'r1 = r6\nr2 = *(u32 *)(r6 + 0)\nr2 &= 4\nr1 += r2\ncall bpf_spin_lock\n', 'r2 = r6\nr3 = r6\nr1 = map_fd[0] ll\nr4 = 0\ncall bpf_map_update_elem\n', 'r1 = 1\nlock *(u32 *)(r6 + 4) += r1\n']; // prettier-ignore
const STEPS = [...INSIDE.map((step) => LOCK + step + UNLOCK), ...INSIDE.map((step) => LOCK + step), ...OUTSIDE, LOCK, UNLOCK, LOCK + UNLOCK]; // prettier-ignore

/** r6 and r7 are values with locks, of one map or two, the same value or another. */
export function spinLocks(): TextCase[] {
  const { list, add } = collector();
  const value = (map: number): string => `${lookup(map)}if r0 == 0 goto end\n`;
  const inner = `${value(0)}r1 = r0\nr2 = r10\nr2 += -8\ncall bpf_map_lookup_elem\nif r0 == 0 goto end\n`;
  const ways: readonly (readonly [string, string, TextCase['maps'] & object])[] = [
    ['one value', `${value(0)}r6 = r0\nr7 = r6\n`, [MAPS.locked]],
    ['two look-ups', `${value(0)}r6 = r0\n${value(0)}r7 = r0\n`, [MAPS.locked]],
    ['two maps', `${value(0)}r6 = r0\n${value(1)}r7 = r0\n`, [MAPS.locked, MAPS.lockedHash]],
    ['no lock', `${value(0)}r6 = r0\nr7 = r6\n`, [MAPS.array48]],
    ['direct values', 'r6 = map_value[0][0] ll\nr7 = map_value[1][0] ll\n', [MAPS.locked, MAPS.locked]],
    ['inner maps', `${inner}r6 = r0\n${inner}r7 = r0\n`, [MAPS.ofLocked]],
  ];
  for (const [way, before, maps] of ways) {
    for (const step of STEPS) {
      for (const type of way === 'one value'
        ? ['sched_cls', 'socket_filter', 'kprobe', 'perf_event', 'cgroup_skb']
        : ['sched_cls']) {
        // prettier-ignore
        const sub = step.includes('local sub') ? '\nsub: r0 = 0\nexit' : '';
        add(`${way}, ${type}: ${step}`, type, `${before}r0 = 0\n${step}end: r0 = 0\nexit${sub}`, { maps });
      }
    }
  }
  return list;
}

const INIT = 'r1 = r6\nr1 += 8\nr2 = map_fd[0] ll\nr3 = 0\ncall bpf_timer_init\n';
const START = 'r1 = r6\nr1 += 8\nr2 = 1000\nr3 = 0\ncall bpf_timer_start\n';
const SET = 'r1 = r6\nr1 += 8\nr2 = func called ll\ncall bpf_timer_set_callback\n';
const USES = [SET, INIT + SET + START, INIT, START, SET + SET, INIT.replace('map_fd[0]', 'map_fd[1]'), INIT.replace('+= 8', '+= 7'), SET.replace('func called ll', 'r6'), 'r0 = *(u64 *)(r6 + 8)\n', '*(u32 *)(r6 + 20) = 0\n', 'r1 = r6\nr1 += 8\ncall bpf_timer_cancel\n', 'r1 = r10\nr2 = map_fd[0] ll\nr3 = 0\ncall bpf_timer_init\n']; // prettier-ignore
const CALLED = ['r0 = 0', 'r0 = 1', '*(u64 *)(r3 + 0) = 0\nr0 = 0', 'r0 = *(u64 *)(r3 + 8)\nr0 = 0', '*(u32 *)(r2 + 0) = 1\nr0 = 0', 'r0 = *(u64 *)(r4 + 0)\nr0 = 0', 'r1 = r3\nr1 += 8\nr2 = 10\nr3 = 0\ncall bpf_timer_start\nr0 = 0', 'call bpf_get_prandom_u32', 'r0 = r6', 'r0 = *(u32 *)(r1 + 0)\nr0 = 0']; // prettier-ignore

export function timers(): TextCase[] {
  const { list, add } = collector();
  for (const body of CALLED) {
    for (const use of USES) {
      const calls = use.includes('func called');
      if (!calls && body !== CALLED[0]) continue;
      for (const type of body === CALLED[0] ? ['sched_cls', 'kprobe', 'xdp'] : ['sched_cls']) {
        const text = `${lookup()}if r0 == 0 goto end\nr6 = r0\n${use}end: r0 = 0\nexit${calls ? `\ncalled: ${body}\nexit` : ''}`;
        const types = calls ? functionTypes(text, { main: 's int(ctx)', called: 's int(void*,void*,void*)' }) : {};
        add(`timer in ${type}: ${use} ${body}`, type, text, { maps: [MAPS.timed, MAPS.timed], ...types });
      }
    }
  }
  return list;
}
