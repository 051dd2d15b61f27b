import { afterAll, beforeAll, expect, test } from 'vitest';
import { BTF_FUNC_LINKAGE, BTF_INT_ENCODING, encodeBtf } from '@polybpf/btf';
import { decodeInsns, makeInsn } from '@polybpf/isa';
import { type LiveKernel, openLiveKernel } from '@polybpf/kernel';
import { accepted, assembled, describeKernel } from './with-kernel.ts';

let kernel: LiveKernel;
beforeAll(() => {
  kernel = openLiveKernel();
});
afterAll(() => kernel?.[Symbol.dispose]());

const FORTY_TWO = assembled('r0 = 42', 'exit');

describeKernel('loading programs', () => {
  test('log levels: nothing, figures, trace', () => {
    expect(kernel.load(FORTY_TWO)).toMatchObject({ accepted: true, errno: 0, log: '', message: '' });
    const figures = kernel.load(FORTY_TWO, { logLevel: 4 });
    expect(figures).toMatchObject({ stats: { insnsProcessed: 2, insnLimit: 1_000_000, stackDepth: [0] } });
    const trace = kernel.load(FORTY_TWO, { logLevel: 2 });
    expect(trace.log).toMatch(/0: \(b7\) r0 = 42 .*\n1: \(95\) exit\n/);
    for (const outcome of [figures, trace]) kernel.close(accepted(outcome));
  });

  test('a refusal is an outcome with errno and reason, at every log level', () => {
    const noResult = assembled('exit');
    for (const logLevel of [1, 2, 4] as const) {
      const { errnoName, message } = kernel.load(noResult, { logLevel }) as { errnoName: string; message: string };
      expect([logLevel, errnoName, message]).toEqual([logLevel, 'EACCES', 'R0 !read_ok']);
    }
    expect(kernel.load(noResult)).toMatchObject({ accepted: false, errno: 13, message: '' });
    expect(kernel.load(FORTY_TWO, { type: 'unspec' })).toMatchObject({
      accepted: false,
      errnoName: 'EINVAL',
      message: '',
    });
    const before = kernel.openCount;
    kernel.load(noResult);
    expect(kernel.openCount).toBe(before);
  });

  test('endless loops, too much work', () => {
    const endless = kernel.load(assembled('r0 = 0', 'goto -1'), { logLevel: 4 });
    expect(endless).toMatchObject({ accepted: false, errnoName: 'EINVAL' });
    expect(endless.message).toMatch(/infinite loop detected|back-edge/);
    const long = kernel.load(assembled('r0 = 0', 'r0 += 1', 'if r0 < 600000 goto -2', 'exit'), { logLevel: 4 });
    expect(long).toMatchObject({ errnoName: 'E2BIG', message: expect.stringMatching(/BPF program is too large/) });
  });

  test('a log of any length comes whole, within what is allowed', () => {
    const lines = Array.from({ length: 3000 }, (_, i) => `r0 = ${i}`);
    const long = assembled(...lines, 'exit');
    const whole = kernel.load(long, { logLevel: 2 });
    expect(whole.log.length).toBeGreaterThan(100_000);
    expect(whole.log).toContain('\n2999: (b7) r0 = 2999');
    expect(whole).toMatchObject({ accepted: true, logTruncated: false, stats: { insnsProcessed: 3001 } });
    const fresh = openLiveKernel();
    const cut = fresh.load(long, { logLevel: 2, maxLogBytes: 65536 });
    expect(cut).toMatchObject({ accepted: true, logTruncated: true, stats: { insnsProcessed: 3001 } });
    expect(cut.log.length).toBeLessThanOrEqual(65536 + 1024);
    const refused = fresh.load(assembled(...lines, 'r0 = r9', 'exit'), { logLevel: 2, maxLogBytes: 65536 });
    expect(refused).toMatchObject({ accepted: false, errnoName: 'EACCES', message: 'R9 !read_ok', logTruncated: true });
    fresh[Symbol.dispose]();
    expect(kernel.load(FORTY_TWO, { logLevel: 1 }).log.length).toBeLessThan(400);
  });

  test('licence, flags and attach type are heeded', () => {
    const trace = assembled('r1 = r10', 'r1 += -8', '*(u64 *)(r10 - 8) = 0', 'r2 = 8', 'call 6', 'r0 = 0', 'exit');
    expect(kernel.load(trace, { license: 'Proprietary', logLevel: 4 }).message).toMatch(/GPL-restricted/);
    expect(kernel.load(trace, { license: 'Dual MIT/GPL' }).accepted).toBe(true);
    expect(kernel.load(FORTY_TWO, { type: 'cgroup_skb', attachType: 'BPF_CGROUP_INET_INGRESS' }).accepted).toBe(false);
    expect(kernel.load(FORTY_TWO, { type: 'syscall', flags: 16 }).accepted).toBe(true);
    expect(kernel.load(FORTY_TWO, { type: 'syscall' }).accepted).toBe(false);
  });

  test('what makes no sense is refused before the kernel is asked', () => {
    expect(() => kernel.load(new Uint8Array(7))).toThrow(expect.objectContaining({ code: 'E_INPUT' }));
    expect(() => kernel.load(FORTY_TWO, { type: 'xpd' })).toThrow(expect.objectContaining({ code: 'E_INPUT' }));
    expect(() => kernel.load([makeInsn(0xb7, 0, 0, 0, 2 ** 40)])).toThrow(expect.objectContaining({ code: 'E_ENCODE_FIELD' })); // prettier-ignore
    const closed = openLiveKernel();
    closed[Symbol.dispose]();
    expect(() => closed.load(FORTY_TWO)).toThrow(expect.objectContaining({ code: 'E_INPUT' }));
  });

  test('maps by index of the fd array', () => {
    using map = kernel.createMap({ type: 'array', keySize: 4, valueSize: 8, maxEntries: 1 });
    const byIndex = [makeInsn(0x18, 1, 6, 0, 1), makeInsn(0, 0, 0, 0, 0), makeInsn(0x79, 0, 1, 0, 0), makeInsn(0x95, 0, 0, 0, 0)]; // prettier-ignore
    map.update(new Uint8Array(4), Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0));
    const fd = accepted(kernel.load(byIndex, { type: 'sched_cls', fdArray: [-1, map.fd] }));
    expect(kernel.testRun(fd, { data: new Uint8Array(64) }).retval).toBe(9);
    expect(kernel.load(byIndex, { fdArray: [map.fd, -1], logLevel: 4 })).toMatchObject({ accepted: false });
    expect(kernel.programInfo(fd).mapIds).toEqual([kernel.mapInfo(map.fd).id]);
  });

  test('functions and lines from BTF appear in the log', () => {
    const types = [
      { kind: 'INT', id: 1, name: 'int', size: 4, encoding: BTF_INT_ENCODING.SIGNED, bitOffset: 0, bits: 32 },
      { kind: 'FUNC_PROTO', id: 2, name: '', returnType: 1, params: [] },
      { kind: 'FUNC', id: 3, name: 'answer', type: 2, linkage: BTF_FUNC_LINKAGE.STATIC },
      { kind: 'TYPEDEF', id: 4, name: 'answer.c', type: 1, attribute: false },
    ] as const;
    const strings = Uint8Array.from(Buffer.from('\0int\0answer\0t\0answer.c\0return 42;\0'));
    const bytes = encodeBtf({
      endian: 'little',
      types: [types[0], types[1], types[2], { ...types[3], name: 't' }],
      strings,
    });
    const btf = kernel.loadBtf(bytes);
    expect(btf.accepted).toBe(true);
    const words = (...list: number[]): Uint8Array => new Uint8Array(Uint32Array.from(list).buffer);
    const outcome = kernel.load(FORTY_TWO, {
      logLevel: 2,
      btfFd: (btf as { fd: number }).fd,
      funcInfo: { recordSize: 8, bytes: words(0, 3) },
      lineInfo: { recordSize: 16, bytes: words(0, 14, 23, 7 * 1024 + 3) },
    });
    expect(outcome.accepted, outcome.log).toBe(true);
    expect(outcome.log).toContain('return 42; @ answer.c:7');
    const refused = kernel.loadBtf(Uint8Array.of(1, 2, 3, 4), { logLevel: 1 });
    expect(refused).toMatchObject({ accepted: false, errnoName: 'EINVAL' });
  });
});

