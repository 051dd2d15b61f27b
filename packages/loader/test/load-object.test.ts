import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { checkInsns } from '@polybpf/isa';
import type { LoadedObject } from '../src/loaded-object.ts';
import { callsOf, fixture, FIXTURES, mapOf, programOf, referencesOf } from './fixture.ts';

const FEATURES = FIXTURES.filter((name) => name.startsWith('features.'));
const SOURCE = readFileSync(new URL('./fixtures/features.c', import.meta.url), 'utf8').split('\n');
const isBig = (name: string): boolean => name.includes('.eb.');
const isGcc = (name: string): boolean => name.includes('.gcc');

/** The words of a data map in the byte order of its object. */
function words(object: LoadedObject, name: string, size: 4 | 8): bigint[] {
  const { initial } = mapOf(object, name);
  if (initial === undefined) return [];
  const view = new DataView(initial.buffer, initial.byteOffset, initial.byteLength);
  const little = object.endian === 'little';
  return Array.from({ length: initial.length / size }, (_, k) =>
    size === 4 ? BigInt(view.getUint32(4 * k, little)) : view.getBigUint64(8 * k, little),
  );
}

test('every committed object loads into legal programs', () => {
  expect(FIXTURES.length).toBeGreaterThanOrEqual(22);
  for (const name of FIXTURES) {
    const object = fixture(name);
    expect([name, object.endian]).toEqual([name, isBig(name) ? 'big' : 'little']);
    expect(object.programs.length).toBeGreaterThan(0);
    expect(object.warnings).toEqual([]);
    for (const program of object.programs) {
      expect(checkInsns(program.insns)).toEqual([]);
      expect(program.maps).toBe(object.maps);
      let end = 0;
      for (const part of program.subprograms) {
        expect([part.start, part.end > part.start]).toEqual([end, true]);
        end = part.end;
      }
      expect(end).toBe(program.insns.length);
      expect(program.subprograms[0]?.name).toBe(program.name);
    }
  }
});

