/** Calls of helpers: what must hold, and what is known afterwards (kernel: check_helper_call). */
import type { HelperPrototype } from '@polybpf/helpers';
import { markKnown, markUnknown, syncBounds } from './bounds.ts';
import { queueCallback, setupForEach, setupLoop, setupTimer, walkReturn } from './calls.ts';
import { type Env, reject } from './env.ts';
import { checkArgument, type CallMeta } from './helper-args.ts';
import { helperById } from './helper-table.ts';
import { beforeDynptrCall, releaseDynptr, setupUserRingbuf } from './dynptr-calls.ts';
import { isPrintable } from './format-string.ts';
import { giveToField } from './kptrs.ts';
import { F_RDONLY_PROG, hasField, MAP_ARRAY, MAP_HASH, MAP_LRU_HASH, MAP_LRU_PERCPU_HASH, MAP_PERCPU_ARRAY, MAP_PERCPU_HASH, MAP_PROG_ARRAY, type MapModel } from './map-model.ts'; // prettier-ignore
import { checkMapHelper } from './map-helpers.ts';
import { accessMemory } from './memory-access.ts';
import { markPrecise } from './precision.ts';
import { acquireReference, checkLeaks, clearPacketPointers, releaseReference } from './references.ts';
import { clearCallerSaved } from './registers.ts';
import { EINVAL, ENOTSUPP } from './reject.ts';
import {
  W_AUX,
  W_AUX2,
  W_ID,
  W_MASK,
  W_OFF,
  W_PRECISE,
  W_REF,
  W_S32MAX,
  W_S32MIN,
  W_SMAX,
  W_SMIN,
  W_TYPE,
  W_U32MAX,
  W_U32MIN,
  W_UMAX,
  W_UMIN,
  W_VAR,
} from './register-record.ts';
import * as T from './register-types.ts';
import { pushBranch } from './pending.ts';
import { mapOf } from './region-access.ts';
import { returnBtf, returnMemoryOrBtf, setupFindVma } from './btf-returns.ts';
import { WRITE } from './stack-access.ts';
import { regAt } from './state.ts';
import { putDouble, toUnsignedDouble } from './word64.ts';

const R0 = regAt(0);

function newMeta(id: number, name: string, proto: HelperPrototype): CallMeta {
  return {
    rawMode: false,
    regno: 0,
    accessSize: 0,
    funcId: id,
    name,
    pktAccess: proto.pktAccess,
    map: undefined,
    mapUid: 0,
    releaseRegno: 0,
    releaseDynptr: false,
    refId: 0,
    memSize: 0,
    maxSize: 0,
    constKey: -1,
    subprog: 0,
    retBtfId: 0,
    retBtf: 0,
    dynptrId: 0,
    kptr: undefined,
    perCpuObject: false,
  };
}

/** Name of a helper by number, as messages have it. */
function funcName(env: Env, id: number): string {
  return env.registry.helper(id)?.name ?? 'unknown';
}

/** Walks a call of a helper. */
export function walkHelperCall(env: Env): void {
  const insn = env.insn;
  const id = env.imm[insn]!;
  if (id === 0) reject(EINVAL, 'program of this type cannot use helper bpf_unspec#0');
  const helper = helperById(env, id);
  if (helper === undefined) return reject(EINVAL, `invalid func ${funcName(env, id)}#${id}`);
  const name = helper.info.name;
  if (!helper.allowed) reject(EINVAL, `program of this type cannot use helper ${name}#${id}`);
  const { proto } = helper;
  const { state, options } = env;
  if (!options.gpl && proto.gplOnly) {
    reject(EINVAL, 'cannot call GPL-restricted function from non-GPL compatible program');
  }
  const sleepable = options.sleepable || state.inSleepable;
  if (!sleepable && proto.mightSleep) reject(EINVAL, 'helper call might sleep in a non-sleepable prog');
  if (proto.mightSleep) {
    if (state.activeRcuLocks > 0) reject(EINVAL, `sleepable helper ${name}#${id} in rcu_read_lock region`);
    if (state.activePreemptLocks > 0) reject(EINVAL, `sleepable helper ${name}#${id} in non-preemptible region`);
    if (state.activeIrqId !== 0) reject(EINVAL, `sleepable helper ${name}#${id} in IRQ-disabled region`);
  }
  const meta = newMeta(id, name, proto);
  for (let i = 0; i < proto.args.length; i++) checkArgument(env, i, proto.args, meta);
  recordMap(env, meta);
  recordKey(env, meta);
  for (let i = 0; i < meta.accessSize; i++) accessMemory(env, meta.regno, i, 1, WRITE, -1, false, false);
  if (meta.releaseRegno !== 0) release(env, meta);
  // A tail call that comes back has not run anything; only for callers of a function does it count (6.18).
  const changes = perform(env, meta) || (helper.info.changesPacket && name !== 'bpf_tail_call');
  const w = env.frame.w;
  clearCallerSaved(env, w);
  setResult(env, proto, meta);
  refineResult(env, proto, meta);
  checkMapHelper(env, meta.map, name, id);
  if (name === 'bpf_get_func_ip') checkFuncIp(env);
  if (changes) clearPacketPointers(env);
  if (name === 'bpf_tail_call' && state.curframe > 0) return leaveByTailCall(env);
  env.insn++;
}

