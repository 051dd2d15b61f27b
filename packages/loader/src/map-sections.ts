/** Maps that sections define: `.maps` with BTF, `maps` with `struct bpf_map_def`, and struct_ops variables. */
import { mapDefinitions, type BtfMapDefinition } from '@polybpf/btf';
import type { ElfSection, ElfSymbol } from '@polybpf/elf';
import { BpfError } from '@polybpf/errors';
import type { MapDef } from '@polybpf/isa';
import { isLegacyMapSection, isMapSection, isStructOpsSection, type ObjectContext } from './object-context.ts';

const BPF_MAP_TYPE_STRUCT_OPS = 26;
/** The map is a link by itself (uapi/linux/bpf.h), as struct_ops variables in `.struct_ops.link` ask for. */
const BPF_F_LINK = 1 << 13;

/** A map with the bytes of its section that define it. */
export interface DefinedMap {
  readonly map: MapDef;
  readonly section: ElfSection;
  /** First byte of the definition. */
  readonly offset: number;
  readonly size: number;
  /** Byte in the section of the slot 0 that initialisers fill; undefined where the definition has no slots. */
  readonly slots: number | undefined;
}

/**
 * All maps that sections define, in order of section and offset.
 *
 * @throws BpfError E_LOAD_MAP, and what `mapDefinitions` of @polybpf/btf throws
 */
export function findDefinedMaps(cx: ObjectContext): DefinedMap[] {
  const definitions = new Map<string, BtfMapDefinition>();
  const isBtfDefined = (section: ElfSection): boolean => isMapSection(section) && !isLegacyMapSection(section);
  if (cx.btf !== undefined && cx.elf.sections.some(isBtfDefined)) {
    for (const definition of mapDefinitions(cx.btf)) definitions.set(definition.name, definition);
  }
  return cx.elf.sections.flatMap((section) => {
    if (isBtfDefined(section)) return btfMaps(cx, section, definitions);
    if (isMapSection(section)) return legacyMaps(cx, section);
    return isStructOpsSection(section) && section.data.length > 0 ? structOpsMaps(cx, section) : [];
  });
}

function btfMaps(
  cx: ObjectContext,
  section: ElfSection,
  definitions: ReadonlyMap<string, BtfMapDefinition>,
): DefinedMap[] {
  const symbols = cx.symbolsOf.get(section.index) ?? [];
  if (cx.btf === undefined) {
    if (symbols.length === 0) return [];
    throw new BpfError('E_LOAD_MAP', 'maps of this section are defined by BTF, and the object has none', {
      at: { section: section.name },
      expected: 'an object compiled with -g',
    });
  }
  return symbols.map((symbol) => {
    const definition = definitions.get(symbol.name);
    if (definition === undefined) {
      throw new BpfError('E_LOAD_MAP', 'map has no definition in BTF', {
        at: { section: section.name, symbol: symbol.name },
      });
    }
    const { values } = definition;
    const slots = values === undefined ? undefined : symbol.value + values.offset;
    return { map: btfMap(definition), section, offset: symbol.value, size: symbol.size, slots };
  });
}

function btfMap(definition: BtfMapDefinition): MapDef {
  const { name, type, keySize, valueSize, maxEntries, flags, pinning, numaNode, mapExtra, values } = definition;
  return {
    name,
    kind: 'map',
    type,
    keySize,
    valueSize,
    maxEntries,
    flags,
    section: '.maps',
    ...(pinning === 0 ? {} : { pinning }),
    ...(numaNode === 0 ? {} : { numaNode }),
    ...(mapExtra === 0n ? {} : { mapExtra }),
    ...(values?.inner === undefined ? {} : { inner: btfMap(values.inner) }),
    ...(definition.keyType === 0 ? {} : { btfKeyTypeId: definition.keyType }),
    ...(definition.valueType === 0 ? {} : { btfValueTypeId: definition.valueType }),
  };
}

/** Bytes of `struct bpf_map_def`: type, key_size, value_size, max_entries, map_flags. */
const LEGACY_SIZE = 20;
/** iproute2's `struct bpf_elf_map`: id, pinning, inner_id and inner_idx follow. */
const IPROUTE2_SIZE = 36;

/**
 * Maps of a legacy section. Loaders of old extended the struct each in its own way, so the distance between maps is
 * what the symbols say, and further fields are understood only in the form that iproute2 gave them.
 */
