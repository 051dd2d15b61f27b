/**
 * Where pointers come from, so that a region is looked up once and not at every access.
 *
 * A *root* is a value that pointers are derived from by adding and subtracting: a parameter of the function, the frame
 * pointer, a 64-bit load, a call's result, a symbol's address. A pointer is expected to stay in the region of its root,
 * whose bounds are looked up where the root is made; an access that finds itself outside of them leaves compiled code
 * (see `engine.ts`), so a wrong guess costs time and never changes what a program does.
 *
 * A *group* is all accesses of one block through one value of a register: they are checked together, at the first, since
 * all of them happen.
 */
import { ATOMIC_OPS, CODE_START, slotWord, WIDE_ATOMIC } from '@polybpf/interpreter/engine';
import { INSN_TABLE } from '@polybpf/isa';
import { type Flow, type Levels, NONE } from './flow.ts';
import { isTransfer } from './liveness.ts';
import { CLASS, OP, WIDTHS } from './micro-ops.ts';
import type { FrameSlots } from './frame-slots.ts';
import type { Shape } from './shape.ts';
import { SCRATCH } from './scratch.ts';

/** Root of the frame pointer; parameters have the number of their register, other roots {@link FIRST_DEFINED} + insn. */
export const FRAME_ROOT = 10;
export const FIRST_DEFINED = 16;
/** The offset from the frame pointer is not known. */
const UNKNOWN = 0x7fffffff;
/** {@link Pointers.groupOf} of an access at a known place of the frame: inside of it, and not. */
export const IN_FRAME = -2;
export const OUT_OF_FRAME = -3;

/** What the accesses of a group need. */
export const READ = 1;
export const WRITE = 2;

/** Registers in the state: r0 to r10, then the slots of the frame that have locals. */
const REGISTERS = 11;
/** Groups span at most so much in each direction. */
const REACH = 1 << 20;
const FETCH_ADD: number = /* @__PURE__ */ ATOMIC_OPS.indexOf('fetch_add');
const CMPXCHG: number = /* @__PURE__ */ ATOMIC_OPS.indexOf('cmpxchg');

/** Accesses through one value. */
export interface Group {
  /** Register that holds the value at the first access, and what is added to the value there. */
  readonly base: number;
  readonly root: number;
  readonly first: number;
  /** Bytes from the value: first and behind the last. */
  min: number;
  max: number;
  /** READ, WRITE or both. */
  kind: number;
  count: number;
  /** A verifier has proven all of them. */
  proven: boolean;
  /** Number of the local that holds the host address, within the block. */
  local: number;
}

/** Bounds that some check of a root compares with. */
export interface Limit {
  readonly kind: number;
  readonly span: number;
}

/** Result of {@link findPointers} for one function. */
export interface Pointers {
  /** Group by instruction, {@link IN_FRAME} or {@link OUT_OF_FRAME}. */
  readonly groupOf: Int32Array;
  /** Bytes from the group's value, or from the frame pointer. */
  readonly offsetOf: Int32Array;
  readonly groups: readonly Group[];
  /** Limits that are needed of each root. */
  readonly limits: ReadonlyMap<number, readonly Limit[]>;
  /** Locals that the groups of one block need at most. */
  readonly groupLocals: number;
  /** r10 is used as a value. */
  readonly frameValue: boolean;
  /** An access goes straight into the frame. */
  readonly frameAccess: boolean;
  /** For a walk along while code is written: the state, and that at the start of each block by position. */
  readonly walk: Walk;
  readonly rootsIn: Int32Array;
  readonly wide: number;
}

/** Working memory that all functions of a program share. */
export interface PointerScratch {
  readonly groupOf: Int32Array;
  readonly offsetOf: Int32Array;
}

/** Roots of all registers and slots at one place of the program; slots follow the registers. */
export class Walk {
  readonly flow: Flow;
  readonly slotOf: Int32Array;
  readonly root: Int32Array;
  readonly off: Int32Array;

  constructor(flow: Flow, { slots, slotOf }: FrameSlots) {
    this.flow = flow;
    this.slotOf = slotOf;
    this.root = SCRATCH.ints(REGISTERS + slots.length);
    this.off = SCRATCH.ints(REGISTERS + slots.length);
  }

