/** Symbols of several objects as one table: sections by name, local symbols side by side, global ones resolved. */
import { mapDefinitions, type BtfMapDefinition, type Btf, resolveType, typesAreCompatible } from '@polybpf/btf';
import { SHN, STB, STT, STV, type ElfSymbol, type ElfSymbolDescription } from '@polybpf/elf';
import { BpfError, type ErrorPlace } from '@polybpf/errors';
import type { LinkedSection } from './link-objects.ts';
import type { ObjectContext } from './object-context.ts';

/** Where a symbol of an input went. */
export interface SymbolPlace {
  /** Position in `list`. */
  readonly index: number;
  /** Bytes by which an addend moves: for a symbol that stands for a section. */
  readonly shift: number;
}

/** A symbol that is global in the output, and which input gave it. */
export interface GlobalSymbol {
  readonly name: string;
  readonly input: number;
  readonly symbol: ElfSymbol;
}

export interface LinkedSymbols {
  readonly list: readonly ElfSymbolDescription[];
  /** Throws E_LOAD_LINK for a symbol in a section that is left out. */
  readonly of: (input: number, symbol: ElfSymbol) => SymbolPlace;
  /** Whether a place belongs to a definition that another object's took the place of. */
  readonly isDropped: (input: number, section: number, offset: number) => boolean;
  readonly globals: ReadonlyMap<string, GlobalSymbol>;
  /** Place of a section of an input in the output. */
  readonly placeOf: (input: number, section: number) => { readonly section: number; readonly offset: number } | undefined; // prettier-ignore
}

const GLOBAL: ReadonlySet<number> = new Set([STB.STB_GLOBAL, STB.STB_WEAK]);

export function linkSymbols(
  contexts: readonly ObjectContext[],
  names: readonly string[],
  sections: readonly LinkedSection[],
): LinkedSymbols {
  const places = new Map<string, { section: number; offset: number }>();
  sections.forEach(({ parts }, section) => {
    for (const part of parts) places.set(`${part.input}:${part.section}`, { section, offset: part.offset });
  });
  const placeOf = (input: number, section: number): { section: number; offset: number } | undefined =>
    places.get(`${input}:${section}`);
  const globals = new Map<string, GlobalSymbol>();
  const dropped: { input: number; symbol: ElfSymbol }[] = [];
  contexts.forEach((cx, input) => {
    for (const symbol of cx.elf.symbols) {
      if (!GLOBAL.has(symbol.bind) || symbol.name === '') continue;
      const next = { name: symbol.name, input, symbol };
      const known = globals.get(symbol.name);
      const winner = known === undefined ? next : choose(contexts, names, known, next);
      const loser = winner === next ? known : next;
      if (loser !== undefined && isDefined(loser.symbol)) dropped.push(loser);
      globals.set(symbol.name, winner);
    }
  });
  const list: ElfSymbolDescription[] = sections.map((_, section) => ({ name: '', section, type: STT.STT_SECTION, bind: STB.STB_LOCAL })); // prettier-ignore
  const numbers = new Map<string, number>();
  contexts.forEach((cx, input) => {
    for (const symbol of cx.elf.symbols) {
      if (symbol.index === 0 || symbol.type === STT.STT_SECTION || symbol.type === STT.STT_FILE) continue;
      if (GLOBAL.has(symbol.bind) && globals.get(symbol.name)?.symbol !== symbol) continue;
      const described = describe(symbol, input, placeOf, globals, contexts);
      if (described === undefined) continue;
      numbers.set(`${input}:${symbol.index}`, list.length);
      list.push(described);
    }
  });
  return {
    list,
    globals,
    placeOf,
    of(input, symbol) {
      if (symbol.type === STT.STT_SECTION) {
        const place = symbol.section === undefined ? undefined : placeOf(input, symbol.section);
        if (place !== undefined) return { index: place.section, shift: place.offset };
      }
      const global = GLOBAL.has(symbol.bind) ? globals.get(symbol.name) : undefined;
      const index = numbers.get(global === undefined ? `${input}:${symbol.index}` : `${global.input}:${global.symbol.index}`); // prettier-ignore
      if (index !== undefined) return { index, shift: 0 };
      throw new BpfError('E_LOAD_LINK', `symbol ${symbol.name} is in a section that is not linked`, { at: { file: names[input]! } }); // prettier-ignore
    },
    isDropped: (input, section, offset) =>
      dropped.some(
        ({ input: owner, symbol }) =>
          owner === input &&
          symbol.section === section &&
          symbol.type !== STT.STT_FUNC &&
          offset >= symbol.value &&
          offset < symbol.value + symbol.size,
      ),
  };
}

function isDefined({ shndx }: ElfSymbol): boolean {
  return shndx !== SHN.SHN_UNDEF;
}

