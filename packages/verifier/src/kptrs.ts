/** Pointers to objects in map values and in objects of the program: loads, stores and bpf_kptr_xchg. */
import { typeById } from '@polybpf/btf';
import { markKnown } from './bounds.ts';
import { inRcuSection } from './btf-access.ts';
import { KERNEL_OBJECT } from './btf-objects.ts';
import { checkUnmodified } from './context-access.ts';
import { type Env, reject } from './env.ts';
import type { CallMeta } from './helper-args.ts';
import { structsMatch } from './kernel-types.ts';
import type { SpecialField } from './map-model.ts';
import { fieldAt, fieldsOfRegister, isOwnObject, offsetOf } from './object-fields.ts';
import { mapOf } from './region-access.ts';
import { invalidate, releaseReferenceOnly } from './references.ts';
import { EACCES, EINVAL, passes } from './reject.ts';
import { W_AUX, W_AUX2, W_FRAME, W_ID, W_MASK, W_OFF, W_PRECISE, W_REF, W_TYPE } from './register-record.ts';
import {
  baseType,
  MEM_ALLOC,
  MEM_PERCPU,
  MEM_RCU,
  NON_OWN_REF,
  PTR_MAYBE_NULL,
  PTR_TO_BTF_ID,
  PTR_TO_MEM,
  PTR_TRUSTED,
  PTR_UNTRUSTED,
  typeFlags,
  typeName,
} from './register-types.ts';
import { eachRegister, regAt } from './state.ts';
import { CLASS_LDX, CLASS_ST, CLASS_STX } from './successors.ts';

function targetName(env: Env, field: SpecialField): string {
  return typeById(env.objects.btf(field.object!), field.target!).name;
}

/** The pointer may be stored in the field (kernel: map_kptr_match_type). */
export function checkKptrMatch(env: Env, field: SpecialField, regno: number): void {
  const w = env.frame.w;
  const at = regAt(regno);
  const type = w[at + W_TYPE]!;
  const isPointer = baseType(type) === PTR_TO_BTF_ID;
  let permitted = PTR_MAYBE_NULL;
  if (isPointer && w[at + W_AUX2] !== KERNEL_OBJECT) {
    permitted |= MEM_ALLOC | (field.kptr === 'percpu' ? MEM_PERCPU : 0);
  } else permitted |= PTR_TRUSTED | MEM_RCU | (field.kptr === 'untrusted' ? PTR_UNTRUSTED : 0);
  let name = '';
  let match = false;
  if (isPointer && (typeFlags(type) & ~permitted) === 0) {
    const object = w[at + W_AUX2]!;
    const btf = env.objects.btf(object);
    name = typeById(btf, w[at + W_AUX]!).name;
    checkUnmodified(env, w, at, regno, true);
    passes(() => {
      const strict = field.kptr !== 'untrusted';
      match = object === field.object && structsMatch(btf, w[at + W_AUX]!, w[at + W_OFF]!, field.target!, strict);
    }, env.noter);
  }
  if (match) return;
  const wanted = targetName(env, field);
  const or = field.kptr === 'untrusted' ? ` or ${typeName(PTR_TO_BTF_ID | PTR_UNTRUSTED)}${wanted}` : '';
  reject(
    EACCES,
    `invalid kptr access, R${regno} type=${typeName(type)}${name} expected=${typeName(PTR_TO_BTF_ID)}${wanted}${or}`,
  );
}

/** Structs of the kernel that go away a grace period after the last reference (kernel: rcu_protected_types). */
const RCU_PROTECTED: ReadonlySet<string> = new Set([
  'prog_test_ref_kfunc',
  'cgroup',
  'bpf_cpumask',
  'task_struct',
  'bpf_crypto_ctx',
]);

/** Flags of a pointer that was loaded from the field (kernel: btf_ld_kptr_type). */
function loadedFlags(env: Env, field: SpecialField): number {
  const { kptr, inKernel } = field;
  const counted = kptr === 'ref' && (inKernel !== true || RCU_PROTECTED.has(targetName(env, field)));
  if ((kptr !== 'percpu' && !counted) || !inRcuSection(env)) return PTR_MAYBE_NULL | PTR_UNTRUSTED;
  let flags = PTR_MAYBE_NULL | MEM_RCU;
  if (kptr === 'percpu') flags |= MEM_PERCPU;
  else if (inKernel !== true) flags |= MEM_ALLOC;
  const inside = env.objects.fieldsOfObject(field.object!, field.target!);
  const isNode = inside?.some(({ kind }) => kind === 'bpf_list_node' || kind === 'bpf_rb_node') === true;
  return isNode ? flags | NON_OWN_REF : flags;
}

