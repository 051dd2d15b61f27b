/** Arguments of a call of a kernel function (kernel: check_kfunc_args). */
import { checkDynptr } from './dynptr-args.ts';
import { DYNPTR_SKB, DYNPTR_SKB_META, DYNPTR_XDP, dynptrRecord } from './dynptr-slots.ts';
import { type Env, notModelled, reject } from './env.ts';
import { checkArgumentOffset } from './helper-args.ts';
import { resolved } from './kernel-types.ts';
import { hasSuffix, isScalarType, pointerKind } from './kfunc-arg-kind.ts';
import { checkIterator, type IteratorPlace, iteratorReference } from './kfunc-iterators.ts';
import { checkSizedMemory, checkString, checkTypedMemory } from './kfunc-memory.ts';
import { checkObject } from './kfunc-object.ts';
import { checkMapArgument, checkPlace, type PlaceMeta } from './kfunc-places.ts';
import type { Kfunc } from './kfunc-prototype.ts';
import type { SpecialField } from './map-model.ts';
import { checkOwned } from './owned-objects.ts';
import { markPrecise } from './precision.ts';
import { EACCES, EFAULT, EINVAL } from './reject.ts';
import { W_AUX, W_ID, W_MASK, W_REF, W_TYPE, W_VAR } from './register-record.ts';
import * as T from './register-types.ts';
import { regAt } from './state.ts';
import { isTrusted } from './trust.ts';

/** What the arguments have shown (kernel: bpf_kfunc_call_arg_meta). */
export interface KfuncMeta extends PlaceMeta {
  refId: number;
  releaseRegno: number;
  /** Value of the argument that must be a constant: its lower half, unsigned, and the upper one. */
  constant: number;
  constantHigh: number;
  /** Iterator that the first argument is. */
  iterator: IteratorPlace | undefined;
  /** Of the last dynptr that was there before: kind (0: there was none), id, reference. */
  dynptrKind: number;
  dynptrId: number;
  dynptrRef: number;
  /** Bytes that the result points to, when an argument says so, and whether they may only be read. */
  resultSize: number;
  resultReadOnly: boolean;
  /** Function of the program that is called back. */
  subprog: number;
  /** The argument owns its object. */
  isOwning: boolean;
  /** BTF and type of the object of the program that was given. */
  object: number;
  typeId: number;
  /** List or tree that was given, and the BTF that its field is from. */
  root: SpecialField | undefined;
  rootObject: number;
}

function newMeta(): KfuncMeta {
  return {
    refId: 0,
    releaseRegno: 0,
    constant: 0,
    constantHigh: 0,
    iterator: undefined,
    dynptrKind: 0,
    dynptrId: 0,
    dynptrRef: 0,
    resultSize: 0,
    resultReadOnly: false,
    map: undefined,
    mapUid: 0,
    subprog: 0,
    isOwning: false,
    object: 0,
    typeId: 0,
    root: undefined,
    rootObject: 0,
  };
}

/** Checks all arguments. Throws `Reject`. */
export function checkKfuncArguments(env: Env, kfunc: Kfunc): KfuncMeta {
  const meta = newMeta();
  const { params } = kfunc.proto;
  if (params.length > 5) reject(EINVAL, `Function ${kfunc.name} has ${params.length} > 5 args`);
  for (let i = 0; i < params.length; i++) {
    const param = params[i]!;
    const type = resolved(env.kernel!.btf, param.type);
    if (hasSuffix(param.name, '__ign') || hasSuffix(param.name, '__prog')) continue;
    if (isScalarType(type)) checkScalar(env, i, param.name, meta);
    else if (type?.kind !== 'PTR') reject(EINVAL, `Unrecognized arg#${i} type ${type?.kind ?? 'UNKNOWN'}`);
    else if (checkPointer(env, kfunc, i, type.type, meta)) i++;
  }
  if (kfunc.info.flags.includes('RELEASE') && meta.releaseRegno === 0) {
    reject(EINVAL, `release kernel function ${kfunc.name} expects refcounted PTR_TO_BTF_ID`);
  }
  return meta;
}

function isConstant(env: Env, regno: number): boolean {
  const at = regAt(regno);
  return (env.frame.w[at + W_MASK]! | env.frame.w[at + W_MASK + 1]!) === 0;
}

function takeConstant(env: Env, regno: number, meta: KfuncMeta): void {
  if (!isConstant(env, regno)) reject(EINVAL, `R${regno} must be a known constant`);
  meta.constant = env.frame.w[regAt(regno) + W_VAR]! >>> 0;
  meta.constantHigh = env.frame.w[regAt(regno) + W_VAR + 1]!;
}

function checkScalar(env: Env, i: number, name: string, meta: KfuncMeta): void {
  const regno = i + 1;
  if (env.frame.w[regAt(regno) + W_TYPE] !== T.SCALAR_VALUE) reject(EINVAL, `R${regno} is not a scalar`);
  if (hasSuffix(name, '__k')) {
    takeConstant(env, regno, meta);
    markPrecise(env, regno);
    return;
  }
  if (name !== 'rdonly_buf_size' && name !== 'rdwr_buf_size') return;
  if (name === 'rdonly_buf_size') meta.resultReadOnly = true;
  if (meta.resultSize !== 0) reject(EINVAL, '2 or more rdonly/rdwr_buf_size parameters for kfunc');
  if (!isConstant(env, regno)) reject(EINVAL, `R${regno} is not a const`);
  meta.resultSize = env.frame.w[regAt(regno) + W_VAR]! >>> 0;
  markPrecise(env, regno);
}

