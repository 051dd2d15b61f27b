/** The depth-first walk over the code that finds unreachable insns and places where paths meet (kernel: check_cfg). */
import { type Env, reject } from './env.ts';
import { helperById } from './helper-table.ts';
import { EINVAL } from './reject.ts';
import {
  CLASS_JMP,
  CLASS_JMP32,
  isFunctionAddress,
  isHelperCall,
  jumpDistance,
  LD_IMM64,
  OP_CALL,
  OP_EXIT,
  OP_JA,
  PSEUDO_CALL,
  PSEUDO_KFUNC,
  successors,
} from './successors.ts';

const DISCOVERED = 0x10;
const EXPLORED = 0x20;
const FALLTHROUGH = 1;
const BRANCH = 2;

/** Helpers that call a function of the program back before they return. */
const SYNC_CALLBACKS: ReadonlySet<number> = new Set([164, 180, 181, 209]); // for_each_map_elem find_vma loop user_ringbuf_drain
export const FUNC_TIMER_SET_CALLBACK = 170;

/** Whether the insn calls something that calls back at once. */
export function callsBackNow(env: Env, insn: number): boolean {
  if (isHelperCall(env, insn)) return SYNC_CALLBACKS.has(env.imm[insn]!);
  return env.kfuncFlags?.(insn)?.callsBack === 'now';
}

/** Whether the insn hands over a function that is called later. */
export function callsBackLater(env: Env, insn: number): boolean {
  if (isHelperCall(env, insn)) return env.imm[insn] === FUNC_TIMER_SET_CALLBACK;
  return env.kfuncFlags?.(insn)?.callsBack === 'later';
}

class Walk {
  readonly state: Int32Array;
  readonly stack: Int32Array;
  depth = 0;

  readonly env: Env;

  constructor(env: Env) {
    this.env = env;
    this.state = new Int32Array(env.count);
    this.stack = new Int32Array(env.count);
  }

  start(insn: number): void {
    this.state[insn] = DISCOVERED;
    this.stack[0] = insn;
    this.depth = 1;
    while (this.depth > 0) {
      const insn = this.stack[this.depth - 1]!;
      if (!this.visit(insn)) {
        this.state[insn] = EXPLORED;
        this.depth--;
      }
    }
  }

  /** Follows an edge; true when there is more to explore below it. */
  private push(from: number, to: number, edge: number): boolean {
    const { env, state } = this;
    if (state[from]! >= (DISCOVERED | edge)) return false;
    if (to < 0 || to >= env.count) reject(EINVAL, `jump out of range from insn ${from} to ${to}`);
    if (edge === BRANCH) {
      env.prunePoint[to] = 1;
      env.jumpPoint[to] = 1;
    }
    const there = state[to]!;
    if (there === 0) {
      state[from] = DISCOVERED | edge;
      state[to] = DISCOVERED;
      this.stack[this.depth++] = to;
      return true;
    }
    if ((there & 0xf0) === DISCOVERED) {
      if (env.options.bpfCapable) return false;
      reject(EINVAL, `back-edge from insn ${from} to ${to}`);
    }
    state[from] = DISCOVERED | edge;
    return false;
  }

  private visitCall(insn: number, callee: boolean): boolean {
    const { env } = this;
    const next = insn + (env.opcode[insn] === LD_IMM64 ? 2 : 1);
    if (this.push(insn, next, FALLTHROUGH)) return true;
    env.prunePoint[next] = 1;
    env.jumpPoint[next] = 1;
    if (!callee) return false;
    const target = insn + env.imm[insn]! + 1;
    env.prunePoint[insn] = 1;
    const caller = env.subprograms[env.subprogramOf[insn]!]!;
    const called = env.subprograms[env.subprogramOf[target]!]!;
    caller.changesPacket ||= called.changesPacket;
    caller.mightSleep ||= called.mightSleep;
    return this.push(insn, target, BRANCH);
  }

