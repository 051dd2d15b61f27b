/** Enumerations and tagged functions in the running kernel's BTF. */
import { type Btf, type BtfType, resolveType, typeById } from '@polybpf/btf';
import { BpfError } from '@polybpf/errors';

/** Names and numbers of an enumeration, without the markers of its end (`__MAX_...`). */
export function enumValues(btf: Btf, name: string): Record<string, number> {
  const type = btf.types.find((candidate) => candidate.kind === 'ENUM' && candidate.name === name);
  if (type?.kind !== 'ENUM') throw new BpfError('E_BTF_TYPE', `the kernel's BTF has no enum ${name}`);
  return Object.fromEntries(type.values.flatMap(({ name, value }) => (name.startsWith('__') ? [] : [[name, value]])));
}

/** Helpers: name to id, from `enum bpf_func_id`. */
export function helperIds(btf: Btf): Map<string, number> {
  const ids = Object.entries(enumValues(btf, 'bpf_func_id')).map(([name, id]): [string, number] => [name.replace(/^BPF_FUNC_/, 'bpf_'), id]); // prettier-ignore
  return new Map(ids.filter(([, id]) => id > 0).sort((a, b) => a[1] - b[1]));
}

/** A function that programs may call. */
export interface KernelFunction {
  readonly name: string;
  readonly id: number;
  readonly ret: string;
  readonly params: readonly { readonly name: string; readonly type: string }[];
  readonly fastcall: boolean;
}

/** Functions with the declaration tag `bpf_kfunc`, by name. */
export function kernelFunctions(btf: Btf): KernelFunction[] {
  const tags = new Map<number, Set<string>>();
  for (const type of btf.types) {
    if (type.kind !== 'DECL_TAG') continue;
    const known = tags.get(type.type);
    if (known === undefined) tags.set(type.type, new Set([type.name]));
    else known.add(type.name);
  }
  return [...tags]
    .flatMap(([id, names]) => (names.has('bpf_kfunc') ? [describeFunction(btf, id, names.has('bpf_fastcall'))] : []))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function describeFunction(btf: Btf, id: number, fastcall: boolean): KernelFunction {
  const func = typeById(btf, id);
  const proto = func.kind === 'FUNC' ? resolveType(btf, func.type) : undefined;
  if (proto?.kind !== 'FUNC_PROTO') throw new BpfError('E_BTF_TYPE', `type ${id} is no function`);
  return {
    name: func.name,
    id,
    ret: typeText(btf, proto.returnType),
    params: proto.params.map(({ name, type }) => ({ name, type: typeText(btf, type) })),
    fastcall,
  };
}

const MAX_DEPTH = 16;

/** A type in C, as far as parameters need it; pointers to functions are `fn *`. */
export function typeText(btf: Btf, id: number, depth = 0): string {
  if (id === 0 || depth > MAX_DEPTH) return 'void';
  const type: BtfType = typeById(btf, id);
  switch (type.kind) {
    case 'PTR':
      return `${typeText(btf, type.type, depth + 1)} *`.replace(/\* \*$/, '**');
    case 'CONST':
      return qualified('const', typeText(btf, type.type, depth + 1));
    case 'VOLATILE':
      return qualified('volatile', typeText(btf, type.type, depth + 1));
    case 'RESTRICT':
      return typeText(btf, type.type, depth + 1);
    case 'TYPE_TAG':
      // `__arena` is an attribute of what is pointed to.
      return type.attribute ? type.name : typeText(btf, type.type, depth + 1);
    case 'STRUCT':
      return `struct ${type.name}`;
    case 'UNION':
      return `union ${type.name}`;
    case 'ENUM':
    case 'ENUM64':
      return `enum ${type.name}`;
    case 'FWD':
      return `${type.union ? 'union' : 'struct'} ${type.name}`;
    case 'FUNC_PROTO':
      return 'fn';
    case 'ARRAY':
      return `${typeText(btf, type.type, depth + 1)} [${type.nelems}]`;
    default:
      return type.name === '' ? 'void' : type.name;
  }
}

/** `const` belongs before a plain type and behind a pointer. */
function qualified(word: string, text: string): string {
  return text.endsWith('*') ? `${text}${word}` : `${word} ${text}`;
}
