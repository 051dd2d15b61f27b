/**
 * Emits one function: blocks in structured control flow, the budget, calls, exits to the host.
 *
 * An exit stores the registers that are live into the register file and has the host finish the function: the
 * interpreter goes on at that instruction, raises the fault if there is one, and else hands r0 back. Nothing is ever
 * resumed inside compiled code, so an exit keeps no register alive that the program does not need anyway.
 */
import { ARENA_BASES, type Image, slotWord } from '@polybpf/interpreter/engine';
import { INSN_TABLE } from '@polybpf/isa';
import { emitAccess, emitRoot, emitSlotLoad } from './emit-access.ts';
import { emitAlu, emitCondition, emitShiftPair } from './emit-alu.ts';
import { emitHost, emitLocalCall } from './emit-call.ts';
import { type Flow, NONE } from './flow.ts';
import { declareLocals, layOutLocals, type Locals } from './function-locals.ts';
import { FRAME_REGION_BIAS, MAILBOX } from './mailbox.ts';
import { CLASS, OP } from './micro-ops.ts';
import { BAD_JUMP_BIT, type ModuleContext } from './module-context.ts';
import type { FrameSlots } from './frame-slots.ts';
import { FIRST_DEFINED, FRAME_ROOT, type Pointers } from './pointers.ts';
import type { Chain, Shape } from './shape.ts';
import { W, type WasmWriter } from './wasm-writer.ts';
import { SCRATCH } from './scratch.ts';

/** Most entries of a `br_table` that V8 takes (kV8MaxWasmFunctionBrTableSize). */
const LARGEST_TABLE = 65_520;

/** Steps of the walk over the dominator tree, kept on a stack of its own. */
const TREE = 0;
const BODY = 1;
const END = 2;
const CONVERT = 3;

export class FunctionEmitter {
  readonly context: ModuleContext;
  readonly w: WasmWriter;
  readonly flow: Flow;
  readonly image: Image;
  readonly shape: Shape;
  readonly pointers: Pointers;
  readonly slots: FrameSlots;
  readonly locals: Locals;
  /** The program's memory is big-endian. */
  readonly big: boolean;
  /** The main program: which exit it took is written down. */
  readonly isMain: boolean;
  /** Open constructs around the place that is written. */
  #open = 0;
  /** Instructions that have run, or are about to run in this block, and are not taken from the budget yet. */
  #pending = 0;
  readonly #loopAt: Int32Array;
  readonly #mergeAt: Int32Array;
  readonly #steps: number[] = [];
  /** States of conversions that are written later, see `#fork`. */
  readonly #later: { readonly to: number; readonly roots: Int32Array }[] = [];

  constructor(context: ModuleContext, shape: Shape, slots: FrameSlots, pointers: Pointers, parameters: number) {
    this.context = context;
    this.w = context.w;
    this.flow = context.flow;
    this.big = context.big;
    this.isMain = context.flow.start[shape.order[0]!] === 0;
    this.image = context.flow.image;
    this.shape = shape;
    this.pointers = pointers;
    this.slots = slots;
    this.locals = layOutLocals(parameters, pointers, slots.slots.length);
    this.#loopAt = SCRATCH.ints(shape.order.length);
    this.#mergeAt = SCRATCH.ints(shape.order.length);
  }

  /** Root that register (or slot, from 11 on) `r` is kept relative to, or NONE: its local holds address - tag. */
  relativeTo(r: number): number {
    const root = this.pointers.walk.root[r]!;
    return root !== NONE && root !== FRAME_ROOT && this.context.tagOf[root] !== 0 ? root : NONE;
  }

  /** Local of register or slot `r`. */
  localOf(r: number): number {
    return r > FRAME_ROOT ? this.locals.slots + r - 11 : this.locals.registers[r]!;
  }

  /** Pushes the value of a register. */
  getRegister(r: number): void {
    this.w.get(this.localOf(r));
    const root = this.relativeTo(r);
    if (root === NONE) return;
    this.w.get(this.context.tagOf[root]!);
    this.w.op(W.i64_add);
  }

  /** Pushes the local of a register, which may be relative to its root. */
  getRaw(r: number): void {
    this.w.get(this.localOf(r));
  }

