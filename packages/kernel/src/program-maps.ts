/** The maps of a program or object in the kernel, as libbpf creates them (tools/lib/bpf/libbpf.c, bpf_object__create_map). */
import { BpfError, isBpfError } from '@polybpf/errors';
import { constants as c, type Insn, type MapDef } from '@polybpf/isa';
import { MAP_FLAGS, type MapInit, possibleCpus } from './create-map.ts';
import type { LiveKernel } from './live-kernel.ts';
import type { KernelMap } from './map-access.ts';
import { mapTypeName } from './type-names.ts';

/** The maps by index of the definition. They are created when they are first needed. */
export interface ProgramMaps extends Disposable {
  /** Undefined where nothing asked for the map yet. */
  readonly maps: readonly (KernelMap | undefined)[];
  /** What `BPF_PSEUDO_MAP_IDX` refers to: file descriptors by index, -1 for those that are not there. */
  readonly fdArray: readonly number[];
  /**
   * Creates the maps with these indices and fills them: initial data, maps of maps by their slots. Data that nobody may
   * write is frozen, so that the verifier takes it for constants.
   *
   * @throws BpfError `E_KERNEL_CALL` for a map that the kernel refuses, `E_UNSUPPORTED` for data that holds addresses
   */
  ensure(used: ReadonlySet<number>): void;
  close(): void;
}

/** What {@link openProgramMaps} can be told beside the definitions. */
export interface ProgramMapsOptions {
  /** File descriptor of the object's BTF, as loaded; without it maps have no BTF. */
  readonly btfFd?: number;
  /** Whether the loaded BTF describes a map's value; default: those of kind `map`. */
  readonly hasType?: (definition: MapDef) => boolean;
  /** Contents of a data section; default: what its definition says. */
  readonly contents?: (definition: MapDef) => Uint8Array | undefined;
}

/** Types that refuse BTF for key and value (libbpf: bpf_object__create_map). */
// prettier-ignore
const WITHOUT_BTF: ReadonlySet<string> = new Set([
  'perf_event_array', 'cgroup_array', 'stack_trace', 'array_of_maps', 'hash_of_maps', 'devmap', 'devmap_hash', 'cpumap',
  'xskmap', 'sockmap', 'sockhash', 'queue', 'stack', 'arena',
]);
const PAGE_SIZE = 4096;
const FIRST_KEY: Uint8Array = /* @__PURE__ */ new Uint8Array(4);

/**
 * Indices of the maps that instructions refer to.
 *
 * @param maps - the definitions that the instructions' indices mean
 */
export function usedMaps(insns: readonly Insn[], maps: readonly MapDef[]): Set<number> {
  const used = new Set<number>();
  for (const { opcode, src_reg, imm } of insns) {
    if (opcode !== (c.BPF_LD | c.BPF_IMM | c.BPF_DW) || maps[imm] === undefined) continue;
    if (src_reg === c.BPF_PSEUDO_MAP_IDX || src_reg === c.BPF_PSEUDO_MAP_IDX_VALUE) used.add(imm);
  }
  return used;
}

/** Maps of a program or object, none of them created yet. */
export function openProgramMaps(
  kernel: LiveKernel,
  definitions: readonly MapDef[],
  options: ProgramMapsOptions = {},
): ProgramMaps {
  const maps: (KernelMap | undefined)[] = definitions.map(() => undefined);
  const close = (): void => {
    maps.forEach((map) => map?.close());
    maps.fill(undefined);
  };
  return {
    maps,
    get fdArray() {
      return maps.map((map) => map?.fd ?? -1);
    },
    ensure(used) {
      const fresh = [...withInner(definitions, used)].filter((index) => maps[index] === undefined);
      try {
        for (const index of fresh) maps[index] = createOne(kernel, definitions[index]!, options);
        for (const index of fresh) fill(definitions[index]!, maps, index, options);
      } catch (error) {
        for (const index of fresh) {
          maps[index]?.close();
          maps[index] = undefined;
        }
        throw error;
      }
    },
    close,
    [Symbol.dispose]: close,
  };
}

