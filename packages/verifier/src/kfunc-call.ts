/** Calls of kernel functions (kernel: check_kfunc_call). */
import { type Env, notModelled } from './env.ts';

/** Walks a call of a kernel function; true when the path ends with it. */
export function walkKfuncCall(env: Env): boolean {
  return notModelled(`kfunc ${env.kfuncName?.(env.insn) ?? env.imm[env.insn]!}`);
}