function legacyMaps(cx: ObjectContext, section: ElfSection): DefinedMap[] {
  const symbols = cx.symbolsOf.get(section.index) ?? [];
  const entries = symbols.map((symbol, k) => {
    const size = (symbols[k + 1]?.value ?? section.data.length) - symbol.value;
    return { symbol, size, words: legacyWords(cx, section, symbol, size) };
  });
  const byId = new Map(entries.map((entry) => [entry.words[5], entry]));
  return entries.map(({ symbol, size, words }) => {
    const [type = 0, keySize = 0, valueSize = 0, maxEntries = 0, flags = 0, , pinning = 0, innerId = 0] = words;
    const isIproute2 = size === IPROUTE2_SIZE;
    const inner = isIproute2 && innerId !== 0 ? byId.get(innerId) : undefined;
    if (!isIproute2 && words.slice(LEGACY_SIZE / 4).some((word) => word !== 0)) {
      cx.warnings.push(`map ${symbol.name}: fields beyond struct bpf_map_def are not understood and were skipped`);
    }
    const map: MapDef = {
      name: symbol.name,
      kind: 'map',
      type,
      keySize,
      valueSize,
      maxEntries,
      flags,
      section: section.name,
      ...(isIproute2 && pinning !== 0 ? { pinning: 1 } : {}),
      ...(inner === undefined ? {} : { inner: legacyInner(`${symbol.name}.inner`, section, inner.words) }),
      ...annotatedTypes(cx, symbol.name),
    };
    return { map, section, offset: symbol.value, size, slots: undefined };
  });
}

function legacyInner(name: string, section: ElfSection, words: readonly number[]): MapDef {
  const [type = 0, keySize = 0, valueSize = 0, maxEntries = 0, flags = 0] = words;
  return { name, kind: 'map', type, keySize, valueSize, maxEntries, flags, section: section.name };
}

function legacyWords(cx: ObjectContext, section: ElfSection, symbol: ElfSymbol, size: number): number[] {
  const { data } = section;
  // Old samples leave out map_flags; a definition without max_entries is none.
  if (size < LEGACY_SIZE - 4 || size % 4 !== 0 || symbol.value + size > data.length) {
    throw new BpfError('E_LOAD_MAP', 'map definition has the wrong size', {
      at: { section: section.name, symbol: symbol.name },
      expected: `at least ${LEGACY_SIZE} bytes`,
      got: `${size} bytes`,
    });
  }
  const view = new DataView(data.buffer, data.byteOffset + symbol.value, Math.min(size, 256));
  return Array.from({ length: view.byteLength >> 2 }, (_, k) => view.getUint32(4 * k, cx.little));
}

/** `BPF_ANNOTATE_KV_PAIR`: a struct `____btf_map_NAME` whose members are key and value. */
function annotatedTypes(cx: ObjectContext, name: string): { btfKeyTypeId?: number; btfValueTypeId?: number } {
  const struct = cx.findType('STRUCT', `____btf_map_${name}`);
  if (struct === undefined) return {};
  const key = struct.members.find((member) => member.name === 'key');
  const value = struct.members.find((member) => member.name === 'value');
  return {
    ...(key === undefined ? {} : { btfKeyTypeId: key.type }),
    ...(value === undefined ? {} : { btfValueTypeId: value.type }),
  };
}

function structOpsMaps(cx: ObjectContext, section: ElfSection): DefinedMap[] {
  let end = 0;
  return (cx.symbolsOf.get(section.index) ?? []).map((symbol) => {
    const { name, value, size } = symbol;
    if (size === 0 || value < end || value + size > section.data.length) {
      throw new BpfError('E_LOAD_MAP', 'struct_ops variable has no place of its own in its section', {
        at: { section: section.name, symbol: name },
      });
    }
    end = value + size;
    const type = cx.findType('VAR', name)?.type;
    const map: MapDef = {
      name,
      kind: 'map',
      type: BPF_MAP_TYPE_STRUCT_OPS,
      keySize: 4,
      valueSize: size,
      maxEntries: 1,
      flags: section.name.endsWith('.link') ? BPF_F_LINK : 0,
      section: section.name,
      initial: section.data.slice(value, value + size),
      ...(type === undefined ? {} : { btfValueTypeId: type }),
    };
    return { map, section, offset: value, size, slots: undefined };
  });
}
