/**
 * What the sandbox knows about values that a function keeps in its own stack: compilers put pointers and counters there
 * when registers run out. Only of stacks that nothing reaches but the function itself, through r10 at constant offsets.
 */
import type { Given, Knowledge, Known } from './known-address.ts';
import { FRAME, type Op, R10 } from './op.ts';

const SLOT_BYTES = 8;
/** A frame has 512 bytes. */
const SLOTS = 64;
/** Length of a {@link Knowledge} with slots: slot k, 1 to 64, is the 8 bytes from r10 - 8 * k, at FRAME + k. */
export const SLOT_END: number = FRAME + SLOTS + 1;

/** After a store or atomic through r10: the slots it touches are unknown, or what a whole slot was set to. */
export function noteStore(op: Op, state: Knowledge): void {
  const first = Math.max(Math.ceil(-(op.offset + op.width / 8 - 1) / SLOT_BYTES), 1);
  const last = Math.min(Math.ceil(-op.offset / SLOT_BYTES), SLOTS);
  for (let k = first; k <= last; k++) state[FRAME + k] = undefined;
  if (op.kind === 'store' && op.width === 64 && isSlot(op.offset)) state[FRAME - op.offset / SLOT_BYTES] = state[op.b];
}

/** The value that a load of a whole slot gives. */
export function loadedSlot(op: Op, state: Knowledge, { hasSlots, addressBits }: Given): Known | undefined {
  if (!hasSlots || op.kind !== 'load' || op.a !== R10 || op.width !== 64 || !isSlot(op.offset)) return undefined;
  // Without a live upper half only the lower one is loaded.
  return op.zext || addressBits === 32 ? state[FRAME - op.offset / SLOT_BYTES] : undefined;
}

function isSlot(offset: number): boolean {
  return offset <= -SLOT_BYTES && offset >= -SLOTS * SLOT_BYTES && offset % SLOT_BYTES === 0;
}
