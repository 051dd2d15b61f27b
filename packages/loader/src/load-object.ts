import type { MapDef, Program } from '@polybpf/isa';
import { hasGnuAddends } from './addend.ts';
import { readCodeSection } from './code-section.ts';
import { linkData } from './data-symbols.ts';
import type { FunctionRange } from './functions.ts';
import { findEntries, linkProgram, unresolvedOf, type CodeContext } from './link-programs.ts';
import type { LoadedObject, LoadOptions, ProgramDetails, UnresolvedReference } from './loaded-object.ts';
import { isCode, openObject, type ObjectContext } from './object-context.ts';
import { programTypeOfSection } from './program-type.ts';
import { createSourceRecords } from './source-records.ts';
import { createLinkContext } from './symbol-targets.ts';

/** Slots that all programs of an object may have together: four of the largest that the kernel takes. */
const MAX_TOTAL_SLOTS = 1 << 22;

/**
 * Loads an eBPF object file: ELF of either byte order, made by clang, gcc or by hand, with or without BTF.
 *
 * The result is symbolic and does not depend on any kernel or machine. References to maps and global data are bound by
 * index to the list of maps; what nothing defines stays in `Program.relocations` and is listed in `unresolved`.
 *
 * @param bytes the file
 * @throws BpfError E_ELF_* for what is no eBPF object, E_LOAD_* for what cannot be loaded, E_DECODE_* for an illegal
 *   instruction, E_BTF_* for a map definition that cannot be understood, E_UNSUPPORTED with the name of the feature
 * @see kernel Documentation/bpf/llvm_reloc.rst; libbpf, bpf_object__open and bpf_object__relocate
 */
export function loadObject(bytes: Uint8Array, options: LoadOptions = {}): LoadedObject {
  const cx = openObject(bytes);
  const link = createLinkContext(cx);
  const gnu = hasGnuAddends(cx);
  const sections = cx.elf.sections.filter(isCode);
  const code = new Map(sections.map((section) => [section.index, readCodeSection(link, section, gnu)]));
  const { maps, codeIn } = linkData(link);
  const context: CodeContext = {
    functions: link.functions,
    code,
    codeIn,
    mapsIn: pointersBetweenMaps(maps),
    records: createSourceRecords(cx.btfExt),
    illegal: options.illegal ?? 'check',
    checked: new Set(),
    budget: MAX_TOTAL_SLOTS,
  };
  const license = textSection(cx, 'license');
  const programs: Program[] = [];
  const details: ProgramDetails[] = [];
  const unresolved: UnresolvedReference[] = [];
  for (const entry of findEntries(context)) {
    const { funcInfo, coreRelocations, ...linked } = linkProgram(context, entry);
    programs.push({ ...linked, ...describe(entry), name: entry.name, endian: cx.elf.endian, maps, ...license });
    details.push({ ...describeDetails(entry), funcInfo, coreRelocations });
    unresolved.push(...unresolvedOf(entry.name, linked.relocations));
  }
  return {
    endian: cx.elf.endian,
    programs,
    details,
    maps,
    kconfig: link.kconfig.variables,
    unresolved,
    ...license,
    ...versionSection(cx),
    ...(cx.btf === undefined ? {} : { btf: cx.btf }),
    warnings: cx.warnings,
  };
}

/** For each data map the data maps that it points to, each once. */
function pointersBetweenMaps(maps: readonly MapDef[]): Map<number, number[]> {
  return new Map(
    maps.map((map, index) => {
      const targets = (map.initialSymbols ?? []).flatMap((symbol) =>
        symbol.kind === 'data' && symbol.map !== undefined && map.kind !== 'map' ? [symbol.map] : [],
      );
      return [index, [...new Set(targets)]];
    }),
  );
}

function describe({
  section,
}: FunctionRange): Pick<Program, 'section' | 'type' | 'attachType' | 'attachTo' | 'sleepable'> {
  return { section: section.name, ...programTypeOfSection(section.name) };
}

function describeDetails({ name, section }: FunctionRange): Pick<ProgramDetails, 'name' | 'autoload' | 'frags'> {
  return { name, autoload: !section.name.startsWith('?'), frags: /^\??xdp\.frags(\/|$)/.test(section.name) };
}

function textSection(cx: ObjectContext, name: string): { license?: string } {
  const data = cx.elf.sections.find((section) => section.name === name)?.data;
  if (data === undefined || data.length === 0) return {};
  const end = data.indexOf(0);
  const bytes = data.subarray(0, end < 0 ? data.length : end);
  // Licences of the kernel's list are ASCII; a file with something long and binary is cut to what can be one.
  return { license: String.fromCharCode(...bytes.subarray(0, 4096)) };
}

function versionSection(cx: ObjectContext): { version?: number } {
  const data = cx.elf.sections.find((section) => section.name === 'version')?.data;
  if (data === undefined || data.length < 4) return {};
  return { version: new DataView(data.buffer, data.byteOffset, 4).getUint32(0, cx.little) };
}
