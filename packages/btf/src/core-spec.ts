/**
 * Access specifications of CO-RE relocations: `0:1:2` of the program's types, spelled out as accessors, and the same
 * accessors found again in the types of a kernel (libbpf src/relo_core.c, bpf_core_parse_spec and bpf_core_spec_match).
 */
import { BpfError } from '@polybpf/errors';
import type { Btf, BtfArray } from './btf-type.ts';
import { fieldsAreCompatible, isComposite, isEnum, typesAreCompatible, typesMatch } from './core-compat.ts';
import { type CoreRelocationKind, coreSubject } from './core-kinds.ts';
import { essentialName } from './name-index.ts';
import { resolveType, sizeOf, typeById } from './resolve.ts';

/** `BPF_CORE_SPEC_MAX_LEN`. */
const MAX_STEPS = 64;

/** One step: member `index` of the struct `type` when it has a name, else element `index` of an array of `type`. */
export interface CoreAccessor {
  /** Id behind typedefs and modifiers. */
  readonly type: number;
  readonly index: number;
  /** Member or enumerator. */
  readonly name: string | undefined;
}

/** A place in the types of one BTF. */
export interface CoreSpec {
  readonly btf: Btf;
  /** As the relocation names it, typedefs and all. */
  readonly rootType: number;
  readonly accessors: readonly CoreAccessor[];
  /** Every step, also those through anonymous members. */
  readonly steps: readonly number[];
  /** From the start of the root type, in bits. */
  readonly bitOffset: number;
}

/**
 * Reads the access string of a relocation.
 *
 * @throws BpfError E_LOAD_RELOCATION when it does not fit the type
 */
export function parseCoreSpec(btf: Btf, rootType: number, access: string, kind: CoreRelocationKind): CoreSpec {
  const fail = (why: string): BpfError =>
    new BpfError('E_LOAD_RELOCATION', `access string ${JSON.stringify(access)} of ${kind}: ${why}`);
  const subject = coreSubject(kind);
  if (subject === 'type') {
    if (access !== '0') throw fail('a type is accessed as 0');
    return { btf, rootType, accessors: [], steps: [], bitOffset: 0 };
  }
  if (!/^\d{1,10}(:\d{1,10})*$/.test(access)) throw fail('not numbers between colons');
  const steps = access.split(':').map(Number);
  if (steps.length > MAX_STEPS) throw fail(`more than ${MAX_STEPS} steps`);
  const first = resolveType(btf, rootType);
  const root = steps[0]!;
  if (subject === 'enumerator') {
    const name = isEnum(first) ? first.values[root]?.name : undefined;
    if (name === undefined || steps.length > 1) throw fail('no such enumerator');
    return { btf, rootType, accessors: [{ type: first.id, index: root, name }], steps, bitOffset: 0 };
  }
  const accessors: CoreAccessor[] = [{ type: first.id, index: root, name: undefined }];
  let bitOffset = root * sizeOf(btf, first.id) * 8;
  let current = first;
  for (const step of steps.slice(1)) {
    if (isComposite(current)) {
      const member = current.members[step];
      if (member === undefined) throw fail(`no member ${step} in ${current.name}`);
      bitOffset += member.bitOffset;
      if (member.name !== '') accessors.push({ type: current.id, index: step, name: member.name });
      current = resolveType(btf, member.type);
    } else if (current.kind === 'ARRAY') {
      if (step >= current.nelems && !isFlexible(btf, accessors.at(-1), current)) throw fail(`no element ${step}`);
      current = resolveType(btf, current.type);
      accessors.push({ type: current.id, index: step, name: undefined });
      bitOffset += step * sizeOf(btf, current.id) * 8;
    } else {
      throw fail(`${current.kind} has no parts`);
    }
  }
  return { btf, rootType, accessors, steps, bitOffset };
}

/** An array without length at the end of a struct may be indexed at will. */
function isFlexible(btf: Btf, accessor: CoreAccessor | undefined, array: BtfArray): boolean {
  if (accessor?.name === undefined || array.nelems > 0) return false;
  const owner = typeById(btf, accessor.type);
  return isComposite(owner) && accessor.index === owner.members.length - 1;
}

/** Where the target type has what `local` means; undefined where it does not. */
export function matchCoreSpec(
  local: CoreSpec,
  target: Btf,
  rootType: number,
  kind: CoreRelocationKind,
): CoreSpec | undefined {
  const found = { btf: target, rootType };
  switch (coreSubject(kind)) {
    case 'type': {
      const fits = kind === 'type_matches' ? typesMatch : typesAreCompatible;
      if (!fits(local.btf, local.rootType, target, rootType)) return undefined;
      return { ...found, accessors: [], steps: [], bitOffset: 0 };
    }
    case 'enumerator': {
      const type = resolveType(target, rootType);
      if (!isEnum(type)) return undefined;
      const wanted = essentialName(local.accessors[0]!.name!);
      const index = type.values.findIndex(({ name }) => essentialName(name) === wanted);
      if (index < 0) return undefined;
      const { name } = type.values[index]!;
      return { ...found, accessors: [{ type: type.id, index, name }], steps: [index], bitOffset: 0 };
    }
    case 'field':
      return matchField(local, target, rootType);
  }
}

