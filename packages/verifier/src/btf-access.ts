/** Accesses through pointers to kernel objects, kptrs in map values, and maps themselves. */
import { type BtfComposite, typeById } from '@polybpf/btf';
import { markKnown, markUnknown } from './bounds.ts';
import { checkBtfStore } from './btf-store.ts';
import { KERNEL_OBJECT } from './btf-objects.ts';
import { type Env, notModelled, reject } from './env.ts';
import { formatTnum } from './format.ts';
import { isListed, type KernelTypes, type Walked, walkToField } from './kernel-types.ts';
import { isNonOwning, isOwnObject } from './object-fields.ts';
import { EACCES, EFAULT, EINVAL, EPERM } from './reject.ts';
import { W_AUX, W_AUX2, W_FRAME, W_ID, W_MASK, W_PRECISE, W_REF, W_TYPE, W_VAR } from './register-record.ts';
import {
  MEM_ALLOC,
  MEM_PERCPU,
  MEM_RCU,
  MEM_RDONLY,
  MEM_USER,
  NON_OWN_REF,
  PTR_MAYBE_NULL,
  PTR_TO_BTF_ID,
  PTR_TO_MEM,
  PTR_TRUSTED,
  PTR_UNTRUSTED,
  typeName,
} from './register-types.ts';
import { READ, WRITE } from './stack-access.ts';
import { regAt } from './state.ts';
import { isTrusted } from './trust.ts';

/** The kernel's types; without them nothing can be said. */
export function requireKernel(env: Env): KernelTypes {
  return env.kernel ?? notModelled('types of the kernel, which were not given');
}

const CLEARED = MEM_ALLOC | PTR_TRUSTED | NON_OWN_REF | MEM_RCU;
const KNOWN = MEM_ALLOC | NON_OWN_REF | PTR_MAYBE_NULL | PTR_UNTRUSTED | PTR_TRUSTED | MEM_RCU | MEM_USER | MEM_PERCPU;

/** Whether objects live on for this section of code (kernel: in_rcu_cs). */
export function inRcuSection(env: Env): boolean {
  const { state } = env;
  return state.activeRcuLocks > 0 || state.activeLocks > 0 || !(env.options.sleepable || state.inSleepable);
}

/** What trust a pointer has that was loaded through another. */
function trustOf(env: Env, types: KernelTypes, w: Int32Array, at: number, found: Walked & { kind: 'pointer' }): number {
  const type = w[at + W_TYPE]!;
  const listed = (list: string): boolean => isListed(types, w[at + W_AUX]!, found.field, found.id, list);
  if ((type & PTR_UNTRUSTED) !== 0) return PTR_UNTRUSTED;
  const { flags } = found;
  if (!isTrusted(w, at) && (type & MEM_RCU) === 0) return flags & ~CLEARED;
  if (listed('trusted')) return flags | PTR_TRUSTED;
  if (listed('trusted_or_null')) return flags | PTR_TRUSTED | PTR_MAYBE_NULL;
  if (!inRcuSection(env) || (type & PTR_MAYBE_NULL) !== 0) return PTR_UNTRUSTED;
  if (listed('rcu')) return flags | MEM_RCU;
  const orNull = listed('rcu_or_null');
  if ((flags & MEM_RCU) !== 0 || orNull) {
    return (flags | MEM_RCU | PTR_MAYBE_NULL) & (orNull ? ~PTR_UNTRUSTED : ~0);
  }
  return (flags & (MEM_PERCPU | MEM_USER)) !== 0 ? flags : flags & ~CLEARED;
}

/** The register holds what was loaded (kernel: mark_btf_ld_reg). */
function markLoaded(env: Env, value: number, found: Walked, flags: number, object: number): void {
  const w = env.frame.w;
  const to = regAt(value);
  if (found.kind === 'scalar' || found.kind === 'struct') {
    markUnknown(w, to, env.defaultPrecise);
    return;
  }
  w[to + W_FRAME] = 0;
  markKnown(w, to, 0, 0);
  w[to + W_PRECISE] = 0;
  if (found.kind === 'other pointer') {
    w[to + W_TYPE] = PTR_TO_MEM | MEM_RDONLY | PTR_UNTRUSTED;
    w[to + W_AUX] = 0;
    return;
  }
  if (found.kind !== 'pointer') return;
  w[to + W_TYPE] = PTR_TO_BTF_ID | flags;
  w[to + W_AUX] = found.id;
  w[to + W_AUX2] = object;
  if ((flags & PTR_MAYBE_NULL) !== 0) w[to + W_ID] = ++env.idGen;
}

