/** Contexts of the program types that a test run exists for, beside XDP and tc: the VM and the kernel agree. */
import { assemble } from '@polybpf/asm';
import { type LiveKernel, openLiveKernel } from '@polybpf/kernel';
import type { LoadedObject } from '@polybpf/loader';
import { createVm, flowDissector, rawTracepoint, skb } from '@polybpf/runtime';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeKernel } from '../../kernel/test/with-kernel.ts';
import { openTwin } from './kernel-twin.native.ts';
import { packetSource } from './packets.ts';

/** Programs for adjust_room; a campaign sets POLYBPF_PACKETS. */
const PROGRAMS = Number(process.env['POLYBPF_PACKETS'] ?? 300) / 2;

let kernel: LiveKernel;
beforeAll(() => {
  kernel = openLiveKernel();
});
afterAll(() => kernel?.[Symbol.dispose]());

function object(lines: readonly string[], type: string, attachType?: string): LoadedObject {
  const program = { ...assemble(lines.join('\n')), name: 'main', type, ...(attachType === undefined ? {} : { attachType }) }; // prettier-ignore
  return { endian: 'little', programs: [program], details: [], maps: program.maps, kconfig: [], variables: [], unresolved: [], warnings: [] }; // prettier-ignore
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

  test('adjust_room: headers, encapsulation, decapsulation', () => {
    const source = packetSource(33);
    const { number } = source;
    const bit = (one: bigint): bigint => (number(3) === 0 ? one : 0n);
    const room = (slot: number): string[] => {
      // Both together stay in the head-room: when the kernel moves a packet it moves a transport header that is not set too.
      const delta = number(3) === 0 ? -number(60) : number(31);
      const encap = number(2) === 0 ? [2n, 4n, 6n][number(3)]! : 0n;
      const flags = encap | bit(8n) | bit(16n) | bit(1n) | bit(32n) | bit(64n) | (delta < 0 || number(9) === 0 ? bit(128n) | bit(256n) : 0n) | (number(3) === 0 ? BigInt(number(20)) << 56n : 0n); // prettier-ignore
      const sane = number(2) === 0 ? flags & (delta < 0 ? 0x1a1n : 0xff000000000000ffn) : flags;
      return [
        'r1 = r6',
        `r2 = ${delta}`,
        `r3 = ${number(9) === 0 ? 2 : number(2)}`,
        `r4 = ${sane} ll`,
        'call 50',
        ...note(slot),
      ];
    };
    const note = (slot: number): string[] => ['*(u64 *)(r10 - 16) = r0', `*(u32 *)(r10 - 4) = ${slot}`, 'r1 = map notes ll', 'r2 = r10', 'r2 += -4', 'r3 = r10', 'r3 += -16', 'r4 = 0', 'call 2']; // prettier-ignore
    const state = (slot: number): string[] => ['r0 = *(u32 *)(r6 + 0)', 'r1 = *(u32 *)(r6 + 16)', 'r0 <<= 32', 'r0 |= r1', ...note(slot), '*(u64 *)(r10 - 24) = 0', 'r1 = r6', 'r2 = 0', 'r3 = r10', 'r3 += -24', 'r4 = 4', 'r5 = 1', 'call 68', 'r1 = *(u64 *)(r10 - 24)', 'r0 <<= 33', 'r0 ^= r1', ...note(slot + 1)]; // prettier-ignore
    for (let k = 0; k < PROGRAMS; k++) {
      const lines = ['.map notes type=array key=4 value=8 entries=16', 'r6 = r1', ...room(0), ...state(1), ...room(3), ...state(4), 'r1 = r6', `r2 = ${number(300)}`, 'r3 = 0', 'call 38', ...note(6), ...state(7), 'r0 = 0', 'exit']; // prettier-ignore
      using twin = openTwin(kernel, object(lines, 'sched_cls'));
      for (let run = 0; run < 4; run++) twin.compare('main', skb({ packet: source.packet() }), `program ${k}, packet ${run}: ${lines.filter((line) => /^r[2-4] = .*(\d|ll)$/.test(line)).join(', ')}`); // prettier-ignore
    }
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
