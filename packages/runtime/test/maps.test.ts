import { assemble } from '@polybpf/asm';
import { describe, expect, test } from 'vitest';
import { bytesContext, createVm, kprobe, sockAddr, xdp } from '@polybpf/runtime';
import { asmVm, runAsm, signed } from './asm-vm.ts';

describe('records to user space', () => {
  const ring = ['.map ring type=ringbuf key=0 value=0 entries=4096'];

  test('ring buffer: output, reserve and submit, discard, query', async () => {
    const vm = asmVm([
      '*(u64 *)(r10 - 8) = 0x11', 'r1 = map ring ll', 'r2 = r10', 'r2 += -8', 'r3 = 8', 'r4 = 0', 'call bpf_ringbuf_output',
      'r1 = map ring ll', 'r2 = 4', 'r3 = 0', 'call bpf_ringbuf_reserve', 'if r0 == 0 goto +4', '*(u32 *)(r0 + 0) = 0x22', 'r1 = r0', 'r2 = 0', 'call bpf_ringbuf_submit',
      'r1 = map ring ll', 'r2 = 4', 'r3 = 0', 'call bpf_ringbuf_reserve', 'r1 = r0', 'r2 = 0', 'call bpf_ringbuf_discard',
      'r1 = map ring ll', 'r2 = 0', 'call bpf_ringbuf_query', 'exit', ...ring,
    ]); // prettier-ignore
    expect(vm.program().run().r0).toBe(48n);
    const seen: string[] = [];
    const reader = (async () => {
      for await (const record of vm.map('ring').records()) seen.push(Buffer.from(record).toString('hex'));
    })();
    vm.dispose();
    await reader;
    expect(seen).toEqual(['1100000000000000', '22000000']);
  });

  test('a record that is not reserved cannot be submitted', () => {
    const vm = asmVm(['r1 = r10', 'r1 += -8', 'r2 = 0', 'call bpf_ringbuf_submit', 'exit', ...ring]);
    expect(vm.program().tryRun().fault?.message).toContain('one that is reserved');
  });

  test('perf events carry the CPU, and the packet where its program has one', () => {
    const lines = ['r6 = r1', '*(u32 *)(r10 - 4) = 7', 'r2 = map events ll', 'r3 = 0x3ffffffff ll', 'r4 = r10', 'r4 += -4', 'r5 = 4', 'call bpf_perf_event_output', 'exit', '.map events type=perf_event_array key=4 value=4 entries=0']; // prettier-ignore
    const vm = asmVm(lines, 'xdp', { cpus: 4 });
    expect(signed(vm.program().run(xdp({ packet: Uint8Array.from({ length: 14 }, (_, k) => k), cpu: 2 })))).toBe(0);
    expect(vm.map('events').drainRecords()).toMatchObject([{ cpu: 2, data: Uint8Array.of(7, 0, 0, 0, 0, 1, 2) }]);
    const tracing = asmVm(lines, 'kprobe', { cpus: 4 });
    expect(signed(tracing.program().run(kprobe()))).toBe(-22);
  });
});

