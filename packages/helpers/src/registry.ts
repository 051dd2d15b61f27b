/** Look-ups in a profile. */
import { BpfError } from '@polybpf/errors';
import { type Capability, helperCapability } from './capabilities.ts';
import type {
  ContextAccess,
  HelperInfo,
  HelperPrototype,
  KfuncInfo,
  MapTypeInfo,
  ProgramVariant,
  RegistryProfile,
} from './profile.ts';

/** Which variant of a program type is meant. */
export interface VariantQuery {
  /** `xdp`, `XDP`, `BPF_PROG_TYPE_XDP` or its number. */
  readonly type: string | number;
  /** `BPF_XDP_DEVMAP` or its number; `member X` for struct_ops. */
  readonly attachType?: string | number | null | undefined;
  readonly sleepable?: boolean | undefined;
}

/** A profile with indexes. */
export interface Registry {
  readonly profile: RegistryProfile;
  helper(idOrName: number | string): HelperInfo | undefined;
  kfunc(name: string): KfuncInfo | undefined;
  /** By name (`HASH`, `hash`, `BPF_MAP_TYPE_HASH`) or number. */
  mapType(idOrName: number | string): (MapTypeInfo & { readonly name: string }) | undefined;
  /**
   * The variant that a program is verified as. Without a variant of that attach type it is the first one of the type, with
   * the same sleepability if there is one.
   */
  variant(query: VariantQuery): ProgramVariant | undefined;
  /** By its full name. */
  variantByName(name: string): ProgramVariant | undefined;
  /** Whether programs of the variant may call the helper (sleepability and licence aside). */
  helperAllowed(variant: ProgramVariant, helper: HelperInfo): boolean;
  kfuncAllowed(variant: ProgramVariant, kfunc: KfuncInfo): boolean;
  /** All helpers that the variant may call, by id. */
  helpersOf(variant: ProgramVariant): readonly HelperInfo[];
  kfuncsOf(variant: ProgramVariant): readonly KfuncInfo[];
  /** The verifier prototype of a helper in a variant. */
  prototypeOf(variant: ProgramVariant, helper: HelperInfo): HelperPrototype;
  /** What the loader must have for a call in a program of this variant. */
  capabilityOf(variant: ProgramVariant, helper: HelperInfo): Capability;
  /** The allowed access of exactly this offset and size. */
  contextAccess(variant: ProgramVariant, offset: number, size: number): ContextAccess | undefined;
}

/** Indexes a profile. */
export function createRegistry(profile: RegistryProfile): Registry {
  let ids: Map<number, HelperInfo> | undefined;
  const byId = (): Map<number, HelperInfo> =>
    (ids ??= new Map(Object.values(profile.helpers).map((helper) => [helper.id, helper])));
  const variants = Object.values(profile.variants);
  const helperSets = indexSets(profile.helperSets);
  const kfuncSets = indexSets(profile.kfuncSets);
  const accesses = new Map<ProgramVariant['context'], Map<number, ContextAccess>>();
  const mapTypes = (): (MapTypeInfo & { readonly name: string })[] =>
    Object.entries(profile.mapTypes).map(([name, info]) => ({ name, ...info }));
  const registry: Registry = {
    profile,
    helper: (key) => (typeof key === 'number' ? byId().get(key) : own(profile.helpers, prefixed(key, 'bpf_'))),
    kfunc: (name) => own(profile.kfuncs, name),
    mapType: (key) =>
      typeof key === 'number'
        ? mapTypes().find(({ id }) => id === key)
        : mapTypes().find(({ name }) => name === bare(key, 'BPF_MAP_TYPE_')),
    variant: (query) => findVariant(variants, query, profile),
    variantByName: (name) => own(profile.variants, name),
    helperAllowed: (variant, helper) =>
      helper.available && (helperSets(variant.helperSet ?? '')?.has(helper.name) ?? false),
    kfuncAllowed: (variant, kfunc) => kfunc.available && (kfuncSets(variant.kfuncSet ?? '')?.has(kfunc.name) ?? false),
    helpersOf: (variant) => Object.values(profile.helpers).filter((helper) => registry.helperAllowed(variant, helper)),
    kfuncsOf: (variant) => Object.values(profile.kfuncs).filter((kfunc) => registry.kfuncAllowed(variant, kfunc)),
    prototypeOf: (variant, helper) => selectPrototype(helper, variant),
    capabilityOf: (variant, helper) => helperCapability(helper.name, variant.type),
    contextAccess(variant, offset, size) {
      let index = accesses.get(variant.context);
      if (index === undefined) {
        index = new Map(variant.context.access.map((row) => [row.offset * 16 + row.size, row]));
        accesses.set(variant.context, index);
      }
      return index.get(offset * 16 + size);
    },
  };
  return registry;
}

function selectPrototype(helper: HelperInfo, variant: ProgramVariant): HelperPrototype {
  const named = helper.prototypes.find(
    ({ variants }) => variants !== undefined && (variants.includes(variant.name) || variants.includes(variant.type)),
  );
  const found = named ?? helper.prototypes.find(({ variants }) => variants === undefined) ?? helper.prototypes[0];
  if (found === undefined)
    throw new BpfError('E_UNSUPPORTED', `helper ${helper.name} has no prototype in this profile`);
  return found;
}

function findVariant(
  variants: readonly ProgramVariant[],
  { type, attachType, sleepable }: VariantQuery,
  profile: RegistryProfile,
): ProgramVariant | undefined {
  const name = typeof type === 'number' ? undefined : bare(type, 'BPF_PROG_TYPE_');
  const ofType = variants.filter((variant) => (name === undefined ? variant.typeId === type : variant.type === name));
  const wanted = typeof attachType === 'number' ? attachTypeName(profile, attachType) : (attachType ?? undefined);
  const ofAttach = wanted === undefined ? [] : ofType.filter((variant) => variant.attachType === wanted);
  const candidates = ofAttach.length > 0 ? ofAttach : ofType.filter((variant) => variant.attachType === null);
  const rest = candidates.length > 0 ? candidates : ofType;
  return rest.find((variant) => variant.sleepable === (sleepable ?? false)) ?? rest[0];
}

function attachTypeName(profile: RegistryProfile, id: number): string | undefined {
  return Object.entries(profile.attachTypes).find(([, info]) => info.id === id)?.[0];
}

/** Sets by name, each made when it is first asked for. */
function indexSets(
  sets: Readonly<Record<string, readonly string[]>>,
): (name: string) => ReadonlySet<string> | undefined {
  const made = new Map<string, ReadonlySet<string>>();
  return (name) => {
    if (!Object.hasOwn(sets, name)) return undefined;
    let set = made.get(name);
    if (set === undefined) made.set(name, (set = new Set(sets[name])));
    return set;
  };
}

function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

function bare(name: string, prefix: string): string {
  const upper = name.toUpperCase();
  return upper.startsWith(prefix) ? upper.slice(prefix.length) : upper;
}

function prefixed(name: string, prefix: string): string {
  return name.startsWith(prefix) ? name : prefix + name;
}
