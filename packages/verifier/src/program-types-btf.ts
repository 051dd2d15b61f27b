/** Programs with BTF: linkage, names and arguments of their functions (kernel: check_btf_func, btf_prepare_func_args). */
import { type Btf, type BtfFunc, type BtfFuncProto, resolveType, typeById } from '@polybpf/btf';
import type { ProgramVariant } from '@polybpf/helpers';
import { markKnown, markUnknown } from './bounds.ts';
import { checkObjectArgument } from './btf-args.ts';
import { checkDynptr } from './dynptr-args.ts';
import { DYNPTR_LOCAL, setDynptr } from './dynptr-slots.ts';
import { type Env, reject } from './env.ts';
import { exceptionCallbackInsn } from './exceptions.ts';
import { argumentTags, type FunctionArgument, functionArguments } from './function-arguments.ts';
import { checkArgumentOffset, checkHelperMemory } from './helper-args.ts';
import type { FunctionInfo } from './input.ts';
import { markPointerNotNull } from './nullness.ts';
import { NO_TYPES } from './program-types-none.ts';
import type { ProgramTypes } from './program-types.ts';
import { EINVAL, passes } from './reject.ts';
import { copyRegister, REG_WORDS, W_AUX, W_AUX2, W_ID, W_TYPE } from './register-record.ts';
import { MEM_RDONLY, PTR_MAYBE_NULL, PTR_TO_ARENA, PTR_TO_BTF_ID, PTR_TO_CTX, PTR_TO_MEM, PTR_TRUSTED, PTR_UNTRUSTED, SCALAR_VALUE } from './register-types.ts'; // prettier-ignore
import { READ, WRITE } from './stack-access.ts';
import { regAt } from './state.ts';

const STATIC = 0;
const GLOBAL = 1;

/** Answers of the BTF of a program. */
export function btfTypes(btf: Btf, functions: readonly FunctionInfo[], variant: ProgramVariant): ProgramTypes {
  const tags = argumentTags(btf);
  const funcs = functions.map(({ type }) => func(btf, type));
  const linkage = (subprog: number): number => funcs[subprog]?.linkage ?? STATIC;
  const name = (subprog: number): string => funcs[subprog]?.name ?? '';
  const prepared = new Map<number, readonly FunctionArgument[]>();
  const argumentsOf = (env: Env, subprog: number): readonly FunctionArgument[] => {
    let args = prepared.get(subprog);
    if (args === undefined) {
      const isGlobal = linkage(subprog) === GLOBAL;
      args = functionArguments({ btf, variant, kernel: env.kernel, owner: funcs[subprog]!, isGlobal }, tags);
      prepared.set(subprog, args);
    }
    return args;
  };
  return {
    ...NO_TYPES,
    hasFunctionInfo: true,
    isGlobal: (subprog) => linkage(subprog) === GLOBAL,
    isStatic: (subprog) => linkage(subprog) === STATIC,
    functionName: name,
    checkFunctionRows: () => checkFunctionRows(functions, funcs),
    checkFunctionInfo: (env) => checkFunctionInfo(env, btf, functions, funcs),
    checkArguments: (env, subprog) => {
      if (env.subprograms[subprog]!.unreliable) reject(EINVAL, '');
      checkArguments(env, argumentsOf(env, subprog));
    },
    examineMain: (env) => void passes(() => void argumentsOf(env, 0), env.noter),
    prepareArguments: (env, subprog) => setArguments(env, argumentsOf(env, subprog)),
    exceptionCallback: () => exceptionCallbackInsn(btf, functions, funcs[0]),
    takesOneScalar: (env, subprog) => argumentsOf(env, subprog).length === 1 && argumentsOf(env, subprog)[0]!.kind === 'scalar', // prettier-ignore
  };
}

function func(btf: Btf, id: number): BtfFunc | undefined {
  const type = id > 0 && id < btf.types.length ? typeById(btf, id) : undefined;
  return type?.kind === 'FUNC' ? type : undefined;
}

function checkFunctionRows(functions: readonly FunctionInfo[], funcs: readonly (BtfFunc | undefined)[]): void {
  functions.forEach(({ insn, type }, i) => {
    if (i === 0 && insn !== 0) reject(EINVAL, `nonzero insn_off ${insn} for the first func info record`);
    const before = functions[i - 1]?.insn ?? -1;
    if (insn <= before) {
      reject(EINVAL, `same or smaller insn offset (${insn}) than previous func info record (${before})`);
    }
    if (funcs[i] === undefined) reject(EINVAL, `invalid type id ${type} in func info`);
  });
}

