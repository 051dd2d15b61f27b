/**
 * Wraps a program so that the kernel's run tells all it computed: BPF_PROG_TEST_RUN returns the lower 32 bits of r0 only,
 * and memory of the kind that other engines give a program (r1 = address, r2 = length) has to be a map value here.
 *
 * ```text
 *   prologue   r1 = value of the memory map, or 0; r2 = its length          (memory input only)
 *   main       as it is, each `exit` a jump to the epilogue
 *   epilogue   store r0..r9 to the value of the result map; mark it; exit
 *   other functions, with the calls adjusted
 * ```
 *
 * The program stays one function with its own stack: a wrapper that *calls* it would take a frame and a share of the
 * 512 bytes, and would change what the verifier thinks of tail calls and packet loads.
 */
import { constants as c, type Insn, jumpTarget, makeInsn, type Program, rowOf } from '@polybpf/isa';
import { exitRegisters } from './exit-registers.ts';

/** Value of the result map: r0-r9, then a word that says that the epilogue ran. */
export const RESULT_SIZE = 88;
/** Offset of that word. */
export const RESULT_MARK = 80;

/** A program ready for the kernel. */
export interface CapturedProgram {
  readonly insns: readonly Insn[];
  /** Insn index of the program's first insn in {@link insns}, for reading logs. */
  readonly firstInsn: number;
  /** Registers whose values are stored, in ascending order; the others may be uninitialised at some exit. */
  readonly registers: readonly number[];
  /** False for a program that no verifier accepts: it is as it was, so that the kernel refuses it in its own words. */
  readonly wrapped: boolean;
}

/** How a program is wrapped. */
export interface CaptureOptions {
  /** File descriptor of an array map with values of {@link RESULT_SIZE} bytes. */
  readonly resultFd: number;
  /** What r1 and r2 are at the start: memory in a map (its file descriptor, or undefined for none), or the program type's own context. */
  readonly input: { readonly mapFd: number | undefined; readonly size: number } | 'context';
  /** Store only r0, or every register that is certainly initialised at the exits. */
  readonly registers: 'r0' | 'all';
}

const MAP_VALUE_OPCODE = c.BPF_LD | c.BPF_IMM | c.BPF_DW;
const STORE_OPCODE = c.BPF_STX | c.BPF_MEM | c.BPF_DW;
const LOAD_OPCODE = c.BPF_LDX | c.BPF_MEM | c.BPF_DW;
const MAX_JUMP = 32767;

/** Wraps a program. */
export function captureProgram(program: Program, options: CaptureOptions): CapturedProgram {
  const mainEnd = program.subprograms[0]?.end ?? program.insns.length;
  const exits = wholeExits(program.insns, mainEnd);
  if (exits === undefined) return { insns: program.insns, firstInsn: 0, registers: [0], wrapped: false };
  const prologue = options.input === 'context' ? [] : memoryPrologue(options.input);
  const start = options.input === 'context' ? [1] : [1, 2];
  const registers = options.registers === 'r0' ? [0] : exitRegisters(program.insns, mainEnd, exits, start);
  const epilogue = exits.length === 0 ? [] : storeRegisters(options.resultFd, registers);
  const main = program.insns.slice(0, mainEnd);
  for (const exit of exits) main[exit] = jumpTo(mainEnd - exit - 1);
  moveFunctionReferences(main, 0, (target) => (target >= mainEnd ? epilogue.length : 0));
  const others = program.insns.slice(mainEnd);
  moveFunctionReferences(others, mainEnd, (target) => (target < mainEnd ? -epilogue.length : 0));
  return {
    insns: [...prologue, ...main, ...epilogue, ...others],
    firstInsn: prologue.length,
    registers,
    wrapped: true,
  };
}

/**
 * The exits of the main function, undefined when it is malformed: a jump leaves it, or its end is reached. Such a program
 * would become another one by being wrapped.
 */
function wholeExits(insns: readonly Insn[], mainEnd: number): number[] | undefined {
  const exits: number[] = [];
  let last = '';
  for (let i = 0; i < mainEnd;) {
    const row = rowOf(insns[i]!);
    if (row === undefined || i + row.slots > mainEnd) return undefined;
    if (row.kind === 'exit') {
      const { dst_reg, src_reg, offset, imm } = insns[i]!;
      if (dst_reg !== 0 || src_reg !== 0 || offset !== 0 || imm !== 0) return undefined;
      exits.push(i);
    }
    const target = row.immUse === 'subprogram' ? undefined : jumpTarget(row, insns[i]!, i);
    if (target !== undefined && (target < 0 || target >= mainEnd)) return undefined;
    last = row.kind;
    i += row.slots;
  }
  // A call ends a function when it is bpf_throw; the kernel knows, and the epilogue behind it is reached by other exits.
  return last === 'exit' || last === 'ja' || last === 'call_kfunc' ? exits : undefined;
}

function memoryPrologue({ mapFd, size }: { readonly mapFd: number | undefined; readonly size: number }): Insn[] {
  const length = makeInsn(c.BPF_ALU64 | c.BPF_MOV | c.BPF_K, 2, 0, 0, size);
  return [...(mapFd === undefined ? [makeInsn(c.BPF_ALU64 | c.BPF_MOV | c.BPF_K, 1, 0, 0, 0)] : mapValue(1, mapFd)), length]; // prettier-ignore
}

function storeRegisters(resultFd: number, registers: readonly number[]): Insn[] {
  const keepsR1 = registers.includes(1);
  const insns: Insn[] = [];
  // r1 becomes the address; what the program kept on its stack is dead by now.
  if (keepsR1) insns.push(makeInsn(STORE_OPCODE, 10, 1, -8, 0));
  insns.push(...mapValue(1, resultFd));
  for (const register of registers)
    if (register !== 1) insns.push(makeInsn(STORE_OPCODE, 1, register, 8 * register, 0));
  if (keepsR1) insns.push(makeInsn(LOAD_OPCODE, 2, 10, -8, 0), makeInsn(STORE_OPCODE, 1, 2, 8, 0));
  insns.push(makeInsn(c.BPF_ST | c.BPF_MEM | c.BPF_DW, 1, 0, RESULT_MARK, 1));
  insns.push(makeInsn(c.BPF_JMP | c.BPF_EXIT, 0, 0, 0, 0));
  return insns;
}

function mapValue(register: number, fd: number): Insn[] {
  return [makeInsn(MAP_VALUE_OPCODE, register, c.BPF_PSEUDO_MAP_VALUE, 0, fd), makeInsn(0, 0, 0, 0, 0)];
}

function jumpTo(distance: number): Insn {
  return distance <= MAX_JUMP
    ? makeInsn(c.BPF_JMP | c.BPF_JA, 0, 0, distance, 0)
    : makeInsn(c.BPF_JMP32 | c.BPF_JA, 0, 0, 0, distance);
}

/** Adjusts local calls and function addresses in place; `first` is the insn index of `insns[0]` in the program. */
function moveFunctionReferences(insns: Insn[], first: number, shift: (target: number) => number): void {
  for (let i = 0; i < insns.length; i++) {
    const insn = insns[i]!;
    const row = rowOf(insn);
    if (row === undefined) continue;
    if (row.immUse === 'subprogram') {
      const by = shift(jumpTarget(row, insn, first + i)!);
      if (by !== 0) insns[i] = { ...insn, imm: insn.imm + by };
    }
    i += row.slots - 1;
  }
}
