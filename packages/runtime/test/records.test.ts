import { describe, expect, test } from 'vitest';
import { type BpfEvent, buildPacket, decodeEvent, encodeEvent, encodeRegisters, formatIpAddress, kprobe, parseIpv6, perfEvent, rawTracepoint, readPcap, registerLayout, REGISTER_LAYOUTS, skb, sockOps, sysctl, tracepoint, writePcap, xdp } from '@polybpf/runtime'; // prettier-ignore
import { tracepoint as kernelTracepoint } from '@polybpf/helpers/tracepoints';
import { asmVm, runAsm } from './asm-vm.ts';

describe('events as JSON', () => {
  const events: BpfEvent[] = [
    xdp({ packet: Uint8Array.of(1, 2), metadata: Uint8Array.of(9, 9, 9, 9), rxQueueIndex: 2, time: 5n }),
    skb({ packet: new Uint8Array(14), fields: { mark: 5n, cb: [1n, 2n] }, vlan: { tci: 7 }, socket: { family: 2n } }),
    tracepoint('a:b', { x: 1, y: 'text', z: Uint8Array.of(3), w: 2n ** 63n, v: [1n, 2n] }, { comm: 'c', pid: 3 }),
    kprobe({ rdi: 2n ** 64n - 1n, parm2: 4n }, 'x86_64', {
      memory: { rdx: 'path', rcx: Uint8Array.of(1) },
      function: 16n,
    }),
    perfEvent({ samplePeriod: 99n, addr: 1n, regs: { ip: 5n }, userStack: [1n, 2n ** 63n] }),
    rawTracepoint([1n, 'text', Uint8Array.of(4), 2n ** 60n], { facts: { socketCookie: 8n } }),
    sockOps({ op: 3n, args: [1n, 2n] }, { data: Uint8Array.of(1) }),
    sysctl({ name: 'kernel/x', newValue: '1' }),
    { kind: 'bytes', context: Uint8Array.of(7), task: Uint8Array.of(1) },
    { kind: 'flow_dissector', packet: new Uint8Array(14), flags: 1 },
  ];

  test.each(events.map((event) => [event.kind, event] as const))(
    '%s: written and read again it is the same',
    (_kind, event) => {
      const record = encodeEvent(event);
      const again = decodeEvent(JSON.parse(JSON.stringify(record)) as typeof record);
      expect(encodeEvent(again)).toEqual(record);
      expect(again.kind).toBe(event.kind);
    },
  );

  test('values keep their meaning', () => {
    expect(decodeEvent(encodeEvent(events[3]!))).toEqual(events[3]);
    expect(decodeEvent(encodeEvent(events[2]!))).toEqual({ ...events[2], fields: { x: 1, y: 'text', z: Uint8Array.of(3), w: 2n ** 63n, v: [1n, 2n] } }); // prettier-ignore
  });

  test('what is missing or wrong is named', () => {
    expect(() => decodeEvent({ kind: 'xdp' })).toThrow('expected a member packet');
    expect(() => decodeEvent({ kind: 'xdp', packet: '0' })).toThrow('pairs of hex digits');
    expect(() => decodeEvent({ kind: 'kprobe', regs: { rdi: 'x' } })).toThrow('register rdi');
    expect(() => decodeEvent({ kind: 'kprobe', time: 2 ** 60 })).toThrow('time');
  });
});

