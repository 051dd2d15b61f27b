import { EM, R_BPF, SHF, SHT, STB, STT, writeElf, type ElfDescription } from '@polybpf/elf';
import type { ElfRelocationDescription, ElfSectionDescription, ElfSymbolDescription } from '@polybpf/elf';
import { isBpfError } from '@polybpf/errors';
import { encodeProgram, makeInsn, type Insn } from '@polybpf/isa';
import { describe, expect, test } from 'vitest';
import { loadObject } from './load-object.ts';
import type { LoadedObject } from './loaded-object.ts';

const EXIT = makeInsn(0x95, 0, 0, 0, 0);
const MOV = makeInsn(0xb7, 0, 0, 0, 1);
const CALL = makeInsn(0x85, 0, 1, 0, -1);
const CODE = SHF.SHF_ALLOC | SHF.SHF_EXECINSTR;

function load64(imm: number, src_reg = 0): Insn[] {
  return [makeInsn(0x18, 1, src_reg, 0, imm), makeInsn(0, 0, 0, 0, 0)];
}

type Section = ElfSectionDescription & { readonly insns?: readonly Insn[] };

/** An object from sections and symbols; `insns` becomes the data of a section of code. */
function object(
  sections: readonly Section[],
  symbols: readonly ElfSymbolDescription[],
  more: Partial<ElfDescription> = {},
): Uint8Array {
  const endian = more.endian ?? 'little';
  return writeElf({
    class: 64,
    machine: EM.EM_BPF,
    relocationFormat: 'rel',
    ...more,
    endian,
    symbols,
    sections: sections.map(({ insns, ...section }) =>
      insns === undefined ? section : { flags: CODE, addralign: 8, ...section, data: encodeProgram(insns, endian) },
    ),
  });
}

function code(name: string, insns: readonly Insn[], relocations: readonly ElfRelocationDescription[] = []): Section {
  return { name, insns, relocations };
}

function func(
  name: string,
  section: number,
  value: number,
  size: number,
  bind: number = STB.STB_GLOBAL,
): ElfSymbolDescription {
  return { name, section, value, size, bind, type: STT.STT_FUNC };
}

