/**
 * Emits one function: blocks in structured control flow, the budget, calls, exits to the host.
 *
 * An exit stores the registers that are live into the register file and has the host finish the function: the
 * interpreter goes on at that instruction, raises the fault if there is one, and else hands r0 back. Nothing is ever
 * resumed inside compiled code, so an exit keeps no register alive that the program does not need anyway.
 */
import { type Image, slotWord, CODE_START } from '@polybpf/interpreter/engine';
import { INSN_TABLE } from '@polybpf/isa';
import { emitAccess, emitRoot } from './emit-access.ts';
import { emitAlu, emitCondition } from './emit-alu.ts';
import { type Flow, NONE } from './flow.ts';
import { declareLocals, layOutLocals, type Locals } from './function-locals.ts';
import { SAVED_BYTES } from './interpreter-engine.ts';
import { hostResults } from './liveness.ts';
import { FRAME_REGION_BIAS, MAILBOX } from './mailbox.ts';
import { CLASS } from './micro-ops.ts';
import { BAD_JUMP_BIT, FIRST_FUNCTION, type ModuleContext } from './module-context.ts';
import { FIRST_DEFINED, FRAME_ROOT, type Pointers } from './pointers.ts';
import type { Shape } from './shape.ts';
import { ARENA_BASES, ARENA_READ_ENDS, ARENA_WRITE_ENDS } from '@polybpf/interpreter/engine';
import { W, type WasmWriter } from './wasm-writer.ts';

/** Steps of the walk over the dominator tree, kept on a stack of its own. */
const TREE = 0;
const BODY = 1;
const END = 2;

export class FunctionEmitter {
  readonly context: ModuleContext;
  readonly w: WasmWriter;
  readonly flow: Flow;
  readonly image: Image;
  readonly shape: Shape;
  readonly pointers: Pointers;
  readonly locals: Locals;
  /** The program's memory is big-endian. */
  readonly big: boolean;
  /** Open constructs around the place that is written. */
  #open = 0;
  readonly #loopAt: Int32Array;
  readonly #mergeAt: Int32Array;
  readonly #steps: number[] = [];

  constructor(context: ModuleContext, shape: Shape, pointers: Pointers, parameters: number) {
    this.context = context;
    this.w = context.w;
    this.flow = context.flow;
    this.big = context.big;
    this.image = context.flow.image;
    this.shape = shape;
    this.pointers = pointers;
    this.locals = layOutLocals(parameters, pointers);
    this.#loopAt = new Int32Array(shape.order.length);
    this.#mergeAt = new Int32Array(shape.order.length);
  }

  getRegister(r: number): void {
    this.w.get(this.locals.registers[r]!);
  }

  getRegister32(r: number): void {
    this.w.get(this.locals.registers[r]!);
    this.w.op(W.i32_wrap_i64);
  }

  setRegister(r: number): void {
    this.w.set(this.locals.registers[r]!);
  }

  /** r = the i32 on the stack, zero-extended. */
  setRegister32(r: number): void {
    this.w.op(W.i64_extend_i32_u);
    this.w.set(this.locals.registers[r]!);
  }

  /** Says whether a load or store is one of those that must be aligned like atomics. */
  isRare(i: number): boolean {
    const { kind } = INSN_TABLE[this.image.code[slotWord(i) + 7]!]!;
    return kind === 'load_acquire' || kind === 'store_release';
  }

  /** The whole function, locals and body; the size is written by the caller. */
  emit(): void {
    const { w, shape } = this;
    declareLocals(w, this.locals);
    this.#prologue();
    if (shape.irreducible) this.#dispatch();
    else this.#structured();
    w.op(W.unreachable);
    w.op(W.end);
  }