  /** Makes the local of a register or slot its value again, before its root is forgotten. */
  makeAbsolute(r: number): void {
    if (this.relativeTo(r) === NONE) return;
    this.getRegister(r);
    this.w.set(this.localOf(r));
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
    const { tagOf } = this.context;
    for (const { root, tag } of this.locals.roots.values()) tagOf[root] = tag;
    declareLocals(w, this.locals);
    this.#prologue();
    if (shape.irreducible) this.#dispatch();
    else this.#structured();
    w.op(W.unreachable);
    w.op(W.end);
    for (const root of this.locals.roots.keys()) tagOf[root] = 0;
  }

  #prologue(): void {
    const { w, locals, pointers, context } = this;
    pointers.walk.root.set(pointers.rootsIn.subarray(0, pointers.wide));
    if (pointers.frameAccess || pointers.frameValue) {
      // Region of the frame: 1 for the main program, depth + 3 for the others.
      w.get(locals.depth);
      w.i32Const(FRAME_REGION_BIAS);
      w.op(W.i32_add);
      w.i32Const(1);
      w.get(locals.depth);
      w.op(W.select);
      w.tee(locals.region);
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
    // At the entry every parameter is a root, whatever comes back to a loop there.
    for (let r = 0; r < pointers.wide; r++) pointers.walk.root[r] = NONE;
    for (const r of locals.parameters) emitRoot(this, r, r);
    for (const r of locals.parameters) if (locals.roots.has(r)) pointers.walk.root[r] = r;
    this.loadSlots(this.slots.liveIn[0]!);
    this.#convert(0);
  }

  /** Slots of the mask from memory. */
  loadSlots(mask: number): void {
    const { slots } = this.slots;
    for (let k = 0; k < slots.length; k++) if ((mask & (1 << k)) !== 0) emitSlotLoad(this, slots[k]!, 11 + k);
  }

  /** Registers and slots that are relative to a root here and not at the start of block `to` become values, for the way there. */
  #convert(to: number): void {
    const { pointers } = this;
    if (this.locals.roots.size === 0) return;
    const at = to * pointers.wide;
    for (let r = 0; r < pointers.wide; r++) {
      if (pointers.rootsIn[at + r] !== pointers.walk.root[r] && this.#isLive(to, r)) this.makeAbsolute(r);
    }
  }

  /** Says whether {@link convert} has anything to do. */
  #converts(to: number): boolean {
    const { pointers } = this;
    if (this.locals.roots.size === 0) return false;
    const at = to * pointers.wide;
    for (let r = 0; r < pointers.wide; r++) {
      if (pointers.rootsIn[at + r] !== pointers.walk.root[r] && this.relativeTo(r) !== NONE && this.#isLive(to, r))
        return true;
    }
    return false;
  }