  /** What the instruction does to roots. */
  step(i: number): void {
    const { root, off, flow } = this;
    const { code } = flow.image;
    const pc = slotWord(i);
    const d = code[pc + 1]! >> 1;
    const word = code[pc + 2]!;
    const s = word < CODE_START ? word >> 1 : NONE;
    switch (flow.classes[i]!) {
      case CLASS.binary:
        this.binary(flow.ops[i]!, d, s, code[pc + 4]!);
        break;
      case CLASS.move:
        if (flow.ops[i] === OP.mov64 && s !== NONE) {
          root[d] = root[s]!;
          off[d] = off[s]!;
        } else root[d] = NONE;
        break;
      case CLASS.unary:
        root[d] = NONE;
        break;
      case CLASS.imm64:
        if (INSN_TABLE[code[pc + 7]!]!.op !== 'imm64' || code[pc + 5] !== 0) this.define(d, i);
        else root[d] = NONE;
        break;
      case CLASS.load:
        if (this.slotOf[i] !== NONE) {
          const slot = REGISTERS + this.slotOf[i]!;
          root[d] = WIDTHS[flow.ops[i]!] === 8 ? root[slot]! : NONE;
          off[d] = off[slot]!;
        } else if (WIDTHS[flow.ops[i]!] === 8) this.define(d, i);
        else root[d] = NONE;
        break;
      case CLASS.store:
        if (this.slotOf[i] !== NONE) {
          const slot = REGISTERS + this.slotOf[i]!;
          root[slot] = s !== NONE && WIDTHS[flow.ops[i]!] === 8 ? root[s]! : NONE;
          if (s !== NONE) off[slot] = off[s]!;
        }
        break;
      case CLASS.atomic: {
        const written = atomicResult(code[pc + 6]!, s);
        if (written !== NONE) root[written] = NONE;
        break;
      }
      case CLASS.call:
      case CLASS.host:
        this.call(i, d, s);
        break;
      default:
    }
  }

  /** Register `d` becomes a root; what was derived from its value of an earlier round no longer is. */
  define(d: number, i: number): void {
    const id = FIRST_DEFINED + i;
    for (let r = 0; r < this.root.length; r++) if (this.root[r] === id) this.root[r] = NONE;
    this.root[d] = id;
  }

  binary(op: number, d: number, s: number, imm: number): void {
    const { root, off } = this;
    const sum = op === OP.add64;
    if (!sum && op !== OP.sub64) {
      root[d] = NONE;
      return;
    }
    if (s === NONE) {
      if (off[d] === UNKNOWN) return;
      const moved = off[d]! + (sum ? imm : -imm);
      off[d] = moved > -REACH && moved < REACH ? moved : UNKNOWN;
      return;
    }
    if (root[s] === NONE) off[d] = UNKNOWN;
    else if (sum && root[d] === NONE) {
      root[d] = root[s]!;
      off[d] = UNKNOWN;
    } else root[d] = NONE;
  }

  call(i: number, d: number, s: number): void {
    const { root, flow } = this;
    for (let r = 1; r <= 5; r++) root[r] = NONE;
    for (let r = REGISTERS; r < root.length; r++) root[r] = NONE;
    if (flow.hosted) for (let r = 6; r <= 9; r++) if (root[r] !== FRAME_ROOT) root[r] = NONE;
    if (flow.classes[i] === CLASS.host && !isTransfer(flow, i)) {
      if (d < FRAME_ROOT) root[d] = NONE;
      if (s !== NONE && s < FRAME_ROOT) root[s] = NONE;
    }
    this.define(0, i);
  }
}

/** Register that an atomic leaves the old value in, or NONE. */
export function atomicResult(word: number, s: number): number {
  const op = word & ~WIDE_ATOMIC;
  return op < FETCH_ADD ? NONE : op === CMPXCHG ? 0 : s;
}

