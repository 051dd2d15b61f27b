/** Whether a stored state covers the current one: whatever is safe from the old is safe from the new (kernel: states_equal). */
import { markUnknown } from './bounds.ts';
import type { Env } from './env.ts';
import {
  ADD_CONST,
  REG_WORDS,
  sameWords,
  W_AUX,
  W_AUX2,
  W_FRAME,
  W_ID,
  W_OFF,
  W_PRECISE,
  W_REF,
  W_S32MAX,
  W_S32MIN,
  W_SMAX,
  W_SMIN,
  W_TYPE,
  W_U32MAX,
  W_U32MIN,
  W_UMAX,
  W_UMIN,
  W_VAR,
} from './register-record.ts';
import {
  baseType,
  NOT_INIT,
  PTR_TO_ARENA,
  PTR_TO_BUF,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_PACKET,
  PTR_TO_PACKET_META,
  PTR_TO_STACK,
  PTR_TO_TP_BUFFER,
  SCALAR_VALUE,
} from './register-types.ts';
import {
  type Frame,
  REF_IRQ,
  REF_LOCK,
  REF_NUMBERS,
  REF_PTR,
  REF_RES_LOCK,
  REF_RES_LOCK_IRQ,
  REGS,
  regAt,
  slotAt,
  STACK_DYNPTR,
  STACK_INVALID,
  STACK_IRQ_FLAG,
  STACK_ITER,
  STACK_MISC,
  STACK_SPILL,
  STACK_ZERO,
  type State,
} from './state.ts';
import { tnumIn } from './tnum.ts';
import { slt, ult } from './word64.ts';

/** How equal states must be. */
export const NOT_EXACT = 0;
export const EXACT = 1;
export const RANGE_WITHIN = 2;

/** Ids of the old state and those of the new one that they stand for. */
const oldIds = new Int32Array(1024);
const newIds = new Int32Array(1024);
let idCount = 0;
let temporaryId = 0;

function checkIds(old: number, cur: number): boolean {
  if ((old === 0) !== (cur === 0)) return false;
  if (old === 0) return true;
  for (let i = 0; i < idCount; i++) {
    if (oldIds[i] === old) return newIds[i] === cur;
    if (newIds[i] === cur) return false;
  }
  if (idCount === oldIds.length) return false;
  oldIds[idCount] = old;
  newIds[idCount++] = cur;
  return true;
}

/** An old scalar without an id knows of no other; a current one without an id is a value of its own. */
function checkScalarIds(old: number, cur: number): boolean {
  if (old === 0) return true;
  const b = cur === 0 ? ++temporaryId : cur;
  return checkIds(old, b);
}

/** Whether the bounds of `cur` lie within those of `old`. */
export function rangeWithin(o: Int32Array, a: number, c: Int32Array, b: number): boolean {
  return (
    !ult(c[b + W_UMIN + 1]!, c[b + W_UMIN]!, o[a + W_UMIN + 1]!, o[a + W_UMIN]!) &&
    !ult(o[a + W_UMAX + 1]!, o[a + W_UMAX]!, c[b + W_UMAX + 1]!, c[b + W_UMAX]!) &&
    !slt(c[b + W_SMIN + 1]!, c[b + W_SMIN]!, o[a + W_SMIN + 1]!, o[a + W_SMIN]!) &&
    !slt(o[a + W_SMAX + 1]!, o[a + W_SMAX]!, c[b + W_SMAX + 1]!, c[b + W_SMAX]!) &&
    o[a + W_U32MIN]! >>> 0 <= c[b + W_U32MIN]! >>> 0 &&
    o[a + W_U32MAX]! >>> 0 >= c[b + W_U32MAX]! >>> 0 &&
    o[a + W_S32MIN]! <= c[b + W_S32MIN]! &&
    o[a + W_S32MAX]! >= c[b + W_S32MAX]!
  );
}

/** Begins a comparison: no ids stand for each other yet. */
export function resetIds(env: Env): void {
  idCount = 0;
  temporaryId = env.idGen;
}

/** Whether two registers are the same but for the numbers of their ids (kernel: regs_exact). */
export function exactRegisters(o: Int32Array, a: number, c: Int32Array, b: number): boolean {
  return sameWords(o, a, c, b, W_ID) && checkIds(o[a + W_ID]!, c[b + W_ID]!) && checkIds(o[a + W_REF]!, c[b + W_REF]!);
}

