import { describe, expect, test } from 'vitest';
import { kprobe, type VmOptions } from '@polybpf/runtime';
import { asmVm, runAsm, signed } from './asm-vm.ts';

const r0 = (lines: readonly string[], options?: Partial<VmOptions>): bigint => runAsm(lines, 'syscall', undefined, options).r0; // prettier-ignore

describe('time, CPUs, chance: inputs of the VM', () => {
  test('the clock stands still unless it ticks, and events move it', () => {
    const read = ['call bpf_ktime_get_ns', 'r6 = r0', 'call bpf_ktime_get_ns', 'r0 -= r6'];
    expect(r0(read)).toBe(0n);
    expect(r0(read, { tick: 7 })).toBe(7n);
    const vm = asmVm(['call bpf_ktime_get_boot_ns'], 'kprobe', { time: 5, bootOffset: 1000 });
    expect(vm.program().run().r0).toBe(1005n);
    expect(vm.program().run(kprobe({}, 'x86_64', { time: 90n })).r0).toBe(1090n);
    expect(vm.program().run(kprobe({}, 'x86_64', { time: 10n })).r0).toBe(1090n);
  });

  test('jiffies start five minutes before 32 bits wrap', () => {
    expect(r0(['call bpf_jiffies64'], { hz: 250, time: 8_000_000n })).toBe(0xffffffffn - 300n * 250n + 1n + 2n);
  });

  test('random numbers follow the seed, CPUs the event', () => {
    const random = (seed: number): bigint => r0(['call bpf_get_prandom_u32'], { seed });
    expect(random(1)).toBe(random(1));
    expect(random(1)).not.toBe(random(2));
    expect(runAsm(['call bpf_get_smp_processor_id'], 'kprobe', kprobe({}, 'x86_64', { cpu: 3 }), { cpus: 4 }).r0).toBe(
      3n,
    );
  });
});

describe('the task of the event', () => {
  const event = kprobe({}, 'x86_64', { pid: 21, tgid: 20, uid: 1000, gid: 50, comm: 'a-very-long-command', cgroupId: 9, cgroupAncestors: [1, 5] }); // prettier-ignore

  test('ids and name', () => {
    expect(runAsm(['call bpf_get_current_pid_tgid'], 'kprobe', event).r0).toBe((20n << 32n) | 21n);
    expect(runAsm(['call bpf_get_current_uid_gid'], 'kprobe', event).r0).toBe((50n << 32n) | 1000n);
    const comm = ['r1 = r10', 'r1 += -16', 'r2 = 16', 'call bpf_get_current_comm', 'r0 = *(u64 *)(r10 - 8)'];
    expect(runAsm(comm, 'kprobe', event).r0).toBe(BigInt(`0x00${Buffer.from('ong-com').reverse().toString('hex')}`));
  });

  test('cgroups', () => {
    expect(runAsm(['call bpf_get_current_cgroup_id'], 'kprobe', event).r0).toBe(9n);
    const at = (level: number): bigint => runAsm([`r1 = ${level}`, 'call bpf_get_current_ancestor_cgroup_id'], 'kprobe', event).r0; // prettier-ignore
    expect([0, 1, 2, 3, -1].map(at)).toEqual([1n, 5n, 9n, 0n, 0n]);
  });

  test('a task without bytes has a pointer that cannot be read', () => {
    const probe = [
      'call bpf_get_current_task',
      'r6 = r0',
      'r1 = r10',
      'r1 += -8',
      'r2 = 8',
      'r3 = r6',
      'call bpf_probe_read_kernel',
    ];
    expect(signed(runAsm(probe, 'kprobe', event))).toBe(-14);
    const withTask = { ...event, task: Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0) };
    expect(runAsm([...probe, 'r0 = *(u64 *)(r10 - 8)'], 'kprobe', withTask).r0).toBe(1n);
  });
});

