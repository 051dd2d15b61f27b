/** Names of BTF types as C takes them: no keyword, no foreign character, no name twice in one scope. */
import type { Btf, BtfType } from './btf-type.ts';

export interface CNames {
  /** Tag of a struct, union or enum, or name of a typedef; '' for what has none. */
  readonly nameOf: (type: BtfType) => string;
  /** A name for an enumerator; a second one of the same name gets a suffix. */
  readonly enumerator: (name: string) => string;
}

/** `__builtin_va_list` is another type on each machine, and that of the BTF is the one that counts. */
const KEYWORDS: ReadonlySet<string> = new Set(
  `auto break case char const continue default do double else enum extern float for goto if inline int long register
  restrict return short signed sizeof static struct switch typedef union unsigned void volatile while _Alignas _Alignof
  _Atomic _Bool _Complex _Generic _Imaginary _Noreturn _Static_assert _Thread_local asm typeof __builtin_va_list`.split(
    /\s+/,
  ),
);

/** A name as an identifier of C. Names of other languages may hold anything. */
export function identifier(name: string): string {
  const safe = /^[A-Za-z_]\w*$/.test(name) ? name : name.replace(/\W/g, '_').replace(/^(?=\d)/, '_');
  return KEYWORDS.has(safe) ? `${safe}_` : safe;
}

/** Tags are one scope, all else is another. A name that is taken gets `___2` and so on, as from bpftool. */
export function createNames(btf: Btf): CNames {
  const tags = new Map<string, number>();
  const ordinary = new Map<string, number>();
  const resolved = new Map<number, string>();
  const fresh = (scope: Map<string, number>, name: string): string => {
    const safe = identifier(name);
    const count = (scope.get(safe) ?? 0) + 1;
    scope.set(safe, count);
    return count === 1 ? safe : `${safe}___${count}`;
  };
  const isOnlyDeclared = (type: BtfType): boolean =>
    type.kind === 'FWD' || ((type.kind === 'ENUM' || type.kind === 'ENUM64') && type.values.length === 0);
  for (let blob: Btf | undefined = btf; blob !== undefined; blob = blob.base) {
    for (const { kind, name } of blob.types) {
      // Numbers of C's own names are not to be taken by anything else.
      if (kind === 'INT' || kind === 'FLOAT') if (/^\w+$/.test(name) && !KEYWORDS.has(name)) ordinary.set(name, 1);
    }
  }
  // By id, so that a name does not depend on what is printed first.
  const resolve = (type: BtfType): void => {
    if (type.name === '' || isOnlyDeclared(type)) return;
    switch (type.kind) {
      case 'STRUCT':
      case 'UNION':
      case 'ENUM':
      case 'ENUM64':
        resolved.set(type.id, fresh(tags, type.name));
        return;
      case 'TYPEDEF':
        resolved.set(type.id, fresh(ordinary, type.name));
    }
  };
  for (let blob: Btf | undefined = btf; blob !== undefined; blob = blob.base) blob.types.forEach(resolve);
  return {
    nameOf: (type) => resolved.get(type.id) ?? (type.name === '' ? '' : identifier(type.name)),
    enumerator: (name) => fresh(ordinary, name),
  };
}
