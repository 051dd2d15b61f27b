import { EM, SHF, STB, STT, writeElf } from '@polybpf/elf';
import { encodeProgram, makeInsn } from '@polybpf/isa';
import { expect, test } from 'vitest';
import { linkObjects } from '../src/link-objects.ts';
import { loadObject } from '../src/load-object.ts';
import type { LoadedObject } from '../src/loaded-object.ts';
import { callsOf, fixture, fixtureBytes, mapOf, programOf, referencesOf } from './fixture.ts';

const ORDERS = ['el', 'eb'] as const;
const inputs = (order: 'el' | 'eb', ...names: string[]): { name: string; bytes: Uint8Array }[] =>
  names.map((name) => ({ name, bytes: fixtureBytes(`${name}.clang19.${order}.o`) }));
const linked = (order: 'el' | 'eb'): LoadedObject => loadObject(linkObjects(inputs(order, 'link-a', 'link-b')));

test.each(ORDERS)('symbols of one object are bound to those of the other, bpf%s', (order) => {
  const object = linked(order);
  expect(object.unresolved).toEqual([]);
  expect(object.warnings).toEqual([]);
  expect(object.license).toBe('GPL');
  expect(object.programs.map(({ name }) => name)).toEqual(['first', 'second']);
  // Both objects have a static function `local`; the weak `overridden` of a is not the one that is called.
  const first = programOf(object, 'first');
  expect(first.subprograms.map(({ name }) => name)).toEqual(['first', 'local', 'helper_of_b', 'local.2', 'overridden']);
  expect(callsOf(first)).toEqual(['first -> local', 'first -> helper_of_b', 'first -> overridden', 'helper_of_b -> local.2']); // prettier-ignore
  const overridden = first.subprograms.at(-1)!;
  expect(first.insns.slice(overridden.start, overridden.end).some(({ imm }) => imm === 2)).toBe(true);
});

test.each(ORDERS)('data of both objects is side by side, and references follow it, bpf%s', (order) => {
  const object = linked(order);
  const data = mapOf(object, '.data');
  const view = new DataView(data.initial!.buffer, data.initial!.byteOffset);
  const words = Array.from({ length: data.valueSize / 4 }, (_, k) => view.getInt32(4 * k, order === 'el'));
  expect(words).toEqual([3, 4, 9, 7]);
  expect(referencesOf(programOf(object, 'first'))).toEqual(
    ['data counter+0', 'data hidden_counter', 'data label', 'data limit', 'data other_counter', 'data table', 'map both'].map((text) => text.replace('+0', '')).filter((text) => text !== 'data counter'), // prettier-ignore
  );
  // The second `hidden_counter` lies behind what object a has.
  const places = programOf(object, 'first').insns.flatMap(({ opcode, src_reg, imm }, k, all) =>
    opcode === 0x18 && src_reg === 6 && object.maps[imm]!.name === '.data' ? [all[k + 1]!.imm] : [],
  );
  expect([...new Set(places)].sort((a, b) => a - b)).toEqual([4, 8, 12]);
});

test.each(ORDERS)('maps that are defined alike become one, extern ones the definition, bpf%s', (order) => {
  const object = linked(order);
  expect(object.maps.filter(({ kind }) => kind === 'map').map(({ name, valueSize }) => [name, valueSize])).toEqual([
    ['both', 16],
    ['only_a', 8],
  ]);
});

test.each(ORDERS)('types: equal ones once, sections complete, records in place, bpf%s', (order) => {
  const object = linked(order);
  const types = object.btf!.types;
  const count = (kind: string, name: string): number => types.filter((type) => type.kind === kind && type.name === name).length; // prettier-ignore
  expect([count('STRUCT', 'shared'), count('INT', 'int'), count('FUNC', 'helper_of_b'), count('FUNC', 'local'), count('VAR', 'both')]).toEqual([1, 1, 1, 2, 1]); // prettier-ignore
  const data = types.find((type) => type.kind === 'DATASEC' && type.name === '.data')!;
  const variables = data.kind === 'DATASEC' ? data.variables : [];
  expect(variables.map(({ type, offset, size }) => [types[type]!.name, offset, size])).toEqual([
    ['counter', 0, 4],
    ['hidden_counter', 4, 4],
    ['other_counter', 8, 4],
    ['hidden_counter', 12, 4],
  ]);
  for (const program of object.programs) {
    const details = object.details.find(({ name }) => name === program.name)!;
    expect(details.funcInfo.map(({ insn }) => insn)).toEqual(program.subprograms.map(({ start }) => start));
    expect(details.funcInfo.map(({ type }) => types[type]!.name)).toEqual(program.subprograms.map(({ name }) => name.replace(/\.2$/, ''))); // prettier-ignore
    expect(program.lines.length).toBeGreaterThan(5);
  }
});