/** (kernel: check_ptr_to_btf_access) */
export function checkBtfAccess(env: Env, regno: number, off: number, size: number, kind: number, value: number): void {
  const w = env.frame.w;
  const at = regAt(regno);
  const type = w[at + W_TYPE]!;
  const object = w[at + W_AUX2]!;
  if ((type & ~0xff & ~KNOWN) !== 0) notModelled(`access through ${typeName(type)}`);
  const btf = env.objects.btf(object);
  const { name } = typeById(btf, w[at + W_AUX]!);
  if (!env.options.allowPtrLeaks) {
    reject(EPERM, `'struct ${name}' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN`);
  }
  if (!env.options.gpl && object === KERNEL_OBJECT)
    reject(EINVAL, `Cannot access kernel 'struct ${name}' from non-GPL compatible program`);
  if (off < 0) reject(EACCES, `R${regno} is ptr_${name} invalid negative access: off=${off}`);
  if ((w[at + W_MASK]! | w[at + W_MASK + 1]! | w[at + W_VAR]! | w[at + W_VAR + 1]!) !== 0) {
    reject(
      EACCES,
      `R${regno} is ptr_${name} invalid variable offset: off=${off}, var_off=${formatTnum(w, at + W_VAR)}`,
    );
  }
  if ((type & MEM_USER) !== 0) reject(EACCES, `R${regno} is ptr_${name} access user memory: off=${off}`);
  if ((type & MEM_PERCPU) !== 0) reject(EACCES, `R${regno} is ptr_${name} access percpu memory: off=${off}`);
  if (kind === WRITE && !isOwnObject(type)) {
    return checkBtfStore(env, object, typeById(btf, w[at + W_AUX]!) as BtfComposite, off, size);
  }
  if (isOwnObject(type)) {
    if (kind === WRITE && (type & PTR_UNTRUSTED) !== 0) reject(EACCES, 'only read is supported');
    if (!isNonOwning(type) && (type & MEM_RCU) === 0 && w[at + W_REF] === 0) {
      reject(EFAULT, 'verifier bug: ref_obj_id for allocated object must be non-zero');
    }
    checkOwnField(env, object, w[at + W_AUX]!, off, size);
  }
  let found = walkToField(btf, w[at + W_AUX]!, off, size);
  // Pointers that programs store in their objects are numbers when they come back.
  if (found.kind === 'pointer' && isOwnObject(type)) found = { kind: 'scalar', flags: 0 };
  const flags = found.kind === 'pointer' ? trustOf(env, requireKernel(env), w, at, found) : 0;
  if (kind === READ && value >= 0) markLoaded(env, value, found, flags, object);
}

/** Special fields of objects are not for loads and stores (kernel: btf_struct_access). */
function checkOwnField(env: Env, object: number, id: number, off: number, size: number): void {
  for (const field of env.objects.fieldsOfObject(object, id) ?? []) {
    if (off < field.offset + field.size && field.offset < off + size) {
      reject(EACCES, `direct access to ${field.tag} is disallowed`);
    }
  }
}

/** Structs that maps are, by type (kernel: map_btf_id of the map's operations). */
const MAP_STRUCTS: Readonly<Record<number, string>> = {
  1: 'bpf_htab',
  2: 'bpf_array',
  3: 'bpf_array',
  4: 'bpf_array',
  5: 'bpf_htab',
  6: 'bpf_array',
  7: 'bpf_stack_map',
  8: 'bpf_array',
  9: 'bpf_htab',
  10: 'bpf_htab',
  11: 'lpm_trie',
  12: 'bpf_array',
  13: 'bpf_htab',
  14: 'bpf_dtab',
  15: 'bpf_stab',
  16: 'bpf_cpu_map',
  17: 'xsk_map',
  18: 'bpf_shtab',
  19: 'bpf_cgroup_storage_map',
  20: 'reuseport_array',
  21: 'bpf_cgroup_storage_map',
  22: 'bpf_queue_stack',
  23: 'bpf_queue_stack',
  24: 'bpf_local_storage_map',
  25: 'bpf_dtab',
  27: 'bpf_ringbuf_map',
  28: 'bpf_local_storage_map',
  29: 'bpf_local_storage_map',
  30: 'bpf_bloom_filter',
  31: 'bpf_ringbuf_map',
  32: 'bpf_local_storage_map',
  33: 'bpf_arena',
};

/** (kernel: check_ptr_to_map_access) */
export function checkMapPointerAccess(
  env: Env,
  regno: number,
  off: number,
  size: number,
  kind: number,
  value: number,
): void {
  const types = requireKernel(env);
  const w = env.frame.w;
  const at = regAt(regno);
  const map = env.maps[w[at + W_AUX]! - 1];
  const name = MAP_STRUCTS[map?.type ?? 0];
  const id = name === undefined ? undefined : types.find('STRUCT', name)?.id;
  if (id === undefined) return notModelled('access to struct bpf_map');
  if (!env.options.allowPtrLeaks) {
    reject(EPERM, `'struct ${name!}' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN`);
  }
  if (off < 0) reject(EACCES, `R${regno} is ${name!} invalid negative access: off=${off}`);
  if (kind !== READ) reject(EACCES, `only read from ${name!} is supported`);
  const found = walkToField(types.btf, id, off, size);
  if (value >= 0) markLoaded(env, value, found, found.flags, KERNEL_OBJECT);
}
