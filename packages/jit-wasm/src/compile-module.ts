/** From a program's flow to a WebAssembly module. */
import { MEM_REGION, STACK_REGION } from '@polybpf/interpreter';
import { ARENA_BASES, ARENA_READ_ENDS, ARENA_WRITE_ENDS, slotWord } from '@polybpf/interpreter/engine';
import { findFlow, type Flow, type Levels, NONE } from './flow.ts';
import { FunctionEmitter } from './function-emitter.ts';
import { ALL_REGISTERS, findLiveness } from './liveness.ts';
import { MAILBOX } from './mailbox.ts';
import { CLASS } from './micro-ops.ts';
import { type Binding, emitTypes, type Facts, FIRST_FUNCTION, IMPORT_HOST, IMPORT_RESUME, ModuleContext, registerCount, TYPE_CALL, TYPE_ENTRY, TYPE_EXIT, TYPE_FUNCTION, TYPE_HOST, TYPE_RESUME, TYPE_RUN } from './module-context.ts'; // prettier-ignore
import { findPointers, type PointerScratch } from './pointers.ts';
import { findSlots } from './frame-slots.ts';
import { findShape } from './shape.ts';
import { W, WasmWriter } from './wasm-writer.ts';
import { SCRATCH } from './scratch.ts';

/** What {@link compileImage} makes. */
export interface CompiledModule {
  readonly bytes: Uint8Array;
  /** First instruction of each function; function n is exported as `f<n>`. */
  readonly entries: readonly number[];
  /** Instructions from each one to the end of its block, itself included: what an exit gives back to the budget. */
  readonly rest: Int32Array;
  /** Class of each reachable instruction, see `micro-ops.ts`. */
  readonly classes: Uint8Array;
  /** Bytes of code of the functions, without what surrounds them. */
  readonly codeBytes: number;
  /** Bytes of the largest function; V8 takes {@link LARGEST_FUNCTION}. */
  readonly largest: number;
  /** The host has to execute some of the instructions. */
  readonly hosted: boolean;
  /** Functions that needed a dispatch loop. */
  readonly irreducible: number;
}

export interface ModuleOptions {
  /** Instructions that are entries beside those that the program itself names; the main program's is always one. */
  readonly entries?: readonly number[];
  readonly levels?: Levels;
  readonly facts?: Facts | undefined;
  /** A module that owns its memory and needs no interpreter behind it. */
  readonly standalone?: Standalone;
}

/** What a module that owns its memory starts with. */
export interface Standalone {
  readonly pages: number;
  /** Contents of the memory, where they are not zero. */
  readonly data: readonly { readonly at: number; readonly bytes: Uint8Array }[];
  /** Byte address and most bytes of the program's buffer. */
  readonly mem: number;
  readonly memBytes: number;
  readonly budget: number;
}

/** Largest function body that V8 takes. */
export const LARGEST_FUNCTION = 7_654_321;
/** Most exports that V8 takes (kV8MaxWasmExports of node 20); what the host asks for comes first. */
const MOST_EXPORTS = 100_000;
/** Where function bodies are written, time after time; they are copied into their module. */
const BODIES: WasmWriter = /* @__PURE__ */ new WasmWriter(1 << 18);
/** Where modules are put together, time after time. */
const MODULE: WasmWriter = /* @__PURE__ */ new WasmWriter(1 << 18);
/** Bytes that the writers keep for the next program. */
const KEPT = 1 << 22;
const NO_LEVELS: Levels = new Map();
/** `memory.fill` of memory 0. */
const MEMORY_FILL = [0xfc, 0x0b, 0x00];

