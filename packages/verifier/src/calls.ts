/** Calls of functions of the program, returns from them, and callbacks (kernel: check_func_call, prepare_func_exit). */
import { markKnown, markNotInit, markUnknown } from './bounds.ts';
import { functionAt } from './check-program.ts';
import { callsBackLater } from './cfg.ts';
import { type Env, reject } from './env.ts';
import { enqueue, pushBranch } from './pending.ts';
import { markPrecise } from './precision.ts';
import { clearPacketPointers } from './references.ts';
import { clearCallerSaved } from './registers.ts';
import { E2BIG, EACCES, EFAULT, EINVAL, ENOMEM, passes, refusalOf } from './reject.ts';
import { scalarOutside } from './returns.ts';
import { moveRegister, type Frame, MAIN_CALLSITE, regAt, type State } from './state.ts';
import { W_AUX, W_SMAX, W_SMIN, W_TYPE } from './register-record.ts';
import { CONST_PTR_TO_MAP, PTR_TO_MAP_KEY, PTR_TO_MAP_VALUE, PTR_TO_STACK, SCALAR_VALUE } from './register-types.ts';
import { findPreviousEntry } from './visited.ts';
import { widenImprecise } from './widen.ts';
import { toDouble } from './word64.ts';

const MAX_FRAMES = 8;

/** Sets the arguments of a callback from the registers of the caller. */
export type CallbackSetup = (env: Env, caller: Frame, callee: Frame) => void;

function enterFunction(env: Env, state: State, subprog: number, callsite: number, setup: CallbackSetup): void {
  if (state.curframe + 1 >= MAX_FRAMES) reject(E2BIG, `the call stack of ${state.curframe + 2} frames is too deep`);
  const caller = state.frame;
  const callee = env.pool.frame();
  callee.init(callsite, state.curframe + 1, subprog, env.defaultPrecise);
  env.log?.touchAll();
  setup(env, caller, callee);
  state.frames.push(callee);
  state.curframe++;
}

function passArguments(_env: Env, caller: Frame, callee: Frame): void {
  for (let reg = 1; reg <= 5; reg++) moveRegister(callee, regAt(reg), caller, regAt(reg));
}

/** Walks a call of a function of the program. */
export function walkLocalCall(env: Env): void {
  const insn = env.insn;
  const subprog = functionAt(env, insn + env.imm[insn]! + 1);
  const { state } = env;
  const caller = env.frame;
  const global = env.types.isGlobal(subprog);
  const info = env.subprograms[subprog]!;
  let failure = 0;
  if (env.types.hasFunctionInfo) {
    failure = refusalOf(() => env.types.checkArguments(env, subprog), env.noter);
    if (failure !== 0) info.unreliable = true;
  }
  if (global) {
    const name = env.types.functionName(subprog);
    if (state.activeLocks > 0) {
      reject(EINVAL, 'global function calls are not allowed while holding a lock,\nuse static function instead');
    }
    const sleepable = env.options.sleepable || state.inSleepable;
    if (
      info.mightSleep &&
      (state.activeRcuLocks > 0 || state.activePreemptLocks > 0 || state.activeIrqId !== 0 || !sleepable)
    ) {
      reject(
        EINVAL,
        'global functions that may sleep are not allowed in non-sleepable context,\ni.e., in a RCU/IRQ/preempt-disabled section, or in\na non-sleepable BPF program context',
      );
    }
    if (failure !== 0) reject(failure, `Caller passes invalid args into func#${subprog} ('${name}')`);
    env.note(`Func#${subprog} ('${name}') is global and assumed valid.`);
    if (info.changesPacket) clearPacketPointers(env);
    info.called = true;
    clearCallerSaved(env, caller.w);
    markUnknown(caller.w, regAt(0), env.defaultPrecise);
    env.insn++;
    return;
  }
  enterFunction(env, state, subprog, insn, passArguments);
  env.liveness.resetChain();
  clearCallerSaved(env, caller.w);
  env.insn = info.start;
  env.log?.calls(env, caller.frameno, state.curframe);
}

/** Leaves the innermost function (kernel: prepare_func_exit). */
export function walkReturn(env: Env): void {
  const { state } = env;
  const callee = env.frame;
  const r0 = regAt(0);
  if (callee.w[r0 + W_TYPE] === PTR_TO_STACK) reject(EINVAL, 'cannot return stack pointer to the caller');
  const caller = state.frames[state.curframe - 1]!;
  const callback = callee.inCallback;
  if (callback) {
    if (callee.w[r0 + W_TYPE] !== SCALAR_VALUE) reject(EACCES, 'R0 not a scalar value');
    markPrecise(env, 0);
    const smin = toDouble(callee.w, r0 + W_SMIN);
    const smax = toDouble(callee.w, r0 + W_SMAX);
    if (!(callee.retMin <= smin && smax <= callee.retMax)) {
      reject(EINVAL, scalarOutside(callee.w, r0, callee.retMin, callee.retMax, 'At callback return', 'R0'));
    }
  } else moveRegister(caller, r0, callee, r0);
  const next = callback ? callee.callsite : callee.callsite + 1;
  env.log?.returns(env, callee.frameno, caller.frameno, next);
  env.insn = next;
  state.frames.pop();
  state.curframe--;
  env.pool.releaseFrame(callee);
  env.liveness.resetChain();
  if (!callback) return;
  const previous = findPreviousEntry(env, state, next);
  if (previous !== undefined) widenImprecise(env, previous, state);
}