function checkFunctionInfo(
  env: Env,
  btf: Btf,
  functions: readonly FunctionInfo[],
  funcs: readonly (BtfFunc | undefined)[],
): void {
  if (functions.length !== env.subprograms.length) {
    reject(EINVAL, "number of funcs in func_info doesn't match number of subprogs");
  }
  env.subprograms.forEach((info, i) => {
    if (info.start !== functions[i]!.insn) {
      reject(EINVAL, "func_info BTF section doesn't match subprog layout in BPF program");
    }
    if (i === 0) return;
    const proto = typeById(btf, funcs[i]!.type) as BtfFuncProto;
    const result = proto.returnType === 0 ? undefined : resolveType(btf, proto.returnType);
    const scalar = (result?.kind === 'INT' && result.size <= 8) || result?.kind === 'ENUM' || result?.kind === 'ENUM64';
    if (!scalar && info.hasLdAbs) reject(EINVAL, "LD_ABS is only allowed in functions that return 'int'.");
    if (!scalar && info.hasTailCall) reject(EINVAL, "tail_call is only allowed in functions that return 'int'.");
  });
}

const SAVED = new Int32Array(REG_WORDS);

/** The registers of the caller fit (kernel: btf_check_func_arg_match). */
function checkArguments(env: Env, args: readonly FunctionArgument[]): void {
  const w = env.frame.w;
  args.forEach((arg, i) => {
    const regno = i + 1;
    const at = regAt(regno);
    const type = w[at + W_TYPE]!;
    switch (arg.kind) {
      case 'scalar':
        if (type !== SCALAR_VALUE) reject(EINVAL, `R${regno} is not a scalar`);
        return;
      case 'ctx':
        checkArgumentOffset(env, regno, false, false);
        if (type !== PTR_TO_CTX) reject(EINVAL, `arg#${i} expects pointer to ctx`);
        return;
      case 'memory': {
        if (arg.untrusted) return;
        checkArgumentOffset(env, regno, false, false);
        if (!passes(() => checkMemory(env, regno, arg.size), env.noter)) reject(EINVAL, '');
        if (!arg.nullable && (type & PTR_MAYBE_NULL) !== 0) reject(EINVAL, `arg#${i} is expected to be non-NULL`);
        return;
      }
      case 'arena':
        if (type !== PTR_TO_ARENA && type !== SCALAR_VALUE) {
          reject(EINVAL, `R${regno} is not a pointer to arena or scalar.`);
        }
        return;
      case 'dynptr':
        checkArgumentOffset(env, regno, false, true);
        checkDynptr(env, regno, { uninit: false, readOnly: true, kind: 0, reference: 0 });
        return;
      case 'object':
        if (arg.untrusted || (arg.nullable && env.frame.isZero(at))) return;
        checkObjectArgument(env, regno, arg.id, arg.nullable);
        checkArgumentOffset(env, regno, false, false);
        return;
    }
  });
}

/** Memory that a function may read and write, or null (kernel: check_mem_reg). */
export function checkMemory(env: Env, regno: number, size: number): void {
  const w = env.frame.w;
  const at = regAt(regno);
  if (env.frame.isZero(at)) return;
  const nullable = (w[at + W_TYPE]! & PTR_MAYBE_NULL) !== 0;
  if (nullable) {
    copyRegister(SAVED, 0, w, at);
    markPointerNotNull(env, w, at);
  }
  try {
    checkHelperMemory(env, regno, size, READ, true, undefined);
    checkHelperMemory(env, regno, size, WRITE, true, undefined);
  } finally {
    if (nullable) copyRegister(w, at, SAVED, 0);
  }
}

/** Registers of a function that is verified for any arguments of its types. */
function setArguments(env: Env, args: readonly FunctionArgument[]): void {
  const w = env.frame.w;
  args.forEach((arg, i) => {
    const at = regAt(i + 1);
    markUnknown(w, at, env.defaultPrecise);
    switch (arg.kind) {
      case 'scalar':
      case 'arena':
        return;
      case 'ctx':
        markKnown(w, at, 0, 0);
        w[at + W_TYPE] = PTR_TO_CTX;
        return;
      case 'memory':
        markKnown(w, at, 0, 0);
        w[at + W_TYPE] =
          PTR_TO_MEM | (arg.nullable ? PTR_MAYBE_NULL : 0) | (arg.untrusted ? PTR_UNTRUSTED | MEM_RDONLY : 0);
        w[at + W_AUX] = arg.size;
        if (arg.nullable) w[at + W_ID] = ++env.idGen;
        return;
      case 'dynptr':
        setDynptr(w, at, DYNPTR_LOCAL, true, ++env.idGen);
        return;
      case 'object':
        markKnown(w, at, 0, 0);
        w[at + W_TYPE] =
          PTR_TO_BTF_ID | (arg.nullable ? PTR_MAYBE_NULL : 0) | (arg.untrusted ? PTR_UNTRUSTED : PTR_TRUSTED);
        w[at + W_AUX] = arg.id;
        w[at + W_AUX2] = 0;
        w[at + W_ID] = ++env.idGen;
        return;
    }
  });
}
