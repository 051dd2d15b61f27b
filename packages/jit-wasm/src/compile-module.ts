/** From a program's flow to a WebAssembly module. */
import { slotWord, type Image } from '@polybpf/interpreter/engine';
import { findFlow, type Flow, type Levels, NONE } from './flow.ts';
import { FunctionEmitter } from './function-emitter.ts';
import { ALL_REGISTERS, findLiveness } from './liveness.ts';
import { MAILBOX } from './mailbox.ts';
import { CLASS } from './micro-ops.ts';
import { type Binding, emitTypes, type Facts, FIRST_FUNCTION, IMPORT_HOST, IMPORT_RESUME, ModuleContext, registerCount, TYPE_CALL, TYPE_ENTRY, TYPE_EXIT, TYPE_FUNCTION, TYPE_HOST, TYPE_RESUME } from './module-context.ts'; // prettier-ignore
import { findPointers, type PointerScratch } from './pointers.ts';
import { findSlots } from './frame-slots.ts';
import { findShape } from './shape.ts';
import { W, WasmWriter } from './wasm-writer.ts';

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
  /** Functions that needed a dispatch loop. */
  readonly irreducible: number;
}

export interface ModuleOptions {
  /** Instructions that are entries beside those that the program itself names; the main program's is always one. */
  readonly entries?: readonly number[];
  readonly levels?: Levels;
  readonly facts?: Facts | undefined;
}

const NO_LEVELS: Levels = new Map();

/** Compiles an image for a binding. */
export function compileImage(binding: Binding, options: ModuleOptions = {}): CompiledModule {
  const levels = options.levels ?? NO_LEVELS;
  const entries = [...new Set([0, ...(options.entries ?? [])])];
  const flow = findFlow(binding.image, entries, levels, binding.arena);
  const live = findLiveness(flow);
  const w = new WasmWriter(1024 + flow.length * 24);
  const context = new ModuleContext(w, flow, live, binding, levels, options.facts);
  const scratch = new Int32Array(flow.blocks).fill(NONE);
  const slotOf = new Int32Array(flow.length + 1).fill(NONE);
  const pointers: PointerScratch = {
    groupOf: new Int32Array(flow.length + 1),
    offsetOf: new Int32Array(flow.length + 1),
  };
  flow.entries.forEach((entry, f) => context.functionAt.set(flow.blockAt[entry]!, f));
  const shapes = flow.entries.map((entry) => findShape(flow, flow.blockAt[entry]!, scratch));
  shapes.forEach(({ order }, f) => {
    context.usesFrame[f] = order.some((b) => someInsn(flow, b, (i) => usesFrame(flow, i)));
    context.usesMayGoto[f] = order.some((b) => flow.classes[flow.last[b]!] === CLASS.mayGoto);
  });
  let irreducible = 0;
  for (const shape of shapes) {
    if (shape.irreducible) irreducible++;
    const parameters = live.before[flow.start[shape.order[0]!]!]! & ALL_REGISTERS;
    const slots = findSlots(flow, shape, slotOf);
    const found = findPointers(flow, shape, slots, levels, binding.stackSize, options.facts, pointers);
    w.reserve();
    const size = w.openSize();
    new FunctionEmitter(context, shape, slots, found, parameters).emit();
    w.closeSize(size);
  }
  flow.entries.forEach((entry, f) => emitEntry(context, f, live.before[entry]! & ALL_REGISTERS));
  for (const spill of context.spills) emitSpill(context, spill.mask, spill.resumes);
  return {
    bytes: assemble(context, w.result()),
    entries: flow.entries,
    rest: flow.rest,
    classes: flow.classes,
    codeBytes: w.at,
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

/** What the host calls: registers from the file, r0 into it. */
function emitEntry({ w, binding, live }: ModuleContext, f: number, parameters: number): void {
  void live;
  w.reserve();
  const size = w.openSize();
  w.u32(0);
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
  w.access(W.i64_store, binding.registers);
  w.op(W.end);
  w.closeSize(size);
}

/** Stores registers and budget and calls the host; parameters are the registers, the budget, the instruction, the depth. */
function emitSpill({ w, binding }: ModuleContext, mask: number, resumes: boolean): void {
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
  w.i32Const(binding.client);
  w.get(parameter + 1);
  w.get(parameter + 2);
  w.index(W.call, resumes ? IMPORT_RESUME : IMPORT_HOST);
  if (resumes) {
    w.i32Const(0);
    w.access(W.i64_load, binding.registers);
  }
  w.op(W.end);
  w.closeSize(size);
}

function assemble({ flow, live, spills }: ModuleContext, bodies: Uint8Array): Uint8Array {
  const functions = flow.entries.length;
  const w = new WasmWriter(2048 + bodies.length + 16 * functions + 4 * spills.length);
  w.header();
  emitTypes(w);
  w.op(2);
  const imports = w.openSize();
  w.u32(3);
  w.name('bpf');
  w.name('memory');
  w.op(2);
  w.op(0);
  w.u32(0);
  for (const [name, type] of [
    ['resume', TYPE_RESUME],
    ['host', TYPE_CALL],
  ] as const) {
    w.name('bpf');
    w.name(name);
    w.op(0);
    w.u32(type);
  }
  w.closeSize(imports);
  w.reserve(64 + 2 * functions + 2 * spills.length);
  w.op(3);
  const types = w.openSize();
  w.u32(2 * functions + spills.length);
  for (const entry of flow.entries) w.u32(TYPE_FUNCTION + registerCount(live.before[entry]! & ALL_REGISTERS));
  for (let f = 0; f < functions; f++) w.u32(TYPE_ENTRY);
  for (const { mask, resumes } of spills) w.u32((resumes ? TYPE_EXIT : TYPE_HOST) + registerCount(mask));
  w.closeSize(types);
  w.op(7);
  const exports = w.openSize();
  w.u32(functions);
  for (let f = 0; f < functions; f++) {
    w.reserve(64);
    w.name(`f${f}`);
    w.op(0);
    w.u32(FIRST_FUNCTION + functions + f);
  }
  w.closeSize(exports);
  w.reserve(bodies.length + 64);
  w.op(10);
  const code = w.openSize();
  w.u32(2 * functions + spills.length);
  w.bytes.set(bodies, w.at);
  w.at += bodies.length;
  w.closeSize(code);
  return w.result();
}

/** Says whether the image is the one that a binding is for. */
export function isBoundTo(binding: Binding, image: Image): boolean {
  return binding.image === image;
}
