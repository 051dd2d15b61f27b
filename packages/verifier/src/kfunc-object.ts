/** Kernel objects as arguments of kernel functions (kernel: process_kf_arg_ptr_to_btf_id). */
import { type BtfType, typeById } from '@polybpf/btf';
import { type Env, notModelled, reject } from './env.ts';
import { nameOf, structsMatch } from './kernel-types.ts';
import { OF_SOCKETS } from './kfunc-arg-kind.ts';
import type { Kfunc } from './kfunc-prototype.ts';
import { EINVAL, passes } from './reject.ts';
import { W_AUX, W_AUX2, W_OFF, W_REF, W_TYPE } from './register-record.ts';
import * as T from './register-types.ts';
import { regAt } from './state.ts';

const TRUSTED_MODIFIERS = T.MEM_ALLOC | T.PTR_TRUSTED | T.NON_OWN_REF;

/** A type and the same one with this ending are not to be taken for each other (kernel: btf_type_ids_nocast_alias). */
const NOCAST_ALIAS = '___init';

function isNocastAlias(a: string, b: string): boolean {
  return a === b + NOCAST_ALIAS || b === a + NOCAST_ALIAS;
}

/** Contexts as programs see them, and the kernel's (kernel: btf_is_projection_of). */
function isProjection(wanted: string, given: string): boolean {
  return (wanted === '__sk_buff' && given === 'sk_buff') || (wanted === 'xdp_md' && given === 'xdp_buff');
}

/** The object in the register is one of the type `target`, or begins with one. */
export function checkObject(env: Env, kfunc: Kfunc, i: number, target: BtfType): void {
  const types = env.kernel!;
  const w = env.frame.w;
  const at = regAt(i + 1);
  const type = w[at + W_TYPE]!;
  const base = T.baseType(type);
  const isObject = base === T.PTR_TO_BTF_ID;
  const unsafe = (T.typeFlags(type) & ~TRUSTED_MODIFIERS) !== 0 && (type & T.MEM_RCU) === 0;
  if ((!isObject || unsafe) && OF_SOCKETS[base] === undefined) {
    const wanted = T.typeName(base | (type & TRUSTED_MODIFIERS));
    reject(EINVAL, `arg#${i} is ${T.typeName(type)} expected ${wanted} or socket`);
  }
  const socket = OF_SOCKETS[base];
  const id = isObject ? w[at + W_AUX]! : (types.find('STRUCT', socket!)?.id ?? notModelled(`struct ${socket!}`));
  const btf = isObject ? env.objects.btf(w[at + W_AUX2]!) : types.btf;
  const given = typeById(btf, id);
  const { flags } = kfunc.info;
  const strict = (flags.includes('RELEASE') && w[at + W_REF] !== 0) || isNocastAlias(given.name, target.name);
  let match = false;
  passes(() => {
    // Types of two BTF are never the same, whatever their names; walking on may still be refused.
    match = structsMatch(btf, id, w[at + W_OFF]!, btf === types.btf ? target.id : -1, strict);
  }, env.noter);
  if (match || isProjection(target.name, given.name)) return;
  reject(
    EINVAL,
    `kernel function ${kfunc.name} args#${i} expected pointer to ${target.kind} ${nameOf(target)} but R${i + 1} has a pointer to ${given.kind} ${nameOf(given)}`,
  );
}