describe.each(FEATURES)('%s', (name) => {
  const object = fixture(name);

  test('programs by section', () => {
    const rows = object.programs.map((p) => [p.section, p.name, p.type, p.attachType, p.attachTo, p.sleepable]);
    expect(rows.sort()).toEqual([
      ['?fentry.s/do_unlinkat', 'externs', 'tracing', 'BPF_TRACE_FENTRY', 'do_unlinkat', true],
      ['tc', 'walk', 'sched_cls', undefined, undefined, undefined],
      ['xdp', 'count', 'xdp', 'BPF_XDP', undefined, undefined],
      ['xdp', 'jumped', 'xdp', 'BPF_XDP', undefined, undefined],
    ]);
    expect(object.license).toBe('Dual BSD/GPL');
    expect(object.version).toBe(0x60c00);
    expect(object.programs.every((program) => program.license === 'Dual BSD/GPL')).toBe(true);
    const lazy = object.details.filter((detail) => !detail.autoload).map((detail) => detail.name);
    expect(lazy).toEqual(['externs']);
  });

  test('subprograms are appended to each program that needs them, and calls go to them', () => {
    const count = programOf(object, 'count');
    expect(count.subprograms.map((part) => part.name).sort()).toEqual(['count', 'global_sub', 'leaf', 'middle']);
    expect(callsOf(count).sort()).toEqual([
      'count -> global_sub',
      'count -> middle',
      'global_sub -> leaf',
      'middle -> leaf',
      'middle -> leaf',
    ]);
    const walk = programOf(object, 'walk');
    expect(walk.subprograms.map((part) => part.name)).toEqual(['walk', 'each', 'leaf']);
    expect(callsOf(walk)).toEqual(['walk & each', 'each -> leaf']);
    expect(callsOf(programOf(object, 'jumped'))).toEqual(['jumped -> leaf']);
  });

  test('references to maps and variables go by name and index', () => {
    expect(referencesOf(programOf(object, 'count'))).toEqual([
      'data hits',
      'data level',
      'data limit',
      'data table',
      'data total',
      'data tunable',
      'map counts',
    ]);
    const { insns, relocations, maps } = programOf(object, 'walk');
    for (const { insn, kind, symbol } of relocations) {
      const { opcode, src_reg, imm } = insns[insn]!;
      expect([opcode, src_reg]).toEqual([0x18, kind === 'map' ? 5 : 6]);
      if (kind === 'map') expect(maps[imm]?.name).toBe(symbol);
    }
    expect(referencesOf(programOf(object, 'walk'))).toContain('map jumps');
  });

  test('the offset of a variable stands in the second slot', () => {
    const { insns, relocations, maps } = programOf(object, 'count');
    const place = (symbol: string): [string | undefined, number | undefined] => {
      const at = relocations.find((relocation) => relocation.symbol === symbol)?.insn ?? -1;
      return [maps[insns[at]?.imm ?? -1]?.name, insns[at + 1]?.imm];
    };
    expect(place('limit')).toEqual(['.rodata.limits', 0]);
    const [dataMap, level] = place('level');
    expect(dataMap).toBe('.data');
    expect(words(object, '.data', 4)[(level ?? 0) / 4]).toBe(3n);
    const [tableMap, table] = place('table');
    expect(tableMap).toBe('.data');
    const first = (table ?? 0) / 4;
    expect(words(object, '.data', 4).slice(first, first + 4)).toEqual([10n, 20n, 30n, 40n]);
  });

  test('maps with their sizes, inner maps and initial slots', () => {
    const { inner, initialSymbols, ...outer } = mapOf(object, 'outer');
    expect(outer).toMatchObject({ kind: 'map', type: 12, keySize: 4, valueSize: 4, maxEntries: 3 });
    expect(inner).toMatchObject({ name: 'outer.inner', type: 2, keySize: 4, valueSize: 8, maxEntries: 4 });
    const indexOf = (wanted: string): number => object.maps.findIndex((map) => map.name === wanted);
    expect(initialSymbols).toEqual([
      { offset: 0, size: 8, kind: 'map', symbol: 'second', map: indexOf('second'), addend: 0 },
      { offset: 2, size: 8, kind: 'map', symbol: 'first', map: indexOf('first'), addend: 0 },
    ]);
    expect(mapOf(object, 'jumps').initialSymbols).toEqual([
      { offset: 5, size: 8, kind: 'program', symbol: 'jumped', addend: 0 },
    ]);
    const counts = { type: 1, keySize: 8, valueSize: 8, maxEntries: 100, flags: 1, pinning: 1, section: '.maps' };
    expect(mapOf(object, 'counts')).toMatchObject(counts);
  });

  test('data sections are maps with their contents', () => {
    const rodata = mapOf(object, '.rodata.limits');
    expect(rodata).toMatchObject({ kind: 'rodata', type: 2, keySize: 4, valueSize: 4, maxEntries: 1, flags: 128 });
    expect(words(object, '.rodata.limits', 4)).toEqual([99n]);
    expect(mapOf(object, '.bss')).toMatchObject({ kind: 'bss', valueSize: 24 });
    expect(mapOf(object, '.bss').initial).toBeUndefined();
    expect(mapOf(object, '.data')).toMatchObject({ kind: 'data', flags: 0, valueSize: 56 });
  });

  test('pointers in data stay symbolic', () => {
    const { initialSymbols = [] } = mapOf(object, '.data');
    const strings = object.maps.findIndex((map) => map.name === '.rodata.str1.1');
    const names = initialSymbols.filter((symbol) => symbol.map === strings).map((symbol) => symbol.addend);
    expect(names).toEqual([0, 4]);
    expect(Buffer.from(object.maps[strings]?.initial ?? []).toString()).toBe('one\0two\0');
    expect(initialSymbols.filter((symbol) => symbol.kind === 'map').map((symbol) => symbol.symbol)).toEqual(['counts']);
    // where = &table[2]: 8 bytes behind wherever `table` is in the section.
    const data = object.maps.findIndex((map) => map.name === '.data');
    const [where] = initialSymbols.filter((symbol) => symbol.kind === 'data' && symbol.map === data);
    expect(words(object, '.data', 4)[(where?.addend ?? 0) / 4]).toBe(30n);
  });

  test('what nothing defines is listed and never 0', () => {
    const externs = programOf(object, 'externs');
    const found = referencesOf(externs).filter((text) => !/CONFIG|LINUX/.test(text));
    expect(found).toEqual([
      'extern extern_symbol',
      'kfunc extern_kfunc',
      'weak extern maybe_symbol',
      'weak kfunc maybe_kfunc',
      'weak subprogram maybe_kfunc',
    ]);
    for (const { insn, kind } of externs.relocations) {
      if (kind !== 'map' && kind !== 'data') expect(externs.insns[insn]?.imm).toBe(-1);
    }
    const listed = object.unresolved.map(({ program, kind, symbol, weak }) => ({ program, kind, symbol, weak }));
    expect(listed).toContainEqual({ program: 'externs', kind: 'kfunc', symbol: 'extern_kfunc', weak: false });
    expect(listed).toContainEqual({ program: 'externs', kind: 'extern', symbol: 'maybe_symbol', weak: true });
    expect(new Set(listed.map(({ program }) => program))).toEqual(new Set(['externs']));
  });
});

