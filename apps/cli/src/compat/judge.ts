/** From needs to answers: the lowest kernel of a program, and what a given kernel lacks. */
import { compareReleases, createRegistry, type Registry, type RegistryProfile, type Release } from '@polybpf/helpers';
import type { Need, ProgramNeeds } from './needs.ts';

/** The lowest kernel for a program. */
export interface Lowest {
  /** Null when no kernel will do. */
  readonly release: Release | null;
  /** The needs that make it so. */
  readonly because: readonly Need[];
}

/** Mainline release before which there was no bpf(2). */
const FIRST: Release = '3.18';

/** Needs that loaders do without are left out. */
export function lowestKernel(needs: readonly Need[]): Lowest {
  const hard = needs.filter(({ optional }) => !optional);
  const impossible = hard.filter(({ since }) => since === null);
  if (impossible.length > 0) return { release: null, because: impossible };
  const release = hard.reduce<Release>((newest, { since }) => (compareReleases(since!, newest) > 0 ? since! : newest), FIRST); // prettier-ignore
  return { release, because: hard.filter(({ since }) => since === release) };
}

/** What a kernel lacks of what a program needs. */
export function lacking(registry: Registry, { program, needs }: ProgramNeeds): Need[] {
  const variant = program.type === undefined ? undefined : registry.variant({ type: program.type, attachType: program.attachType, sleepable: program.sleepable }); // prettier-ignore
  return needs.filter((need) => !need.optional && !has(registry, need, variant?.helperSet === undefined ? undefined : variant)); // prettier-ignore
}

function has(registry: Registry, need: Need, variant: ReturnType<Registry['variant']>): boolean {
  const { profile } = registry;
  switch (need.kind) {
    case 'program type':
      return profile.programTypes[need.name]?.available === true;
    case 'attach type':
      return profile.attachTypes[need.name]?.available === true;
    case 'map type':
      return registry.mapType(need.name)?.available === true;
    case 'kfunc':
      return registry.kfunc(need.name.replace(/___.*$/, ''))?.available === true;
    case 'helper': {
      const helper = registry.helper(need.name);
      if (helper === undefined || !helper.available) return false;
      return variant === undefined || registry.helperAllowed(variant, helper);
    }
    case 'feature':
      return profile.features[need.name]?.available === true;
    case 'instruction':
      return need.since !== null && compareReleases(need.since, profile.release) <= 0;
  }
}

/** A registry for each profile. */
export function registries(profiles: readonly RegistryProfile[]): Registry[] {
  return profiles.map((profile) => createRegistry(profile));
}