  private visit(insn: number): boolean {
    const { env } = this;
    if (isFunctionAddress(env, insn)) return this.visitCall(insn, true);
    const opcode = env.opcode[insn]!;
    const kind = opcode & 7;
    if (kind !== CLASS_JMP && kind !== CLASS_JMP32) {
      return this.push(insn, insn + (opcode === LD_IMM64 ? 2 : 1), FALLTHROUGH);
    }
    switch (opcode & 0xf0) {
      case OP_EXIT:
        return false;
      case OP_CALL:
        this.markCall(insn);
        return this.visitCall(insn, env.src[insn] === PSEUDO_CALL);
      case OP_JA: {
        if ((opcode & 8) !== 0) reject(EINVAL, '');
        const target = insn + jumpDistance(env, insn) + 1;
        if (this.push(insn, target, FALLTHROUGH)) return true;
        env.prunePoint[target] = 1;
        env.jumpPoint[target] = 1;
        return false;
      }
      default:
        env.prunePoint[insn] = 1;
        if (opcode === 0xe5 && env.src[insn] === 0) env.forceCheckpoint[insn] = 1;
        if (this.push(insn, insn + 1, FALLTHROUGH)) return true;
        return this.push(insn, insn + env.off[insn]! + 1, BRANCH);
    }
  }

  private markCall(insn: number): void {
    const { env } = this;
    if (callsBackLater(env, insn)) env.prunePoint[insn] = 1;
    if (callsBackNow(env, insn)) {
      env.callsCallback[insn] = 1;
      env.forceCheckpoint[insn] = 1;
      env.prunePoint[insn] = 1;
      env.jumpPoint[insn] = 1;
    }
    const info = env.subprograms[env.subprogramOf[insn]!]!;
    if (isHelperCall(env, insn)) {
      const helper = helperById(env, env.imm[insn]!);
      if (helper !== undefined && helper.allowed && helper.proto.mightSleep) info.mightSleep = true;
      if (helper?.info.changesPacket === true) info.changesPacket = true;
    } else if (env.src[insn] === PSEUDO_KFUNC) {
      const flags = env.kfuncFlags?.(insn);
      if (flags?.iterNext === true) {
        env.prunePoint[insn] = 1;
        env.forceCheckpoint[insn] = 1;
      }
      if (flags?.sleepable === true) info.mightSleep = true;
      if (flags?.changesPacket === true) info.changesPacket = true;
    }
  }
}

/** Refuses unreachable insns and, for loaders without CAP_BPF, loops; marks the places where states are compared. */
export function checkCfg(env: Env): void {
  const walk = new Walk(env);
  walk.start(0);
  const exception = env.exceptionCallback > 0 ? env.subprograms[env.exceptionCallback]!.start : 0;
  if (exception !== 0 && walk.state[exception] !== EXPLORED) walk.start(exception);
  for (let i = 0; i < env.count; i++) {
    if (walk.state[i] !== EXPLORED) reject(EINVAL, `unreachable insn ${i}`);
    if (env.opcode[i] === LD_IMM64) {
      if (walk.state[i + 1] !== 0) reject(EINVAL, `jump into the middle of ldimm64 insn ${i}`);
      i++;
    }
  }
}

/** Insns of each function, each after those that may follow it (kernel: compute_postorder). */
export function computePostorder(env: Env): void {
  const order = new Int32Array(env.count);
  const marked = new Uint8Array(env.count);
  const stack: number[] = [];
  const succ = new Int32Array(2);
  let length = 0;
  for (const info of env.subprograms) {
    info.postorderStart = length;
    marked[info.start] = 1;
    stack.push(info.start * 2);
    while (stack.length > 0) {
      const top = stack[stack.length - 1]!;
      const insn = top >> 1;
      if ((top & 1) !== 0) {
        order[length++] = insn;
        stack.pop();
        continue;
      }
      stack[stack.length - 1] = top | 1;
      const count = successors(env, insn, succ);
      for (let s = 0; s < count; s++) {
        const next = succ[s]!;
        if (marked[next] !== 0) continue;
        marked[next] = 1;
        stack.push(next * 2);
      }
    }
  }
  env.postorder = order.subarray(0, length);
}
