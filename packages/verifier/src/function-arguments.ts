/** What BTF says that a function of the program takes (kernel: btf_prepare_func_args). */
import { type Btf, type BtfFunc, type BtfFuncProto, type BtfType, essentialName, resolveType, sizeOf, typeById } from '@polybpf/btf'; // prettier-ignore
import { isBpfError } from '@polybpf/errors';
import type { ProgramVariant } from '@polybpf/helpers';
import { checkContextTag, isContextType } from './context-types.ts';
import { notModelled, reject } from './env.ts';
import type { KernelTypes } from './kernel-types.ts';
import { EINVAL, ENOENT, EOPNOTSUPP, ESRCH } from './reject.ts';

/** What a function takes in a register. */
export type FunctionArgument =
  | { readonly kind: 'scalar' | 'ctx' | 'arena' | 'dynptr' }
  | { readonly kind: 'memory'; readonly size: number; readonly nullable: boolean; readonly untrusted: boolean }
  /** A kernel object, by its type in the kernel's BTF. */
  | { readonly kind: 'object'; readonly id: number; readonly nullable: boolean; readonly untrusted: boolean };

/** The function, and what its types are looked up in. */
export interface FunctionTypes {
  readonly btf: Btf;
  readonly variant: ProgramVariant;
  readonly kernel: KernelTypes | undefined;
  readonly owner: BtfFunc;
  readonly isGlobal: boolean;
}

const MAX_ARGUMENTS = 5;
const TAGS: ReadonlySet<string> = new Set(['ctx', 'trusted', 'untrusted', 'nonnull', 'nullable', 'arena']);

/** Texts of `arg:...` tags by function and parameter. */
export function argumentTags(btf: Btf): Map<number, string[]> {
  const tags = new Map<number, string[]>();
  for (const type of btf.types) {
    if (type.kind !== 'DECL_TAG' || type.componentIndex < 0 || !type.name.startsWith('arg:')) continue;
    const key = type.type * 16 + type.componentIndex;
    const list = tags.get(key) ?? [];
    list.push(type.name.slice(4));
    tags.set(key, list);
  }
  return tags;
}

/**
 * The arguments of a function.
 *
 * @param tags - see {@link argumentTags}
 */
export function functionArguments(types: FunctionTypes, tags: Map<number, string[]>): readonly FunctionArgument[] {
  const { btf, owner, isGlobal } = types;
  const proto = typeById(btf, owner.type) as BtfFuncProto;
  const fail = (text: string): never => reject(EINVAL, isGlobal ? text : '');
  const { params } = proto;
  if (params.length > MAX_ARGUMENTS) {
    fail(`Global function ${owner.name}() with ${params.length} > ${MAX_ARGUMENTS} args. Buggy compiler.`);
  }
  const result = proto.returnType === 0 ? undefined : resolveType(btf, proto.returnType);
  if (!isInteger(result)) {
    fail(`Global function ${owner.name}() doesn't return scalar. Only those are supported.`);
  }
  return params.map((param, i) => {
    const texts = tags.get(owner.id * 16 + i) ?? [];
    for (const text of texts) {
      if (!isGlobal) reject(EOPNOTSUPP, `arg#${i} type tag is not supported in static functions`);
      if (!TAGS.has(text)) reject(EOPNOTSUPP, `arg#${i} has unsupported set of tags`);
    }
    return argumentOf(types, param.type, i, texts);
  });
}

function isInteger(type: BtfType | undefined): boolean {
  return type?.kind === 'INT' || type?.kind === 'ENUM' || type?.kind === 'ENUM64';
}