/** A load or store of a kptr in a map value, whose place and size are right (kernel: check_map_kptr_access). */
export function checkKptrAccess(env: Env, field: SpecialField, value: number): void {
  const opcode = env.opcode[env.insn]!;
  if ((opcode & 0xe0) !== 0x60) {
    reject(EACCES, 'kptr in map can only be accessed using BPF_MEM instruction mode');
  }
  const kind = opcode & 7;
  if (kind === CLASS_LDX) return markLoaded(env, field, value);
  if (field.kptr === 'ref' || field.kptr === 'percpu') reject(EACCES, 'store to referenced kptr disallowed');
  if (field.kptr === 'user') reject(EACCES, 'store to uptr disallowed');
  if (kind === CLASS_STX) {
    if (!env.frame.isZero(regAt(value))) checkKptrMatch(env, field, value);
  } else if (kind === CLASS_ST) {
    if (env.imm[env.insn] !== 0) reject(EACCES, `BPF_ST imm must be 0 when storing to kptr at off=${field.offset}`);
  } else reject(EACCES, 'kptr in map can only be accessed using BPF_LDX/BPF_STX/BPF_ST');
}

function markLoaded(env: Env, field: SpecialField, value: number): void {
  const w = env.frame.w;
  const to = regAt(value);
  w[to + W_FRAME] = 0;
  markKnown(w, to, 0, 0);
  w[to + W_PRECISE] = 0;
  if (field.kptr === 'user') {
    const type = typeById(env.objects.btf(field.object!), field.target!);
    w[to + W_TYPE] = PTR_TO_MEM | PTR_MAYBE_NULL;
    w[to + W_AUX] = 'size' in type ? type.size : 0;
  } else {
    w[to + W_TYPE] = PTR_TO_BTF_ID | loadedFlags(env, field);
    w[to + W_AUX] = field.target!;
    w[to + W_AUX2] = field.object!;
  }
  w[to + W_ID] = ++env.idGen;
}

/** First argument of bpf_kptr_xchg (kernel: process_kptr_func). */
export function processKptr(env: Env, regno: number, meta: CallMeta): void {
  const w = env.frame.w;
  const at = regAt(regno);
  if (!isOwnObject(w[at + W_TYPE]!)) {
    const map = mapOf(env, w, at);
    if (!map.hasBtf) reject(EINVAL, `map '${map.name}' has to have BTF in order to use bpf_kptr_xchg`);
    meta.map = map;
  }
  if ((w[at + W_MASK]! | w[at + W_MASK + 1]!) !== 0) {
    reject(EINVAL, `R${regno} doesn't have constant offset. kptr has to be at the constant offset`);
  }
  const fields = fieldsOfRegister(env, w, at);
  if (fields?.some(({ kind }) => kind === 'kptr') !== true) reject(EINVAL, `R${regno} has no valid kptr`);
  const offset = offsetOf(w, at);
  const field = fieldAt(fields, 'kptr', offset);
  if (field === undefined) return reject(EACCES, `off=${offset} doesn't point to kptr`);
  if (field.kptr === 'untrusted') reject(EACCES, `off=${offset} kptr isn't referenced kptr`);
  meta.kptr = field;
}

/** The field owns the object that was given; a per-CPU one may still be read for as long as RCU holds. */
export function giveToField(env: Env, ref: number): boolean {
  const rcu = inRcuSection(env);
  if (!releaseReferenceOnly(env.state, ref)) return false;
  eachRegister(env.state, (w, at) => {
    if (w[at + W_REF] !== ref) return;
    const type = w[at + W_TYPE]!;
    if (rcu && (type & MEM_ALLOC) !== 0 && (type & MEM_PERCPU) !== 0) {
      w[at + W_REF] = 0;
      w[at + W_TYPE] = (type & ~MEM_ALLOC) | MEM_RCU;
    } else invalidate(env, w, at);
  });
  return true;
}

/** What bpf_kptr_xchg gives: the object that was in the field. */
export function setExchanged(env: Env, field: SpecialField, flags: number): void {
  const w = env.frame.w;
  const r0 = regAt(0);
  markKnown(w, r0, 0, 0);
  w[r0 + W_PRECISE] = 0;
  w[r0 + W_TYPE] = PTR_TO_BTF_ID | flags | (field.inKernel === true ? 0 : MEM_ALLOC | (field.kptr === 'percpu' ? MEM_PERCPU : 0)); // prettier-ignore
  w[r0 + W_AUX] = field.target!;
  w[r0 + W_AUX2] = field.object!;
}
