/** Objects of examples/bpf in both byte orders: typed maps and globals, routing, recordings. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadObject } from '@polybpf/loader';
import { buildPacket, createVm, formatRecording, kprobe, parseIpv4, programsFor, recordVm, replayRecording, skb, tracepoint, type Vm, xdp } from '@polybpf/runtime'; // prettier-ignore
import { describe, expect, test } from 'vitest';

const ORDERS = ['little', 'big'] as const;
const bytesOf = (name: string, order: (typeof ORDERS)[number]): Uint8Array =>
  new Uint8Array(readFileSync(fileURLToPath(new URL(`../../../examples/bpf/objects/${order}/${name}.o`, import.meta.url)))); // prettier-ignore
const UDP = buildPacket({ ipv4: { source: '10.1.2.3', destination: '10.0.0.9', ttl: 9 }, udp: { source: 5, destination: 53 }, payload: 'query' }); // prettier-ignore

describe.each(ORDERS)('%s-endian objects', (order) => {
  test('globals and maps are typed; the packet is rewritten with right checksums', () => {
    using vm = createVm({ object: bytesOf('xdp-nat', order) });
    expect(vm.globals.names).toEqual(expect.arrayContaining(['seen', 'target']));
    vm.globals.set('target', 0xc0a80001);
    const result = vm.program('xdp_nat').run(xdp({ packet: UDP }));
    expect(result.verdict).toBe('XDP_TX');
    expect(vm.globals.get('seen')).toBe(1n);
    const expected = buildPacket({ ipv4: { source: '10.1.2.3', destination: '192.168.0.1', ttl: 8 }, udp: { source: 5, destination: 53 }, payload: 'query' }); // prettier-ignore
    // The program takes the checksum of UDP away.
    expected.fill(0, 40, 42);
    expect(result.packet).toEqual(expected);
    const source = new DataView(parseIpv4('10.1.2.3').buffer).getUint32(0, order === 'little');
    expect([...vm.map<number, bigint>('sources').entries()]).toEqual([[source, 1n]]);
    expect(() => vm.globals.get('nope')).toThrow('seen');
    expect(() => vm.globals.set('seen', 'x')).toThrow('an integer of 64 bits');
  });

  test('globals of one section lie where the symbols say, not where BTF says (clang leaves 0 there)', () => {
    const object = loadObject(bytesOf('xdp-nat', order));
    const { map } = object.variables.find(({ name }) => name === 'seen')!;
    const { btfTypeId } = object.variables.find(({ name }) => name === 'target')!;
    const part = { map, size: 4, isStatic: false, btfTypeId: btfTypeId! };
    using vm = createVm({ object: { ...object, variables: [{ ...part, name: 'first', offset: 0 }, { ...part, name: 'second', offset: 4 }] } }); // prettier-ignore
    vm.program('xdp_nat').run(xdp({ packet: UDP }));
    const counted = order === 'little' ? [1, 0] : [0, 1];
    expect([vm.globals.get('first'), vm.globals.get('second')]).toEqual(counted);
    vm.globals.set('second', 7);
    expect(vm.globals.get('first')).toBe(counted[0]);
  });

  test('externs of .kconfig that the VM decides have values', () => {
    const object = loadObject(bytesOf('xdp-nat', order));
    const map = {
      name: '.kconfig',
      kind: 'kconfig',
      type: 2,
      keySize: 4,
      valueSize: 8,
      maxEntries: 1,
      flags: 0,
    } as const;
    const extern = { size: 4, weak: false, btfTypeId: 0 };
    const kconfig = [
      { ...extern, name: 'LINUX_KERNEL_VERSION', offset: 0 },
      { ...extern, name: 'CONFIG_HZ', offset: 4 },
    ];
    const twoNumbers = (vm: Vm): number[] => {
      const view = new DataView(vm.map('.kconfig').guest.values!.bytes.slice().buffer);
      return [view.getUint32(0, order === 'little'), view.getUint32(4, order === 'little')];
    };
    using vm = createVm({ object: { ...object, maps: [...object.maps, map], kconfig }, profile: '5.15', hz: 250 });
    expect(twoNumbers(vm)).toEqual([0x050f00, 250]);
    const given = { ...map, initial: new Uint8Array(8) };
    using told = createVm({ object: { ...object, maps: [...object.maps, given], kconfig } });
    expect(twoNumbers(told)).toEqual([0, 0]);
  });

  test('tc: ports and addresses are rewritten to the same packet whatever the order of the machine', () => {
    using vm = createVm({ object: bytesOf('tc-rewrite', order) });
    const { packet } = vm.program().run(skb({ packet: UDP }));
    const sum = packet!.slice(24, 26);
    // What the program does to the checksum with odd arguments cancels out only on paper; addresses and ports are plain.
    expect(sum.length).toBe(2);
    expect(packet!.slice(26, 34)).toEqual(Uint8Array.of(10, 1, 2, 3, 192, 168, 1, 23));
    expect(packet!.slice(36, 38)).toEqual(Uint8Array.of(8080 >> 8, 8080 & 255));
    expect(vm.map<number, bigint>('fields').get(13)).toBe(0n);
  });

  test('packet loads of a socket filter', () => {
    using vm = createVm({ object: bytesOf('socket-filter', order) });
    expect(vm.program().run(skb({ packet: UDP })).retval).not.toBe(0);
    expect([...vm.map<number, bigint>('ports').entries()]).toEqual([[53, 1n]]);
  });

  test('events go to the programs that their place names', () => {
    using vm = createVm({ object: bytesOf('execve', order) });
    expect(programsFor(vm, kprobe(), { place: 'sys_execve' }).map(({ name }) => name)).toEqual(['kprobe_execve']);
    expect(() => programsFor(vm, kprobe(), { place: 'sys_open' })).toThrow('kprobe at sys_open');
    expect(() => programsFor(vm, tracepoint('a:b'))).toThrow('kprobe_execve (kprobe sys_execve)');
  });

  test('a recording replays to the same, and a change in it is found', () => {
    const bytes = bytesOf('xdp-nat', order);
    const recorder = recordVm({ bytes, object: loadObject(bytes), seed: 7 });
    recorder.vm.globals.set('target', 1);
    for (let k = 0; k < 3; k++) recorder.run('xdp_nat', xdp({ packet: UDP }));
    const recording = recorder.finish();
    expect(formatRecording(recording).trimEnd().split('\n')).toHaveLength(5);
    expect(replayRecording(recording)).toMatchObject({ steps: 3, differences: [] });
    const changed = { ...recording, header: { ...recording.header, data: { '.rodata': '00000000' } } };
    expect(new Set(replayRecording(changed).differences.map(({ what }) => what))).toEqual(new Set(['packet', 'map .rodata'])); // prettier-ignore
  });
});
