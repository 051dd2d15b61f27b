/** Remembers the path that is walked, with where each register and stack slot got its value. */
import type { Env } from './env.ts';
import { REG_WORDS, W_ID, W_PRECISE, W_TYPE } from './register-record.ts';
import { NOT_INIT } from './register-types.ts';
import { type Frame, REGS, regAt, slotAt, STACK_INVALID } from './state.ts';
import { CLASS_ALU, CLASS_ALU64, CLASS_JMP, CLASS_JMP32, CLASS_LD, CLASS_LDX, CLASS_STX, OP_CALL } from './successors.ts'; // prettier-ignore
import type { Watcher } from './watcher.ts';

/** Longest path of which values are remembered. */
const MAX_PATH = 100_000;

/** A value of a register or slot: what it was, and the step that made it. */
export interface Value {
  readonly words: Int32Array;
  /** Kinds of the bytes of a slot. */
  readonly kinds: Uint8Array | undefined;
  /** Step whose insn set it or learnt about it; undefined at the entry. */
  readonly by: Step | undefined;
  /** What it was before that step only learnt about it; undefined when the step set it anew. */
  readonly before: Value | undefined;
}

/** Values of a frame. */
export interface FrameValues {
  readonly frameno: number;
  readonly registers: readonly Value[];
  readonly slots: readonly Value[];
}

/** One insn of the path, with the values before it. */
export interface Step {
  readonly insn: number;
  readonly depth: number;
  readonly previous: Step | undefined;
  readonly frames: readonly FrameValues[];
}

function sameRecord(a: Int32Array, i: number, b: Int32Array, k: number): boolean {
  for (let n = 0; n < REG_WORDS; n++) if (n !== W_PRECISE && n !== W_ID && a[i + n] !== b[k + n]) return false;
  return true;
}

/** Registers that an insn writes, by bit. */
export function writtenRegisters(env: Env, insn: number): number {
  const opcode = env.opcode[insn]!;
  switch (opcode & 7) {
    case CLASS_ALU:
    case CLASS_ALU64:
    case CLASS_LDX:
      return 1 << env.dst[insn]!;
    case CLASS_LD:
      return opcode === 0x18 ? 1 << env.dst[insn]! : 0x3f;
    case CLASS_STX: {
      const imm = env.imm[insn]!;
      if ((opcode & 0xe0) !== 0xc0) return 0;
      if (imm === 0x100) return 1 << env.dst[insn]!;
      return imm === 0xf1 ? 1 : (imm & 1) !== 0 ? 1 << env.src[insn]! : 0;
    }
    case CLASS_JMP:
    case CLASS_JMP32:
      return (opcode & 0xf0) === OP_CALL ? 0x3f : 0;
    default:
      return 0;
  }
}

/** Keeps the current path, as a list that branches share. */
export class PathRecorder implements Watcher {
  /** The last step; the path goes back from it. */
  last: Step | undefined = undefined;
  /** The path was too long to keep. */
  overflown = false;

  step(env: Env): void {
    const previous = this.last;
    const depth = previous === undefined ? 0 : previous.depth + 1;
    if (depth > MAX_PATH) {
      this.overflown = true;
      return;
    }
    const { state } = env;
    const frames: FrameValues[] = [];
    for (let f = 0; f <= state.curframe; f++) {
      const frame = state.frames[f]!;
      const entered = previous !== undefined && f === previous.frames.length;
      const from = entered ? previous.frames[f - 1] : previous?.frames[f];
      const writes = previous === undefined || f !== Math.min(previous.frames.length - 1, state.curframe) ? 0 : writtenRegisters(env, previous.insn); // prettier-ignore
      frames.push(this.values(frame, previous, from, writes, entered));
    }
    this.last = { insn: env.insn, depth, previous, frames };
  }

  private values(
    frame: Frame,
    by: Step | undefined,
    from: FrameValues | undefined,
    writes: number,
    entered: boolean,
  ): FrameValues {
    const registers: Value[] = [];
    for (let reg = 0; reg < REGS; reg++) {
      const at = regAt(reg);
      const old = from?.registers[reg];
      const same = old !== undefined && sameRecord(old.words, 0, frame.w, at);
      const written = (writes & (1 << reg)) !== 0;
      if (same && !written && !entered) registers.push(old);
      else {
        const learnt = old !== undefined && !written && !entered && old.words[W_TYPE] !== NOT_INIT;
        registers.push({
          words: frame.w.slice(at, at + REG_WORDS),
          kinds: undefined,
          by: entered && reg === 10 ? undefined : by,
          before: learnt ? old : undefined,
        });
      }
    }
    const slots: Value[] = [];
    for (let slot = 0; slot < frame.slots; slot++) {
      const at = slotAt(slot);
      const kinds = frame.kinds.subarray(slot * 8, slot * 8 + 8);
      const old = entered ? undefined : from?.slots[slot];
      const same = old !== undefined && sameRecord(old.words, 0, frame.w, at) && old.kinds!.every((kind, i) => kind === kinds[i]); // prettier-ignore
      if (same) slots.push(old);
      else {
        const empty = kinds.every((kind) => kind === STACK_INVALID);
        slots.push({
          words: frame.w.slice(at, at + REG_WORDS),
          kinds: kinds.slice(),
          by: empty ? undefined : by,
          before: undefined,
        });
      }
    }
    return { frameno: frame.frameno, registers, slots };
  }

  end(): void {
    // The path is kept until another one begins.
  }

  stored(): void {
    // of no interest here
  }

  mark(): unknown {
    return this.last;
  }

  restore(mark: unknown): void {
    this.last = mark as Step | undefined;
  }
}
