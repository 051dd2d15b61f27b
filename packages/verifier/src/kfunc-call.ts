/** Calls of kernel functions (kernel: check_kfunc_call). */
import { type BtfInt, type BtfType, typeById } from '@polybpf/btf';
import { markKnown, markUnknown } from './bounds.ts';
import { sliceFlag } from './dynptr-slots.ts';
import { type Env, notModelled, reject } from './env.ts';
import { kernelContext } from './kernel-context.ts';
import { isScalarType } from './kfunc-arg-kind.ts';
import { checkKfuncArguments, type KfuncMeta } from './kfunc-args.ts';
import { branchIterator } from './kfunc-iterators.ts';
import { isLostKfunc } from './kernel-symbols.ts';
import { isStruct, resolved } from './kernel-types.ts';
import { type Kfunc, kfuncByName } from './kfunc-prototype.ts';
import { mayWritePacket } from './packet-types.ts';
import { acquireReference, clearPacketPointers, releaseReference } from './references.ts';
import { clearCallerSaved } from './registers.ts';
import { EACCES, EINVAL } from './reject.ts';
import { W_AUX, W_AUX2, W_ID, W_PRECISE, W_REF, W_TYPE } from './register-record.ts';
import * as T from './register-types.ts';
import { eachRegister, regAt } from './state.ts';

const R0 = regAt(0);

/** Functions that do more than their prototype says, in ways that are not modelled. */
const SPECIAL =
  /^bpf_(iter_(css|task|dmabuf|kmem)|obj_|percpu_obj_|list_|rbtree_|refcount_|wq_|task_work_|throw|local_irq_|res_spin_|arena_|session_)|^__bpf_trap$/;

/** Walks a call of a kernel function; true when the path ends with it. */
export function walkKfuncCall(env: Env): boolean {
  const { insn, state } = env;
  if (isLostKfunc(env, insn)) {
    env.insn++;
    return false;
  }
  const name = env.kfuncName?.(insn);
  const kfunc =
    name === undefined || env.kernel === undefined ? undefined : kfuncByName(env.kernel, env.registry, name);
  if (kfunc === undefined || SPECIAL.test(kfunc.name) || env.off[insn] !== 0) {
    return notModelled(`kfunc ${name ?? env.imm[insn]!}`);
  }
  if (!env.registry.kfuncAllowed(env.variant, kfunc.info)) {
    reject(EACCES, `calling kernel function ${kfunc.name} is not allowed`);
  }
  const has = (flag: (typeof kfunc.info.flags)[number]): boolean => kfunc.info.flags.includes(flag);
  if (has('ARENA_RET') || has('DESTRUCTIVE') || has('RCU_PROTECTED')) notModelled(`kfunc ${kfunc.name}`);
  const sleepable = has('SLEEPABLE');
  if (sleepable && !env.options.sleepable && !state.inSleepable) {
    reject(EACCES, `program must be sleepable to call sleepable kfunc ${kfunc.name}`);
  }
  const meta = checkKfuncArguments(env, kfunc);
  changeSections(env, kfunc, sleepable);
  if (meta.releaseRegno !== 0) {
    const ref = env.frame.w[regAt(meta.releaseRegno) + W_REF]!;
    if (!releaseReference(env, ref)) {
      reject(EINVAL, `kfunc ${kfunc.name}#${kfunc.type.id} reference has not been acquired before`);
    }
  }
  clearCallerSaved(env, env.frame.w);
  setResult(env, kfunc, meta);
  if (kfunc.summary.changesPacket) clearPacketPointers(env);
  if (kfunc.summary.iterNext) branchIterator(env, meta.iterator!);
  env.insn++;
  return false;
}

/** RCU and non-preemptible sections. */
function changeSections(env: Env, kfunc: Kfunc, sleepable: boolean): void {
  const { state } = env;
  const { name } = kfunc;
  if (name === 'bpf_rcu_read_lock') {
    if (state.activeRcuLocks > 0) reject(EINVAL, `nested rcu read lock (kernel function ${name})`);
    state.activeRcuLocks++;
  } else if (name === 'bpf_rcu_read_unlock') {
    if (state.activeRcuLocks === 0) reject(EINVAL, `unmatched rcu read unlock (kernel function ${name})`);
    if (--state.activeRcuLocks === 0) leaveRcu(env);
  } else if (state.activeRcuLocks > 0 && sleepable) {
    reject(EACCES, `kernel func ${name} is sleepable within rcu_read_lock region`);
  }
  if (name === 'bpf_preempt_disable') state.activePreemptLocks++;
  else if (name === 'bpf_preempt_enable') {
    if (state.activePreemptLocks === 0) {
      reject(EINVAL, `unmatched attempt to enable preemption (kernel function ${name})`);
    }
    state.activePreemptLocks--;
  } else if (state.activePreemptLocks > 0 && sleepable) {
    reject(EACCES, `kernel func ${name} is sleepable within non-preemptible region`);
  }
}

