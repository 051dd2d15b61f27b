/** bpf_throw: the program ends at once, and its exception callback makes the result (kernel: process_bpf_exit_full). */
import type { Btf, BtfFunc } from '@polybpf/btf';
import { type Env, reject } from './env.ts';
import type { FunctionInfo } from './input.ts';
import { checkLeaks } from './references.ts';
import { EEXIST, EINVAL, ENOENT } from './reject.ts';
import { checkReturn } from './returns.ts';

/** Ends the path. Without a callback the argument is what the program returns. */
export function throwException(env: Env): true {
  env.seenException = true;
  if (env.exceptionCallback === 0) checkReturn(env, 1, 'R1');
  checkLeaks(env, true, true, 'bpf_throw');
  return true;
}

const TAG = 'exception_callback:';
const GLOBAL = 1;

/**
 * Insn where the function starts that a tag of the main one names; 0 for none (kernel:
 * bpf_find_exception_callback_insn_off). Throws `Reject`.
 */
export function exceptionCallbackInsn(btf: Btf, functions: readonly FunctionInfo[], main: BtfFunc | undefined): number {
  if (main === undefined) return reject(EINVAL, 'invalid type id for subprog 0');
  const tags = btf.types.filter((t) => t.kind === 'DECL_TAG' && t.type === main.id && t.componentIndex === -1 && t.name.startsWith(TAG)); // prettier-ignore
  if (tags.length === 0) return 0;
  if (tags.length > 1) reject(EEXIST, 'multiple exception callback tags for main subprog');
  const name = tags[0]!.name.slice(TAG.length);
  const callback = btf.types.find((t) => t.kind === 'FUNC' && t.name === name);
  if (callback?.kind !== 'FUNC') return reject(ENOENT, `exception callback '${name}' could not be found in BTF`);
  if (callback.linkage !== GLOBAL) reject(EINVAL, `exception callback '${name}' must have global linkage`);
  const found = functions.filter(({ type }) => type === callback.id);
  if (found.length === 0) reject(EINVAL, 'exception callback type id not found in func_info');
  const { insn } = found[found.length - 1]!;
  if (insn === 0) reject(EINVAL, 'invalid exception callback insn_off in func_info: 0');
  return insn;
}

/** The callback is a function of the program that only exceptions call (kernel: mark_subprog_exc_cb). */
export function markExceptionCallback(env: Env, insn: number): void {
  const index = env.subprograms.findIndex(({ start }) => start === insn);
  const info = env.subprograms[index]!;
  info.isCallback = true;
  info.isAsyncCallback = true;
  info.isExceptionCallback = true;
  env.exceptionCallback = index;
}

/** The registers of the callback, which takes a number. */
export function prepareExceptionCallback(env: Env, subprog: number): void {
  env.frame.inExceptionCallback = true;
  if (!env.types.takesOneScalar(env, subprog)) reject(EINVAL, 'exception cb only supports single integer argument');
}