test('an object alone stays what it is', () => {
  const [alone, before] = [loadObject(linkObjects(inputs('el', 'core'))), fixture('core.clang19.el.o')];
  const code = (object: LoadedObject): object[] => object.programs.map(({ name, insns }) => ({ name, insns }));
  expect(code(alone)).toEqual(code(before));
  const accesses = (object: LoadedObject): object[] => object.details.map(({ coreRelocations }) => coreRelocations.map(({ insn, access, kind, type }) => [insn, access, kind, object.btf!.types[type]!.name])); // prettier-ignore
  expect(accesses(alone)).toEqual(accesses(before));
  const again = loadObject(linkObjects([{ name: 'again', bytes: linkObjects(inputs('el', 'link-a', 'link-b')) }]));
  expect(code(again)).toEqual(code(linked('el')));
});

const EXIT = encodeProgram([makeInsn(0xb7, 0, 0, 0, 1), makeInsn(0x95, 0, 0, 0, 0)]);

function tiny(symbol: string, license: string, bind: number = STB.STB_GLOBAL): Uint8Array {
  return writeElf({
    class: 64,
    endian: 'little',
    machine: EM.EM_BPF,
    relocationFormat: 'rel',
    sections: [
      { name: 'xdp', flags: SHF.SHF_ALLOC | SHF.SHF_EXECINSTR, addralign: 8, data: EXIT },
      { name: 'license', flags: SHF.SHF_ALLOC | SHF.SHF_WRITE, data: new TextEncoder().encode(`${license}\0`) },
    ],
    symbols: [{ name: symbol, section: 0, size: 16, type: STT.STT_FUNC, bind }],
  });
}

test('contradictions are refused', () => {
  const link = (...list: Uint8Array[]): Uint8Array => linkObjects(list.map((bytes, k) => ({ name: `${k}.o`, bytes })));
  expect(() => link(tiny('f', 'GPL'), tiny('f', 'GPL'))).toThrow(/1\.o: f: f is defined twice, expected only in 0\.o/);
  expect(() => link(tiny('f', 'GPL'), tiny('g', 'MIT'))).toThrow(/do not agree in their license/);
  expect(() => link()).toThrow(/no object to link/);
  const orders = [...inputs('el', 'link-a'), ...inputs('eb', 'link-b')];
  expect(() => linkObjects(orders)).toThrow(/byte orders, expected little, got big/);
  expect(() => link(fixtureBytes('features.gcc12.el.o'), tiny('f', 'GPL'))).toThrow(/binutils up to 2\.40/);
  const weak = loadObject(link(tiny('f', 'GPL', STB.STB_WEAK), tiny('f', 'GPL')));
  expect(weak.programs.map(({ name, insns }) => [name, insns.length])).toEqual([['f', 2]]);
});

test('maps of one name that differ are refused, and so is a symbol with two types', () => {
  const [a, b] = inputs('el', 'link-a', 'link-b') as [{ name: string; bytes: Uint8Array }, { name: string; bytes: Uint8Array }]; // prettier-ignore
  // max_entries is the length of an array: 16 becomes 17 in b's BTF.
  const view = new DataView(b.bytes.slice().buffer);
  const { btf } = loadObject(b.bytes);
  const array = btf!.types.find((type) => type.kind === 'ARRAY' && type.nelems === 16)!;
  expect(array).toBeDefined();
  let changed = 0;
  for (let at = 0; at + 24 <= view.byteLength; at += 4) {
    const isArray = view.getUint32(at, true) === 0 && view.getUint32(at + 4, true) === 0x0300_0000 && view.getUint32(at + 20, true) === 16; // prettier-ignore
    if (isArray) view.setUint32(at + 20, 17 + 0 * changed++, true);
  }
  expect(changed).toBe(1);
  expect(() => linkObjects([a, { name: 'b', bytes: new Uint8Array(view.buffer) }])).toThrow(/both.*defined twice, and not alike|different types/); // prettier-ignore
});
