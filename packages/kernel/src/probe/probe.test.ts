import { describe, expect, test } from 'vitest';
import type { Btf, BtfType } from '@polybpf/btf';
import { compareProfiles } from './compare-profiles.ts';
import { enumValues, kernelFunctions, typeText } from './kernel-names.ts';
import { typeInLog } from './probe-context.ts';
import { largest } from './probe-limits.ts';
import { parseKernelProfile } from './profile-schema.ts';
import type { KernelProfile, ProgramVariantProfile } from './profile.ts';
import { programTypeId, programVariants } from './variants.ts';

const XDP: ProgramVariantProfile = {
  progType: 'BPF_PROG_TYPE_XDP',
  progTypeId: 6,
  expectedAttachType: 'BPF_XDP',
  expectedAttachTypeId: 37,
  sleepable: false,
  loadable: true,
  returnValue: { accepted: [0, 1], rule: 'any scalar' },
  testRun: true,
  ctxAccess: [
    [0, 4, 'pkt', false],
    [4, 4, 'scalar', true],
  ],
  helperSet: 'H0',
  kfuncSet: 'K0',
};

const PROFILE: KernelProfile = {
  kernel: { release: '6.18.1', machine: 'x86_64', config: { CONFIG_BPF: 'y' }, jitEnable: '1', jitHarden: '0' },
  method: 'by hand',
  counts: { progTypes: 1, mapTypes: 1, attachTypes: 1, cmds: 1, linkTypes: 1, helpers: 1, kfuncs: 1, variantsProbed: 1, variantsLoadable: 1 }, // prettier-ignore
  helpersInEveryProbedVariant: ['bpf_map_lookup_elem'],
  limits: { callFrames: 8, tailCallSelfLoop: { programExecutions: 34, tailCallsTaken: 33, retval: 7 }, usedMaps: null },
  isa: { 'v3: jmp32': { ok: true }, callx: { ok: false, errno: 'EINVAL', log: 'unknown opcode 8d' } },
  mapTypes: { HASH: { id: 1, available: true, probeArgs: { keySize: 4, valueSize: 4, maxEntries: 4, flags: 0 } } },
  programVariants: { XDP, 'XDP/BPF_XDP_CPUMAP': { ...XDP, ctxAccess: { sameAs: 'XDP' } } },
  helpers: { bpf_map_lookup_elem: { id: 1, gplOnly: false, allowedInProgTypes: ['BPF_PROG_TYPE_XDP'], allowedInVariants: 2, arg1Expected: 'map_ptr' } }, // prettier-ignore
  kfuncs: { bpf_rdonly_cast: { ret: 'void *', params: [{ name: 'obj', type: 'const void *' }], fastcall: true, allowedInProgTypes: [] } }, // prettier-ignore
  enums: { bpf_prog_type: { BPF_PROG_TYPE_XDP: 6 } },
  helperSets: { H0: ['bpf_map_lookup_elem'] },
  kfuncSets: { K0: [] },
  acceptedOpcodes: { count: 1, method: '', bytes: ['0x95'], atomicImm: [0] },
};

describe('kernel profiles', () => {
  test('the schema takes one, and nothing with unknown or missing keys', () => {
    expect(parseKernelProfile(JSON.parse(JSON.stringify(PROFILE)), 'p.json')).toEqual(PROFILE);
    const { isa: _, ...without } = PROFILE;
    expect(() => parseKernelProfile(without, 'p.json')).toThrow(/p\.json: kernel profile: isa/);
    expect(() => parseKernelProfile({ ...PROFILE, more: 1 }, 'p.json')).toThrow(/more/);
    expect(() => parseKernelProfile(null, 'p.json')).toThrow(expect.objectContaining({ code: 'E_INPUT' }));
  });

  test('names of sets and shared tables are no differences, their contents are', () => {
    const renamed = {
      ...PROFILE,
      method: 'otherwise',
      helperSets: { H7: ['bpf_map_lookup_elem'] },
      programVariants: {
        XDP: { ...XDP, helperSet: 'H7' },
        'XDP/BPF_XDP_CPUMAP': { ...XDP, helperSet: 'H7' },
      },
    };
    expect(compareProfiles(PROFILE, renamed)).toEqual([]);
    const grown = { ...PROFILE, helperSets: { H0: ['bpf_map_lookup_elem', 'bpf_loop'] }, limits: { ...PROFILE.limits, callFrames: 9 } }; // prettier-ignore
    expect(compareProfiles(PROFILE, grown).map(({ path, ours, theirs }) => [path, ours, theirs])).toEqual([
      ['limits.callFrames', '8', '9'],
      ['programVariants.XDP.helpers.bpf_loop', undefined, 'true'],
      ['programVariants.XDP/BPF_XDP_CPUMAP.helpers.bpf_loop', undefined, 'true'],
    ]);
  });

  test('explains what only differs in the way of probing', () => {
    const variant = (type: string, rule: string): KernelProfile => ({
      ...PROFILE,
      programVariants: { X: { ...XDP, ctxAccess: [[8, 8, type, false]], returnValue: { accepted: [], rule } } },
    });
    const ours = variant('trusted_ptr_task_struct', 'any scalar');
    const differences = compareProfiles(ours, variant('btf_ptr', 'program of this type cannot use helper bpf_get_prandom_u32#7')); // prettier-ignore
    expect(differences.map(({ path, explanation }) => [path, explanation !== undefined])).toEqual([
      ['programVariants.X.returnValue.rule', true],
      ['programVariants.X.ctxAccess.8,8', true],
    ]);
    const real = compareProfiles(ours, variant('scalar', '[0, 1]'));
    expect(real.map(({ explanation }) => explanation)).toEqual([undefined, undefined]);
  });
});

