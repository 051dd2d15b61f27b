import { describe, expect, it } from 'vitest';
import { KERNEL_PROFILES, PROFILE_NAMES, profileByName } from './kernel-profiles.ts';
import { compareReleases, type RegistryProfile } from './profile.ts';
import { createRegistry } from './registry.ts';

function counted(profile: RegistryProfile): number[] {
  const available = (facts: Readonly<Record<string, { readonly available: boolean }>>): number =>
    Object.values(facts).filter((fact) => fact.available).length;
  return [
    available(profile.helpers),
    available(profile.kfuncs),
    available(profile.programTypes),
    available(profile.mapTypes),
  ];
}

describe('profiles', () => {
  it('grow with each release', () => {
    expect(PROFILE_NAMES.map((name) => counted(KERNEL_PROFILES[name]))).toEqual([
      [110, 0, 25, 25],
      [155, 0, 30, 28],
      [175, 19, 31, 29],
      [209, 33, 31, 31],
      [211, 95, 32, 32],
      [211, 140, 32, 33],
      [211, 203, 32, 33],
    ]);
  });

  it('are found by release, with or without patch level', () => {
    expect(profileByName('5.15')).toBe(KERNEL_PROFILES['5.15']);
    expect(profileByName('v5.15.123')).toBe(KERNEL_PROFILES['5.15']);
    expect(() => profileByName('4.19')).toThrow(/no kernel profile 4\.19/);
    expect(() => profileByName('__proto__')).toThrow(/no kernel profile/);
  });

  it('say how each fact is known', () => {
    const old = KERNEL_PROFILES['5.15'];
    expect(old.basis).toBe('derived');
    expect(old.helpers['bpf_loop']).toMatchObject({ available: false, since: '5.17', basis: 'certain' });
    expect(old.attachTypes['BPF_TCX_INGRESS']).toMatchObject({ available: false, since: '6.6', basis: 'certain' });
    expect(old.kfuncs['bpf_fentry_test1']).toMatchObject({ available: false, since: null, basis: 'derived' });
    expect(KERNEL_PROFILES['6.18'].helpers['bpf_loop']).toMatchObject({ available: true, basis: 'probed' });
    expect(KERNEL_PROFILES['6.18'].variants['LSM/BPF_LSM_MAC']).toMatchObject({ loadable: false, basis: 'derived' });
  });

  it('have the limits of their time', () => {
    expect(KERNEL_PROFILES['5.4'].limits).toMatchObject({
      insns: 1_000_000,
      boundedLoops: true,
      privateStackTypes: [],
    });
    expect(KERNEL_PROFILES['5.4'].features['atomic']).toMatchObject({ available: false, since: '5.12' });
    expect(KERNEL_PROFILES['6.18'].features['gotox']!.available).toBe(false);
    expect(KERNEL_PROFILES['6.18'].limits.privateStackTypes).toContain('KPROBE');
  });

  it('let older kernels call less', () => {
    const count = (name: '5.4' | '6.18'): number => {
      const registry = createRegistry(KERNEL_PROFILES[name]);
      return registry.helpersOf(registry.variant({ type: 'xdp' })!).length;
    };
    expect(count('5.4')).toBeLessThan(count('6.18'));
  });

  it('know the fields of contexts', () => {
    const { struct, fields, size } = KERNEL_PROFILES['6.18'].variants['XDP']!.context;
    expect([struct, size]).toEqual(['xdp_md', 24]);
    expect(fields.map(({ name, offset }) => `${name}@${offset}`).join(' ')).toBe(
      'data@0 data_end@4 data_meta@8 ingress_ifindex@12 rx_queue_index@16 egress_ifindex@20',
    );
    for (const variant of Object.values(KERNEL_PROFILES['6.18'].variants)) {
      for (const access of variant.context.access)
        expect(access.offset + access.size).toBeLessThanOrEqual(variant.context.size);
    }
  });

  it('take every prototype, and no argument that is not in the C prototype', () => {
    for (const helper of Object.values(KERNEL_PROFILES['6.18'].helpers)) {
      expect([helper.name, helper.prototypes.length > 0]).toEqual([helper.name, true]);
      for (const prototype of helper.prototypes) {
        expect(prototype.args.length, helper.name).toBeLessThanOrEqual(
          helper.variadic ? 5 : Math.max(helper.params.length, 5),
        );
        for (const kind of prototype.args) expect(kind, helper.name).toBeDefined();
      }
    }
  });
});

describe('compareReleases', () => {
  it('compares by number', () => {
    expect(compareReleases('5.4', '5.10')).toBeLessThan(0);
    expect(compareReleases('6.1', '6.1.0')).toBe(0);
    expect(compareReleases('6.18', '6.2')).toBeGreaterThan(0);
  });
});
