/** What all stages of loading know of the object: sections by role, symbols by place, the type information. */
import type { Btf, BtfExt, BtfType } from '@polybpf/btf';
import { parseBtf, parseBtfExt } from '@polybpf/btf';
import {
  EM,
  ET,
  readElf,
  SHF,
  SHT,
  STT,
  type ElfFile,
  type ElfRelocationSection,
  type ElfSection,
  type ElfSymbol,
} from '@polybpf/elf';
import { BpfError, isBpfError } from '@polybpf/errors';

export interface ObjectContext {
  readonly elf: ElfFile;
  readonly little: boolean;
  readonly btf: Btf | undefined;
  readonly btfExt: BtfExt | undefined;
  /** Named symbols that a section defines, by section index and in order of value. */
  readonly symbolsOf: ReadonlyMap<number, readonly ElfSymbol[]>;
  /** Relocations by the section that they change. */
  readonly relocationsOf: ReadonlyMap<number, readonly ElfRelocationSection[]>;
  readonly symbolTables: ReadonlyMap<number, readonly ElfSymbol[]>;
  /** The first BTF type of a kind and name. */
  readonly findType: <K extends BtfType['kind']>(kind: K, name: string) => (BtfType & { readonly kind: K }) | undefined;
  /** Collects what people should know. */
  readonly warnings: string[];
}

/** Reads the file and its type information. */
export function openObject(bytes: Uint8Array): ObjectContext {
  const elf = readElf(bytes);
  if (elf.machine !== EM.EM_BPF && elf.machine !== EM.EM_NONE) {
    throw new BpfError('E_ELF_MACHINE', 'the object is not for eBPF', {
      expected: `machine ${EM.EM_BPF}`,
      got: `machine ${elf.machine}`,
    });
  }
  if (elf.class !== 64) {
    throw new BpfError('E_ELF_MACHINE', 'eBPF objects are ELF64', { expected: '64', got: String(elf.class) });
  }
  if (elf.type !== ET.ET_REL && elf.type !== ET.ET_NONE) {
    throw new BpfError('E_UNSUPPORTED', 'linked eBPF file', {
      expected: 'a relocatable object (ET_REL)',
      got: `type ${elf.type}`,
    });
  }
  checkContents(elf, bytes.length);
  const warnings: string[] = [];
  const content = (name: string): Uint8Array | undefined =>
    elf.sections.find((section) => section.name === name && section.data.length > 0)?.data;
  const read = <T>(name: string, parse: (data: Uint8Array) => T): T | undefined => {
    const data = content(name);
    try {
      return data === undefined ? undefined : parse(data);
    } catch (error) {
      if (!isBpfError(error)) throw error;
      // Code can do without types, and newer compilers may write kinds that are not known here.
      warnings.push(`section ${name} was skipped: ${error.message}`);
      return undefined;
    }
  };
  const btf = read('.BTF', (data) => parseBtf(data));
  const btfExt = btf === undefined ? undefined : read('.BTF.ext', (data) => parseBtfExt(data, btf));
  return {
    elf,
    little: elf.endian === 'little',
    btf,
    btfExt,
    symbolsOf: groupSymbols(elf),
    relocationsOf: groupRelocations(elf),
    symbolTables: new Map(elf.symbolTables.map((table) => [table.section, table.symbols])),
    findType: indexTypes(btf),
    warnings,
  };
}

/** Contents are copied and decoded, and thousands of headers over the same bytes would multiply the memory needed. */
function checkContents(elf: ElfFile, length: number): void {
  let total = 0;
  for (const section of elf.sections) if (section.type === SHT.SHT_PROGBITS) total += section.size;
  if (total <= length) return;
  throw new BpfError('E_LOAD_SECTION', 'sections overlap', {
    expected: `contents of at most ${length} bytes`,
    got: String(total),
  });
}

function indexTypes(btf: Btf | undefined): ObjectContext['findType'] {
  let index: Map<string, BtfType> | undefined;
  return <K extends BtfType['kind']>(kind: K, name: string) => {
    if (index === undefined) {
      index = new Map();
      for (const type of btf?.types ?? []) {
        const key = `${type.kind} ${type.name}`;
        if (!index.has(key)) index.set(key, type);
      }
    }
    return index.get(`${kind} ${name}`) as (BtfType & { readonly kind: K }) | undefined;
  };
}

function groupSymbols(elf: ElfFile): Map<number, ElfSymbol[]> {
  const groups = new Map<number, ElfSymbol[]>();
  for (const symbol of elf.symbols) {
    if (symbol.section === undefined || symbol.name === '') continue;
    if (symbol.type === STT.STT_SECTION || symbol.type === STT.STT_FILE) continue;
    const group = groups.get(symbol.section);
    if (group === undefined) groups.set(symbol.section, [symbol]);
    else group.push(symbol);
  }
  for (const group of groups.values()) group.sort((a, b) => a.value - b.value || a.index - b.index);
  return groups;
}

function groupRelocations(elf: ElfFile): Map<number, ElfRelocationSection[]> {
  const groups = new Map<number, ElfRelocationSection[]>();
  for (const relocations of elf.relocations) {
    const group = groups.get(relocations.target);
    if (group === undefined) groups.set(relocations.target, [relocations]);
    else group.push(relocations);
  }
  return groups;
}

/** The symbol that a relocation names; undefined for none (index 0). */
export function relocationSymbol(
  cx: ObjectContext,
  relocations: ElfRelocationSection,
  index: number,
): ElfSymbol | undefined {
  if (index === 0) return undefined;
  return cx.symbolTables.get(relocations.symbolTable)?.[index];
}

/** Holds instructions. */
export function isCode(section: ElfSection): boolean {
  return section.type === SHT.SHT_PROGBITS && (section.flags & SHF.SHF_EXECINSTR) !== 0 && section.size > 0;
}

/** Defines maps: `.maps` through BTF, `maps` and `maps/NAME` through the older `struct bpf_map_def`. */
export function isMapSection(section: ElfSection): boolean {
  if (section.type !== SHT.SHT_PROGBITS || isCode(section)) return false;
  return section.name === '.maps' || isLegacyMapSection(section);
}

export function isLegacyMapSection(section: ElfSection): boolean {
  return section.name === 'maps' || section.name.startsWith('maps/');
}

/** Defines struct_ops maps, one for each variable. */
export function isStructOpsSection(section: ElfSection): boolean {
  return (
    section.name === '.struct_ops' || section.name.startsWith('.struct_ops.') || /^\?\.struct_ops/.test(section.name)
  );
}

/** A name to print: the section's own name for a section symbol. */
export function symbolName(cx: ObjectContext, symbol: ElfSymbol): string {
  if (symbol.name !== '') return symbol.name;
  return symbol.section === undefined ? '' : (cx.elf.sections[symbol.section]?.name ?? '');
}
