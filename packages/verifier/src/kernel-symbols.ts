/** Variables and functions of the kernel that a program names by their BTF ids (kernel: check_pseudo_btf_id, add_kfunc_call). */
import { type BtfType, sizeOf, typeById } from '@polybpf/btf';
import { isBpfError } from '@polybpf/errors';
import { checkPrototype } from './attach-target.ts';
import { type Env, notModelled, reject } from './env.ts';
import { isStruct, type KernelTypes, resolved } from './kernel-types.ts';
import { EINVAL, ENOENT, EPROTO } from './reject.ts';
import { W_AUX, W_AUX2, W_TYPE } from './register-record.ts';
import { MEM_PERCPU, MEM_RDONLY, PTR_TO_BTF_ID, PTR_TO_MEM } from './register-types.ts';
import { isKfuncCall } from './successors.ts';

const PERCPU_SECTION = '.data..percpu';
const perCpu = new WeakMap<KernelTypes, ReadonlySet<number>>();

/** Variables that each CPU has (kernel: find_btf_percpu_datasec). */
function perCpuVariables(types: KernelTypes): ReadonlySet<number> {
  let ids = perCpu.get(types);
  if (ids === undefined) {
    const section = types.find('DATASEC', PERCPU_SECTION);
    ids = new Set(section?.kind === 'DATASEC' ? section.variables.map(({ type }) => type) : []);
    perCpu.set(types, ids);
  }
  return ids;
}

function symbolOf(env: Env, insn: number): BtfType {
  const id = env.imm[insn]!;
  if (env.imm[insn + 1] !== 0) return reject(EINVAL, 'invalid module BTF object FD specified.');
  const { btf } = env.kernel ?? notModelled('types of the kernel, which were not given');
  if (id < 0 || id >= btf.types.length) return reject(ENOENT, `ldimm64 insn specifies invalid btf_id ${id}.`);
  return typeById(btf, id);
}

/** Bytes of a type that is no struct. */
function sizeOfType(types: KernelTypes, id: number, what: string): number {
  try {
    return sizeOf(types.btf, id);
  } catch (error) {
    if (!isBpfError(error)) throw error;
    return reject(EINVAL, `${what} '${resolved(types.btf, id)?.name ?? ''}': -22`);
  }
}

/** Checks a ld_imm64 of a symbol. Throws `Reject`. */
export function checkSymbol(env: Env, insn: number): void {
  const symbol = symbolOf(env, insn);
  if (symbol.kind !== 'VAR' && symbol.kind !== 'FUNC') {
    reject(EINVAL, `pseudo btf_id ${env.imm[insn]!} in ldimm64 isn't KIND_VAR or KIND_FUNC`);
  }
  if (!env.hasSymbol(symbol.name)) {
    reject(ENOENT, `ldimm64 failed to find the address for kernel symbol '${symbol.name}'.`);
  }
}

/** The register that a ld_imm64 of a symbol sets. */
export function loadSymbol(env: Env, insn: number, w: Int32Array, at: number): void {
  const symbol = symbolOf(env, insn);
  const types = env.kernel!;
  w[at + W_TYPE] = PTR_TO_MEM | MEM_RDONLY;
  if (symbol.kind !== 'VAR') {
    w[at + W_AUX] = 0;
    return;
  }
  w[at + W_AUX] = symbol.type;
  w[at + W_AUX2] = 0;
  const target = resolved(types.btf, symbol.type);
  if (perCpuVariables(types).has(symbol.id)) w[at + W_TYPE] = PTR_TO_BTF_ID | MEM_PERCPU;
  else if (target !== undefined && isStruct(target)) w[at + W_TYPE] = PTR_TO_BTF_ID;
  else w[at + W_AUX] = sizeOfType(types, symbol.type, 'ldimm64 unable to resolve the size of type');
}

/**
 * What bpf_per_cpu_ptr and bpf_this_cpu_ptr make of a variable (kernel: check_helper_call, RET_PTR_TO_MEM_OR_BTF_ID).
 *
 * @param flags - of the result
 */
export function setVariableOfCpu(env: Env, w: Int32Array, at: number, id: number, flags: number): void {
  const { btf } = env.kernel!;
  const target = resolved(btf, id);
  w[at + W_AUX2] = 0;
  if (target !== undefined && isStruct(target)) {
    w[at + W_TYPE] = PTR_TO_BTF_ID | (flags & ~MEM_RDONLY);
    w[at + W_AUX] = id;
    return;
  }
  w[at + W_AUX] = sizeOfType(env.kernel!, id, 'unable to resolve the size of type');
  w[at + W_TYPE] = PTR_TO_MEM | flags;
}

/** A call of a kernel function is of one. Throws `Reject`. */
export function checkKfuncId(env: Env, insn: number): void {
  if (!env.options.gpl) reject(EINVAL, 'cannot call kernel function from non-GPL compatible program');
  const offset = env.off[insn]!;
  const named = env.kfuncName?.(insn);
  if (named !== undefined && named !== '') {
    const { kernel } = env;
    const func = kernel?.find('FUNC', named);
    const proto = func?.kind === 'FUNC' ? typeById(kernel!.btf, func.type) : undefined;
    if (proto?.kind === 'FUNC_PROTO') checkPrototype(kernel!.btf, named, proto);
    return;
  }
  const id = env.imm[insn]!;
  if (id === 0 && offset === 0) return;
  if (offset !== 0) {
    const why = offset < 0 ? 'negative offset disallowed for kernel module function call' : 'kfunc offset > 0 without fd_array is invalid'; // prettier-ignore
    reject(offset < 0 ? EINVAL : EPROTO, `${why}\nfailed to find BTF for kernel function`);
  }
  if (env.kernel !== undefined) reject(EINVAL, `kernel btf_id ${id >>> 0} is not a function`);
}

/** Whether a call is of no function: it does nothing, and must not be reached. */
export function isLostKfunc(env: Env, insn: number): boolean {
  return isKfuncCall(env, insn) && env.imm[insn] === 0 && env.off[insn] === 0 && env.kfuncName?.(insn) === undefined;
}

/** No call of no function was reached (kernel: fixup_kfunc_call). Throws `Reject`. */
export function checkLostKfuncs(env: Env): void {
  for (let insn = 0; insn < env.count; insn++) {
    // Instructions that are not reached are removed before; without CAP_BPF they become jumps to themselves.
    if (env.seen[insn] !== 0 && isLostKfunc(env, insn)) {
      reject(EINVAL, 'invalid kernel function call not eliminated in verifier pass');
    }
  }
}
