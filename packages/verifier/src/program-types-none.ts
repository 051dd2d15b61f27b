/** Programs without BTF. */
import { type Env, notModelled, reject } from './env.ts';
import { EINVAL } from './reject.ts';
import type { ProgramTypes } from './program-types.ts';

/** All functions are static, and nothing is known of their arguments. */
export const NO_TYPES: ProgramTypes = {
  hasFunctionInfo: false,
  attachBtfId: 0,
  returnRange: undefined,
  checkFunctionRows: () => undefined,
  checkFunctionInfo,
  exceptionCallback: () => 0,
  checkAttach,
  isGlobal: () => false,
  isStatic: () => true,
  functionName: (subprog) => `func_${subprog}`,
  checkArguments: () => undefined,
  prepareArguments: () => undefined,
  examineMain: () => undefined,
  prepareMain: () => false,
  takesOneScalar: () => false,
  checkSpecialReturn: () => false,
};

/** `func_info` without the BTF that its ids are of (kernel: check_btf_info_early). */
export const LOST_TYPES: ProgramTypes = { ...NO_TYPES, checkFunctionRows: () => reject(EINVAL, '') };

/** (kernel: check_abnormal_return) */
function checkFunctionInfo(env: Env): void {
  for (const { hasLdAbs, hasTailCall } of env.subprograms.slice(1)) {
    if (hasLdAbs) reject(EINVAL, 'LD_ABS is not allowed in subprogs without BTF');
    if (hasTailCall) reject(EINVAL, 'tail_call is not allowed in subprogs without BTF');
  }
}

const NEEDS_TARGET: ReadonlySet<string> = new Set(['TRACING', 'LSM', 'STRUCT_OPS', 'EXT']);

function checkAttach(env: Env): void {
  // The program that it replaces has no place in a case; the kernel asks for it first.
  if (env.variant.type === 'EXT') reject(EINVAL, 'Tracing programs must provide btf_id');
  if (NEEDS_TARGET.has(env.variant.type)) notModelled(`program type ${env.variant.type}`);
}
