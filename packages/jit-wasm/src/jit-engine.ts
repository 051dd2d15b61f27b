/**
 * The engine around compiled code. Functions of the program are functions of WebAssembly; what they leave to the host
 * comes in through two imports: `host` executes one instruction, `resume` finishes the function by interpretation.
 */
import type { Engine } from '@polybpf/interpreter';
import { callHelper, closeFrame, CODE_START, driveToEnd, type Execute, type Image, insnIndex, type Machine, prepareFrames, REGISTER_WORDS, SLOT_WORDS, slotWord, STATUS_DONE, STATUS_PAUSED, switchImage, wasmApi } from '@polybpf/interpreter/engine'; // prettier-ignore
import { type Bridge, bridgeOf } from './bridge.ts';
import { type CompiledModule, compileImage, LARGEST_FUNCTION } from './compile-module.ts';
import { LEVEL_HOST } from './flow.ts';
import { bindInterpreter, depthLimitOf, writeLimits } from './interpreter-engine.ts';
import { FIXED_FRAMES, MAILBOX } from './mailbox.ts';
import { CLASS, OP } from './micro-ops.ts';
import { BAD_JUMP_BIT, type Binding, type Facts } from './module-context.ts';

/** What {@link wasmEngine} and {@link autoEngine} can be told. */
export interface WasmEngineOptions {
  /** Accesses that a verifier has proven, by instruction of the main program: their bounds are not checked again. */
  readonly facts?: Facts;
}

/** What {@link autoEngine} can be told. */
export interface AutoEngineOptions extends WasmEngineOptions {
  /** Instructions that an image interprets before it is compiled; default 20000. */
  readonly threshold?: number;
}

/** Calls with this r0 in the register file: a helper has ended the program, all functions are left. */
const UNWIND: object = { toString: () => 'the program has ended' };
/** Exits of one instruction without a fault until it is compiled with less trust. */
const PATIENCE = 2;
/** Compilations of one image; an image that still exits is interpreted. */
const ATTEMPTS = 12;
/** An exit with a budget of less than this may come from the look at the budget itself. */
const SMALL_BUDGET = 1 << 20;

type Entry = (depth: number) => void;

/** An image and the code that was made of it. */
interface Unit {
  readonly image: Image;
  /** Its number for the bridge. */
  readonly client: number;
  module: CompiledModule | undefined;
  /** Entry by instruction. */
  readonly entries: Map<number, Entry>;
  readonly levels: Map<number, number>;
  readonly exits: Map<number, number>;
  readonly extra: Set<number>;
  attempts: number;
  stale: boolean;
  /** There are local calls. */
  calls: boolean;
  /** Instructions interpreted so far. */
  interpreted: number;
}

class JitMachine {
  readonly cx: Machine;
  readonly words: Int32Array;
  readonly fallback: Execute;
  readonly interpret: Execute;
  readonly units = new Map<Image, Unit>();
  readonly facts: Facts | undefined;
  readonly main: Image;
  readonly bridge: Bridge;
  /** Depth of the frame in which compiled code was entered last. */
  entryDepth = 0;
  /** The next call of the engine interprets: compiled code has given up at that very place. */
  interpretNext = false;
  /** The last call of the engine that was done has ended the whole program, not only its outermost function. */
  ended = false;

  constructor(cx: Machine, fallback: Execute, facts: Facts | undefined) {
    this.cx = cx;
    this.words = cx.memory.arena!.words;
    this.fallback = fallback;
    const interpret = bindInterpreter(cx, fallback);
    this.interpret = (machine) => {
      const status = interpret(machine);
      if (status === STATUS_DONE) this.ended = machine.code[machine.pc] !== OP.exit;
      return status;
    };
    this.bridge = bridgeOf(cx.memory.arena!, cx.memory);
    this.facts = facts;
    this.main = cx.image;
  }

  unit(image: Image): Unit {
    let unit = this.units.get(image);
    if (unit === undefined) {
      const client = this.bridge.register({
        resume: (insn, depth) => this.resume(this.units.get(image)!, insn, depth),
        host: (insn, depth) => this.host(this.units.get(image)!, insn, depth),
      });
      unit = { image, client, module: undefined, entries: new Map(), levels: new Map(), exits: new Map(), extra: new Set(), attempts: 0, stale: true, calls: false, interpreted: 0 }; // prettier-ignore
      this.units.set(image, unit);
    }
    return unit;
  }

  /** The compiled function that starts at the instruction `cx.pc`, or undefined. */
  entry(unit: Unit): Entry | undefined {
    const { pc } = this.cx;
    if ((pc - CODE_START) % SLOT_WORDS !== 0) return undefined;
    if (unit.stale && !this.compile(unit)) return undefined;
    return unit.entries.get(insnIndex(pc));
  }

