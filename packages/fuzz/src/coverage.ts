/**
 * What a run has covered: how often each instruction stood in a program with operands of each class, and with values of
 * which classes the arithmetic was executed.
 */
import { type Endian, type Insn, type InsnRow, rowOf } from '@polybpf/isa';
import type { TraceView } from '@polybpf/interpreter';
import type { FuzzProgram } from './build-program.ts';
import { observe } from './reference.ts';

/** Counts of {@link createCoverage}. */
export interface CoverageCounts {
  /** Name of the row, then class of operands: how many instructions. */
  readonly operands: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Name of the row, then classes of the values it met when executed (`dst,src`): how many times. A sample of the programs. */
  readonly values: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** Collects counts. */
export interface Coverage {
  /** Counts the instructions of a program. */
  addProgram(program: FuzzProgram): void;
  /** Executes a program in the interpreter and counts the values that its arithmetic meets. Slow. */
  addValues(program: FuzzProgram, endian: Endian): void;
  counts(): CoverageCounts;
}

type Table = Map<string, Map<string, number>>;

/** Empty counts. */
export function createCoverage(): Coverage {
  const operands: Table = new Map();
  const values: Table = new Map();
  return {
    addProgram({ insns }) {
      for (let i = 0; i < insns.length; i++) {
        const row = rowOf(insns[i]!);
        if (row === undefined) continue;
        count(operands, row.name, operandClass(row, insns[i]!, insns[i + 1]?.imm ?? 0));
        i += row.slots - 1;
      }
    },
    addValues(program, endian) {
      observe(program, endian, (view) => {
        const insn = program.insns[view.insn];
        const row = insn === undefined ? undefined : rowOf(insn);
        if (insn === undefined) return;
        if (row?.kind === 'alu' || row?.kind === 'jmp') count(values, row.name, valueClasses(row, insn, view));
      });
    },
    counts: () => ({ operands: plain(operands), values: plain(values) }),
  };
}

function count(table: Table, name: string, key: string): void {
  let row = table.get(name);
  if (row === undefined) table.set(name, (row = new Map()));
  row.set(key, (row.get(key) ?? 0) + 1);
}

function plain(table: Table): Record<string, Record<string, number>> {
  const names = [...table.keys()].sort();
  return Object.fromEntries(
    names.map((name) => [name, Object.fromEntries([...table.get(name)!].sort(([a], [b]) => (a < b ? -1 : 1)))]),
  );
}

/** The class of an instruction's operands as they stand in the program. */
export function operandClass(row: InsnRow, insn: Insn, nextImm: number): string {
  switch (row.kind) {
    case 'alu':
    case 'jmp':
      if (row.source === 'imm') return `imm ${immediateClass(insn.imm)}`;
      return row.source === 'reg' ? registerClass(insn) : 'one register';
    case 'ld_imm64':
      return nextImm === insn.imm >> 31 ? `imm ${immediateClass(insn.imm)}` : 'imm 64 bits';
    case 'load':
    case 'load_acquire':
      return `${insn.src_reg === 10 ? 'stack' : 'pointer'}, offset ${offsetClass(insn.offset)}${insn.dst_reg === insn.src_reg ? ', own base' : ''}`;
    case 'store':
    case 'store_imm':
    case 'store_release':
    case 'atomic':
      return `${insn.dst_reg === 10 ? 'stack' : 'pointer'}, offset ${offsetClass(insn.offset)}`;
    case 'ja':
    case 'may_goto':
      return distance(row, insn) < 0 ? 'back' : distance(row, insn) === 0 ? 'next' : 'forward';
    default:
      return 'any';
  }
}

function distance(row: InsnRow, insn: Insn): number {
  return row.immUse === 'jump' ? insn.imm : insn.offset;
}

function registerClass({ dst_reg, src_reg }: Insn): string {
  if (dst_reg === src_reg) return 'same register';
  return src_reg === 10 ? 'frame pointer' : 'two registers';
}

function immediateClass(imm: number): string {
  if (imm === 0 || imm === 1 || imm === -1) return String(imm);
  if (imm === 0x7fffffff) return 'max';
  if (imm === -0x80000000) return 'min';
  const sign = imm < 0 ? '-' : '+';
  const magnitude = imm < 0 ? ~imm : imm;
  return `${sign}${magnitude < 0x80 ? '8 bits' : magnitude < 0x8000 ? '16 bits' : '32 bits'}`;
}

function offsetClass(offset: number): string {
  if (offset === 0) return '0';
  const sign = offset < 0 ? '-' : '+';
  const magnitude = offset < 0 ? ~offset : offset;
  return `${sign}${magnitude < 0x80 ? '8 bits' : magnitude < 0x1000 ? '13 bits' : '16 bits'}`;
}

function valueClasses(row: InsnRow, insn: Insn, { regs }: TraceView): string {
  const classOf = (register: number): string =>
    row.width === 64
      ? valueClass64(regs[2 * register]!, regs[2 * register + 1]!)
      : valueClass32(regs[2 * register]!, regs[2 * register + 1]!);
  const dst = row.dst === 'write' ? '' : classOf(insn.dst_reg);
  const src = row.source === 'reg' ? classOf(insn.src_reg) : '';
  return [dst, src].filter((text) => text !== '').join(',');
}

function valueClass64(low: number, high: number): string {
  if (high === low >> 31) return low === 0 || low === 1 || low === -1 ? String(low) : low < 0 ? '-32' : '+32';
  if (low === 0 && high === -0x80000000) return 'min';
  if (low === -1 && high === 0x7fffffff) return 'max';
  return high < 0 ? '-64' : '+64';
}

/** Garbage in the upper half is what 32-bit arithmetic must not see. */
function valueClass32(low: number, high: number): string {
  const dirt = high === 0 ? '' : ' dirty';
  if (low === 0 || low === 1 || low === -1) return `${low}${dirt}`;
  if (low === -0x80000000) return `min${dirt}`;
  if (low === 0x7fffffff) return `max${dirt}`;
  return `${low < 0 ? '-' : '+'}${dirt}`;
}
