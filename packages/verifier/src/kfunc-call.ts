/** Calls of kernel functions (kernel: check_kfunc_call). */
import { type BtfInt, type BtfType, typeById } from '@polybpf/btf';
import { markKnown, markNotInit, markUnknown, syncBounds } from './bounds.ts';
import { inRcuSection } from './btf-access.ts';
import { queueCallback, setupTaskWork, setupTimer } from './calls.ts';
import { sliceFlag } from './dynptr-slots.ts';
import { type Env, notModelled, reject } from './env.ts';
import { throwException } from './exceptions.ts';
import { kernelContext } from './kernel-context.ts';
import { isScalarType } from './kfunc-arg-kind.ts';
import { checkKfuncArguments, type KfuncMeta } from './kfunc-args.ts';
import { isLostKfunc } from './kernel-symbols.ts';
import { branchIterator, distrustIterators, trustOfElements } from './kfunc-iterators.ts';
import { isStruct, resolved } from './kernel-types.ts';
import { isOrdinaryFunction, type Kfunc, kfuncByName } from './kfunc-prototype.ts';
import { mayPointToLock } from './nullness.ts';
import { checkInTreeCallback, finishOwnedResult, giveToGraph, setOwnedResult, setupLess } from './owned-objects.ts';
import { mayWritePacket } from './packet-types.ts';
import { pushBranch } from './pending.ts';
import { acquireReference, clearPacketPointers, releaseReference } from './references.ts';
import { clearCallerSaved } from './registers.ts';
import { EACCES, EFAULT, EINVAL, ENOMEM } from './reject.ts';
import { W_AUX, W_AUX2, W_ID, W_PRECISE, W_REF, W_S32MAX, W_S32MIN, W_SMAX, W_SMIN, W_TYPE } from './register-record.ts'; // prettier-ignore
import * as T from './register-types.ts';
import { eachRegister, regAt } from './state.ts';
import { putDouble } from './word64.ts';

const R0 = regAt(0);

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
  if (name !== undefined && kfunc === undefined && env.kernel !== undefined && isOrdinaryFunction(env.kernel, name)) {
    reject(EACCES, `calling kernel function ${name} is not allowed`);
  }
  if (kfunc === undefined || env.off[insn] !== 0) {
    return notModelled(`kfunc ${name ?? env.imm[insn]!}`);
  }
  if (!env.registry.kfuncAllowed(env.variant, kfunc.info)) {
    reject(EACCES, `calling kernel function ${kfunc.name} is not allowed`);
  }
  const has = (flag: (typeof kfunc.info.flags)[number]): boolean => kfunc.info.flags.includes(flag);
  if (has('DESTRUCTIVE')) notModelled(`kfunc ${kfunc.name}`);
  if (TAKES_LOCK.has(kfunc.name)) queueFailedLock(env);
  if (kfunc.name === '__bpf_trap') reject(EFAULT, 'unexpected __bpf_trap() due to uninitialized variable?');
  const sleepable = has('SLEEPABLE');
  if (sleepable && !env.options.sleepable && !state.inSleepable) {
    reject(EACCES, `program must be sleepable to call sleepable kfunc ${kfunc.name}`);
  }
  const meta = checkKfuncArguments(env, kfunc);
  if (WORKS.test(kfunc.name)) {
    queueCallback(env, meta.subprog, kfunc.name.startsWith('bpf_wq_') ? setupTimer : setupTaskWork, true);
  }
  // The only function whose result is memory of the program (kernel: check_kfunc_call).
  if (kfunc.name === 'bpf_session_cookie') meta.resultSize = 8;
  if (kfunc.name === 'bpf_rbtree_add_impl') queueCallback(env, meta.subprog, setupLess, false);
  changeSections(env, kfunc, sleepable);
  if (meta.releaseRegno !== 0) {
    const ref = env.frame.w[regAt(meta.releaseRegno) + W_REF]!;
    if (!releaseReference(env, ref)) {
      reject(EINVAL, `kfunc ${kfunc.name}#${kfunc.type.id} reference has not been acquired before`);
    }
  }
  giveToGraph(env, kfunc);
  if (kfunc.name === 'bpf_throw') return throwException(env);
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
  checkInTreeCallback(env, name);
  if (name === 'bpf_preempt_disable') state.activePreemptLocks++;
  else if (name === 'bpf_preempt_enable') {
    if (state.activePreemptLocks === 0) {
      reject(EINVAL, `unmatched attempt to enable preemption (kernel function ${name})`);
    }
    state.activePreemptLocks--;
  } else if (state.activePreemptLocks > 0 && sleepable) {
    reject(EACCES, `kernel func ${name} is sleepable within non-preemptible region`);
  }
  if (state.activeIrqId !== 0 && sleepable) {
    reject(EACCES, `kernel func ${name} is sleepable within IRQ-disabled region`);
  }
  if (kfunc.info.flags.includes('RCU_PROTECTED') && !inRcuSection(env)) {
    reject(EACCES, `kernel func ${name} requires RCU critical section protection`);
  }
}

