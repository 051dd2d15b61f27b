import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LiveKernel, openLiveKernel } from '@polybpf/kernel';
import { wasmEngine } from '@polybpf/jit-wasm';
import { skb, xdp } from '@polybpf/runtime';
import { describeKernel } from '../../kernel/test/with-kernel.ts';
import { generateProgram } from './generated-programs.ts';
import { exampleObject, openTwin } from './kernel-twin.native.ts';
import { packetSource } from './packets.ts';

/** Packets for each program; a campaign sets POLYBPF_PACKETS=10000. */
const PACKETS = Number(process.env['POLYBPF_PACKETS'] ?? 300);
const SEED = Number(process.env['POLYBPF_SEED'] ?? 1);

let kernel: LiveKernel;
beforeAll(() => {
  kernel = openLiveKernel();
});
afterAll(() => kernel?.[Symbol.dispose]());

describeKernel('random packets in the VM and in the kernel: verdict, packet and maps are equal', () => {
  test('xdp_firewall: hash maps, bounds', () => {
    const source = packetSource(SEED);
    using twin = openTwin(kernel, exampleObject('xdp-firewall'));
    twin.set('closed_ports', Uint8Array.of(53, 0), Uint8Array.of(1));
    for (let k = 0; k < PACKETS; k++) twin.compare('xdp_firewall', xdp({ packet: source.packet() }), `packet ${k}`);
    twin.compareMaps();
  });

  test('xdp_adjust: head, tail, metadata, load and store', () => {
    const source = packetSource(SEED + 1);
    using twin = openTwin(kernel, exampleObject('xdp-adjust'));
    for (let k = 0; k < PACKETS; k++) {
      const packet = source.packet();
      packet.set(source.bytes(8), 14);
      // Half of the moves are small, so that most are possible.
      if (source.number(2) === 0) packet.set([250 - source.number(60), 1 + source.number(2), source.number(256), 3 + source.number(2)], 14); // prettier-ignore
      twin.compare(
        'xdp_adjust',
        xdp({ packet }),
        `packet ${k} ${Buffer.from(packet.subarray(14, 22)).toString('hex')}`,
      );
    }
  });

  test('xdp_nat: LRU hash, globals, checksums, tail calls', () => {
    const source = packetSource(SEED + 2);
    using twin = openTwin(kernel, exampleObject('xdp-nat'));
    for (let k = 0; k < PACKETS; k++) twin.compare('xdp_nat', xdp({ packet: source.packet() }), `packet ${k}`);
    twin.compareMaps();
  });

  test('tc_rewrite: context fields, load and store, checksum helpers', () => {
    const source = packetSource(SEED + 3);
    using twin = openTwin(kernel, exampleObject('tc-rewrite'));
    for (let k = 0; k < PACKETS; k++) {
      const fields = { mark: source.number(2 ** 31), priority: source.number(9), cb: [source.number(99), 0, 0, 0, 7] };
      twin.compare('tc_rewrite', skb({ packet: source.packet(), fields }), `packet ${k}`);
    }
  });

  test('tc_adjust: size, VLAN tags, protocol', () => {
    const source = packetSource(SEED + 4);
    using twin = openTwin(kernel, exampleObject('tc-adjust'));
    for (let k = 0; k < PACKETS; k++) {
      const packet = source.packet();
      const order = source.bytes(8);
      order[2] = source.number(3);
      packet.set(order, packet.length - 8);
      twin.compare('tc_adjust', skb({ packet }), `packet ${k} ${Buffer.from(order).toString('hex')}`);
    }
  });

  test('socket_count: LD_ABS and LD_IND, link and network offsets', () => {
    const source = packetSource(SEED + 5);
    using twin = openTwin(kernel, exampleObject('socket-filter'));
    for (let k = 0; k < PACKETS; k++) twin.compare('socket_count', skb({ packet: source.packet() }), `packet ${k}`);
    twin.compareMaps();
  });

  test('strings: snprintf, strtol, strtoul, strncmp', () => {
    const source = packetSource(SEED + 6);
    using twin = openTwin(kernel, exampleObject('strings'));
    for (let k = 0; k < PACKETS; k++) {
      const packet = source.bytes(64 + source.number(40));
      const text = [' -123456 ', '0x7fX', '0777 ', '99999999999999999999', '\t+5', '0x', '', '-9223372036854775808', '-1', '18446744073709551615', 'polybpf', '  0b1', '08'][source.number(13)]!; // prettier-ignore
      if (source.number(3) > 0) packet.set(Buffer.from(`${text}\0`), 20);
      if (source.number(4) === 0) packet.set(Buffer.from('polybpf\0'), 40);
      twin.compare('strings', skb({ packet }), `packet ${k} ${Buffer.from(packet.subarray(14, 64)).toString('hex')}`);
    }
  });
});

describeKernel('generated programs', () => {
  test.each(['xdp', 'sched_cls'] as const)('%s: bounds, arithmetic, maps, checksums, sizes', (type) => {
    const source = packetSource(SEED + 20);
    const programs = Math.max(20, Math.floor(PACKETS / 10));
    for (let k = 0; k < programs; k++) {
      using twin = openTwin(kernel, generateProgram(source, type));
      for (let run = 0; run < 10; run++) {
        const packet = source.packet();
        twin.compare('generated', type === 'xdp' ? xdp({ packet }) : skb({ packet }), `program ${k}, packet ${run}`);
      }
    }
  });
});

describeKernel('the same with the WebAssembly engine', () => {
  test.each([
    ['xdp-firewall', 'xdp_firewall'],
    ['xdp-nat', 'xdp_nat'],
    ['tc-rewrite', 'tc_rewrite'],
    ['tc-adjust', 'tc_adjust'],
    ['socket-filter', 'socket_count'],
  ])('%s', (object, program) => {
    const source = packetSource(SEED + 7);
    using twin = openTwin(kernel, exampleObject(object), { engine: wasmEngine() });
    const { type } = twin.vm.program(program);
    for (let k = 0; k < Math.min(PACKETS, 1000); k++) {
      const packet = source.packet();
      twin.compare(program, type === 'xdp' ? xdp({ packet }) : skb({ packet }), `packet ${k}`);
    }
    twin.compareMaps();
  });
});

test('the number of packets is a number', () => expect(PACKETS).toBeGreaterThan(0));
