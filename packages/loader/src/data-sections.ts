/**
 * Sections of global variables as maps: `.rodata*`, `.data*`, `.bss*` and every other allocated section that something
 * refers to, and `.kconfig`, whose variables no section defines. One array map each with one element, as libbpf makes
 * them (tools/lib/bpf/libbpf.c, bpf_object__init_internal_map).
 */
import { BTF_VAR_LINKAGE, sizeOf, typeById, resolveType, type Btf, type BtfDatasec } from '@polybpf/btf';
import { SHF, SHT, STB, type ElfSection } from '@polybpf/elf';
import { BpfError } from '@polybpf/errors';
import type { MapDef, MapKind } from '@polybpf/isa';
import type { KconfigVariable } from './loaded-object.ts';
import { isCode, isMapSection, isStructOpsSection, type ObjectContext } from './object-context.ts';

const BPF_MAP_TYPE_ARRAY = 2;
/** The program may only read it (uapi/linux/bpf.h). */
const BPF_F_RDONLY_PROG = 1 << 7;

/** A data section and its map. */
export interface DataSection {
  readonly section: ElfSection;
  readonly map: MapDef;
}

/** Sections whose content is not data of programs. */
const NO_DATA: ReadonlySet<string> = new Set([
  'license',
  'version',
  '.eh_frame',
  '.BTF',
  '.BTF.ext',
  '.kconfig',
  '.ksyms',
]);

/**
 * The data sections of an object, in order of the file.
 *
 * @throws BpfError E_LOAD_SECTION for a section of 4 GiB or more
 */
export function findDataSections(cx: ObjectContext): DataSection[] {
  const referenced = referencedSections(cx);
  return cx.elf.sections.flatMap((section) => {
    if (!isData(section) || !(isUsualData(section.name) || referenced.has(section.index))) return [];
    return [{ section, map: dataMap(cx, section) }];
  });
}

function isData(section: ElfSection): boolean {
  const hasContent = section.type === SHT.SHT_PROGBITS || section.type === SHT.SHT_NOBITS;
  if (!hasContent || section.size === 0 || (section.flags & SHF.SHF_ALLOC) === 0) return false;
  return !isCode(section) && !isMapSection(section) && !isStructOpsSection(section) && !NO_DATA.has(section.name);
}

function isUsualData(name: string): boolean {
  return /^\.(rodata|data|bss)(\.|$)/.test(name);
}

/** Sections that hold the symbols which code, data and map definitions refer to. */
function referencedSections(cx: ObjectContext): Set<number> {
  const found = new Set<number>();
  for (const part of cx.elf.relocations) {
    const target = cx.elf.sections[part.target];
    if (target === undefined || (target.flags & SHF.SHF_ALLOC) === 0) continue;
    const symbols = cx.symbolTables.get(part.symbolTable) ?? [];
    for (const { symbol } of part.entries) {
      const section = symbols[symbol]?.section;
      if (section !== undefined) found.add(section);
    }
  }
  return found;
}

function dataMap(cx: ObjectContext, section: ElfSection): MapDef {
  if (section.size > 0xffff_ffff) {
    throw new BpfError('E_LOAD_SECTION', 'data section is too large for a map', {
      at: { section: section.name },
      expected: 'below 2^32 bytes',
      got: String(section.size),
    });
  }
  const kind = dataKind(section);
  const datasec = cx.findType('DATASEC', section.name);
  return {
    name: section.name,
    kind,
    type: BPF_MAP_TYPE_ARRAY,
    keySize: 4,
    valueSize: section.size,
    maxEntries: 1,
    flags: kind === 'rodata' ? BPF_F_RDONLY_PROG : 0,
    section: section.name,
    ...(section.type === SHT.SHT_NOBITS ? {} : { initial: section.data.slice() }),
    ...(datasec === undefined ? {} : { btfValueTypeId: datasec.id }),
  };
}

function dataKind(section: ElfSection): MapKind {
  if (section.type === SHT.SHT_NOBITS) return 'bss';
  // A constant that holds an address makes LLVM flag `.rodata` as writable; libbpf goes by the name.
  if (/^\.rodata(\.|$)/.test(section.name)) return 'rodata';
  return (section.flags & SHF.SHF_WRITE) !== 0 ? 'data' : 'rodata';
}

/** `.kconfig` as a map, with its variables. */
export interface Kconfig {
  readonly map: MapDef | undefined;
  readonly variables: readonly KconfigVariable[];
  readonly byName: ReadonlyMap<string, KconfigVariable>;
}

/**
 * Lays out the extern variables of `.kconfig`. Nothing in the object gives them a place: libbpf orders them by
 * alignment, then size, both descending, then name (tools/lib/bpf/libbpf.c, cmp_externs).
 *
 * @throws BpfError E_BTF_TYPE for a variable without a size
 */
export function layOutKconfig(cx: ObjectContext): Kconfig {
  const { btf } = cx;
  const datasec = cx.findType('DATASEC', '.kconfig');
  if (btf === undefined || datasec === undefined) return { map: undefined, variables: [], byName: new Map() };
  const weak = new Set(cx.elf.symbols.filter((symbol) => symbol.bind === STB.STB_WEAK).map((symbol) => symbol.name));
  let end = 0;
  const variables = kconfigExterns(btf, datasec)
    .sort((a, b) => b.align - a.align || b.size - a.size || (a.name < b.name ? -1 : 1))
    .map(({ name, align, size, btfTypeId }): KconfigVariable => {
      const offset = Math.ceil(end / align) * align;
      end = offset + size;
      return { name, offset, size, weak: weak.has(name), btfTypeId };
    });
  if (end > 0xffff_ffff) {
    throw new BpfError('E_LOAD_SECTION', 'data section is too large for a map', { at: { section: '.kconfig' } });
  }
  const byName = new Map(variables.map((variable) => [variable.name, variable]));
  if (variables.length === 0) return { map: undefined, variables, byName };
  const map: MapDef = {
    name: '.kconfig',
    kind: 'kconfig',
    type: BPF_MAP_TYPE_ARRAY,
    keySize: 4,
    valueSize: end,
    maxEntries: 1,
    flags: BPF_F_RDONLY_PROG,
    section: '.kconfig',
    btfValueTypeId: datasec.id,
  };
  return { map, variables, byName };
}

function kconfigExterns(
  btf: Btf,
  datasec: BtfDatasec,
): { name: string; align: number; size: number; btfTypeId: number }[] {
  return datasec.variables.flatMap(({ type: id }) => {
    const variable = typeById(btf, id);
    if (variable.kind !== 'VAR' || variable.linkage !== BTF_VAR_LINKAGE.GLOBAL_EXTERN) return [];
    const size = sizeOf(btf, variable.type);
    return [{ name: variable.name, align: alignmentOf(btf, variable.type), size, btfTypeId: variable.type }];
  });
}

/** Alignment of what `.kconfig` can hold: numbers, enumerations and arrays of characters. */
function alignmentOf(btf: Btf, id: number): number {
  const type = resolveType(btf, id);
  if (type.kind === 'ARRAY') return alignmentOf(btf, resolveArrayElement(btf, type.type));
  const size = sizeOf(btf, id);
  return size === 1 || size === 2 || size === 4 ? size : 8;
}

/** The element type of nested arrays; the loop is bounded since `sizeOf` of the whole was computed before. */
function resolveArrayElement(btf: Btf, id: number): number {
  let element = id;
  for (let type = resolveType(btf, element); type.kind === 'ARRAY'; type = resolveType(btf, element))
    element = type.type;
  return element;
}
