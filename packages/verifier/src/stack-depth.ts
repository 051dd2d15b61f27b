/** The stack of all calls together fits (kernel: check_max_stack_depth). */
import { functionAt } from './check-program.ts';
import { type Env, reject } from './env.ts';
import { E2BIG, EACCES, EINVAL } from './reject.ts';
import { isFunctionAddress, isKfuncCall, isLocalCall } from './successors.ts';
import { MAX_STACK } from './state.ts';

const MAX_FRAMES = 8;
const PRIVATE_STACK_MIN = 64;

/** Program types whose functions may have a stack of their own (kernel: bpf_enable_priv_stack). */
function hasPrivateStack(env: Env): boolean {
  if (env.subprograms.some(({ hasTailCall }) => hasTailCall)) return false;
  switch (env.variant.type) {
    case 'KPROBE':
    case 'TRACEPOINT':
    case 'PERF_EVENT':
    case 'RAW_TRACEPOINT':
      return true;
    case 'TRACING':
      return env.variant.attachType !== 'BPF_TRACE_ITER';
    case 'LSM':
      return env.variant.attachType !== 'BPF_LSM_CGROUP';
    default:
      return false;
  }
}

const UNDECIDED = 0;
const ADAPTIVE = 1;
const NONE = 2;

/** Refuses programs whose call chains need more than 512 bytes, or are deeper than 8. */
export function checkStackDepths(env: Env): void {
  const privateStack = hasPrivateStack(env);
  const mode = new Uint8Array(env.subprograms.length);
  for (let i = env.subprograms.length - 1; i >= 0; i--) {
    if (i !== 0 && !env.subprograms[i]!.isAsyncCallback) continue;
    checkFrom(env, i, i === 0 && privateStack, mode);
  }
}

function roundUp(depth: number): number {
  return (depth + 15) & ~15;
}

function checkFrom(env: Env, start: number, privateStack: boolean, mode: Uint8Array): void {
  const { subprograms } = env;
  const returnInsn: number[] = [];
  const returnFunction: number[] = [];
  let depth = 0;
  let index = start;
  if (!privateStack) mode[index] = NONE;
  let insn = subprograms[index]!.start;
  let tailCalls = false;
  const enter = (): void => {
    const info = subprograms[index]!;
    if (index !== 0 && info.hasTailCall && depth >= 256) {
      reject(EACCES, `tail_calls are not allowed when call stack of previous frames is ${depth} bytes. Too large`);
    }
    const own = roundUp(info.stackDepth);
    if (privateStack && mode[index] === UNDECIDED && own >= PRIVATE_STACK_MIN) mode[index] = ADAPTIVE;
    if (mode[index] === ADAPTIVE) {
      if (own > MAX_STACK) reject(EACCES, `stack size of subprog ${index} is ${own}. Too large`);
      return;
    }
    depth += own;
    if (depth > MAX_STACK) {
      reject(EACCES, `combined stack size of ${returnInsn.length + 1} calls is ${depth}. Too large`);
    }
  };
  enter();
  for (;;) {
    const end = subprograms[index + 1]?.start ?? env.count;
    let called = false;
    for (; insn < end; insn++) {
      if (isKfuncCall(env, insn) && env.kfuncName?.(insn) === 'bpf_throw') {
        if ([index, ...returnFunction].some((caller) => subprograms[caller]!.isCallback)) {
          reject(EINVAL, `bpf_throw kfunc (insn ${insn}) cannot be called from callback subprog ${index}`);
        }
        continue;
      }
      const isCall = isLocalCall(env, insn);
      if (!isCall && !isFunctionAddress(env, insn)) continue;
      const target = functionAt(env, insn + env.imm[insn]! + 1);
      const info = subprograms[target]!;
      if (info.isAsyncCallback) {
        if (!isCall) continue;
        if (info.isExceptionCallback) reject(EINVAL, `insn ${insn} cannot call exception cb directly`);
      }
      returnInsn.push(insn + 1);
      returnFunction.push(index);
      insn = info.start;
      index = target;
      if (!privateStack) mode[index] = NONE;
      tailCalls ||= info.hasTailCall;
      if (returnInsn.length >= MAX_FRAMES) {
        reject(E2BIG, `the call stack of ${returnInsn.length} frames is too deep !`);
      }
      enter();
      called = true;
      break;
    }
    if (called) continue;
    if (tailCalls && returnFunction.some((caller) => subprograms[caller]!.isExceptionCallback)) {
      reject(EINVAL, 'cannot tail call within exception cb');
    }
    if (returnInsn.length === 0) return;
    if (mode[index] !== ADAPTIVE) depth -= roundUp(subprograms[index]!.stackDepth);
    insn = returnInsn.pop()!;
    index = returnFunction.pop()!;
  }
}
