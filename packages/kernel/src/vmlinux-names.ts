/** Names to ids in the running kernel's BTF. */
import type { Btf, BtfType } from '@polybpf/btf';
import { readVmlinuxBtf } from './load-btf.ts';

/** Kinds that programs refer to by name. */
export type NamedKind = 'FUNC' | 'VAR' | 'TYPEDEF' | 'STRUCT';

let index: ReadonlyMap<string, number> | undefined;

/**
 * Id of a function, variable, typedef or struct of the kernel; undefined when there is none.
 *
 * @throws BpfError `E_UNSUPPORTED` when the kernel has no BTF
 */
export function vmlinuxId(kind: NamedKind, name: string): number | undefined {
  return (index ??= indexTypes(readVmlinuxBtf())).get(`${kind} ${name}`);
}

function indexTypes(btf: Btf): ReadonlyMap<string, number> {
  const ids = new Map<string, number>();
  for (const type of btf.types) {
    if (!isNamed(type)) continue;
    const key = `${type.kind} ${type.name}`;
    if (!ids.has(key)) ids.set(key, type.id);
  }
  return ids;
}

function isNamed(type: BtfType): boolean {
  return type.kind === 'FUNC' || type.kind === 'VAR' || type.kind === 'TYPEDEF' || type.kind === 'STRUCT';
}
