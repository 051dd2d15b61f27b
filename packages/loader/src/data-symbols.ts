/** Addresses inside initial data: relocations of data sections, of map slots and of struct_ops variables. */
import { R_BPF, type ElfRelocation, type ElfSymbol } from '@polybpf/elf';
import { BpfError, type ErrorPlace } from '@polybpf/errors';
import type { DataSymbol, MapDef } from '@polybpf/isa';
import { addendOf, R_BPF_GNU, relocationsIn } from './addend.ts';
import { functionAt, type FunctionRange } from './functions.ts';
import type { DefinedMap } from './map-sections.ts';
import { firstNotBelow } from './sorted-search.ts';
import { resolveSymbol, type LinkContext, type SymbolTarget } from './symbol-targets.ts';

/** Maps with their symbols filled in, and the functions whose addresses each data section holds, each once. */
export interface LinkedMaps {
  readonly maps: readonly MapDef[];
  /** By index of the map. */
  readonly codeIn: ReadonlyMap<number, readonly FunctionRange[]>;
}

const POINTER_SIZE = 8;

/**
 * Resolves the relocations of all data.
 *
 * @throws BpfError E_LOAD_RELOCATION, E_UNSUPPORTED for a relocation type that is not for data
 */
export function linkData(link: LinkContext): LinkedMaps {
  const symbols = new Map<number, DataSymbol[]>();
  const codeIn = new Map<number, FunctionRange[]>();
  const add = (map: number, symbol: DataSymbol): void => {
    const list = symbols.get(map);
    if (list === undefined) symbols.set(map, [symbol]);
    else list.push(symbol);
  };
  for (const [section, map] of link.dataMapOf) {
    const owners = new Set<FunctionRange>();
    const initial = link.maps[map]?.initial;
    for (const { offset, size, target } of dataReferences(link, section)) {
      if (target.kind === 'constant') {
        writeConstant(link, initial, offset, size, target.value);
        continue;
      }
      const owner = target.kind === 'code' ? functionAt(link.functions, target.section, target.slot) : undefined;
      if (owner !== undefined) owners.add(owner);
      add(map, dataSymbol(link, offset, size, target, 'subprogram'));
    }
    codeIn.set(map, [...owners]);
  }
  for (const section of new Set(link.defined.map((map) => map.section.index))) linkMapSection(link, section, add);
  const maps = link.maps.map((map, index) => {
    const initialSymbols = symbols.get(index)?.sort((a, b) => a.offset - b.offset);
    return initialSymbols === undefined ? map : { ...map, initialSymbols };
  });
  return { maps, codeIn };
}

function linkMapSection(link: LinkContext, section: number, add: (map: number, symbol: DataSymbol) => void): void {
  const starts = link.defined.flatMap((map, index) =>
    map.section.index === section ? [{ offset: map.offset, index }] : [],
  );
  for (const { offset, size, target } of dataReferences(link, section)) {
    const index = starts[firstNotBelow(starts, offset + 1, (start) => start.offset) - 1]?.index ?? -1;
    const owner = link.defined[index];
    if (owner === undefined || offset >= owner.offset + owner.size || target.kind === 'constant') {
      const at = { section: link.cx.elf.sections[section]?.name ?? '', offset };
      throw new BpfError('E_LOAD_RELOCATION', 'relocation is in no map definition', { at });
    }
    add(index, dataSymbol(link, placeInMap(owner, offset), size, target, 'program'));
  }
}

/** Index of the slot for maps with slots, byte offset for struct_ops variables. */
function placeInMap({ map, section, offset: start, slots }: DefinedMap, offset: number): number {
  if (map.initial !== undefined) return offset - start;
  const slot = slots === undefined ? -1 : (offset - slots) / POINTER_SIZE;
  if (Number.isInteger(slot) && slot >= 0) return slot;
  throw new BpfError('E_LOAD_RELOCATION', 'map is initialised in a place that is not one of its slots', {
    at: { section: section.name, symbol: map.name, offset },
  });
}

