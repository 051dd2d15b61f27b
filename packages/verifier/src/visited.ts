/**
 * Storing states and cutting paths that reach a state like a stored one (kernel: is_state_visited, update_branch_counts).
 */
import { markNotInit } from './bounds.ts';
import { type Env, type LoopVisit, pushHistory, reject } from './env.ts';
import { markAllImprecise, markAllPrecise, propagatePrecision } from './precision.ts';
import { PSEUDO_KFUNC } from './successors.ts';
import { EINVAL } from './reject.ts';
import { EXACT, frameInsn, maybeLooping, NOT_EXACT, RANGE_WITHIN, statesEqual } from './state-equal.ts';
import { FP, regAt, slotAt, STACK_INVALID, STACK_ITER, type State } from './state.ts';
import { W_AUX2, W_OFF, W_VAR } from './register-record.ts';

const MAX_UNPRIVILEGED_STATES = 64;
const MAX_BACKEDGE_ROUNDS = 64;
export const ITER_ACTIVE = 1;

function updatePeak(env: Env): void {
  const now = env.exploredCount + env.freeListCount + env.backedgeCount;
  if (now > env.peakStates) env.peakStates = now;
}

/** List of the states that are stored for an insn under the current call; other insns may share it, as in the kernel. */
function bucketOf(env: Env, insn: number, callsite: number): State[] {
  const index = ((insn ^ callsite) >>> 0) % env.count;
  return (env.explored[index] ??= []);
}

function sameCallsites(a: State, b: State): boolean {
  if (a.curframe !== b.curframe) return false;
  for (let i = a.curframe; i >= 0; i--) if (a.frames[i]!.callsite !== b.frames[i]!.callsite) return false;
  return true;
}

/** The latest stored state for the insn that the path has gone through (kernel: find_prev_entry). */
export function findPreviousEntry(env: Env, cur: State, insn: number): State | undefined {
  return bucketOf(env, insn, env.frame.callsite).find(
    (stored) =>
      stored.insn === insn && stored.branches !== 0 && sameCallsites(stored, cur) && stored.dfsDepth < cur.dfsDepth,
  );
}

/** Key of the outermost loop that the state is in, with the calls that lead there; undefined outside of loops. */
function loopKey(env: Env, state: State): string | undefined {
  let key = '';
  for (let i = 0; i <= state.curframe; i++) {
    const insn = frameInsn(state, i);
    const loop = env.loop[insn]!;
    if (loop !== 0) return `${key}L${loop}`;
    key += `${insn},`;
  }
  return undefined;
}

/** Whether the loop that the state is in has ends that wait for marks. */
function isIncomplete(env: Env, state: State): boolean {
  if (env.loopVisits.size === 0) return false;
  const key = loopKey(env, state);
  if (key === undefined) return false;
  const visit = env.loopVisits.get(key);
  return visit !== undefined && visit.backedges.length > 0;
}

function enterLoop(env: Env, state: State): void {
  const key = loopKey(env, state);
  if (key === undefined) return;
  let visit = env.loopVisits.get(key);
  if (visit === undefined) {
    visit = { entry: undefined, backedges: [] };
    env.loopVisits.set(key, visit);
  }
  if (visit.entry !== undefined) return;
  visit.entry = state;
  if (env.log?.detailed === true) env.log.line(`SCC enter (${key.replace('L', '')})`);
}

function exitLoop(env: Env, state: State): void {
  const key = loopKey(env, state);
  const visit = key === undefined ? undefined : env.loopVisits.get(key);
  if (visit === undefined || visit.entry !== state) return;
  visit.entry = undefined;
  if (env.log?.detailed === true) env.log.line(`SCC exit (${key!.replace('L', '')})`);
  env.backedgeCount -= visit.backedges.length;
  updatePeak(env);
  propagateBackedges(env, visit);
}

function propagateBackedges(env: Env, visit: LoopVisit): void {
  for (let round = 0, changed = true; changed; round++) {
    if (round >= MAX_BACKEDGE_ROUNDS) {
      for (const state of visit.backedges) markAllPrecise(state);
      break;
    }
    changed = false;
    for (let i = visit.backedges.length - 1; i >= 0; i--) {
      const state = visit.backedges[i]!;
      if (propagatePrecision(env, state.equalState!, state)) changed = true;
    }
  }
  for (const state of visit.backedges) env.pool.release(state);
  visit.backedges = [];
}

