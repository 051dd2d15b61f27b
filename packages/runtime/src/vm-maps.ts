/** The maps of a VM: created from definitions, in the memory of its programs, filled as the object says. */
import { type Btf, sizeOf } from '@polybpf/btf';
import { BpfError, isBpfError } from '@polybpf/errors';
import type { Memory, RegionInit } from '@polybpf/interpreter';
import type { MapDef, Program } from '@polybpf/isa';
import type { LoadedObject } from '@polybpf/loader';
import { createMap, type GuestMap, MAP_TYPE, type MapArena, type MapOptions } from '@polybpf/maps';
import { specialFields } from './btf-codec.ts';
import { writeInteger } from './byte-order.ts';
import type { World } from './world.ts';

/** Guest memory as maps take it: each allocation is a region. */
export function memoryArena(memory: Memory): MapArena {
  return {
    allocate(name, size, { readable, writable }) {
      const init: RegionInit = { name, kind: 'map_value', data: memory.allocate(size), readable, writable };
      const region = memory.add(init);
      return { bytes: region.data, address: memory.addressOf(region) };
    },
  };
}

/** A map of an object with its definition. */
export interface VmMapEntry {
  readonly def: MapDef;
  /** Undefined for a type that means nothing outside of a kernel; then `problem` says why. */
  readonly guest: GuestMap | undefined;
  readonly problem: BpfError | undefined;
}

const ARRAY = MAP_TYPE.ARRAY;
const RDONLY_PROG = 0x80;
const PERF_BUFFER_BYTES = 1 << 30;

/** Maps that hold file descriptors, with keys that are indices: both have 4 bytes where the object says nothing (libbpf). */
const DESCRIPTOR_MAPS: ReadonlySet<number> = /* @__PURE__ */ new Set([
  MAP_TYPE.PROG_ARRAY,
  MAP_TYPE.PERF_EVENT_ARRAY,
  MAP_TYPE.CGROUP_ARRAY,
  MAP_TYPE.ARRAY_OF_MAPS,
]);

/** Sections of data are arrays of one element; constants cannot be written by programs. */
function specOf(def: MapDef, cpus: number): MapDef {
  if (DESCRIPTOR_MAPS.has(def.type) || def.type === MAP_TYPE.HASH_OF_MAPS) {
    const perCpu = def.type === MAP_TYPE.PERF_EVENT_ARRAY && def.maxEntries === 0;
    const keySize = def.keySize === 0 && DESCRIPTOR_MAPS.has(def.type) ? 4 : def.keySize;
    return { ...def, keySize, valueSize: def.valueSize || 4, maxEntries: perCpu ? cpus : def.maxEntries };
  }
  if (def.kind === 'map') return def;
  const constant = def.kind === 'rodata' || def.kind === 'kconfig';
  return { ...def, type: ARRAY, keySize: 4, maxEntries: 1, flags: constant ? RDONLY_PROG : 0 };
}

/**
 * Creates the maps of an object.
 *
 * @throws BpfError `E_KERNEL_CALL` when the kernel would refuse a definition
 */
export function createMaps(
  world: World,
  defs: readonly MapDef[],
  btf: Btf | undefined,
  changes: Readonly<Record<string, Partial<MapDef>>>,
): VmMapEntry[] {
  const stranger = Object.keys(changes).find((name) => !defs.some((def) => def.name === name));
  if (stranger !== undefined) {
    throw new BpfError('E_INPUT', 'map to change', {
      expected: defs.map(({ name }) => name).join(', '),
      got: stranger,
    });
  }
  const arena = memoryArena(world.memory);
  return defs.map((def, index) => {
    const handle = world.memory.addressOf(
      world.memory.add({ name: def.name, kind: 'map', data: new Uint8Array(0), readable: false, writable: false }),
    );
    const options: MapOptions = {
      arena,
      endian: world.endian,
      cpus: world.cpus,
      currentCpu: () => world.cpu,
      handle,
      id: index + 1,
      fields: fieldsOf(def, btf),
      freeField: (_field, address) => void world.timers.delete(address),
    };
    try {
      const guest = createMap(specOf({ ...def, ...changes[def.name] }, world.cpus), options);
      guest.handle = handle;
      // Nobody reads while programs run: room for all records of a run.
      guest.events?.open(PERF_BUFFER_BYTES);
      world.maps.set(handle, guest);
      return { def, guest, problem: undefined };
    } catch (error) {
      if (!isBpfError(error) || error.code !== 'E_UNSUPPORTED') throw error;
      return { def, guest: undefined, problem: error };
    }
  });
}

function fieldsOf(def: MapDef, btf: Btf | undefined): ReturnType<typeof specialFields> {
  const id = def.btfValueTypeId;
  if (btf === undefined || id === undefined || id === 0 || def.kind !== 'map') return [];
  return sizeOf(btf, id) === def.valueSize ? specialFields(btf, id) : [];
}

/** What a VM knows about its own kernel, as libbpf fills it in (bpf_object__resolve_externs). */
export const KNOWN_KCONFIG: readonly string[] = [
  'LINUX_KERNEL_VERSION',
  'LINUX_HAS_BPF_COOKIE',
  'LINUX_HAS_SYSCALL_WRAPPER',
  'CONFIG_HZ',
];

/** Fills `.kconfig` with what the VM itself decides, where the object was loaded without a configuration. */
export function fillKconfig(world: World, object: LoadedObject, maps: readonly VmMapEntry[], release: string): void {
  const entry = maps.find(({ def }) => def.kind === 'kconfig');
  const values = entry?.guest?.values;
  if (values === undefined || entry?.def.initial !== undefined) return;
  const [major = 0, minor = 0, patch = 0] = release.split('.').map(Number);
  const known: readonly number[] = [major * 65536 + minor * 256 + Math.min(patch, 255), 1, 1, world.hz];
  for (const { name, offset, size } of object.kconfig) {
    const at = KNOWN_KCONFIG.indexOf(name);
    if (at >= 0 && size <= 8) writeInteger(values.bytes, offset, size, known[at]!, world.endian);
  }
}

/** Key of a slot of an array. */
export function slotKey(world: Pick<World, 'endian'>, index: number): Uint8Array {
  const key = new Uint8Array(4);
  writeInteger(key, 0, 4, index, world.endian);
  return key;
}

/** Fills maps of maps and program arrays as the object's initialisers say. */
export function fillObjectMaps(world: World, entries: readonly VmMapEntry[], programs: readonly Program[]): void {
  for (const { def, guest } of entries) {
    if (def.kind !== 'map' || guest?.objects === undefined) continue;
    for (const { kind, offset, symbol, map } of def.initialSymbols ?? []) {
      const key = slotKey(world, offset);
      const inner = kind === 'map' && map !== undefined ? entries[map]?.guest : undefined;
      const program = kind === 'program' ? programs.find(({ name }) => name === symbol) : undefined;
      if (inner !== undefined) guest.objects.set(key, { id: inner.id, kind: 'map', object: inner });
      else if (program !== undefined) guest.objects.set(key, { id: programs.indexOf(program) + 1, kind: 'program', object: program }); // prettier-ignore
    }
  }
}
