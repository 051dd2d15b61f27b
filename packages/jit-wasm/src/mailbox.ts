/** Words that the host and WebAssembly code exchange, at fixed addresses of the arena. */
import { ARENA_MAILBOX } from '@polybpf/interpreter/engine';

/** Byte addresses. */
export const MAILBOX = {
  /** i64: instructions that may still run. */
  fuel: ARENA_MAILBOX,
  /** Word of the slot that is next (interpreter). */
  pc: ARENA_MAILBOX + 8,
  /** Innermost frame. */
  depth: ARENA_MAILBOX + 12,
  /** Exits of this frame and the ones above go to the host (interpreter). */
  floor: ARENA_MAILBOX + 16,
  /** First depth that must not be entered without the host. */
  depthLimit: ARENA_MAILBOX + 20,
  stackSize: ARENA_MAILBOX + 24,
  mayGotoLimit: ARENA_MAILBOX + 28,
  /** Byte addresses of the machine's tables. */
  saved: ARENA_MAILBOX + 32,
  loops: ARENA_MAILBOX + 36,
  activation: ARENA_MAILBOX + 40,
} as const;

/** Frames that have a fixed region number; only these are entered without the host. */
export const FIXED_FRAMES = 8;
/** Region of frame `depth` is `depth + FRAME_REGION_BIAS` for 1 to 7. */
export const FRAME_REGION_BIAS = 3;
