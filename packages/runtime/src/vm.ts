/** The virtual machine: programs, maps, helpers and an engine in one object. Its inputs decide everything it does. */
import type { Btf } from '@polybpf/btf';
import { BpfError } from '@polybpf/errors';
import { createRegistry, profileByName, type Registry, type RegistryProfile } from '@polybpf/helpers';
import { createArena, createInterpreter, createMemory, type Engine, type Interpreter, type InterpreterOptions, type Memory, type Region, type TraceHook } from '@polybpf/interpreter'; // prettier-ignore
import type { MapDef, Program } from '@polybpf/isa';
import { loadObject, type LoadedObject, type LoadOptions } from '@polybpf/loader';
import type { GuestMap } from '@polybpf/maps';
import type { TracepointLayouts } from './tracepoint-record.ts';
import { createHelperSet, type OwnHelpers } from './helper-set.ts';
import { seededRandom } from './random.ts';
import { createSymbols, type SymbolInit } from './vm-symbols.ts';
import { createGlobals, type Globals } from './vm-globals.ts';
import { createVmMap, type VmMap } from './vm-map.ts';
import { createMaps, fillKconfig, fillObjectMaps, slotKey, type VmMapEntry } from './vm-maps.ts';
import { createVmProgram, type ProgramHost, type VmProgram } from './vm-program.ts';
import { fireTimer, nextTimer } from './vm-timers.ts';
import type { World } from './world.ts';

/** What {@link createVm} takes. Either an object or programs. */
export interface VmOptions extends OwnHelpers {
  /** An object file, or what `loadObject` made of one. */
  readonly object?: Uint8Array | LoadedObject;
  /** How an object file is loaded: target BTF for CO-RE, kernel configuration. */
  readonly load?: LoadOptions;
  readonly program?: Program;
  readonly programs?: readonly Program[];
  /** What there is of helpers and kfuncs: a profile or its name; default `6.18`. */
  readonly profile?: RegistryProfile | string;
  /** Number of CPUs, default 1. */
  readonly cpus?: number;
  /** `CLOCK_MONOTONIC` at the start in nanoseconds, default 0. */
  readonly time?: bigint | number;
  /** Nanoseconds that each reading of the clock adds, default 0. */
  readonly tick?: bigint | number;
  /** `CLOCK_BOOTTIME` - `CLOCK_MONOTONIC`, default 0. */
  readonly bootOffset?: bigint | number;
  /** `CLOCK_TAI` - `CLOCK_MONOTONIC`, default 0. */
  readonly taiOffset?: bigint | number;
  /** Jiffies per second, default 1000. */
  readonly hz?: number;
  /** Of chance, default 1. */
  readonly seed?: number;
  /** Values of kernel symbols (`.ksyms`, externs): numbers, memory, or memory of each CPU. */
  readonly symbols?: Readonly<Record<string, SymbolInit>>;
  /** Fields of tracepoints; default: none but those that events bring. */
  readonly tracepoints?: TracepointLayouts;
  /** Types of the kernel, for `bpf_snprintf_btf`; default: the target BTF of `load`. */
  readonly kernelTypes?: Btf;
  /** Gets each line of `bpf_printk` as it is printed. */
  readonly onPrint?: (line: string) => void;
  /** Instructions of a run at most; default as the interpreter's. */
  readonly budget?: number;
  /** Runs programs instead of the interpreter's loop, e.g. `wasmEngine()` of @polybpf/jit-wasm. */
  readonly engine?: Engine;
  /** Bytes of guest memory in all, for an engine in WebAssembly; default 64 MiB. */
  readonly arenaBytes?: number;
  /**
   * Whether loads of memory that is not there give 0, as loads through pointers of kernel types do in the kernel; default:
   * for programs that have such pointers (fentry, fexit, tp_btf, LSM, struct_ops).
   */
  readonly probeLoads?: boolean;
  /** Sizes and flags of maps that user space sets before it loads, by name. */
  readonly maps?: Readonly<Record<string, MapChange>>;
  /** Called before every instruction. */
  readonly trace?: TraceHook;
}

/** What user space can change in a map's definition. */
export type MapChange = Partial<Pick<MapDef, 'keySize' | 'valueSize' | 'maxEntries' | 'flags'>>;

/** Program types whose arguments are pointers of kernel types. */
const PROBING_TYPES: ReadonlySet<string> = /* @__PURE__ */ new Set(['tracing', 'lsm', 'struct_ops']);

