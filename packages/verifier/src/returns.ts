/** What a program may return (kernel: check_return_code). */
import { type Env, notModelled, reject } from './env.ts';
import { formatSigned } from './format.ts';
import { BOOLEAN_HOOKS } from './lsm-hooks.ts';
import { resolved } from './kernel-types.ts';
import { isPointer } from './memory-access.ts';
import { markPrecise } from './precision.ts';
import { checkReadable } from './registers.ts';
import { EACCES, EINVAL, ENOTSUPP } from './reject.ts';
import { W_S32MAX, W_S32MIN, W_SMAX, W_SMIN, W_TYPE } from './register-record.ts';
import { SCALAR_VALUE, typeName } from './register-types.ts';
import { regAt } from './state.ts';
import { toDouble } from './word64.ts';

/** `At program exit the register R0 has smin=2 smax=2 should have been in [0, 1]` (kernel: verbose_invalid_scalar). */
export function scalarOutside(w: Int32Array, at: number, min: number, max: number, where: string, reg: string): string {
  let text = `${where} the register ${reg} has`;
  let unknown = true;
  if (!(w[at + W_SMIN] === 0 && w[at + W_SMIN + 1] === -0x80000000)) {
    text += ` smin=${formatSigned(w, at + W_SMIN)}`;
    unknown = false;
  }
  if (!(w[at + W_SMAX] === -1 && w[at + W_SMAX + 1] === 0x7fffffff)) {
    text += ` smax=${formatSigned(w, at + W_SMAX)}`;
    unknown = false;
  }
  if (unknown) text += ' unknown scalar value';
  return `${text} should have been in [${min}, ${max}]`;
}

/** Range that a program of the type must return; undefined when any value will do. */
function rangeOf(env: Env): readonly [number, number] | undefined {
  const { variant } = env;
  switch (variant.type) {
    case 'RAW_TRACEPOINT':
      return env.types.attachBtfId === 0 ? undefined : [0, 0];
    case 'TRACING':
      switch (variant.attachType) {
        case 'BPF_TRACE_FENTRY':
        case 'BPF_TRACE_FEXIT':
          return [0, 0];
        case 'BPF_TRACE_RAW_TP':
        case 'BPF_MODIFY_RETURN':
          return undefined;
        case 'BPF_TRACE_ITER':
          return [0, 1];
        default:
          return reject(ENOTSUPP, '');
      }
    case 'EXT':
      return undefined;
    case 'LSM':
      return lsmRange(env);
    case 'STRUCT_OPS':
      // Null, when it is no object (see ProgramTypes.checkSpecialReturn); numbers may be any.
      return resolved(env.kernel!.btf, env.target!.proto.returnType)?.kind === 'PTR' ? [0, 0] : undefined;
    default: {
      const { range, known } = variant.returns;
      if (!known) return notModelled(`return value of ${variant.name}`);
      return range ?? undefined;
    }
  }
}

/** (kernel: bpf_lsm_get_retval_range) */
function lsmRange(env: Env): readonly [number, number] | undefined {
  const { name, proto } = env.target!;
  // Programs of cgroups allow or refuse; where the hook returns nothing, they can only allow (kernel: check_return_code).
  if (env.variant.attachType === 'BPF_LSM_CGROUP') return proto.returnType === 0 ? [1, 1] : [0, 1];
  if (proto.returnType === 0) return undefined;
  return BOOLEAN_HOOKS.has(name.slice('bpf_lsm_'.length)) ? [0, 1] : [-4095, 0];
}

const VOID_HOOK = "Note, BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!";

/** The main function, or a function that is verified on its own, returns r0 (or ends with `regno`). */
export function checkReturn(env: Env, regno: number, reg: string): void {
  const main = env.state.frames[0]!;
  const isSubprogram = main.subprog !== 0;
  const w = env.frame.w;
  const at = regAt(regno);
  if (!isSubprogram || main.inExceptionCallback) {
    const done = env.types.checkSpecialReturn(env, regno);
    if (done) return;
  }
  checkReadable(env, regno);
  if (isPointer(env, regno)) reject(EACCES, `R${regno} leaks addr as return value`);
  let where = 'At program exit';
  let range: readonly [number, number] | undefined;
  if (main.inAsyncCallback) {
    where = 'At async callback return';
    range = [main.retMin, main.retMax];
  } else if (isSubprogram && !main.inExceptionCallback) {
    if (w[at + W_TYPE] !== SCALAR_VALUE) {
      const type = typeName(w[at + W_TYPE]!);
      reject(EINVAL, `At subprogram exit the register R${regno} is not a scalar value (${type})`);
    }
    return;
  } else range = env.types.returnRange?.range ?? rangeOf(env);
  if (range === undefined) return;
  if (w[at + W_TYPE] !== SCALAR_VALUE) {
    reject(EINVAL, `${where} the register R${regno} is not a known value (${typeName(w[at + W_TYPE]!)})`);
  }
  markPrecise(env, regno);
  const ofCgroup = env.variant.attachType === 'BPF_LSM_CGROUP';
  const narrow = env.types.returnRange?.narrow === true || (env.variant.type === 'LSM' && !isSubprogram && !ofCgroup);
  const smin = narrow ? w[at + W_S32MIN]! : toDouble(w, at + W_SMIN);
  const smax = narrow ? w[at + W_S32MAX]! : toDouble(w, at + W_SMAX);
  if (range[0] <= smin && smax <= range[1]) return;
  const text = scalarOutside(w, at, range[0], range[1], where, reg);
  const isVoid = ofCgroup && env.target!.proto.returnType === 0;
  reject(EINVAL, isVoid ? `${text}\n${VOID_HOOK}` : text);
}