/** Finds roots and groups of a function. */
export function findPointers(
  flow: Flow,
  shape: Shape,
  slots: FrameSlots,
  levels: Levels,
  stackSize: number,
  facts: Uint8Array | undefined,
  { groupOf, offsetOf }: PointerScratch,
): Pointers {
  const { order } = shape;
  const size = order.length;
  const wide = REGISTERS + slots.slots.length;
  const roots = SCRATCH.ints(size * wide, NONE);
  const offs = SCRATCH.ints(size * wide);
  const seen = SCRATCH.bytes(size);
  // Blocks whose start has changed since they were walked.
  const changedAt = SCRATCH.bytes(size);
  const walk = new Walk(flow, slots);
  for (let r = 0; r < REGISTERS; r++) roots[r] = r;
  seen[0] = changedAt[0] = 1;
  const load = (k: number): void => {
    const { root, off } = walk;
    for (let r = 0, at = k * wide; r < wide; r++, at++) {
      root[r] = roots[at]!;
      off[r] = offs[at]!;
    }
  };
  const join = (to: number): boolean => {
    const at = to * wide;
    if (seen[to] === 0) {
      seen[to] = 1;
      roots.set(walk.root, at);
      offs.set(walk.off, at);
      return true;
    }
    let changed = false;
    for (let r = 0; r < wide; r++) {
      if (r === FRAME_ROOT || roots[at + r] === NONE) continue;
      if (roots[at + r] !== walk.root[r]) roots[at + r] = NONE;
      else if (offs[at + r] !== walk.off[r] && offs[at + r] !== UNKNOWN) offs[at + r] = UNKNOWN;
      else continue;
      changed = true;
    }
    return changed;
  };
  for (let again = true; again;) {
    again = false;
    for (let k = 0; k < size; k++) {
      if (changedAt[k] === 0) continue;
      changedAt[k] = 0;
      load(k);
      const b = order[k]!;
      const { classes } = flow;
      if (flow.start[b] !== flow.end[b]) {
        for (let i = flow.start[b]!; i <= flow.last[b]!; i += classes[i] === CLASS.imm64 ? 2 : 1) walk.step(i);
      }
      for (let edge = 0; edge < 2; edge++) {
        const to = edge === 0 ? shape.taken[k]! : shape.next[k]!;
        if (to === NONE || !join(to)) continue;
        changedAt[to] = 1;
        if (to <= k) again = true;
      }
    }
  }
  const grouper = new Grouper(walk, levels, stackSize, facts, groupOf, offsetOf);
  for (let k = 0; k < size; k++) {
    load(k);
    grouper.block(order[k]!);
  }
  return grouper.result(roots);
}

class Grouper {
  readonly walk: Walk;
  readonly levels: Levels;
  readonly stackSize: number;
  readonly facts: Uint8Array | undefined;
  readonly groupOf: Int32Array;
  readonly offsetOf: Int32Array;
  readonly groups: Group[] = [];
  readonly limits: Map<number, Limit[]> = new Map();
  /** Open group by register, and what has been added to the register since. */
  readonly open: Int32Array = SCRATCH.ints(REGISTERS);
  readonly delta: Int32Array = SCRATCH.ints(REGISTERS);
  groupLocals = 0;
  frameValue = false;
  frameAccess = false;

  constructor(
    walk: Walk,
    levels: Levels,
    stackSize: number,
    facts: Uint8Array | undefined,
    groupOf: Int32Array,
    offsetOf: Int32Array,
  ) {
    this.facts = facts;
    this.walk = walk;
    this.levels = levels;
    this.stackSize = stackSize;
    this.groupOf = groupOf;
    this.offsetOf = offsetOf;
  }

  block(b: number): void {
    const { flow } = this.walk;
    const { start, last, end, classes } = flow;
    if (start[b] === end[b]) return;
    this.open.fill(NONE);
    const firstGroup = this.groups.length;
    for (let i = start[b]!; i <= last[b]!; i += classes[i] === CLASS.imm64 ? 2 : 1) {
      const kind = classes[i]!;
      if (kind === CLASS.load || kind === CLASS.store || kind === CLASS.atomic) this.access(i, kind);
      this.values(i, kind);
      this.walk.step(i);
    }
    let locals = 0;
    for (let g = firstGroup; g < this.groups.length; g++) {
      const group = this.groups[g]!;
      if (group.count > 1) group.local = locals++;
      this.demand(group);
    }
    this.groupLocals = Math.max(this.groupLocals, locals);
  }

