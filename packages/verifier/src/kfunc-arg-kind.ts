/** What a pointer argument of a kernel function is, by its type in BTF and its name (kernel: get_kfunc_ptr_arg_type). */
import type { Btf, BtfType } from '@polybpf/btf';
import { type Env, reject } from './env.ts';
import { isStruct, nameOf, resolved } from './kernel-types.ts';
import { type Place, placeOf } from './kfunc-places.ts';
import type { Kfunc } from './kfunc-prototype.ts';
import { GRAPH_ARGUMENTS, type OwnedKind } from './owned-objects.ts';
import { isContextType } from './context-types.ts';
import { EINVAL } from './reject.ts';
import { W_TYPE } from './register-record.ts';
import * as T from './register-types.ts';
import { regAt } from './state.ts';

/** Kinds of pointer arguments. */
export type PointerKind =
  | 'context'
  | 'null'
  | OwnedKind
  | 'dynptr'
  | 'iterator'
  | 'string'
  | 'map'
  | 'object'
  | 'callback'
  | 'memory'
  | 'memory and size'
  | Place;

/** Structs that registers which are no BTF pointers stand for (kernel: reg2btf_ids). */
export const OF_SOCKETS: Readonly<Record<number, string>> = {
  [T.PTR_TO_SOCKET]: 'sock',
  [T.PTR_TO_SOCK_COMMON]: 'sock_common',
  [T.PTR_TO_TCP_SOCK]: 'tcp_sock',
  [T.CONST_PTR_TO_MAP]: 'bpf_map',
};

/** Functions whose only argument is the context, whatever its type. */
const OF_CONTEXT: ReadonlySet<string> = new Set([
  'bpf_cast_to_kern_ctx',
  'bpf_session_is_return',
  'bpf_session_cookie',
]);

/** Whether a name ends in a suffix and has something before it (kernel: btf_param_match_suffix). */
export function hasSuffix(name: string, suffix: string): boolean {
  return name.length > suffix.length && name.endsWith(suffix);
}

/** Integers and enumerations (kernel: btf_type_is_scalar). */
export function isScalarType(type: BtfType | undefined): boolean {
  return type?.kind === 'INT' || type?.kind === 'ENUM' || type?.kind === 'ENUM64';
}

/** Whether the argument is followed by its size (kernel: is_kfunc_arg_mem_size, is_kfunc_arg_const_mem_size). */
function hasSize(env: Env, { proto }: Kfunc, i: number): boolean {
  const next = proto.params[i + 1];
  if (next === undefined || env.frame.w[regAt(i + 2) + W_TYPE] !== T.SCALAR_VALUE) return false;
  if (!hasSuffix(next.name, '__sz') && !hasSuffix(next.name, '__szk')) return false;
  return isScalarType(resolved(env.kernel!.btf, next.type));
}

/** Structs of integers, four levels deep (kernel: __btf_type_is_scalar_struct). */
export function isScalarStruct(env: Env, btf: Btf, type: BtfType, depth: number): boolean {
  if (!isStruct(type)) return false;
  return type.members.every((m) => {
    let inner = resolved(btf, m.type);
    if (inner !== undefined && isStruct(inner)) {
      if (depth >= 3) env.note('max struct nesting depth exceeded');
      return depth < 3 && isScalarStruct(env, btf, inner, depth + 1);
    }
    if (inner?.kind === 'ARRAY') {
      if (inner.nelems === 0) return false;
      inner = resolved(btf, inner.type);
    }
    return isScalarType(inner);
  });
}

/** The kind of pointer argument `i`, which points to `pointee`. */
export function pointerKind(env: Env, kfunc: Kfunc, i: number, pointee: number): PointerKind {
  const { btf } = env.kernel!;
  const { name, info, proto } = kfunc;
  const param = proto.params[i]!;
  const at = regAt(i + 1);
  if (OF_CONTEXT.has(name)) return 'context';
  const sized = hasSize(env, kfunc, i);
  if (isContextType(btf, pointee, env.variant)) return 'context';
  if (hasSuffix(param.name, '__nullable') && env.frame.isZero(at) && !sized) return 'null';
  if (hasSuffix(param.name, '__alloc')) return 'owned object';
  if (hasSuffix(param.name, '__refcounted_kptr')) return 'refcounted object';
  const target = resolved(btf, pointee);
  if (target?.kind === 'STRUCT' && target.name === 'bpf_dynptr') return 'dynptr';
  const iterates = info.flags.some((flag) => flag === 'ITER_NEW' || flag === 'ITER_NEXT' || flag === 'ITER_DESTROY');
  if (iterates ? i === 0 : hasSuffix(param.name, '__iter')) return 'iterator';
  const graph = GRAPH_ARGUMENTS.get(target?.kind === 'STRUCT' ? target.name : '');
  if (graph !== undefined) return graph;
  if (hasSuffix(param.name, '__str')) return 'string';
  if (hasSuffix(param.name, '__map')) return 'map';
  const place = placeOf(param.name, target);
  if (place !== undefined) return place;
  const base = T.baseType(env.frame.w[at + W_TYPE]!);
  const what = target === undefined ? 'UNKNOWN ' : `${target.kind} ${nameOf(target)}`;
  if (base === T.PTR_TO_BTF_ID || OF_SOCKETS[base] !== undefined) {
    if (target !== undefined && isStruct(target)) return 'object';
    reject(EINVAL, `kernel function ${name} args#${i} pointer type ${what} is not supported`);
  }
  if (target?.kind === 'FUNC_PROTO') return 'callback';
  const fits = target === undefined ? sized : isScalarType(target) || isScalarStruct(env, btf, target, 0);
  if (!fits) reject(EINVAL, `arg#${i} pointer type ${what} must point to ${sized ? 'void, ' : ''}scalar, or struct with scalar`); // prettier-ignore
  return sized ? 'memory and size' : 'memory';
}
