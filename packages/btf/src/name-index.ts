import type { Btf, BtfType } from './btf-type.ts';

/** Types of one blob by essential name; made when first asked for and kept as long as the blob. */
const indexes = new WeakMap<Btf, ReadonlyMap<string, readonly BtfType[]>>();

/**
 * A name without its flavour: `task_struct___old` stands for `task_struct` (libbpf, bpf_core_essential_name_len: the last
 * three underscores between other characters).
 */
export function essentialName(name: string): string {
  for (let at = name.length - 5; at >= 0; at--) {
    if (name.startsWith('___', at + 1) && name[at] !== '_' && name[at + 4] !== '_') return name.slice(0, at + 1);
  }
  return name;
}

/**
 * Named types whose name without flavour is `name`, in order of id. Only those of the blob itself, not of its base.
 * The first call for a blob takes a pass over its types; the others are look-ups.
 */
export function typesByEssentialName(btf: Btf, name: string): readonly BtfType[] {
  let index = indexes.get(btf);
  if (index === undefined) {
    index = buildIndex(btf);
    indexes.set(btf, index);
  }
  return index.get(name) ?? [];
}

function buildIndex(btf: Btf): Map<string, BtfType[]> {
  const index = new Map<string, BtfType[]>();
  for (const type of btf.types) {
    if (type.name === '') continue;
    const name = type.name.includes('___') ? essentialName(type.name) : type.name;
    const known = index.get(name);
    if (known === undefined) index.set(name, [type]);
    else known.push(type);
  }
  return index;
}
