/**
 * Relocatable ELF objects of compiled programs, for the platform's own linker, and the C header that goes with them.
 *
 * Each program is a global function. Its global data (`.rodata`, `.data`, `.bss` of the BPF object) is copied into
 * sections of the same names. Helpers, maps and unresolved functions are undefined symbols that the C program defines:
 * a map is the address that helpers get as their map argument.
 */
import { STB, STT, SHF, SHT, writeElf, type ElfSectionDescription, type ElfSymbolDescription } from '@polybpf/elf';
import { BpfError } from '@polybpf/errors';
import type { Endian, MapDef } from '@polybpf/isa';
import type { CompiledProgram } from './compile.ts';
import { describeSymbol } from './link.ts';
import { DATA64 } from './node.ts';
import type { CodeSymbol } from './op.ts';
import { ARENA_SYMBOL, FAULT_SYMBOL } from './sandbox-layout.ts';
import type { Target } from './target.ts';

export interface ObjectOptions {
  /** Symbol name of a helper; default `bpf_helper_<id>`. */
  readonly helperName?: (id: number) => string;
}

type MutableSection = ElfSectionDescription & {
  relocations: NonNullable<ElfSectionDescription['relocations']>[number][];
};

interface ObjectState {
  readonly sections: MutableSection[];
  readonly symbols: ElfSymbolDescription[];
  readonly symbolIndex: Map<string, number>;
  readonly options: ObjectOptions;
  readonly target: Target;
}

/**
 * Writes one object with all given programs, which must be of one target.
 *
 * @throws BpfError `E_ELF_WRITE` when targets differ or two programs have one name
 */
export function writeObject(programs: readonly CompiledProgram[], options: ObjectOptions = {}): Uint8Array {
  const target = programs[0]?.target;
  if (target === undefined) throw new BpfError('E_ELF_WRITE', 'an object needs at least one program');
  const size = programs.reduce((sum, program) => sum + alignUp(program.code.length), 0);
  const code = new Uint8Array(size);
  const { elf } = target;
  const text: MutableSection = { name: '.text', type: SHT.SHT_PROGBITS, flags: SHF.SHF_ALLOC | SHF.SHF_EXECINSTR, addralign: 16, data: code, relocations: [] }; // prettier-ignore
  const state: ObjectState = { sections: [text], symbols: [], symbolIndex: new Map(), options, target };
  let base = 0;
  for (const program of programs) {
    if (program.target !== target) throw new BpfError('E_ELF_WRITE', 'programs of different targets', { expected: target.name, got: program.target.name }); // prettier-ignore
    code.set(program.code, base);
    if (elf.objectInstructions !== undefined) turnInstructions(program, code.subarray(base), elf.objectInstructions);
    if (elf.mappingSymbols !== undefined) mapContents(state, program, base, elf.mappingSymbols);
    defineFunctions(state, program, base);
    base += alignUp(program.code.length);
  }
  base = 0;
  for (const program of programs) {
    for (const relocation of program.relocations) {
      const { elfType, anchor, objectOffset = 0, putAddend } = target.relocations[relocation.kind]!;
      const offset = base + relocation.offset + objectOffset;
      const anchored = anchor !== undefined;
      const isImplicit = elf.implicitAddends === true;
      if (isImplicit) putAddend!(code, offset, relocation.addend);
      text.relocations.push({
        offset,
        type: elfType,
        symbol: anchored ? anchorSymbol(state, offset + anchor) : symbolFor(state, relocation.symbol, program),
        addend: anchored || isImplicit ? 0 : relocation.addend,
      });
    }
    base += alignUp(program.code.length);
  }
  return writeElf({
    class: target.wordBits ?? 64,
    endian: target.endian,
    machine: elf.machine,
    flags: elf.flags,
    sections: state.sections,
    symbols: state.symbols,
    gnuStackNote: true,
    relocationFormat: elf.implicitAddends === true ? 'rel' : 'rela',
  });
}

function alignUp(length: number): number {
  return (length + 15) & ~15;
}

/** Turns the bytes of each 4-byte instruction; what the program has in memory is the order of the other kind. */
function turnInstructions({ nodes, nodeOffsets, target }: CompiledProgram, code: Uint8Array, endian: Endian): void {
  if (endian !== target.endian) throw new Error(`BUG: ${target.name}: instructions of objects`);
  nodes.forEach(({ form }, i) => {
    if (form === DATA64) return;
    for (let at = nodeOffsets[i]!; at < nodeOffsets[i + 1]!; at += 4) code.subarray(at, at + 4).reverse();
  });
}

/** Local symbols where code and where data starts. */
function mapContents(
  state: ObjectState,
  { nodes, nodeOffsets }: CompiledProgram,
  base: number,
  names: NonNullable<Target['elf']['mappingSymbols']>,
): void {
  let last = '';
  nodes.forEach(({ form }, i) => {
    if (nodeOffsets[i] === nodeOffsets[i + 1]) return;
    const name = form === DATA64 ? names.data : names.code;
    if (name !== last)
      state.symbols.push({
        name,
        section: 0,
        value: base + nodeOffsets[i]!,
        bind: STB.STB_LOCAL,
        type: STT.STT_NOTYPE,
      });
    last = name;
  });
}

