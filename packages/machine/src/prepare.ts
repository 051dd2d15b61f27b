/** Programs made ready to run: compiled, placed, linked; maps and global data bound to memory. */
import { BpfError } from '@polybpf/errors';
import {
  BPF_FUNC_tail_call,
  constants,
  type DataSymbol,
  type Insn,
  MAX_TAIL_CALL_CNT,
  type MapDef,
  type Program,
} from '@polybpf/isa';
import {
  ARENA_SYMBOL,
  type Bounds,
  type CodeSymbol,
  compile,
  type CompiledProgram,
  FAULT_SYMBOL,
  type HelperCalls,
  LABEL,
  link,
  type Target,
} from '@polybpf/jit';
import type { CodeStore } from './code-store.ts';
import type {
  HelperCallContext,
  MachineHelper,
  MachineHelperRegistry,
  MachineKfuncReference,
  MachineMap,
  MachineMapInit,
} from './helper-call.ts';
import type { RunOptions, RunResult } from './machine.ts';
import type { MachineMemory } from './machine-memory.ts';
import type { CallTarget, HelperRequest } from './native-job.ts';
import { checkFailed } from './sandbox-fault.ts';
import type { SymbolSlots } from './symbol-slots.ts';

/** What programs are bound to. */
export interface PrepareOptions {
  /** Helpers and kfuncs; what is not there ends the program with `E_RUN_HELPER` when it is called. */
  readonly helpers?: MachineHelperRegistry | readonly MachineHelper[];
  /** What stands behind a map; default: nothing, or the contents of a data section. */
  readonly maps?: (def: MapDef, index: number, program: Program) => MachineMapInit | undefined;
  /**
   * `none`: accesses are not checked, for programs that a verifier has passed; the default. `sandbox`: every access is
   * confined to {@link Machine.arena}, and one that is not ends the program with `E_RUN_MEMORY`.
   */
  readonly bounds?: Bounds;
  /** Address of an extern or kfunc; default: externs are unknown, which is `E_JIT_LINK` unless they are weak. */
  readonly symbols?: (name: string) => bigint | undefined;
  /**
   * What a slot of a program array holds; asked at every tail call, before the programs that the array's definition names.
   *
   * @returns a program that was prepared on the same machine, or undefined for an empty slot
   */
  readonly tailCalls?: (map: MachineMap, index: number) => PreparedProgram | undefined;
}

/** A program in the machine's memory. */
export interface PreparedProgram {
  readonly name: string;
  readonly compiled: CompiledProgram;
  /** Address of its code, and of its entry. */
  readonly address: bigint;
  /** In the order of `Program.maps`. */
  readonly maps: readonly MachineMap[];
  /** Insn index of the code at an address, or undefined outside of this program and in prologues. */
  readonly insnAt: (address: bigint) => number | undefined;
  /** Answers its helper calls. */
  readonly callTarget: CallTarget;
  /**
   * Runs the program.
   *
   * @throws BpfError `E_MACHINE_CRASH`, `E_MACHINE_TIMEOUT`, `E_MACHINE_LIMIT`, `E_RUN_HELPER` or what a helper threw
   */
  run(options?: RunOptions): RunResult;
  /** Gives code and map memory of all programs that were prepared together back to the machine. */
  dispose(): void;
  [Symbol.dispose](): void;
}

/** Programs that share maps. */
export interface PreparedPrograms {
  readonly programs: readonly PreparedProgram[];
  /** Each map once. */
  readonly maps: readonly MachineMap[];
  /** Fills all global data with their initial contents again. */
  resetData(): void;
  dispose(): void;
  [Symbol.dispose](): void;
}

