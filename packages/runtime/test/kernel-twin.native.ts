/** The same object in the live kernel and in a VM: run on the same packets, compared after each. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { KernelMap, LiveKernel } from '@polybpf/kernel';
import { openProgramMaps } from '@polybpf/kernel';
import { loadObject, type LoadedObject } from '@polybpf/loader';
import { type BpfEvent, createVm, type Vm, type VmOptions } from '@polybpf/runtime';
import { expect } from 'vitest';

/** One object twice. */
export interface Twin extends Disposable {
  readonly vm: Vm;
  /** Writes an element of both. */
  set(map: string, key: Uint8Array, value: Uint8Array): void;
  /** Runs both and demands the same return value, packet and contents of all maps. */
  compare(program: string, event: BpfEvent, label: string): void;
  /** Demands the same contents of all maps, large ones too. */
  compareMaps(): void;
}

/** Elements of a map that is compared after every run. */
const LARGE = 100;

/** An example object of the repository. */
export function exampleObject(name: string, order: 'little' | 'big' = 'little'): LoadedObject {
  const path = fileURLToPath(new URL(`../../../examples/bpf/objects/${order}/${name}.o`, import.meta.url));
  return loadObject(readFileSync(path));
}

export function openTwin(kernel: LiveKernel, object: LoadedObject, options: Partial<VmOptions> = {}): Twin {
  const vm = createVm({ object, ...options });
  const maps = openProgramMaps(kernel, object.maps);
  maps.ensure(new Set(object.maps.keys()));
  const fds = new Map<string, number>();
  for (const program of object.programs) {
    const outcome = kernel.load(program.insns, {
      type: program.type!,
      license: 'GPL',
      name: program.name,
      fdArray: maps.fdArray,
      logLevel: 4,
      ...(program.attachType === undefined ? {} : { attachType: program.attachType }),
    });
    if (!outcome.accepted)
      throw new Error(`${program.name} refused: ${outcome.errnoName} ${outcome.message}\n${outcome.log}`);
    fds.set(program.name, outcome.fd);
  }
  object.maps.forEach((def, index) => {
    for (const { kind, offset, symbol } of def.initialSymbols ?? []) {
      if (kind !== 'program') continue;
      maps.maps[index]!.update(u32(offset), u32(fds.get(symbol)!));
    }
  });
  const close = (): void => {
    for (const fd of fds.values()) kernel.close(fd);
    maps.close();
  };
  let runs = 0;
  const compareMaps = (label: string, all: boolean): void => {
    object.maps.forEach((def, index) => {
      const { guest } = vm.map(def.name);
      // Large maps now and then: reading them takes longer than the runs.
      if (guest.objects !== undefined || (!all && guest.size > LARGE && runs % 512 !== 0)) return;
      expect(vm.map(def.name).dump(), `${label}: map ${def.name}`).toEqual(dumpKernelMap(maps.maps[index]!));
    });
  };
  return {
    vm,
    set(map, key, value) {
      const index = object.maps.findIndex(({ name }) => name === map);
      maps.maps[index]!.update(key, value);
      vm.map(map).guest.user.update(key, value, 0);
    },
    compare(program, event, label) {
      const ours = vm.program(program).tryRun(event);
      const context = contextOf(event);
      const theirs = kernel.testRun(fds.get(program)!, { ...(event.kind === 'xdp' || event.kind === 'skb' ? { data: event.packet } : {}), ...(context === undefined ? {} : { context }) }); // prettier-ignore
      expect(ours.error, label).toBeUndefined();
      expect(ours.retval, `${label}: verdict`).toBe(theirs.retval);
      const linkHeader =
        event.kind === 'skb' && !['sched_cls', 'sched_act'].includes(vm.program(program).type) ? 14 : 0;
      // XDP gives the metadata back with the packet.
      const metadata = event.kind === 'xdp' ? ours.metadata! : new Uint8Array(0);
      const packet = Buffer.concat([metadata, ours.packet!]);
      const other = Buffer.from(theirs.data.subarray(linkHeader));
      // The kernel gives back no more than there is room for.
      const room = event.kind === 'skb' || event.kind === 'xdp' ? event.packet.length + 4096 - linkHeader : 0;
      expect(Math.min(packet.length, room), `${label}: length`).toBe(other.length);
      const at = other.findIndex((byte, k) => packet[k] !== byte);
      const around = (bytes: Buffer): string => bytes.subarray(Math.max(0, at - 4), at + 20).toString('hex');
      expect(at < 0 ? '' : around(packet), `${label}: packet at ${at}`).toBe(at < 0 ? '' : around(other));
      runs++;
      compareMaps(label, false);
    },
    compareMaps: () => compareMaps('at the end', true),
    [Symbol.dispose]: close,
  };
}

function u32(value: number): Uint8Array {
  return new Uint8Array(new Uint32Array([value]).buffer);
}

/** `struct __sk_buff` as test runs take it: only these fields may be set. */
function contextOf(event: BpfEvent): Uint8Array | undefined {
  if (event.kind !== 'skb' || event.fields === undefined) return undefined;
  const context = new Uint8Array(192);
  const view = new DataView(context.buffer);
  view.setUint32(8, Number(event.fields['mark'] ?? 0), true);
  view.setUint32(32, Number(event.fields['priority'] ?? 0), true);
  const cb = (event.fields['cb'] ?? []) as readonly number[];
  cb.forEach((value, k) => view.setUint32(48 + 4 * k, value, true));
  return context;
}

function dumpKernelMap(map: KernelMap): Record<string, string> {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  return Object.fromEntries([...map.entries()].map(({ key, value }) => [hex(key), hex(value)]));
}