  compile(unit: Unit): boolean {
    if (unit.attempts >= ATTEMPTS) return false;
    unit.attempts++;
    const { image } = unit;
    const facts = image === this.main ? this.facts : undefined;
    const module = compileImage(this.binding(unit), { entries: [...unit.extra], levels: unit.levels, facts });
    if (module.largest > LARGEST_FUNCTION) {
      unit.attempts = ATTEMPTS;
      return false;
    }
    const api = wasmApi();
    const instance = new api.Instance(new api.Module(module.bytes), {
      bpf: { memory: this.cx.memory.arena!.memory, ...this.bridge.imports },
    });
    unit.module = module;
    unit.stale = false;
    unit.calls = module.classes.includes(CLASS.call);
    unit.entries.clear();
    module.entries.forEach((insn, f) => unit.entries.set(insn, instance.exports[`f${f}`] as Entry));
    return true;
  }

  binding({ image, client }: Unit): Binding {
    const { cx } = this;
    return {
      image,
      registers: image.code.byteOffset,
      stackSize: cx.limits.stackSize,
      mayGotoLimit: cx.limits.mayGotoLimit,
      alignAtomics: cx.limits.alignAtomics,
      arena: cx.arena,
      saved: cx.saved.byteOffset,
      loops: cx.loops.byteOffset,
      client,
    };
  }

  get fuel(): number {
    const { words } = this;
    return words[(MAILBOX.fuel >> 2) + 1]! * 4294967296 + (words[MAILBOX.fuel >> 2]! >>> 0);
  }

  set fuel(value: number) {
    this.words[MAILBOX.fuel >> 2] = value | 0;
    this.words[(MAILBOX.fuel >> 2) + 1] = Math.floor(value / 4294967296);
  }

  /** Runs a compiled function to its end. */
  run(entry: Entry): number {
    const { cx, words, entryDepth } = this;
    if (cx.stacks.length < FIXED_FRAMES && this.units.get(cx.image)!.calls) {
      prepareFrames(cx, Math.min(FIXED_FRAMES, cx.activation[cx.depth]! + cx.limits.maxCallFrames));
    }
    this.interpretNext = false;
    this.entryDepth = cx.depth;
    this.fuel = cx.reserve + cx.fuel;
    writeLimits(cx, words);
    try {
      entry(cx.depth);
    } catch (error) {
      // The state is where the host left it when it threw.
      if (error !== UNWIND) throw error;
      this.ended = true;
      return STATUS_DONE;
    } finally {
      this.entryDepth = entryDepth;
    }
    cx.reserve = this.fuel;
    cx.fuel = 0;
    cx.pc = words[MAILBOX.pc >> 2]!;
    this.ended = false;
    return STATUS_DONE;
  }

  /** Makes the machine what an interpreter would have at this instruction. */
  enter({ image }: Unit, pc: number, depth: number, budget: number): void {
    const { cx, entryDepth } = this;
    for (let d = entryDepth + 1; d <= depth; d++) {
      cx.callers[d] = image;
      cx.activation[d] = cx.activation[entryDepth]!;
    }
    cx.depth = depth;
    cx.pc = pc;
    cx.reserve = budget;
    cx.fuel = 0;
    const { number } = cx.stacks[depth]!;
    cx.code[20] = cx.limits.stackSize;
    cx.code[21] = number;
    cx.memory.readEnd[number] = cx.limits.stackSize;
    cx.memory.writeEnd[number] = cx.limits.stackSize;
  }

  /** Hands the machine back to compiled code in frame `depth`. */
  leave({ image }: Unit, depth: number, over: boolean): void {
    const { cx, words } = this;
    if (cx.image !== image) {
      // When the outermost frame has ended in another program, that is where the run is seen to have ended.
      if (over && depth === this.entryDepth) image.code.set(cx.code.subarray(0, REGISTER_WORDS));
      else switchImage(cx, image);
    }
    cx.depth = depth;
    this.fuel = cx.reserve + cx.fuel;
    if (over) words[MAILBOX.pc >> 2] = cx.pc;
    words[MAILBOX.depthLimit >> 2] = depthLimitOf(cx);
  }

  /** Says whether the place of the machine may be looked for among the entries of compiled code. */
  get mayEnter(): boolean {
    const { cx } = this;
    if (!cx.whole || cx.depth !== cx.hostDepth) return false;
    if (!this.interpretNext) return true;
    this.interpretNext = false;
    return false;
  }

  /** Goes on until the frame `depth` has returned. */
  finish(depth: number): void {
    const { cx } = this;
    const { hostDepth } = cx;
    cx.hostDepth = depth;
    try {
      driveToEnd(cx);
    } finally {
      cx.hostDepth = hostDepth;
    }
    if (this.ended) throw UNWIND;
  }

  /** Import `resume`: compiled code cannot go on at this instruction. */
  resume(unit: Unit, insn: number, depth: number): void {
    const { cx } = this;
    const bad = (insn & BAD_JUMP_BIT) !== 0;
    const i = insn & ~BAD_JUMP_BIT;
    const budget = this.fuel + (bad ? 0 : unit.module!.rest[i]!);
    this.enter(unit, bad ? slotWord(i) + 6 : slotWord(i), depth, budget);
    this.interpretNext = true;
    this.finish(depth);
    if (!bad && budget > SMALL_BUDGET) this.distrust(unit, i);
    if (depth > this.entryDepth) closeFrame(cx, depth);
    this.leave(unit, depth, true);
  }