/**
 * A tail call in a function of the program may come back to its caller, after another program ran, or fail and go on. The
 * value that the other program returns is not known (kernel: check_helper_call).
 */
function leaveByTailCall(env: Env): void {
  pushBranch(env, env.insn + 1, env.insn, false);
  clearPacketPointers(env);
  markUnknown(env.frame.w, R0, env.defaultPrecise);
  env.liveness.update();
  walkReturn(env);
  env.returned = true;
}

function release(env: Env, meta: CallMeta): void {
  const w = env.frame.w;
  if (meta.releaseDynptr) return releaseDynptr(env, meta);
  let ok = false;
  if (meta.kptr !== undefined && meta.refId !== 0) ok = giveToField(env, meta.refId);
  else if (meta.refId !== 0) ok = releaseReference(env, meta.refId);
  else ok = env.frame.isZero(regAt(meta.releaseRegno)) || w[regAt(meta.releaseRegno) + W_TYPE] === T.NOT_INIT;
  if (!ok) reject(EINVAL, `func ${meta.name}#${meta.funcId} reference has not been acquired before`);
}

/** What some helpers do beyond their prototype; true when packet pointers end. */
function perform(env: Env, meta: CallMeta): boolean {
  switch (meta.name) {
    case 'bpf_tail_call':
      checkLeaks(env, false, true, 'tail_call');
      return false;
    case 'bpf_get_local_storage':
      if (!env.frame.isZero(regAt(2))) reject(EINVAL, "get_local_storage() doesn't support non-zero flags");
      return false;
    case 'bpf_for_each_map_elem': {
      const map = meta.map!;
      if (!FOR_EACH_TYPES.has(map.type)) reject(ENOTSUPP, 'callback function not allowed for map');
      queueCallback(env, meta.subprog, setupForEach, false);
      return false;
    }
    case 'bpf_timer_set_callback':
      queueCallback(env, meta.subprog, setupTimer, false);
      return false;
    case 'bpf_find_vma':
      queueCallback(env, meta.subprog, setupFindVma, false);
      return false;
    case 'bpf_user_ringbuf_drain':
      queueCallback(env, meta.subprog, setupUserRingbuf, false);
      return false;
    case 'bpf_snprintf':
      checkFormat(env);
      return false;
    case 'bpf_loop':
      performLoop(env, meta);
      return false;
    case 'bpf_dynptr_from_mem':
    case 'bpf_dynptr_data':
    case 'bpf_dynptr_write':
      return beforeDynptrCall(env, meta);
    case 'bpf_set_retval':
      return false;
    default:
      return false;
  }
}

const FOR_EACH_TYPES: ReadonlySet<number> = new Set([
  MAP_HASH,
  MAP_ARRAY,
  MAP_PERCPU_HASH,
  MAP_PERCPU_ARRAY,
  MAP_LRU_HASH,
  MAP_LRU_PERCPU_HASH,
]);

function performLoop(env: Env, meta: CallMeta): void {
  const w = env.frame.w;
  const insn = env.insn;
  const before = env.loopInline[insn]!;
  if (before !== 2) {
    // bit 0: fit, bit 1: not fit; the callback is that of the first visit.
    const zero = env.frame.isZero(regAt(4));
    if (zero) markPrecise(env, 4);
    if (before === 0) {
      env.loopInline[insn] = zero ? 1 : 2;
      env.loopCallback.set(insn, meta.subprog);
    } else if (!zero || env.loopCallback.get(insn) !== meta.subprog) env.loopInline[insn] = 2;
  }
  markPrecise(env, 1);
  if (env.frame.callbackDepth < toUnsignedDouble(w, regAt(1) + W_UMAX)) {
    queueCallback(env, meta.subprog, setupLoop, false);
  } else {
    env.frame.callbackDepth = 0;
    if (env.options.logLevel > 1) env.note(`frame${env.state.curframe} bpf_loop iteration limit reached`);
  }
}