function describe(
  symbol: ElfSymbol,
  input: number,
  placeOf: LinkedSymbols['placeOf'],
  globals: ReadonlyMap<string, GlobalSymbol>,
  contexts: readonly ObjectContext[],
): ElfSymbolDescription | undefined {
  const { name, value, size, bind, type } = symbol;
  const common = { name, size, bind, type };
  if (!isDefined(symbol)) {
    // One strong reference makes all of them strong.
    const isWeak = contexts.every((cx) => cx.elf.symbols.every((other) => other.name !== name || !GLOBAL.has(other.bind) || other.bind === STB.STB_WEAK)); // prettier-ignore
    return { ...common, section: 'undefined', bind: isWeak ? STB.STB_WEAK : STB.STB_GLOBAL };
  }
  if (symbol.section === undefined) return { ...common, section: symbol.shndx === SHN.SHN_COMMON ? 'common' : 'absolute', value }; // prettier-ignore
  const place = placeOf(input, symbol.section);
  if (place === undefined) return undefined;
  const visibility = GLOBAL.has(bind) && globals.has(name) ? strictest(name, contexts) : symbol.visibility;
  return { ...common, section: place.section, value: value + place.offset, visibility };
}

/** Hidden in one object is hidden in all (gABI, "Symbol Visibility"). */
function strictest(name: string, contexts: readonly ObjectContext[]): number {
  const found = contexts.flatMap((cx) => cx.elf.symbols.filter((symbol) => symbol.name === name && GLOBAL.has(symbol.bind)).map(({ visibility }) => visibility)); // prettier-ignore
  return [STV.STV_INTERNAL, STV.STV_HIDDEN, STV.STV_PROTECTED].find((one) => found.includes(one)) ?? STV.STV_DEFAULT;
}

/** Which of two global symbols of one name holds. */
function choose(
  contexts: readonly ObjectContext[],
  names: readonly string[],
  a: GlobalSymbol,
  b: GlobalSymbol,
): GlobalSymbol {
  // prettier-ignore
  const { name } = a;
  const at: ErrorPlace = { file: names[b.input]!, symbol: name };
  checkTypes(contexts, a, b, at);
  const [isA, isB] = [isDefined(a.symbol), isDefined(b.symbol)];
  if (!isA || !isB) {
    if (isA === isB) return b.symbol.bind === STB.STB_GLOBAL && a.symbol.bind === STB.STB_WEAK ? b : a;
    return isA ? a : b;
  }
  if (b.symbol.bind === STB.STB_WEAK) return a;
  if (a.symbol.bind === STB.STB_WEAK) return b;
  const [first, second] = [a, b].map(({ input }) => mapOf(contexts[input]!, name));
  if (first !== undefined && second !== undefined) {
    if (sameMap(first, second)) return a;
    throw new BpfError('E_LOAD_LINK', `map ${name} is defined twice, and not alike`, { at, expected: `as in ${names[a.input]!}` }); // prettier-ignore
  }
  if (isSingle(contexts[a.input]!, a.symbol) && isSingle(contexts[b.input]!, b.symbol)) return a;
  throw new BpfError('E_LOAD_LINK', `${name} is defined twice`, { at, expected: `only in ${names[a.input]!}` });
}

/** The licence may have any name, and all objects have one. */
function isSingle({ elf }: ObjectContext, { section }: ElfSymbol): boolean {
  const name = section === undefined ? '' : elf.sections[section]?.name;
  return name === 'license' || name === 'version';
}

function mapOf({ btf, elf }: ObjectContext, name: string): BtfMapDefinition | undefined {
  const symbol = elf.symbols.find((candidate) => candidate.name === name && candidate.section !== undefined);
  if (btf === undefined || symbol?.section === undefined || elf.sections[symbol.section]?.name !== '.maps') return undefined; // prettier-ignore
  return mapDefinitions(btf).find((definition) => definition.name === name);
}

/** All but the ids of types, which each object numbers by itself. */
function sameMap(a: BtfMapDefinition, b: BtfMapDefinition): boolean {
  const comparable = (map: BtfMapDefinition): string =>
    JSON.stringify({ ...map, keyType: 0, valueType: 0 }, (key, value: unknown) =>
      typeof value === 'bigint' ? String(value) : key === 'keyType' || key === 'valueType' ? 0 : value,
    );
  return comparable(a) === comparable(b);
}

/** What two objects say about one symbol must go together. */
function checkTypes(contexts: readonly ObjectContext[], a: GlobalSymbol, b: GlobalSymbol, at: ErrorPlace): void {
  const [x, y] = [a, b].map(({ input, name }) => ({ btf: contexts[input]!.btf, type: typeOf(contexts[input]!.btf, name) })); // prettier-ignore
  if (x?.btf === undefined || y?.btf === undefined || x.type === undefined || y.type === undefined) return;
  if (
    x.type.kind !== y.type.kind ||
    !typesAreCompatible(x.btf, resolveType(x.btf, x.type.id).id, y.btf, resolveType(y.btf, y.type.id).id)
  ) {
    throw new BpfError('E_LOAD_LINK', `${a.name} has different types in the objects`, { at });
  }
}

function typeOf(btf: Btf | undefined, name: string): { kind: string; id: number } | undefined {
  const found = btf?.types.find((type) => (type.kind === 'VAR' || type.kind === 'FUNC') && type.name === name);
  return found !== undefined && (found.kind === 'VAR' || found.kind === 'FUNC') ? { kind: found.kind, id: found.type } : undefined; // prettier-ignore
}