describe('probing', () => {
  test('finds a limit from any guess', () => {
    for (const limit of [1, 3, 64, 65, 1000]) {
      for (const guess of [1, 64, 900]) expect([guess, largest(guess, 1, (n) => n <= limit)]).toEqual([guess, limit]);
    }
    expect(largest(512, 8, (n) => n <= 200)).toBe(200);
    expect(largest(512, 8, () => false)).toBe(null);
  });

  test("the type of a loaded register is the verifier's word for it", () => {
    const line = (state: string): string => `0: R1=ctx() R10=fp0\n0: (79) r2 = *(u64 *)(r1 +8)  ; R1=ctx() ${state}\n`;
    expect(typeInLog(line('R2=pkt(r=0)'))).toBe('pkt');
    expect(typeInLog(line('R2_w=trusted_ptr_task_struct(off=0,imm=0)'))).toBe('trusted_ptr_task_struct');
    expect(typeInLog(line('R2=scalar(smin=0,smax=0xffffffff)'))).toBe('scalar');
    expect(typeInLog(line('R2=0'))).toBe('scalar');
    expect(typeInLog('')).toBe('scalar');
  });

  test('variants have names of their own', () => {
    const names = programVariants().map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(expect.arrayContaining(['XDP', 'LSM/BPF_LSM_MAC(sleepable)', 'SYSCALL']));
    for (const { type } of programVariants()) expect(programTypeId(type)).toBeGreaterThan(0);
  });
});

describe('names in BTF', () => {
  const types: BtfType[] = [
    { kind: 'VOID', id: 0, name: '' },
    { kind: 'INT', id: 1, name: 'int', size: 4, encoding: 1, bitOffset: 0, bits: 32 },
    { kind: 'CONST', id: 2, name: '', type: 1, attribute: false },
    { kind: 'PTR', id: 3, name: '', type: 2, attribute: false },
    { kind: 'STRUCT', id: 4, name: 'sock', size: 0, members: [] },
    { kind: 'TYPE_TAG', id: 5, name: 'address_space(1)', type: 0, attribute: true },
    { kind: 'PTR', id: 6, name: '', type: 5, attribute: false },
    { kind: 'PTR', id: 7, name: '', type: 4, attribute: false },
    { kind: 'FUNC_PROTO', id: 8, name: '', returnType: 3, params: [{ name: 'sk', type: 7 }] },
    { kind: 'FUNC', id: 9, name: 'bpf_b', type: 8, linkage: 0 },
    { kind: 'FUNC', id: 10, name: 'bpf_a', type: 8, linkage: 0 },
    { kind: 'DECL_TAG', id: 11, name: 'bpf_kfunc', type: 9, componentIndex: -1, attribute: false },
    { kind: 'DECL_TAG', id: 12, name: 'bpf_kfunc', type: 10, componentIndex: -1, attribute: false },
    { kind: 'DECL_TAG', id: 13, name: 'bpf_fastcall', type: 10, componentIndex: -1, attribute: false },
    { kind: 'DECL_TAG', id: 14, name: 'other', type: 9, componentIndex: -1, attribute: false },
    { kind: 'PTR', id: 15, name: '', type: 3, attribute: false },
    { kind: 'PTR', id: 16, name: '', type: 8, attribute: false },
    { kind: 'ENUM', id: 17, name: 'bpf_x', size: 4, signed: false, values: [{ name: 'A', value: 0 }, { name: '__MAX_X', value: 1 }] }, // prettier-ignore
  ];
  const btf: Btf = { endian: 'little', types, firstId: 0, strings: new Uint8Array(0) };

  test('types in C', () => {
    expect([0, 1, 3, 6, 7, 15, 16].map((id) => typeText(btf, id))).toEqual([
      'void',
      'int',
      'const int *',
      'address_space(1) *',
      'struct sock *',
      'const int **',
      'fn *',
    ]);
  });

  test('functions by their tag', () => {
    expect(kernelFunctions(btf)).toEqual([
      { name: 'bpf_a', id: 10, ret: 'const int *', params: [{ name: 'sk', type: 'struct sock *' }], fastcall: true },
      { name: 'bpf_b', id: 9, ret: 'const int *', params: [{ name: 'sk', type: 'struct sock *' }], fastcall: false },
    ]);
  });

  test('enumerations end before their marker', () => {
    expect(enumValues(btf, 'bpf_x')).toEqual({ A: 0 });
    expect(() => enumValues(btf, 'bpf_y')).toThrow(expect.objectContaining({ code: 'E_BTF_TYPE' }));
  });
});
