import { describe, expect, test } from 'vitest';
import { type Btf, type BtfType, parseBtf } from '@polybpf/btf';
import type { MapDef } from '@polybpf/isa';
import { type ObjectSymbols, prepareBtf } from './object-btf.ts';

const TYPES: BtfType[] = [
  { kind: 'VOID', id: 0, name: '' },
  { kind: 'INT', id: 1, name: 'int', size: 4, encoding: 1, bitOffset: 0, bits: 32 },
  { kind: 'VAR', id: 2, name: 'second', type: 1, linkage: 1 },
  { kind: 'VAR', id: 3, name: 'first', type: 1, linkage: 1 },
  { kind: 'VAR', id: 4, name: 'hidden_static', type: 1, linkage: 0 },
  { kind: 'DATASEC', id: 5, name: '.data', size: 0, variables: [{ type: 2, offset: 0, size: 4 }, { type: 3, offset: 0, size: 4 }, { type: 4, offset: 8, size: 4 }] }, // prettier-ignore
  { kind: 'VAR', id: 6, name: 'runqueues', type: 0, linkage: 2 },
  { kind: 'DATASEC', id: 7, name: '.ksyms', size: 0, variables: [{ type: 6, offset: 0, size: 0 }] },
  { kind: 'VAR', id: 8, name: 'CONFIG_HZ', type: 1, linkage: 2 },
  { kind: 'DATASEC', id: 9, name: '.kconfig', size: 0, variables: [{ type: 8, offset: 0, size: 4 }] },
  { kind: 'FUNC_PROTO', id: 10, name: '', returnType: 1, params: [{ name: '', type: 1 }] },
  { kind: 'FUNC', id: 11, name: 'bpf_kfunc', type: 10, linkage: 2 },
  { kind: 'FUNC', id: 12, name: 'helper', type: 10, linkage: 1 },
];
const BTF: Btf = { endian: 'little', types: TYPES, firstId: 0, strings: Uint8Array.from(Buffer.from('\0old\0')) };
const map = (name: string, kind: MapDef['kind'], valueSize: number): MapDef => {
  return { name, kind, type: 2, keySize: 4, valueSize, maxEntries: 1, flags: 0 };
};
const MAPS = [map('.data', 'data', 12), map('.kconfig', 'kconfig', 4)];
const OFFSETS = new Map([
  ['.data first', 0],
  ['.data second', 4],
  ['.kconfig CONFIG_HZ', 0],
]);
const SYMBOLS: ObjectSymbols = {
  offsetOf: (section, name) => OFFSETS.get(`${section} ${name}`),
  isHidden: (name) => name === 'helper',
};

describe('prepareBtf', () => {
  const prepared = prepareBtf(BTF, MAPS, SYMBOLS, ['main.c', 'old', 'main.c', '']);
  const { types } = parseBtf(prepared.bytes);

  test('sections get their size, and variables their offsets in order', () => {
    expect(types[5]).toMatchObject({
      kind: 'DATASEC',
      size: 12,
      variables: [
        { type: 3, offset: 0 },
        { type: 2, offset: 4 },
        { type: 4, offset: 8 },
      ],
    });
    expect([...prepared.sections]).toEqual(['.data', '.kconfig']);
  });

  test('what is in no map keeps its id and becomes something empty', () => {
    expect(types[7]).toMatchObject({ kind: 'STRUCT', name: '', size: 0, members: [] });
  });

  test('externs become what the kernel takes: those of .kconfig with their type', () => {
    const dummy = TYPES.length;
    expect(types[6]).toMatchObject({ kind: 'VAR', linkage: 1, type: dummy });
    expect(types[8]).toMatchObject({ kind: 'VAR', linkage: 1, type: 1 });
    expect(types[11]).toMatchObject({ kind: 'FUNC', linkage: 1 });
    expect(types[10]).toMatchObject({ params: [{ name: 'dummy_ksym', type: 1 }] });
    expect(types[dummy]).toMatchObject({ kind: 'INT' });
  });

  test('hidden functions are verified where they are called', () => {
    expect(types[12]).toMatchObject({ kind: 'FUNC', linkage: 0 });
  });

  test('strings keep their offsets, new ones are appended', () => {
    expect(['', 'old', 'main.c'].map(prepared.stringOffset)).toEqual([0, 1, 5]);
  });

  test('without symbols a section with global variables is left out', () => {
    const { sections, bytes } = prepareBtf(BTF, MAPS, undefined, []);
    expect([...sections]).toEqual([]);
    expect(parseBtf(bytes).types[5]).toMatchObject({ kind: 'STRUCT' });
  });
});
