/** Arguments of a call of a kernel function (kernel: check_kfunc_args, get_kfunc_ptr_arg_type). */
import { type BtfType, typeById } from '@polybpf/btf';
import { type Env, notModelled, reject } from './env.ts';
import { checkArgumentOffset } from './helper-args.ts';
import { isStruct, nameOf, resolved, structsMatch } from './kernel-types.ts';
import { checkIterator, type IteratorPlace, iteratorReference } from './kfunc-iterators.ts';
import type { Kfunc } from './kfunc-prototype.ts';
import { markPrecise } from './precision.ts';
import { checkMemory, isContextType } from './program-types-btf.ts';
import { EACCES, EINVAL, passes } from './reject.ts';
import { W_AUX, W_AUX2, W_MASK, W_OFF, W_REF, W_TYPE, W_VAR } from './register-record.ts';
import * as T from './register-types.ts';
import { regAt } from './state.ts';
import { isTrusted } from './trust.ts';

/** What the arguments have shown. */
export interface KfuncMeta {
  refId: number;
  releaseRegno: number;
  /** Value of the argument that must be a constant. */
  constant: number;
  /** Iterator that the first argument is. */
  iterator: IteratorPlace | undefined;
}

function isScalar(type: BtfType | undefined): boolean {
  return type?.kind === 'INT' || type?.kind === 'ENUM' || type?.kind === 'ENUM64';
}

/** Kinds of arguments that are not modelled, by what they point to. */
const NOT_MODELLED: ReadonlySet<string> = new Set([
  'bpf_dynptr',
  'bpf_map',
  'bpf_wq',
  'bpf_task_work',
  'bpf_list_head',
  'bpf_list_node',
  'bpf_rb_root',
  'bpf_rb_node',
  'bpf_res_spin_lock',
  'nf_conn',
  'nf_conn___init',
]);
const SUFFIXES =
  /__(map|alloc|refcounted_kptr|str|const_str|prog|irq_flag|uninit|opt|szk|rdonly_buf_size|rdwr_buf_size)$/;

/** Checks all arguments. Throws `Reject`. */
export function checkKfuncArguments(env: Env, kfunc: Kfunc): KfuncMeta {
  const meta: KfuncMeta = { refId: 0, releaseRegno: 0, constant: 0, iterator: undefined };
  const { params } = kfunc.proto;
  if (params.length > 5) reject(EINVAL, `Function ${kfunc.name} has ${params.length} > 5 args`);
  params.forEach((param, i) => {
    const type = resolved(env.kernel!.btf, param.type);
    if (param.name.endsWith('__ign')) return;
    if (SUFFIXES.test(param.name)) notModelled(`argument ${param.name} of ${kfunc.name}`);
    if (isScalar(type)) checkScalar(env, i, param.name, meta);
    else if (type?.kind !== 'PTR') notModelled(`argument ${i} of ${kfunc.name}`);
    else checkPointer(env, kfunc, i, type.type, meta);
  });
  if (kfunc.info.flags.includes('RELEASE') && meta.releaseRegno === 0) {
    reject(EINVAL, `release kernel function ${kfunc.name} expects refcounted PTR_TO_BTF_ID`);
  }
  return meta;
}

function checkScalar(env: Env, i: number, name: string, meta: KfuncMeta): void {
  const regno = i + 1;
  const w = env.frame.w;
  const at = regAt(regno);
  if (w[at + W_TYPE] !== T.SCALAR_VALUE) reject(EINVAL, `R${regno} is not a scalar`);
  if (!name.endsWith('__k')) return;
  if ((w[at + W_MASK]! | w[at + W_MASK + 1]!) !== 0) reject(EINVAL, `R${regno} must be a known constant`);
  markPrecise(env, regno);
  if (w[at + W_VAR + 1] !== 0) notModelled('constant of more than 32 bits');
  meta.constant = w[at + W_VAR]! >>> 0;
}

/** Structs that the records of sockets stand for (kernel: reg2btf_ids). */
const OF_SOCKETS: Readonly<Record<number, string>> = {
  [T.PTR_TO_SOCKET]: 'sock',
  [T.PTR_TO_SOCK_COMMON]: 'sock_common',
  [T.PTR_TO_TCP_SOCK]: 'tcp_sock',
  [T.CONST_PTR_TO_MAP]: 'bpf_map',
};

const TRUSTED_MODIFIERS = T.MEM_ALLOC | T.PTR_TRUSTED | T.NON_OWN_REF;