/** Compiles an image for a binding. */
export function compileImage(binding: Binding, options: ModuleOptions = {}): CompiledModule {
  SCRATCH.reset();
  const levels = options.levels ?? NO_LEVELS;
  const entries = [...new Set([0, ...(options.entries ?? [])])];
  const flow = findFlow(binding.image, entries, levels, binding.arena);
  const live = findLiveness(flow);
  const w = BODIES;
  w.at = 0;
  const context = new ModuleContext(w, flow, live, binding, levels, options.facts);
  const scratch = SCRATCH.ints(flow.blocks, NONE);
  const slotOf = SCRATCH.ints(flow.length + 1, NONE);
  const pointers: PointerScratch = {
    groupOf: SCRATCH.ints(flow.length + 1),
    offsetOf: SCRATCH.ints(flow.length + 1),
  };
  flow.entries.forEach((entry, f) => context.functionAt.set(flow.blockAt[entry]!, f));
  const shapes = flow.entries.map((entry) => findShape(flow, flow.blockAt[entry]!, scratch));
  // Only calls ask for it.
  if (shapes.length > 1)
    shapes.forEach(({ order }, f) => {
      context.usesFrame[f] = order.some((b) => someInsn(flow, b, (i) => usesFrame(flow, i)));
      context.usesMayGoto[f] = order.some((b) => flow.classes[flow.last[b]!] === CLASS.mayGoto);
    });
  let irreducible = 0;
  let largest = 0;
  for (const shape of shapes) {
    if (shape.irreducible) irreducible++;
    const parameters = live.before[flow.start[shape.order[0]!]!]! & ALL_REGISTERS;
    const slots = findSlots(flow, shape, slotOf);
    const found = findPointers(flow, shape, slots, levels, binding.stackSize, options.facts, pointers);
    w.reserve();
    const size = w.openSize();
    new FunctionEmitter(context, shape, slots, found, parameters).emit();
    w.closeSize(size);
    largest = Math.max(largest, w.at - size);
  }
  const exit = slotWord(Math.max(0, flow.classes.indexOf(CLASS.exit)));
  flow.entries.forEach((entry, f) => emitEntry(context, f, live.before[entry]! & ALL_REGISTERS, exit));
  const { standalone } = options;
  for (const spill of context.spills) emitSpill(context, spill.mask, spill.resumes, standalone !== undefined);
  if (standalone !== undefined) emitRun(w, standalone, binding, flow.entries.length);
  const bytes = assemble(context, w.result(), standalone);
  const codeBytes = w.at;
  if (w.bytes.length > KEPT) w.bytes = new Uint8Array(KEPT);
  return {
    bytes,
    hosted: flow.hosted,
    entries: flow.entries.slice(0, MOST_EXPORTS),
    rest: flow.rest,
    classes: flow.classes,
    codeBytes,
    largest,
    irreducible,
  };
}

function someInsn(flow: Flow, b: number, test: (i: number) => boolean): boolean {
  if (flow.start[b] === flow.end[b]) return false;
  for (let i = flow.start[b]!; i <= flow.last[b]!; i += flow.classes[i] === CLASS.imm64 ? 2 : 1)
    if (test(i)) return true;
  return false;
}

/** r10 is an operand, or the host may go on here, whose functions see the frame. */
function usesFrame({ image, classes }: Flow, i: number): boolean {
  const kind = classes[i]!;
  if (kind === CLASS.host) return true;
  const pc = slotWord(i);
  return image.code[pc + 1] === 20 || image.code[pc + 2] === 20;
}

/** What the host calls: registers from the file, r0 into it. `exit` is where some exit is. */
function emitEntry({ w, binding, flow }: ModuleContext, f: number, parameters: number, exit: number): void {
  w.reserve();
  const size = w.openSize();
  w.u32(1);
  w.u32(1);
  w.op(W.i64);
  if (flow.entries[f] !== 0) {
    // Which exit it was is known of the main program only; any will do.
    w.i32Const(0);
    w.i32Const(exit);
    w.access(W.i32_store, MAILBOX.pc);
  }
  w.i32Const(0);
  for (let r = 0; r < 10; r++) {
    if ((parameters & (1 << r)) === 0) continue;
    w.i32Const(0);
    w.access(W.i64_load, binding.registers + 8 * r);
  }
  w.get(0);
  w.i32Const(0);
  w.access(W.i64_load, MAILBOX.fuel);
  w.index(W.call, FIRST_FUNCTION + f);
  w.set(1);
  w.access(W.i64_store, binding.registers);
  w.i32Const(0);
  w.get(1);
  w.access(W.i64_store, MAILBOX.fuel);
  w.op(W.end);
  w.closeSize(size);
}