  access(i: number, kind: number): void {
    const { walk, groups, open, delta } = this;
    const { flow, root, off } = walk;
    const { code } = flow.image;
    const pc = slotWord(i);
    const base = code[kind === CLASS.load ? pc + 2 : pc + 1]! >> 1;
    const width = kind === CLASS.atomic ? ((code[pc + 6]! & 16) !== 0 ? 8 : 4) : WIDTHS[flow.ops[i]!]!;
    const displacement = code[pc + 3]!;
    if (root[base] === FRAME_ROOT && off[base] !== UNKNOWN) {
      const at = this.stackSize + off[base]! + displacement;
      this.offsetOf[i] = at;
      this.groupOf[i] = at >= 0 && at + width <= this.stackSize ? IN_FRAME : OUT_OF_FRAME;
      this.frameAccess = true;
      return;
    }
    const use = kind === CLASS.load ? READ : kind === CLASS.store ? WRITE : READ | WRITE;
    let g = open[base]!;
    let at = g === NONE ? displacement : delta[base]! + displacement;
    if (g === NONE || at <= -REACH || at >= REACH || (this.levels.size > 0 && this.levels.has(i))) {
      g = groups.length;
      at = displacement;
      open[base] = g;
      delta[base] = 0;
      const from = this.levels.size > 0 && this.levels.has(i) ? NONE : root[base]!;
      groups.push({ base, root: from, first: i, min: at, max: at + width, kind: use, count: 1, proven: this.facts?.[i] === 1, local: NONE }); // prettier-ignore
    } else {
      const group = groups[g]!;
      group.min = Math.min(group.min, at);
      group.max = Math.max(group.max, at + width);
      group.kind |= use;
      group.count++;
      group.proven &&= this.facts?.[i] === 1;
    }
    this.groupOf[i] = g;
    this.offsetOf[i] = at;
  }

  /** Which registers still hold the value of their group. */
  values(i: number, kind: number): void {
    const { open, delta } = this;
    const { flow } = this.walk;
    const { code } = flow.image;
    const pc = slotWord(i);
    const d = code[pc + 1]! >> 1;
    const word = code[pc + 2]!;
    const s = word < CODE_START ? word >> 1 : NONE;
    const op = flow.ops[i]!;
    if (s === FRAME_ROOT && kind !== CLASS.load) this.frameValue = true;
    if (d === FRAME_ROOT && kind === CLASS.jump) this.frameValue = true;
    switch (kind) {
      case CLASS.binary:
        if (s === NONE && (op === OP.add64 || op === OP.sub64)) {
          const moved = delta[d]! + (op === OP.add64 ? code[pc + 4]! : -code[pc + 4]!);
          if (moved > -REACH && moved < REACH) delta[d] = moved;
          else open[d] = NONE;
        } else open[d] = NONE;
        break;
      case CLASS.move:
        if (op === OP.mov64 && s !== NONE) {
          open[d] = open[s]!;
          delta[d] = delta[s]!;
        } else open[d] = NONE;
        break;
      case CLASS.unary:
      case CLASS.imm64:
      case CLASS.load:
        open[d] = NONE;
        break;
      case CLASS.atomic: {
        const written = atomicResult(code[pc + 6]!, s);
        if (written !== NONE) open[written] = NONE;
        break;
      }
      default:
    }
  }

  demand({ root, kind, min, max }: Group): void {
    if (root === NONE) return;
    // A frame pointer whose offset is not known: its region is known all the same, its address has to be made.
    if (root === FRAME_ROOT) this.frameValue = true;
    let list = this.limits.get(root);
    if (list === undefined) this.limits.set(root, (list = []));
    const span = max - min;
    if (!list.some((limit) => limit.kind === kind && limit.span === span)) list.push({ kind, span });
  }

  result(rootsIn: Int32Array): Pointers {
    const { walk, groupOf, offsetOf, groups, limits, groupLocals, frameValue, frameAccess } = this;
    const wide = walk.root.length;
    return { groupOf, offsetOf, groups, limits, groupLocals, frameValue, frameAccess, walk, rootsIn, wide };
  }
}
