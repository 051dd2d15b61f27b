/** Programs with BTF: linkage, names and arguments of their functions (kernel: check_btf_func, btf_prepare_func_args). */
import { type Btf, type BtfFunc, type BtfFuncProto, type BtfType, skipModifiers, sizeOf, typeById } from '@polybpf/btf';
import type { ProgramVariant } from '@polybpf/helpers';
import { isBpfError } from '@polybpf/errors';
import { markKnown, markUnknown } from './bounds.ts';
import { checkDynptr } from './dynptr-args.ts';
import { DYNPTR_LOCAL, setDynptr } from './dynptr-slots.ts';
import { type Env, notModelled, reject } from './env.ts';
import { checkArgumentOffset, checkHelperMemory } from './helper-args.ts';
import type { FunctionInfo } from './input.ts';
import { markPointerNotNull } from './nullness.ts';
import { NO_TYPES } from './program-types-none.ts';
import type { ProgramTypes } from './program-types.ts';
import { EINVAL, EOPNOTSUPP, passes } from './reject.ts';
import { copyRegister, REG_WORDS, W_AUX, W_ID, W_TYPE } from './register-record.ts';
import { PTR_MAYBE_NULL, PTR_TO_ARENA, PTR_TO_CTX, PTR_TO_MEM, SCALAR_VALUE } from './register-types.ts';
import { READ, WRITE } from './stack-access.ts';
import { regAt } from './state.ts';

/** What a function takes in a register. */
export type FunctionArgument =
  | { readonly kind: 'scalar' | 'ctx' | 'arena' | 'dynptr' }
  | { readonly kind: 'memory'; readonly size: number; readonly nullable: boolean; readonly untrusted: boolean }
  | { readonly kind: 'other'; readonly feature: string };

const STATIC = 0;
const GLOBAL = 1;
const MAX_ARGUMENTS = 5;

