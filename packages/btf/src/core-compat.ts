/**
 * Which types of the kernel may stand for a type of the program. Three questions, three strictnesses, all by the rules
 * that libbpf and the kernel share (libbpf src/relo_core.c; kernel tools/lib/bpf/relo_core.c):
 *
 *   fieldsAreCompatible  what a field accessor may land on: sizes and pointees do not matter
 *   typesAreCompatible   same shape, names of what is inside do not matter (type_exists, type_size, type_id_target)
 *   typesMatch           every member has a counterpart of its name and type (type_matches)
 */
import { BpfError } from '@polybpf/errors';
import type { Btf, BtfArray, BtfComposite, BtfEnum, BtfEnum64, BtfFuncProto, BtfReference, BtfType } from './btf-type.ts'; // prettier-ignore
import { BTF_INT_ENCODING } from './kinds.ts';
import { essentialName } from './name-index.ts';
import { resolveType, typeById } from './resolve.ts';

/** libbpf's limit for nested function prototypes and members, and for chains of pointers and arrays. */
const MAX_LEVEL = 32;

/** Members of members and parameters of parameters are compared pairwise, which could take for ever. */
const MAX_COMPARISONS = 1 << 17;

export function isEnum(type: BtfType): type is BtfEnum | BtfEnum64 {
  return type.kind === 'ENUM' || type.kind === 'ENUM64';
}

export function isComposite(type: BtfType): type is BtfComposite {
  return type.kind === 'STRUCT' || type.kind === 'UNION';
}

/** Same kind, where ENUM and ENUM64 are one. */
export function kindsAreCompatible(local: BtfType, target: BtfType): boolean {
  return local.kind === target.kind || (isEnum(local) && isEnum(target));
}

/** May an accessor to a field of type `localId` land on a field of type `targetId`? */
export function fieldsAreCompatible(local: Btf, localId: number, target: Btf, targetId: number): boolean {
  let [a, b] = [resolveType(local, localId), resolveType(target, targetId)];
  for (let level = 0; level <= MAX_LEVEL; level++) {
    if (isComposite(a) && isComposite(b)) return true;
    if (!kindsAreCompatible(a, b)) return false;
    switch (a.kind) {
      case 'PTR':
      case 'FLOAT':
        return true;
      case 'FWD':
      case 'ENUM':
      case 'ENUM64': {
        const [x, y] = [essentialName(a.name), essentialName(b.name)];
        return x === '' || y === '' || x === y;
      }
      case 'INT':
        return isPlainInt(a) && isPlainInt(b);
      case 'ARRAY':
        [a, b] = [resolveType(local, a.type), resolveType(target, (b as BtfArray).type)];
        break;
      default:
        return false;
    }
  }
  throw tooDeep(localId);
}

/** Old encodings of bit fields put an offset into the integer, which nothing here understands. */
function isPlainInt(type: BtfType): boolean {
  return type.kind === 'INT' && type.bitOffset === 0;
}

/** Do two types have the same shape? The caller has compared their names. */
export function typesAreCompatible(local: Btf, localId: number, target: Btf, targetId: number): boolean {
  if (!kindsAreCompatible(typeById(local, localId), typeById(target, targetId))) return false;
  return shapesAgree(local, localId, target, targetId, MAX_LEVEL, { left: MAX_COMPARISONS });
}

function shapesAgree(
  local: Btf,
  localId: number,
  target: Btf,
  targetId: number,
  level: number,
  budget: { left: number },
): boolean {
  // prettier-ignore
  if (level <= 0 || --budget.left < 0) throw tooDeep(localId);
  let [a, b] = [resolveType(local, localId), resolveType(target, targetId)];
  for (let depth = 0; depth < MAX_LEVEL; depth++) {
    if (!kindsAreCompatible(a, b)) return false;
    switch (a.kind) {
      case 'VOID':
      case 'STRUCT':
      case 'UNION':
      case 'ENUM':
      case 'ENUM64':
      case 'FWD':
        return true;
      case 'INT':
        return isPlainInt(a) && isPlainInt(b);
      case 'PTR':
      case 'ARRAY':
        [a, b] = [resolveType(local, a.type), resolveType(target, (b as BtfReference | BtfArray).type)];
        break;
      case 'FUNC_PROTO': {
        const other = b as BtfFuncProto;
        if (a.params.length !== other.params.length) return false;
        const agree = a.params.every((p, k) =>
          shapesAgree(local, p.type, target, other.params[k]!.type, level - 1, budget),
        );
        if (!agree) return false;
        [a, b] = [resolveType(local, a.returnType), resolveType(target, other.returnType)];
        break;
      }
      default:
        return false;
    }
  }
  throw tooDeep(localId);
}

