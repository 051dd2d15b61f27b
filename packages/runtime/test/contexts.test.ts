import { describe, expect, test } from 'vitest';
import { type BpfEvent, cgroupDevice, cgroupSock, flowDissector, functionCall, kprobe, perfEvent, skLookup, skMsg, skReuseport, sockAddr, sockOps, sockopt, sysctl, skb } from '@polybpf/runtime'; // prettier-ignore
import { asmVm, runAsm, signed } from './asm-vm.ts';

const field = (type: string, event: BpfEvent, load: string): bigint => runAsm([load], type, event).r0;

describe('contexts that are structs', () => {
  test('fields lie where the uapi has them', () => {
    expect(field('sock_ops', sockOps({ op: 3, args: [1, 2, 3, 4], state: 7 }), 'r0 = *(u32 *)(r1 + 16)')).toBe(4n);
    expect(field('cgroup_sock', cgroupSock({ family: 2, mark: 9 }), 'r0 = *(u32 *)(r1 + 16)')).toBe(9n);
    expect(field('cgroup_sock_addr', sockAddr({ user_port: 80 }), 'r0 = *(u32 *)(r1 + 24)')).toBe(80n);
    expect(field('sk_lookup', skLookup({ protocol: 6, local_port: 443 }), 'r0 = *(u32 *)(r1 + 12)')).toBe(6n);
    expect(field('cgroup_device', cgroupDevice({ type: 2, access: 4, major: 1, minor: 3 }), 'r0 = *(u32 *)(r1 + 0)')).toBe(0x40002n); // prettier-ignore
    expect(runAsm(['r0 = 0'], 'cgroup_device', cgroupDevice({ type: 2, access: 2, major: 1, minor: 3 })).verdict).toBe('deny'); // prettier-ignore
  });

  test('arrays and unknown fields are checked', () => {
    expect(() => field('sock_ops', sockOps({ args: [1, 2, 3, 4, 5] }), 'r0 = 0')).toThrow('at most 4 elements');
    expect(() => field('sock_ops', sockAddr({}), 'r0 = 0')).toThrow('expected bpf_sock_ops, got bpf_sock_addr');
  });

  test('numbers that do not fit are refused, not cut', () => {
    expect(() => field('cgroup_sock', cgroupSock({ mark: 0x1_0000_0000 }), 'r0 = 0')).toThrow('field mark of bpf_sock, expected an integer of 32 bits, got 4294967296'); // prettier-ignore
    expect(field('cgroup_sock', cgroupSock({ mark: -1 }), 'r0 = *(u32 *)(r1 + 16)')).toBe(0xffffffffn);
    expect(() => field('cgroup_sock', cgroupSock({ mark: 1.5 }), 'r0 = 0')).toThrow('got 1.5');
    expect(() => field('kprobe', kprobe({ parm1: 1n << 64n }), 'r0 = 0')).toThrow('register parm1 of x86_64');
    expect(() => field('kprobe', kprobe({}, 'x86_64', { pid: 2 ** 32 }), 'r0 = 0')).toThrow('pid of the event');
    expect(() => field('kprobe', kprobe({}, 'x86_64', { time: -1 }), 'r0 = 0')).toThrow('nanoseconds from 0');
  });

  test('what follows from the packet cannot be given beside it, and a packet has its link header', () => {
    const packet = new Uint8Array(64);
    expect(() => field('sched_cls', skb({ packet, fields: { len: 9 } }), 'r0 = 0')).toThrow('fields.len, expected nothing: it follows from the packet, got 9'); // prettier-ignore
    expect(() => field('sched_cls', skb({ packet, fields: { vlan_tci: 5 } }), 'r0 = 0')).toThrow('the tag in `vlan`');
    expect(() => field('flow_dissector', flowDissector(new Uint8Array(13)), 'r0 = 0')).toThrow('an Ethernet header of 14 bytes, got 13 bytes'); // prettier-ignore
    expect(() => field('flow_dissector', flowDissector('packet' as never), 'r0 = 0')).toThrow('got string');
  });

  test('messages and reuseport packets: data up to data_end', () => {
    const sum = ['r2 = *(u64 *)(r1 + 0)', 'r3 = *(u64 *)(r1 + 8)', 'r0 = *(u8 *)(r2 + 2)', 'r3 -= r2', 'r0 += r3'];
    expect(runAsm(sum, 'sk_msg', skMsg(Uint8Array.of(1, 2, 30))).r0).toBe(33n);
    expect(runAsm(sum, 'sk_reuseport', skReuseport(Uint8Array.of(1, 2, 30))).r0).toBe(33n);
    const behind = ['r2 = *(u64 *)(r1 + 8)', 'r0 = *(u8 *)(r2 + 0)'];
    expect(
      asmVm(behind, 'sk_msg')
        .program()
        .tryRun(skMsg(Uint8Array.of(1))).fault?.region,
    ).toBe('packet');
  });

  test('bytes can be put into and taken out of messages', () => {
    const push = ['r6 = r1', 'r2 = 1', 'r3 = 2', 'r4 = 0', 'call bpf_msg_push_data', 'r1 = r6', 'r2 = 0', 'r3 = 1', 'r4 = 0', 'call bpf_msg_pop_data', 'r0 = *(u32 *)(r6 + 4)', 'r0 = 1']; // prettier-ignore
    const result = runAsm(push, 'sk_msg', skMsg(Uint8Array.of(1, 2, 3)));
    expect([result.packet, result.verdict]).toEqual([Uint8Array.of(0, 0, 2, 3), 'SK_PASS']);
  });

  test('socket options: the value lies between optval and optval_end', () => {
    const lines = ['r2 = *(u64 *)(r1 + 8)', 'r3 = *(u64 *)(r1 + 16)', 'r3 -= r2', 'r0 = *(u32 *)(r2 + 0)', 'r0 += r3', 'r3 = *(u32 *)(r1 + 24)', 'r0 += r3']; // prettier-ignore
    expect(runAsm(lines, 'cgroup_sockopt', sockopt({ level: 6, optname: 1 }, Uint8Array.of(10, 0, 0, 0))).r0).toBe(20n);
  });

  test('callback flags of sock_ops: known ones are kept, unknown ones are given back', () => {
    const result = runAsm(['r2 = 0x181', 'call bpf_sock_ops_cb_flags_set'], 'sock_ops', sockOps({ op: 1 }));
    expect([result.r0, result.context[84]]).toEqual([0x180n, 1]);
  });

  test('sysctls: names and values, whole and cut', () => {
    const event = sysctl({ name: 'net/ipv4/ip_forward', currentValue: '0', newValue: '1' });
    const get = (helper: string, size: number, flags = ''): ReturnType<typeof runAsm> => runAsm(['r2 = r10', 'r2 += -32', `r3 = ${size}`, flags, `call ${helper}`, 'r1 = *(u8 *)(r10 - 32)', 'r0 <<= 8', 'r0 |= r1'], 'cgroup_sysctl', event); // prettier-ignore
    expect(get('bpf_sysctl_get_name', 32, 'r4 = 0').r0).toBe((19n << 8n) | 110n);
    expect(get('bpf_sysctl_get_name', 32, 'r4 = 1').r0).toBe((10n << 8n) | 105n);
    expect(BigInt.asIntN(56, get('bpf_sysctl_get_name', 4, 'r4 = 0').r0 >> 8n)).toBe(-7n);
    expect(get('bpf_sysctl_get_current_value', 8).r0).toBe((1n << 8n) | 48n);
    expect(get('bpf_sysctl_get_new_value', 8).r0).toBe((1n << 8n) | 49n);
    expect(signed(runAsm(['r2 = r10', 'r2 += -8', 'r3 = 8', 'call bpf_sysctl_get_new_value'], 'cgroup_sysctl', sysctl({ name: 'x' })))).toBe(-22); // prettier-ignore
  });
});

