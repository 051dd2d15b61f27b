/** Where a symbol and an addend point to: a function, a map, data, or nothing that the object has. */
import { findTypes } from '@polybpf/btf';
import { SHN, STB, STT, type ElfSymbol } from '@polybpf/elf';
import { BpfError, type ErrorPlace } from '@polybpf/errors';
import { INSN_SIZE, type MapDef } from '@polybpf/isa';
import { findDataSections, layOutKconfig, type Kconfig } from './data-sections.ts';
import { findFunctions, type FunctionTable } from './functions.ts';
import { findDefinedMaps, type DefinedMap } from './map-sections.ts';
import { isCode, symbolName, type ObjectContext } from './object-context.ts';

/** What relocations can point to. */
export type SymbolTarget =
  | { readonly kind: 'code'; readonly section: number; readonly slot: number }
  | { readonly kind: 'map'; readonly map: number; readonly symbol: string }
  | {
      readonly kind: 'data';
      readonly map: number;
      readonly offset: number;
      readonly symbol: string;
      readonly addend: number;
    }
  | {
      readonly kind: 'undefined';
      readonly symbol: string;
      readonly addend: number;
      readonly weak: boolean;
      readonly isFunction: boolean;
    }
  | { readonly kind: 'constant'; readonly value: number };

/** The object with all that its symbols can name. */
export interface LinkContext {
  readonly cx: ObjectContext;
  readonly functions: FunctionTable;
  readonly defined: readonly DefinedMap[];
  /** Maps in their final order: defined ones, then data sections, then `.kconfig`; data symbols not yet filled in. */
  readonly maps: readonly MapDef[];
  /** Index of the map of a data section, by section index. */
  readonly dataMapOf: ReadonlyMap<number, number>;
  readonly kconfig: Kconfig;
  readonly kconfigMap: number;
}

/** Finds all functions and maps of an object. Errors as `findFunctions`, `findDefinedMaps`, `findDataSections`. */
export function createLinkContext(cx: ObjectContext): LinkContext {
  const functions = findFunctions(cx);
  const defined = findDefinedMaps(cx);
  const data = findDataSections(cx);
  const kconfig = layOutKconfig(cx);
  const maps = [...defined.map(({ map }) => map), ...data.map(({ map }) => map)];
  const dataMapOf = new Map(data.map(({ section }, k) => [section.index, defined.length + k]));
  const kconfigMap = kconfig.map === undefined ? -1 : maps.push(kconfig.map) - 1;
  return { cx, functions, defined, maps, dataMapOf, kconfig, kconfigMap };
}

/**
 * Resolves symbol + addend (bytes).
 *
 * @throws BpfError E_LOAD_RELOCATION for a place inside a map definition or outside of what is loaded, E_UNSUPPORTED
 *   for common symbols
 */
export function resolveSymbol(link: LinkContext, symbol: ElfSymbol, addend: number, at: ErrorPlace): SymbolTarget {
  if (symbol.section === undefined) return resolveUndefined(link, symbol, addend, at);
  const { cx } = link;
  const section = cx.elf.sections[symbol.section];
  const place = symbol.value + addend;
  const name = symbolName(cx, symbol);
  if (section === undefined) throw relocationError(`symbol ${name} is in no section`, at);
  if (isCode(section)) {
    if (place % INSN_SIZE !== 0 || place < 0 || place >= section.size) {
      throw relocationError(`no instruction at ${name}+${addend}`, at, `below ${section.size}, a multiple of 8`, place);
    }
    return { kind: 'code', section: section.index, slot: place / INSN_SIZE };
  }
  const dataMap = link.dataMapOf.get(section.index);
  if (dataMap !== undefined) return resolveData(link, symbol, dataMap, place);
  const map = findMap(link.defined, section.index, place);
  if (map !== undefined) return { kind: 'map', map, symbol: link.maps[map]?.name ?? name };
  const isMapSection = link.defined.some((candidate) => candidate.section.index === section.index);
  const what = isMapSection
    ? 'points into a map definition'
    : `points into section ${section.name}, which is not loaded`;
  throw relocationError(`${name}+${addend} ${what}`, at);
}

function resolveUndefined(link: LinkContext, symbol: ElfSymbol, addend: number, at: ErrorPlace): SymbolTarget {
  const { name } = symbol;
  if (symbol.shndx === SHN.SHN_ABS) return { kind: 'constant', value: symbol.value + addend };
  if (symbol.shndx !== SHN.SHN_UNDEF) {
    throw new BpfError('E_UNSUPPORTED', `common symbol ${name}: compile with -fno-common`, { at });
  }
  const variable = link.kconfig.variables.find((candidate) => candidate.name === name);
  if (variable !== undefined) {
    return { kind: 'data', map: link.kconfigMap, offset: variable.offset + addend, symbol: name, addend };
  }
  const { btf } = link.cx;
  const isFunction = symbol.type === STT.STT_FUNC || (btf !== undefined && findTypes(btf, name, 'FUNC').length > 0);
  return { kind: 'undefined', symbol: name, addend, weak: symbol.bind === STB.STB_WEAK, isFunction };
}

function resolveData(link: LinkContext, symbol: ElfSymbol, map: number, place: number): SymbolTarget {
  if (symbol.type !== STT.STT_SECTION) {
    return { kind: 'data', map, offset: place, symbol: symbol.name, addend: place - symbol.value };
  }
  // Static variables are reached through the section; the variable's own name says more.
  const owner = variableAt(link.cx.symbolsOf.get(symbol.section ?? 0) ?? [], place);
  if (owner !== undefined) return { kind: 'data', map, offset: place, symbol: owner.name, addend: place - owner.value };
  return { kind: 'data', map, offset: place, symbol: symbolName(link.cx, symbol), addend: place };
}

function variableAt(symbols: readonly ElfSymbol[], place: number): ElfSymbol | undefined {
  let low = 0;
  let high = symbols.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((symbols[middle]?.value ?? 0) <= place) low = middle + 1;
    else high = middle;
  }
  const candidate = symbols[low - 1];
  return candidate !== undefined && place < candidate.value + candidate.size ? candidate : undefined;
}

function findMap(defined: readonly DefinedMap[], section: number, offset: number): number | undefined {
  const index = defined.findIndex((map) => map.section.index === section && map.offset === offset);
  return index < 0 ? undefined : index;
}

function relocationError(message: string, at: ErrorPlace, expected?: string, got?: number): BpfError {
  return new BpfError('E_LOAD_RELOCATION', message, {
    at,
    ...(expected === undefined ? {} : { expected }),
    ...(got === undefined ? {} : { got: String(got) }),
  });
}
