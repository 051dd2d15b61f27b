/** Objects that programs allocate, their reference counts, and the lists and trees that own them, as kernel functions take them. */
import { typeById } from '@polybpf/btf';
import { markKnown } from './bounds.ts';
import { type Env, reject } from './env.ts';
import { resolved } from './kernel-types.ts';
import { isScalarStruct } from './kfunc-arg-kind.ts';
import type { KfuncMeta } from './kfunc-args.ts';
import type { Kfunc } from './kfunc-prototype.ts';
import type { SpecialField } from './map-model.ts';
import { checkLocked, fieldAt, fieldsOfRegister, isNonOwning, isOwnObject, offsetOf } from './object-fields.ts';
import { invalidate, releaseReference } from './references.ts';
import { EACCES, EFAULT, EINVAL } from './reject.ts';
import { W_AUX, W_AUX2, W_MASK, W_OFF, W_PRECISE, W_REF, W_TYPE } from './register-record.ts';
import { MEM_ALLOC, MEM_PERCPU, MEM_RCU, NON_OWN_REF, PTR_TO_BTF_ID, PTR_TO_MAP_VALUE } from './register-types.ts';
import { eachRegister, type Frame, REF_NUMBERS, REF_PTR, regAt } from './state.ts';

/** Kinds of arguments that this file checks. */
export type OwnedKind = 'owned object' | 'refcounted object' | 'list head' | 'list node' | 'tree root' | 'tree node';

/** Structs of lists and trees. */
export const GRAPH_ARGUMENTS: ReadonlyMap<string, OwnedKind> = new Map([
  ['bpf_list_head', 'list head'],
  ['bpf_list_node', 'list node'],
  ['bpf_rb_root', 'tree root'],
  ['bpf_rb_node', 'tree node'],
]);

const OWNED = PTR_TO_BTF_ID | MEM_ALLOC;
const TREE_FUNCTION = /^bpf_rbtree_/;

/** Whether the `less` function of a tree is walked: the tree is locked (kernel: in_rbtree_lock_required_cb). */
export function inTreeCallback(env: Env): boolean {
  const { frame } = env;
  if (env.state.curframe === 0 || !frame.inCallback) return false;
  return TREE_FUNCTION.test(env.kfuncName?.(frame.callsite) ?? '');
}

/** Checks an argument of one of these kinds. Throws `Reject`. */
export function checkOwned(env: Env, kfunc: Kfunc, i: number, kind: OwnedKind, meta: KfuncMeta): void {
  const w = env.frame.w;
  const at = regAt(i + 1);
  switch (kind) {
    case 'owned object':
      checkDropped(kfunc, i, w, at);
      break;
    case 'refcounted object':
      checkRefcounted(env, i, w, at, meta);
      break;
    case 'list head':
    case 'tree root':
      return checkRoot(env, i, kind === 'list head' ? 'bpf_list_head' : 'bpf_rb_root', meta);
    case 'list node':
      checkOwnedPointer(i, w, at);
      return checkNode(env, i, 'bpf_list_head', 'bpf_list_node', meta);
    case 'tree node':
      if (kfunc.name === 'bpf_rbtree_add_impl') checkOwnedPointer(i, w, at);
      else {
        if (!isNonOwning(w[at + W_TYPE]!) && w[at + W_REF] === 0) {
          reject(EINVAL, `${kfunc.name} can only take non-owning or refcounted bpf_rb_node pointer`);
        }
        if (inTreeCallback(env)) reject(EINVAL, `${kfunc.name} not allowed in rbtree cb`);
      }
      return checkNode(env, i, 'bpf_rb_root', 'bpf_rb_node', meta);
  }
  meta.object = w[at + W_AUX2]!;
  meta.typeId = w[at + W_AUX]!;
}

function checkOwnedPointer(i: number, w: Int32Array, at: number): void {
  if (w[at + W_TYPE] !== OWNED) reject(EINVAL, `arg#${i} expected pointer to allocated object`);
  if (w[at + W_REF] === 0) reject(EINVAL, 'allocated object must be referenced');
}

function checkDropped({ name }: Kfunc, i: number, w: Int32Array, at: number): void {
  const type = w[at + W_TYPE]!;
  const wanted = type === OWNED ? 'bpf_obj_drop_impl' : type === (OWNED | MEM_PERCPU) ? 'bpf_percpu_obj_drop_impl' : '';
  if (wanted === '') reject(EINVAL, `arg#${i} expected pointer to allocated object`);
  if (name !== wanted) reject(EINVAL, `arg#${i} expected for ${wanted}()`);
  if (w[at + W_REF] === 0) reject(EINVAL, 'allocated object must be referenced');
}

function checkRefcounted(env: Env, i: number, w: Int32Array, at: number, meta: KfuncMeta): void {
  const type = w[at + W_TYPE]!;
  if (!isOwnObject(type)) reject(EINVAL, `arg#${i} is neither owning or non-owning ref`);
  if (!isNonOwning(type)) meta.isOwning = true;
  const fields = fieldsOfRegister(env, w, at);
  if (fields === undefined) reject(EFAULT, "verifier bug: Couldn't find btf_record");
  if (!fields!.some(({ kind }) => kind === 'bpf_refcount')) {
    reject(EINVAL, `arg#${i} doesn't point to a type with bpf_refcount field`);
  }
}

