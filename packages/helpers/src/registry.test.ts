import { describe, expect, it } from 'vitest';
import { KERNEL_PROFILES } from './kernel-profiles.ts';
import { createRegistry } from './registry.ts';

describe('createRegistry of 6.18', () => {
  const registry = createRegistry(KERNEL_PROFILES['6.18']);

  it('knows every helper, kfunc, map type and variant that was probed', () => {
    const { helpers, kfuncs, mapTypes, variants, programTypes } = registry.profile;
    expect(Object.keys(helpers)).toHaveLength(211);
    expect(Object.keys(kfuncs)).toHaveLength(203);
    expect(Object.keys(mapTypes)).toHaveLength(33);
    expect(Object.keys(variants)).toHaveLength(69);
    expect(Object.keys(programTypes)).toHaveLength(32);
  });

  it('finds a helper by id, name and short name', () => {
    expect(registry.helper(1)?.name).toBe('bpf_map_lookup_elem');
    expect(registry.helper('bpf_map_lookup_elem')).toBe(registry.helper(1));
    expect(registry.helper('map_lookup_elem')).toBe(registry.helper(1));
    expect(registry.helper('constructor')).toBeUndefined();
    expect(registry.helper(9999)).toBeUndefined();
  });

  it('tells what the verifier wants', () => {
    const xdp = registry.variant({ type: 'xdp' })!;
    const lookup = registry.prototypeOf(xdp, registry.helper(1)!);
    expect(lookup.args).toEqual([
      { base: 'CONST_MAP_PTR', flags: [] },
      { base: 'PTR_TO_MAP_KEY', flags: [] },
    ]);
    expect(lookup.result).toEqual({ base: 'PTR_TO_MAP_VALUE', flags: ['MAYBE_NULL'] });
    expect(lookup.pktAccess).toBe(true);
  });

  it('tells which variants may call a helper', () => {
    const xdp = registry.variant({ type: 'xdp' })!;
    const kprobe = registry.variant({ type: 'BPF_PROG_TYPE_KPROBE' })!;
    const adjust = registry.helper('bpf_xdp_adjust_head')!;
    expect(registry.helperAllowed(xdp, adjust)).toBe(true);
    expect(registry.helperAllowed(kprobe, adjust)).toBe(false);
    expect(registry.helpersOf(xdp)).toHaveLength(104);
  });

  it('takes the variant of the attach type, or the plain one', () => {
    expect(registry.variant({ type: 6, attachType: 'BPF_XDP_CPUMAP' })?.name).toBe('XDP/BPF_XDP_CPUMAP');
    expect(registry.variant({ type: 'kprobe', sleepable: true })?.name).toBe('KPROBE(sleepable uprobe)');
    expect(registry.variant({ type: 'kprobe', attachType: 42 })?.name).toBe('KPROBE/BPF_TRACE_KPROBE_MULTI');
    expect(registry.variant({ type: 'nonsense' })).toBeUndefined();
  });

  it('tells accesses to the context', () => {
    const xdp = registry.variant({ type: 'xdp' })!;
    expect(registry.contextAccess(xdp, 0, 4)).toEqual({ offset: 0, size: 4, type: 'pkt', writable: false });
    expect(registry.contextAccess(xdp, 0, 8)).toBeUndefined();
    expect(registry.contextAccess(xdp, 2, 4)).toBeUndefined();
  });
});