describe('dynptrs', () => {
  const over = (body: readonly string[]): ReturnType<typeof runAsm> =>
    runAsm(['r1 = map_value data[0] ll', 'r2 = 16', 'r3 = 0', 'r4 = r10', 'r4 += -16', 'call bpf_dynptr_from_mem', ...body, 'exit', '.map data type=array key=4 value=16 entries=1']); // prettier-ignore
  const write = (offset: number, length: number): string[] => ['*(u64 *)(r10 - 24) = 0x55', 'r1 = r10', 'r1 += -16', `r2 = ${offset}`, 'r3 = r10', 'r3 += -24', `r4 = ${length}`, 'r5 = 0', 'call bpf_dynptr_write']; // prettier-ignore
  const read = (offset: number): string[] => ['r1 = r10', 'r1 += -24', 'r2 = 8', 'r3 = r10', 'r3 += -16', `r4 = ${offset}`, 'r5 = 0', 'call bpf_dynptr_read']; // prettier-ignore

  test('write, read and data agree, and end where the memory ends', () => {
    expect(over([...write(4, 8), ...read(4), 'r0 = *(u64 *)(r10 - 24)']).r0).toBe(0x55n);
    expect(signed(over(write(9, 8)))).toBe(-7);
    expect(signed(over(read(9)))).toBe(-7);
    expect(over([...write(8, 8), 'r1 = r10', 'r1 += -16', 'r2 = 8', 'r3 = 8', 'call bpf_dynptr_data', 'r0 = *(u64 *)(r0 + 0)']).r0).toBe(0x55n); // prettier-ignore
    expect(over(['r1 = r10', 'r1 += -16', 'r2 = 8', 'r3 = 9', 'call bpf_dynptr_data']).r0).toBe(0n);
  });

  test('kfuncs: adjust, size, clone, null', () => {
    const adjust = ['r1 = r10', 'r1 += -16', 'r2 = 4', 'r3 = 12', 'call kfunc bpf_dynptr_adjust', 'r1 = r10', 'r1 += -16', 'call kfunc bpf_dynptr_size']; // prettier-ignore
    expect(over(adjust).r0).toBe(8n);
    expect(over(['r1 = r10', 'r1 += -16', 'r2 = 4', 'r3 = 17', 'call kfunc bpf_dynptr_adjust']).r0).toBe(BigInt.asUintN(64, -34n)); // prettier-ignore
    expect(over([...adjust, ...write(0, 8), 'r1 = map_value data[4] ll', 'r0 = *(u32 *)(r1 + 0)']).r0).toBe(0x55n);
  });

  test('of a packet: slices and writes', () => {
    const lines = ['r2 = 0', 'r3 = r10', 'r3 += -16', 'call kfunc bpf_dynptr_from_xdp', 'r1 = r10', 'r1 += -16', 'r2 = 12', 'r3 = 0', 'r4 = 2', 'call kfunc bpf_dynptr_slice', 'r0 = *(u16 *)(r0 + 0)']; // prettier-ignore
    const packet = new Uint8Array(14);
    packet.set([8, 6], 12);
    expect(runAsm(lines, 'xdp', xdp({ packet })).r0).toBe(0x0608n);
  });
});

test('number iterators count from start to end', () => {
  const lines = ['r1 = r10', 'r1 += -8', 'r2 = 3', 'r3 = 6', 'call kfunc bpf_iter_num_new', 'r6 = 0', 'r1 = r10', 'r1 += -8', 'call kfunc bpf_iter_num_next', 'if r0 == 0 goto +4', 'r1 = *(u32 *)(r0 + 0)', 'r6 *= 10', 'r6 += r1', 'goto -8', 'r0 = r6']; // prettier-ignore
  expect(runAsm(lines).r0).toBe(345n);
});

test('per-CPU values: a program sees those of its CPU, users see all', () => {
  const vm = asmVm(['*(u32 *)(r10 - 4) = 0', 'r1 = map counts ll', 'r2 = r10', 'r2 += -4', 'call bpf_map_lookup_elem', 'r1 = *(u64 *)(r0 + 0)', 'r1 += 1', '*(u64 *)(r0 + 0) = r1', 'r0 = 0', 'exit', '.map counts type=percpu_array key=4 value=8 entries=1'], 'kprobe', { cpus: 3 }); // prettier-ignore
  for (const cpu of [0, 2, 2]) vm.program().run(kprobe({}, 'x86_64', { cpu }));
  const values = vm.map<Uint8Array, Uint8Array>('counts').get(new Uint8Array(4)) as readonly Uint8Array[];
  expect(values.map((bytes) => bytes[0])).toEqual([1, 0, 2]);
});

test('tail calls go to the program that a slot holds now', () => {
  const first = { ...assemble('.map jump type=prog_array key=4 value=4 entries=2\nr2 = map jump ll\nr3 = 1\ncall 12\nr0 = 1\nexit'), name: 'first', type: 'xdp' }; // prettier-ignore
  const second = { ...assemble('r0 = 2\nexit'), name: 'second', type: 'xdp', maps: first.maps };
  const vm = createVm({ programs: [first, second] });
  expect(vm.program('first').run().r0).toBe(1n);
  vm.map('jump').setProgram(1, 'second');
  expect(vm.program('first').run().r0).toBe(2n);
  vm.map('jump').setProgram(1, undefined);
  expect(vm.program('first').run().r0).toBe(1n);
  expect(() => vm.map('jump').setProgram(5, 'second')).toThrow('slot 5');
  expect(() => vm.map('jump').setProgram(0, 'nope')).toThrow('first, second');
});