/** Checks pointer argument `i`; true when the next argument is its size, and checked with it. */
function checkPointer(env: Env, kfunc: Kfunc, i: number, pointee: number, meta: KfuncMeta): boolean {
  const { info, proto } = kfunc;
  const { name } = proto.params[i]!;
  const regno = i + 1;
  const w = env.frame.w;
  const at = regAt(regno);
  const type = w[at + W_TYPE]!;
  const has = (flag: (typeof info.flags)[number]): boolean => info.flags.includes(flag);
  const trusted = has('TRUSTED_ARGS') || has('RELEASE');
  const isNull = env.frame.isZero(at);
  if ((trusted || has('RCU')) && (isNull || (type & T.PTR_MAYBE_NULL) !== 0) && !hasSuffix(name, '__nullable')) {
    reject(EACCES, `Possibly NULL pointer passed to trusted arg${i}`);
  }
  if (w[at + W_REF] !== 0) {
    if (has('RELEASE') && meta.refId !== 0) {
      reject(EFAULT, `verifier bug: more than one arg with ref_obj_id R${regno} ${w[at + W_REF]!} ${meta.refId}`);
    }
    meta.refId = w[at + W_REF]!;
    if (has('RELEASE')) meta.releaseRegno = regno;
  }
  const kind = pointerKind(env, kfunc, i, pointee);
  if (kind === 'null') return false;
  if (kind === 'map') checkMapArgument(env, regno, meta);
  const needsTrust = kind === 'object' || kind === 'map' || kind === 'owned object';
  if (needsTrust && (trusted || has('RCU')) && !isTrusted(w, at)) {
    if (!has('RCU')) reject(EINVAL, `R${regno} must be referenced or trusted`);
    if ((type & T.MEM_RCU) === 0) reject(EINVAL, `R${regno} must be a rcu pointer`);
  }
  checkArgumentOffset(env, regno, has('RELEASE') && w[at + W_REF] !== 0, false);
  const target = resolved(env.kernel!.btf, pointee);
  switch (kind) {
    case 'context':
      if (type !== T.PTR_TO_CTX) reject(EINVAL, `arg#${i} expected pointer to ctx, but got ${T.typeName(type)}`);
      return false;
    case 'dynptr':
      checkDynptrOf(env, kfunc, i, meta);
      return false;
    case 'iterator': {
      const role = has('ITER_NEW') ? 'new' : has('ITER_NEXT') ? 'next' : has('ITER_DESTROY') ? 'destroy' : undefined;
      if (role === undefined || target?.kind !== 'STRUCT') return notModelled(`argument ${name} of ${kfunc.name}`);
      meta.iterator = checkIterator(env, role, target, info);
      meta.refId = role === 'next' ? iteratorReference(env, meta.iterator) : 0;
      return false;
    }
    case 'owned object':
    case 'refcounted object':
    case 'list head':
    case 'list node':
    case 'tree root':
    case 'tree node':
      checkOwned(env, kfunc, i, kind, meta);
      return false;
    case 'string':
      checkString(env, i);
      return false;
    case 'map':
    case 'object':
      checkObject(env, kfunc, i, kind === 'map' ? env.kernel!.find('STRUCT', 'bpf_map')! : target!);
      return false;
    case 'work queue':
    case 'task work':
    case 'irq flag':
    case 'lock':
      checkPlace(env, kfunc, i, kind, meta);
      return false;
    case 'callback':
      if (type !== T.PTR_TO_FUNC) reject(EINVAL, `arg${i} expected pointer to func`);
      meta.subprog = w[at + W_AUX]!;
      return false;
    case 'memory':
      checkTypedMemory(env, i, target!);
      return false;
    case 'memory and size':
      if (!isNull || !hasSuffix(name, '__opt')) checkSizedMemory(env, i);
      if (hasSuffix(proto.params[i + 1]!.name, '__szk')) takeConstant(env, regno + 1, meta);
      return true;
  }
}

/** Functions that make dynptrs, and of which kind. */
const MAKERS: Readonly<Record<string, number>> = {
  bpf_dynptr_from_skb: DYNPTR_SKB,
  bpf_dynptr_from_xdp: DYNPTR_XDP,
  bpf_dynptr_from_skb_meta: DYNPTR_SKB_META,
};

function checkDynptrOf(env: Env, kfunc: Kfunc, i: number, meta: KfuncMeta): void {
  const regno = i + 1;
  const uninit = hasSuffix(kfunc.proto.params[i]!.name, '__uninit');
  const clones = uninit && kfunc.name === 'bpf_dynptr_clone';
  const readOnly = env.frame.w[regAt(regno) + W_TYPE] === T.CONST_PTR_TO_DYNPTR;
  const kind = clones ? meta.dynptrKind : (MAKERS[kfunc.name] ?? 0);
  checkDynptr(env, regno, { uninit, readOnly, kind, reference: clones ? meta.dynptrRef : 0 });
  if (uninit) return;
  const { w, at } = dynptrRecord(env, regno);
  meta.dynptrKind = w[at + W_AUX]!;
  meta.dynptrId = w[at + W_ID]!;
  meta.dynptrRef = w[at + W_REF]!;
}
