/**
 * Which registers are read later, at every instruction. Over the whole program at once: a function's parameters are what
 * is live at its start, whatever the calling convention says, so that programs which break it run as interpreted.
 */
import { ATOMIC_OPS, CALL_TAIL, CODE_START, slotWord, WIDE_ATOMIC } from '@polybpf/interpreter/engine';
import { INSN_TABLE } from '@polybpf/isa';
import { type Flow, NONE } from './flow.ts';
import { CLASS, OP } from './micro-ops.ts';
import { SCRATCH } from './scratch.ts';

/** r0 to r9 and r10. */
export const ALL_REGISTERS = 0x3ff;
/** r1 to r5. */
const ARGUMENTS = 0x3e;
/** r6 to r9. */
const PRESERVED = 0x3c0;
/** r0 to r5: what a function leaves to its caller. */
const RETURNED = 0x3f;
const FETCH_ADD: number = /* @__PURE__ */ ATOMIC_OPS.indexOf('fetch_add');
const CMPXCHG: number = /* @__PURE__ */ ATOMIC_OPS.indexOf('cmpxchg');

/** Bit offset of what an instruction writes, above what it reads. */
const DEFS = 16;

export interface Liveness {
  /** Bit n: register n is read at or after this instruction. */
  readonly before: Uint16Array;
  /** Registers among r1 to r5 that some caller reads after a call: functions hand them back in the register file. */
  readonly leaked: number;
}

/** Register masks of one instruction: reads and writes. */
export interface Effect {
  uses: number;
  defs: number;
}

/** What the instruction reads and writes, calls of functions left out. */
export function effectOf(flow: Flow, i: number, effect: Effect): void {
  const { code } = flow.image;
  const pc = slotWord(i);
  const d = 1 << (code[pc + 1]! >> 1);
  const word = code[pc + 2]!;
  const s = word < CODE_START ? 1 << (word >> 1) : 0;
  effect.uses = 0;
  effect.defs = 0;
  switch (flow.classes[i]!) {
    case CLASS.binary:
      effect.uses = d | s;
      effect.defs = d;
      break;
    case CLASS.move:
    case CLASS.load:
      effect.uses = s;
      effect.defs = d;
      break;
    case CLASS.unary:
      effect.uses = d;
      effect.defs = d;
      break;
    case CLASS.imm64:
      effect.defs = d;
      break;
    case CLASS.store:
    case CLASS.jump:
      effect.uses = d | s;
      break;
    case CLASS.atomic: {
      const op = code[pc + 6]! & ~WIDE_ATOMIC;
      effect.uses = d | s | (op === CMPXCHG ? 1 : 0);
      if (op >= FETCH_ADD) effect.defs = op === CMPXCHG ? 1 : s;
      break;
    }
    case CLASS.host:
      // What a helper may look at is in the register file; what goes on elsewhere with these registers gets all of them.
      effect.uses = isTransfer(flow, i) ? ALL_REGISTERS : RETURNED | d | s;
      break;
    case CLASS.exit:
      effect.uses = 1;
      break;
    default:
  }
  effect.uses &= ALL_REGISTERS;
}

/** Says whether the host instruction may go on in another program or function: tail calls and callx. */
export function isTransfer({ image, ops }: Flow, i: number): boolean {
  const pc = slotWord(i);
  if (ops[i] === OP.callHelper) return image.code[pc + 6] === CALL_TAIL;
  return ops[i] === OP.rare && INSN_TABLE[image.code[pc + 7]!]!.kind === 'callx';
}

/** Registers that the host may have changed when it has executed an instruction. */
export function hostResults({ image }: Flow, i: number): number {
  const pc = slotWord(i);
  const d = image.code[pc + 1]!;
  const s = image.code[pc + 2]!;
  return (RETURNED | (d < CODE_START ? 1 << (d >> 1) : 0) | (s < CODE_START ? 1 << (s >> 1) : 0)) & ALL_REGISTERS;
}

/** Backward data flow to a fixed point; linear in practice. */
export function findLiveness(flow: Flow): Liveness {
  const { blocks, start, last, end, taken, next, classes, blockAt } = flow;
  const { code } = flow.image;
  const liveIn = SCRATCH.shorts(blocks);
  const uses = SCRATCH.shorts(blocks);
  const defs = SCRATCH.shorts(blocks);
  const effect: Effect = { uses: 0, defs: 0 };
  // By instruction: what it reads, and above that what it writes.
  const effects = SCRATCH.ints(flow.length + 1);
  for (let b = 0; b < blocks; b++) {
    if (start[b] === end[b]) continue;
    let use = 0;
    let def = 0;
    for (let i = start[b]!; i <= last[b]!; i += classes[i] === CLASS.imm64 ? 2 : 1) {
      effectOf(flow, i, effect);
      effects[i] = effect.uses | (effect.defs << DEFS);
      use |= effect.uses & ~def;
      def |= effect.defs;
    }
    uses[b] = use;
    defs[b] = def;
  }
  let leaked = 0;
  const liveOut = (b: number): number => {
    const out = (taken[b] === NONE ? 0 : liveIn[taken[b]!]!) | (next[b] === NONE ? 0 : liveIn[next[b]!]!);
    const i = last[b]!;
    if (start[b] === end[b]) return 0;
    if (classes[i] === CLASS.call) {
      leaked |= out & ARGUMENTS;
      return (out & ~RETURNED) | liveIn[blockAt[(code[slotWord(i) + 3]! - CODE_START) >> 3]!]!;
    }
    if (classes[i] === CLASS.host) return out | inherited();
    return classes[i] === CLASS.exit ? 1 | leaked : out;
  };
  // A function that a helper calls back starts with r6 to r9 as they are at the call of the helper.
  const inherited = (): number => {
    let mask = 0;
    for (const entry of flow.addressed) mask |= liveIn[blockAt[entry]!]!;
    return mask & PRESERVED;
  };
  for (let changed = true; changed;) {
    changed = false;
    const leakedBefore = leaked;
    for (let b = blocks - 1; b >= 0; b--) {
      const live = (liveOut(b) & ~defs[b]!) | uses[b]!;
      if (live !== liveIn[b]) {
        liveIn[b] = live;
        changed = true;
      }
    }
    changed ||= leaked !== leakedBefore;
  }
  return { before: liveBefore(flow, effects, liveOut), leaked };
}

function liveBefore(flow: Flow, effects: Int32Array, liveOut: (block: number) => number): Uint16Array {
  const { blocks, start, last, end, classes } = flow;
  const before = SCRATCH.shorts(flow.length + 1);
  for (let b = 0; b < blocks; b++) {
    if (start[b] === end[b]) continue;
    let live = liveOut(b);
    for (let i = last[b]!; i >= start[b]!; i--) {
      // The second slot of ld_imm64 is no instruction.
      if (i > start[b]! && classes[i - 1] === CLASS.imm64 && flow.rest[i] === 0) continue;
      const effect = effects[i]!;
      live = (live & ~(effect >> DEFS)) | (effect & ALL_REGISTERS);
      before[i] = live;
    }
  }
  return before;
}