/** A path has ended: its parents have one branch less to wait for (kernel: update_branch_counts). */
export function endPath(env: Env, last: State): void {
  let state: State | undefined = last;
  while (state !== undefined) {
    state.branches--;
    if (state.branches !== 0) return;
    exitLoop(env, state);
    if (state.inFreeList) {
      // Nothing refers to it any more, but a parent that is still walked may; the garbage collector decides.
      state.inFreeList = false;
      env.freeListCount--;
    }
    state = state.parent;
  }
}

/** Forgets what is dead in a stored state whose paths are all done (kernel: clean_verifier_state). */
function cleanState(env: Env, state: State): void {
  env.liveness.beginQuery(state);
  state.cleaned = true;
  for (let i = 0; i <= state.curframe; i++) {
    const frame = state.frames[i]!;
    const live = env.liveRegs[frameInsn(state, i)]!;
    for (let reg = 0; reg < FP; reg++) {
      if ((live & (1 << reg)) === 0) markNotInit(frame.w, regAt(reg), env.defaultPrecise);
    }
    let top = 0;
    for (let slot = 0; slot < frame.slots; slot++) {
      if (env.liveness.isLive(i, slot)) {
        top = slot + 1;
        continue;
      }
      markNotInit(frame.w, slotAt(slot), env.defaultPrecise);
      frame.kinds.fill(STACK_INVALID, slot * 8, slot * 8 + 8);
    }
    // Slots above hold nothing: comparing need not look at them.
    frame.slots = top;
  }
}

function activeIteratorsDiffer(old: State, cur: State): boolean {
  for (let f = old.curframe; f >= 0; f--) {
    const a = old.frames[f]!;
    const b = cur.frames[f]!;
    for (let slot = 0; slot < a.slots; slot++) {
      if (a.kinds[slot * 8] !== STACK_ITER) continue;
      const at = slotAt(slot);
      if (a.w[at + W_OFF] === ITER_ACTIVE && a.w[at + W_AUX2] !== b.w[at + W_AUX2]) return true;
    }
  }
  return false;
}

/** Whether the iterator that r1 points to is active, at a call of a next function. */
function iteratorIsActive(state: State): boolean {
  const w = state.frame.w;
  const r1 = regAt(1);
  const offset = w[r1 + W_OFF]! + w[r1 + W_VAR]!;
  // As the kernel divides: fp-0 is in slot 0 too (__get_spi).
  const slot = Math.trunc((-offset - 1) / 8);
  const frame = state.frames[w[r1 + 22]!]!;
  return frame.w[slotAt(slot) + W_OFF] === ITER_ACTIVE;
}

const MISS = 0;
const HIT = 1;
const HIT_LOOP = 2;
const MISS_KEEP = 3;

/** Looks at a stored state whose paths are not all done: it is part of the path that is walked. */
function checkOpenState(env: Env, insn: number, stored: State, cur: State): number {
  const frame = stored.frame;
  if (frame.inAsyncCallback && frame.asyncEntry !== cur.frame.asyncEntry) return MISS_KEEP;
  const isIterNext = env.src[insn] === PSEUDO_KFUNC && env.opcode[insn] === 0x85 && env.kfuncFlags?.(insn)?.iterNext === true; // prettier-ignore
  if (isIterNext) {
    if (statesEqual(env, stored, cur, RANGE_WITHIN) && iteratorIsActive(cur)) return HIT_LOOP;
    return MISS_KEEP;
  }
  if (env.opcode[insn] === 0xe5) {
    if (stored.mayGotoDepth !== cur.mayGotoDepth && statesEqual(env, stored, cur, RANGE_WITHIN)) return HIT_LOOP;
  }
  // 6.18 does not count calls that call back among the loops whose ends wait for marks.
  if (env.callsCallback[insn] !== 0) return statesEqual(env, stored, cur, RANGE_WITHIN) ? HIT : MISS_KEEP;
  if (
    maybeLooping(stored, cur) &&
    statesEqual(env, stored, cur, EXACT) &&
    !activeIteratorsDiffer(stored, cur) &&
    stored.mayGotoDepth === cur.mayGotoDepth &&
    stored.callbackUnrollDepth === cur.callbackUnrollDepth
  ) {
    env.infiniteLoop = { cur, old: stored };
    reject(EINVAL, `infinite loop detected at insn ${insn}`);
  }
  return MISS_KEEP;
}

