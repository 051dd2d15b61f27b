import { describe, expect, it } from 'vitest';
import { KERNEL_PROFILES } from './kernel-profiles.ts';
import { mapTakesHelper } from './map-helpers.ts';
import { createRegistry } from './registry.ts';

describe('mapTakesHelper', () => {
  it('holds map types to their helpers', () => {
    expect(mapTakesHelper('RINGBUF', 'bpf_ringbuf_output')).toBe(true);
    expect(mapTakesHelper('RINGBUF', 'bpf_map_lookup_elem')).toBe(false);
    expect(mapTakesHelper('DEVMAP', 'bpf_map_lookup_elem')).toBe(true);
    expect(mapTakesHelper('DEVMAP', 'bpf_map_update_elem')).toBe(false);
  });

  it('holds helpers to their map types', () => {
    expect(mapTakesHelper('HASH', 'bpf_map_update_elem')).toBe(true);
    expect(mapTakesHelper('HASH', 'bpf_ringbuf_output')).toBe(false);
    expect(mapTakesHelper('HASH', 'bpf_map_lookup_percpu_elem')).toBe(false);
    expect(mapTakesHelper('LRU_PERCPU_HASH', 'bpf_map_lookup_percpu_elem')).toBe(true);
    expect(mapTakesHelper('BLOOM_FILTER', 'bpf_map_pop_elem')).toBe(false);
    expect(mapTakesHelper('constructor', 'bpf_map_lookup_elem')).toBe(true);
  });
});

describe('capabilities', () => {
  const registry = createRegistry(KERNEL_PROFILES['6.18']);
  const capability = (type: string, helper: string): unknown => registry.capabilityOf(registry.variant({ type })!, registry.helper(helper)!); // prettier-ignore

  it('are those of the helper, with the exception of socket casts in syscall programs', () => {
    expect(capability('xdp', 'bpf_trace_printk')).toBe('CAP_PERFMON');
    expect(capability('xdp', 'bpf_loop')).toBe('CAP_BPF');
    expect(capability('xdp', 'bpf_map_lookup_elem')).toBeNull();
    expect(capability('sched_cls', 'bpf_skc_to_tcp_sock')).toBe('CAP_PERFMON');
    expect(capability('syscall', 'bpf_skc_to_tcp_sock')).toBeNull();
  });

  it('are those of the program type', () => {
    const of = (type: string): unknown => registry.profile.programTypes[type]!.capability;
    expect(['SOCKET_FILTER', 'SYSCALL', 'XDP', 'KPROBE'].map(of)).toEqual([
      null,
      'CAP_BPF',
      'CAP_NET_ADMIN',
      'CAP_PERFMON',
    ]);
  });
});

describe('variants that the probed machine did not load', () => {
  it('have what the kernel functions give them', () => {
    const registry = createRegistry(KERNEL_PROFILES['6.18']);
    const may = (variant: string, helper: string): boolean => registry.helperAllowed(registry.variantByName(variant)!, registry.helper(helper)!); // prettier-ignore
    expect(may('TRACING/BPF_TRACE_FEXIT', 'bpf_get_func_ret')).toBe(true);
    expect(may('TRACING/BPF_TRACE_FENTRY', 'bpf_get_func_ret')).toBe(false);
    expect(may('TRACING/BPF_TRACE_FENTRY', 'bpf_d_path')).toBe(true);
    expect(may('LSM/BPF_LSM_MAC', 'bpf_inode_storage_get')).toBe(true);
    expect(registry.variantByName('TRACING/BPF_TRACE_FENTRY')!.returns).toEqual({ range: [0, 0], known: true });
    const path = registry.kfunc('bpf_path_d_path')!;
    expect(registry.kfuncAllowed(registry.variantByName('LSM/BPF_LSM_MAC')!, path)).toBe(true);
    expect(registry.kfuncAllowed(registry.variantByName('XDP')!, path)).toBe(false);
  });
});
