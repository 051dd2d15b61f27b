/** From options to a machine, and from a run's input to the machine's state at its start. */
import { BpfError } from '@polybpf/errors';
import { BPF_FUNC_tail_call, BPF_MAX_LOOPS, MAX_CALL_FRAMES, MAX_TAIL_CALL_CNT, type Program, STACK_SIZE } from '@polybpf/isa'; // prettier-ignore
import { callBack, storeArgument } from './control.ts';
import { execute } from './execute.ts';
import { driveToEnd } from './execution.ts';
import { createHelperRegistry, type HelperContext } from './helpers.ts';
import { CODE_START, codeAddress, createImage, type Image, insnIndex, REGISTER_WORDS } from './image.ts';
import { storeBigInt, storeInteger, toBigInt } from './int64.ts';
import { bindMaps, type BoundMap, createMapTable, mapOfHandle, type MapTable, resolveInitialSymbols } from './map-binding.ts'; // prettier-ignore
import { closeFrame, type Machine, type MachineLimits, MEM_REGION, NUMBERED_FRAMES, openFrame, PACKET_REGION, prepareFrames } from './machine.ts'; // prettier-ignore
import type { Memory } from './memory.ts';
import { DEFAULT_BUDGET, type InterpreterOptions, type PacketInput, type RunInput } from './options.ts';

/** Images of all programs of one interpreter. */
export interface ImageCache {
  readonly maps: MapTable;
  imageOf(program: Program): Image;
}

/** Binds programs to memory, maps and helpers, each once. */
export function createImageCache(memory: Memory, options: InterpreterOptions): ImageCache {
  const maps = createMapTable(memory, options.maps);
  const images = new Map<Program, Image>();
  const { helpers } = options;
  const registry = helpers === undefined || 'helper' in helpers ? helpers : createHelperRegistry(helpers);
  const imageOf = (program: Program): Image => {
    const known = images.get(program);
    if (known !== undefined) return known;
    if (program.endian !== memory.endian) {
      throw new BpfError('E_INPUT', `byte order of program ${program.name}`, {
        expected: memory.endian,
        got: program.endian,
      });
    }
    const binding = bindMaps(maps, program);
    const image = createImage(program, {
      memory,
      maps: binding.maps,
      helpers: registry,
      resolve: options.resolve,
      tailCallId: BPF_FUNC_tail_call,
      alignAll: options.alignment === 'all',
    });
    images.set(program, image);
    const subprogram = (name: string): bigint | undefined => {
      const found = program.subprograms.find((candidate) => candidate.name === name);
      return found === undefined ? undefined : codeAddress(image, found.start);
    };
    for (const map of binding.fresh) resolveInitialSymbols(memory, binding.maps, map, { subprogram }, options.resolve);
    return image;
  };
  return { maps, imageOf };
}

function tailTarget(options: InterpreterOptions, map: BoundMap, index: number): Program | undefined {
  const given = options.tailCalls?.(map, index);
  if (given !== undefined) return given;
  const slot = map.def.initialSymbols?.find(({ kind, offset }) => kind === 'program' && offset === index);
  return slot === undefined ? undefined : options.programs?.find(({ name }) => name === slot.symbol);
}

function checkedOption(name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new BpfError('E_INPUT', `option ${name}`, { expected: `${min} to ${max}`, got: String(value) });
}

/** A machine for `main`, not yet ready to run: see {@link resetMachine}. */
export function createMachine(main: Image, memory: Memory, options: InterpreterOptions, images: ImageCache): Machine {
  const limits: MachineLimits = {
    stackSize: checkedOption('stackSize', options.stackSize ?? STACK_SIZE, 0, 1 << 20),
    maxCallFrames: checkedOption('maxCallFrames', options.maxCallFrames ?? MAX_CALL_FRAMES, 1, 1024),
    maxTailCalls: checkedOption('maxTailCalls', options.maxTailCalls ?? MAX_TAIL_CALL_CNT, 0, 1000),
    mayGotoLimit: checkedOption('mayGotoLimit', options.mayGotoLimit ?? BPF_MAX_LOOPS, 0, 0x7fffffff),
    clobber: options.clobber ?? false,
    alignAtomics: options.alignment !== 'none',
    probeLoads: options.probeLoads ?? false,
  };
  return {
    memory,
    little: memory.endian === 'little',
    limits,
    budget: checkedOption('budget', options.budget ?? DEFAULT_BUDGET, 0, Number.MAX_SAFE_INTEGER),
    image: main,
    code: main.code,
    pc: CODE_START,
    fuel: 0,
    reserve: 0,
    depth: 0,
    hostDepth: 0,
    saved: new Int32Array(0),
    callers: [],
    activation: new Int32Array(0),
    loops: new Int32Array(0),
    stacks: [],
    tailCalls: 0,
    terminated: undefined,
    arena: options.arena?.number ?? 0,
    packet: undefined,
    copied: new Map(),
    execute,
    whole: false,
    tailTable(map, index) {
      const program = tailTarget(options, map, index);
      return program === undefined ? undefined : images.imageOf(program);
    },
    helperContext: undefined as unknown as HelperContext,
  };
}