describeKernel('what the kernel tells of a program', () => {
  test('tag, name, rewritten program, machine code', () => {
    const fd = accepted(kernel.load(FORTY_TWO, { type: 'xdp', name: 'forty-two' }));
    const info = kernel.programInfo(fd);
    expect(info).toMatchObject({ type: 6, tag: '76b761cdf4203894', name: 'forty_two', verifiedInsns: 2, mapIds: [] });
    expect(decodeInsns(info.xlated)).toEqual(decodeInsns(FORTY_TWO));
    if (kernel.host.sysctls['net.core.bpf_jit_enable'] === '0') return;
    expect(info.jitedFunctionLengths).toEqual([info.jitedLength]);
    expect(info.jited.length).toBe(kernel.host.canReadJited ? info.jitedLength : 0);
    if (process.arch === 'x64' && kernel.host.canReadJited) {
      expect(Buffer.from(info.jited).toString('hex')).toContain('b82a000000');
    }
  });

  test('ids are those of bpftool', () => {
    const fd = accepted(kernel.load(FORTY_TWO));
    const { id } = kernel.programInfo(fd);
    expect(kernel.programIds()).toContain(id);
  });
});

describeKernel('test runs', () => {
  const length = assembled('r0 = *(u32 *)(r1 + 0)', 'exit');

  test('packet and context in and out', () => {
    const fd = accepted(kernel.load(length, { type: 'sched_cls' }));
    expect(kernel.testRun(fd, { data: new Uint8Array(99) }).retval).toBe(99);
    const mark = accepted(kernel.load(assembled('*(u32 *)(r1 + 8) = 77', 'r0 = 0', 'exit'), { type: 'sched_cls' }));
    const { context } = kernel.testRun(mark, { data: new Uint8Array(64), context: new Uint8Array(192) });
    expect(new DataView(context.buffer).getUint32(8, true)).toBe(77);
    const grow = accepted(
      kernel.load(assembled('r2 = -4', 'call 44', 'r0 = 3', 'exit'), { type: 'xdp' }), // bpf_xdp_adjust_head
    );
    const run = kernel.testRun(grow, { data: Uint8Array.from({ length: 64 }, (_, i) => i) });
    expect([run.retval, run.data.length, run.data[4], run.data[67]]).toEqual([3, 68, 0, 63]);
  });

  test('repeats, and tells the time of one run', () => {
    const fd = accepted(kernel.load(FORTY_TWO, { type: 'sched_cls' }));
    const { retval, durationNs } = kernel.testRun(fd, { data: new Uint8Array(64), repeat: 10_000 });
    expect(retval).toBe(42);
    expect(durationNs).toBeLessThan(100_000);
  });

  test('a type that cannot be test-run says ENOTSUPP', () => {
    const fd = accepted(kernel.load(FORTY_TWO, { type: 'kprobe' }));
    const run = (): unknown => kernel.testRun(fd, {});
    expect(run).toThrow(expect.objectContaining({ code: 'E_KERNEL_CALL', got: 'ENOTSUPP' }));
  });
});