/** See the file's head. */
export interface Vm extends Disposable {
  readonly memory: Memory;
  readonly registry: Registry;
  /** Every program, in the order of the object. */
  readonly programs: readonly VmProgram[];
  /**
   * A program by name; without a name the only one.
   *
   * @throws BpfError `E_INPUT`
   */
  program(name?: string): VmProgram;
  /** Names of maps, data sections included. */
  readonly mapNames: readonly string[];
  /**
   * A map by name.
   *
   * @throws BpfError `E_INPUT`; `E_UNSUPPORTED` for a map of a type that means nothing outside of a kernel
   */
  map<K = unknown, V = unknown>(name: string): VmMap<K, V>;
  readonly globals: Globals;
  /** Every line that was printed. */
  readonly printed: readonly string[];
  /** `CLOCK_MONOTONIC` now, in nanoseconds. */
  readonly time: bigint;
  /**
   * Moves the clock, never backwards, and lets timers fire on the way.
   *
   * @throws BpfError `E_RUN_*` of a callback
   */
  advanceTo(time: bigint | number): void;
  /** Ends iteration over records. The memory is the garbage collector's. */
  dispose(): void;
}

function loaded(options: VmOptions): LoadedObject | undefined {
  const { object } = options;
  return object instanceof Uint8Array ? loadObject(object, options.load) : object;
}

/**
 * Creates a VM.
 *
 * @throws BpfError `E_INPUT` for options that make no sense, `E_LOAD_*` for an object, `E_KERNEL_CALL` for a map definition
 *   that the kernel would refuse
 */
export function createVm(options: VmOptions): Vm {
  const object = loaded(options);
  const programs = object?.programs ?? options.programs ?? (options.program === undefined ? [] : [options.program]);
  const endian = object?.endian ?? programs[0]?.endian ?? 'little';
  const cpus = options.cpus ?? 1;
  if (!Number.isInteger(cpus) || cpus < 1 || cpus > 4096) {
    throw new BpfError('E_INPUT', 'number of CPUs', { expected: '1 to 4096', got: String(cpus) });
  }
  const { profile = '6.18' } = options;
  const registry = createRegistry(typeof profile === 'string' ? profileByName(profile) : profile);
  const { engine, arenaBytes } = options;
  const memory = createMemory({
    endian,
    ...(engine === undefined ? {} : { arena: createArena(arenaBytes === undefined ? {} : { size: arenaBytes }) }),
  });
  const printed: string[] = [];
  const symbols = createSymbols(memory, options.symbols ?? {}, object, cpus);
  const world: World = {
    memory,
    endian,
    cpus,
    cpu: 0,
    time: BigInt(options.time ?? 0),
    tick: BigInt(options.tick ?? 0),
    bootOffset: BigInt(options.bootOffset ?? 0),
    taiOffset: BigInt(options.taiOffset ?? 0),
    hz: options.hz ?? 1000,
    random: seededRandom(options.seed ?? 1),
    task: { pid: 0, tgid: 0, uid: 0, gid: 0, comm: 'swapper', cgroupId: 1n, cgroupAncestors: [], address: 0n },
    run: undefined,
    maps: new Map(),
    timers: new Map(),
    percpu: symbols.percpu,
    symbols: symbols.names,
    locks: new Set(),
    lent: new Map(),
    kernelTypes: options.kernelTypes ?? kernelTypesOf(options.load?.targetBtf),
    print(line) {
      printed.push(line);
      options.onPrint?.(line);
    },
  };
  const defs = object?.maps ?? [...new Set(programs.flatMap(({ maps }) => maps))];
  const entries = createMaps(world, defs, object?.btf, options.maps ?? {});
  fillObjectMaps(world, entries, programs);
  if (object !== undefined) fillKconfig(world, object, entries, registry.profile.release);
  const interpreterOptions: InterpreterOptions = {
    memory,
    helpers: createHelperSet(world, registry, options, symbols.byBtfId),
    maps: (def) => bindEntry(world, entries, def),
    resolve: symbols.resolve,
    programs,
    tailCalls: (map, index) => programInSlot(world, map.object as GuestMap | undefined, index),
    ...arenaOf(world, entries),
    ...(engine === undefined ? {} : { engine }),
    ...(options.budget === undefined ? {} : { budget: options.budget }),
    ...(options.trace === undefined ? {} : { trace: options.trace }),
  };
  const advanceTo = (to: bigint): void => {
    for (let timer = nextTimer(world, to); timer !== undefined; timer = nextTimer(world, to)) {
      if (timer.expires! > world.time) world.time = timer.expires!;
      fireTimer(world, timer, interpreterOptions);
    }
    if (to > world.time) world.time = to;
  };
  const host = createHost(world, printed, options.tracepoints ?? (() => undefined), advanceTo);
  const vmPrograms = programs.map((program) => {
    let interpreter: Interpreter | undefined;
    const probeLoads = options.probeLoads ?? PROBING_TYPES.has(program.type ?? '');
    return createVmProgram(
      host,
      program,
      () => (interpreter ??= createInterpreter(program, { ...interpreterOptions, probeLoads })),
    );
  });
  const programByName = (name?: string): VmProgram => {
    const found = name === undefined ? (vmPrograms.length === 1 ? vmPrograms[0] : undefined) : vmPrograms.find((program) => program.name === name); // prettier-ignore
    if (found !== undefined) return found;
    throw new BpfError('E_INPUT', 'program', { expected: vmPrograms.map((program) => program.name).join(', '), got: name ?? 'no name' }); // prettier-ignore
  };
  const faces = new Map<string, VmMap>();
  const mapByName = (name: string): VmMap => {
    const known = faces.get(name);
    if (known !== undefined) return known;
    const entry = entries.find(({ def }) => def.name === name);
    if (entry?.problem !== undefined) throw entry.problem;
    if (entry?.guest === undefined) {
      throw new BpfError('E_INPUT', 'map', { expected: entries.map(({ def }) => def.name).join(', ') || 'none', got: name }); // prettier-ignore
    }
    const face = createVmMap(entry.def, entry.guest, {
      btf: object?.btf,
      programByName: (program) => programByName(program).program,
      programId: (program) => programs.indexOf(program) + 1,
    });
    faces.set(name, face);
    return face;
  };
  const dispose = (): void => {
    for (const { guest } of entries) {
      guest?.ring?.close();
      guest?.events?.close();
    }
  };
  return {
    memory,
    registry,
    programs: vmPrograms,
    program: programByName,
    mapNames: entries.map(({ def }) => def.name),
    map: <K, V>(name: string) => mapByName(name) as unknown as VmMap<K, V>,
    globals: createGlobals(object, entries),
    printed,
    get time() {
      return world.time;
    },
    advanceTo: (time) => advanceTo(BigInt(time)),
    dispose,
    [Symbol.dispose]: dispose,
  };
}

