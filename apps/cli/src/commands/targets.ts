/** `polybpf targets`: the CPUs, what they compile and how their code runs here. */
import { isBpfError } from '@polybpf/errors';
import { INSN_TABLE, type Insn, type InsnRow, makeInsn, makeProgram, type MapDef } from '@polybpf/isa';
import { compile, type Target } from '@polybpf/jit';
import { probeMachine } from '@polybpf/machine';
import { ALL_TARGETS, PLANNED_TARGETS } from '@polybpf/targets';
import { formatTable, printJson, printLine } from '../print.ts';
import { showFeatures } from './targets-features.ts';

export interface TargetsFlags {
  readonly features?: boolean;
  readonly json?: boolean;
}

/** Runs the command. */
export function runTargets(flags: TargetsFlags): void {
  if (flags.features === true) return showFeatures(flags.json === true);
  const targets = ALL_TARGETS.map(describe);
  if (flags.json === true) {
    printJson({ targets, planned: PLANNED_TARGETS });
    return;
  }
  const rows = targets.map((t) => [t.name, t.endian, t.variants.map((v) => `+${v.name}`).join(' ') || '-', `${t.rows} of ${t.ofRows}`, t.run]); // prettier-ignore
  printLine(formatTable([['TARGET', 'ORDER', 'VARIANTS', 'ROWS', 'RUNS HERE'], ...rows]));
  const variants = targets.flatMap((t) => t.variants.map((v) => [`${t.name}+${v.name}`, v.what]));
  if (variants.length > 0) printLine(`\n${formatTable([['VARIANT', 'WHAT IT IS'], ...variants])}`);
  const lacking = new Set(targets.flatMap((target) => target.unsupported));
  if (lacking.size > 0) printLine(`\nnot compiled: ${[...lacking].join(' ')}`);
  if (PLANNED_TARGETS.length > 0) printLine(`\nno code generator yet: ${PLANNED_TARGETS.join(' ')}`);
}

function describe(target: Target): {
  name: string;
  title: string;
  endian: string;
  variants: { name: string; what: string }[];
  rows: number;
  ofRows: number;
  unsupported: string[];
  run: string;
  available: boolean;
} {
  // prettier-ignore
  const unsupported = INSN_TABLE.filter((row) => !compiles(target, row)).map((row) => row.name);
  const probe = probeMachine(target);
  const run = probe.available
    ? probe.execution.kind === 'host'
      ? 'directly'
      : (probe.execution.command[0] ?? 'qemu')
    : probe.error.message;
  const { name, title, endian, options = [] } = target;
  const variants = options.map((option) => ({ name: option.name, what: option.what }));
  return { name, title, endian, variants, rows: INSN_TABLE.length - unsupported.length, ofRows: INSN_TABLE.length, unsupported, run, available: probe.available }; // prettier-ignore
}

const MAP: MapDef = { name: 'map', kind: 'bss', type: 2, keySize: 4, valueSize: 8, maxEntries: 1, flags: 0 };

/** Compiles a program with just this instruction. */
function compiles(target: Target, row: InsnRow): boolean {
  const { src_reg, offset, imm } = row.fixed;
  // Jumps go over the next instruction: one to the next would be left out.
  const hop = row.offsetUse === 'jump' ? 1 : 0;
  const insns: Insn[] = [
    makeInsn(
      row.opcode,
      row.dst === 'none' ? 0 : 1,
      src_reg ?? (row.src === 'none' ? 0 : 2),
      offset ?? hop,
      imm ?? (row.immUse === 'jump' ? 1 : 0),
    ),
  ];
  if (row.slots === 2) insns.push(makeInsn(0, 0, 0, 0, 0));
  // r0 = result, so that nothing is left out as dead; then a second function for calls to land on.
  const tail = [makeInsn(0xbf, 0, row.src === 'readwrite' ? 2 : 1, 0, 0), makeInsn(0x95, 0, 0, 0, 0)];
  if (row.immUse === 'subprogram') insns[0] = { ...insns[0]!, imm: row.slots - 1 + tail.length };
  if (row.op === 'map_idx' || row.op === 'map_idx_value') insns[0] = { ...insns[0]!, imm: 0 };
  const program = row.kind === 'exit' ? [makeInsn(0xb7, 0, 0, 0, 0), ...insns] : [...insns, ...tail, ...tail];
  try {
    compile(makeProgram(program, { endian: target.endian, maps: [MAP] }), target);
    return true;
  } catch (error) {
    if (isBpfError(error)) return false;
    throw error;
  }
}
