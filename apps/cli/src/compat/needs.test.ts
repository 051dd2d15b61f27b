import { makeInsn, makeProgram, type Program, type ProgramInit } from '@polybpf/isa';
import type { LoadedObject } from '@polybpf/loader';
import { createRegistry, KERNEL_PROFILES } from '@polybpf/helpers';
import { describe, expect, it } from 'vitest';
import { lacking, lowestKernel } from './judge.ts';
import { firstLoop } from './loops.ts';
import { type Need, programNeeds, type ProgramNeeds } from './needs.ts';

const exit = makeInsn(0x95, 0, 0, 0, 0);
const zero = makeInsn(0xb7, 0, 0, 0, 0);
const call = (id: number) => makeInsn(0x85, 0, 0, 0, id);
const ja = (offset: number) => makeInsn(0x05, 0, 0, offset, 0);
const jeq = (offset: number) => makeInsn(0x15, 0, 0, offset, 0);

function needsOf(program: Program, more: Partial<LoadedObject> = {}): ProgramNeeds {
  const details = [{ name: program.name, autoload: true, frags: false, funcInfo: [], coreRelocations: [], appliedCore: [], kernelSymbols: [] }]; // prettier-ignore
  const object: LoadedObject = { endian: 'little', programs: [program], details, maps: [], kconfig: [], variables: [], unresolved: [], warnings: [], ...more }; // prettier-ignore
  return programNeeds(object)[0]!;
}

function program(insns: Program['insns'], init: ProgramInit = {}): Program {
  return makeProgram(insns, init);
}

const rows = (needs: readonly Need[]): string[] => needs.map(({ kind, name, since, optional }) => `${kind} ${name} ${since ?? '-'}${optional ? ' optional' : ''}`); // prettier-ignore

describe('programNeeds', () => {
  it('finds program type, attach type and helpers', () => {
    const { needs } = needsOf(program([call(181), zero, exit], { type: 'cgroup_sock_addr', attachType: 'BPF_CGROUP_UNIX_CONNECT' })); // prettier-ignore
    expect(rows(needs)).toEqual([
      'program type CGROUP_SOCK_ADDR 4.17',
      'attach type BPF_CGROUP_UNIX_CONNECT 6.7',
      'helper bpf_loop 5.17',
    ]);
    expect(lowestKernel(needs)).toMatchObject({ release: '6.7', because: [{ name: 'BPF_CGROUP_UNIX_CONNECT' }] });
  });

  it('knows which helpers a type may not call, and which no kernel has', () => {
    const wrong = needsOf(program([call(44), call(900), zero, exit], { type: 'kprobe' }));
    expect(
      wrong.needs.filter(({ kind }) => kind === 'helper').map(({ name, since, note }) => [name, since, note]),
    ).toEqual([
      ['bpf_xdp_adjust_head', null, 'programs of type KPROBE may not call it'],
      ['helper 900', null, 'no kernel up to 6.18 has it'],
    ]);
    expect(lowestKernel(wrong.needs).release).toBeNull();
  });

  it('knows kfuncs by their symbol, and which a type may not call', () => {
    const kfunc = makeInsn(0x85, 0, 2, 0, -1);
    const calling = (symbol: string, type: string, weak = false): Need[] => {
      const relocations = [{ insn: 0, kind: 'kfunc', symbol, addend: 0, weak }] as const;
      return needsOf(program([kfunc, zero, exit], { type, relocations })).needs.filter(({ kind }) => kind === 'kfunc');
    };
    expect(rows(calling('bpf_task_from_pid___new', 'syscall'))).toEqual(['kfunc bpf_task_from_pid___new 6.2']);
    expect(rows(calling('bpf_task_from_pid', 'socket_filter'))).toEqual(['kfunc bpf_task_from_pid -']);
    expect(rows(calling('bpf_made_up', 'syscall', true))).toEqual(['kfunc bpf_made_up - optional']);
  });

  it('leaves out what loaders do without', () => {
    const { needs } = needsOf(program([call(113), zero, exit], { type: 'xdp', attachType: 'BPF_XDP' }));
    expect(rows(needs)).toContain('helper bpf_probe_read_kernel 5.5 optional');
    expect(rows(needs)).toContain('attach type BPF_XDP 5.9 optional');
    expect(lowestKernel(needs).release).toBe('4.8');
  });

  it('sees long programs, tail calls beside local calls, sleepable programs', () => {
    const long = Array.from({ length: 4096 }, () => zero);
    expect(rows(needsOf(program([...long, exit])).needs)).toEqual(['feature insns_1m 5.2']);
    const local = [makeInsn(0x85, 0, 1, 0, 2), call(12), exit, zero, exit];
    expect(rows(needsOf(program(local)).needs)).toContain('feature tail_call_in_function 5.10');
    const uprobe = needsOf(program([zero, exit], { type: 'kprobe', sleepable: true })).needs;
    expect(rows(uprobe)).toContain('feature sleepable_uprobe 6.0');
  });

  it('looks into the maps that are used', () => {
    const arena = { name: 'arena', kind: 'map', type: 33, keySize: 0, valueSize: 0, maxEntries: 1, flags: 0x400 } as const; // prettier-ignore
    const future = { ...arena, name: 'future', type: 77, flags: 0 };
    const unused = { ...arena, name: 'unused', type: 27 };
    const load = (index: number) => [makeInsn(0x18, 1, 5, 0, index), makeInsn(0, 0, 0, 0, 0)];
    const { needs } = needsOf(program([...load(0), ...load(1), zero, exit], { maps: [arena, future, unused] }));
    expect(rows(needs)).toEqual(['map type ARENA 6.9', 'feature map_mmapable 5.5', 'map type type 77 -']);
  });
});

describe('lacking', () => {
  it('asks the profile', () => {
    const needs = needsOf(program([call(181), zero, exit], { type: 'xdp' }));
    const lacks = (name: '5.15' | '6.1'): string[] => rows(lacking(createRegistry(KERNEL_PROFILES[name]), needs));
    expect(lacks('5.15')).toEqual(['helper bpf_loop 5.17']);
    expect(lacks('6.1')).toEqual([]);
  });
});

describe('firstLoop', () => {
  it('is where a path comes back to itself', () => {
    expect(firstLoop(program([zero, jeq(1), ja(-2), exit]))).toBe(2);
    expect(firstLoop(program([ja(-1)]))).toBe(0);
  });

  it('is no jump back to code that was left', () => {
    // 0: goto 3; 1: r0 = 0; 2: exit; 3: if r0 == 0 goto 1; 4: goto 1
    expect(firstLoop(program([ja(2), zero, exit, jeq(-3), ja(-4)]))).toBeUndefined();
  });
});