  #prologue(): void {
    const { w, locals, pointers, context } = this;
    if (pointers.frameAccess || pointers.frameValue) {
      // Region of the frame: 1 for the main program, depth + 3 for the others.
      w.get(locals.depth);
      w.i32Const(FRAME_REGION_BIAS);
      w.op(W.i32_add);
      w.i32Const(1);
      w.get(locals.depth);
      w.op(W.select);
      w.set(locals.t);
      if (pointers.frameValue) {
        w.get(locals.t);
        w.op(W.i64_extend_i32_u);
        w.i64Const(32);
        w.op(W.i64_shl);
        const root = locals.roots.get(FRAME_ROOT);
        if (root !== undefined) w.tee(root.tag);
        w.i64Const(context.binding.stackSize);
        w.op(W.i64_or);
        w.set(locals.registers[10]!);
      }
      w.get(locals.t);
      w.i32Const(2);
      w.op(W.i32_shl);
      w.access(W.i32_load, ARENA_BASES);
      w.set(locals.frame);
      const root = locals.roots.get(FRAME_ROOT);
      if (root !== undefined) {
        w.get(locals.frame);
        w.set(root.host);
      }
    }
    for (const r of locals.parameters) emitRoot(this, r, r);
  }

  #structured(): void {
    const steps = this.#steps;
    const { w } = this;
    steps.push(TREE, 0);
    while (steps.length > 0) {
      const k = steps.pop()!;
      const step = steps.pop()!;
      if (step === TREE) this.#tree(k);
      else if (step === BODY) this.#body(k);
      else {
        w.op(W.end);
        this.#open--;
      }
    }
  }

  /** Opens what surrounds block `k`: its loop, and a block for each merge point that it dominates. */
  #tree(k: number): void {
    const { w, shape } = this;
    const steps = this.#steps;
    if (shape.isLoop[k] === 1) {
      w.op(W.loop);
      w.op(W.void);
      this.#loopAt[k] = this.#open++;
      steps.push(END, 0);
    }
    // The list ascends; the merge point that comes last is the outermost block.
    const merges: number[] = [];
    for (let m = shape.firstMerge[k]!; m !== NONE; m = shape.nextMerge[m]!) merges.push(m);
    w.reserve(16 + 2 * merges.length + 4096);
    for (let j = merges.length - 1; j >= 0; j--) {
      w.op(W.block);
      w.op(W.void);
      this.#mergeAt[merges[j]!] = this.#open++;
      steps.push(TREE, merges[j]!, END, 0);
    }
    steps.push(BODY, k);
  }

  #body(k: number): void {
    const last = this.#straight(k);
    if (last === NONE) return;
    const { shape, flow } = this;
    const taken = shape.taken[k]!;
    const next = shape.next[k]!;
    switch (flow.classes[last]!) {
      case CLASS.jump:
      case CLASS.mayGoto:
        this.#fork(k, last, taken, next);
        return;
      default:
        this.#go(k, last, taken);
    }
  }

  /** Emits the instructions of a block. Returns its last one, or NONE when control does not go on behind it. */
  #straight(k: number): number {
    const { flow, shape, w } = this;
    const b = shape.order[k]!;
    const first = flow.start[b]!;
    w.reserve();
    this.#charge(k, b, first);
    if (first === flow.end[b]) {
      this.exit(first);
      return NONE;
    }
    const last = flow.last[b]!;
    for (let i = first; ;) {
      w.reserve();
      const kind = flow.classes[i]!;
      if (kind <= CLASS.imm64) {
        emitAlu(this, i);
        if (kind === CLASS.imm64) this.#defined(i);
      } else if (kind < CLASS.nop) {
        if (!emitAccess(this, i)) return NONE;
        if (kind === CLASS.load) this.#defined(i);
      } else if (kind > CLASS.nop) {
        switch (kind) {
          case CLASS.call:
            this.#call(i);
            break;
          case CLASS.host:
            this.#host(i);
            break;
          case CLASS.exit:
            this.#return(i);
            return NONE;
          case CLASS.stop:
            this.exit(i);
            return NONE;
          default:
        }
      }
      if (i === last) return last;
      i += kind === CLASS.imm64 ? 2 : 1;
    }
  }

  /** A root has been made by instruction `i`. */
  #defined(i: number): void {
    const id = FIRST_DEFINED + i;
    if (this.locals.roots.has(id)) emitRoot(this, id, this.image.code[slotWord(i) + 1]! >> 1);
  }

  /** Takes the block from the budget; where the budget is looked at, enough for the way to the next such place must be left. */
  #charge(k: number, b: number, first: number): void {
    const { w, locals, shape, flow } = this;
    const count = flow.count[b]!;
    if (count > 0) {
      w.get(locals.fuel);
      w.i64Const(count);
      w.op(W.i64_sub);
      w.set(locals.fuel);
    }
    if (shape.checks[k] === 0 || shape.cost[k] === 0) return;
    w.get(locals.fuel);
    w.i64Const(shape.cost[k]! - count);
    w.op(W.i64_lt_s);
    this.exitIf(first);
  }

  /** Two ways on: the condition is instruction `i`. */
  #fork(k: number, i: number, taken: number, next: number): void {
    const { w, flow } = this;
    if (flow.classes[i] === CLASS.mayGoto) this.#mayGoto();
    else emitCondition(this, i);
    if (taken !== NONE && this.#isLabel(k, taken)) {
      w.index(W.br_if, this.#depthOf(k, taken));
      this.#go(k, i, next);
    } else if (next !== NONE && this.#isLabel(k, next)) {
      w.op(W.i32_eqz);
      w.index(W.br_if, this.#depthOf(k, next));
      this.#go(k, i, taken);
    } else {
      w.op(W.if);
      w.op(W.void);
      if (taken === NONE) {
        this.exit(i | BAD_JUMP_BIT);
        w.op(W.end);
        this.#go(k, i, next);
        return;
      }
      this.#open++;
      this.#steps.push(TREE, next, END, 0, TREE, taken);
    }
  }

  /** One way on, from the last instruction of block `k`. */
  #go(k: number, i: number, to: number): void {
    if (to === NONE) {
      this.exit(i | BAD_JUMP_BIT);
      return;
    }
    if (!this.#isLabel(k, to)) {
      this.#steps.push(TREE, to);
      return;
    }
    const depth = this.#depthOf(k, to);
    // The end of the innermost block follows: control falls there.
    const steps = this.#steps;
    if (depth === 0 && to > k && steps.length > 1 && steps[steps.length - 2] === END) return;
    this.w.index(W.br, depth);
  }

  /** A loop around, or a merge point behind: there is a label for it. Else the block is written in place. */
  #isLabel(from: number, to: number): boolean {
    return to <= from || this.shape.isMerge[to] === 1;
  }

  #depthOf(from: number, to: number): number {
    return this.#open - 1 - (to <= from ? this.#loopAt : this.#mergeAt)[to]!;
  }

  /** Functions with loops that are entered from the side: every block is a case of one switch in a loop. */
  #dispatch(): void {
    const { w, shape, locals, flow } = this;
    const size = shape.order.length;
    w.reserve(4096 + 12 * size);
    w.i32Const(0);
    w.set(locals.u);
    w.op(W.loop);
    w.op(W.void);
    for (let k = 0; k < size; k++) {
      w.op(W.block);
      w.op(W.void);
    }
    w.get(locals.u);
    w.op(W.br_table);
    w.u32(size - 1);
    for (let k = 0; k < size; k++) w.u32(k);
    const go = (k: number, i: number, to: number, extra: number): void => {
      if (to === NONE) {
        this.exit(i | BAD_JUMP_BIT);
        return;
      }
      w.i32Const(to);
      w.set(locals.u);
      w.index(W.br, size - 1 - k + extra);
    };
    for (let k = 0; k < size; k++) {
      w.op(W.end);
      const last = this.#straight(k);
      if (last === NONE) continue;
      const kind = flow.classes[last]!;
      if (kind === CLASS.jump || kind === CLASS.mayGoto) {
        if (kind === CLASS.mayGoto) this.#mayGoto();
        else emitCondition(this, last);
        w.op(W.if);
        w.op(W.void);
        go(k, last, shape.taken[k]!, 1);
        w.op(W.end);
        go(k, last, shape.next[k]!, 0);
      } else go(k, last, shape.taken[k]!, 0);
    }
    w.op(W.end);
  }

  /** Pushes whether may_goto jumps: its frame's counter is used up; else takes one from it. */
  #mayGoto(): void {
    const { w, locals, context } = this;
    const counter = (): void => {
      w.get(locals.depth);
      w.i32Const(2);
      w.op(W.i32_shl);
    };
    counter();
    w.access(W.i32_load, context.binding.loops);
    w.tee(locals.t);
    w.op(W.if);
    w.op(W.void);
    counter();
    w.get(locals.t);
    w.i32Const(1);
    w.op(W.i32_sub);
    w.access(W.i32_store, context.binding.loops);
    w.op(W.end);
    w.get(locals.t);
    w.op(W.i32_eqz);
  }

  /** Stores what is left of the budget where callees and the host find it. */
  #storeFuel(): void {
    const { w, locals } = this;
    w.i32Const(0);
    w.get(locals.fuel);
    w.access(W.i64_store, MAILBOX.fuel);
  }

  #loadFuel(): void {
    const { w, locals } = this;
    w.i32Const(0);
    w.access(W.i64_load, MAILBOX.fuel);
    w.set(locals.fuel);
  }

  #return(i: number): void {
    const { w, context } = this;
    this.#storeFuel();
    w.i32Const(0);
    w.i32Const(slotWord(i));
    w.access(W.i32_store, MAILBOX.pc);
    for (let r = 1; r <= 5; r++) {
      if ((context.live.leaked & (1 << r)) === 0) continue;
      w.i32Const(0);
      this.getRegister(r);
      w.access(W.i64_store, context.binding.registers + 8 * r);
    }
    this.getRegister(0);
    w.op(W.return);
  }

  /** Has the host finish the function from instruction `i` on, when the i32 on the stack is not 0. */
  exitIf(i: number): void {
    const { w } = this;
    w.op(W.if);
    w.op(W.void);
    this.exit(i);
    w.op(W.end);
  }

  /** Has the host finish the function from instruction `i` on. */
  exit(i: number): void {
    const bad = (i & BAD_JUMP_BIT) !== 0;
    const mask = bad || i === this.flow.length ? 0 : this.context.live.before[i]!;
    this.#spill(mask, i, true);
    this.w.op(W.return);
  }

  #spill(mask: number, i: number, resumes: boolean): void {
    const { w, locals, context } = this;
    for (let r = 0; r < 10; r++) if ((mask & (1 << r)) !== 0) this.getRegister(r);
    w.get(locals.fuel);
    w.i32Const(i);
    w.get(locals.depth);
    w.index(W.call, context.spill(mask, resumes));
  }

  /** Registers of `mask` from the register file. */
  #reload(mask: number): void {
    const { w, context } = this;
    for (let r = 0; r < 10; r++) {
      if ((mask & (1 << r)) === 0) continue;
      w.i32Const(0);
      w.access(W.i64_load, context.binding.registers + 8 * r);
      this.setRegister(r);
    }
  }

  /** One instruction that the host executes. It may also have gone on in another program: then the function is over. */
  #host(i: number): void {
    const { w, context } = this;
    this.#spill(context.live.before[i]!, i, false);
    w.op(W.if);
    w.op(W.void);
    w.i32Const(0);
    w.access(W.i64_load, context.binding.registers);
    w.op(W.return);
    w.op(W.end);
    this.#loadFuel();
    this.#reload(context.live.before[i + 1]! & hostResults(this.flow, i));
    this.#defined0(i);
  }

  /** r0 is a root when a call has made it. */
  #defined0(i: number): void {
    const id = FIRST_DEFINED + i;
    if (this.locals.roots.has(id)) emitRoot(this, id, 0);
  }

  #call(i: number): void {
    const { w, locals, context, image, flow } = this;
    const target = flow.blockAt[(image.code[slotWord(i) + 3]! - CODE_START) >> 3]!;
    const callee = context.functionAt.get(target)!;
    const { live, binding } = context;
    w.get(locals.depth);
    w.i32Const(1);
    w.op(W.i32_add);
    w.tee(locals.u);
    w.i32Const(0);
    w.access(W.i32_load, MAILBOX.depthLimit);
    w.op(W.i32_ge_u);
    this.exitIf(i);
    const frame = (bytes: number, table: number, value: () => void): void => {
      w.get(locals.u);
      w.i32Const(bytes);
      w.op(W.i32_mul);
      value();
      w.access(W.i32_store, table);
    };
    // Where the caller goes on, for those who look at the call stack.
    frame(SAVED_BYTES, binding.saved, () => w.i32Const(slotWord(i + 1)));
    if (context.usesMayGoto[callee]) frame(4, binding.loops, () => w.i32Const(binding.mayGotoLimit));
    const setEnds = (bytes: number): void => {
      for (const table of [ARENA_READ_ENDS, ARENA_WRITE_ENDS]) frame(4, table + 4 * FRAME_REGION_BIAS, () => w.i32Const(bytes)); // prettier-ignore
    };
    if (context.usesFrame[callee]) setEnds(binding.stackSize);
    const parameters = live.before[flow.start[target]!]! & 0x3ff;
    for (let r = 0; r < 10; r++) if ((parameters & (1 << r)) !== 0) this.getRegister(r);
    w.get(locals.u);
    w.get(locals.fuel);
    w.index(W.call, FIRST_FUNCTION + callee);
    this.setRegister(0);
    if (context.usesFrame[callee]) {
      w.get(locals.depth);
      w.i32Const(1);
      w.op(W.i32_add);
      w.set(locals.u);
      setEnds(0);
    }
    this.#loadFuel();
    this.#reload(live.before[i + 1]! & live.leaked);
    this.#defined0(i);
  }
}
