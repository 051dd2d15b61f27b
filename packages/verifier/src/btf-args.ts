/** Pointers to kernel objects as arguments. */
import { typeById } from '@polybpf/btf';
import type { ArgumentKind } from '@polybpf/helpers';
import { checkBtfAccess, requireKernel } from './btf-access.ts';
import { type Env, notModelled, reject } from './env.ts';
import type { CallMeta } from './helper-args.ts';
import { checkKptrMatch } from './kptrs.ts';
import { structsMatch } from './kernel-types.ts';
import { EACCES, EFAULT, passes } from './reject.ts';
import { W_AUX, W_AUX2, W_OFF, W_TYPE } from './register-record.ts';
import {
  MEM_ALLOC,
  MEM_PERCPU,
  MEM_RCU,
  PTR_MAYBE_NULL,
  PTR_TO_BTF_ID,
  PTR_TRUSTED,
  typeName,
} from './register-types.ts';
import { READ } from './stack-access.ts';
import { regAt } from './state.ts';

/** The object is of the type that the helper takes (kernel: check_reg_type). */
export function checkBtfArgument(env: Env, regno: number, kind: ArgumentKind, base: string, meta: CallMeta): void {
  const w = env.frame.w;
  const at = regAt(regno);
  const type = w[at + W_TYPE]!;
  if ((type & MEM_ALLOC) !== 0) {
    if ((type & PTR_MAYBE_NULL) !== 0) {
      reject(EFAULT, 'verifier bug: invalid PTR_TO_BTF_ID register for type match');
    }
    if (meta.name === 'bpf_kptr_xchg' && regno === 2) checkKptrMatch(env, meta.kptr!, regno);
    return;
  }
  if ((type & MEM_PERCPU) !== 0) return;
  if ((type & ~(PTR_MAYBE_NULL | PTR_TRUSTED | MEM_RCU)) !== PTR_TO_BTF_ID) {
    return notModelled(`${typeName(type)} as an argument`);
  }
  const release = kind.flags.includes('OBJ_RELEASE');
  if ((type & PTR_MAYBE_NULL) !== 0 && (release || !kind.flags.includes('MAYBE_NULL'))) {
    reject(EACCES, `Possibly NULL pointer passed to helper arg${regno}`);
  }
  if (meta.name === 'bpf_kptr_xchg') return checkKptrMatch(env, meta.kptr!, regno);
  const name = kind.btf ?? (base === 'PTR_TO_BTF_ID_SOCK_COMMON' ? 'sock_common' : undefined);
  if (name === undefined) return notModelled(`kernel object for ${meta.name}`);
  const types = requireKernel(env);
  const needed = types.find('STRUCT', name);
  if (needed === undefined) return notModelled(`struct ${name}, which the kernel's BTF does not have`);
  const btf = env.objects.btf(w[at + W_AUX2]!);
  const strict = release && meta.name !== 'bpf_sk_release';
  let match = false;
  passes(() => {
    match = structsMatch(btf, w[at + W_AUX]!, w[at + W_OFF]!, btf === types.btf ? needed.id : -1, strict);
  }, env.noter);
  if (match) return;
  reject(EACCES, `R${regno} is of type ${typeById(btf, w[at + W_AUX]!).name} but ${name} is expected`);
}

const OBJECT_TYPES = [PTR_TO_BTF_ID, PTR_TO_BTF_ID | PTR_TRUSTED, PTR_TO_BTF_ID | MEM_RCU];

/** The object is of the type that a global function takes (kernel: check_reg_type, for ARG_PTR_TO_BTF_ID). */
export function checkObjectArgument(env: Env, regno: number, id: number, nullable: boolean): void {
  const w = env.frame.w;
  const at = regAt(regno);
  const type = w[at + W_TYPE]!;
  if (!OBJECT_TYPES.includes(nullable ? type & ~PTR_MAYBE_NULL : type)) {
    reject(EACCES, `R${regno} type=${typeName(type)} expected=${OBJECT_TYPES.map(typeName).join(', ')}`);
  }
  const { btf } = requireKernel(env);
  let match = false;
  passes(() => {
    match = structsMatch(btf, w[at + W_AUX]!, w[at + W_OFF]!, id, false);
  }, env.noter);
  if (match) return;
  reject(
    EACCES,
    `R${regno} is of type ${typeById(btf, w[at + W_AUX]!).name} but ${typeById(btf, id).name} is expected`,
  );
}

/** A kernel object as memory that a helper reads. */
export function checkBtfMemory(env: Env, regno: number, off: number, size: number): void {
  checkBtfAccess(env, regno, off, size, READ, -1);
}
