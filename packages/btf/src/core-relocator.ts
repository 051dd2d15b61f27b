import { BpfError } from '@polybpf/errors';
import type { Btf, BtfType } from './btf-type.ts';
import { isSigned, kindsAreCompatible } from './core-compat.ts';
import { CORE_RELOCATION_KINDS, type CoreRelocationKind } from './core-kinds.ts';
import { type CoreSpec, formatCoreSpec, matchCoreSpec, parseCoreSpec } from './core-spec.ts';
import { type CoreValue, coreValue } from './core-value.ts';
import { essentialName, typesByEssentialName } from './name-index.ts';
import type { BtfCoreRelocation } from './parse-btf-ext.ts';
import { typeById } from './resolve.ts';

/** What a CO-RE relocation comes to on one kernel. */
export interface CoreResolution {
  readonly kind: CoreRelocationKind;
  /** `missing`: the kernel has no such field or enumerator, and the instruction must not be executed. */
  readonly outcome: 'value' | 'missing';
  /** What the program was compiled with, and what the kernel has; as 64 bits, negative enumerators sign-extended. */
  readonly original: bigint;
  readonly value: bigint;
  /** Whether the instruction must hold `original` before it is patched. */
  readonly validate: boolean;
  /** Bytes that a load or store at the field takes, in the program and in the kernel; 0 for what is no such place. */
  readonly originalSize: number;
  readonly size: number;
  /** Both sizes differ, and the value is not one that zero-extends: a load or store must not be executed. */
  readonly unsafeResize: boolean;
  /** The places, in libbpf's words; `target` is undefined when the kernel has none. */
  readonly local: string;
  readonly target: string | undefined;
}

/** Resolves the relocations of one object against one kernel. */
export interface CoreRelocator {
  /**
   * @throws BpfError E_LOAD_RELOCATION for a malformed relocation and for one with several answers, E_UNSUPPORTED for a
   *   kind that is not known or a type without name, E_BTF_TYPE for types that cannot be compared
   */
  resolve(relocation: Pick<BtfCoreRelocation, 'type' | 'access' | 'kind'>): CoreResolution;
}

interface Candidate {
  readonly btf: Btf;
  readonly id: number;
}

/**
 * Prepares the CO-RE relocation of an object by the rules of libbpf (src/relo_core.c).
 *
 * Types are found by name without flavour (`task_struct___old` finds `task_struct`) and kind. All that fit must agree; as
 * in libbpf, candidates that a relocation did not fit are out for later relocations of the same type.
 *
 * @param local types of the object
 * @param target types of the kernel; then, searched only where it has no candidate, those of its modules
 * @throws BpfError E_LOAD_RELOCATION when the byte orders differ
 */
export function createCoreRelocator(local: Btf, target: Btf | readonly Btf[]): CoreRelocator {
  const targets: readonly Btf[] = 'types' in target ? [target] : target;
  for (const { endian } of targets) {
    if (endian === local.endian) continue;
    throw new BpfError('E_LOAD_RELOCATION', 'the target BTF is of another byte order than the object', {
      expected: local.endian,
      got: endian,
    });
  }
  const known = new Map<number, readonly Candidate[]>();
  return {
    resolve({ type: id, access, kind: number }) {
      const kind = CORE_RELOCATION_KINDS[number];
      if (kind === undefined) throw new BpfError('E_UNSUPPORTED', `CO-RE relocation kind ${number}`);
      const spec = parseCoreSpec(local, id, access, kind);
      const describe = { kind, local: formatCoreSpec(spec, kind) };
      if (kind === 'type_id_local') {
        const value = BigInt(id);
        return { ...describe, ...resolution(local, coreValue(kind, spec), undefined, undefined), value, target: undefined, outcome: 'value', validate: false }; // prettier-ignore
      }
      const type = typeById(local, id);
      if (type.name === '') throw new BpfError('E_UNSUPPORTED', `CO-RE relocation ${kind} of a type without name`);
      const candidates = known.get(id) ?? findCandidates(targets, type);
      const { fitting, spec: found, value } = choose(spec, candidates, kind);
      known.set(id, fitting.length > 0 ? fitting : candidates);
      const original = coreValue(kind, spec);
      return {
        ...describe,
        ...resolution(local, original, found?.btf, value),
        target: found === undefined ? undefined : formatCoreSpec(found, kind),
      };
    },
  };
}

function findCandidates(targets: readonly Btf[], local: BtfType): Candidate[] {
  const name = essentialName(local.name);
  const inOne = (btf: Btf): Candidate[] =>
    typesByEssentialName(btf, name).flatMap((type) => (kindsAreCompatible(local, type) ? [{ btf, id: type.id }] : []));
  const [kernel, ...modules] = targets.map((btf) => [...(btf.base === undefined || targets.includes(btf.base) ? [] : inOne(btf.base)), ...inOne(btf)]); // prettier-ignore
  return kernel !== undefined && kernel.length > 0 ? kernel : modules.flat();
}

interface Choice {
  readonly fitting: readonly Candidate[];
  readonly spec: CoreSpec | undefined;
  readonly value: CoreValue;
}

/** The one answer of all candidates that fit. */
function choose(local: CoreSpec, candidates: readonly Candidate[], kind: CoreRelocationKind): Choice {
  const fitting: Candidate[] = [];
  let answer: { spec: CoreSpec; value: CoreValue } | undefined;
  for (const candidate of candidates) {
    const spec = matchCoreSpec(local, candidate.btf, candidate.id, kind);
    if (spec === undefined) continue;
    fitting.push(candidate);
    const value = coreValue(kind, spec);
    if (answer === undefined) {
      answer = { spec, value };
    } else if (answer.spec.bitOffset !== spec.bitOffset || answer.value.value !== value.value) {
      throw new BpfError('E_LOAD_RELOCATION', `${kind} is ambiguous: several types of the kernel fit and differ`, {
        expected: formatCoreSpec(answer.spec, kind),
        got: formatCoreSpec(spec, kind),
      });
    }
  }
  return { fitting, spec: answer?.spec, value: answer?.value ?? coreValue(kind, undefined) };
}

function resolution(
  local: Btf,
  original: CoreValue,
  target: Btf | undefined,
  value: CoreValue | undefined,
): Omit<CoreResolution, 'kind' | 'local' | 'target'> {
  const [originalSize, size] = [original.access?.size ?? 0, value?.access?.size ?? 0];
  const missing = value?.missing === true;
  return {
    outcome: missing ? 'missing' : 'value',
    original: BigInt.asUintN(64, original.value),
    value: BigInt.asUintN(64, value?.value ?? 0n),
    validate: original.certain,
    originalSize,
    size,
    unsafeResize: !missing && target !== undefined && originalSize !== size && !zeroExtends(local, original, target, value), // prettier-ignore
  };
}

/** Pointers and unsigned integers may be read in another width, since reads zero-extend. */
function zeroExtends(local: Btf, original: CoreValue, target: Btf, value: CoreValue | undefined): boolean {
  if (original.access === undefined || value?.access === undefined) return false;
  const [a, b] = [typeById(local, original.access.type), typeById(target, value.access.type)];
  if (a.kind === 'PTR' && b.kind === 'PTR') return true;
  return a.kind === 'INT' && b.kind === 'INT' && !isOnlySigned(a) && !isOnlySigned(b);
}

/** libbpf compares the whole encoding with SIGNED, so that a signed bool or char counts as unsigned. */
function isOnlySigned(type: BtfType): boolean {
  return isSigned(type) && type.kind === 'INT' && type.encoding === 1;
}