describe('tracing contexts', () => {
  test('perf events: registers, period and address', () => {
    const event = perfEvent({ regs: { ip: 0x400000 }, samplePeriod: 4000, addr: 77 });
    expect(field('perf_event', event, 'r0 = *(u64 *)(r1 + 128)')).toBe(0x400000n);
    expect(field('perf_event', event, 'r0 = *(u64 *)(r1 + 168)')).toBe(4000n);
    expect(field('perf_event', event, 'r0 = *(u64 *)(r1 + 176)')).toBe(77n);
  });

  test('fexit: arguments, then the result; helpers see the same', () => {
    const event = functionCall([5, 'text', -1], { result: -2, function: 0xffff0000n });
    expect(field('tracing', event, 'r0 = *(u64 *)(r1 + 24)')).toBe(2n ** 64n - 2n);
    expect(runAsm(['r2 = 2', 'r3 = r10', 'r3 += -8', 'call bpf_get_func_arg', 'r0 = *(u64 *)(r10 - 8)'], 'tracing', event).r0).toBe(2n ** 64n - 1n); // prettier-ignore
    expect(runAsm(['call bpf_get_func_arg_cnt'], 'tracing', event).r0).toBe(3n);
    expect(runAsm(['call bpf_get_func_ip'], 'tracing', event).r0).toBe(0xffff0000n);
    expect(signed(runAsm(['r2 = 3', 'r3 = r10', 'r3 += -8', 'call bpf_get_func_arg'], 'tracing', event))).toBe(-22);
  });

  test('pointers of kernel types: loads of what is not there give 0; a kprobe faults', () => {
    const lines = ['r1 = *(u64 *)(r1 + 0)', 'r0 = 7', 'r0 = *(u64 *)(r1 + 8)'];
    expect(runAsm(lines, 'tracing', functionCall([0])).r0).toBe(0n);
    expect(
      asmVm(lines, 'raw_tracepoint')
        .program()
        .tryRun(functionCall([0])).fault?.code,
    ).toBe('E_RUN_MEMORY');
  });
});

test('the socket of an skb, redirects and effects are part of the result', () => {
  const event = skb({ packet: new Uint8Array(64), socket: { mark: 6 } });
  expect(field('sched_cls', event, 'r1 = *(u64 *)(r1 + 168)\nr0 = *(u32 *)(r1 + 16)')).toBe(6n);
  expect(field('sched_cls', skb({ packet: new Uint8Array(64) }), 'r0 = *(u64 *)(r1 + 168)')).toBe(0n);
  const redirect = runAsm(['r1 = 3', 'r2 = 1', 'call bpf_redirect'], 'sched_cls', event);
  expect([redirect.verdict, redirect.redirects]).toEqual(['TC_ACT_REDIRECT', [{ kind: 'redirect', ifindex: 3, flags: 1n }]]); // prettier-ignore
  expect(runAsm(['r1 = 3', 'r2 = 2', 'call bpf_redirect'], 'sched_cls', event).verdict).toBe('TC_ACT_SHOT');
  const clone = runAsm(['r2 = 5', 'r3 = 0', 'call bpf_clone_redirect'], 'sched_cls', event).redirects;
  expect(clone).toMatchObject([{ kind: 'clone', ifindex: 5, packet: new Uint8Array(64) }]);
  expect(runAsm(['r1 = 9', 'call bpf_send_signal'], 'kprobe').effects).toEqual([{ name: 'signal', value: 9n }]);
});