/** (kernel: check_bpf_snprintf_call) */
function checkFormat(env: Env): void {
  const w = env.frame.w;
  const bytes = w[regAt(5) + W_VAR]!;
  if (bytes % 8 !== 0) reject(EINVAL, '');
  const at = regAt(3);
  const map = mapOf(env, w, at);
  const from = w[at + W_OFF]! + w[at + W_VAR]!;
  if (!isPrintable(map.frozen!, from, bytes / 8)) reject(EINVAL, 'Invalid format string');
}

const RECORDED: ReadonlySet<string> = new Set([
  'bpf_tail_call',
  'bpf_map_lookup_elem',
  'bpf_map_update_elem',
  'bpf_map_delete_elem',
  'bpf_map_push_elem',
  'bpf_map_pop_elem',
  'bpf_map_peek_elem',
  'bpf_for_each_map_elem',
  'bpf_redirect_map',
  'bpf_map_lookup_percpu_elem',
]);
const WRITERS: ReadonlySet<string> = new Set([
  'bpf_map_delete_elem',
  'bpf_map_update_elem',
  'bpf_map_push_elem',
  'bpf_map_pop_elem',
]);

function recordMap(env: Env, meta: CallMeta): void {
  if (!RECORDED.has(meta.name)) return;
  const map = meta.map!;
  if ((map.flags & F_RDONLY_PROG) !== 0 && WRITERS.has(meta.name)) reject(13, 'write into map forbidden');
  const before = env.callMap[env.insn]!;
  if (before === 0) env.callMap[env.insn] = map.index + 1;
  else if (before !== map.index + 1) env.callMap[env.insn] = -1;
}

function recordKey(env: Env, meta: CallMeta): void {
  if (meta.name !== 'bpf_tail_call') return;
  const map = meta.map;
  if (map === undefined || map.type !== MAP_PROG_ARRAY) reject(EINVAL, 'expected prog array map for tail call');
  const w = env.frame.w;
  const at = regAt(3);
  const known = w[at + W_TYPE] === T.SCALAR_VALUE && (w[at + W_MASK]! | w[at + W_MASK + 1]!) === 0;
  if (known && toUnsignedDouble(w, at + W_VAR) < map.maxEntries) markPrecise(env, 3);
}

function setPointer(w: Int32Array, type: number): void {
  markKnown(w, R0, 0, 0);
  w[R0 + W_TYPE] = type;
  w[R0 + W_PRECISE] = 0;
}

function lockedValues(map: MapModel): boolean {
  return hasField(map, 'bpf_spin_lock', 'bpf_res_spin_lock');
}

function setResult(env: Env, proto: HelperPrototype, meta: CallMeta): void {
  const w = env.frame.w;
  const { base, flags } = proto.result;
  let extra = flags.includes('MAYBE_NULL') ? T.PTR_MAYBE_NULL : 0;
  if (flags.includes('RDONLY')) extra |= T.MEM_RDONLY;
  switch (base) {
    case 'INTEGER':
      markUnknown(w, R0, env.defaultPrecise);
      break;
    case 'VOID':
      w[R0 + W_TYPE] = T.NOT_INIT;
      break;
    case 'PTR_TO_MAP_VALUE': {
      const map = meta.map!;
      const elides = map.type === MAP_ARRAY || map.type === MAP_PERCPU_ARRAY;
      const inRange = meta.constKey >= 0 && meta.constKey < map.maxEntries;
      if (meta.name === 'bpf_map_lookup_elem' && elides && inRange) extra &= ~T.PTR_MAYBE_NULL;
      setPointer(w, T.PTR_TO_MAP_VALUE | extra);
      w[R0 + W_AUX] = map.index + 1;
      w[R0 + W_AUX2] = meta.mapUid;
      if ((extra & T.PTR_MAYBE_NULL) === 0 && lockedValues(map)) w[R0 + W_ID] = ++env.idGen;
      break;
    }
    case 'PTR_TO_SOCKET':
      setPointer(w, T.PTR_TO_SOCKET | extra);
      break;
    case 'PTR_TO_SOCK_COMMON':
      setPointer(w, T.PTR_TO_SOCK_COMMON | extra);
      break;
    case 'PTR_TO_TCP_SOCK':
      setPointer(w, T.PTR_TO_TCP_SOCK | extra);
      break;
    case 'PTR_TO_MEM':
    case 'PTR_TO_RINGBUF_MEM':
    case 'PTR_TO_DYNPTR_MEM':
      if (base === 'PTR_TO_RINGBUF_MEM') extra |= T.MEM_RINGBUF;
      setPointer(w, T.PTR_TO_MEM | extra);
      w[R0 + W_AUX] = meta.memSize;
      break;
    case 'PTR_TO_MEM_OR_BTF_ID':
      returnMemoryOrBtf(env, extra, meta);
      break;
    case 'PTR_TO_BTF_ID':
    case 'PTR_TO_BTF_ID_TRUSTED':
      returnBtf(env, proto.result, extra, meta);
      break;
  }
  if ((w[R0 + W_TYPE]! & T.PTR_MAYBE_NULL) !== 0) w[R0 + W_ID] = ++env.idGen;
  if (meta.name === 'bpf_dynptr_data') w[R0 + W_AUX2] = meta.dynptrId;
  if (PTR_CASTS.has(meta.name) || meta.name === 'bpf_dynptr_data') w[R0 + W_REF] = meta.refId;
  else if (acquires(meta)) {
    const id = acquireReference(env, env.insn);
    w[R0 + W_ID] = id;
    w[R0 + W_REF] = id;
  }
}

