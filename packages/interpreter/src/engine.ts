/**
 * What other engines need of the interpreter: the state of a run, its decoded program, and the functions for everything
 * that they leave to it. Not for applications; nothing here is stable between releases.
 */
export { ARENA_BASES, ARENA_HEAP, ARENA_MAILBOX, ARENA_READ_ENDS, ARENA_REGION_LIMIT, ARENA_TABLES_END, ARENA_WRITE_ENDS } from './arena.ts'; // prettier-ignore
export { callHelper } from './control.ts';
export { MICRO_OPS, microOpNumber } from './dispatch.ts';
export type { MicroOp } from './dispatch.ts';
export { driveToEnd } from './execution.ts';
export { ATOMIC_OPS, CALL_TAIL, CODE_START, createImage, decodeSlot, insnIndex, isInsnStart, REGISTER_WORDS, SLOT_WORDS, slotWord, WIDE_ATOMIC } from './image.ts'; // prettier-ignore
export type { Image } from './image.ts';
export { closeFrame, FRAME_WORDS, openFrame, prepareFrames, STATUS_BREAKPOINT, STATUS_DONE, STATUS_PAUSED, STATUS_SWITCHED, switchImage } from './machine.ts'; // prettier-ignore
export type { Execute, Machine } from './machine.ts';
export { rare } from './rare-ops.ts';
export { createImageCache } from './setup.ts';
export { wasmApi } from './wasm-api.ts';
export type { WasmApi, WasmInstance, WasmMemory, WasmModule } from './wasm-api.ts';