function requireConstantOffset(regno: number, w: Int32Array, at: number, what: string): void {
  if ((w[at + W_MASK]! | w[at + W_MASK + 1]!) === 0) return;
  reject(EINVAL, `R${regno} doesn't have constant offset. ${what} has to be at the constant offset`);
}

/** (kernel: __process_kf_arg_ptr_to_graph_root) */
function checkRoot(env: Env, i: number, kind: 'bpf_list_head' | 'bpf_rb_root', meta: KfuncMeta): void {
  const w = env.frame.w;
  const at = regAt(i + 1);
  const type = w[at + W_TYPE]!;
  if (type !== PTR_TO_MAP_VALUE && type !== OWNED) {
    reject(EINVAL, `arg#${i} expected pointer to map value or allocated object`);
  }
  if (type === OWNED && w[at + W_REF] === 0) reject(EINVAL, 'allocated object must be referenced');
  requireConstantOffset(i + 1, w, at, kind);
  const fields = fieldsOfRegister(env, w, at);
  const field = fieldAt(fields, kind, offsetOf(w, at));
  if (field === undefined) return reject(EINVAL, `${kind} not found at offset=${offsetOf(w, at) >>> 0}`);
  checkLocked(env, w, at, fields!, kind);
  meta.root = field;
  meta.rootObject = type === PTR_TO_MAP_VALUE ? env.objects.numberOfMap(env.maps[w[at + W_AUX]! - 1]!.source) : w[at + W_AUX2]!; // prettier-ignore
}

/** (kernel: __process_kf_arg_ptr_to_graph_node) */
function checkNode(
  env: Env,
  i: number,
  rootKind: 'bpf_list_head' | 'bpf_rb_root',
  kind: 'bpf_list_node' | 'bpf_rb_node',
  meta: KfuncMeta,
): void {
  const w = env.frame.w;
  const at = regAt(i + 1);
  requireConstantOffset(i + 1, w, at, kind);
  const offset = offsetOf(w, at);
  if (fieldAt(fieldsOfRegister(env, w, at), kind, offset) === undefined) {
    reject(EINVAL, `${kind} not found at offset=${offset >>> 0}`);
  }
  const { target, nodeOffset } = meta.root!;
  const wanted = typeById(env.objects.btf(meta.rootObject), target!).name;
  if (w[at + W_AUX2] !== meta.rootObject || w[at + W_AUX] !== target) {
    const given = typeById(env.objects.btf(w[at + W_AUX2]!), w[at + W_AUX]!).name;
    reject(
      EINVAL,
      `operation on ${rootKind} expects arg#1 ${kind} at offset=${nodeOffset!} in struct ${wanted}, but arg is at offset=${offset} in struct ${given}`,
    );
  }
  meta.object = w[at + W_AUX2]!;
  meta.typeId = w[at + W_AUX]!;
  if (offset !== nodeOffset) {
    reject(EINVAL, `arg#1 offset=${offset}, but expected ${kind} at offset=${nodeOffset!} in struct ${wanted}`);
  }
}

/** The register points to the node of an object of a list or tree (kernel: mark_reg_graph_node). */
function setNode(w: Int32Array, at: number, root: SpecialField, object: number): void {
  markKnown(w, at, 0, 0);
  w[at + W_PRECISE] = 0;
  w[at + W_TYPE] = OWNED;
  w[at + W_AUX] = root.target!;
  w[at + W_AUX2] = object;
  w[at + W_OFF] = root.nodeOffset!;
}

/** The pointer no longer owns its object (kernel: ref_set_non_owning). */
function setNonOwning(env: Env, w: Int32Array, at: number): void {
  const counted = fieldsOfRegister(env, w, at)?.some(({ kind }) => kind === 'bpf_refcount') === true;
  w[at + W_TYPE] = w[at + W_TYPE]! | NON_OWN_REF | (counted ? MEM_RCU : 0);
}

const ADDS: ReadonlySet<string> = new Set([
  'bpf_list_push_front_impl',
  'bpf_list_push_back_impl',
  'bpf_rbtree_add_impl',
]);

/** The list or tree owns the object now; pointers to it are good for as long as the lock is held. */
export function giveToGraph(env: Env, { name, type }: Kfunc): void {
  if (!ADDS.has(name)) return;
  const ref = env.frame.w[regAt(2) + W_REF]!;
  const { refs } = env.state;
  let held = false;
  for (let n = 0; n < refs.length; n += REF_NUMBERS) held ||= refs[n] === REF_PTR && refs[n + 1] === ref;
  if (!held) {
    const text = 'verifier bug: ref state missing for ref_obj_id';
    reject(EFAULT, `${text}\nkfunc ${name}#${type.id} conversion of owning ref to non-owning failed`);
  }
  eachRegister(env.state, (w, at) => {
    if (w[at + W_REF] !== ref) return;
    w[at + W_REF] = 0;
    setNonOwning(env, w, at);
  });
  releaseReference(env, ref);
}