/** Stores registers and budget and calls the host; parameters are the registers, the budget, the instruction, the depth. */
function emitSpill({ w, binding }: ModuleContext, mask: number, resumes: boolean, traps: boolean): void {
  w.reserve();
  const size = w.openSize();
  w.u32(0);
  let parameter = 0;
  for (let r = 0; r < 10; r++) {
    if ((mask & (1 << r)) === 0) continue;
    w.i32Const(0);
    w.get(parameter++);
    w.access(W.i64_store, binding.registers + 8 * r);
  }
  w.i32Const(0);
  w.get(parameter);
  w.access(W.i64_store, MAILBOX.fuel);
  if (resumes && traps) {
    w.i32Const(0);
    w.get(parameter + 1);
    w.access(W.i32_store, MAILBOX.trap);
    w.op(W.unreachable);
    w.op(W.end);
    w.closeSize(size);
    return;
  }
  w.i32Const(binding.client);
  w.get(parameter + 1);
  w.get(parameter + 2);
  w.index(W.call, resumes ? IMPORT_RESUME : IMPORT_HOST);
  if (resumes) {
    w.i32Const(0);
    w.access(W.i64_load, binding.registers);
    w.i32Const(0);
    w.access(W.i64_load, MAILBOX.fuel);
  }
  w.op(W.end);
  w.closeSize(size);
}

/**
 * Export `run(length) -> r0` of a module that owns its memory: r1 is the address of the buffer, r2 its length, frames are
 * zeroed, the budget is full.
 */
function emitRun(w: WasmWriter, { memBytes, budget }: Standalone, binding: Binding, mainEntry: number): void {
  w.reserve();
  const size = w.openSize();
  w.u32(0);
  w.get(0);
  w.i32Const(memBytes);
  w.op(W.i32_gt_u);
  w.op(W.if);
  w.op(W.void);
  w.op(W.unreachable);
  w.op(W.end);
  const store = (address: number, low: number, high: number): void => {
    w.i32Const(0);
    w.i64Const(low, high);
    w.access(W.i64_store, address);
  };
  store(MAILBOX.fuel, budget | 0, Math.floor(budget / 4294967296));
  for (let r = 0; r < 10; r++) store(binding.registers + 8 * r, 0, 0);
  for (const table of [ARENA_READ_ENDS, ARENA_WRITE_ENDS]) {
    w.i32Const(0);
    w.get(0);
    w.access(W.i32_store, table + 4 * MEM_REGION);
  }
  w.get(0);
  w.op(W.if);
  w.op(W.void);
  store(binding.registers + 8, 0, MEM_REGION);
  w.i32Const(0);
  w.get(0);
  w.op(W.i64_extend_i32_u);
  w.access(W.i64_store, binding.registers + 16);
  w.op(W.end);
  // The frames' stacks, by the table of regions: 1 for the main program, 4 to 10 for the others.
  for (const region of [STACK_REGION, 4, 5, 6, 7, 8, 9, 10]) {
    w.i32Const(0);
    w.access(W.i32_load, ARENA_BASES + 4 * region);
    w.i32Const(0);
    w.i32Const(binding.stackSize);
    for (const byte of MEMORY_FILL) w.op(byte);
  }
  w.i32Const(0);
  w.index(W.call, FIRST_FUNCTION + mainEntry);
  w.i32Const(0);
  w.access(W.i64_load, binding.registers);
  w.op(W.end);
  w.closeSize(size);
}

/** Functions that modules import, or have stand-ins for. */
const IMPORTS = [
  ['host', TYPE_CALL],
  ['resume', TYPE_RESUME],
] as const;

/** What modules start with, by the number of functions that they import: header, types, imports. Made once. */
const PREFIXES: readonly (() => Uint8Array)[] = [0, 1, 2].map((imported) => {
  let bytes: Uint8Array | undefined;
  return () => (bytes ??= emitPrefix(imported));
});