/** Ranges below 0 tell how the pointer lies to the end of the packet: those must be the same. */
function rangeCovers(old: number, cur: number): boolean {
  return old < 0 || cur < 0 ? old === cur : old <= cur;
}

function coversRegister(env: Env, o: Int32Array, a: number, c: Int32Array, b: number, exact: number): boolean {
  if (exact === EXACT) return exactRegisters(o, a, c, b);
  const type = o[a + W_TYPE]!;
  if (type === NOT_INIT) return exact === NOT_EXACT || c[b + W_TYPE] === NOT_INIT;
  if (type !== c[b + W_TYPE]) return false;
  switch (baseType(type)) {
    case SCALAR_VALUE: {
      if (env.exploreAluLimits) return sameWords(o, a, c, b, W_ID) && checkScalarIds(o[a + W_ID]!, c[b + W_ID]!);
      if (o[a + W_PRECISE] === 0 && exact === NOT_EXACT && !env.options.allPrecise) return true;
      const oldId = o[a + W_ID]!;
      const newId = c[b + W_ID]!;
      if (oldId !== 0 && ((oldId & ADD_CONST) === 0) !== ((newId & ADD_CONST) === 0)) return false;
      if ((oldId & ADD_CONST) !== 0 && o[a + W_OFF] !== c[b + W_OFF]) return false;
      return rangeWithin(o, a, c, b) && tnumIn(o, a + W_VAR, c, b + W_VAR) && checkScalarIds(oldId, newId);
    }
    case PTR_TO_MAP_KEY:
    case PTR_TO_MAP_VALUE:
    case PTR_TO_MEM:
    case PTR_TO_BUF:
    case PTR_TO_TP_BUFFER:
      return (
        sameWords(o, a, c, b, W_VAR) &&
        rangeWithin(o, a, c, b) &&
        tnumIn(o, a + W_VAR, c, b + W_VAR) &&
        checkIds(o[a + W_ID]!, c[b + W_ID]!) &&
        checkIds(o[a + W_REF]!, c[b + W_REF]!)
      );
    case PTR_TO_PACKET_META:
    case PTR_TO_PACKET:
      return (
        rangeCovers(o[a + W_AUX]!, c[b + W_AUX]!) &&
        o[a + W_OFF] === c[b + W_OFF] &&
        checkIds(o[a + W_ID]!, c[b + W_ID]!) &&
        rangeWithin(o, a, c, b) &&
        tnumIn(o, a + W_VAR, c, b + W_VAR)
      );
    case PTR_TO_STACK:
      return exactRegisters(o, a, c, b) && o[a + W_FRAME] === c[b + W_FRAME];
    case PTR_TO_ARENA:
      return true;
    default:
      return exactRegisters(o, a, c, b);
  }
}

const UNBOUND = new Int32Array(REG_WORDS);
markUnknown(UNBOUND, 0, 0);

function allMisc(env: Env, frame: Frame, slot: number): boolean {
  for (let i = slot * 8; i < slot * 8 + 8; i++) {
    const kind = frame.kinds[i];
    if (kind !== STACK_MISC && !(kind === STACK_INVALID && env.options.allowPtrLeaks)) return false;
  }
  return true;
}

/** Array of the scalar that a load of the slot gives, its place in {@link scalarPlace}; undefined when there is none. */
let scalarPlace = 0;
function slotScalar(env: Env, frame: Frame, slot: number): Int32Array | undefined {
  if (frame.isSpilledScalar64(slot)) {
    scalarPlace = slotAt(slot);
    return frame.w;
  }
  scalarPlace = 0;
  return allMisc(env, frame, slot) ? UNBOUND : undefined;
}