/** Without the lock, objects of others may go away (kernel: invalidate_non_owning_refs). */
export function invalidateNonOwning(env: Env): void {
  eachRegister(env.state, (w, at) => {
    if (isNonOwning(w[at + W_TYPE]!)) invalidate(env, w, at);
  });
}

/** bpf_rbtree_add: less(a, b), two nodes of the tree (kernel: set_rbtree_add_callback_state). */
export function setupLess(env: Env, caller: Frame, callee: Frame): void {
  const root = regAt(1);
  const field = fieldAt(fieldsOfRegister(env, caller.w, root), 'bpf_rb_root', caller.w[root + W_OFF]!);
  if (field === undefined) return reject(EFAULT, '');
  const isMap = caller.w[root + W_TYPE] === PTR_TO_MAP_VALUE;
  const object = isMap
    ? env.objects.numberOfMap(env.maps[caller.w[root + W_AUX]! - 1]!.source)
    : caller.w[root + W_AUX2]!;
  for (const reg of [1, 2]) {
    setNode(callee.w, regAt(reg), field, object);
    setNonOwning(env, callee.w, regAt(reg));
  }
  callee.inCallback = true;
  callee.retMin = 0;
  callee.retMax = 1;
}

const PERCPU_MAX_SIZE = 512;

/** What r0 is after a function that gives objects; false for all other functions (kernel: check_special_kfunc). */
export function setOwnedResult(env: Env, kfunc: Kfunc, meta: KfuncMeta): boolean {
  const w = env.frame.w;
  const r0 = regAt(0);
  const { name } = kfunc;
  if (name === 'bpf_obj_new_impl' || name === 'bpf_percpu_obj_new_impl') {
    setObject(w, r0, env.objects.program, checkNew(env, name === 'bpf_percpu_obj_new_impl', meta));
    if (name === 'bpf_percpu_obj_new_impl') w[r0 + W_TYPE] = OWNED | MEM_PERCPU;
    return true;
  }
  if (name === 'bpf_refcount_acquire_impl') {
    setObject(w, r0, meta.object, meta.typeId);
    return true;
  }
  if (!givesNode(env, kfunc)) return false;
  setNode(w, r0, meta.root!, meta.rootObject);
  return true;
}

function givesNode(env: Env, { result }: Kfunc): boolean {
  const pointee = result?.kind === 'PTR' ? resolved(env.kernel!.btf, result.type) : undefined;
  return pointee?.name === 'bpf_list_node' || pointee?.name === 'bpf_rb_node';
}

/** A node that stays in its list or tree is not owned. */
export function finishOwnedResult(env: Env, kfunc: Kfunc): void {
  if (givesNode(env, kfunc) && !kfunc.info.flags.includes('ACQUIRE')) setNonOwning(env, env.frame.w, regAt(0));
}

function setObject(w: Int32Array, at: number, object: number, id: number): void {
  markKnown(w, at, 0, 0);
  w[at + W_PRECISE] = 0;
  w[at + W_TYPE] = OWNED;
  w[at + W_AUX] = id;
  w[at + W_AUX2] = object;
}

/** Type of a new object. */
function checkNew(env: Env, perCpu: boolean, meta: KfuncMeta): number {
  if (meta.constantHigh !== 0) reject(EINVAL, 'local type ID argument must be in range [0, U32_MAX]');
  const id = meta.constant;
  const { program } = env.objects;
  if (program === 0) reject(EINVAL, 'bpf_obj_new/bpf_percpu_obj_new requires prog BTF');
  const btf = env.objects.btf(program);
  const type = id < btf.types.length ? typeById(btf, id) : undefined;
  if (type?.kind !== 'STRUCT')
    return reject(EINVAL, 'bpf_obj_new/bpf_percpu_obj_new type ID argument must be of a struct');
  if (!perCpu) return id;
  if (type.size > PERCPU_MAX_SIZE) {
    reject(EINVAL, `bpf_percpu_obj_new type size (${type.size}) is greater than ${PERCPU_MAX_SIZE}`);
  }
  if (!isScalarStruct(env, btf, type, 0)) {
    reject(EINVAL, 'bpf_percpu_obj_new type ID argument must be of a struct of scalars');
  }
  if (env.objects.fieldsOfObject(program, id) !== undefined) {
    reject(EINVAL, 'bpf_percpu_obj_new type ID argument must not contain special fields');
  }
  return id;
}

/** What may not be called from the `less` function of a tree. */
export function checkInTreeCallback(env: Env, name: string): void {
  if ((name === 'bpf_rcu_read_lock' || name === 'bpf_rcu_read_unlock') && inTreeCallback(env)) {
    reject(EACCES, 'Calling bpf_rcu_read_{lock,unlock} in unnecessary rbtree callback');
  }
}