  #isLive(to: number, r: number): boolean {
    if (r > FRAME_ROOT) return (this.slots.liveIn[to]! & (1 << (r - 11))) !== 0;
    return (this.context.live.before[this.flow.start[this.shape.order[to]!]!]! & (1 << r)) !== 0;
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
      else if (step === CONVERT) {
        const { to, roots } = this.#later[k]!;
        this.pointers.walk.root.set(roots);
        this.#convert(to);
      } else {
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
    if (shape.firstMerge[k] === NONE) {
      steps.push(BODY, k);
      return;
    }
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
    const chain = this.shape.chains.get(k);
    if (chain !== undefined) {
      this.#unrolled(k, chain);
      return;
    }
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

  /**
   * A chain, several times in a row: the budget is looked at once for all of them, and taken from where the chain is
   * left. V8 looks at its own stack once a round, too.
   */
  #unrolled(head: number, { blocks, insns, copies }: Chain): void {
    const { w, shape, flow, locals } = this;
    const counts = blocks.map((k) => flow.count[shape.order[k]!]!);
    w.reserve();
    w.get(locals.fuel);
    w.i64Const(shape.cost[head]! + (copies - 1) * insns);
    w.op(W.i64_lt_s);
    this.#pending = counts[0]!;
    this.pointers.walk.root.set(
      this.pointers.rootsIn.subarray(head * this.pointers.wide, (head + 1) * this.pointers.wide),
    );
    this.exitIf(flow.start[shape.order[head]!]!);
    this.#pending = 0;
    for (let copy = 0; copy < copies; copy++) {
      for (let at = 0; at < blocks.length; at++) {
        const k = blocks[at]!;
        this.#pending += counts[at]!;
        const last = this.#straight(k, true);
        if (last === NONE) {
          this.#pending = 0;
          return;
        }
        const inside = blocks[at + 1] ?? head;
        if (flow.classes[last] === CLASS.jump) this.#leaveChain(k, last, inside);
        this.#convert(inside);
      }
    }
    this.#takePending();
    this.#pending = 0;
    w.index(W.br, this.#depthOf(head, head));
  }

  /** The way out of a chain that block `k` has beside the one that goes on `inside`. */
  #leaveChain(k: number, i: number, inside: number): void {
    const { w, shape } = this;
    const leavesWhenTaken = shape.taken[k] !== inside;
    const to = (leavesWhenTaken ? shape.taken : shape.next)[k]!;
    emitCondition(this, i);
    if (!leavesWhenTaken) w.op(W.i32_eqz);
    w.op(W.if);
    w.op(W.void);
    this.#open++;
    if (to === NONE) this.exit(i | BAD_JUMP_BIT);
    else {
      this.#takePending();
      this.#convert(to);
      w.index(W.br, this.#depthOf(k, to));
    }
    w.op(W.end);
    this.#open--;
  }

  /** Takes what has run since the budget was written down last. */
  #takePending(): void {
    const { w, locals } = this;
    w.get(locals.fuel);
    w.i64Const(this.#pending);
    w.op(W.i64_sub);
    w.set(locals.fuel);
  }

  /** Emits the instructions of a block. Returns its last one, or NONE when control does not go on behind it. */
  #straight(k: number, charged = false): number {
    const { flow, shape, w } = this;
    const b = shape.order[k]!;
    const first = flow.start[b]!;
    const { pointers } = this;
    const { walk } = pointers;
    const { wide, rootsIn } = pointers;
    for (let r = 0, at = k * wide; r < wide; r++) walk.root[r] = rootsIn[at + r]!;
    w.reserve();
    if (!charged) this.#charge(k, b, first);
    if (first === flow.end[b]) {
      this.exit(first);
      return NONE;
    }
    const last = flow.last[b]!;
    for (let i = first; ;) {
      w.reserve();
      const kind = flow.classes[i]!;
      if (kind <= CLASS.imm64) {
        if (kind === CLASS.imm64) this.release(i);
        else if (flow.ops[i] === OP.lsh64 && i < last && emitShiftPair(this, i)) {
          walk.step(i);
          walk.step(i + 1);
          if (i + 1 === last) return last;
          i += 2;
          continue;
        }
        emitAlu(this, i);
        if (kind === CLASS.imm64) this.defined(i);
        else walk.step(i);
      } else if (kind < CLASS.nop) {
        if (kind === CLASS.load) this.release(i);
        if (!emitAccess(this, i)) return NONE;
        if (kind === CLASS.load) this.defined(i);
        else walk.step(i);
      } else if (kind > CLASS.nop) {
        switch (kind) {
          case CLASS.call:
            emitLocalCall(this, i, shape.taken[k]!);
            break;
          case CLASS.host:
            emitHost(this, i, shape.taken[k]!);
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

  /** Instruction `i` is about to make its root anew: what is relative to the old one becomes a value. */
  release(i: number): void {
    const id = FIRST_DEFINED + i;
    const { wide, walk } = this.pointers;
    if (this.context.tagOf[id] === 0) return;
    for (let r = 0; r < wide; r++) {
      if (walk.root[r] !== id) continue;
      this.makeAbsolute(r);
      walk.root[r] = NONE;
    }
  }

  /** A root has been made by instruction `i`, in register `d`. */
  defined(i: number, d: number = this.image.code[slotWord(i) + 1]! >> 1): void {
    const id = FIRST_DEFINED + i;
    const { walk } = this.pointers;
    walk.step(i);
    if (walk.root[d] !== id || this.context.tagOf[id] === 0) return;
    // The register holds the value until its region has been looked up.
    walk.root[d] = NONE;
    emitRoot(this, id, d);
    walk.root[d] = id;
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
      if (this.#converts(taken)) {
        w.op(W.if);
        w.op(W.void);
        this.#open++;
        this.#convert(taken);
        w.index(W.br, this.#depthOf(k, taken));
        w.op(W.end);
        this.#open--;
      } else w.index(W.br_if, this.#depthOf(k, taken));
      this.#go(k, i, next);
    } else if (next !== NONE && this.#isLabel(k, next) && !this.#converts(next)) {
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
      if (this.#isLabel(k, next)) {
        // The way to a label needs conversions; the other one is written in place, behind them.
        w.bytes[w.at - 2] = W.i32_eqz;
        w.bytes[w.at - 1] = W.if;
        w.op(W.void);
        this.#convert(next);
        w.index(W.br, this.#depthOf(k, next));
        w.op(W.end);
        this.#open--;
        this.#convert(taken);
        this.#steps.push(TREE, taken);
      } else {
        // A loop may start there, where less is relative to roots than here.
        this.#steps.push(TREE, next);
        if (this.#converts(next)) {
          const roots = this.pointers.walk.root.slice();
          this.#steps.push(CONVERT, this.#later.push({ to: next, roots }) - 1);
        }
        this.#steps.push(END, 0, TREE, taken);
        if (this.#converts(taken)) this.#convert(taken);
      }
    }
  }

  /** One way on, from the last instruction of block `k`. */
  #go(k: number, i: number, to: number): void {
    if (to === NONE) {
      this.exit(i | BAD_JUMP_BIT);
      return;
    }
    this.#convert(to);
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
    w.reserve(4096 + 12 * size + Math.ceil(size / LARGEST_TABLE) * 32);
    w.i32Const(0);
    w.set(locals.u);
    w.op(W.loop);
    w.op(W.void);
    for (let k = 0; k < size; k++) {
      w.op(W.block);
      w.op(W.void);
    }
    // Blocks by their position; one table after the other where there are too many for one.
    for (let from = 0; from < size; from += LARGEST_TABLE) {
      const to = Math.min(size, from + LARGEST_TABLE);
      if (to < size) {
        w.get(locals.u);
        w.i32Const(to);
        w.op(W.i32_lt_u);
        w.op(W.if);
        w.op(W.void);
      }
      w.get(locals.u);
      w.i32Const(from);
      w.op(W.i32_sub);
      w.op(W.br_table);
      w.u32(to - from - 1);
      for (let k = from; k < to; k++) w.u32(to < size ? k + 1 : k);
      if (to < size) w.op(W.end);
    }
    const go = (k: number, i: number, to: number, extra: number): void => {
      if (to === NONE) {
        this.exit(i | BAD_JUMP_BIT);
        return;
      }
      this.#convert(to);
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

  /** Leaves the function: r0 and what is left of the budget are its results. */
  #return(i: number): void {
    const { w, context } = this;
    if (this.isMain) {
      w.i32Const(0);
      w.i32Const(slotWord(i));
      w.access(W.i32_store, MAILBOX.pc);
    }
    for (let r = 1; r <= 5; r++) {
      if ((context.live.leaked & (1 << r)) === 0) continue;
      w.i32Const(0);
      this.getRegister(r);
      w.access(W.i64_store, context.binding.registers + 8 * r);
    }
    this.getRegister(0);
    w.get(this.locals.fuel);
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
    this.spill(mask, i, true);
    this.w.op(W.return);
  }

  /** Hands registers, budget and place to the host. */
  spill(mask: number, i: number, resumes: boolean): void {
    const { w, locals, context } = this;
    for (let r = 0; r < 10; r++) if ((mask & (1 << r)) !== 0) this.getRegister(r);
    w.get(locals.fuel);
    if (this.#pending !== 0) {
      w.i64Const(this.#pending);
      w.op(W.i64_sub);
    }
    w.i32Const(i);
    w.get(locals.depth);
    w.index(W.call, context.spill(mask, resumes));
  }
}