  /** An exit was no fault: the next code expects less of this access. */
  distrust(unit: Unit, i: number): void {
    const kind = unit.module!.classes[i]!;
    if (kind !== CLASS.load && kind !== CLASS.store && kind !== CLASS.atomic) return;
    if (kind === CLASS.load && this.cx.memory.loadHooks.size > 0) {
      // Regions with a hook have nothing that compiled code may read.
      unit.levels.set(i, LEVEL_HOST);
      unit.stale = true;
      return;
    }
    const count = (unit.exits.get(i) ?? 0) + 1;
    unit.exits.set(i, count);
    if (count < PATIENCE) return;
    unit.exits.set(i, 0);
    unit.levels.set(i, Math.min(LEVEL_HOST, (unit.levels.get(i) ?? 0) + 1));
    unit.stale = true;
  }

  /**
   * Import `host`: executes one instruction.
   *
   * @returns 1 when the function is over: a tail call has replaced it and that has returned
   */
  host(unit: Unit, insn: number, depth: number): number {
    const { cx } = this;
    const pc = slotWord(insn);
    const { number } = cx.stacks[depth]!;
    const wasOpen = cx.memory.readEnd[number]! !== 0;
    const helper = cx.code[pc] === OP.callHelper;
    this.enter(unit, pc, depth, this.fuel + (helper ? 0 : 1));
    let over = 0;
    let replaced: boolean;
    if (helper) {
      const status = callHelper(cx);
      if (status === STATUS_DONE) throw UNWIND;
      replaced = status !== pc + 8;
      if (status >= 0) cx.pc = status;
    } else {
      cx.fuel = 1;
      cx.reserve--;
      const status = this.fallback(cx);
      if (status === STATUS_DONE) throw UNWIND;
      if (cx.depth > depth) {
        // callx: the function that it called is interpreted here, then everything is as after a helper.
        this.finish(depth + 1);
        closeFrame(cx, depth + 1);
        cx.depth = depth;
        replaced = false;
      } else replaced = status !== STATUS_PAUSED || cx.pc !== pc + 8;
    }
    if (replaced) {
      this.finish(depth);
      over = 1;
    }
    if (!wasOpen) closeFrame(cx, depth);
    this.leave(unit, depth, over === 1);
    return over;
  }
}

/** Options under which every call or access is different, and interpretation has to do. */
function isInterpreted(cx: Machine): boolean {
  return cx.limits.clobber || cx.image.alignAll;
}

/** Compiles every program before its first run. */
export function wasmEngine(options: WasmEngineOptions = {}): Engine {
  return {
    name: 'wasm',
    bind(cx, fallback) {
      if (isInterpreted(cx)) return fallback;
      const jit = new JitMachine(cx, fallback, options.facts);
      return (machine) => {
        if (!jit.mayEnter) return jit.interpret(machine);
        const entry = jit.entry(jit.unit(machine.image));
        return entry === undefined ? jit.interpret(machine) : jit.run(entry);
      };
    },
  };
}

/**
 * Interprets short runs and compiles what has run for a while, in the middle of a run too: between two slices the
 * interpreter's place becomes the start of a function.
 */
export function autoEngine(options: AutoEngineOptions = {}): Engine {
  const threshold = options.threshold ?? 20_000;
  return {
    name: 'auto',
    bind(cx, fallback) {
      if (isInterpreted(cx)) return fallback;
      const jit = new JitMachine(cx, fallback, options.facts);
      return (machine) => {
        if (!jit.mayEnter) return jit.interpret(machine);
        const unit = jit.unit(machine.image);
        if (unit.interpreted < threshold) {
          const before = machine.fuel;
          const slice = Math.min(before, threshold - unit.interpreted);
          machine.fuel = slice;
          machine.reserve += before - slice;
          const status = jit.interpret(machine);
          unit.interpreted += slice - machine.fuel;
          return status;
        }
        if (unit.attempts === 0 || unit.stale || !unit.entries.has(insnIndex(machine.pc))) addEntry(unit, machine.pc);
        const entry = jit.entry(unit);
        return entry === undefined ? jit.interpret(machine) : jit.run(entry);
      };
    },
  };
}

/** Makes the place where a run stands an entry, unless there are many already; a jump that goes nowhere is no place. */
function addEntry(unit: Unit, pc: number): void {
  if ((pc - CODE_START) % SLOT_WORDS !== 0) return;
  const insn = insnIndex(pc);
  if (unit.extra.has(insn) || unit.extra.size >= 4 || insn >= unit.image.program.insns.length) return;
  if (unit.module?.entries.includes(insn) === true) return;
  unit.extra.add(insn);
  unit.stale = true;
}