function checkPointer(env: Env, kfunc: Kfunc, i: number, pointee: number, meta: KfuncMeta): void {
  const { btf } = env.kernel!;
  const { name, info, proto } = kfunc;
  const regno = i + 1;
  const w = env.frame.w;
  const at = regAt(regno);
  const type = w[at + W_TYPE]!;
  const has = (flag: (typeof info.flags)[number]): boolean => info.flags.includes(flag);
  const trusted = has('TRUSTED_ARGS') || has('RELEASE');
  const isNull = env.frame.isZero(at);
  const nullable = proto.params[i]!.name.endsWith('__nullable');
  if ((trusted || has('RCU')) && (isNull || (type & T.PTR_MAYBE_NULL) !== 0) && !nullable) {
    reject(EACCES, `Possibly NULL pointer passed to trusted arg${i}`);
  }
  if (w[at + W_REF] !== 0) {
    meta.refId = w[at + W_REF]!;
    if (has('RELEASE')) meta.releaseRegno = regno;
  }
  const target = resolved(btf, pointee);
  const isContext = name === 'bpf_cast_to_kern_ctx' || isContextType(btf, pointee, env.variant);
  if (!isContext && target !== undefined && NOT_MODELLED.has(target.name))
    notModelled(`struct ${target.name} as an argument`);
  const next = proto.params[i + 1];
  const hasSize = next !== undefined && next.name.endsWith('__sz') && isScalar(resolved(btf, next.type));
  if (!isContext && nullable && isNull && !hasSize) return;
  const role = i === 0 ? iteratorRole(info.flags) : undefined;
  if (role !== undefined && target?.kind === 'STRUCT') {
    checkArgumentOffset(env, regno, false, false);
    meta.iterator = checkIterator(env, role, target);
    meta.refId = role === 'next' ? iteratorReference(env, meta.iterator) : 0;
    return;
  }
  const isObject = T.baseType(type) === T.PTR_TO_BTF_ID || OF_SOCKETS[T.baseType(type)] !== undefined;
  if (!isContext && isObject) {
    if (target === undefined || !isStruct(target)) {
      const what = target === undefined ? 'UNKNOWN ' : `${target.kind} ${target.name}`;
      reject(EINVAL, `kernel function ${name} args#${i} pointer type ${what} is not supported`);
    }
    if ((trusted || has('RCU')) && !isTrusted(w, at)) {
      if (!has('RCU')) reject(EINVAL, `R${regno} must be referenced or trusted`);
      if ((type & T.MEM_RCU) === 0) reject(EINVAL, `R${regno} must be a rcu pointer`);
    }
  }
  if (!isContext && !isObject) checkPlainMemory(env, i, target, hasSize);
  checkArgumentOffset(env, regno, has('RELEASE') && w[at + W_REF] !== 0, false);
  if (isContext) {
    if (type !== T.PTR_TO_CTX) reject(EINVAL, `arg#${i} expected pointer to ctx, but got ${T.typeName(type)}`);
  } else if (isObject) checkObject(env, kfunc, i, target!);
  else if (hasSize) checkSized(env, regno);
  else checkMemory(env, regno, (target as { size: number }).size);
}

function iteratorRole(flags: Kfunc['info']['flags']): 'new' | 'next' | 'destroy' | undefined {
  if (flags.includes('ITER_NEW')) return 'new';
  if (flags.includes('ITER_NEXT')) return 'next';
  return flags.includes('ITER_DESTROY') ? 'destroy' : undefined;
}

/** (kernel: __btf_type_is_scalar_struct) */
function isScalarStruct(env: Env, type: BtfType, depth: number): boolean {
  if (!isStruct(type)) return false;
  const { btf } = env.kernel!;
  return type.members.every((m) => {
    let inner = resolved(btf, m.type);
    if (inner !== undefined && isStruct(inner)) return depth < 3 && isScalarStruct(env, inner, depth + 1);
    if (inner?.kind === 'ARRAY') {
      if (inner.nelems === 0) return false;
      inner = resolved(btf, inner.type);
    }
    return isScalar(inner);
  });
}

function checkPlainMemory(env: Env, i: number, target: BtfType | undefined, hasSize: boolean): void {
  const fits = target === undefined ? hasSize : isScalar(target) || isScalarStruct(env, target, 0);
  if (fits) return;
  const what = target === undefined ? 'UNKNOWN ' : `${target.kind} ${nameOf(target)}`;
  reject(EINVAL, `arg#${i} pointer type ${what} must point to ${hasSize ? 'void, ' : ''}scalar, or struct with scalar`);
}

/** (kernel: process_kf_arg_ptr_to_btf_id) */
function checkObject(env: Env, kfunc: Kfunc, i: number, target: BtfType): void {
  const types = env.kernel!;
  const w = env.frame.w;
  const at = regAt(i + 1);
  const type = w[at + W_TYPE]!;
  const isObject = T.baseType(type) === T.PTR_TO_BTF_ID;
  const unsafe = (T.typeFlags(type) & ~TRUSTED_MODIFIERS) !== 0 && (type & T.MEM_RCU) === 0;
  if (isObject && unsafe) {
    const wanted = T.typeName(T.baseType(type) | (type & TRUSTED_MODIFIERS));
    reject(EINVAL, `arg#${i} is ${T.typeName(type)} expected ${wanted} or socket`);
  }
  if (w[at + W_AUX2] !== 0 && isObject) notModelled('object of the program as an argument');
  const socket = OF_SOCKETS[T.baseType(type)];
  const id = isObject ? w[at + W_AUX]! : (types.find('STRUCT', socket!)?.id ?? notModelled(`struct ${socket!}`));
  const strict = kfunc.info.flags.includes('ACQUIRE') || (kfunc.info.flags.includes('RELEASE') && w[at + W_REF] !== 0);
  let match = false;
  passes(() => {
    match = structsMatch(types.btf, id, w[at + W_OFF]!, target.id, strict);
  }, env.noter);
  if (match) return;
  const given = typeById(types.btf, id);
  if (target.name === '__sk_buff' || target.name === 'xdp_md') notModelled('projection of a context');
  reject(
    EINVAL,
    `kernel function ${kfunc.name} args#${i} expected pointer to ${target.kind} ${nameOf(target)} but R${i + 1} has a pointer to ${given.kind} ${nameOf(given)}`,
  );
}

/** Memory with its size in the next register (kernel: check_kfunc_mem_size_reg). */
function checkSized(_env: Env, _regno: number): void {
  notModelled('memory and size of a kernel function');
}