function defineFunctions(state: ObjectState, program: CompiledProgram, base: number): void {
  program.functions.forEach((fn, k) => {
    const name = k === 0 ? program.name : fn.name;
    if (k === 0 && state.symbolIndex.has(name))
      throw new BpfError('E_ELF_WRITE', 'two programs have one name', { got: name });
    const bind = k === 0 ? STB.STB_GLOBAL : STB.STB_LOCAL;
    const { functionOther: other = 0, descriptors } = state.target.elf;
    const described = k === 0 && descriptors !== undefined;
    const place = described ? describeFunction(state, base + fn.offset, descriptors) : { section: 0, value: base + fn.offset }; // prettier-ignore
    state.symbols.push({ name, ...place, size: fn.size, bind, type: STT.STT_FUNC, other });
    if (k === 0) state.symbolIndex.set(name, state.symbols.length - 1);
  });
}

/** Adds the descriptor of the function at `entry` of the code. */
function describeFunction(
  state: ObjectState,
  entry: number,
  { section: name, bytes, entry: entryType, toc, tocOffset }: NonNullable<Target['elf']['descriptors']>,
): { section: number; value: number } {
  let index = state.sections.findIndex((section) => section.name === name);
  if (index < 0) {
    index = state.sections.push({ name, type: SHT.SHT_PROGBITS, flags: SHF.SHF_ALLOC | SHF.SHF_WRITE, addralign: 8, data: new Uint8Array(0), relocations: [] }) - 1; // prettier-ignore
  }
  const section = state.sections[index]!;
  const value = section.data!.length;
  state.sections[index] = { ...section, data: new Uint8Array(value + bytes) };
  section.relocations.push({ offset: value, type: entryType, symbol: anchorSymbol(state, entry), addend: 0 });
  // The linker's own table of contents: no symbol (ELF: index 0).
  section.relocations.push({ offset: value + tocOffset, type: toc, addend: 0 });
  return { section: index, value };
}

/** Index of a local symbol for the instruction at `value`. */
function anchorSymbol(state: ObjectState, value: number): number {
  const name = `.L${value.toString(16)}`;
  const key = `anchor:${value}`;
  const known = state.symbolIndex.get(key);
  if (known !== undefined) return known;
  state.symbols.push({ name, section: 0, value, bind: STB.STB_LOCAL, type: STT.STT_NOTYPE });
  state.symbolIndex.set(key, state.symbols.length - 1);
  return state.symbols.length - 1;
}

/** Index of the ELF symbol for `symbol`, added when it is new. */
function symbolFor(state: ObjectState, symbol: CodeSymbol, program: CompiledProgram): number {
  const map = symbol.kind === 'map' || symbol.kind === 'data' ? program.program.maps[symbol.map] : undefined;
  if (map !== undefined && map.kind !== 'map') {
    // A section of the object lies wherever the linker puts it, not in the arena.
    if (program.bounds === 'sandbox') throw new BpfError('E_UNSUPPORTED', `global data ${map.name} of a sandboxed program in an object`); // prettier-ignore
    return dataSymbol(state, map, program);
  }
  const name = elfSymbolName(symbol, state.options);
  const known = state.symbolIndex.get(name);
  if (known !== undefined) return known;
  const bind = symbol.kind === 'function' && symbol.weak ? STB.STB_WEAK : STB.STB_GLOBAL;
  state.symbols.push({ name, section: 'undefined', bind, type: STT.STT_NOTYPE });
  state.symbolIndex.set(name, state.symbols.length - 1);
  return state.symbols.length - 1;
}

function elfSymbolName(symbol: CodeSymbol, options: ObjectOptions): string {
  if (symbol.kind === 'helper' && options.helperName !== undefined) return options.helperName(symbol.id);
  return describeSymbol(symbol);
}