/** Answers of the BTF of a program. */
export function btfTypes(btf: Btf, functions: readonly FunctionInfo[], variant: ProgramVariant): ProgramTypes {
  const tags = argumentTags(btf);
  const funcs = functions.map(({ type }) => func(btf, type));
  const linkage = (subprog: number): number => funcs[subprog]?.linkage ?? STATIC;
  const name = (subprog: number): string => funcs[subprog]?.name ?? '';
  const prepared = new Map<number, readonly FunctionArgument[]>();
  const argumentsOf = (subprog: number): readonly FunctionArgument[] => {
    let args = prepared.get(subprog);
    if (args === undefined) {
      args = prepareArguments(btf, funcs[subprog]!, linkage(subprog) === GLOBAL, variant, tags);
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
    checkFunctionInfo: (env) => checkFunctionInfo(env, btf, functions, funcs),
    checkArguments: (env, subprog) => {
      if (env.subprograms[subprog]!.unreliable) reject(EINVAL, '');
      checkArguments(env, argumentsOf(subprog));
    },
    examineMain: (env) => void passes(() => void argumentsOf(0), env.noter),
    prepareArguments: (env, subprog) => setArguments(env, argumentsOf(subprog)),
  };
}

function func(btf: Btf, id: number): BtfFunc | undefined {
  const type = id > 0 && id < btf.types.length ? typeById(btf, id) : undefined;
  return type?.kind === 'FUNC' ? type : undefined;
}

function checkFunctionInfo(
  env: Env,
  btf: Btf,
  functions: readonly FunctionInfo[],
  funcs: readonly (BtfFunc | undefined)[],
): void {
  functions.forEach(({ insn, type }, i) => {
    if (i === 0 && insn !== 0) reject(EINVAL, `nonzero insn_off ${insn} for the first func info record`);
    const before = functions[i - 1]?.insn ?? -1;
    if (insn <= before) {
      reject(EINVAL, `same or smaller insn offset (${insn}) than previous func info record (${before})`);
    }
    if (funcs[i] === undefined) reject(EINVAL, `invalid type id ${type} in func info`);
  });
  if (functions.length !== env.subprograms.length) {
    reject(EINVAL, "number of funcs in func_info doesn't match number of subprogs");
  }
  env.subprograms.forEach((info, i) => {
    if (info.start !== functions[i]!.insn) {
      reject(EINVAL, "func_info BTF section doesn't match subprog layout in BPF program");
    }
    if (i === 0) return;
    const proto = typeById(btf, funcs[i]!.type) as BtfFuncProto;
    const result = proto.returnType === 0 ? undefined : skipModifiers(btf, proto.returnType);
    const scalar = (result?.kind === 'INT' && result.size <= 8) || result?.kind === 'ENUM' || result?.kind === 'ENUM64';
    if (!scalar && info.hasLdAbs) reject(EINVAL, "LD_ABS is only allowed in functions that return 'int'.");
    if (!scalar && info.hasTailCall) reject(EINVAL, "tail_call is only allowed in functions that return 'int'.");
  });
}

/** Texts of `arg:...` tags by function and parameter. */
function argumentTags(btf: Btf): Map<number, string[]> {
  const tags = new Map<number, string[]>();
  for (const type of btf.types) {
    if (type.kind !== 'DECL_TAG' || type.componentIndex < 0 || !type.name.startsWith('arg:')) continue;
    const key = type.type * 16 + type.componentIndex;
    const list = tags.get(key) ?? [];
    list.push(type.name.slice(4));
    tags.set(key, list);
  }
  return tags;
}

function prepareArguments(
  btf: Btf,
  type: BtfFunc,
  global: boolean,
  variant: ProgramVariant,
  tags: Map<number, string[]>,
): readonly FunctionArgument[] {
  const proto = typeById(btf, type.type) as BtfFuncProto;
  const fail = (text: string): never => reject(EINVAL, global ? text : '');
  const { params } = proto;
  if (params.length > MAX_ARGUMENTS) {
    fail(`Global function ${type.name}() with ${params.length} > ${MAX_ARGUMENTS} args. Buggy compiler.`);
  }
  const result = proto.returnType === 0 ? undefined : skipModifiers(btf, proto.returnType);
  if (result?.kind !== 'INT' && result?.kind !== 'ENUM' && result?.kind !== 'ENUM64') {
    fail(`Global function ${type.name}() doesn't return scalar. Only those are supported.`);
  }
  return params.map((param, i) => {
    const texts = tags.get(type.id * 16 + i) ?? [];
    if (texts.length > 0 && !global) reject(EOPNOTSUPP, `arg#${i} type tag is not supported in static functions`);
    return prepareArgument(btf, type, param.type, i, texts, global, variant);
  });
}

function prepareArgument(
  btf: Btf,
  owner: BtfFunc,
  id: number,
  i: number,
  tags: readonly string[],
  global: boolean,
  variant: ProgramVariant,
): FunctionArgument {
  const type = id === 0 ? undefined : skipModifiers(btf, id);
  const invalid = (): never => reject(EINVAL, `arg#${i} has invalid combination of tags`);
  const has = (tag: string): boolean => tags.includes(tag);
  if (type?.kind === 'PTR') {
    if (has('ctx') || isContextType(btf, type.type, variant)) {
      if (tags.some((tag) => tag !== 'ctx')) invalid();
      return { kind: 'ctx' };
    }
    const pointee = type.type === 0 ? undefined : skipModifiers(btf, type.type);
    if (isDynptr(pointee)) {
      if (tags.length > 0) invalid();
      return { kind: 'dynptr' };
    }
    if (has('trusted') || has('untrusted')) return { kind: 'other', feature: `argument with tag ${tags.join(' ')}` };
    if (has('arena')) {
      if (tags.length > 1) invalid();
      return { kind: 'arena' };
    }
    if (global) {
      const size = pointeeSize(btf, type.type);
      if (size === undefined) {
        const what = `${KIND_NAMES[pointee?.kind ?? 'VOID'] ?? ''} ${pointee?.name ?? ''}`;
        reject(EINVAL, `arg#${i} reference type('${what}') size cannot be determined: -22`);
      }
      return { kind: 'memory', size, nullable: !has('nonnull'), untrusted: false };
    }
  }
  if (tags.length > 0) reject(EINVAL, `arg#${i} has pointer tag, but is not a pointer type`);
  if (type?.kind === 'INT' || type?.kind === 'ENUM' || type?.kind === 'ENUM64') return { kind: 'scalar' };
  if (!global) reject(EINVAL, '');
  return reject(
    EINVAL,
    `Arg#${i} type ${KIND_NAMES[type?.kind ?? 'VOID'] ?? ''} in ${owner.name}() is not supported yet.`,
  );
}

/** (kernel: btf_is_dynptr_ptr) */
function isDynptr(type: BtfType | undefined): boolean {
  if (type?.name !== 'bpf_dynptr') return false;
  return type.kind === 'STRUCT' || type.kind === 'UNION' || (type.kind === 'FWD' && !type.union);
}

/** Kinds as messages name them (kernel: btf_kind_str). */
const KIND_NAMES: Readonly<Partial<Record<BtfType['kind'], string>>> = {
  VOID: 'UNKNOWN',
  INT: 'INT',
  PTR: 'PTR',
  ARRAY: 'ARRAY',
  STRUCT: 'STRUCT',
  UNION: 'UNION',
  ENUM: 'ENUM',
  FWD: 'FWD',
  FUNC: 'FUNC',
  FUNC_PROTO: 'FUNC_PROTO',
  FLOAT: 'FLOAT',
  ENUM64: 'ENUM64',
};

function pointeeSize(btf: Btf, id: number): number | undefined {
  if (id === 0) return undefined;
  try {
    return sizeOf(btf, id);
  } catch (error) {
    if (isBpfError(error)) return undefined;
    throw error;
  }
}

/** Whether a pointer to the type is the context of the program type (kernel: btf_is_prog_ctx_type). */
export function isContextType(btf: Btf, id: number, variant: ProgramVariant): boolean {
  let type = id === 0 ? undefined : typeById(btf, id);
  for (;;) {
    if (type === undefined) return false;
    if (type.kind === 'TYPEDEF') {
      if (variant.type === 'KPROBE' && type.name === 'bpf_user_pt_regs_t') return true;
    } else if (
      type.kind !== 'CONST' &&
      type.kind !== 'VOLATILE' &&
      type.kind !== 'RESTRICT' &&
      type.kind !== 'TYPE_TAG'
    ) {
      break;
    }
    type = type.type === 0 ? undefined : typeById(btf, type.type);
  }
  if (type.kind !== 'STRUCT') return false;
  const wanted = variant.context.struct;
  if (wanted === null) return false;
  return (
    type.name === wanted ||
    (wanted === '__sk_buff' && type.name === 'sk_buff') ||
    (wanted === 'xdp_md' && type.name === 'xdp_buff')
  );
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
        checkMemory(env, regno, arg.size);
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
      case 'other':
        return notModelled(arg.feature);
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
        w[at + W_TYPE] = PTR_TO_MEM | (arg.nullable ? PTR_MAYBE_NULL : 0);
        w[at + W_AUX] = arg.size;
        if (arg.nullable) w[at + W_ID] = ++env.idGen;
        return;
      case 'dynptr':
        setDynptr(w, at, DYNPTR_LOCAL, true, ++env.idGen);
        return;
      case 'other':
        return notModelled(arg.feature);
    }
  });
}