const PTR_CASTS: ReadonlySet<string> = new Set([
  'bpf_tcp_sock',
  'bpf_sk_fullsock',
  'bpf_skc_to_tcp_sock',
  'bpf_skc_to_tcp6_sock',
  'bpf_skc_to_udp6_sock',
  'bpf_skc_to_mptcp_sock',
  'bpf_skc_to_tcp_timewait_sock',
  'bpf_skc_to_tcp_request_sock',
  'bpf_skc_to_unix_sock',
]);

const ACQUIRING: ReadonlySet<string> = new Set([
  'bpf_sk_lookup_tcp',
  'bpf_sk_lookup_udp',
  'bpf_skc_lookup_tcp',
  'bpf_ringbuf_reserve',
  'bpf_kptr_xchg',
]);

/** Whether the result must be given back (kernel: is_acquire_function). */
function acquires(meta: CallMeta): boolean {
  if (ACQUIRING.has(meta.name)) return true;
  const type = meta.map?.type;
  return meta.name === 'bpf_map_lookup_elem' && (type === 15 || type === 18);
}

const LENGTHS: ReadonlySet<string> = new Set([
  'bpf_get_stack',
  'bpf_get_task_stack',
  'bpf_probe_read_str',
  'bpf_probe_read_kernel_str',
  'bpf_probe_read_user_str',
]);

/** Results whose range is known (kernel: do_refine_retval_range). */
function refineResult(env: Env, proto: HelperPrototype, meta: CallMeta): void {
  if (proto.result.base !== 'INTEGER') return;
  const w = env.frame.w;
  if (LENGTHS.has(meta.name)) {
    putDouble(w, R0 + W_SMAX, meta.maxSize);
    w[R0 + W_S32MAX] = meta.maxSize;
    putDouble(w, R0 + W_SMIN, -4095);
    w[R0 + W_S32MIN] = -4095;
    syncBounds(w, R0);
  } else if (meta.name === 'bpf_get_smp_processor_id') {
    const last = env.options.cpus - 1;
    putDouble(w, R0 + W_UMAX, last);
    putDouble(w, R0 + W_SMAX, last);
    putDouble(w, R0 + W_UMIN, 0);
    putDouble(w, R0 + W_SMIN, 0);
    w[R0 + W_U32MAX] = last;
    w[R0 + W_S32MAX] = last;
    w[R0 + W_U32MIN] = 0;
    w[R0 + W_S32MIN] = 0;
    syncBounds(w, R0);
  }
}

function checkFuncIp(env: Env): void {
  const { type, typeId, attachType } = env.variant;
  if (type === 'KPROBE') return;
  if (type === 'TRACING') {
    const trampoline = ['BPF_TRACE_FENTRY', 'BPF_TRACE_FEXIT', 'BPF_MODIFY_RETURN'].includes(attachType ?? '');
    if (!trampoline) {
      reject(ENOTSUPP, 'func bpf_get_func_ip#173 supported only for fentry/fexit/fmod_ret programs');
    }
    return;
  }
  reject(ENOTSUPP, `func bpf_get_func_ip#173 not supported for program type ${typeId}`);
}