/** The lock was not taken: that path goes on with an error in r0. */
function queueFailedLock(env: Env): void {
  const { w } = pushBranch(env, env.insn + 1, env.insn, false, ENOMEM).frame;
  for (let reg = 0; reg <= 5; reg++) markNotInit(w, regAt(reg), env.defaultPrecise);
  markUnknown(w, R0, env.defaultPrecise);
  w[R0 + W_S32MIN] = -4095;
  w[R0 + W_S32MAX] = -1;
  putDouble(w, R0 + W_SMIN, -4095);
  putDouble(w, R0 + W_SMAX, -1);
  syncBounds(w, R0);
}

const TAKES_LOCK: ReadonlySet<string> = new Set(['bpf_res_spin_lock', 'bpf_res_spin_lock_irqsave']);
/** Functions that hand over a callback for later. */
const WORKS = /^bpf_(wq_set_callback|task_work_schedule_)/;

/** Pointers that were good for the section are not beyond it. */
function leaveRcu(env: Env): void {
  eachRegister(env.state, (w, at) => {
    const type = w[at + W_TYPE]!;
    if ((type & T.MEM_RCU) !== 0) w[at + W_TYPE] = (type & ~(T.MEM_RCU | T.PTR_MAYBE_NULL)) | T.PTR_UNTRUSTED;
  });
  distrustIterators(env.state);
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
    if (TAKES_LOCK.has(kfunc.name)) markKnown(w, R0, 0, 0);
    return;
  }
  const pointee = resolved(env.kernel!.btf, result.type);
  if (!setOwnedResult(env, kfunc, meta) && !setSpecial(env, kfunc, meta)) {
    if (pointee === undefined) markUnknown(w, R0, env.defaultPrecise);
    else if (isStruct(pointee)) setPointer(w, T.PTR_TO_BTF_ID | trustOf(env, kfunc, meta), pointee.id);
    else if (meta.resultSize !== 0 || pointee.kind === 'INT') {
      const isSized = meta.resultSize !== 0;
      const readOnly = isSized ? meta.resultReadOnly : true;
      setPointer(w, T.PTR_TO_MEM | (readOnly ? T.MEM_RDONLY : 0), isSized ? meta.resultSize : (pointee as BtfInt).size);
      if (meta.refId !== 0) w[R0 + W_REF] = meta.refId;
    } else notModelled(`result of kfunc ${kfunc.name}`);
  }
  const nullable = info.flags.includes('RET_NULL') && !(kfunc.name === 'bpf_refcount_acquire_impl' && meta.isOwning);
  if (nullable) {
    w[R0 + W_TYPE] = w[R0 + W_TYPE]! | T.PTR_MAYBE_NULL;
    w[R0 + W_ID] = ++env.idGen;
  }
  if (info.flags.includes('ACQUIRE')) {
    const id = acquireReference(env, env.insn);
    if (nullable) w[R0 + W_ID] = id;
    w[R0 + W_REF] = id;
  } else finishOwnedResult(env, kfunc);
  if (w[R0 + W_ID] === 0 && mayPointToLock(env, w, R0)) w[R0 + W_ID] = ++env.idGen;
}

/** Trust in an object that a function gives. */
function trustOf(env: Env, kfunc: Kfunc, meta: KfuncMeta): number {
  if (kfunc.summary.iterNext) return trustOfElements(env, meta.iterator!);
  if (kfunc.name === 'bpf_get_kmem_cache') return T.PTR_UNTRUSTED;
  return kfunc.info.flags.includes('RCU_PROTECTED') ? T.MEM_RCU : 0;
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