/** What preparation needs of a machine. */
export interface PrepareParts {
  readonly target: Target;
  readonly memory: MachineMemory;
  /** Memory as the helpers of sandboxed programs see it. */
  readonly arena: MachineMemory;
  /** Address of what sandboxed code reads. */
  readonly arenaSymbol: bigint;
  readonly code: CodeStore;
  readonly symbols: SymbolSlots;
  readonly allocate: (bytes: number, initial?: Uint8Array) => number;
  readonly release: (address: number) => void;
  readonly helperTable: bigint;
  readonly helperCount: number;
  readonly stubs: readonly number[];
  /** See `CompileOptions`. */
  readonly wideGuard: boolean;
  readonly run: (program: PreparedProgram, options: RunOptions) => RunResult;
}

/** Bytes behind a map handle: only its address matters. */
const HANDLE_BYTES = 64;
const CALL_HELPER = constants.BPF_JMP | constants.BPF_CALL;

interface BoundMap extends MachineMap {
  readonly initial: Uint8Array | undefined;
}

/** {@link PrepareOptions} with helpers in one form. */
type Bindings = Omit<PrepareOptions, 'helpers'> & { readonly helpers: MachineHelperRegistry };

function registryOf(helpers: PrepareOptions['helpers'] = []): MachineHelperRegistry {
  if (!isHelperList(helpers)) return helpers;
  const byId = new Map(helpers.map((helper) => [helper.id, helper]));
  return { helper: (id) => byId.get(id) };
}

function isHelperList(helpers: NonNullable<PrepareOptions['helpers']>): helpers is readonly MachineHelper[] {
  return Array.isArray(helpers);
}

