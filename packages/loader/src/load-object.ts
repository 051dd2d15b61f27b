import { type Btf, type CoreRelocator, createCoreRelocator, parseBtf } from '@polybpf/btf';
import { isBpfError } from '@polybpf/errors';
import type { MapDef, Program } from '@polybpf/isa';
import { hasGnuAddends } from './addend.ts';
import { applyCoreRelocations } from './apply-core.ts';
import { readCodeSection } from './code-section.ts';
import { linkData } from './data-symbols.ts';
import { exceptionCallback } from './exception-callback.ts';
import type { FunctionRange } from './functions.ts';
import { findVariables } from './global-variables.ts';
import { type KernelTypes, resolveKernelSymbols } from './kernel-symbols.ts';
import { kconfigBytes } from './kconfig-values.ts';
import { type CodeContext, findEntries, type LinkedProgram, linkProgram, unresolvedOf } from './link-programs.ts';
import type { LoadedObject, LoadOptions, ProgramDetails, UnresolvedReference } from './loaded-object.ts';
import { isCode, openObject, type ObjectContext } from './object-context.ts';
import { programTypeOfSection } from './program-type.ts';
import { createSourceRecords } from './source-records.ts';
import { createLinkContext, type LinkContext } from './symbol-targets.ts';

/** Slots that all programs of an object may have together: four of the largest that the kernel takes. */
const MAX_TOTAL_SLOTS = 1 << 22;

/**
 * Loads an eBPF object file: ELF of either byte order, made by clang, gcc or by hand, with or without BTF.
 *
 * The result is symbolic and does not depend on any kernel or machine. References to maps and global data are bound by
 * index to the list of maps; what nothing defines stays in `Program.relocations` and is listed in `unresolved`. With
 * `options.targetBtf` the programs are made for that kernel: CO-RE relocations applied, typed references filled in.
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
  const filled = fillKconfig(maps, link, options);
  const context: CodeContext = {
    functions: link.functions,
    code,
    codeIn,
    mapsIn: pointersBetweenMaps(maps),
    callbackOf: (entry) => exceptionCallback(cx, link.functions, entry),
    records: createSourceRecords(cx.btfExt),
    illegal: options.illegal ?? 'check',
    checked: new Set(),
    budget: MAX_TOTAL_SLOTS,
  };
  const license = textSection(cx, 'license');
  const kernel = kernelOf(cx, options);
  const programs: Program[] = [];
  const details: ProgramDetails[] = [];
  const unresolved: UnresolvedReference[] = [];
  for (const entry of findEntries(context)) {
    const { funcInfo, coreRelocations, ...linked } = linkProgram(context, entry);
    const about = describeDetails(entry);
    const fitted = fitToKernel(cx, { ...linked, funcInfo, coreRelocations }, kernel, about);
    const { insns, relocations } = fitted.code;
    const rest = { ...describe(entry), name: entry.name, endian: cx.elf.endian, maps: filled, ...license };
    programs.push({ ...linked, insns, relocations, ...rest });
    details.push({ ...about, funcInfo, ...fitted.details });
    unresolved.push(...unresolvedOf(entry.name, relocations));
  }
  return {
    endian: cx.elf.endian,
    programs,
    details,
    maps: filled,
    kconfig: link.kconfig.variables,
    variables: findVariables(link),
    unresolved,
    ...license,
    ...versionSection(cx),
    ...(cx.btf === undefined ? {} : { btf: cx.btf }),
    warnings: cx.warnings,
  };
}

interface TargetKernel extends KernelTypes {
  readonly relocator: CoreRelocator | undefined;
}

/** The kernel that the options describe; undefined when they say nothing about it. */
function kernelOf({ btf }: ObjectContext, { targetBtf, kernelSymbols }: LoadOptions): TargetKernel | undefined {
  if (targetBtf === undefined && kernelSymbols === undefined) return undefined;
  const targets = targetBtf === undefined ? [] : listOf(targetBtf);
  const relocator = btf === undefined || targets.length === 0 ? undefined : createCoreRelocator(btf, targets);
  return { local: btf, targets, addresses: kernelSymbols ?? new Map<string, bigint>(), relocator };
}

function listOf(target: NonNullable<LoadOptions['targetBtf']>): readonly Btf[] {
  if (target instanceof Uint8Array) return [parseBtf(target)];
  return 'types' in target ? [target] : target;
}

interface FittedProgram {
  readonly code: Pick<Program, 'insns' | 'relocations'>;
  readonly details: Pick<ProgramDetails, 'coreRelocations' | 'appliedCore' | 'kernelSymbols'>;
}

/** Puts what the program asks of the kernel into its instructions. A program that is not autoloaded may fail in that. */
function fitToKernel(
  cx: ObjectContext,
  linked: LinkedProgram,
  kernel: TargetKernel | undefined,
  { name, autoload }: Pick<ProgramDetails, 'name' | 'autoload'>,
): FittedProgram {
  const { insns, relocations, coreRelocations } = linked;
  const asItIs: FittedProgram = {
    code: { insns, relocations },
    details: { coreRelocations, appliedCore: [], kernelSymbols: [] },
  };
  if (kernel === undefined) return asItIs;
  try {
    const place = { symbol: name };
    const { relocator } = kernel;
    const core = relocator === undefined ? undefined : applyCoreRelocations(insns, coreRelocations, relocator, place);
    const resolved = resolveKernelSymbols(core?.insns ?? insns, relocations, kernel, place);
    return {
      code: { insns: resolved.insns, relocations: resolved.relocations },
      details: {
        coreRelocations: core === undefined ? coreRelocations : [],
        appliedCore: core?.applied ?? [],
        kernelSymbols: resolved.symbols,
      },
    };
  } catch (error) {
    if (autoload || !isBpfError(error)) throw error;
    cx.warnings.push(
      `program ${name}, which is not loaded unless asked for, does not fit the kernel: ${error.message}`,
    );
    return asItIs;
  }
}

/** The maps with the contents of `.kconfig`, where its values are given. */
function fillKconfig(maps: readonly MapDef[], link: LinkContext, { kconfig }: LoadOptions): readonly MapDef[] {
  const { btf } = link.cx;
  if (kconfig === undefined || btf === undefined) return maps;
  return maps.map((map) => {
    if (map.kind !== 'kconfig') return map;
    return { ...map, initial: kconfigBytes(map.valueSize, link.kconfig.variables, btf, kconfig) };
  });
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
