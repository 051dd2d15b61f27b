/**
 * The programs of an object file through the verifier, one by one, as libbpf would load them: maps created and filled,
 * BTF repaired and loaded, references to the kernel resolved, CO-RE relocations given to the kernel, which applies them
 * itself. Nothing is attached.
 */
import type { Btf } from '@polybpf/btf';
import { BpfError, isBpfError } from '@polybpf/errors';
import { INSN_SIZE, type MapDef, type Program } from '@polybpf/isa';
import type { LiveKernel } from './live-kernel.ts';
import {
  type LoadOptions,
  type LoadOutcome,
  type LogLevel,
  PROGRAM_FLAGS,
  recordTable,
  FUNC_INFO_SIZE,
  LINE_INFO_SIZE,
} from './load-program.ts';
import { type ObjectSymbols, prepareBtf, type PreparedBtf } from './object-btf.ts';
import { attachPoint, kconfigContents, type KconfigPlace, resolveExterns, versionCode } from './object-externs.ts';
import { mapTypeName } from './type-names.ts';
import { insnLines, noLines } from './insn-lines.ts';
import { openProgramMaps, type ProgramMaps, usedMaps } from './program-maps.ts';

/** What this needs of an object: the `LoadedObject` of @polybpf/loader has it. */
export interface KernelObject {
  readonly programs: readonly Program[];
  /** Same order as `programs`. */
  readonly details: readonly ObjectProgramDetails[];
  readonly maps: readonly MapDef[];
  readonly kconfig: readonly KconfigPlace[];
  readonly btf?: Btf;
}

/** See `ProgramDetails` of @polybpf/loader. */
export interface ObjectProgramDetails {
  readonly frags: boolean;
  readonly funcInfo: readonly { readonly insn: number; readonly type: number }[];
  readonly coreRelocations: readonly { readonly insn: number; readonly type: number; readonly access: string; readonly kind: number }[]; // prettier-ignore
}

/** How an object's programs are loaded. */
export interface ObjectLoadOptions {
  /** Program type of all, instead of what their sections say. */
  readonly type?: string;
  /** Default 4: messages and figures, no trace. */
  readonly logLevel?: LogLevel;
  /** What only the symbol table knows; without it, maps of data sections have no BTF and hidden functions count as global. */
  readonly symbols?: ObjectSymbols;
  /**
   * Numbers the instructions: line N + 1 is insn N, instead of the lines of the object, so that `programInfo` tells where
   * the machine code of each one starts.
   */
  readonly insnLines?: boolean;
  /** Sees a program that was accepted while it is loaded. */
  readonly onLoaded?: (program: Program, fd: number) => void;
}

/** What became of one program. */
export interface ProgramVerdict {
  readonly program: Program;
  /** `error`: it did not get as far as the verifier. */
  readonly verdict: 'accepted' | 'refused' | 'error';
  /** Absent for `error`. */
  readonly load?: LoadOutcome;
  readonly error?: BpfError;
}

/** What became of one map. */
export interface MapVerdict {
  readonly map: MapDef;
  /** Why it was not created. */
  readonly error?: BpfError;
}

/** What {@link openObject} gives. */
export interface KernelObjectLoader extends Disposable {
  /** Why the object's BTF was not taken, if it was not. Programs are then loaded without. */
  readonly btfProblem: string | undefined;
  /**
   * Creates all maps, also those that no program uses, as libbpf does before it loads anything. A variable of struct_ops
   * is left out: creating its map is the first step of attaching it.
   */
  createMaps(): readonly MapVerdict[];
  /** Loads one program, by index, asks the verifier and closes it again. */
  load(index: number): ProgramVerdict;
  close(): void;
}

const CORE_RELOCATION_SIZE = 16;

/** Prepares an object: loads its BTF; maps are created when a program first needs them. */
export function openObject(
  kernel: LiveKernel,
  object: KernelObject,
  options: ObjectLoadOptions = {},
): KernelObjectLoader {
  const btf = loadObjectBtf(kernel, object, options);
  const maps = openProgramMaps(kernel, object.maps, {
    ...(btf.fd === undefined ? {} : { btfFd: btf.fd }),
    hasType: (map) => map.kind === 'map' || btf.prepared?.sections.has(map.name) === true,
    contents: (map) => kernelContents(map, object),
  });
  const close = (): void => {
    maps.close();
    if (btf.fd !== undefined) kernel.close(btf.fd);
  };
  return {
    btfProblem: btf.problem,
    createMaps: () => object.maps.flatMap((map, index) => createMap(maps, map, index)),
    load: (index) => loadOne(kernel, { object, options, maps, btf }, index),
    close,
    [Symbol.dispose]: close,
  };
}

function createMap(maps: ProgramMaps, map: MapDef, index: number): MapVerdict[] {
  if (mapTypeName(map.type) === 'struct_ops') return [];
  try {
    maps.ensure(new Set([index]));
    return [{ map }];
  } catch (error) {
    if (!isBpfError(error)) throw error;
    return [{ map, error }];
  }
}

