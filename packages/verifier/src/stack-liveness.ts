/**
 * Which stack slots may still be read, by call chain (Linux 6.18: kernel/bpf/liveness.c).
 *
 * While paths are walked, each insn of each chain of calls collects the slots that it may read (union over visits) and
 * those that it surely writes (intersection). When a path ends or a function returns, what is live before each insn is
 * computed from that as by any data-flow analysis, and what a function reads and surely writes of its callers' frames is
 * handed to the call. A mask of 64 slots is two words.
 */
import type { Env } from './env.ts';
import { MAIN_CALLSITE, type State } from './state.ts';
import { successors } from './successors.ts';

/** Words for each insn and frame: may read, must write, must write from here on, live before. */
const MASK_WORDS = 8;
const READ = 0;
const WRITE = 2;
const WRITE_ON = 4;
const LIVE = 6;

/** A function in one chain of calls. */
class Instance {
  readonly children: Map<number, Instance> = new Map();
  /** Masks by frame of the chain; made when first needed. */
  readonly frames: (Int32Array | undefined)[] = [];
  readonly writeSet: Uint8Array;
  updated = false;
  writeDropped = false;

  readonly outer: Instance | undefined;
  readonly depth: number;
  /** Call insn in the outer function. */
  readonly callsite: number;
  readonly start: number;
  readonly length: number;
  readonly subprog: number;

  constructor(outer: Instance | undefined, callsite: number, start: number, length: number, subprog: number) {
    this.outer = outer;
    this.depth = outer === undefined ? 0 : outer.depth + 1;
    this.callsite = callsite;
    this.start = start;
    this.length = length;
    this.subprog = subprog;
    this.writeSet = new Uint8Array(length);
  }

  masks(frame: number): Int32Array {
    return (this.frames[frame] ??= new Int32Array(this.length * MASK_WORDS));
  }
}

/** The analysis of one verification. */
export class StackLiveness {
  private readonly roots: Map<number, Instance> = new Map();
  private current: Instance | undefined = undefined;
  private readonly writes = new Int32Array(16);
  private writeInsn = 0;
  private readonly query: (Instance | undefined)[] = [];
  private queryState: State | undefined = undefined;
  private readonly succ = new Int32Array(2);

  private readonly env: Env;

  constructor(env: Env) {
    this.env = env;
  }

  private lookup(state: State, frameno: number): Instance {
    let instance = this.root(state.frames[0]!.subprog);
    for (let i = 1; i <= frameno; i++) {
      const frame = state.frames[i]!;
      instance = this.child(instance, frame.callsite, frame.subprog);
    }
    return instance;
  }

  private root(subprog: number): Instance {
    let root = this.roots.get(subprog);
    if (root === undefined) {
      root = this.create(undefined, MAIN_CALLSITE, subprog);
      this.roots.set(subprog, root);
    }
    return root;
  }

  private child(outer: Instance, callsite: number, subprog: number): Instance {
    const key = callsite * 1024 + subprog;
    let child = outer.children.get(key);
    if (child === undefined) {
      child = this.create(outer, callsite, subprog);
      outer.children.set(key, child);
    }
    return child;
  }

  private create(outer: Instance | undefined, callsite: number, subprog: number): Instance {
    const { subprograms, count } = this.env;
    const start = subprograms[subprog]!.start;
    const end = subprograms[subprog + 1]?.start ?? count;
    return new Instance(outer, callsite, start, end - start, subprog);
  }

  /** The chain of calls has changed. */
  resetChain(): void {
    this.current = undefined;
  }

  private ensure(): Instance {
    return (this.current ??= this.lookup(this.env.state, this.env.state.curframe));
  }

  /** Slot `slot` of a frame of the chain may be read by the insn. */
  read(frame: number, insn: number, slot: number): void {
    const low = slot < 32 ? 1 << slot : 0;
    const high = slot < 32 ? 0 : 1 << (slot - 32);
    markRead(this.ensure(), frame, insn, low, high);
  }

  /** Begins to collect the writes of an insn. */
  beginWrites(insn: number): void {
    this.begin(this.ensure(), insn);
  }

