// The kernel's own BTF says where the fields of bpf_attr are and what types are called.
import { expect, test } from 'vitest';
import { type Btf, type BtfComposite, resolveType } from '@polybpf/btf';
import { ATTACH_TYPES, MAP_TYPES, PROGRAM_TYPES, readVmlinuxBtf } from '@polybpf/kernel';
import * as layout from '../src/attr-layout.ts';
import { enumValues } from '../src/probe/kernel-names.ts';
import { MAP_FLAGS } from '../src/create-map.ts';
import { PROGRAM_FLAGS } from '../src/load-program.ts';
import { describeKernel } from './with-kernel.ts';

/** Fields of a struct or union with those of its anonymous members. */
function offsetsOf(btf: Btf, type: BtfComposite, at = 0): Map<string, number> {
  const offsets = new Map<string, number>();
  for (const { name, type: id, bitOffset } of type.members) {
    const offset = at + bitOffset / 8;
    const inner = resolveType(btf, id);
    if (name !== '') offsets.set(name, offset);
    else if (inner.kind === 'STRUCT' || inner.kind === 'UNION') {
      for (const [field, place] of offsetsOf(btf, inner, offset)) offsets.set(field, offsets.get(field) ?? place);
    }
  }
  return offsets;
}

function composite(btf: Btf, kind: 'STRUCT' | 'UNION', name: string): BtfComposite {
  const type = btf.types.find((candidate) => candidate.kind === kind && candidate.name === name);
  if (type?.kind !== kind) throw new Error(`no ${kind} ${name}`);
  return type;
}

describeKernel('the layout of bpf(2)', () => {
  const btf = readVmlinuxBtf();
  const attr = composite(btf, 'UNION', 'bpf_attr');
  /** The member of bpf_attr that has all these fields: they repeat in several. */
  const members = attr.members.map(({ type }) => resolveType(btf, type));
  const structs: [string, Record<string, number>, Map<string, number>][] = Object.entries(layout).flatMap(
    ([name, fields]): [string, Record<string, number>, Map<string, number>][] => {
      if (typeof fields !== 'object' || name === 'BPF_CMD') return [];
      if (name.endsWith('_INFO')) return [[name, fields, offsetsOf(btf, composite(btf, 'STRUCT', `bpf_${name.toLowerCase()}`))]]; // prettier-ignore
      const homes = members.flatMap((member) => (member.kind === 'STRUCT' ? [offsetsOf(btf, member)] : []));
      const home = homes.find((offsets) => Object.keys(fields).every((field) => offsets.has(field)));
      return [[name, fields, home ?? new Map()]];
    },
  );

  test.each(structs)('%s', (_, fields, kernel) => {
    expect(fields).toEqual(Object.fromEntries(Object.keys(fields).map((field) => [field, kernel.get(field)])));
  });

  test('commands', () => {
    const kernel = enumValues(btf, 'bpf_cmd');
    for (const [name, number] of Object.entries(layout.BPF_CMD)) expect([name, kernel[`BPF_${name}`]]).toEqual([name, number]); // prettier-ignore
  });

  test('program, map and attach types', () => {
    const numbers = (name: string, prefix: string): Map<string, number> =>
      new Map(Object.entries(enumValues(btf, name)).map(([key, value]) => [key.replace(prefix, ''), value]));
    const programs = numbers('bpf_prog_type', 'BPF_PROG_TYPE_');
    PROGRAM_TYPES.forEach((name, number) => expect([name, programs.get(name.toUpperCase())]).toEqual([name, number]));
    const maps = numbers('bpf_map_type', 'BPF_MAP_TYPE_');
    MAP_TYPES.forEach((name, number) => expect([name, maps.get(name.toUpperCase())]).toEqual([name, number]));
    const attach = numbers('bpf_attach_type', '');
    ATTACH_TYPES.forEach((name, number) => expect([name, attach.get(name)]).toEqual([name, number]));
  });

  test('flags of maps', () => {
    const kernel = new Map(
      btf.types.flatMap((type) =>
        type.kind === 'ENUM' ? type.values.map(({ name, value }): [string, number] => [name, value]) : [],
      ),
    );
    for (const [name, value] of Object.entries(MAP_FLAGS)) expect([name, kernel.get(name) ?? value]).toEqual([name, value]); // prettier-ignore
    expect(Object.keys(MAP_FLAGS).filter((name) => kernel.has(name)).length).toBeGreaterThan(10);
    expect(Object.values(PROGRAM_FLAGS)).toEqual([1, 2, 4, 8, 16, 32, 64, 128]);
  });
});