function refusal(bytes: Uint8Array): string {
  try {
    loadObject(bytes);
  } catch (error) {
    if (isBpfError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new Error('the object was loaded');
}

function names(loaded: LoadedObject): string[] {
  return loaded.programs.map((program) => `${program.name}:${program.subprograms.map((part) => part.name).join('+')}`);
}

describe('which functions are programs', () => {
  test('code without any symbol is one program called like its section', () => {
    expect(names(loadObject(object([code('xdp', [MOV, EXIT])], [])))).toEqual(['xdp:xdp']);
  });

  test('global labels divide code that has no typed functions', () => {
    const labels = [
      { name: 'one', section: 0, value: 0 },
      { name: 'local', section: 0, value: 8, bind: STB.STB_LOCAL },
      { name: 'two', section: 0, value: 16 },
    ];
    const { programs } = loadObject(object([code('tc', [MOV, EXIT, MOV, MOV, EXIT])], labels));
    expect(programs.map(({ name, insns }) => [name, insns.length])).toEqual([
      ['one', 2],
      ['two', 3],
    ]);
  });

  test('a function without a size reaches to the next one', () => {
    const symbols = [func('a', 0, 0, 0), func('alias', 0, 0, 0), func('b', 0, 16, 0)];
    const { programs } = loadObject(object([code('tc', [MOV, EXIT, MOV, MOV, EXIT])], symbols));
    expect(programs.map(({ name, insns }) => [name, insns.length])).toEqual([
      ['a', 2],
      ['alias', 2],
      ['b', 3],
    ]);
  });

  test('a static function is a program only when nothing uses it', () => {
    const call = makeInsn(0x85, 0, 1, 0, 1);
    const section = code('xdp', [call, EXIT, MOV, EXIT, MOV, EXIT]);
    const symbols = [func('main', 0, 0, 16), func('used', 0, 16, 16, 0), func('entry', 0, 32, 16, 0)];
    expect(names(loadObject(object([section], symbols)))).toEqual(['main:main+used', 'entry:entry']);
  });

  test('functions of .text are programs only where there are no others', () => {
    const text = code('.text', [MOV, EXIT]);
    const alone = loadObject(object([text], [func('f', 0, 0, 16)]));
    expect(names(alone)).toEqual(['f:f']);
    const both = object([text, code('xdp', [MOV, EXIT])], [func('f', 0, 0, 16), func('g', 1, 0, 16)]);
    expect(names(loadObject(both))).toEqual(['g:g']);
  });

  test('code that no symbol covers can be called', () => {
    const section = code('xdp', [makeInsn(0x85, 0, 1, 0, 1), EXIT, MOV, EXIT]);
    const [program] = loadObject(object([section], [func('main', 0, 0, 16)])).programs;
    expect(program?.subprograms).toEqual([
      { name: 'main', start: 0, end: 2 },
      { name: 'xdp+2', start: 2, end: 4 },
    ]);
    expect(program?.insns[0]?.imm).toBe(1);
  });
});

describe('relocations of code', () => {
  const sub = [func('main', 0, 0, 24), func('f', 1, 0, 16), func('g', 1, 16, 16)];
  const text = code('.text', [MOV, EXIT, MOV, EXIT]);

  test.each([
    ['a named function, field -1', 'rel', { symbol: 2 }, -1],
    ['the section, field in slots', 'rel', { symbol: 3 }, 1],
    ['an explicit addend in bytes', 'rela', { symbol: 3, addend: 16 }, -1],
  ] as const)('a call of %s', (_, relocationFormat, target, imm) => {
    const main = code('xdp', [MOV, { ...CALL, imm }, EXIT], [{ offset: 8, type: R_BPF.R_BPF_64_32, ...target }]);
    const symbols = [...sub, { name: '', section: 1, type: STT.STT_SECTION, bind: STB.STB_LOCAL }];
    const [program] = loadObject(object([main, text], symbols, { relocationFormat })).programs;
    expect(program?.subprograms.map((part) => part.name)).toEqual(['main', 'g']);
    expect(program?.insns[1]).toEqual({ ...CALL, imm: 1 });
  });

  test('the address of a function becomes relative to the instruction', () => {
    const main = code('xdp', [...load64(0), EXIT], [{ offset: 0, type: R_BPF.R_BPF_64_64, symbol: 2 }]);
    const [program] = loadObject(object([main, text], sub)).programs;
    expect(program?.insns.slice(0, 2)).toEqual([makeInsn(0x18, 1, 4, 0, 2), makeInsn(0, 0, 0, 0, 0)]);
    expect(program?.subprograms.map((part) => part.name)).toEqual(['main', 'g']);
  });

  test('an absolute symbol is a number, upper half too', () => {
    const main = code('xdp', [...load64(1), EXIT], [{ offset: 0, type: R_BPF.R_BPF_64_64, symbol: 1 }]);
    const symbols = [func('main', 0, 0, 24), { name: 'abs', section: 'absolute' as const, value: 0x1_0000_0005 }];
    const [program] = loadObject(object([main], symbols)).programs;
    expect(program?.insns.slice(0, 2)).toEqual([makeInsn(0x18, 1, 0, 0, 6), makeInsn(0, 0, 0, 0, 1)]);
    expect(program?.relocations).toEqual([]);
  });

  test('callx of LLVM before 19 gets its register from imm', () => {
    const insns = [makeInsn(0x8d, 0, 0, 0, 3), makeInsn(0x8d, 4, 0, 0, 0), makeInsn(0x8d, 0, 0, 0, 0), EXIT];
    const [program] = loadObject(object([code('xdp', insns)], [func('main', 0, 0, 32)])).programs;
    expect(program?.insns.map(({ dst_reg, imm }) => [dst_reg, imm])).toEqual([
      [3, 0],
      [4, 0],
      [0, 0],
      [0, 0],
    ]);
  });

  test('data in a section of any name', () => {
    const main = code('xdp', [...load64(4), EXIT], [{ offset: 0, type: R_BPF.R_BPF_64_64, symbol: 1 }]);
    const data = {
      name: 'settings',
      flags: SHF.SHF_ALLOC | SHF.SHF_WRITE,
      data: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
    };
    const unused = { name: 'unused', flags: SHF.SHF_ALLOC, data: new Uint8Array(4) };
    const symbols = [func('main', 0, 0, 24), { name: 'config', section: 1, size: 8, type: STT.STT_OBJECT }];
    const { programs, maps } = loadObject(object([main, data, unused], symbols));
    expect(maps.map(({ name, kind, valueSize }) => ({ name, kind, valueSize }))).toEqual([
      { name: 'settings', kind: 'data', valueSize: 8 },
    ]);
    expect(programs[0]?.relocations).toEqual([{ insn: 0, kind: 'data', symbol: 'config', addend: 4 }]);
    expect(programs[0]?.insns.slice(0, 2)).toEqual([makeInsn(0x18, 1, 6, 0, 0), makeInsn(0, 0, 0, 0, 4)]);
  });

  test('what is undefined without BTF: calls, addresses, weak ones', () => {
    const relocations = [
      { offset: 0, type: R_BPF.R_BPF_64_32, symbol: 1 },
      { offset: 8, type: R_BPF.R_BPF_64_64, symbol: 2 },
    ];
    const symbols = [
      func('main', 0, 0, 32),
      { name: 'callee', section: 'undefined' as const },
      { name: 'value', section: 'undefined' as const, bind: STB.STB_WEAK },
    ];
    const loaded = loadObject(object([code('xdp', [CALL, ...load64(8), EXIT], relocations)], symbols));
    expect(loaded.programs[0]?.relocations).toEqual([
      { insn: 0, kind: 'kfunc', symbol: 'callee', addend: 0 },
      { insn: 1, kind: 'extern', symbol: 'value', addend: 8, weak: true },
    ]);
    expect(loaded.programs[0]?.insns.slice(0, 3)).toEqual([
      makeInsn(0x85, 0, 2, 0, -1),
      makeInsn(0x18, 1, 0, 0, -1),
      makeInsn(0, 0, 0, 0, 0),
    ]);
    expect(loaded.unresolved).toEqual([
      { program: 'main', insn: 0, kind: 'kfunc', symbol: 'callee', weak: false },
      { program: 'main', insn: 1, kind: 'extern', symbol: 'value', weak: true },
    ]);
  });
});

describe('map sections', () => {
  const map = (words: readonly number[]): Uint8Array => new Uint8Array(Uint32Array.from(words).buffer);
  const mapObject = (name: string, definitions: readonly (readonly number[])[], size: number): Uint8Array => {
    const data = new Uint8Array(definitions.length * size);
    definitions.forEach((words, k) => data.set(map(words), k * size));
    const symbols = definitions.map((_, k) => ({ name: `m${k}`, section: 1, value: k * size, size, type: 1 }));
    const section = { name, flags: SHF.SHF_ALLOC | SHF.SHF_WRITE, data };
    return object([code('xdp', [MOV, EXIT]), section], [func('f', 0, 0, 16), ...symbols]);
  };

  test('struct bpf_map_def with further fields of zero', () => {
    const { maps, warnings } = loadObject(mapObject('maps', [[1, 4, 8, 16, 1], [2, 4, 4, 2]], 28)); // prettier-ignore
    expect(maps).toMatchObject([
      { name: 'm0', type: 1, keySize: 4, valueSize: 8, maxEntries: 16, flags: 1 },
      { name: 'm1', type: 2, keySize: 4, valueSize: 4, maxEntries: 2, flags: 0 },
    ]);
    expect(warnings).toEqual([]);
  });

  test('further fields that mean something to another loader are told', () => {
    const { maps, warnings } = loadObject(mapObject('maps/events', [[4, 4, 4, 0, 0, 7]], 28));
    expect(maps).toHaveLength(1);
    expect(warnings).toEqual(['map m0: fields beyond struct bpf_map_def are not understood and were skipped']);
  });

  test('iproute2: pinning and inner maps by id', () => {
    const outer = [13, 4, 4, 8, 0, 1, 2, 42, 0];
    const inner = [1, 4, 16, 3, 0, 42, 0, 0, 0];
    const { maps } = loadObject(mapObject('maps', [outer, inner], 36));
    expect(maps[0]).toMatchObject({ pinning: 1, inner: { name: 'm0.inner', type: 1, valueSize: 16, maxEntries: 3 } });
    expect(maps[1]?.pinning).toBeUndefined();
  });

  test('struct_ops variables keep their bytes and the programs that they name', () => {
    const ops = {
      name: '.struct_ops.link',
      flags: SHF.SHF_ALLOC | SHF.SHF_WRITE,
      data: new Uint8Array(32).fill(7, 0, 8),
      relocations: [{ offset: 24, type: R_BPF.R_BPF_64_ABS64, symbol: 0 }],
    };
    const symbols = [func('init', 0, 0, 16), { name: 'sched', section: 1, value: 0, size: 32, type: STT.STT_OBJECT }];
    const ops0 = { ...ops, data: ops.data.map((byte, k) => (k >= 24 ? 0 : byte)) };
    const { maps, programs } = loadObject(object([code('struct_ops/init', [MOV, EXIT]), ops0], symbols));
    expect(programs[0]).toMatchObject({ type: 'struct_ops', attachTo: 'init' });
    expect(maps[0]).toMatchObject({ name: 'sched', type: 26, valueSize: 32, flags: 1 << 13, maxEntries: 1 });
    expect(maps[0]?.initialSymbols).toEqual([{ offset: 24, size: 8, kind: 'program', symbol: 'init', addend: 0 }]);
  });
});

describe('loadObject refuses', () => {
  const main = [func('main', 0, 0, 24)];
  const twoSlots = [...load64(0), EXIT];
  const relocated = (insns: readonly Insn[], relocation: Partial<ElfRelocationDescription>): Section =>
    code('xdp', insns, [{ offset: 0, type: R_BPF.R_BPF_64_64, symbol: 0, ...relocation }]);
  const cases: [string, RegExp, Uint8Array][] = [
    ['another machine', /^E_ELF_MACHINE/, object([], [], { machine: EM.EM_X86_64 })],
    ['a linked file', /^E_UNSUPPORTED: linked eBPF file/, withHalf(object([code('xdp', [EXIT])], []), 16, 3)],
    ['sections over the same bytes', /^E_LOAD_SECTION: sections overlap/, overlapping(object(Array.from({ length: 40 }, () => code('xdp', [EXIT])), []), 600)],
    ['ELF32', /^E_ELF_MACHINE/, object([], [], { class: 32 })],
    ['code of 12 bytes', /^E_LOAD_SECTION: section tc/, object([{ name: 'tc', flags: CODE, data: new Uint8Array(12) }], [])],
    ['a function past its section', /^E_LOAD_PROGRAM.*xdp: f/, object([code('xdp', [EXIT])], [func('f', 0, 0, 16)])],
    ['a function without a size past its section', /^E_LOAD_PROGRAM.*xdp: f/, object([code('xdp', [EXIT])], [func('f', 0, 16, 0)])],
    ['a function at half an instruction', /^E_LOAD_PROGRAM/, object([code('xdp', [MOV, EXIT])], [func('f', 0, 4, 8)])],
    ['an unknown opcode', /^E_DECODE_OPCODE: section xdp: main: insn 1/, object([code('xdp', [MOV, makeInsn(0xff, 0, 0, 0, 0), EXIT])], main)],
    ['a jump out of the function', /^E_DECODE_JUMP: section xdp: main: insn 0/, object([code('xdp', [makeInsn(5, 0, 0, 9, 0), MOV, EXIT])], main)],
    ['a jump into another function', /^E_DECODE_JUMP.*jump out of its function/, object([code('xdp', [makeInsn(0x85, 0, 1, 0, 1), EXIT, makeInsn(5, 0, 0, -2, 0), EXIT])], [func('f', 0, 0, 16), func('g', 0, 16, 16, 0)])],
    ['a call out of the section', /^E_LOAD_RELOCATION.*insn 0.*call_local leaves its section/, object([code('xdp', [{ ...CALL, imm: 40 }, MOV, EXIT])], main)],
    ['a load relocation at a mov', /expected ld_imm64, got mov64_imm/, object([relocated([MOV, MOV, EXIT], {})], main)],
    ['a call relocation at a load', /expected call, got ld_imm64/, object([relocated(twoSlots, { type: R_BPF.R_BPF_64_32 })], main)],
    ['a relocation between instructions', /not at an instruction/, object([relocated(twoSlots, { offset: 4 })], main)],
    ['a relocation past the code', /not at an instruction/, object([relocated(twoSlots, { offset: 24 })], main)],
    ['a type that is not for code', /^E_UNSUPPORTED.*relocation type 3 of an instruction/, object([relocated(twoSlots, { type: 3 })], main)],
    ['the address of half an instruction', /no instruction at main\+4/, object([relocated([...load64(4), EXIT], {})], main)],
    [
      'a place inside a map definition',
      /^E_LOAD_RELOCATION.*m\+4 points into a map definition/,
      object(
        [relocated([...load64(4), EXIT], { symbol: 1 }), { name: 'maps', flags: 3, data: new Uint8Array(20) }],
        [...main, { name: 'm', section: 1, size: 20, type: STT.STT_OBJECT }],
      ),
    ],
    [
      'a legacy map of 12 bytes',
      /^E_LOAD_MAP: section maps: m/,
      object(
        [code('xdp', twoSlots), { name: 'maps', flags: 3, data: new Uint8Array(12) }],
        [...main, { name: 'm', section: 1, size: 12, type: STT.STT_OBJECT }],
      ),
    ],
    [
      '.maps without BTF',
      /^E_LOAD_MAP.*expected an object compiled with -g/,
      object(
        [code('xdp', twoSlots), { name: '.maps', flags: 3, data: new Uint8Array(32) }],
        [...main, { name: 'm', section: 1, size: 32, type: STT.STT_OBJECT }],
      ),
    ],
    ['a common symbol', /^E_UNSUPPORTED.*-fno-common/, object([relocated(twoSlots, { symbol: 1 })], [...main, { name: 'c', section: 'common' }])],
    [
      'a data relocation of one byte',
      /^E_UNSUPPORTED.*relocation type 8 of data/,
      object(
        [code('xdp', twoSlots), { name: '.data', flags: 3, data: new Uint8Array(8), relocations: [{ offset: 0, type: 8, symbol: 0 }] }],
        main,
      ),
    ],
    [
      'a data relocation past the section',
      /^E_LOAD_RELOCATION.*outside its section/,
      object(
        [code('xdp', twoSlots), { name: '.data', flags: 3, data: new Uint8Array(8), relocations: [{ offset: 4, type: 2, symbol: 0 }] }],
        main,
      ),
    ],
    ['4 GiB of .bss', /^E_LOAD_SECTION.*too large/, object([code('xdp', twoSlots), { name: '.bss', type: SHT.SHT_NOBITS, flags: 3, size: 2 ** 32 }], main)],
  ]; // prettier-ignore
  test.each(cases)('%s', (_, message, bytes) => {
    expect(refusal(bytes)).toMatch(message);
  });

  function withHalf(bytes: Uint8Array, at: number, value: number): Uint8Array {
    new DataView(bytes.buffer).setUint16(at, value, true);
    return bytes;
  }

  /** Makes each of the sections of one instruction `size` bytes long. */
  function overlapping(bytes: Uint8Array, size: number): Uint8Array {
    const view = new DataView(bytes.buffer);
    for (let k = 1; k <= 40; k++) view.setUint32(Number(view.getBigUint64(40, true)) + 64 * k + 32, size, true);
    return bytes;
  }

  test('an object whose programs would multiply its code', () => {
    const subs = 3000;
    const insns = Array.from({ length: subs }, () => [CALL, EXIT]).flat();
    // Function k calls function k + 1; every one of them is an entry.
    const relocations = Array.from({ length: subs - 1 }, (_, k) => ({ offset: 16 * k, type: 10, symbol: k + 1 }));
    const symbols = Array.from({ length: subs }, (_, k) => func(`f${k}`, 0, 16 * k, 16));
    const last = insns.length - 2;
    const bytes = object([code('xdp', insns.with(last, MOV), relocations)], symbols);
    const start = performance.now();
    expect(refusal(bytes)).toMatch(/^E_LOAD_PROGRAM.*too many instructions together/);
    expect(performance.now() - start).toBeLessThan(60_000);
  });

  test('illegal instructions can be kept', () => {
    const odd = makeInsn(0xff, 1, 2, 3, 4);
    const bytes = object([code('xdp', [odd, MOV, EXIT])], main);
    expect(loadObject(bytes, { illegal: 'keep' }).programs[0]?.insns[0]).toEqual(odd);
  });
});