  private begin(instance: Instance, insn: number): void {
    this.writeInsn = insn;
    for (let i = 0; i <= instance.depth * 2 + 1; i++) this.writes[i] = 0;
  }

  /** The insn surely writes all of slot `slot` of a frame. */
  write(frame: number, slot: number): void {
    const at = frame * 2 + (slot >> 5);
    this.writes[at] = this.writes[at]! | (1 << (slot & 31));
  }

  /** Ends what {@link beginWrites} began; nothing happens when the chain changed in between. */
  commitWrites(): void {
    if (this.current !== undefined) this.commit(this.current);
  }

  private commit(instance: Instance): void {
    const index = this.writeInsn - instance.start;
    const seen = instance.writeSet[index] !== 0;
    for (let frame = 0; frame <= instance.depth; frame++) {
      let low = this.writes[frame * 2]!;
      let high = this.writes[frame * 2 + 1]!;
      if ((low | high) === 0 && !seen) continue;
      const masks = instance.masks(frame);
      const at = index * MASK_WORDS + WRITE;
      const oldLow = masks[at]!;
      const oldHigh = masks[at + 1]!;
      if (seen) {
        low &= oldLow;
        high &= oldHigh;
      }
      if (oldLow !== low || oldHigh !== high) {
        masks[at] = low;
        masks[at + 1] = high;
        instance.updated = true;
      }
      if ((oldLow & ~low) !== 0 || (oldHigh & ~high) !== 0) instance.writeDropped = true;
    }
    instance.writeSet[index] = 1;
    this.writeInsn = 0;
  }

  /** Brings the functions of the current state up to date: at the end of a path and when a function returns. */
  update(): void {
    this.resetChain();
    const state = this.env.state;
    let instance: Instance | undefined = this.lookup(state, state.curframe);
    while (instance !== undefined) {
      if (instance.updated) {
        this.updateInstance(instance);
        instance.updated = false;
        instance.writeDropped = false;
      }
      instance = instance.outer;
    }
  }

  private updateInstance(instance: Instance): void {
    const { start, length, depth, frames } = instance;
    if (instance.writeDropped) {
      for (const masks of frames) {
        if (masks === undefined) continue;
        for (let i = 0; i < length; i++) {
          masks[i * MASK_WORDS + WRITE_ON] = 0;
          masks[i * MASK_WORDS + WRITE_ON + 1] = 0;
        }
      }
    }
    const { subprograms, postorder } = this.env;
    const from = subprograms[instance.subprog]!.postorderStart;
    const to = subprograms[instance.subprog + 1]?.postorderStart ?? postorder.length;
    let changed = true;
    let rounds = 0;
    while (changed) {
      changed = false;
      rounds++;
      for (let frame = 0; frame <= depth; frame++) {
        const masks = frames[frame];
        if (masks === undefined) continue;
        for (let i = from; i < to; i++)
          if (this.updateInsn(masks, start, postorder[i]!, instance, frame)) changed = true;
      }
    }
    if (this.env.options.logLevel > 1) this.env.log?.livenessUpdate(this.chain(instance), rounds);
    if (instance.outer !== undefined) this.propagate(instance, instance.outer);
  }

