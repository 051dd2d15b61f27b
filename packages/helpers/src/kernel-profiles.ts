/** Profiles of kernels: 6.18 as it was probed, older ones concluded from it and from lists of first releases. */
import { BpfError } from '@polybpf/errors';
import { typeCapability } from './capabilities.ts';
import { FEATURES, PROBED_FEATURES } from './kernel-features.ts';
import { withLazy } from './lazy.ts';
import { compareReleases } from './profile.ts';
import type { Availability, Limits, RegistryProfile, Release } from './profile.ts';
import { helperFacts } from './unpack-helpers.ts';
import { kernelFacts, type TypeFacts } from './unpack-kernel.ts';

/** The release that was probed. */
const PROBED: Release = '6.18';

/** Releases that there are profiles of, oldest first. */
export const PROFILE_NAMES = ['5.4', '5.10', '5.15', '6.1', '6.6', '6.12', '6.18'] as const;
export type ProfileName = (typeof PROFILE_NAMES)[number];

const made = new Map<string, RegistryProfile>();

/** Profiles by release; each is made when it is first asked for. */
export const KERNEL_PROFILES: Readonly<Record<ProfileName, RegistryProfile>> = Object.defineProperties(
  {},
  Object.fromEntries(PROFILE_NAMES.map((name) => [name, { enumerable: true, get: () => profileByName(name) }])),
) as Readonly<Record<ProfileName, RegistryProfile>>;

/**
 * The profile of a release: `6.18`, `5.15`, also with a patch level or as `linux-6.1`.
 *
 * @throws BpfError `E_INPUT` when there is none
 */
export function profileByName(name: string): RegistryProfile {
  const release = /^(?:linux-|v)?(\d+\.\d+)(?:\.\d+)?$/.exec(name)?.[1];
  if (release === undefined || !(PROFILE_NAMES as readonly string[]).includes(release)) {
    throw new BpfError('E_INPUT', `there is no kernel profile ${name}`, {
      expected: PROFILE_NAMES.join(', '),
      got: name,
    });
  }
  let profile = made.get(release);
  if (profile === undefined) {
    profile = makeProfile(release);
    made.set(release, profile);
  }
  return profile;
}

function makeProfile(release: Release): RegistryProfile {
  const facts = kernelFacts();
  const probed = release === PROBED;
  const at = (since: Release | null): Availability => availability(release, since);
  const types = (list: readonly TypeFacts[]): Record<string, Availability & { id: number }> =>
    Object.fromEntries(list.map(({ name, id, since }) => [name, { id, ...at(since) }]));
  const sinceOfType = new Map(facts.programTypes.map(({ name, since }) => [name, since]));
  const sinceOfAttach = new Map(facts.attachTypes.map(({ name, since }) => [name, since]));
  const variants = facts.variants.map((variant) => {
    const { info, derived, layout } = variant;
    const since = latest(sinceOfType.get(info.type) ?? null, sinceOfAttach.get(info.attachType ?? '') ?? null);
    const known = derived ? { ...info, ...at(since), basis: 'derived' as const } : { ...info, ...at(since) };
    return withLazy(known, { context: layout });
  });
  const profile = {
    name: release,
    release,
    basis: probed ? ('probed' as const) : ('derived' as const),
    variants: Object.fromEntries(variants.map((variant) => [variant.name, variant])),
    helperSets: facts.helperSets,
    kfuncSets: facts.kfuncSets,
    limits: limitsOf(release),
  };
  return withLazy(profile, {
    programTypes: () =>
      Object.fromEntries(
        facts.programTypes.map(({ name, id, since }) => [
          name,
          {
            id,
            capability: typeCapability(name),
            ...at(since),
            variants: variants.filter(({ type }) => type === name).map((variant) => variant.name),
          },
        ]),
      ),
    helpers: () => Object.fromEntries(helperFacts().map((helper) => [helper.name, { ...helper, ...at(helper.since) }])),
    kfuncs: () => Object.fromEntries(facts.kfuncs.map((kfunc) => [kfunc.name, { ...kfunc, ...at(kfunc.since) }])),
    mapTypes: () => types(facts.mapTypes),
    attachTypes: () => types(facts.attachTypes),
    features: () => featuresOf(release, probed ? facts.isa : {}),
    enums: () => facts.enums,
  });
}

function availability(release: Release, since: Release | null): Availability {
  if (release === PROBED) return { available: true, since, basis: 'probed' };
  if (since === null) return { available: false, since, basis: 'derived' };
  return { available: compareReleases(since, release) <= 0, since, basis: 'certain' };
}

function latest(a: Release | null, b: Release | null): Release | null {
  if (a === null || b === null) return a ?? b;
  return compareReleases(a, b) >= 0 ? a : b;
}

/** Features at a release; those that were probed as the kernel answered. */
export function featuresOf(
  release: Release,
  isa: Readonly<Record<string, { readonly ok: boolean }>> = {},
): RegistryProfile['features'] {
  // prettier-ignore
  return Object.fromEntries(
    FEATURES.map(([name, since, title]) => {
      const probed = isa[PROBED_FEATURES[name] ?? '']?.ok;
      const basis = since === null ? 'derived' : 'certain';
      const known = { available: since !== null && compareReleases(since, release) <= 0, since, basis } as const;
      return [name, { ...(probed === undefined ? known : { available: probed, since, basis: 'probed' as const }), title }];
    }),
  );
}

/** bpf_enable_priv_stack(): types whose programs may get a stack of their own. */
const PRIVATE_STACK = ['KPROBE', 'TRACEPOINT', 'PERF_EVENT', 'RAW_TRACEPOINT', 'TRACING', 'STRUCT_OPS'];

/** Limits at a release. */
export function limitsOf(release: Release): Limits {
  return {
    stackBytes: 512,
    insns: compareReleases(release, '5.2') >= 0 ? 1_000_000 : 4096,
    insnsUnprivileged: 4096,
    callFrames: 8,
    subprograms: 256,
    usedMaps: 64,
    tailCalls: 33,
    pendingBranches: 8192,
    boundedLoops: compareReleases(release, '5.3') >= 0,
    privateStackTypes: compareReleases(release, '6.13') >= 0 ? PRIVATE_STACK : [],
  };
}
