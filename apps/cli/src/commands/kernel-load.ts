/** `polybpf kernel load`: what the running kernel's verifier says to each program of a file. */
import { readElf, STT, STV } from '@polybpf/elf';
import { BpfError, formatError } from '@polybpf/errors';
import { type KernelObject, type LogLevel, mapTypeName, type MapVerdict, type ObjectSymbols, openLiveKernel, openObject,
  programTypeNumber, type ProgramVerdict } from '@polybpf/kernel'; // prettier-ignore
import type { Program } from '@polybpf/isa';
import { choosePrograms, type Input, type InputKind, readProgramFile } from '../input.ts';
import { formatTable, printJson, printLine } from '../print.ts';

export interface KernelLoadFlags {
  readonly type?: string;
  readonly prog?: string;
  readonly verbose?: string;
  readonly input?: InputKind;
  readonly json?: boolean;
}

/** Messages and figures, no trace. */
const STATISTICS = 4;

/** Runs the command; true when every program was accepted. */
export function runKernelLoad(path: string, flags: KernelLoadFlags): boolean {
  const level = logLevel(flags.verbose);
  const input = readProgramFile(path, {
    keepIllegal: true,
    ...(flags.input === undefined ? {} : { kind: flags.input }),
  });
  const chosen = new Set(choosePrograms(input, flags.prog));
  using kernel = openLiveKernel();
  using loader = openObject(kernel, kernelObject(input), {
    logLevel: (level | STATISTICS) as LogLevel,
    ...programTypeOption(input, flags.type),
    ...(input.bytes === undefined ? {} : { symbols: objectSymbols(input.bytes) }),
  });
  const maps = flags.prog === undefined ? loader.createMaps() : [];
  const verdicts = input.programs.flatMap((program, index) => (chosen.has(program) ? [loader.load(index)] : []));
  if (flags.json === true) {
    printJson({ kernel: kernel.host.release, btfProblem: loader.btfProblem ?? null, maps: maps.map(describeMap), programs: verdicts.map((v) => describe(v, level)) }); // prettier-ignore
  } else {
    if (loader.btfProblem !== undefined) printLine(`BTF of the object was refused: ${loader.btfProblem}`);
    for (const { error } of maps) if (error !== undefined) printLine(formatError(error));
    if (level > 0) for (const verdict of verdicts) printLog(verdict);
    printLine(
      formatTable([['program', 'type', 'verdict', 'insns', 'states', 'errno', 'last line'], ...verdicts.map(row)]),
    );
  }
  return verdicts.every(({ verdict }) => verdict === 'accepted') && maps.every(({ error }) => error === undefined);
}

/** Log level of `-v N`. */
function logLevel(text: string | undefined): number {
  if (text === undefined) return 0;
  if (/^[0-7]$/.test(text)) return Number(text);
  throw new BpfError('E_USAGE', '--verbose', { expected: '0 to 4: 1 trace, 2 more of it, 4 figures', got: text });
}

/** A file that is not an object has one program without records, of the type told or a socket filter under GPL. */
export function kernelObject(input: Input): KernelObject {
  if (input.programs.some(({ endian }) => endian === 'big')) {
    throw new BpfError('E_UNSUPPORTED', 'a big-endian program in this little-endian kernel');
  }
  if (input.object !== undefined) return input.object;
  const program: Program = { license: 'GPL', ...input.programs[0]! };
  return { programs: [program], details: [{ frags: false, funcInfo: [], coreRelocations: [] }], maps: program.maps, kconfig: [] }; // prettier-ignore
}

/** The type that was asked for; else that of the section, or a socket filter for what has none. */
export function programTypeOption(input: Input, type: string | undefined): { type?: string } {
  if (type !== undefined) {
    programTypeNumber(type); // E_INPUT now, not for each program
    return { type };
  }
  return input.object === undefined ? { type: 'socket_filter' } : {};
}

/** What the symbol table says: offsets of variables for BTF, and functions that are global to the object only. */
export function objectSymbols(bytes: Uint8Array): ObjectSymbols {
  const elf = readElf(bytes);
  const offsets = new Map<string, number>();
  const hidden = new Set<string>();
  for (const { name, type, section, value, visibility } of elf.symbols) {
    const home = section === undefined ? undefined : elf.sections[section];
    if (home === undefined) continue;
    if (type === STT.STT_OBJECT) offsets.set(`${home.name} ${name}`, value);
    if (type === STT.STT_FUNC && (visibility === STV.STV_HIDDEN || visibility === STV.STV_INTERNAL)) hidden.add(name);
  }
  return {
    offsetOf: (section, variable) => offsets.get(`${section} ${variable}`),
    isHidden: (name) => hidden.has(name),
  };
}

function row({ program, verdict, load, error }: ProgramVerdict): string[] {
  const { stats } = load ?? {};
  const told = load === undefined ? formatError(error!).split('\n')[0]! : load.message;
  return [
    program.name,
    program.type ?? '',
    verdict,
    stats === undefined ? '' : String(stats.insnsProcessed),
    stats === undefined ? '' : String(stats.totalStates),
    load === undefined || load.accepted ? '' : load.errnoName,
    told,
  ];
}

function printLog({ program, load }: ProgramVerdict): void {
  if (load === undefined) return;
  printLine(`--- ${program.name}${load.logTruncated ? ' (only the end of the log)' : ''}`);
  printLine(load.log.trimEnd());
}

function describeMap({ map, error }: MapVerdict): object {
  return { name: map.name, type: mapTypeName(map.type), created: error === undefined, errno: error?.got ?? null };
}

function describe({ program, verdict, load, error }: ProgramVerdict, level: number): object {
  const { stats } = load ?? {};
  return {
    program: program.name,
    section: program.section ?? null,
    type: program.type ?? null,
    attachType: program.attachType ?? null,
    verdict,
    insnsProcessed: stats?.insnsProcessed ?? null,
    totalStates: stats?.totalStates ?? null,
    peakStates: stats?.peakStates ?? null,
    stackDepth: stats?.stackDepth ?? null,
    verificationTimeUs: stats?.verificationTimeUs ?? null,
    errno: load === undefined || load.accepted ? null : load.errnoName,
    message: load?.message ?? error!.message,
    ...(level === 0 || load === undefined ? {} : { log: load.log }),
  };
}