  private updateInsn(masks: Int32Array, start: number, insn: number, instance: Instance, frame: number): boolean {
    const succ = this.succ;
    const count = successors(this.env, insn, succ);
    if (count === 0) return false;
    const at = (insn - start) * MASK_WORDS;
    let liveLow = 0;
    let liveHigh = 0;
    let writeLow = -1;
    let writeHigh = -1;
    for (let s = 0; s < count; s++) {
      const next = (succ[s]! - start) * MASK_WORDS;
      liveLow |= masks[next + LIVE]!;
      liveHigh |= masks[next + LIVE + 1]!;
      writeLow &= masks[next + WRITE_ON]!;
      writeHigh &= masks[next + WRITE_ON + 1]!;
    }
    const ownLow = masks[at + WRITE]!;
    const ownHigh = masks[at + WRITE + 1]!;
    writeLow |= ownLow;
    writeHigh |= ownHigh;
    liveLow = (liveLow & ~ownLow) | masks[at + READ]!;
    liveHigh = (liveHigh & ~ownHigh) | masks[at + READ + 1]!;
    const same =
      liveLow === masks[at + LIVE] &&
      liveHigh === masks[at + LIVE + 1] &&
      writeLow === masks[at + WRITE_ON] &&
      writeHigh === masks[at + WRITE_ON + 1];
    if (same) return false;
    const { log } = this.env;
    const said = (masks[at + READ]! | masks[at + READ + 1]! | ownLow | ownHigh) !== 0 || insn === start || this.env.prunePoint[insn] !== 0; // prettier-ignore
    if (log?.detailed === true && said) {
      const chain = this.chain(instance);
      log.livenessChange(chain, 'live', frame, insn, [masks[at + LIVE]!, masks[at + LIVE + 1]!], [liveLow, liveHigh]);
      log.livenessChange(chain, 'written', frame, insn, [masks[at + WRITE_ON]!, masks[at + WRITE_ON + 1]!], [writeLow, writeHigh]); // prettier-ignore
    }
    masks[at + LIVE] = liveLow;
    masks[at + LIVE + 1] = liveHigh;
    masks[at + WRITE_ON] = writeLow;
    masks[at + WRITE_ON + 1] = writeHigh;
    return true;
  }

  /** What a function reads and surely writes of its callers' frames is what the call reads and writes. */
  private propagate(instance: Instance, outer: Instance): void {
    this.begin(outer, instance.callsite);
    for (let frame = 0; frame < instance.depth; frame++) {
      const masks = instance.frames[frame];
      if (masks === undefined) continue;
      this.writes[frame * 2] = this.writes[frame * 2]! | masks[WRITE_ON]!;
      this.writes[frame * 2 + 1] = this.writes[frame * 2 + 1]! | masks[WRITE_ON + 1]!;
      markRead(outer, frame, instance.callsite, masks[LIVE]!, masks[LIVE + 1]!);
    }
    this.commit(outer);
  }

  private chain(instance: Instance): string {
    const sites: number[] = [instance.start];
    for (let i = instance; i.outer !== undefined; i = i.outer) sites.unshift(i.callsite);
    return `(${sites.join(',')})`;
  }

  /** Prepares {@link isLive} for a state. */
  beginQuery(state: State): void {
    this.queryState = state;
    for (let i = 0; i <= state.curframe; i++) this.query[i] = this.lookup(state, i);
  }

  /** Whether the slot of that frame may be read from the state on. */
  isLive(frameno: number, slot: number): boolean {
    const state = this.queryState!;
    const last = state.curframe;
    if (liveBefore(this.query[last]!, state.insn, frameno, slot)) return true;
    for (let i = frameno; i < last; i++) {
      const callsite = state.frames[i + 1]!.callsite;
      const insn = this.env.callsCallback[callsite] !== 0 ? callsite : callsite + 1;
      if (liveBefore(this.query[i]!, insn, frameno, slot)) return true;
    }
    return false;
  }
}

function liveBefore(instance: Instance, insn: number, frame: number, slot: number): boolean {
  const masks = instance.frames[frame];
  if (masks === undefined) return false;
  const at = (insn - instance.start) * MASK_WORDS + LIVE + (slot >> 5);
  return (masks[at]! & (1 << (slot & 31))) !== 0;
}

function markRead(instance: Instance, frame: number, insn: number, low: number, high: number): void {
  const masks = instance.masks(frame);
  const at = (insn - instance.start) * MASK_WORDS;
  const readLow = masks[at + READ]! | low;
  const readHigh = masks[at + READ + 1]! | high;
  const isNew = readLow !== masks[at + READ] || readHigh !== masks[at + READ + 1];
  if (isNew && ((readLow & ~masks[at + LIVE]!) !== 0 || (readHigh & ~masks[at + LIVE + 1]!) !== 0)) {
    instance.updated = true;
  }
  masks[at + READ] = readLow;
  masks[at + READ + 1] = readHigh;
}
