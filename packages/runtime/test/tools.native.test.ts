/** Every program of Debian's libbpf-tools in the VM, on an empty event: it runs to its exit, or says truly why not. */
import { existsSync, readFileSync } from 'node:fs';
import { parseBtf } from '@polybpf/btf';
import { tracepoint } from '@polybpf/helpers/tracepoints';
import { loadObject } from '@polybpf/loader';
import { createVm, type MapChange } from '@polybpf/runtime';
import { expect, test } from 'vitest';
import { libbpfTools } from '../../loader/test/corpus.ts';

const VMLINUX = '/sys/kernel/btf/vmlinux';
const tools = libbpfTools();
const missing =
  tools.length === 0 ? 'libbpf-tools is not installed' : existsSync(VMLINUX) ? undefined : `no ${VMLINUX}`;
const isCi = !['', 'false', undefined].includes(process.env['CI']);
/** What libbpf makes of an instruction whose relocation fails: a call that the verifier would not take if it were reached. */
const FAILED_RELOCATION = 'helper 195896080 is not registered';
const HASH = 1;
const STACK_TRACE = 7;

const title = 'programs of libbpf-tools run';
if (missing !== undefined && !isCi) test.skip(`${title} (skipped: ${missing})`, () => undefined);
else {
  test(title, () => {
    expect(missing).toBeUndefined();
    const targetBtf = parseBtf(readFileSync(VMLINUX));
    const kconfig = new Map([['LINUX_KERNEL_VERSION', '0x61200'], ['LINUX_HAS_BPF_COOKIE', 'y'], ['CONFIG_HZ', '1000']]); // prettier-ignore
    let exits = 0;
    const faults: string[] = [];
    for (const { name, bytes } of tools) {
      const object = loadObject(bytes, { targetBtf, kconfig });
      // The tools size these maps themselves.
      const unsized = object.maps.filter(({ kind, type, maxEntries }) => kind === 'map' && maxEntries === 0 && (type === HASH || type === STACK_TRACE)); // prettier-ignore
      const maps = Object.fromEntries(unsized.map(({ name: map, valueSize }): [string, MapChange] => [map, { maxEntries: 64, valueSize: valueSize || 160 }])); // prettier-ignore
      using vm = createVm({ object, maps, cpus: 2, tracepoints: tracepoint, budget: 1_000_000 });
      for (const program of vm.programs) {
        const { fault } = program.tryRun();
        if (fault === undefined) exits++;
        else faults.push(`${name} ${program.name}: ${fault.message}`);
      }
    }
    expect(faults.filter((text) => !text.includes(FAILED_RELOCATION))).toEqual([]);
    expect(exits).toBeGreaterThan(200);
  });
}