describe('contexts', () => {
  test('each architecture has its registers where its ABI passes arguments', () => {
    for (const arch of Object.keys(REGISTER_LAYOUTS)) {
      const { names, width, parameters, size } = registerLayout(arch);
      const bytes = encodeRegisters(arch, { parm1: 0x11, sp: 0x22, ip: 0x33 }, 'big');
      expect([arch, bytes.length]).toEqual([arch, size]);
      expect(bytes[(names.indexOf(parameters[0]!) + 1) * width - 1]).toBe(0x11);
      expect(new Set(names).size).toBe(names.length);
    }
    // rdi lies at 112 of struct pt_regs of x86_64, x0 at 0 of arm64, r2 of s390x at 40.
    expect(encodeRegisters('x86_64', { rdi: 1 }, 'little')[112]).toBe(1);
    expect(encodeRegisters('s390x', { parm1: 1 }, 'big')[47]).toBe(1);
    expect(() => encodeRegisters('arm64', { rdi: 1 }, 'little')).toThrow('register of arm64');
    expect(() => encodeRegisters('vax', {}, 'little')).toThrow('architecture');
    expect(registerLayout('ppc64le').arch).toBe('ppc64');
  });

  test('a tracepoint by name: numbers, fixed and dynamic text, pointers', () => {
    const event = tracepoint('syscalls/sys_enter_openat', { dfd: -100, filename: '/etc/passwd', flags: 2 });
    const read = ['r3 = *(u64 *)(r1 + 24)', 'r1 = r10', 'r1 += -16', 'r2 = 16', 'call bpf_probe_read_user_str'];
    expect(runAsm(read, 'tracepoint', event, { tracepoints: kernelTracepoint }).r0).toBe(12n);
    const dynamic = tracepoint('t:t', { text: 'abc' }, { layout: [{ name: 'text', type: '__data_loc char[]', offset: 8, size: 4 }] }); // prettier-ignore
    expect(runAsm(['r0 = *(u32 *)(r1 + 8)', 'r2 = r0', 'r2 &= 0xffff', 'r1 += r2', 'r0 = *(u8 *)(r1 + 2)'], 'tracepoint', dynamic).r0).toBe(99n); // prettier-ignore
    expect(() => runAsm(['r0 = 0'], 'tracepoint', tracepoint('no:such'))).toThrow('one that the profile knows');
    expect(() => runAsm(['r0 = 0'], 'tracepoint', tracepoint('sched:sched_switch', { nope: 1 }), { tracepoints: kernelTracepoint })).toThrow('field nope'); // prettier-ignore
  });

  test('an event of another kind is refused, and a load behind the packet faults', () => {
    expect(() => runAsm(['r0 = 0'], 'xdp', kprobe())).toThrow('expected xdp, got kprobe');
    const behind = ['r2 = *(u32 *)(r1 + 4)', 'r0 = *(u8 *)(r2 + 0)'];
    expect(
      asmVm(behind, 'xdp')
        .program()
        .tryRun(xdp({ packet: new Uint8Array(20) })).fault?.region,
    ).toBe('packet');
  });

  test('narrow loads of fields, in both byte orders', () => {
    const event = skb({ packet: buildPacket({ ipv4: { source: '1.1.1.1', destination: '2.2.2.2' } }), fields: { mark: 0x01020304 } }); // prettier-ignore
    expect(runAsm(['r0 = *(u8 *)(r1 + 8)'], 'sched_cls', event).r0).toBe(4n);
    expect(runAsm(['r0 = *(u32 *)(r1 + 16)'], 'sched_cls', event).r0).toBe(8n);
  });
});

describe('packets', () => {
  test('checksums and lengths are filled in', () => {
    const packet = buildPacket({ ipv4: { source: '192.168.0.1', destination: '192.168.0.199', ttl: 64, id: 0 }, udp: { source: 1000, destination: 2000 }, payload: 'hi' }); // prettier-ignore
    expect(Buffer.from(packet.subarray(14)).toString('hex')).toBe('4500001e0000400040117815c0a80001c0a800c703e807d0000a2b1d6869'.replace('7815', Buffer.from(packet.subarray(24, 26)).toString('hex')).replace('2b1d', Buffer.from(packet.subarray(40, 42)).toString('hex'))); // prettier-ignore
    const sum = (bytes: Uint8Array): number => {
      let total = 0;
      for (let k = 0; k < bytes.length; k += 2) total += (bytes[k]! << 8) | (bytes[k + 1] ?? 0);
      while (total > 0xffff) total = (total & 0xffff) + (total >> 16);
      return total;
    };
    expect(sum(packet.subarray(14, 34))).toBe(0xffff);
    const pseudo = Buffer.concat([packet.subarray(26, 34), Uint8Array.of(0, 17, 0, 10), packet.subarray(34)]);
    expect(sum(pseudo)).toBe(0xffff);
  });

  test('IPv6 addresses in and out', () => {
    for (const text of ['::', '::1', 'fe80::1:0:2', '1:2:3:4:5:6:7:8', '2001:db8::ff00:42:8329']) expect(formatIpAddress(parseIpv6(text))).toBe(text); // prettier-ignore
    for (const text of ['', ':', '1::2::3', '1:2:3', 'g::', '1:2:3:4:5:6:7:8:9', '1:2:3:4::5:6:7:8']) expect(() => parseIpv6(text), text).toThrow('IPv6'); // prettier-ignore
  });

  test('pcap: both byte orders and pcapng are read, damage is told', () => {
    const packets = [{ time: 1_700_000_000_123_456_789n, data: Uint8Array.of(1, 2, 3), originalLength: 9 }];
    const file = writePcap({ linkType: 1, packets });
    expect(readPcap(file)).toEqual({ linkType: 1, packets });
    for (let cut = 1; cut < file.length; cut++) {
      if (cut !== 24) expect(() => readPcap(file.subarray(0, cut)), String(cut)).toThrow(/capture file/);
    }
    const big = Buffer.from(
      'a1b2c3d400020004000000000000000000040000000000010000000500000006000000020000000caabb',
      'hex',
    );
    expect(readPcap(big)).toEqual({ linkType: 1, packets: [{ time: 5_000_006_000n, data: Uint8Array.of(0xaa, 0xbb), originalLength: 12 }] }); // prettier-ignore
    const ng = Buffer.from('0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c000000' + '01000000140000000100000000000000140000000600000024000000000000000000000040420f000200000002000000aabb000024000000', 'hex'); // prettier-ignore
    expect(readPcap(ng)).toEqual({ linkType: 1, packets: [{ time: 1_000_000_000n, data: Uint8Array.of(0xaa, 0xbb), originalLength: 2 }] }); // prettier-ignore
  });
});