/** Modules that import both functions import their memory too; the others own one. */
function emitPrefix(imported: number): Uint8Array {
  const w = new WasmWriter();
  w.header();
  emitTypes(w);
  w.op(2);
  const size = w.openSize();
  w.u32(imported === 2 ? 3 : imported);
  if (imported === 2) {
    w.name('bpf');
    w.name('memory');
    w.op(2);
    w.op(0);
    w.u32(0);
  }
  for (const [name, type] of IMPORTS.slice(0, imported)) {
    w.name('bpf');
    w.name(name);
    w.op(0);
    w.u32(type);
  }
  w.closeSize(size);
  return w.result().slice();
}

function assemble({ flow, live, spills }: ModuleContext, bodies: Uint8Array, standalone?: Standalone): Uint8Array {
  const functions = flow.entries.length;
  // A module of its own imports what it needs; functions of the same type stand in for the rest, and are never called.
  const imported = standalone === undefined ? 2 : flow.hosted ? 1 : 0;
  const standIns = 2 - imported;
  const count = standIns + 2 * functions + spills.length + (standalone === undefined ? 0 : 1);
  const data = standalone?.data.reduce((sum, { bytes }) => sum + bytes.length + 32, 0) ?? 0;
  const w = MODULE;
  w.at = 0;
  w.reserve(4096 + bodies.length + 16 * functions + 4 * spills.length + data);
  const section = (id: number, body: () => void): void => {
    w.op(id);
    const size = w.openSize();
    body();
    w.closeSize(size);
  };
  const start = PREFIXES[standalone === undefined ? 2 : imported]!();
  w.bytes.set(start, w.at);
  w.at += start.length;
  w.reserve(64 + 2 * functions + 2 * spills.length);
  section(3, () => {
    w.u32(count);
    for (const [, type] of IMPORTS.slice(imported)) w.u32(type);
    for (const entry of flow.entries) w.u32(TYPE_FUNCTION + registerCount(live.before[entry]! & ALL_REGISTERS));
    for (let f = 0; f < functions; f++) w.u32(TYPE_ENTRY);
    for (const { mask, resumes } of spills) w.u32((resumes ? TYPE_EXIT : TYPE_HOST) + registerCount(mask));
    if (standalone !== undefined) w.u32(TYPE_RUN);
  });
  if (standalone !== undefined) {
    section(5, () => {
      w.u32(1);
      w.op(1);
      w.u32(standalone.pages);
      w.u32(standalone.pages);
    });
    section(6, () => {
      w.u32(1);
      w.op(W.i32);
      w.op(0);
      w.i32Const(standalone.mem);
      w.op(W.end);
    });
  }
  section(7, () => {
    const exported = (name: string, kind: number, index: number): void => {
      w.reserve(64);
      w.name(name);
      w.op(kind);
      w.u32(index);
    };
    if (standalone === undefined) {
      const exports = Math.min(functions, MOST_EXPORTS);
      w.u32(exports);
      for (let f = 0; f < exports; f++) exported(`f${f}`, 0, FIRST_FUNCTION + functions + f);
      return;
    }
    w.u32(3);
    exported('memory', 2, 0);
    exported('mem', 3, 0);
    exported('run', 0, imported + count - 1);
  });
  w.reserve(bodies.length + 64);
  section(10, () => {
    w.u32(count);
    for (let k = 0; k < standIns; k++) for (const byte of [3, 0, W.unreachable, W.end]) w.op(byte);
    w.bytes.set(bodies, w.at);
    w.at += bodies.length;
  });
  if (standalone !== undefined) {
    section(11, () => {
      w.u32(standalone.data.length);
      for (const { at, bytes } of standalone.data) {
        w.reserve(bytes.length + 64);
        w.u32(0);
        w.i32Const(at);
        w.op(W.end);
        w.u32(bytes.length);
        w.bytes.set(bytes, w.at);
        w.at += bytes.length;
      }
    });
  }
  const module = w.result().slice();
  if (w.bytes.length > KEPT) w.bytes = new Uint8Array(KEPT);
  return module;
}
