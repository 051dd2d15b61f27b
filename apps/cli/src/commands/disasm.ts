/** `polybpf disasm`: any FILE as text. */
import { disassemble, formatInsn, type Syntax, slotsAt } from '@polybpf/asm';
import { formatHex } from '@polybpf/conformance';
import type { BpfError } from '@polybpf/errors';
import { checkInsns, encodeProgram, type Endian, type Program, rowOf } from '@polybpf/isa';
import { writeStdout } from '../files.ts';
import { choosePrograms, type Input, type InputKind, readProgramFile, type TargetKernelFlags } from '../input.ts';
import { printJson } from '../print.ts';

export interface DisasmFlags extends TargetKernelFlags {
  readonly syntax?: Syntax;
  readonly source?: boolean;
  readonly prog?: string;
  readonly input?: InputKind;
  readonly endian?: Endian;
  readonly bytes?: boolean;
  readonly json?: boolean;
}

/**
 * Runs the command. What is no legal program is shown all the same, slot by slot.
 *
 * @returns the first thing that is wrong with a program
 */
export function runDisasm(path: string, flags: DisasmFlags): BpfError | undefined {
  const input = readProgramFile(path, {
    keepIllegal: true,
    ...(flags.input === undefined ? {} : { kind: flags.input }),
    ...(flags.endian === undefined ? {} : { endian: flags.endian }),
    kernel: flags,
  });
  const programs = choosePrograms(input, flags.prog);
  if (flags.json === true) {
    printJson({ programs: programs.map((program) => describe(program, flags.syntax ?? 'kernel')) });
  } else {
    writeStdout(programs.map((program) => text(input, program, flags)).join('\n'));
  }
  for (const program of programs) {
    const problem = checkInsns(program.insns)[0];
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function text(input: Input, program: Program, flags: DisasmFlags): string {
  const body = disassemble(program, {
    syntax: flags.syntax ?? 'kernel',
    source: flags.source === true,
    ...(flags.bytes === true ? { bytes: true, addresses: true, targets: 'annotated' as const } : {}),
    // Of several programs each says which it is; the text of one program alone can be assembled again.
    directives: input.programs.length === 1 && flags.bytes !== true,
  });
  if (input.kind !== 'object' || flags.bytes === true) return body;
  const comment = flags.syntax === 'ubpf' ? '#' : '//';
  return `${comment} ${program.name}${program.section === undefined ? '' : `, section ${program.section}`}\n${body}`;
}

function describe(program: Program, syntax: Syntax): object {
  const bytes = encodeProgram(program.insns, program.endian);
  const lineAt = new Map(program.lines.map((line) => [line.insn, line]));
  const insns: object[] = [];
  for (let i = 0; i < program.insns.length;) {
    const slots = slotsAt(program.insns, i);
    const line = lineAt.get(i);
    insns.push({
      insn: i,
      bytes: formatHex(bytes.subarray(i * 8, (i + slots) * 8)),
      row: rowOf(program.insns[i]!)?.name ?? null,
      text: formatInsn(program.insns, i, syntax),
      ...(line === undefined ? {} : { source: { file: line.file, line: line.line, text: line.text } }),
    });
    i += slots;
  }
  return { name: program.name, section: program.section ?? null, endian: program.endian, insns };
}