/** The local symbol of a data section, with the section's contents on first use. */
function dataSymbol(state: ObjectState, map: MapDef, program: CompiledProgram): number {
  const key = `data:${map.name}`;
  const known = state.symbolIndex.get(key);
  if (known !== undefined) return known;
  const isBss = map.kind === 'bss';
  const writable = map.kind !== 'rodata' || (map.initialSymbols?.length ?? 0) > 0 ? SHF.SHF_WRITE : 0;
  const name = map.kind === 'rodata' && writable !== 0 ? '.data.rel.ro' : `.${map.kind}`;
  const relocations: MutableSection['relocations'] = [];
  const section: MutableSection = isBss
    ? { name, type: SHT.SHT_NOBITS, flags: SHF.SHF_ALLOC | SHF.SHF_WRITE, addralign: 16, size: map.valueSize, relocations }
    : { name, type: SHT.SHT_PROGBITS, flags: SHF.SHF_ALLOC | writable, addralign: 16, data: map.initial?.slice() ?? new Uint8Array(map.valueSize), relocations }; // prettier-ignore
  state.sections.push(section);
  state.symbols.push({ name: `${program.name}${name}`, section: state.sections.length - 1, size: map.valueSize, bind: STB.STB_LOCAL, type: STT.STT_OBJECT }); // prettier-ignore
  const index = state.symbols.length - 1;
  state.symbolIndex.set(key, index);
  for (const entry of map.initialSymbols ?? []) {
    if (entry.size !== 8)
      throw new BpfError('E_UNSUPPORTED', `a ${entry.size}-byte address of ${entry.symbol} in global data`);
    const symbol: CodeSymbol =
      entry.map === undefined ? { kind: 'function', name: entry.symbol, weak: false } : { kind: entry.kind === 'data' ? 'data' : 'map', map: entry.map, name: entry.symbol }; // prettier-ignore
    const { elfType, objectOffset = 0, putAddend } = state.target.relocations[state.target.absolute64]!;
    const isImplicit = state.target.elf.implicitAddends === true;
    const offset = entry.offset + objectOffset;
    if (isImplicit) putAddend!(section.data!, offset, entry.addend);
    relocations.push({ offset, type: elfType, symbol: symbolFor(state, symbol, program), addend: isImplicit ? 0 : entry.addend }); // prettier-ignore
  }
  return index;
}

/**
 * A C header for the object: one prototype for each program, helper, function and map.
 *
 * @param guard - name of the include guard macro
 */
export function writeHeader(programs: readonly CompiledProgram[], guard: string, options: ObjectOptions = {}): string {
  const own = programs[0]?.target.functionAttribute;
  const attribute = own === undefined ? '' : 'POLYBPF_ABI ';
  const lines: string[] = [];
  const helpers = new Set<string>();
  const maps = new Set<string>();
  const isConfined = programs.some(({ bounds }) => bounds === 'sandbox');
  for (const program of programs) {
    // Where pointers have less bits than r1, they are no argument of its kind.
    const pointer = program.target.wordBits === 32 ? 'uint64_t ' : 'void *';
    lines.push(
      `${attribute}uint64_t ${cName(program.name)}(${pointer}r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5)${symbolOf(program.name)};`,
    );
    for (const { symbol } of program.relocations) {
      const map = symbol.kind === 'map' || symbol.kind === 'data' ? program.program.maps[symbol.map] : undefined;
      if ((map !== undefined && map.kind !== 'map') || symbol === ARENA_SYMBOL || symbol === FAULT_SYMBOL) continue;
      (map === undefined ? helpers : maps).add(elfSymbolName(symbol, options));
    }
  }
  const declare = (title: string, names: Set<string>, form: (name: string) => string): string[] =>
    names.size === 0 ? [] : ['', `/* ${title} */`, ...[...names].sort().map(form)];
  return [
    '/* Generated by polybpf. */',
    `#ifndef ${guard}`,
    `#define ${guard}`,
    '',
    '#include <stdint.h>',
    ...(own === undefined
      ? []
      : ['', '/* Calling convention of the programs and of what they call. */', `#define POLYBPF_ABI ${own}`]),
    '',
    '#ifdef __cplusplus',
    'extern "C" {',
    '#endif',
    '',
    '/* Programs: arguments that a program does not use may have any value. */',
    ...lines,
    ...(isConfined ? SANDBOX_DECLARATIONS : []),
    ...declare('Helpers and functions that the linking program must define.', helpers, (name) => `${attribute}uint64_t ${cName(name)}(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5)${symbolOf(name)};`), // prettier-ignore
    ...declare(
      'Maps that the linking program must define: helpers get their addresses.',
      maps,
      (name) => `extern char ${cName(name)}[]${symbolOf(name)};`,
    ),
    '',
    '#ifdef __cplusplus',
    '}',
    '#endif',
    '',
    `#endif /* ${guard} */`,
    '',
  ].join('\n');
}

/** What the C program defines for sandboxed programs: see sandbox-layout.ts. */
const SANDBOX_DECLARATIONS: readonly string[] = [
  '',
  '/* The arena: 2^28 bytes at a multiple of that (unless compiled otherwise), 1 MiB on either side unmapped. */',
  'struct polybpf_arena {',
  '  uint64_t tag;        /* address of the arena, shifted right by 28 */',
  '  int64_t stack_delta; /* added to addresses of the C stack: where BPF stacks lie in the arena */',
  '};',
  'extern struct polybpf_arena polybpf_arena;',
  '/* Called for an access that would leave the arena; must not return (longjmp, exit). */',
  'void polybpf_fault(uint64_t insn, uint64_t address);',
];

/** Symbols that are no C names keep their own: GNU C takes it after the declarator. */
function symbolOf(name: string): string {
  return cName(name) === name ? '' : ` __asm__(${JSON.stringify(name)})`;
}

function cName(name: string): string {
  return name.replace(/[^A-Za-z0-9_]/g, '_');
}