function kernelTypesOf(target: LoadOptions['targetBtf']): Btf | undefined {
  const list = target === undefined ? [] : ([target].flat() as readonly Btf[]);
  return list[0];
}

function bindEntry(
  world: World,
  entries: readonly VmMapEntry[],
  def: MapDef,
): ReturnType<NonNullable<InterpreterOptions['maps']>> {
  const entry = entries.find((candidate) => candidate.def === def);
  if (entry === undefined) return undefined;
  if (entry.guest === undefined) return { object: entry.problem };
  const { values, handle } = entry.guest;
  const region = values === undefined ? undefined : world.memory.locate(values.address)?.region;
  return { handle, object: entry.guest, ...(region === undefined ? {} : { region }) };
}

function programInSlot(world: World, map: GuestMap | undefined, index: number): Program | undefined {
  const held = map?.objects?.get(slotKey(world, index));
  return held?.kind === 'program' ? (held.object as Program) : undefined;
}

const ARENA = 33;

function arenaOf(world: World, entries: readonly VmMapEntry[]): Pick<InterpreterOptions, 'arena'> {
  const guest = entries.find(({ def }) => def.type === ARENA)?.guest;
  const region = guest?.values === undefined ? undefined : world.memory.locate(guest.values.address)?.region;
  return region === undefined ? {} : { arena: region };
}

function createHost(
  world: World,
  printed: string[],
  tracepoints: TracepointLayouts,
  advanceTo: (time: bigint) => void,
): ProgramHost {
  let tasks: Region | undefined;
  const owners = new Map<string, object>();
  return {
    world,
    printed,
    context: { tracepoints },
    advanceTo,
    // One region without bytes: each task has an address of its own in it, none can be read.
    taskAddress(pid) {
      tasks ??= world.memory.add({ name: 'tasks', kind: 'mem', data: new Uint8Array(0) });
      return world.memory.addressOf(tasks, ((pid * 16) >>> 0) + 16);
    },
    owner(kind, id) {
      const key = `${kind} ${id}`;
      const owner = owners.get(key) ?? {};
      owners.set(key, owner);
      return owner;
    },
  };
}
