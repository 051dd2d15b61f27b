/** Words that the host and WebAssembly code exchange, at fixed addresses of the arena (its `ARENA_MAILBOX`). */

/** Byte addresses. */
export const MAILBOX = {
  /** i64: instructions that may still run. */
  fuel: 0x40,
  /** Word of the slot that is next, or of the exit that ended the run. */
  pc: 0x48,
  /** Innermost frame. */
  depth: 0x4c,
  /** Exits of this frame and the ones above go to the host (interpreter). */
  floor: 0x50,
  /** First depth that must not be entered without the host. */
  depthLimit: 0x54,
  stackSize: 0x58,
  mayGotoLimit: 0x5c,
  /** Byte addresses of the machine's tables. */
  saved: 0x60,
  loops: 0x64,
  activation: 0x68,
  /** i64 of compiled code's own. */
  scratch: 0x70,
  /** Instruction at which a module without a host has trapped; bit 30: its jump goes nowhere. */
  trap: 0x78,
} as const;

/** Frames that have a fixed region number; only these are entered without the host. */
export const FIXED_FRAMES = 8;
/** Region of frame `depth` is `depth + FRAME_REGION_BIAS` for 1 to 7. */
export const FRAME_REGION_BIAS = 3;
