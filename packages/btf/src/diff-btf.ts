import { BpfError } from '@polybpf/errors';
import type { Btf, BtfComposite, BtfType } from './btf-type.ts';
import { resolveType, typeById } from './resolve.ts';

/** What became of a type from one BTF to another. */
export interface BtfDifference {
  readonly kind: BtfType['kind'];
  readonly name: string;
  readonly change: 'added' | 'removed' | 'changed';
  /** For `changed`: what is different, in the order of the type. */
  readonly details: readonly BtfDetail[];
}

/** One difference inside a type; `before` or `after` is undefined for what was added or removed. */
export interface BtfDetail {
  /** `size`, a member (`a.b`), an enumerator, `type`. */
  readonly what: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/**
 * Compares two BTFs by the names of their types: structs and unions member by member, also of anonymous parts,
 * enumerations value by value, typedefs, functions and variables by their type. Ids and the order of types do not matter;
 * of several types with one name and kind, one that is the same in both is looked for first.
 *
 * @throws BpfError E_BTF_TYPE for types that refer to themselves in a circle, or are nested too deep
 */
export function diffBtf(before: Btf, after: Btf): BtfDifference[] {
  const [a, b] = [namedTypes(before), namedTypes(after)];
  const differences: BtfDifference[] = [];
  const entry = (type: BtfType, change: BtfDifference['change'], details: readonly BtfDetail[] = []): void => {
    differences.push({ kind: type.kind, name: type.name, change, details });
  };
  for (const [key, olds] of a) {
    const news = [...(b.get(key) ?? [])];
    const left = olds.filter((old) => {
      const same = news.findIndex((type) => detailsOf(before, old, after, type).length === 0);
      if (same >= 0) news.splice(same, 1);
      return same < 0;
    });
    for (const old of left) {
      const next = news.shift();
      if (next === undefined) entry(old, 'removed');
      else entry(old, 'changed', detailsOf(before, old, after, next));
    }
    for (const type of news) entry(type, 'added');
  }
  for (const [key, types] of b) if (!a.has(key)) for (const type of types) entry(type, 'added');
  return differences.sort((x, y) => (x.name < y.name ? -1 : x.name > y.name ? 1 : 0));
}

/** ENUM and ENUM64 are one thing, and so are a declaration and nothing. */
function namedTypes(btf: Btf): Map<string, BtfType[]> {
  const found = new Map<string, BtfType[]>();
  for (const type of btf.types) {
    if (type.name === '' || type.kind === 'FWD' || type.kind === 'DECL_TAG' || type.kind === 'TYPE_TAG') continue;
    const key = `${type.kind.replace('64', '')} ${type.name}`;
    const known = found.get(key);
    if (known === undefined) found.set(key, [type]);
    else known.push(type);
  }
  return found;
}

function detailsOf(before: Btf, old: BtfType, after: Btf, next: BtfType): BtfDetail[] {
  const [a, b] = [factsOf(before, old), factsOf(after, next)];
  const details: BtfDetail[] = [];
  for (const [what, value] of a) if (b.get(what) !== value) details.push({ what, before: value, after: b.get(what) });
  for (const [what, value] of b) if (!a.has(what)) details.push({ what, before: undefined, after: value });
  return details;
}

/** What a type says, as text by name. */
function factsOf(btf: Btf, type: BtfType): Map<string, string> {
  const facts = new Map<string, string>();
  switch (type.kind) {
    case 'INT':
    case 'FLOAT':
      facts.set('size', String(type.size));
      if (type.kind === 'INT') facts.set('encoding', `${type.encoding}, ${type.bits} bits`);
      break;
    case 'STRUCT':
    case 'UNION':
      facts.set('size', String(type.size));
      memberFacts(btf, type, '', 0, facts, 0, { left: 1 << 16 });
      break;
    case 'ENUM':
    case 'ENUM64':
      facts.set('size', String(type.size));
      for (const { name, value } of type.values) facts.set(name, String(value));
      break;
    case 'DATASEC':
      facts.set('size', String(type.size));
      for (const { type: id, offset, size } of type.variables) facts.set(typeById(btf, id).name, `offset ${offset}, ${size} bytes`); // prettier-ignore
      break;
    case 'TYPEDEF':
    case 'FUNC':
    case 'VAR':
      facts.set('type', formatType(btf, type.type));
  }
  return facts;
}

function memberFacts(
  btf: Btf,
  type: BtfComposite,
  path: string,
  base: number,
  facts: Map<string, string>,
  depth: number,
  budget: { left: number },
): void {
  // prettier-ignore
  if (depth > MAX_DEPTH) throw new BpfError('E_BTF_TYPE', `type ${type.id} is nested too deep`);
  budget.left -= type.members.length;
  if (budget.left < 0) throw new BpfError('E_BTF_TYPE', `type ${type.id} is too large to be compared`);
  for (const { name, type: id, bitOffset, bitfieldSize } of type.members) {
    const inner = resolveType(btf, id);
    const isAnonymous = (inner.kind === 'STRUCT' || inner.kind === 'UNION') && inner.name === '' && typeById(btf, id).kind !== 'TYPEDEF'; // prettier-ignore
    const here = name === '' ? path : `${path}${name}`;
    const at = base + bitOffset;
    if (isAnonymous) {
      memberFacts(btf, inner, name === '' ? path : `${here}.`, at, facts, depth + 1, budget);
      continue;
    }
    const place = bitfieldSize > 0 ? `bits ${at} to ${at + bitfieldSize - 1}` : `offset ${at / 8}`;
    facts.set(here, `${formatType(btf, id)} at ${place}`);
  }
}

const MAX_DEPTH = 32;

/**
 * A type on one line, as in C but read from left to right: `struct task_struct *`, `int[4]`, `int (*)(char, long)`.
 * What has no name is `struct {...}`.
 */
export function formatType(btf: Btf, id: number): string {
  return typeText(btf, id, 0, { left: MAX_PARTS });
}

/** Parts of one line; functions that take functions could make it endless. */
const MAX_PARTS = 256;

function typeText(btf: Btf, id: number, depth: number, budget: { left: number }): string {
  if (depth > MAX_DEPTH || --budget.left < 0) return '...';
  const type = typeById(btf, id);
  const inner = (other: number): string => typeText(btf, other, depth + 1, budget);
  switch (type.kind) {
    case 'VOID':
      return 'void';
    case 'PTR': {
      const target = typeById(btf, type.type);
      if (target.kind === 'FUNC_PROTO') return inner(type.type).replace('(', '(*)(');
      const text = inner(type.type);
      return text.endsWith('*') ? `${text}*` : `${text} *`;
    }
    case 'CONST':
    case 'VOLATILE':
    case 'RESTRICT': {
      const text = inner(type.type);
      const word = type.kind.toLowerCase();
      return text.endsWith('*') ? `${text} ${word}` : `${word} ${text}`;
    }
    case 'TYPE_TAG':
      return `${inner(type.type)} [${type.name}]`;
    case 'ARRAY':
      return `${inner(type.type)}[${type.nelems}]`;
    case 'FUNC_PROTO': {
      const params = type.params.map((param) => (param.type === 0 ? '...' : inner(param.type)));
      return `${inner(type.returnType)} (${params.join(', ')})`;
    }
    case 'STRUCT':
    case 'UNION':
    case 'ENUM':
    case 'ENUM64':
    case 'FWD': {
      const word = type.kind === 'FWD' ? (type.union ? 'union' : 'struct') : type.kind.replace('64', '').toLowerCase();
      return `${word} ${type.name === '' ? '{...}' : type.name}`;
    }
    default:
      return type.name;
  }
}