interface DataReference {
  readonly offset: number;
  readonly size: 4 | 8;
  readonly target: SymbolTarget;
}

function* dataReferences(link: LinkContext, sectionIndex: number): Generator<DataReference> {
  const section = link.cx.elf.sections[sectionIndex];
  if (section === undefined) return;
  for (const { entry, symbol } of relocationsIn(link.cx, sectionIndex)) {
    if (entry.type === R_BPF.R_BPF_NONE || symbol === undefined) continue;
    const at: ErrorPlace = { section: section.name, offset: entry.offset };
    const { size, gnu } = fieldOf(entry, at);
    if (entry.offset + size > section.data.length) {
      throw new BpfError('E_LOAD_RELOCATION', 'relocation is outside its section', {
        at,
        expected: `at most ${section.data.length - size}`,
      });
    }
    const addend = readAddend(link, entry, symbol, section.data, size, gnu);
    yield { offset: entry.offset, size, target: resolveSymbol(link, symbol, addend, at) };
  }
}

/** Width of the field that a relocation type changes, and whose numbering the type is from. */
function fieldOf(entry: ElfRelocation, at: ErrorPlace): { size: 4 | 8; gnu: boolean } {
  switch (entry.type) {
    case R_BPF.R_BPF_64_ABS64:
      return { size: 8, gnu: false };
    case R_BPF.R_BPF_64_ABS32:
    case R_BPF.R_BPF_64_NODYLD32:
      return { size: 4, gnu: false };
    case R_BPF_GNU.R_BPF_DATA_64:
      return { size: 8, gnu: true };
    case R_BPF_GNU.R_BPF_DATA_32:
      return { size: 4, gnu: true };
    default:
      throw new BpfError('E_UNSUPPORTED', `relocation type ${entry.type} of data`, { at });
  }
}

function readAddend(
  link: LinkContext,
  entry: ElfRelocation,
  symbol: ElfSymbol,
  data: Uint8Array,
  size: 4 | 8,
  gnu: boolean,
): number {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const { little } = link.cx;
  const field = size === 8 ? Number(view.getBigInt64(entry.offset, little)) : view.getInt32(entry.offset, little);
  const addend = addendOf(entry, symbol, field, gnu);
  if (Number.isSafeInteger(addend)) return addend;
  throw new BpfError('E_LOAD_RELOCATION', 'addend is out of range', {
    at: { offset: entry.offset },
    got: String(addend),
  });
}

function dataSymbol(
  link: LinkContext,
  offset: number,
  size: 4 | 8,
  target: Exclude<SymbolTarget, { kind: 'constant' }>,
  codeKind: 'program' | 'subprogram',
): DataSymbol {
  switch (target.kind) {
    case 'map':
      return { offset, size, kind: 'map', symbol: target.symbol, map: target.map, addend: 0 };
    case 'data':
      return {
        offset,
        size,
        kind: 'data',
        symbol: link.maps[target.map]?.name ?? target.symbol,
        map: target.map,
        addend: target.offset,
      };
    case 'undefined':
      return { offset, size, kind: 'extern', symbol: target.symbol, addend: target.addend };
    case 'code': {
      const owner = functionAt(link.functions, target.section, target.slot);
      const symbol = owner?.name ?? '';
      return { offset, size, kind: codeKind, symbol, addend: 8 * (target.slot - (owner?.start ?? 0)) };
    }
  }
}

/** An absolute symbol is known now, and the only one that is. */
function writeConstant(
  link: LinkContext,
  data: Uint8Array | undefined,
  offset: number,
  size: 4 | 8,
  value: number,
): void {
  if (data === undefined) return;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (size === 8) view.setBigInt64(offset, BigInt(value), link.cx.little);
  else if ((value | 0) === value || value >>> 0 === value) view.setInt32(offset, value | 0, link.cx.little);
  else throw new BpfError('E_LOAD_RELOCATION', 'value does not fit 32 bits', { at: { offset }, got: String(value) });
}
