/**
 * BTF of an object file as the kernel takes it. Compilers leave to the loader what they cannot know (sizes and offsets of
 * sections) and write externs, which the kernel refuses; libbpf does the same repairs (bpf_object__sanitize_btf,
 * btf_fixup_datasec, bpf_object__resolve_externs). Type ids stay what they are.
 */
import { BTF_FUNC_LINKAGE, BTF_VAR_LINKAGE, type Btf, type BtfDatasec, type BtfFunc, type BtfType, encodeBtf } from '@polybpf/btf'; // prettier-ignore
import type { MapDef } from '@polybpf/isa';

/** What the symbol table of an object says that its programs and maps do not. */
export interface ObjectSymbols {
  /** Offset of a variable in its section, in bytes; undefined when there is no such symbol. */
  readonly offsetOf: (section: string, variable: string) => number | undefined;
  /** Whether a function is global and hidden: the verifier then follows calls into it. */
  readonly isHidden: (name: string) => boolean;
}

/** BTF to be loaded. */
export interface PreparedBtf {
  readonly bytes: Uint8Array;
  /** Sections whose type is complete, so that a map may refer to it. */
  readonly sections: ReadonlySet<string>;
  /** Offset of a string in the string section. */
  readonly stringOffset: (text: string) => number;
}

/** Nameless parameters of externs get a name; the kernel wants one for functions. */
const DUMMY_NAME = 'dummy_ksym';

/**
 * Repairs and encodes.
 *
 * @param texts - strings that records will refer to; they are appended where the section lacks them
 */
export function prepareBtf(
  btf: Btf,
  maps: readonly MapDef[],
  symbols: ObjectSymbols | undefined,
  texts: Iterable<string>,
): PreparedBtf {
  const sections = new Set<string>();
  const dummyType = btf.firstId + btf.types.length;
  const externProtos = new Set(btf.types.flatMap((type) => (isExternFunction(type) ? [type.type] : [])));
  const types = btf.types.map((type): BtfType => {
    switch (type.kind) {
      case 'DATASEC': {
        const complete = completeSection(btf, type, maps, symbols);
        if (complete !== undefined) sections.add(type.name);
        return complete ?? { kind: 'STRUCT', id: type.id, name: '', size: 0, members: [] };
      }
      case 'VAR':
        if (type.linkage !== BTF_VAR_LINKAGE.GLOBAL_EXTERN) return type;
        return {
          ...type,
          linkage: BTF_VAR_LINKAGE.GLOBAL_ALLOCATED,
          type: isKconfig(btf, type.id) ? type.type : dummyType,
        };
      case 'FUNC':
        if (type.linkage === BTF_FUNC_LINKAGE.EXTERN) return { ...type, linkage: BTF_FUNC_LINKAGE.GLOBAL };
        if (type.linkage === BTF_FUNC_LINKAGE.GLOBAL && symbols?.isHidden(type.name) === true) {
          return { ...type, linkage: BTF_FUNC_LINKAGE.STATIC };
        }
        return type;
      case 'FUNC_PROTO':
        if (!externProtos.has(type.id)) return type;
        return {
          ...type,
          params: type.params.map((p) => (p.name === '' && p.type !== 0 ? { ...p, name: DUMMY_NAME } : p)),
        };
      default:
        return type;
    }
  });
  types.push({ kind: 'INT', id: dummyType, name: DUMMY_NAME, size: 4, encoding: 1, bitOffset: 0, bits: 32 });
  const { strings, offsetOf } = appendStrings(btf.strings, texts);
  return { bytes: encodeBtf({ endian: 'little', types, strings }), sections, stringOffset: offsetOf };
}

function isExternFunction(type: BtfType): type is BtfFunc {
  return type.kind === 'FUNC' && type.linkage === BTF_FUNC_LINKAGE.EXTERN;
}

/** The variables of `.kconfig` are real: the map holds them. Those of `.ksyms` are the kernel's. */
function isKconfig(btf: Btf, variable: number): boolean {
  const section = btf.types.find((type) => type.kind === 'DATASEC' && type.name === '.kconfig') as
    BtfDatasec | undefined;
  return section?.variables.some(({ type }) => type === variable) ?? false;
}

/** The section with its size and offsets, undefined when they cannot be known. */
function completeSection(
  btf: Btf,
  section: BtfDatasec,
  maps: readonly MapDef[],
  symbols: ObjectSymbols | undefined,
): BtfDatasec | undefined {
  const map = maps.find(({ name, kind }) => kind !== 'map' && name === section.name);
  if (map === undefined) return undefined;
  const variables: { type: number; offset: number; size: number }[] = [];
  for (const variable of section.variables) {
    const type = btf.types[variable.type - btf.firstId];
    if (type?.kind !== 'VAR') return undefined;
    // A static variable's offset is what the compiler wrote, a global one's is its symbol's.
    const offset =
      type.linkage === BTF_VAR_LINKAGE.STATIC ? variable.offset : symbols?.offsetOf(section.name, type.name);
    if (offset === undefined) return undefined;
    variables.push({ ...variable, offset });
  }
  variables.sort((a, b) => a.offset - b.offset);
  return { ...section, size: map.valueSize, variables };
}

function appendStrings(
  strings: Uint8Array,
  texts: Iterable<string>,
): { readonly strings: Uint8Array; readonly offsetOf: (text: string) => number } {
  const offsets = new Map<string, number>();
  const old = Buffer.from(strings.length === 0 ? Uint8Array.of(0) : strings);
  const parts: Buffer[] = [old];
  let end = old.length;
  for (const text of texts) {
    if (offsets.has(text)) continue;
    const bytes = Buffer.from(`${text.replaceAll('\0', ' ')}\0`, 'utf8');
    const known = text === '' ? 0 : old.indexOf(bytes);
    offsets.set(text, known >= 0 ? known : end);
    if (known >= 0) continue;
    parts.push(bytes);
    end += bytes.length;
  }
  return { strings: new Uint8Array(Buffer.concat(parts)), offsetOf: (text) => offsets.get(text) ?? 0 };
}
