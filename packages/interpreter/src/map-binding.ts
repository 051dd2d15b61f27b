/**
 * Binding of a program's symbols to guest memory: maps get a handle, data sections get memory of their own, externs and
 * ids get what the embedder says. Nothing unresolved ever becomes zero by itself.
 */
import { BpfError } from '@polybpf/errors';
import type { DataSymbol, MapDef, Program } from '@polybpf/isa';
import type { Memory, Region } from './memory.ts';

/** What the embedder gives for one map. */
export interface MapInit {
  /** Memory of the values, for ld_imm64 of a value address; for data sections instead of a fresh copy of the contents. */
  readonly values?: Uint8Array;
  /** Region of the values that the memory has already; instead of `values`. */
  readonly region?: Region;
  /** What ld_imm64 of the map gives, an address that the embedder has reserved; default: a new one. */
  readonly handle?: bigint;
  /** Anything that helpers need to find at {@link BoundMap.object}. */
  readonly object?: unknown;
}

/** A map of a program, bound to guest memory. */
export interface BoundMap {
  readonly def: MapDef;
  /** What ld_imm64 of the map gives; identifies it, cannot be dereferenced. */
  readonly handle: bigint;
  /** Values that are reachable by address: of every data section, else when {@link MapInit.values} is given. */
  readonly values: Region | undefined;
  /** From {@link MapInit.object}. */
  readonly object: unknown;
}

/** A symbolic 64-bit immediate or call that {@link ResolveSymbol} is asked about. */
export type SymbolReference =
  | { readonly kind: 'extern'; readonly symbol: string; readonly addend: number }
  | { readonly kind: 'map_fd'; readonly fd: number }
  | { readonly kind: 'map_value'; readonly fd: number; readonly offset: number }
  | { readonly kind: 'btf_id'; readonly id: number; readonly btfFd: number }
  | { readonly kind: 'program'; readonly symbol: string };

/** Says what a symbolic reference stands for, or undefined when it does not know. Addends are added by the caller. */
export type ResolveSymbol = (reference: SymbolReference) => bigint | undefined;

/** Says what stands behind a map, or undefined for the default: nothing, or the contents of a data section. */
export type ResolveMap = (def: MapDef, index: number, program: Program) => MapInit | undefined;

/** Maps of all programs of one interpreter. Programs of one object share their maps. */
export interface MapTable {
  readonly memory: Memory;
  readonly resolveMap: ResolveMap | undefined;
  readonly bound: BoundMap[];
  /** By the region number of the handle. */
  readonly byRegion: Map<number, BoundMap>;
}

/** A {@link MapTable} without maps. */
export function createMapTable(memory: Memory, resolveMap: ResolveMap | undefined): MapTable {
  return { memory, resolveMap, bound: [], byRegion: new Map() };
}

/** The map whose handle is `address`, or undefined. */
export function mapOfHandle(table: MapTable, address: bigint): BoundMap | undefined {
  const map = table.byRegion.get(Number(BigInt.asUintN(64, address) >> 32n));
  return map?.handle === BigInt.asUintN(64, address) ? map : undefined;
}

/** What {@link bindMaps} returns: every map by its index, and those whose contents are a copy made just now. */
export interface MapBinding {
  readonly maps: readonly BoundMap[];
  readonly fresh: readonly BoundMap[];
}

/** Binds every map of `program`; maps that an earlier program has too are shared. */
export function bindMaps(table: MapTable, program: Program): MapBinding {
  const fresh: BoundMap[] = [];
  const maps = program.maps.map((def, index) => {
    const known = table.bound.find((map) => map.def === def || isSameMap(map.def, def));
    if (known !== undefined) return known;
    const init = table.resolveMap?.(def, index, program) ?? {};
    const map = bindMap(table.memory, def, init);
    if (init.values === undefined) fresh.push(map);
    table.bound.push(map);
    table.byRegion.set(Number(map.handle >> 32n), map);
    return map;
  });
  return { maps, fresh };
}

function isSameMap(a: MapDef, b: MapDef): boolean {
  return (
    a.name === b.name &&
    a.kind === b.kind &&
    a.type === b.type &&
    a.keySize === b.keySize &&
    a.valueSize === b.valueSize &&
    a.maxEntries === b.maxEntries &&
    a.initial === b.initial
  );
}

