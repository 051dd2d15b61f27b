/** How a program is tested without root: packets in, verdicts and maps out, coverage of the C source. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildPacket, createVm, type Vm, xdp } from '@polybpf/runtime';
import { type BpfMatchers, bpfMatchers, createCoverage } from '@polybpf/testing';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';

declare module 'vitest' {
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type, @typescript-eslint/no-unused-vars
  interface Matchers<T> extends BpfMatchers<void> {}
}

expect.extend(bpfMatchers);

const object = readFileSync(fileURLToPath(new URL('../bpf/objects/little/xdp-firewall.o', import.meta.url)));
const coverage = createCoverage();
const addresses = { source: '10.0.0.1', destination: '10.0.0.2' };
let vm: Vm;

beforeEach(() => {
  vm = createVm({ object, trace: coverage.trace });
  coverage.add(vm);
  vm.map<number, number>('closed_ports').set(53, 1);
});

describe('xdp_firewall', () => {
  const run = (packet: Uint8Array): ReturnType<ReturnType<Vm['program']>['tryRun']> =>
    vm.program('xdp_firewall').tryRun(xdp({ packet }));

  test('lets UDP to open ports pass and counts it', () => {
    const packet = buildPacket({ ipv4: addresses, udp: { source: 4000, destination: 123 } });
    expect(run(packet)).toReturn('XDP_PASS');
    expect(run(packet)).toHavePacket(packet);
    expect(vm).toHaveMapEntry('by_protocol', 17, { packets: 2, bytes: 2 * packet.length });
    expect(vm).toHaveMapSize('by_protocol', 1);
  });

  test('drops UDP to closed ports', () => {
    expect(run(buildPacket({ ipv4: addresses, udp: { source: 4000, destination: 53 } }))).toReturn('XDP_DROP');
  });

  test('counts other protocols by EtherType and lets them pass', () => {
    const ipv6 = { source: 'fe80::1', destination: 'fe80::2' };
    expect(run(buildPacket({ ipv6, icmp: { type: 128 } }))).toReturn('XDP_PASS');
    expect(vm).toHaveMapEntry('by_protocol', 0x186dd);
  });

  test('drops what is cut, without a fault', () => {
    const packet = buildPacket({ ipv4: addresses, udp: { source: 1, destination: 2 } });
    expect(run(packet.subarray(0, 38))).toReturn('XDP_DROP');
    expect(run(packet.subarray(0, 20))).toReturn('XDP_DROP');
    expect(run(packet.subarray(0, 14))).toExit();
  });
});

afterAll(() => {
  const { covered, total } = coverage.summary();
  expect(covered / total).toBeGreaterThan(0.9);
  expect(coverage.lcov('xdp_firewall')).toMatch(/^TN:xdp_firewall\nSF:.*xdp-firewall\.bpf\.c\n/);
});