interface ObjectBtf {
  readonly fd?: number;
  readonly prepared?: PreparedBtf;
  readonly problem: string | undefined;
}

function loadObjectBtf(kernel: LiveKernel, object: KernelObject, options: ObjectLoadOptions): ObjectBtf {
  if (object.btf === undefined) return { problem: undefined };
  const texts = new Set(object.programs.flatMap(({ lines }) => lines.flatMap(({ file, text }) => [file, text])));
  for (const { coreRelocations } of object.details) for (const { access } of coreRelocations) texts.add(access);
  const prepared = prepareBtf(object.btf, object.maps, options.symbols, texts);
  const outcome = kernel.loadBtf(prepared.bytes);
  if (outcome.accepted) return { fd: outcome.fd, prepared, problem: undefined };
  const { errnoName, message } = kernel.loadBtf(prepared.bytes, { logLevel: 1 }) as Exclude<typeof outcome, { accepted: true }>; // prettier-ignore
  return { problem: `${errnoName}${message === '' ? '' : `: ${message}`}` };
}

function kernelContents(map: MapDef, object: KernelObject): Uint8Array | undefined {
  return map.kind === 'kconfig' ? kconfigContents(map.valueSize, object.kconfig, object.btf) : map.initial;
}

interface ObjectContext {
  readonly object: KernelObject;
  readonly options: ObjectLoadOptions;
  readonly maps: ProgramMaps;
  readonly btf: ObjectBtf;
}

function loadOne(kernel: LiveKernel, cx: ObjectContext, index: number): ProgramVerdict {
  const { object, options, maps, btf } = cx;
  const given = object.programs[index]!;
  const program = options.type === undefined ? given : { ...given, type: options.type };
  try {
    const how = programOptions(kernel, program, cx, index);
    const insns = resolveExterns(program, object.btf);
    maps.ensure(usedMaps(insns, object.maps));
    const details = object.details[index]!;
    const typed =
      btf.prepared === undefined || btf.fd === undefined ? {} : records(program, details, btf.fd, btf.prepared);
    using lines = options.insnLines === true ? insnLines(kernel, program, typed) : noLines();
    const { options: numbered } = lines;
    const load = kernel.load(insns, {
      ...how,
      ...typed,
      ...numbered,
      fdArray: maps.fdArray,
      logLevel: options.logLevel ?? 4,
    });
    if (!load.accepted) return { program, verdict: 'refused', load };
    try {
      options.onLoaded?.(program, load.fd);
    } finally {
      kernel.close(load.fd);
    }
    return { program, verdict: 'accepted', load };
  } catch (error) {
    if (!isBpfError(error)) throw error;
    return { program, verdict: 'error', error };
  }
}

function programOptions(kernel: LiveKernel, program: Program, cx: ObjectContext, index: number): LoadOptions {
  const { name, type, attachType, license = '', section } = program;
  const { object, options } = cx;
  if (type === undefined) {
    throw new BpfError('E_LOAD_PROGRAM', 'the section name does not tell the program type', {
      at: { symbol: name, ...(section === undefined ? {} : { section }) },
    });
  }
  const flags =
    (program.sleepable === true ? PROGRAM_FLAGS.BPF_F_SLEEPABLE : 0) |
    (object.details[index]!.frags ? PROGRAM_FLAGS.BPF_F_XDP_HAS_FRAGS : 0);
  const place = options.type === undefined ? { ...(attachType === undefined ? {} : { attachType }), ...attachPoint(program, object.maps, object.btf) } : {}; // prettier-ignore
  return { type, name, license, flags, kernelVersion: Number(versionCode(kernel.host.release)), ...place };
}

/**
 * Function, line and CO-RE records of a program. Lines are left out when a function starts without one, which the kernel
 * refuses; a program without records of functions goes without any.
 */
function records(program: Program, details: ObjectProgramDetails, fd: number, btf: PreparedBtf): LoadOptions {
  const { funcInfo, coreRelocations } = details;
  if (funcInfo.length === 0) return { btfFd: fd };
  const { lines, subprograms } = program;
  const starts = new Set(lines.map(({ insn }) => insn));
  const hasLines = subprograms.every(({ start }) => starts.has(start));
  return {
    btfFd: fd,
    funcInfo: recordTable(FUNC_INFO_SIZE, funcInfo, ({ insn, type }) => [insn, type]),
    ...(hasLines
      ? {
          lineInfo: recordTable(LINE_INFO_SIZE, lines, ({ insn, file, text, line, column }) => [
            insn,
            btf.stringOffset(file),
            btf.stringOffset(text),
            line * 1024 + Math.min(column, 1023),
          ]),
        }
      : {}),
    ...(coreRelocations.length === 0
      ? {}
      : {
          coreRelocations: recordTable(CORE_RELOCATION_SIZE, coreRelocations, ({ insn, type, access, kind }) => [
            insn * INSN_SIZE,
            type,
            btf.stringOffset(access),
            kind,
          ]),
        }),
  };
}