function argumentOf(types: FunctionTypes, id: number, i: number, tags: readonly string[]): FunctionArgument {
  const { btf, isGlobal, owner, variant } = types;
  const type = id === 0 ? undefined : resolveType(btf, id);
  const has = (tag: string): boolean => tags.includes(tag);
  const onlyWith = (...allowed: readonly string[]): void => {
    if (tags.some((tag) => !allowed.includes(tag))) reject(EINVAL, `arg#${i} has invalid combination of tags`);
  };
  const alone = (tag: string): void => {
    if (tags.some((other) => other !== tag)) reject(EINVAL, `arg#${i} ${tag} cannot be combined with any other tags`);
  };
  if (type?.kind === 'PTR') {
    const pointee = type.type === 0 ? undefined : resolveType(btf, type.type);
    if (has('ctx') || isContextType(btf, type.type, variant)) {
      onlyWith('ctx');
      if (has('ctx')) checkContextTag(btf, type.type, variant, i);
      return { kind: 'ctx' };
    }
    if (isDynptr(pointee)) {
      onlyWith();
      return { kind: 'dynptr' };
    }
    if (has('trusted')) {
      onlyWith('trusted', 'untrusted', 'nullable', 'ctx', 'arena');
      return { kind: 'object', id: kernelId(types, pointee, i), nullable: has('nullable'), untrusted: false };
    }
    if (has('untrusted')) {
      alone('untrusted');
      return untrusted(types, pointee, i);
    }
    if (has('arena')) {
      alone('arena');
      return { kind: 'arena' };
    }
    if (isGlobal) {
      onlyWith('nonnull');
      const size = pointeeSize(btf, type.type);
      if (size === undefined) {
        const what = `${kindName(pointee)} ${pointee?.name ?? ''}`;
        reject(EINVAL, `arg#${i} reference type('${what}') size cannot be determined: -22`);
      }
      return { kind: 'memory', size, nullable: !has('nonnull'), untrusted: false };
    }
  }
  if (tags.length > 0) reject(EINVAL, `arg#${i} has pointer tag, but is not a pointer type`);
  if (isInteger(type)) return { kind: 'scalar' };
  if (!isGlobal) reject(EINVAL, '');
  return reject(EINVAL, `Arg#${i} type ${kindName(type)} in ${owner.name}() is not supported yet.`);
}

/** A pointer that is only read through, by loads that may fail. */
function untrusted(types: FunctionTypes, pointee: BtfType | undefined, i: number): FunctionArgument {
  if (pointee === undefined || pointee.kind === 'VOID' || isInteger(pointee)) {
    return { kind: 'memory', size: 0, nullable: false, untrusted: true };
  }
  const id = kernelId(types, pointee, i);
  const { kind } = typeById(types.kernel!.btf, id);
  if (kind !== 'STRUCT' && kind !== 'UNION') {
    reject(EINVAL, `arg#${i} has type ${kindName(pointee)} '', but only struct or primitive types are allowed`);
  }
  return { kind: 'object', id, nullable: false, untrusted: true };
}

/** Id of the only type of the kernel that has this kind and name (kernel: btf_get_ptr_to_btf_id). */
function kernelId({ kernel }: FunctionTypes, pointee: BtfType | undefined, i: number): number {
  const what = `arg#${i} reference type('${described(pointee)}')`;
  if (pointee === undefined || pointee.name === '') {
    return reject(EINVAL, `${what} candidate matching error: -22`);
  }
  if (kernel === undefined) return notModelled('types of the kernel, which were not given');
  const found = kernel.findAll(pointee.kind, essentialName(pointee.name));
  if (found.length === 0) reject(ENOENT, `${what} has no matches`);
  if (found.length > 1) reject(ESRCH, `${what} is ambiguous`);
  return found[0]!.id;
}

/** (kernel: btf_is_dynptr_ptr) */
function isDynptr(type: BtfType | undefined): boolean {
  if (type?.name !== 'bpf_dynptr') return false;
  return type.kind === 'STRUCT' || type.kind === 'UNION' || (type.kind === 'FWD' && !type.union);
}

/** Kind as messages name it (kernel: btf_kind_str). */
function kindName(type: BtfType | undefined): string {
  return type === undefined || type.kind === 'VOID' ? 'UNKNOWN' : type.kind;
}

function described(type: BtfType | undefined): string {
  return `${kindName(type)} ${type === undefined || type.name === '' ? '(anon)' : type.name}`;
}

function pointeeSize(btf: Btf, id: number): number | undefined {
  if (id === 0) return undefined;
  try {
    return sizeOf(btf, id);
  } catch (error) {
    if (isBpfError(error)) return undefined;
    throw error;
  }
}