function bindMap(memory: Memory, def: MapDef, init: MapInit): BoundMap {
  const handle =
    init.handle ??
    memory.addressOf(
      memory.add({ name: def.name, kind: 'map', data: new Uint8Array(0), readable: false, writable: false }),
    );
  if (init.region !== undefined) return { def, handle, values: init.region, object: init.object };
  const data = init.values ?? (def.kind === 'map' ? undefined : initialData(memory, def));
  const values =
    data === undefined
      ? undefined
      : memory.add({
          name: def.name,
          kind: def.kind === 'map' ? 'map_value' : def.kind === 'rodata' || def.kind === 'kconfig' ? 'rodata' : 'data',
          data,
          writable: def.kind !== 'rodata' && def.kind !== 'kconfig',
        });
  return { def, handle, values, object: init.object };
}

function initialData(memory: Memory, def: MapDef): Uint8Array {
  const data = memory.allocate(def.valueSize);
  if (def.initial !== undefined) {
    if (def.initial.length > def.valueSize) {
      throw new BpfError('E_INPUT', `contents of ${def.name}`, {
        expected: `at most ${def.valueSize} bytes`,
        got: `${def.initial.length} bytes`,
      });
    }
    data.set(def.initial);
  }
  return data;
}

/** How {@link resolveInitialSymbols} finds addresses of code. */
export interface CodeAddresses {
  subprogram(name: string): bigint | undefined;
}

/**
 * Writes the addresses that stand in initial data (`.data` that holds `&map` or a function pointer). What nothing
 * defines becomes the address of an empty region that is called like the symbol: using it faults with `E_RUN_SYMBOL`.
 *
 * @throws BpfError `E_UNSUPPORTED` for a 64-bit guest address in a 4-byte field, `E_INPUT` for a place outside the data
 */
export function resolveInitialSymbols(
  memory: Memory,
  maps: readonly BoundMap[],
  map: BoundMap,
  code: CodeAddresses,
  resolve: ResolveSymbol | undefined,
): void {
  const { def, values } = map;
  if (values === undefined || def.kind === 'map') return;
  for (const symbol of def.initialSymbols ?? []) {
    const address = symbolAddress(memory, maps, symbol, code, resolve) + BigInt(symbol.addend);
    if (symbol.size === 4 && BigInt.asUintN(64, address) >> 32n !== 0n) {
      throw new BpfError('E_UNSUPPORTED', `address of ${symbol.symbol} in a 4-byte field of ${def.name}`, {
        at: { symbol: symbol.symbol, offset: symbol.offset },
      });
    }
    if (symbol.offset < 0 || symbol.offset + symbol.size > values.data.length) {
      throw new BpfError('E_INPUT', `place of ${symbol.symbol} in ${def.name}`, {
        expected: `inside ${values.data.length} bytes`,
        got: `offset ${symbol.offset}`,
      });
    }
    const view = new DataView(values.data.buffer, values.data.byteOffset + symbol.offset, symbol.size);
    const little = memory.endian === 'little';
    if (symbol.size === 8) view.setBigUint64(0, BigInt.asUintN(64, address), little);
    else view.setUint32(0, Number(BigInt.asUintN(32, address)), little);
  }
}

function symbolAddress(
  memory: Memory,
  maps: readonly BoundMap[],
  { kind, symbol, map, addend }: DataSymbol,
  code: CodeAddresses,
  resolve: ResolveSymbol | undefined,
): bigint {
  const bound = map === undefined ? undefined : maps[map];
  const address =
    kind === 'map'
      ? bound?.handle
      : kind === 'data'
        ? bound?.values === undefined
          ? undefined
          : memory.addressOf(bound.values)
        : kind === 'subprogram'
          ? code.subprogram(symbol)
          : kind === 'program'
            ? resolve?.({ kind, symbol })
            : resolve?.({ kind: 'extern', symbol, addend });
  return address ?? memory.addressOf(externRegion(memory, symbol));
}

function externRegion(memory: Memory, symbol: string): Region {
  return (
    memory.regions.find((region) => region.kind === 'extern' && region.name === symbol) ??
    memory.add({ name: symbol, kind: 'extern', data: new Uint8Array(0), readable: false, writable: false })
  );
}