/**
 * Compares the current state with those that are stored for the insn, and perhaps stores it.
 *
 * @returns true when the path can end here
 */
export function isVisited(env: Env, insn: number): boolean {
  const cur = env.state;
  const force = env.options.testStateFreq || env.forceCheckpoint[insn] !== 0 || cur.historyCount > 40;
  let add = force || (env.jumps - env.previousJumps >= 2 && env.processed - env.previousProcessed >= 8);
  const bucket = bucketOf(env, insn, cur.frame.callsite);
  for (let i = 0; i < bucket.length; i++) {
    const stored = bucket[i]!;
    if (stored.branches !== 0 || stored.insn !== insn || stored.cleaned) continue;
    if (!sameCallsites(stored, cur) || isIncomplete(env, stored)) continue;
    cleanState(env, stored);
  }
  let count = 0;
  for (let i = 0; i < bucket.length; i++) {
    const stored = bucket[i]!;
    count++;
    if (stored.insn !== insn) continue;
    let hit = MISS;
    if (stored.branches !== 0) {
      hit = checkOpenState(env, insn, stored, cur);
      if (hit === MISS_KEEP) {
        const soon = env.jumps - env.previousJumps < 20 && env.processed - env.previousProcessed < 100;
        if (!force && soon) add = false;
        hit = MISS;
      }
    } else {
      const incomplete = isIncomplete(env, stored);
      if (statesEqual(env, stored, cur, incomplete ? RANGE_WITHIN : NOT_EXACT)) hit = incomplete ? HIT_LOOP : HIT;
    }
    if (hit !== MISS) {
      prune(env, insn, stored, cur, hit === HIT_LOOP);
      return true;
    }
    if (add) stored.misses++;
    const n = env.forceCheckpoint[insn] !== 0 && stored.branches > 0 ? 64 : 3;
    if (stored.misses > stored.hits * n + n) {
      bucket.splice(i, 1);
      i--;
      env.exploredCount--;
      if (stored.branches > 0) {
        stored.inFreeList = true;
        env.freeListCount++;
      }
    }
  }
  if (count > env.maxStatesPerInsn) env.maxStatesPerInsn = count;
  if (!env.options.bpfCapable && count > MAX_UNPRIVILEGED_STATES) return false;
  if (add) store(env, insn, cur, bucket);
  return false;
}

function prune(env: Env, insn: number, stored: State, cur: State, loop: boolean): void {
  stored.hits++;
  if (env.jumpPoint[insn] !== 0) pushHistory(env, cur, 0, 0, 0);
  propagatePrecision(env, stored, cur);
  if (!loop) return;
  const backedge = env.pool.copy(cur);
  backedge.equalState = stored;
  backedge.insn = insn;
  const key = loopKey(env, stored);
  const visit = key === undefined ? undefined : env.loopVisits.get(key);
  if (visit === undefined) return;
  visit.backedges.push(backedge);
  if (env.log?.detailed === true) env.log.line(`SCC backedge (${key!.replace('L', '')})`);
  env.backedgeCount++;
  updatePeak(env);
}

function store(env: Env, insn: number, cur: State, bucket: State[]): void {
  env.totalStates++;
  env.exploredCount++;
  updatePeak(env);
  env.previousJumps = env.jumps;
  env.previousProcessed = env.processed;
  if (env.options.bpfCapable && !env.options.allPrecise) markAllImprecise(cur);
  const stored = env.pool.copyTakingHistory(cur);
  stored.insn = insn;
  env.watcher?.stored(insn, stored);
  enterLoop(env, stored);
  cur.parent = stored;
  cur.firstInsn = insn;
  cur.dfsDepth = stored.dfsDepth + 1;
  bucket.unshift(stored);
}
