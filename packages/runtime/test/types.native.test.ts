/** Contexts of the program types that a test run exists for, beside XDP and tc: the VM and the kernel agree. */
import { assemble } from '@polybpf/asm';
import { type LiveKernel, openLiveKernel } from '@polybpf/kernel';
import type { LoadedObject } from '@polybpf/loader';
import { createVm, flowDissector, rawTracepoint, skb } from '@polybpf/runtime';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeKernel } from '../../kernel/test/with-kernel.ts';
import { openTwin } from './kernel-twin.native.ts';
import { packetSource } from './packets.ts';

let kernel: LiveKernel;
beforeAll(() => {
  kernel = openLiveKernel();
});
afterAll(() => kernel?.[Symbol.dispose]());

function object(lines: readonly string[], type: string, attachType?: string): LoadedObject {
  const program = { ...assemble(lines.join('\n')), name: 'main', type, ...(attachType === undefined ? {} : { attachType }) }; // prettier-ignore
  return { endian: 'little', programs: [program], details: [], maps: program.maps, kconfig: [], unresolved: [], warnings: [] }; // prettier-ignore
}

/** Adds what a field or the packet holds to r9. */
const SKB_LINES = [
  'r6 = r1',
  'r9 = *(u32 *)(r6 + 0)',
  ...[4, 16, 20, 40, 48, 64].flatMap((offset) => [`r1 = *(u32 *)(r6 + ${offset})`, 'r9 *= 31', 'r9 += r1']),
  'r1 = *(u32 *)(r6 + 76)',
  'r2 = *(u32 *)(r6 + 80)',
  'r3 = r2',
  'r3 -= r1',
  'r9 += r3',
  'r3 = r1',
  'r3 += 30',
  'if r3 > r2 goto +2',
  'r1 = *(u64 *)(r1 + 12)',
  'r9 ^= r1',
];

describeKernel('program types', () => {
  test.each([
    ['cgroup_skb', 'BPF_CGROUP_INET_INGRESS', ['r0 = r9', 'r0 &= 1']],
    ['lwt_xmit', undefined, ['r0 = r9', 'r0 &= 127']],
    ['lwt_in', undefined, ['r0 = r9', 'r0 &= 127']],
    ['sched_act', undefined, ['r0 = r9', 'r0 &= 7']],
  ] as const)('%s', (type, attachType, end) => {
    const source = packetSource(31);
    const skip = type.startsWith('lwt') ? SKB_LINES.filter((line) => !line.includes('(r6 + 40)')) : SKB_LINES;
    using twin = openTwin(kernel, object([...skip, ...end, 'exit'], type, attachType));
    for (let k = 0; k < 100; k++) twin.compare('main', skb({ packet: source.packet() }), `packet ${k}`);
  });

  test('flow_dissector: keys', () => {
    const lines = [
      'r2 = *(u32 *)(r1 + 76)', 'r3 = *(u32 *)(r1 + 80)', 'r4 = *(u64 *)(r1 + 144)', 'r5 = r2', 'r5 += 40', 'if r5 > r3 goto out',
      'r0 = *(u16 *)(r2 + 14)', '*(u16 *)(r4 + 2) = r0', 'r0 = *(u8 *)(r2 + 23)', '*(u8 *)(r4 + 9) = r0', 'r0 = *(u16 *)(r4 + 0)', '*(u16 *)(r4 + 12) = r0',
      'r0 = *(u16 *)(r4 + 10)', '*(u16 *)(r4 + 14) = r0', 'r0 = *(u32 *)(r2 + 26)', '*(u32 *)(r4 + 16) = r0', 'r0 = 0', 'exit', 'out:', 'r0 = 2', 'exit',
    ]; // prettier-ignore
    const { programs } = object(lines, 'flow_dissector');
    const outcome = kernel.load(programs[0]!.insns, { type: 'flow_dissector', logLevel: 4 });
    if (!outcome.accepted) throw new Error(outcome.message);
    const source = packetSource(32);
    for (let k = 0; k < 100; k++) {
      const packet = source.packet();
      const theirs = kernel.testRun(outcome.fd, { data: packet });
      const ours = createVm({ programs }).program().run(flowDissector(packet));
      expect([k, ours.retval, Buffer.from(ours.flowKeys!).toString('hex')]).toEqual([k, theirs.retval, Buffer.from(theirs.data).toString('hex')]); // prettier-ignore
    }
    kernel.close(outcome.fd);
  });

  test('raw_tracepoint: arguments', () => {
    const { programs } = object(
      ['r0 = *(u64 *)(r1 + 0)', 'r2 = *(u64 *)(r1 + 8)', 'r0 *= r2', 'exit'],
      'raw_tracepoint',
    );
    const outcome = kernel.load(programs[0]!.insns, { type: 'raw_tracepoint', logLevel: 4 });
    if (!outcome.accepted) throw new Error(outcome.message);
    const args = [12345678901n, 987654321n] as const;
    const context = new Uint8Array(new BigUint64Array(args).buffer);
    const theirs = kernel.testRun(outcome.fd, { context, output: false });
    expect(createVm({ programs }).program().run(rawTracepoint(args)).retval).toBe(theirs.retval);
    kernel.close(outcome.fd);
  });
});