/** The maps that these hold in their slots as well. */
function withInner(definitions: readonly MapDef[], used: ReadonlySet<number>): Set<number> {
  const all = new Set(used);
  for (const index of all) {
    for (const { kind, map } of definitions[index]?.initialSymbols ?? []) {
      if (kind === 'map' && map !== undefined) all.add(map); // a set in iteration also gives what is added
    }
  }
  return all;
}

function createOne(kernel: LiveKernel, definition: MapDef, options: ProgramMapsOptions): KernelMap {
  const inner = definition.inner === undefined ? undefined : createOne(kernel, definition.inner, options);
  try {
    const init = { ...mapInit(definition), ...(inner === undefined ? {} : { innerMapFd: inner.fd }) };
    const hasType = options.hasType ?? ((map: MapDef): boolean => map.kind === 'map');
    const { btfFd } = options;
    const typed = btfFd === undefined || !hasType(definition) ? undefined : withBtf(init, definition, btfFd);
    return typed === undefined ? kernel.createMap(init) : createTyped(kernel, typed, init);
  } finally {
    inner?.close();
  }
}

/** libbpf tries again without BTF, for kernels that refuse it for the type; what needs BTF then fails with its reason. */
function createTyped(kernel: LiveKernel, typed: MapInit, plain: MapInit): KernelMap {
  try {
    return kernel.createMap(typed);
  } catch (error) {
    if (!isBpfError(error)) throw error;
    return kernel.createMap(plain);
  }
}

function withBtf(init: MapInit, definition: MapDef, btfFd: number): MapInit | undefined {
  const { btfKeyTypeId, btfValueTypeId } = definition;
  if (btfValueTypeId === undefined || WITHOUT_BTF.has(mapTypeName(definition.type))) return undefined;
  return { ...init, btfFd, btfValueTypeId, btfKeyTypeId: btfKeyTypeId ?? 0 };
}

function mapInit(definition: MapDef): MapInit {
  const { name, type, keySize, valueSize, flags, numaNode, mapExtra } = definition;
  return {
    type,
    keySize,
    valueSize,
    maxEntries: effectiveEntries(definition),
    flags: flags | (numaNode === undefined ? 0 : MAP_FLAGS.BPF_F_NUMA_NODE),
    name: name.replace(/^\.+/, ''),
    ...(numaNode === undefined ? {} : { numaNode }),
    ...(mapExtra === undefined ? {} : { mapExtra }),
  };
}

/** Perf arrays without a size get one place for each CPU; ring buffers are a power of two of whole pages. */
function effectiveEntries({ type, maxEntries }: MapDef): number {
  const name = mapTypeName(type);
  if (name === 'perf_event_array' && maxEntries === 0) return possibleCpus();
  if ((name === 'ringbuf' || name === 'user_ringbuf') && maxEntries > 0 && maxEntries <= 2 ** 31) {
    return Math.max(PAGE_SIZE, 2 ** Math.ceil(Math.log2(maxEntries)));
  }
  return maxEntries;
}

function fill(
  definition: MapDef,
  maps: readonly (KernelMap | undefined)[],
  index: number,
  options: ProgramMapsOptions,
): void {
  const map = maps[index]!;
  if (definition.kind !== 'map') {
    const initial = options.contents === undefined ? definition.initial : options.contents(definition);
    const address = definition.initialSymbols?.[0];
    if (address !== undefined) throw unsupported(`the address of ${address.symbol} in the data section ${definition.name}`); // prettier-ignore
    if (initial !== undefined) map.update(FIRST_KEY, initial);
    if (definition.kind === 'rodata' || definition.kind === 'kconfig') map.freeze();
    return;
  }
  for (const { offset: slot, kind, map: target, symbol } of definition.initialSymbols ?? []) {
    if (kind === 'program') continue; // places of program arrays are filled once programs are loaded
    const inner = target === undefined ? undefined : maps[target];
    if (kind !== 'map' || inner === undefined) throw unsupported(`${kind} ${symbol} in the map ${definition.name}`);
    map.update(word(slot), word(inner.fd));
  }
}

function word(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

function unsupported(what: string): BpfError {
  return new BpfError('E_UNSUPPORTED', what);
}