describe.each(FEATURES.filter((name) => !isGcc(name)))('%s, by clang', (name) => {
  const object = fixture(name);

  test('.kconfig is laid out by alignment and size', () => {
    expect(object.kconfig).toEqual([
      { name: 'CONFIG_HZ', offset: 0, size: 8, weak: true, btfTypeId: expect.any(Number) },
      { name: 'LINUX_KERNEL_VERSION', offset: 8, size: 4, weak: false, btfTypeId: expect.any(Number) },
      { name: 'CONFIG_FIRST', offset: 12, size: 1, weak: false, btfTypeId: expect.any(Number) },
    ]);
    expect(mapOf(object, '.kconfig')).toMatchObject({ kind: 'kconfig', valueSize: 13, flags: 128 });
    const { insns, relocations } = programOf(object, 'externs');
    const at = relocations.find((relocation) => relocation.symbol === 'CONFIG_FIRST')?.insn ?? -1;
    expect(insns[at + 1]?.imm).toBe(12);
  });

  test('lines of the source by instruction of the program, subprograms too', () => {
    const count = programOf(object, 'count');
    expect(count.lines[0]?.insn).toBe(0);
    // Line 0 is code that the compiler made by itself.
    for (const { line, text } of count.lines) if (line !== 0) expect(text).toBe(SOURCE[line - 1]);
    expect(count.lines.filter(({ line }) => line !== 0).length).toBeGreaterThan(10);
    expect(count.lines.every(({ file }) => file.endsWith('/features.c'))).toBe(true);
    const leaf = count.subprograms.find((part) => part.name === 'leaf');
    const inLeaf = count.lines.filter(({ insn }) => insn >= (leaf?.start ?? 0) && insn < (leaf?.end ?? 0));
    expect(inLeaf.map(({ text }) => text.trim())).toContain('total += x;');
    expect(inLeaf[0]?.insn).toBe(leaf?.start);
    expect(count.lines.map(({ insn }) => insn)).toEqual(count.lines.map(({ insn }) => insn).sort((a, b) => a - b));
  });

  test('functions with their BTF types', () => {
    const detail = object.details[object.programs.findIndex((program) => program.name === 'count')];
    const found = detail?.funcInfo.map(({ insn, type }) => [insn, object.btf?.types[type]?.name]);
    expect(found).toEqual(programOf(object, 'count').subprograms.map(({ start, name }) => [start, name]));
  });
});

describe('the same source in both byte orders', () => {
  test.each(FIXTURES.filter((name) => name.includes('.el.')))('%s', (name) => {
    const little = fixture(name);
    const big = fixture(name.replace('.el.', '.eb.'));
    const shape = (object: LoadedObject): object => ({
      programs: object.programs.map((program) => ({
        name: program.name,
        subprograms: program.subprograms.map((part) => part.name),
        calls: callsOf(program),
        references: referencesOf(program),
      })),
      maps: object.maps.map(({ initial, ...map }) => ({ ...map, initial: initial?.length })),
      unresolved: object.unresolved.map(({ symbol, kind }) => [symbol, kind]),
    });
    expect(shape(big)).toEqual(shape(little));
  });
});

describe('legacy objects', () => {
  test.each(FIXTURES.filter((name) => name.startsWith('legacy.')))('%s has no BTF and loads', (name) => {
    const object = fixture(name);
    expect(object.btf).toBeUndefined();
    expect(object.programs.map((p) => [p.name, p.section, p.type])).toEqual([
      ['ingress', 'classifier/ingress', 'sched_cls'],
      ['drop', 'xdp_drop', 'xdp'],
    ]);
    expect(mapOf(object, 'flows')).toEqual({
      name: 'flows',
      kind: 'map',
      type: 1,
      keySize: 16,
      valueSize: 8,
      maxEntries: 1000,
      flags: 0,
      section: 'maps',
    });
    expect(mapOf(object, 'slots')).toMatchObject({ type: 2, keySize: 4, valueSize: 32, maxEntries: 5, flags: 3 });
    expect(new Set(callsOf(programOf(object, 'ingress')))).toEqual(new Set(['ingress -> lookup']));
    expect(referencesOf(programOf(object, 'drop'))).toEqual(['map slots']);
  });
});

describe('plain functions', () => {
  test.each(FIXTURES.filter((name) => name.startsWith('plain.')))('%s: global functions of .text', (name) => {
    const object = fixture(name);
    expect(object.programs.map(({ name, section, type }) => ({ name, section, type }))).toEqual([
      { name: 'prog', section: '.text', type: undefined },
      { name: 'other', section: '.text', type: undefined },
    ]);
    expect(object.maps).toEqual([]);
    expect(new Set(callsOf(programOf(object, 'prog')))).toEqual(new Set(['prog -> sum', 'prog -> mix', 'sum -> mix']));
  });
});

describe('tables of functions', () => {
  test.each(FIXTURES.filter((name) => name.startsWith('pointers.')))('%s', (name) => {
    const object = fixture(name);
    const [program] = object.programs;
    expect(object.programs).toHaveLength(1);
    // add, sub and mul are only reached through the table, shared only through mul.
    expect(program?.subprograms.map((part) => part.name).sort()).toEqual(['add', 'mul', 'prog', 'shared', 'sub']);
    const table = object.maps.flatMap((map) => map.initialSymbols ?? []).filter(({ kind }) => kind === 'subprogram');
    expect(table.map(({ symbol, addend, size }) => [symbol, addend, size])).toEqual([
      ['add', 0, 8],
      ['sub', 0, 8],
      ['mul', 0, 8],
    ]);
    const steps = table.map(({ offset }) => offset - (table[0]?.offset ?? 0));
    expect(steps).toEqual([0, 8, 16]);
  });
});