describe('memory that may not be there', () => {
  const probe = (helper: string, size: number, text = 'etc/passwd'): ReturnType<typeof runAsm> =>
    runAsm(
      ['r3 = *(u64 *)(r1 + 112)', '*(u64 *)(r10 - 8) = -1', 'r1 = r10', 'r1 += -8', `r2 = ${size}`, `call ${helper}`, 'r1 = *(u64 *)(r10 - 8)', 'r0 <<= 32', 'r0 ^= r1'], // prettier-ignore
      'kprobe',
      kprobe({}, 'x86_64', text === '' ? {} : { memory: { parm1: text } }),
    );

  test('strings are cut, with a zero at the end', () => {
    // r1 holds 'etc\0' and four bytes as before; r0 is 4, above the string.
    expect(probe('bpf_probe_read_user_str', 4).r0 & 0xffffffffn).toBe(
      BigInt(`0x00${Buffer.from('cte').toString('hex')}`),
    );
    expect(probe('bpf_probe_read_user_str', 8, 'ab').r0 & 0xffffffn).toBe(0x006261n);
  });

  test('an address that is not there gives zeros and EFAULT', () => {
    const { r0: result } = probe('bpf_probe_read_user', 8, '');
    expect(BigInt.asIntN(32, result >> 32n)).toBe(-14n);
    expect(result & 0xffffffffn).toBe(0n);
  });
});

describe('loops and callbacks', () => {
  const loop = (count: number, body: readonly string[], flags = 0): ReturnType<typeof runAsm> =>
    runAsm([`r1 = ${count}`, 'r2 = func step ll', 'r3 = r10', 'r3 += -8', '*(u64 *)(r10 - 8) = 0', `r4 = ${flags}`, 'call bpf_loop', 'r1 = *(u64 *)(r10 - 8)', 'r0 <<= 32', 'r0 |= r1', 'exit', '.function step',  ...body]); // prettier-ignore

  test('bpf_loop runs its callback with index and context until it gives 1', () => {
    const sum = ['r3 = *(u64 *)(r2 + 0)', 'r3 += r1', '*(u64 *)(r2 + 0) = r3'];
    expect(loop(5, [...sum, 'r0 = 0']).r0).toBe((5n << 32n) | 10n);
    expect(loop(100, [...sum, 'r0 = 0', 'if r1 != 3 goto +1', 'r0 = 1']).r0).toBe((4n << 32n) | 6n);
    expect(loop(0, ['r0 = 0']).r0).toBe(0n);
    expect(BigInt.asIntN(32, loop(1, ['r0 = 0'], 1).r0 >> 32n)).toBe(-22n);
    expect(BigInt.asIntN(32, loop((1 << 23) + 1, ['r0 = 0']).r0 >> 32n)).toBe(-7n);
  });

  test('bpf_for_each_map_elem gives map, key, value and context', () => {
    const vm = asmVm(['r1 = map table ll', 'r2 = func step ll', 'r3 = r10', 'r3 += -8', '*(u64 *)(r10 - 8) = 0', 'r4 = 0', 'call bpf_for_each_map_elem', 'r1 = *(u64 *)(r10 - 8)', 'r0 <<= 32', 'r0 |= r1', 'exit', '.map table type=hash key=4 value=8 entries=8', '.function step',  'r5 = *(u32 *)(r2 + 0)', 'r3 = *(u64 *)(r3 + 0)', 'r5 *= r3', 'r3 = *(u64 *)(r4 + 0)', 'r3 += r5', '*(u64 *)(r4 + 0) = r3', 'r0 = 0']); // prettier-ignore
    const table = vm.map<Uint8Array, Uint8Array>('table');
    for (const n of [1, 2, 3]) table.set(Uint8Array.of(n, 0, 0, 0), Uint8Array.of(10 * n, 0, 0, 0, 0, 0, 0, 0));
    expect(vm.program().run().r0).toBe((3n << 32n) | 140n);
  });
});

test('a helper without meaning outside of a kernel is refused by name, and a mock answers in its place', () => {
  const lines = ['call bpf_fib_lookup'];
  const { fault } = asmVm(lines, 'xdp').program().tryRun();
  expect(fault).toMatchObject({ code: 'E_RUN_HELPER' });
  expect(fault!.message).toContain('bpf_fib_lookup needs a kernel, or a mock');
  expect(r0(lines, { mocks: { fib_lookup: () => 7 } })).toBe(7n);
});