/** Puts the machine at the start of a run. */
export function resetMachine(cx: Machine, main: Image, input: RunInput): void {
  // All at once, so that faults that name a frame do not depend on what has been called before, nor on the engine.
  if (main.program.subprograms.length > 1) prepareFrames(cx, Math.min(NUMBERED_FRAMES, cx.limits.maxCallFrames));
  for (let depth = 0; depth < cx.stacks.length; depth++) {
    const stack = cx.stacks[depth]!;
    stack.data.fill(0);
    // Another interpreter may have used the same memory, and with it the same region numbers, since the last run.
    if (cx.memory.region(stack.number) !== stack) cx.stacks[depth] = cx.memory.add(stack);
    if (depth > 0) closeFrame(cx, depth);
  }
  cx.image = main;
  cx.code = main.code;
  cx.code.fill(0, 0, REGISTER_WORDS);
  cx.pc = CODE_START;
  cx.fuel = 0;
  cx.reserve = cx.budget;
  cx.hostDepth = 0;
  cx.tailCalls = 0;
  cx.terminated = undefined;
  cx.copied.clear();
  cx.packet = bindPacket(cx, input.packet);
  bindMem(cx, input);
  const args = input.args ?? [];
  if (args.length > 5) throw new BpfError('E_INPUT', 'arguments', { expected: 'at most 5', got: String(args.length) });
  args.forEach((value, k) => storeArgument(cx.code, k + 1, value));
  openFrame(cx, 0);
}

function bindMem(cx: Machine, { mem, memWritable }: RunInput): void {
  const { memory, code } = cx;
  if (mem === undefined || mem.length === 0) {
    memory.remove(MEM_REGION);
    return;
  }
  const writable = memWritable ?? true;
  const { data } = memory.add({ number: MEM_REGION, name: 'mem', kind: 'mem', data: mem, writable });
  if (data !== mem && writable) cx.copied.set(MEM_REGION, mem);
  code[3] = MEM_REGION;
  code[4] = mem.length;
}

function bindPacket(cx: Machine, packet: Uint8Array | PacketInput | undefined): PacketInput | undefined {
  const { memory } = cx;
  if (packet === undefined) {
    memory.remove(PACKET_REGION);
    return undefined;
  }
  const input = packet instanceof Uint8Array ? { data: packet } : packet;
  if (input.region === false) return input;
  const { data } = memory.add({ number: PACKET_REGION, name: 'packet', kind: 'packet', data: input.data });
  if (data === input.data) return input;
  cx.copied.set(PACKET_REGION, input.data);
  return { ...input, data };
}

/** Copies back what the memory holds copies of, so that the embedder's bytes are what the program made of them. */
export function copyBack(cx: Machine): void {
  for (const [number, bytes] of cx.copied) {
    const data = cx.memory.region(number)?.data;
    if (data?.length === bytes.length) bytes.set(data);
  }
}

/** What helpers see of `cx`; one object for all calls. */
export function createHelperContext(cx: Machine, maps: MapTable, trace: (() => void) | undefined): HelperContext {
  const drive = (machine: Machine): void => driveToEnd(machine, trace);
  return {
    get regs() {
      return cx.code;
    },
    memory: cx.memory,
    get program() {
      return cx.image.program;
    },
    get insn() {
      return insnIndex(cx.pc);
    },
    arg: (n) => toBigInt(cx.code, 2 * n),
    arg32: (n) => cx.code[2 * n]! >>> 0,
    setResult(value) {
      if (typeof value === 'bigint') storeBigInt(cx.code, 0, value);
      else storeInteger(cx.code, 0, value);
    },
    mapAt: (address) => mapOfHandle(maps, address),
    terminate(result) {
      cx.terminated = BigInt.asUintN(64, BigInt(result));
    },
    call: (address, args) => callBack(cx, drive, address, args),
  };
}
