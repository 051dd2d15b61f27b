/** `polybpf compile`: machine code of one or more CPUs, as raw image, object or listing. */
import { mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { formatInsn } from '@polybpf/asm';
import { formatHex } from '@polybpf/conformance';
import { BpfError, isBpfError } from '@polybpf/errors';
import { type Endian, type Program, rowOf } from '@polybpf/isa';
import {
  type Bounds,
  compile,
  type CompiledFunction,
  type CompiledProgram,
  describeSymbol,
  formatListing,
  type Target,
  writeHeader,
  writeObject,
} from '@polybpf/jit';
import { targetsByList } from '@polybpf/targets';
import { writeOutput } from '../files.ts';
import { compileWasm } from './compile-wasm.ts';
import {
  choosePrograms,
  inOrder,
  type Input,
  type InputKind,
  readProgramFile,
  type TargetKernelFlags,
} from '../input.ts';
import { formatTable, printJson, printLine } from '../print.ts';
import { verifyPrograms } from '../verify/verify-programs.ts';

const FORMATS = { raw: 'bin', object: 'o', listing: 'lst' } as const;
export type CompileFormat = keyof typeof FORMATS;

export interface CompileFlags extends TargetKernelFlags {
  readonly target: string;
  readonly prog?: string;
  readonly format?: CompileFormat;
  readonly output?: string;
  readonly header?: string;
  readonly map?: boolean;
  readonly abi?: string;
  readonly cpu?: string;
  readonly bounds?: Bounds;
  readonly verified?: boolean;
  readonly type?: string;
  readonly input?: InputKind;
  readonly endian?: Endian;
  readonly json?: boolean;
}

interface Compiled {
  readonly target: Target;
  readonly programs: readonly CompiledProgram[];
  /** Why there is no code. */
  readonly refused?: BpfError;
}

/** Runs the command; true when every target that was named got its code. */
export function runCompile(path: string, flags: CompileFlags): boolean {
  const input = readProgramFile(path, {
    ...(flags.input === undefined ? {} : { kind: flags.input }),
    ...(flags.endian === undefined ? {} : { endian: flags.endian }),
    kernel: flags,
  });
  const chosen = choosePrograms(input, flags.prog);
  const verified = flags.verified === true ? verifyPrograms(input, chosen, flags.type) : undefined;
  const programs = (verified?.programs ?? chosen).map((program) => linkable(program, input, path));
  if (programs.length === 0) throw new BpfError('E_LOAD_PROGRAM', 'the file has no program');
  if (flags.target === 'wasm') return compileWasm(path, flags, programs, verified?.proven);
  const targets = targetsByList(withOptionNames(flags));
  const format = flags.format ?? (flags.output === undefined ? 'listing' : formatOfName(flags.output));
  const all = targets.map((target) =>
    compileFor(target, input, programs, targets.length > 1, flags.bounds, verified?.proven),
  );
  const files = all.map((entry) =>
    entry.refused === undefined ? fileOf(path, flags, format, entry.target, targets.length) : null,
  );
  if (flags.map !== true) all.forEach((entry, i) => writeOne(entry, format, files[i] ?? null, flags));
  const done = all.filter((entry) => entry.refused === undefined);
  if (flags.header !== undefined && done.length > 0)
    writeOutput(flags.header, headerFor(done, guardName(flags.header)));
  if (flags.json === true) printJson({ outputs: all.map((entry, i) => describe(entry, format, files[i] ?? null)) });
  else if (flags.map === true) for (const { programs } of all) for (const one of programs) printRegisterMap(one);
  else summarise(all, files);
  if (done.length === 0) throw all[0]!.refused!;
  return done.length === all.length || flags.target.split(',').includes('all');
}

/** One header for all; prototypes of CPUs whose pointers have 32 bits differ. */
function headerFor(done: readonly Compiled[], guard: string): string {
  const [wide, narrow] = [false, true].map((is32) => {
    const first = done.find(({ target }) => (target.wordBits === 32) === is32);
    return first === undefined ? undefined : writeHeader(first.programs, guard);
  });
  if (wide === undefined || narrow === undefined) return (wide ?? narrow)!;
  return `#if __SIZEOF_POINTER__ == 4\n${narrow}#else\n${wide}#endif\n`;
}

/** Text and bytes without a label are a function called `main`, which C has already: it is called like the file then. */
function linkable(program: Program, input: Input, path: string): Program {
  if (input.kind === 'object' || program.name !== 'main') return program;
  const stem = basename(path).replace(/\.[^.]*$/, '').replace(/[^A-Za-z0-9_]/g, '_'); // prettier-ignore
  const name = path === '-' || stem === '' || stem === 'main' ? 'program' : /^\d/.test(stem) ? `_${stem}` : stem;
  return { ...program, name };
}

/** The list of targets, each with the options that `--abi` and `--cpu` name. */
function withOptionNames({ target, abi, cpu }: CompileFlags): string {
  const suffix = [abi, ...(cpu?.split(',') ?? [])].filter((name) => name !== undefined).map((name) => `+${name}`);
  return target
    .split(',')
    .map((name) => name.trim() + suffix.join(''))
    .join(',');
}

/** One line for each function: BPF register = where it lives. */
function printRegisterMap(compiled: CompiledProgram): void {
  const head = `${compiled.name} for ${compiled.target.name}`;
  const rows = compiled.functions.map((fn) => {
    const homes = registersOf(compiled, fn);
    return [fn.name, ...Array.from({ length: 11 }, (_, i) => homes[`r${i}`] ?? '-')];
  });
  const columns = ['FUNCTION', ...Array.from({ length: 11 }, (_, i) => `r${i}`)];
  printLine(`${head}\n${formatTable([columns, ...rows])}`);
}

/** Where the BPF registers of a function live; those that it does not use are left out. */
function registersOf({ target, program }: CompiledProgram, fn: CompiledFunction): Record<string, string> {
  const used = usedRegisters(program, fn.name);
  const nameHome = target.nameHome ?? ((home: number) => target.registers.names[home] ?? `#${home}`);
  const homes: Record<string, string> = {};
  for (let i = 0; i <= 10; i++) {
    const home = fn.registers[i] ?? -1;
    if (used.has(i)) homes[`r${i}`] = home < 0 ? 'frame' : nameHome(home);
  }
  return homes;
}

/** Registers that the instructions of a function name. */
function usedRegisters({ insns, subprograms }: Program, name: string): Set<number> {
  const { start, end } = subprograms.find((subprogram) => subprogram.name === name) ?? { start: 0, end: insns.length };
  const used = new Set<number>();
  for (let i = start; i < end; i++) {
    const row = rowOf(insns[i]!);
    if (row === undefined) continue;
    if (row.dst !== 'none') used.add(insns[i]!.dst_reg);
    if (row.src !== 'none') used.add(insns[i]!.src_reg);
    if (row.kind === 'exit') used.add(0);
    i += row.slots - 1;
  }
  return used;
}

/** With several targets, one that cannot take the program's byte order is reported beside the others. */
function compileFor(
  target: Target,
  input: Input,
  programs: readonly Program[],
  several: boolean,
  bounds: Bounds = 'none',
  proven: readonly Uint8Array[] = [],
): Compiled {
  try {
    return {
      target,
      programs: programs.map((program, i) => {
        const own = proven[i] === undefined ? {} : { proven: proven[i] };
        return compile(inOrder(input, program, target.endian), target, { bounds, ...own });
      }),
    };
  } catch (error) {
    if (!isBpfError(error) || !several) throw error;
    return { target, programs: [], refused: error };
  }
}

function formatOfName(path: string): CompileFormat {
  const found = (Object.keys(FORMATS) as CompileFormat[]).find((format) => path.endsWith(`.${FORMATS[format]}`));
  return found ?? (path.endsWith('.s') || path.endsWith('.txt') ? 'listing' : 'object');
}

/** Where output goes: OUT for one target; DIR, or the current folder, for several. */
function fileOf(
  path: string,
  flags: CompileFlags,
  format: CompileFormat,
  target: Target,
  count: number,
): string | null {
  const stem = basename(path === '-' ? 'stdin' : path).replace(/\.[^.]*$/, '');
  const name = `${stem}.${target.name}.${FORMATS[format]}`;
  if (flags.output === undefined) return format === 'listing' || flags.json === true ? null : name;
  if (count === 1 && !flags.output.endsWith('/')) return flags.output;
  return join(flags.output, name);
}

function writeOne(
  { programs, refused }: Compiled,
  format: CompileFormat,
  file: string | null,
  flags: CompileFlags,
): void {
  if (refused !== undefined) return;
  if (file === null) {
    if (flags.json !== true) for (const program of programs) printLine(listing(program));
    return;
  }
  if (flags.output !== undefined && file !== flags.output) mkdirSync(flags.output, { recursive: true });
  if (format === 'object') return writeOutput(file, writeObject(programs));
  if (format === 'listing') return writeOutput(file, programs.map(listing).join('\n'));
  if (programs.length > 1) throw new BpfError('E_USAGE', 'a raw image holds one program', { expected: `--prog with one of ${programs.map((program) => program.name).join(', ')}` }); // prettier-ignore
  const [program] = programs;
  writeOutput(file, program!.code);
  // An image that needs something from outside comes with the list of what it needs.
  if (program!.relocations.length > 0 && file !== '-')
    writeOutput(`${file}.json`, `${JSON.stringify(relocationsOf(program!), undefined, 2)}\n`);
}

function listing(compiled: CompiledProgram): string {
  const { target, program, code } = compiled;
  const head = `; ${program.name}: ${target.name}, ${code.length} bytes, ${program.insns.length} BPF instruction slots\n`;
  return head + formatListing(compiled, { insnText: (insn) => formatInsn(program.insns, insn) });
}

function relocationsOf({ relocations }: CompiledProgram): object[] {
  return relocations.map(({ offset, kind, symbol, addend }) => ({
    offset,
    kind,
    symbol: describeSymbol(symbol),
    addend,
  }));
}

function summarise(all: readonly Compiled[], files: readonly (string | null)[]): void {
  if (files.every((file) => file === null || file === '-') && all.every((entry) => entry.refused === undefined)) return;
  const rows = all.flatMap(({ target, programs, refused }, i) =>
    refused === undefined
      ? programs.map((program) => [target.name, program.name, String(program.code.length), files[i] ?? ''])
      : [[target.name, '', '', `refused: ${refused.message}`]],
  );
  printLine(formatTable([['TARGET', 'PROGRAM', 'BYTES', 'FILE'], ...rows]));
}

function describe({ target, programs, refused }: Compiled, format: CompileFormat, file: string | null): object {
  return {
    target: target.name,
    status: refused === undefined ? 'done' : 'refused',
    ...(refused === undefined ? {} : { reason: refused.message }),
    file,
    format,
    programs: programs.map((program) => ({
      name: program.name,
      insns: program.program.insns.length,
      codeBytes: program.code.length,
      code: formatHex(program.code),
      relocations: relocationsOf(program),
      functions: program.functions.map((fn) => ({
        name: fn.name,
        offset: fn.offset,
        size: fn.size,
        frameSize: fn.frameSize,
        registers: registersOf(program, fn),
      })),
    })),
  };
}

function guardName(path: string): string {
  return `${basename(path)
    .toUpperCase()
    .replace(/[^A-Z0-9]/g, '_')}_`;
}