/**
 * Queues a walk of a function that a helper calls back (kernel: push_callback_call).
 *
 * @param sleepable - a later callback runs where it may sleep
 */
export function queueCallback(env: Env, subprog: number, setup: CallbackSetup, sleepable: boolean): void {
  const insn = env.insn;
  const caller = env.frame;
  const info = env.subprograms[subprog]!;
  if (env.types.hasFunctionInfo && !info.unreliable) {
    if (!passes(() => env.types.checkArguments(env, subprog), env.noter)) info.unreliable = true;
  }
  info.isCallback = true;
  if (callsBackLater(env, insn)) {
    info.isAsyncCallback = true;
    queueLater(env, subprog, setup, sleepable);
    return;
  }
  const branch = pushBranch(env, info.start, insn, false, ENOMEM);
  enterFunction(env, branch, subprog, insn, setup);
  branch.callbackUnrollDepth++;
  branch.frames[branch.curframe - 1]!.callbackDepth++;
  caller.callbackDepth = 0;
}

/** A callback that runs by itself later: it begins with nothing (kernel: push_async_cb). */
function queueLater(env: Env, subprog: number, setup: CallbackSetup, sleepable: boolean): void {
  const caller = env.frame;
  const state = env.pool.state();
  const frame = env.pool.frame();
  frame.init(MAIN_CALLSITE, 0, subprog, env.defaultPrecise);
  frame.inAsyncCallback = true;
  frame.asyncEntry = caller.asyncEntry + 1;
  env.log?.touchAll();
  resetState(state, frame);
  state.inSleepable = sleepable;
  enqueue(env, state, env.subprograms[subprog]!.start, env.insn);
  setup(env, caller, frame);
}

/** A state with one frame and nothing else. */
export function resetState(state: State, frame: Frame): void {
  state.frames.length = 0;
  state.frames.push(frame);
  state.curframe = 0;
  state.refs = [];
  state.activeLocks = 0;
  state.activePreemptLocks = 0;
  state.activeIrqId = 0;
  state.activeLockId = 0;
  state.activeLockPtr = 0;
  state.activeRcuLocks = 0;
  state.speculative = false;
  state.inSleepable = false;
  state.cleaned = false;
  state.branches = 1;
  state.parent = undefined;
  state.insn = 0;
  state.firstInsn = 0;
  state.lastInsn = -1;
  state.dfsDepth = 0;
  state.callbackUnrollDepth = 0;
  state.mayGotoDepth = 0;
  state.hits = 0;
  state.misses = 0;
  state.inFreeList = false;
  state.equalState = undefined;
  state.historyCount = 0;
}

function setPointer(w: Int32Array, reg: number, type: number, aux: number): void {
  const at = regAt(reg);
  markKnown(w, at, 0, 0);
  w[at + W_TYPE] = type;
  w[at + W_AUX] = aux;
}

function unused(env: Env, callee: Frame, from: number): void {
  for (let reg = from; reg <= 5; reg++) markNotInit(callee.w, regAt(reg), env.defaultPrecise);
}

/** bpf_loop: callback(index, ctx). */
export function setupLoop(env: Env, caller: Frame, callee: Frame): void {
  markUnknown(callee.w, regAt(1), env.defaultPrecise);
  moveRegister(callee, regAt(2), caller, regAt(3));
  unused(env, callee, 3);
  callee.inCallback = true;
  callee.retMin = 0;
  callee.retMax = 1;
}

/** bpf_for_each_map_elem: callback(map, key, value, ctx). */
export function setupForEach(env: Env, caller: Frame, callee: Frame): void {
  const map = caller.w[regAt(1) + W_AUX]!;
  moveRegister(callee, regAt(1), caller, regAt(1));
  setPointer(callee.w, 2, PTR_TO_MAP_KEY, map);
  setPointer(callee.w, 3, PTR_TO_MAP_VALUE, map);
  moveRegister(callee, regAt(4), caller, regAt(3));
  unused(env, callee, 5);
  callee.inCallback = true;
  callee.retMin = 0;
  callee.retMax = 1;
}

/** bpf_timer_set_callback, bpf_wq_set_callback: callback(map, key, value). */
export function setupTimer(env: Env, caller: Frame, callee: Frame): void {
  setupLater(env, callee, caller.w[regAt(1) + W_AUX]!);
}

/** bpf_task_work_schedule_signal and _resume: callback(map, key, value), which may return anything. */
export function setupTaskWork(env: Env, caller: Frame, callee: Frame): void {
  setupLater(env, callee, caller.w[regAt(3) + W_AUX]!);
  callee.retMin = -0x80000000;
  callee.retMax = 0x7fffffff;
}

function setupLater(env: Env, callee: Frame, map: number): void {
  setPointer(callee.w, 1, CONST_PTR_TO_MAP, map);
  setPointer(callee.w, 2, PTR_TO_MAP_KEY, map);
  setPointer(callee.w, 3, PTR_TO_MAP_VALUE, map);
  unused(env, callee, 4);
  callee.inAsyncCallback = true;
  callee.retMin = 0;
  callee.retMax = 0;
}

/** Says that something happened which the kernel takes for a bug of its own. */
export function internalBug(text: string): never {
  return reject(EFAULT, `verifier bug: ${text}`);
}