test('stacks of the event, skipped and counted in bytes; ids are the same for the same stack', () => {
  const stack = (flags: number): string[] => [
    'r2 = r10',
    'r2 += -32',
    'r3 = 32',
    `r4 = ${flags}`,
    'call bpf_get_stack',
  ];
  const event = kprobe({}, 'x86_64', { kernelStack: [1n, 2n, 3n], userStack: [9n] });
  expect(runAsm([...stack(1), 'r1 = *(u64 *)(r10 - 32)', 'r0 <<= 8', 'r0 |= r1'], 'kprobe', event).r0).toBe(
    (16n << 8n) | 2n,
  );
  expect(signed(runAsm(stack(256), 'kprobe', event))).toBe(8);
  expect(signed(runAsm(stack(3), 'kprobe', event))).toBe(-14);
  expect(signed(runAsm(stack(1 << 20), 'kprobe', event))).toBe(-22);
  const vm = asmVm(['r2 = map traces ll', 'r3 = 0', 'call bpf_get_stackid', 'exit', '.map traces type=stack_trace key=4 value=80 entries=16'], 'kprobe'); // prettier-ignore
  expect(vm.program().run(event).r0).toBe(vm.program().run(event).r0);
});

test('local storage stays with the task', () => {
  const vm = asmVm(['call bpf_get_current_task_btf', 'r1 = map store ll', 'r2 = r0', 'r3 = 0', 'r4 = 1', 'call bpf_task_storage_get', 'r6 = r0', 'r0 = *(u64 *)(r6 + 0)', 'r0 += 1', '*(u64 *)(r6 + 0) = r0', 'exit', '.map store type=task_storage key=4 value=8 entries=0 flags=1'], 'kprobe'); // prettier-ignore
  const run = (pid: number): bigint => vm.program().run(kprobe({}, 'x86_64', { pid })).r0;
  expect([run(1), run(2), run(1), run(1), run(2)]).toEqual([1n, 1n, 2n, 3n, 2n]);
});

test('symbols: values, memory, memory of each CPU; without one the program faults there', () => {
  const text = (lines: readonly string[]): ReturnType<typeof assemble> => assemble(['.extern jiffies', '.extern runqueues', ...lines, 'exit'].join('\n')); // prettier-ignore
  const value = { ...text(['r1 = jiffies ll', 'r0 = *(u64 *)(r1 + 0)']), type: 'kprobe' };
  expect(
    createVm({ program: value, symbols: { jiffies: Uint8Array.of(5, 0, 0, 0, 0, 0, 0, 0) } })
      .program()
      .run().r0,
  ).toBe(5n);
  expect(createVm({ program: value }).program().tryRun().fault?.code).toBe('E_RUN_SYMBOL');
  const percpu = { ...text(['r1 = runqueues ll', 'r2 = 1', 'call 153', 'r0 = *(u8 *)(r0 + 0)']), type: 'kprobe' };
  expect(createVm({ program: percpu, cpus: 2, symbols: { runqueues: [Uint8Array.of(3), Uint8Array.of(4)] } }).program().run().r0).toBe(4n); // prettier-ignore
});

test('contexts of bytes and structs are written back', () => {
  expect(runAsm(['*(u32 *)(r1 + 4) = 9', 'r0 = 0'], 'syscall', bytesContext(new Uint8Array(8))).context).toEqual(Uint8Array.of(0, 0, 0, 0, 9, 0, 0, 0)); // prettier-ignore
  const result = runAsm(['r0 = *(u32 *)(r1 + 4)', '*(u32 *)(r1 + 24) = 80', 'r0 = 1'], 'cgroup_sock_addr', sockAddr({ user_ip4: 1, user_port: 53 })); // prettier-ignore
  expect([result.verdict, result.context[24]]).toEqual(['allow', 80]);
  expect(() => sockAddr({ nope: 1 }) && runAsm(['r0 = 1'], 'cgroup_sock_addr', sockAddr({ nope: 1 }))).toThrow('field nope of bpf_sock_addr'); // prettier-ignore
});
