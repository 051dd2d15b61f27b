/** Helpers by number, as the program's type has them. */
import type { Env, HelperCall } from './env.ts';
import { isHelperCall, isKfuncCall } from './successors.ts';

/** Result of `get_helper_proto`, cached; undefined for a number that no helper has. */
export function helperById(env: Env, id: number): HelperCall | undefined {
  let call = env.helpers.get(id);
  if (call === undefined) {
    const info = env.registry.helper(id);
    if (info === undefined) return undefined;
    call = {
      info,
      proto: env.registry.prototypeOf(env.variant, info),
      allowed: env.registry.helperAllowed(env.variant, info) && env.helperPermitted(info),
    };
    env.helpers.set(id, call);
  }
  return call;
}

/** Number of arguments that a call takes; undefined when nothing tells (kernel: get_call_summary). */
export function callArguments(env: Env, insn: number): number | undefined {
  if (isHelperCall(env, insn)) {
    const helper = helperById(env, env.imm[insn]!);
    return helper?.allowed === true ? helper.proto.args.length : undefined;
  }
  if (!isKfuncCall(env, insn)) return undefined;
  const kfunc = env.registry.kfunc(env.kfuncName?.(insn) ?? '');
  if (kfunc === undefined || !env.registry.kfuncAllowed(env.variant, kfunc)) return undefined;
  return env.kfuncFlags?.(insn)?.parameters;
}