function coversStack(env: Env, old: Frame, cur: Frame, exact: number): boolean {
  const uninitOk = env.options.allowPtrLeaks;
  for (let slot = 0; slot < old.slots; slot++) {
    const base = slot * 8;
    let done = false;
    for (let i = 0; i < 8 && !done; i++) {
      const kind = old.kinds[base + i]!;
      const there = slot < cur.slots;
      if (exact !== NOT_EXACT && (!there || kind !== cur.kinds[base + i])) return false;
      if (kind === STACK_INVALID) continue;
      if (uninitOk && kind === STACK_MISC) continue;
      if (!there) return false;
      const a = slotScalar(env, old, slot);
      if (a !== undefined) {
        const aPlace = scalarPlace;
        const b = slotScalar(env, cur, slot);
        if (b !== undefined) {
          if (!coversRegister(env, a, aPlace, b, scalarPlace, exact)) return false;
          done = true;
          continue;
        }
      }
      const now = cur.kinds[base + i]!;
      if (kind === STACK_MISC && now === STACK_ZERO) continue;
      if (kind !== now) return false;
      if (i !== 7) continue;
      const at = slotAt(slot);
      switch (kind) {
        case STACK_SPILL:
          if (!coversRegister(env, old.w, at, cur.w, at, exact)) return false;
          break;
        case STACK_DYNPTR:
          // W_AUX: kind of dynptr; W_AUX2: whether it is the first slot.
          if (old.w[at + W_AUX] !== cur.w[at + W_AUX] || old.w[at + W_AUX2] !== cur.w[at + W_AUX2]) return false;
          if (!checkIds(old.w[at + W_REF]!, cur.w[at + W_REF]!)) return false;
          break;
        case STACK_ITER:
          // W_AUX: type; W_OFF: state. The depth may differ.
          if (old.w[at + W_AUX] !== cur.w[at + W_AUX] || old.w[at + W_OFF] !== cur.w[at + W_OFF]) return false;
          if (!checkIds(old.w[at + W_REF]!, cur.w[at + W_REF]!)) return false;
          break;
        case STACK_IRQ_FLAG:
          if (!checkIds(old.w[at + W_REF]!, cur.w[at + W_REF]!)) return false;
          if (old.w[at + W_AUX] !== cur.w[at + W_AUX]) return false;
          break;
      }
    }
  }
  return true;
}

function sameReferences(old: State, cur: State): boolean {
  if (
    old.refs.length !== cur.refs.length ||
    old.activeLocks !== cur.activeLocks ||
    old.activePreemptLocks !== cur.activePreemptLocks ||
    old.activeRcuLocks !== cur.activeRcuLocks ||
    !checkIds(old.activeIrqId, cur.activeIrqId) ||
    !checkIds(old.activeLockId, cur.activeLockId) ||
    old.activeLockPtr !== cur.activeLockPtr
  )
    return false;
  for (let i = 0; i < old.refs.length; i += REF_NUMBERS) {
    const kind = old.refs[i]!;
    if (!checkIds(old.refs[i + 1]!, cur.refs[i + 1]!) || kind !== cur.refs[i]) return false;
    if (kind === REF_PTR || kind === REF_IRQ) continue;
    if (kind === REF_LOCK || kind === REF_RES_LOCK || kind === REF_RES_LOCK_IRQ) {
      if (old.refs[i + 3] !== cur.refs[i + 3]) return false;
    }
  }
  return true;
}

/** Insn at which a frame of the state stands: of the innermost the next one, of the others their call. */
export function frameInsn(state: State, frame: number): number {
  return frame === state.curframe ? state.insn : state.frames[frame + 1]!.callsite;
}

/** Whether `old` covers `cur`. */
export function statesEqual(env: Env, old: State, cur: State, exact: number): boolean {
  if (old.curframe !== cur.curframe) return false;
  resetIds(env);
  if (old.speculative && !cur.speculative) return false;
  if (old.inSleepable !== cur.inSleepable) return false;
  if (!sameReferences(old, cur)) return false;
  for (let i = 0; i <= old.curframe; i++) {
    const a = old.frames[i]!;
    const b = cur.frames[i]!;
    if (a.callsite !== b.callsite) return false;
    if (a.callbackDepth > b.callbackDepth) return false;
    const live = env.liveRegs[frameInsn(old, i)]!;
    for (let reg = 0; reg < REGS; reg++) {
      if ((live & (1 << reg)) === 0) continue;
      if (!coversRegister(env, a.w, regAt(reg), b.w, regAt(reg), exact)) return false;
    }
    if (!coversStack(env, a, b, exact)) return false;
  }
  return true;
}

/** A quick test for {@link statesEqual} with EXACT: the registers of the innermost frame are the same word by word. */
export function maybeLooping(old: State, cur: State): boolean {
  if (old.curframe !== cur.curframe) return false;
  const a = old.frame.w;
  const b = cur.frame.w;
  for (let reg = 0; reg < REGS; reg++) if (!sameWords(a, regAt(reg), b, regAt(reg), W_FRAME)) return false;
  return true;
}