interface Walk {
  readonly accessors: CoreAccessor[];
  readonly steps: number[];
  bitOffset: number;
  /** Members that may still be looked at; anonymous ones within each other could multiply without end. */
  budget: number;
}

const MAX_MEMBERS = 1 << 17;

function matchField(local: CoreSpec, target: Btf, rootType: number): CoreSpec | undefined {
  const walk: Walk = { accessors: [], steps: [], bitOffset: 0, budget: MAX_MEMBERS };
  let current = rootType;
  for (const [k, accessor] of local.accessors.entries()) {
    if (accessor.name !== undefined) {
      const next = matchMember(local.btf, accessor, target, current, walk);
      if (next === undefined) return undefined;
      current = next;
      continue;
    }
    // The first index steps over values of the root type itself; the others are into arrays.
    let element = resolveType(target, current);
    if (k > 0) {
      if (element.kind !== 'ARRAY') return undefined;
      if (accessor.index >= element.nelems && !isFlexible(target, walk.accessors.at(-1), element)) return undefined;
      element = resolveType(target, element.type);
    }
    step(walk, accessor.index);
    walk.accessors.push({ type: element.id, index: accessor.index, name: undefined });
    walk.bitOffset += accessor.index * sizeOf(target, element.id) * 8;
    current = element.id;
  }
  const { accessors, steps, bitOffset } = walk;
  return { btf: target, rootType, accessors, steps, bitOffset };
}

function step(walk: Walk, index: number): void {
  if (walk.steps.length === MAX_STEPS) throw new BpfError('E_LOAD_RELOCATION', 'types are nested too deep');
  walk.steps.push(index);
}

/** Finds a member by name, also inside anonymous members; gives its type, or undefined when there is none that fits. */
function matchMember(
  local: Btf,
  accessor: CoreAccessor,
  target: Btf,
  targetId: number,
  walk: Walk,
): number | undefined {
  const owner = resolveType(target, targetId);
  const from = typeById(local, accessor.type);
  if (!isComposite(owner) || !isComposite(from)) return undefined;
  const wanted = from.members[accessor.index]!;
  for (const [index, member] of owner.members.entries()) {
    if (--walk.budget < 0) throw new BpfError('E_LOAD_RELOCATION', 'types are too large to be searched');
    if (member.name !== '' && member.name !== wanted.name) continue;
    step(walk, index);
    walk.bitOffset += member.bitOffset;
    if (member.name === '') {
      const found = matchMember(local, accessor, target, member.type, walk);
      if (found !== undefined) return found;
    } else if (fieldsAreCompatible(local, wanted.type, target, member.type)) {
      walk.accessors.push({ type: owner.id, index, name: member.name });
      return member.type;
    }
    walk.steps.pop();
    walk.bitOffset -= member.bitOffset;
  }
  return undefined;
}

/** A spec as libbpf's log prints it: `[12] struct foo.bar[2] (0:1:2 @ offset 24)`. */
export function formatCoreSpec(spec: CoreSpec, kind: CoreRelocationKind): string {
  const type = typeById(spec.btf, spec.rootType);
  const head = `[${spec.rootType}] ${type.kind.toLowerCase()} ${type.name === '' ? '<anon>' : type.name}`;
  switch (coreSubject(kind)) {
    case 'type':
      return head;
    case 'enumerator': {
      const { name, index } = spec.accessors[0]!;
      return `${head}::${name} = ${enumeratorValue(spec, index)}`;
    }
    case 'field': {
      const path = spec.accessors.map(({ name, index }, k) => {
        if (name !== undefined) return `.${name}`;
        return k === 0 && index === 0 ? '' : `[${index}]`;
      });
      const bits = spec.bitOffset % 8;
      const place = `${Math.floor(spec.bitOffset / 8)}${bits === 0 ? '' : `.${bits}`}`;
      return `${head}${path.join('')} (${spec.steps.join(':')} @ offset ${place})`;
    }
  }
}

/** Value of the enumerator that a spec names; 32-bit values are sign-extended, as in libbpf. */
export function enumeratorValue(spec: CoreSpec, index: number): bigint {
  const type = typeById(spec.btf, spec.accessors[0]!.type);
  if (type.kind === 'ENUM') return BigInt(type.values[index]!.value | 0);
  return type.kind === 'ENUM64' ? type.values[index]!.value : 0n;
}