/** Pointers that were good for the section are not beyond it. */
function leaveRcu(env: Env): void {
  eachRegister(env.state, (w, at) => {
    const type = w[at + W_TYPE]!;
    if ((type & T.MEM_RCU) !== 0) w[at + W_TYPE] = (type & ~(T.MEM_RCU | T.PTR_MAYBE_NULL)) | T.PTR_UNTRUSTED;
  });
}

function setPointer(w: Int32Array, type: number, aux: number): void {
  markKnown(w, R0, 0, 0);
  w[R0 + W_PRECISE] = 0;
  w[R0 + W_TYPE] = type;
  w[R0 + W_AUX] = aux;
  w[R0 + W_AUX2] = 0;
}

function setResult(env: Env, kfunc: Kfunc, meta: KfuncMeta): void {
  const w = env.frame.w;
  const { result, info } = kfunc;
  if (result === undefined) return;
  if (result.kind !== 'PTR') {
    if (!isScalarType(result)) return notModelled(`result of kfunc ${kfunc.name}`);
    markUnknown(w, R0, env.defaultPrecise);
    return;
  }
  const pointee = resolved(env.kernel!.btf, result.type);
  if (!setSpecial(env, kfunc, meta)) {
    if (pointee === undefined) markUnknown(w, R0, env.defaultPrecise);
    else if (isStruct(pointee)) {
      const untrusted = kfunc.name === 'bpf_get_kmem_cache' ? T.PTR_UNTRUSTED : 0;
      setPointer(w, T.PTR_TO_BTF_ID | untrusted, pointee.id);
    } else if (meta.resultSize !== 0 || pointee.kind === 'INT') {
      const isSized = meta.resultSize !== 0;
      const readOnly = isSized ? meta.resultReadOnly : true;
      setPointer(w, T.PTR_TO_MEM | (readOnly ? T.MEM_RDONLY : 0), isSized ? meta.resultSize : (pointee as BtfInt).size);
      if (meta.refId !== 0) w[R0 + W_REF] = meta.refId;
    } else notModelled(`result of kfunc ${kfunc.name}`);
  }
  if (info.flags.includes('RET_NULL')) {
    w[R0 + W_TYPE] = w[R0 + W_TYPE]! | T.PTR_MAYBE_NULL;
    w[R0 + W_ID] = ++env.idGen;
  }
  if (!info.flags.includes('ACQUIRE')) return;
  const id = acquireReference(env, env.insn);
  if (info.flags.includes('RET_NULL')) w[R0 + W_ID] = id;
  w[R0 + W_REF] = id;
}

/** Results of casts (kernel: check_special_kfunc). */
function setSpecial(env: Env, kfunc: Kfunc, meta: KfuncMeta): boolean {
  const w = env.frame.w;
  const types = env.kernel!;
  if (kfunc.name === 'bpf_cast_to_kern_ctx') {
    setPointer(w, T.PTR_TO_BTF_ID | T.PTR_TRUSTED, kernelContext(env));
    return true;
  }
  if (kfunc.name === 'bpf_dynptr_slice' || kfunc.name === 'bpf_dynptr_slice_rdwr') {
    setSlice(env, kfunc.name === 'bpf_dynptr_slice', meta);
    return true;
  }
  if (kfunc.name !== 'bpf_rdonly_cast') return false;
  const { constant } = meta;
  const type: BtfType | undefined = constant < types.btf.types.length ? typeById(types.btf, constant) : undefined;
  if (type === undefined) return reject(EINVAL, `Unknown type ID ${constant} passed to kfunc bpf_rdonly_cast`);
  if (isStruct(type)) setPointer(w, T.PTR_TO_BTF_ID | T.PTR_UNTRUSTED, constant);
  else if (type.kind === 'VOID') setPointer(w, T.PTR_TO_MEM | T.MEM_RDONLY | T.PTR_UNTRUSTED, 0);
  else reject(EINVAL, 'kfunc bpf_rdonly_cast type ID argument must be of a struct or void');
  return true;
}

/** Part of what a dynptr points to; may be null. */
function setSlice(env: Env, readOnly: boolean, meta: KfuncMeta): void {
  const w = env.frame.w;
  setPointer(w, T.PTR_TO_MEM | sliceFlag(meta.dynptrKind) | (readOnly ? T.MEM_RDONLY : 0), meta.constant | 0);
  if (!readOnly && !mayWritePacket(env.variant.type)) {
    reject(EINVAL, 'the prog does not allow writes to packet data');
  }
  w[R0 + W_AUX2] = meta.dynptrId;
}