/** Compiles, places and links programs. */
export function preparePrograms(
  programs: readonly Program[],
  given: PrepareOptions,
  parts: PrepareParts,
): PreparedPrograms {
  const options: Bindings = { ...given, helpers: registryOf(given.helpers) };
  const { target, memory, code } = parts;
  const codeAddresses: number[] = [];
  const dataAddresses: number[] = [];
  const dispose = (): void => {
    for (const address of codeAddresses.splice(0)) code.release(address);
    for (const address of dataAddresses.splice(0)) parts.release(address);
  };
  try {
    const compiled = programs.map((program) =>
      compile(program, target, {
        helperCalls: helperCallsOf(program, parts),
        bounds: options.bounds ?? 'none',
        wideGuard: parts.wideGuard,
      }),
    );
    const places = compiled.map(({ code: bytes }) => {
      const address = code.allocate(bytes.length);
      codeAddresses.push(address);
      return address;
    });
    const allocate = (bytes: number, initial?: Uint8Array): bigint => {
      const address = parts.allocate(bytes, initial);
      dataAddresses.push(address);
      return BigInt(address);
    };
    const maps: BoundMap[] = [];
    const mapsOf = programs.map((program) => bindMaps(maps, program, options, allocate));
    compiled.forEach((one, i) => {
      const linked = link(one, BigInt(places[i]!), (symbol) =>
        addressOf(symbol, programs[i]!, mapsOf[i]!, options, parts),
      );
      code.write(places[i]!, linked);
    });
    const handles = new Map<bigint, MachineMap>(maps.map((map) => [map.handle, map]));
    const functions = compiled.flatMap((one, i) => one.functions.map(({ offset }) => BigInt(places[i]! + offset)));
    const prepared: PreparedProgram[] = compiled.map((one, i) => {
      const program: PreparedProgram = {
        name: one.name,
        compiled: one,
        address: BigInt(places[i]!),
        maps: mapsOf[i]!,
        insnAt: (address) => insnAt(one, Number(address) - places[i]!),
        callTarget: createCallTarget(one.program, handles, options, parts, functions, (map, index) =>
          tailCallTarget(map, index),
        ),
        run: (run = {}) => parts.run(program, run),
        dispose,
        [Symbol.dispose]: dispose,
      };
      return program;
    });
    const tailCallTarget = (map: MachineMap, index: number): bigint | undefined => {
      const given = options.tailCalls?.(map, index);
      if (given !== undefined) return given.address;
      const named = map.def.initialSymbols?.find((symbol) => symbol.kind === 'program' && symbol.offset === index);
      return prepared.find((program) => program.name === named?.symbol)?.address;
    };
    const resetData = (): void => {
      for (const map of maps) {
        if (map.valuesAddress === undefined || map.initial === undefined) continue;
        memory.writeBytes(map.valuesAddress, map.initial);
        fillSymbols(
          map,
          mapsOf[ownerOf(map)]!,
          compiled[ownerOf(map)]!,
          places[ownerOf(map)]!,
          prepared,
          options,
          memory,
        );
      }
    };
    const ownerOf = (map: BoundMap): number => mapsOf.findIndex((list) => list.includes(map));
    resetData();
    return { programs: prepared, maps, resetData, dispose, [Symbol.dispose]: dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

/**
 * Through the table, which also serves calls through a register. A program with a helper id that the table does not
 * have, e.g. a hash, calls each helper's stub directly.
 */
function helperCallsOf({ insns }: Program, { helperTable, helperCount }: PrepareParts): HelperCalls {
  const isOutside = (insn: Insn): boolean =>
    insn.opcode === CALL_HELPER && insn.src_reg === 0 && (insn.imm < 0 || insn.imm >= helperCount);
  return insns.some(isOutside) ? { kind: 'relocation' } : { kind: 'table', address: helperTable, count: helperCount };
}

function bindMaps(
  known: BoundMap[],
  program: Program,
  options: Bindings,
  allocate: (bytes: number, initial?: Uint8Array) => bigint,
): BoundMap[] {
  return program.maps.map((def, index) => {
    const same = known.find((map) => map.def === def || isSameMap(map.def, def));
    if (same !== undefined) return same;
    const init = options.maps?.(def, index, program) ?? {};
    const initial = init.values ?? (def.kind === 'map' ? undefined : initialData(def));
    const bound: BoundMap = {
      def,
      handle: allocate(HANDLE_BYTES),
      valuesAddress: initial === undefined ? undefined : allocate(initial.length),
      object: init.object,
      initial,
    };
    known.push(bound);
    return bound;
  });
}

function isSameMap(a: MapDef, b: MapDef): boolean {
  return (
    a.name === b.name &&
    a.kind === b.kind &&
    a.type === b.type &&
    a.keySize === b.keySize &&
    a.valueSize === b.valueSize &&
    a.maxEntries === b.maxEntries &&
    a.initial === b.initial
  );
}

function initialData(def: MapDef): Uint8Array {
  const data = new Uint8Array(def.valueSize);
  if (def.initial !== undefined) {
    if (def.initial.length > def.valueSize) {
      throw new BpfError('E_INPUT', `contents of ${def.name}`, {
        expected: `at most ${def.valueSize} bytes`,
        got: `${def.initial.length} bytes`,
      });
    }
    data.set(def.initial);
  }
  return data;
}

/** Address that a relocation of the code asks for. */
function addressOf(
  symbol: CodeSymbol,
  program: Program,
  maps: readonly MachineMap[],
  options: Bindings,
  parts: PrepareParts,
): bigint | undefined {
  switch (symbol.kind) {
    case 'helper':
      return BigInt(parts.stubs[symbol.id] ?? parts.symbols.address(helperSymbol(symbol.id)));
    case 'map':
      return maps[symbol.map]?.handle;
    case 'data':
      return maps[symbol.map]?.valuesAddress;
    case 'function': {
      if (symbol === ARENA_SYMBOL) return parts.arenaSymbol;
      if (symbol === FAULT_SYMBOL) return BigInt(parts.symbols.address(SANDBOX_FAULT));
      const given = options.symbols?.(symbol.name);
      if (given !== undefined) return given;
      const isExtern = program.relocations.some(({ kind, symbol: name }) => kind === 'extern' && name === symbol.name);
      const isKfunc = options.helpers.kfunc?.(kfuncReference(symbol.name)) !== undefined;
      // A call of something unknown fails when it is made; an unknown address must not be taken at all.
      return isKfunc || (!isExtern && !symbol.weak) ? BigInt(parts.symbols.address(symbol.name)) : undefined;
    }
  }
}

/** Name of the symbol slot of the fault handler: no name that a program can call. */
const SANDBOX_FAULT = ' fault';

/** Name of the symbol slot of a helper that the table has no place for. */
function helperSymbol(id: number): string {
  return `helper ${id}`;
}

/** Id of such a helper. */
function symbolHelperId(name: string): number | undefined {
  const id = /^helper (-?\d+)$/.exec(name)?.[1];
  return id === undefined ? undefined : Number(id);
}

/** Unnamed kfuncs are called `bpf_kfunc_<BTF id>` by the compiler. */
function kfuncReference(name: string): MachineKfuncReference {
  const id = /^bpf_kfunc_(\d+)$/.exec(name)?.[1];
  return id === undefined ? { name, id: -1, btfIndex: 0 } : { id: Number(id), btfIndex: 0 };
}

/** Writes the addresses that stand in global data. */
function fillSymbols(
  map: BoundMap,
  maps: readonly MachineMap[],
  compiled: CompiledProgram,
  place: number,
  prepared: readonly PreparedProgram[],
  options: Bindings,
  memory: MachineMemory,
): void {
  if (map.def.kind === 'map' || map.valuesAddress === undefined) return;
  for (const symbol of map.def.initialSymbols ?? []) {
    const address = dataSymbolAddress(symbol, maps, compiled, place, prepared, options) + BigInt(symbol.addend);
    if (symbol.offset < 0 || symbol.offset + symbol.size > map.initial!.length) {
      throw new BpfError('E_INPUT', `place of ${symbol.symbol} in ${map.def.name}`, {
        expected: `inside ${map.initial!.length} bytes`,
        got: `offset ${symbol.offset}`,
      });
    }
    memory.write(map.valuesAddress + BigInt(symbol.offset), symbol.size, address);
  }
}

function dataSymbolAddress(
  { kind, symbol, map }: DataSymbol,
  maps: readonly MachineMap[],
  compiled: CompiledProgram,
  place: number,
  prepared: readonly PreparedProgram[],
  options: Bindings,
): bigint {
  const known = ((): bigint | undefined => {
    switch (kind) {
      case 'map':
        return map === undefined ? undefined : maps[map]?.handle;
      case 'data':
        return map === undefined ? undefined : maps[map]?.valuesAddress;
      case 'subprogram': {
        const fn = compiled.functions.find(({ name }) => name === symbol);
        return fn === undefined ? undefined : BigInt(place + fn.offset);
      }
      case 'program':
        return prepared.find(({ name }) => name === symbol)?.address;
      case 'extern':
        return undefined;
    }
  })();
  // Unresolved stays 0 here only because global data may name what is never used; using it faults at address 0.
  return known ?? options.symbols?.(symbol) ?? 0n;
}

/**
 * The insn that the instruction at a code offset belongs to, or whose code starts nearest before it: instructions in delay
 * slots lie among those of other insns.
 */
function insnAt({ code, insnOffsets, nodes, nodeOffsets }: CompiledProgram, offset: number): number | undefined {
  if (offset < 0 || offset >= code.length) return undefined;
  const at = nodes.findLastIndex((node, i) => node.form !== LABEL && nodeOffsets[i]! <= offset);
  if (at >= 0 && nodes[at]!.insn >= 0) return nodes[at]!.insn;
  let found: number | undefined;
  insnOffsets.forEach((start, insn) => {
    if (start >= 0 && start <= offset && (found === undefined || start >= insnOffsets[found]!)) found = insn;
  });
  return found;
}

/** Answers calls of one program. */
function createCallTarget(
  program: Program,
  handles: ReadonlyMap<bigint, MachineMap>,
  options: Bindings,
  parts: PrepareParts,
  functions: readonly bigint[],
  tailCallTarget: (map: MachineMap, index: number) => bigint | undefined,
): CallTarget {
  const isConfined = options.bounds === 'sandbox';
  let tailCalls = 0;
  let tailCallRun: object | undefined;

  /** Address where the program continues, or 0: the kernel's rules for `bpf_tail_call` (kernel/bpf/core.c, JMP_TAIL_CALL). */
  const tailCall = ({ args, run }: HelperRequest): bigint => {
    if (tailCallRun !== run) {
      tailCallRun = run;
      tailCalls = 0;
    }
    const map = handles.get(args[1]!);
    if (map === undefined || tailCalls >= MAX_TAIL_CALL_CNT) return 0n;
    const next = tailCallTarget(map, Number(BigInt.asUintN(32, args[2]!)));
    if (next === undefined) return 0n;
    tailCalls++;
    return next;
  };

  return (request) => {
    const { slot } = request;
    if (slot === BPF_FUNC_tail_call) return tailCall(request);
    const name = parts.symbols.name(slot);
    if (name === SANDBOX_FAULT) throw checkFailed(program, request.args);
    const id = name === undefined ? slot : symbolHelperId(name);
    const helper = id !== undefined ? options.helpers.helper(id) : options.helpers.kfunc?.(kfuncReference(name!));
    if (helper === undefined) {
      throw new BpfError('E_RUN_HELPER', `${program.name} calls ${name ?? `helper ${id}`}`, {
        expected: 'a registered helper',
      });
    }
    return callHelper(helper, program, isConfined ? confinedRequest(request, functions, program) : request, handles, isConfined ? parts.arena : parts.memory); // prettier-ignore
  };
}

/** Callbacks of sandboxed programs are functions of theirs. */
function confinedRequest(request: HelperRequest, functions: readonly bigint[], program: Program): HelperRequest {
  return {
    ...request,
    callBack(address, args) {
      if (functions.includes(BigInt.asUintN(64, address))) return request.callBack(address, args);
      throw new BpfError('E_RUN_JUMP', `${program.name}: callback at 0x${BigInt.asUintN(64, address).toString(16)}`, {
        expected: 'a function of the program',
      });
    },
  };
}

function callHelper(
  helper: MachineHelper,
  program: Program,
  { args, callBack, terminate }: HelperRequest,
  handles: ReadonlyMap<bigint, MachineMap>,
  memory: MachineMemory,
): bigint {
  const regs = new Int32Array(22);
  args.forEach((value, i) => {
    regs[2 * i + 2] = Number(BigInt.asIntN(32, value));
    regs[2 * i + 3] = Number(BigInt.asIntN(32, value >> 32n));
  });
  let termination: bigint | undefined;
  const cx: HelperCallContext = {
    regs,
    memory,
    program,
    insn: -1,
    arg: (n) => BigInt.asUintN(64, (BigInt(regs[2 * n + 1]!) << 32n) | BigInt(regs[2 * n]! >>> 0)),
    arg32: (n) => regs[2 * n]! >>> 0,
    setResult(value) {
      const result = BigInt(value);
      regs[0] = Number(BigInt.asIntN(32, result));
      regs[1] = Number(BigInt.asIntN(32, result >> 32n));
    },
    mapAt: (address) => handles.get(BigInt.asUintN(64, address)),
    terminate(result) {
      termination = BigInt(result);
    },
    call(address, callArgs) {
      if (callArgs.length > 5)
        throw new BpfError('E_INPUT', 'arguments of a callback', {
          expected: 'at most 5',
          got: String(callArgs.length),
        });
      return callBack(address, callArgs.map(BigInt));
    },
  };
  const returned = helper.call(cx);
  if (termination !== undefined) return terminate(termination);
  if (returned !== undefined) cx.setResult(returned);
  return cx.arg(0);
}