interface Pair {
  readonly local: Btf;
  readonly target: Btf;
}

/** Does the target have all that the local type has, by name and type? */
export function typesMatch(local: Btf, localId: number, target: Btf, targetId: number): boolean {
  return matches({ local, target }, localId, targetId, false, MAX_LEVEL, { left: MAX_COMPARISONS });
}

function matches(
  pair: Pair,
  localId: number,
  targetId: number,
  isBehindPointer: boolean,
  level: number,
  budget: { left: number },
): boolean {
  if (level <= 0 || --budget.left < 0) throw tooDeep(localId);
  const { local, target } = pair;
  let behindPointer = isBehindPointer;
  let [a, b] = [resolveType(local, localId), resolveType(target, targetId)];
  for (let depth = 0; depth < MAX_LEVEL; depth++) {
    if (essentialName(a.name) !== essentialName(b.name)) return false;
    switch (a.kind) {
      case 'VOID':
        return b.kind === 'VOID';
      case 'FWD':
        if (b.kind === 'FWD') return a.union === b.union;
        return behindPointer && b.kind === (a.union ? 'UNION' : 'STRUCT');
      case 'ENUM':
      case 'ENUM64':
        return isEnum(b) && enumsMatch(a, b);
      case 'STRUCT':
      case 'UNION':
        if (!behindPointer) return a.kind === b.kind && compositesMatch(pair, a, b as BtfComposite, level, budget);
        // Behind a pointer the name is enough: what is there is never looked at.
        return a.kind === b.kind || (b.kind === 'FWD' && b.union === (a.kind === 'UNION'));
      case 'INT':
        return b.kind === 'INT' && a.size === b.size && isSigned(a) === isSigned(b);
      case 'PTR':
        if (b.kind !== 'PTR') return false;
        behindPointer = true;
        [a, b] = [resolveType(local, a.type), resolveType(target, b.type)];
        break;
      case 'ARRAY':
        if (b.kind !== 'ARRAY' || a.nelems !== b.nelems) return false;
        [a, b] = [resolveType(local, a.type), resolveType(target, b.type)];
        break;
      case 'FUNC_PROTO': {
        if (b.kind !== 'FUNC_PROTO' || a.params.length !== b.params.length) return false;
        for (const [k, { type }] of a.params.entries()) {
          if (!matches(pair, type, b.params[k]!.type, behindPointer, level - 1, budget)) return false;
        }
        [a, b] = [resolveType(local, a.returnType), resolveType(target, b.returnType)];
        break;
      }
      default:
        return false;
    }
  }
  throw tooDeep(localId);
}

export function isSigned(type: BtfType): boolean {
  return type.kind === 'INT' && (type.encoding & BTF_INT_ENCODING.SIGNED) !== 0;
}

function enumsMatch(a: BtfEnum | BtfEnum64, b: BtfEnum | BtfEnum64): boolean {
  if (a.size !== b.size || a.values.length > b.values.length) return false;
  const names = new Set(b.values.map(({ name }) => essentialName(name)));
  return a.values.every(({ name }) => names.has(essentialName(name)));
}

/** Members behind a pointer are not reached, so `behindPointer` is false for all of them. */
function compositesMatch(
  pair: Pair,
  a: BtfComposite,
  b: BtfComposite,
  level: number,
  budget: { left: number },
): boolean {
  if (a.members.length > b.members.length) return false;
  return a.members.every((member) => {
    const name = essentialName(member.name);
    return b.members.some(
      (other) => essentialName(other.name) === name && matches(pair, member.type, other.type, false, level - 1, budget),
    );
  });
}

function tooDeep(id: number): BpfError {
  return new BpfError('E_BTF_TYPE', `type ${id} is nested too deep to be compared`, {
    expected: `at most ${MAX_LEVEL} levels`,
  });
}
