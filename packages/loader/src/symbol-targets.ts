/** Where a symbol and an addend point to: a function, a map, data, or nothing that the object has. */
import { SHN, STB, STT, type ElfSymbol } from '@polybpf/elf';
import { BpfError, type ErrorPlace } from '@polybpf/errors';
import { INSN_SIZE, type MapDef } from '@polybpf/isa';
import { findDataSections, layOutKconfig, type Kconfig } from './data-sections.ts';
import { findFunctions, type FunctionTable } from './functions.ts';
import { findDefinedMaps, type DefinedMap } from './map-sections.ts';
import { isCode, symbolName, type ObjectContext } from './object-context.ts';
import { firstNotBelow } from './sorted-search.ts';

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
  /** Index of the map that a place of a section starts to define, by section index and offset. */
  readonly mapAt: ReadonlyMap<string, number>;
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
  const mapAt = new Map(defined.map(({ section, offset }, index) => [placeKey(section.index, offset), index]));
  return { cx, functions, defined, maps, dataMapOf, kconfig, kconfigMap, mapAt };
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
  const map = link.mapAt.get(placeKey(section.index, place));
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
  const variable = link.kconfig.byName.get(name);
  if (variable !== undefined) {
    return { kind: 'data', map: link.kconfigMap, offset: variable.offset + addend, symbol: name, addend };
  }
  const isFunction = symbol.type === STT.STT_FUNC || link.cx.findType('FUNC', name) !== undefined;
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
  const candidate = symbols[firstNotBelow(symbols, place + 1, ({ value }) => value) - 1];
  return candidate !== undefined && place < candidate.value + candidate.size ? candidate : undefined;
}

function placeKey(section: number, offset: number): string {
  return `${section}:${offset}`;
}

function relocationError(message: string, at: ErrorPlace, expected?: string, got?: number): BpfError {
  return new BpfError('E_LOAD_RELOCATION', message, {
    at,
    ...(expected === undefined ? {} : { expected }),
    ...(got === undefined ? {} : { got: String(got) }),
  });
}