test('a helper that the profile has not yet is not registered', () => {
  expect(asmVm(['call bpf_loop'], 'syscall', { profile: '5.4' }).program().tryRun().fault?.message).toContain('helper 181 is not registered'); // prettier-ignore
});

test('trace_printk prints and gives the length; what is wrong prints nothing', () => {
  const text = (format: string): string[] => {
    const bytes = Buffer.from(`${format}\0`.padEnd(16, '\0'));
    return [`r1 = ${bytes.readBigUInt64LE(0)} ll`, '*(u64 *)(r10 - 16) = r1', `r1 = ${bytes.readBigUInt64LE(8)} ll`, '*(u64 *)(r10 - 8) = r1', 'r1 = r10', 'r1 += -16', 'r2 = 16', 'r3 = 5', 'r4 = 6', 'r5 = 7', 'call bpf_trace_printk']; // prettier-ignore
  };
  const lines: string[] = [];
  const result = runAsm(text('%d-%d-%lu'), 'kprobe', kprobe(), { onPrint: (line) => lines.push(line) });
  expect([signed(result), result.printed, lines]).toEqual([5, ['5-6-7'], ['5-6-7']]);
  expect(signed(runAsm(text('%d%d%d%d'), 'kprobe', kprobe()))).toBe(-22);
});

describe('locks', () => {
  const lines = (body: readonly string[]): string[] => ['r1 = map_value lock[0] ll', 'r6 = r1', ...body, 'r0 = 1', 'exit', '.map lock type=array key=4 value=8 entries=1']; // prettier-ignore

  test('a held lock cannot be taken again, a free one not be given back', () => {
    const lock = ['r1 = r6', 'call bpf_spin_lock'];
    const unlock = ['r1 = r6', 'call bpf_spin_unlock'];
    expect(r0(lines([...lock, ...unlock, ...lock, ...unlock]))).toBe(1n);
    expect(
      asmVm(lines([...lock, ...lock]))
        .program()
        .tryRun().fault?.message,
    ).toContain('a held one');
    expect(asmVm(lines(unlock)).program().tryRun().fault?.message).toContain('a free one');
  });
});

describe('timers fire in event time', () => {
  const vm = (): ReturnType<typeof asmVm> =>
    asmVm([
      'r6 = map_value state[0] ll', 'r1 = r6', 'r2 = map state ll', 'r3 = 1', 'call bpf_timer_init', 'r1 = r6', 'r2 = func fired ll', 'call bpf_timer_set_callback',
      'r1 = r6', 'r2 = 1000', 'r3 = 0', 'call bpf_timer_start', 'exit', '.map state type=array key=4 value=32 entries=1',
      // fired(map, key, value): count, remember the time, start again
      '.function fired',  'r6 = r3', 'r1 = *(u64 *)(r6 + 16)', 'r1 += 1', '*(u64 *)(r6 + 16) = r1', 'call bpf_ktime_get_ns', '*(u64 *)(r6 + 24) = r0',
      'r1 = r6', 'r2 = 500', 'r3 = 0', 'call bpf_timer_start', 'r0 = 0',
    ], 'kprobe'); // prettier-ignore
  const state = (machine: ReturnType<typeof asmVm>): bigint[] => {
    const bytes = machine.map<Uint8Array, Uint8Array>('state').get(new Uint8Array(4)) as Uint8Array;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    return [view.getBigUint64(16, true), view.getBigUint64(24, true)];
  };

  test('at their time, again and again, with event time as the clock', () => {
    const machine = vm();
    expect(machine.program().run().r0).toBe(0n);
    machine.advanceTo(999);
    expect(state(machine)).toEqual([0n, 0n]);
    machine.advanceTo(1000);
    expect(state(machine)).toEqual([1n, 1000n]);
    machine.advanceTo(2600);
    expect(state(machine)).toEqual([4n, 2500n]);
    expect(machine.time).toBe(2600n);
  });
});
