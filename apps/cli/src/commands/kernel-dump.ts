/** `polybpf kernel dump`: the machine code that the kernel's JIT makes of a program, beside our own. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatInsn } from '@polybpf/asm';
import { formatHex } from '@polybpf/conformance';
import { BpfError, formatError, isBpfError } from '@polybpf/errors';
import { type Program, rowOf } from '@polybpf/isa';
import { compile, type CompiledProgram, listCode, type ListingLine } from '@polybpf/jit';
import {
  type GroupKind,
  groupJited,
  normaliseX86,
  type NormalisedGroup,
  openLiveKernel,
  openObject,
  type ProgramInfo,
} from '@polybpf/kernel';
import { targetByName } from '@polybpf/targets';
import { chooseProgram, type Input, type InputKind, readProgramFile } from '../input.ts';
import { printJson, printLine } from '../print.ts';
import { kernelObject, objectSymbols, programTypeOption } from './kernel-load.ts';

export interface KernelDumpFlags {
  readonly type?: string;
  readonly prog?: string;
  readonly input?: InputKind;
  readonly json?: boolean;
}

/** Our target and objdump's machine for the host. */
const HOSTS: Readonly<Record<string, { readonly target: string; readonly objdump: readonly string[] }>> = {
  x64: { target: 'x86_64', objdump: ['-m', 'i386:x86-64', '-M', 'intel'] },
  arm64: { target: 'arm64', objdump: ['-m', 'aarch64'] },
};

interface Dump {
  readonly program: Program;
  readonly info: ProgramInfo;
  readonly groups: readonly NormalisedGroup[];
  readonly own: readonly ListingLine[];
  readonly ownBytes: number;
  /** Why there is no code of ours. */
  readonly ownProblem: string | undefined;
  readonly target: string;
}

/** Runs the command. */
export function runKernelDump(path: string, flags: KernelDumpFlags): void {
  const host = HOSTS[process.arch];
  if (host === undefined) throw new BpfError('E_UNSUPPORTED', `kernel code of this CPU (${process.arch})`, { expected: 'x86_64 or arm64' }); // prettier-ignore
  const input = readProgramFile(path, { ...(flags.input === undefined ? {} : { kind: flags.input }) });
  const chosen = chooseProgram(input, flags.prog);
  const dump = { ...jitedCode(input, chosen, flags), ...ownCode(chosen, host.target), target: host.target };
  if (flags.json === true) return printJson(describe(dump));
  printDump(dump, disassemble(dump.info.jited, host.objdump));
}

function jitedCode(input: Input, chosen: Program, flags: KernelDumpFlags): Pick<Dump, 'program' | 'info' | 'groups'> {
  let info: ProgramInfo | undefined;
  using kernel = openLiveKernel();
  using loader = openObject(kernel, kernelObject(input), {
    ...programTypeOption(input, flags.type),
    ...(input.bytes === undefined ? {} : { symbols: objectSymbols(input.bytes) }),
    insnLines: true,
    onLoaded: (_, fd) => {
      info = kernel.programInfo(fd);
    },
  });
  const { load, error } = loader.load(input.programs.indexOf(chosen));
  if (error !== undefined) throw error;
  if (info === undefined) {
    const message =
      load?.message === undefined || load.message === '' ? 'the kernel refused the program' : load.message;
    throw new BpfError('E_KERNEL_REFUSED', message, { got: load?.accepted === false ? load.errnoName : '' });
  }
  if (info.jitedLength === 0) throw new BpfError('E_UNSUPPORTED', 'machine code of an interpreted program', { expected: 'net.core.bpf_jit_enable = 1' }); // prettier-ignore
  if (info.jited.length === 0) throw new BpfError('E_UNSUPPORTED', 'reading machine code of the kernel', { expected: 'CAP_SYSLOG and kernel.kptr_restrict of 0 or 1' }); // prettier-ignore
  const groups = groupJited(info);
  const kindOf = (insn: number): GroupKind => kindOfInsn(chosen, insn);
  const normalised = process.arch === 'x64' ? normaliseX86(groups, kindOf) : groups.map((group) => ({ ...group, normalised: group.bytes, notes: [] })); // prettier-ignore
  return { program: chosen, info, groups: normalised };
}

function kindOfInsn(program: Program, insn: number): GroupKind {
  const kind = program.insns[insn] === undefined ? undefined : rowOf(program.insns[insn])?.kind;
  if (kind === 'exit') return 'exit';
  return kind === 'call_helper' || kind === 'call_kfunc' ? 'call' : 'other';
}

function ownCode(program: Program, target: string): Pick<Dump, 'own' | 'ownBytes' | 'ownProblem'> {
  try {
    const compiled = compile(program, targetByName(target));
    return { own: withEntries(compiled), ownBytes: compiled.code.length, ownProblem: undefined };
  } catch (error) {
    if (!isBpfError(error)) throw error;
    return { own: [], ownBytes: 0, ownProblem: formatError(error).split('\n')[0]! };
  }
}

