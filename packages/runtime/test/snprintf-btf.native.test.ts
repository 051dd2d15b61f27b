/** `bpf_snprintf_btf` in the VM and in the kernel, on the same bytes and types of the kernel. */
import { readFileSync } from 'node:fs';
import { assemble } from '@polybpf/asm';
import { findTypes, parseBtf } from '@polybpf/btf';
import { openLiveKernel, openProgramMaps } from '@polybpf/kernel';
import { createVm, rawTracepoint } from '@polybpf/runtime';
import { expect, test } from 'vitest';
import { describeKernel } from '../../kernel/test/with-kernel.ts';
import { packetSource } from './packets.ts';

const SIZE = 256;
const ROOM = 4096;
/** Flags, and types with integers, arrays of characters, nested and anonymous members, unions, bit fields, enums. */
const FLAGS = [0, 1, 2, 3, 8, 9];
const TYPES = ['iphdr', 'tcphdr', 'ethhdr', '__sk_buff', 'bpf_sock', 'timespec64', 'list_head', 'in6_addr', 'bpf_insn', 'kuid_t', 'u32', 'char', 'sockaddr', 'xdp_md', 'flow_dissector_key_tags', 'bpf_perf_event_value', 'old_timespec32', 'ipv6hdr', 'bpf_prog_type']; // prettier-ignore

const lines = (type: number, flags: number): string[] => [
  '.map input type=array key=4 value=256 entries=1',
  '.map output type=array key=4 value=4096 entries=1',
  'r1 = map_value input[0] ll',
  '*(u64 *)(r10 - 16) = r1',
  `*(u32 *)(r10 - 8) = ${type}`,
  '*(u32 *)(r10 - 4) = 0',
  'r1 = map_value output[0] ll',
  `r2 = ${ROOM}`,
  'r3 = r10',
  'r3 += -16',
  'r4 = 16',
  `r5 = ${flags}`,
  'call 149',
  'exit',
];

describeKernel('snprintf_btf', () => {
  test('the same text as the kernel', () => {
    using kernel = openLiveKernel();
    const kernelTypes = parseBtf(readFileSync('/sys/kernel/btf/vmlinux'));
    const source = packetSource(5);
    let compared = 0;
    for (const name of TYPES) {
      const found = findTypes(kernelTypes, name).find(({ kind }) =>
        ['STRUCT', 'TYPEDEF', 'INT', 'ENUM'].includes(kind),
      );
      if (found === undefined) continue;
      for (const flags of FLAGS) {
        const program = { ...assemble(lines(found.id, flags).join('\n')), name: 'show', type: 'raw_tracepoint' };
        using maps = openProgramMaps(kernel, program.maps);
        maps.ensure(new Set([0, 1]));
        const loaded = kernel.load(program.insns, { type: 'raw_tracepoint', fdArray: maps.fdArray, logLevel: 4 });
        if (!loaded.accepted) throw new Error(`${loaded.errnoName} ${loaded.message}`);
        const vm = createVm({ program, kernelTypes });
        for (const bytes of [
          new Uint8Array(SIZE),
          source.bytes(SIZE),
          Uint8Array.from({ length: SIZE }, (_, k) => (k % 7 === 0 ? 65 + (k % 26) : 0)),
        ]) {
          const key = new Uint8Array(4);
          maps.maps[0]!.update(key, bytes);
          vm.map<Uint8Array, Uint8Array>('input').set(key, bytes);
          const theirs = kernel.testRun(loaded.fd, { context: new Uint8Array(8), output: false });
          const ours = vm.program().run(rawTracepoint([0]));
          const text = (value: Uint8Array): string => Buffer.from(value).toString('latin1').replace(/\0.*/s, '');
          // Pointers are hashed by the kernel.
          const plain = (value: string): string => value.replace(/0x[0-9a-f]{16}/g, '0xPOINTER');
          const label = `${name}, flags ${flags}`;
          expect(plain(text(vm.map<Uint8Array, Uint8Array>('output').get(key) as Uint8Array)), label).toBe(plain(text(maps.maps[1]!.lookup(key)!))); // prettier-ignore
          expect(ours.retval, label).toBe(theirs.retval);
          compared++;
        }
        kernel.close(loaded.fd);
      }
    }
    expect(compared).toBeGreaterThan(200);
  });
});