/** The listing with each function's entry sequence counted to its first insn, as the kernel's side has it. */
function withEntries(compiled: CompiledProgram): ListingLine[] {
  const { functions, program } = compiled;
  return listCode(compiled).map((line) => {
    if (line.insn >= 0) return line;
    const home = functions.findIndex(({ offset, size }) => line.offset >= offset && line.offset < offset + size);
    return { ...line, insn: program.subprograms[home]?.start ?? -1 };
  });
}

/** One instruction in objdump's words, by code offset. */
type Texts = ReadonlyMap<number, { readonly bytes: string; readonly text: string }>;

/** The kernel's code as text, if objdump is there; without it only bytes are shown. */
function disassemble(code: Uint8Array, machine: readonly string[]): Texts {
  const folder = mkdtempSync(join(tmpdir(), 'polybpf-dump-'));
  try {
    const file = join(folder, 'code.bin');
    writeFileSync(file, code);
    const { stdout, status } = spawnSync('objdump', ['-D', '-b', 'binary', '-w', ...machine, file], {
      encoding: 'utf8',
    });
    const lines = status === 0 ? stdout.split('\n') : [];
    return new Map(
      lines.flatMap((line) => {
        const found = /^\s*([0-9a-f]+):\t([0-9a-f ]+?)\s*\t(.*)$/.exec(line);
        return found === null ? [] : [[Number.parseInt(found[1]!, 16), { bytes: found[2]!.replaceAll(' ', ''), text: found[3]!.trim() }]]; // prettier-ignore
      }),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function printDump(dump: Dump, texts: Texts): void {
  const { program, own, ownProblem } = dump;
  printLine(summary(dump));
  if (ownProblem !== undefined) printLine(`no code of ours: ${ownProblem}`);
  const insns = program.insns.length;
  for (let insn = 0; insn < insns; insn += rowOf(program.insns[insn]!)?.slots ?? 1) {
    printLine(`${String(insn).padStart(5)}: ${formatInsn(program.insns, insn)}`);
    printSide(dump, insn, texts);
  }
  if (own.some(({ insn }) => insn < 0)) printLine('       behind the functions:');
  printSide(dump, -1, texts);
}

function printSide({ groups, own, target }: Dump, insn: number, texts: Texts): void {
  const line = (side: string, offset: number, bytes: string, text: string): void =>
    printLine(`   ${side.padEnd(8)}${offset.toString(16).padStart(4, '0')}  ${bytes.padEnd(22)} ${text}`.trimEnd());
  for (const group of groups.filter((candidate) => candidate.insn === insn)) {
    const note = group.notes.length === 0 ? '' : `   ; normalised: ${group.notes.join(', ')}`;
    const parts = splitGroup(group, texts);
    parts.forEach(({ offset, bytes, text }, i) => line('kernel', offset, bytes, `${text}${i === parts.length - 1 ? note : ''}`)); // prettier-ignore
  }
  for (const { offset, bytes, text } of own.filter((candidate) => candidate.insn === insn)) {
    line(target, offset, formatHex(bytes), text);
  }
}

function splitGroup(
  { offset, bytes }: NormalisedGroup,
  texts: Texts,
): { offset: number; bytes: string; text: string }[] {
  const parts: { offset: number; bytes: string; text: string }[] = [];
  for (let at = offset; at < offset + bytes.length;) {
    const found = texts.get(at);
    if (found === undefined) return [{ offset, bytes: formatHex(bytes), text: '' }];
    parts.push({ offset: at, ...found });
    at += found.bytes.length / 2;
  }
  return parts;
}

function summary(dump: Dump): string {
  const { program, info, target, ownBytes, ownProblem } = dump;
  const plain = normalisedSize(dump);
  const ours = ownProblem === undefined ? `, ours (${target}) ${ownBytes}` : '';
  return `${program.name}: ${program.insns.length} slots; kernel ${info.jitedLength} bytes, ${plain} normalised${ours}`;
}

function normalisedSize({ groups }: Dump): number {
  return groups.reduce((sum, { normalised }) => sum + normalised.length, 0);
}

function describe(dump: Dump): object {
  const { program, info, groups, own, ownBytes, ownProblem, target } = dump;
  return {
    program: program.name,
    target,
    tag: info.tag,
    verifiedInsns: info.verifiedInsns,
    kernelBytes: info.jitedLength,
    normalisedBytes: normalisedSize(dump),
    ownBytes: ownProblem === undefined ? ownBytes : null,
    ownProblem: ownProblem ?? null,
    xlated: formatHex(info.xlated),
    jited: formatHex(info.jited),
    kernel: groups.map(({ insn, entry, offset, bytes, normalised, notes }) => ({ insn, entry, offset, bytes: formatHex(bytes), normalised: formatHex(normalised), notes })), // prettier-ignore
    own: own.map(({ insn, offset, bytes, text }) => ({ insn, offset, bytes: formatHex(bytes), text })),
  };
}
