/**
 * What the compiler knows about a program before it selects ops: rows, reachable instructions, jump targets, functions,
 * and for each instruction which registers are read later, with the upper halves apart (see row-effects.ts). The walk for
 * that is backward over basic blocks until nothing changes.
 */
import { BpfError } from '@polybpf/errors';
import { BPF_FUNC_tail_call, INSN_TABLE, type Insn, type InsnRow, jumpTarget, type Program, rowOf } from '@polybpf/isa';
import {
  BASE_IS_DST,
  BASE_IS_SRC,
  effectTable,
  ENDS_PATH,
  IS_CALL,
  IS_EXIT,
  IS_JUMP,
  LAST_REGISTERS,
  liveBefore,
  NAMES_FUNCTION,
  NARROW_DST,
  NARROW_SRC,
  READS_DST,
  READS_SRC,
  SHIFTS,
  STORES_SRC,
  TRAITS,
  TWO_SLOTS,
  writtenRegisters,
} from './row-effects.ts';

export { UPPER } from './row-effects.ts';

export interface Analysis {
  readonly program: Program;
  /** Bits of a register that addresses are made from. */
  readonly addressBits: 32 | 64;
  /** Row of each slot; undefined for second slots of ld_imm64. */
  readonly rows: readonly (InsnRow | undefined)[];
  /** 1 for slots that start an instruction which the entry of its function reaches. */
  readonly reachable: Uint8Array;
  /** 1 for slots that a reachable jump goes to. */
  readonly isTarget: Uint8Array;
  /** 1 for slots that a reachable jump goes back to, from there or from behind. */
  readonly isLoopHead: Uint8Array;
  /** Live sets after and before each reachable instruction. */
  readonly liveOut: Int32Array;
  readonly liveIn: Int32Array;
  readonly functions: readonly FunctionAnalysis[];
}

export interface FunctionAnalysis {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly hasCalls: boolean;
  readonly hasTailCall: boolean;
  readonly hasMayGoto: boolean;
  readonly exits: number;
  /** Bit r: register r is read or written. */
  readonly usedRegisters: number;
  /** Bit r: register r is read before it is written. */
  readonly entryRegisters: number;
  /** For r0 to r10: how many instructions shift by it. */
  readonly shiftCountUses: readonly number[];
  /** For r0 to r10: how many instructions use it in less than 64 bits or as a shift count. */
  readonly narrowUses: readonly number[];
  /** Bit r: an instruction other than a call writes register r. */
  readonly writtenRegisters: number;
  readonly stackDepth: number;
  readonly frameAddressTaken: boolean;
  readonly frameAccesses: number;
  /** Whether r0 and r1 ever hold values at the same time. */
  readonly r0MeetsR1: boolean;
}

/** The arrays of an analysis: of as many slots as the program has, or more. */
export interface SlotTables extends Pick<Analysis, 'reachable' | 'isTarget' | 'isLoopHead' | 'liveOut' | 'liveIn'> {
  /** Each instruction as one number: id of the row in bits 0 to 15, then dst_reg, and src_reg from bit 20 on; -1 for second slots. */
  readonly codes: Int32Array;
}

/** What the walks read. */
interface Walked extends Analysis, SlotTables {}

/** Arrays for so many slots, of zeros. */
export function makeSlotTables(count: number): SlotTables {
  // One piece for all: allocation is much of the time that a small program takes.
  const memory = new ArrayBuffer(15 * count);
  return {
    liveOut: new Int32Array(memory, 0, count),
    liveIn: new Int32Array(memory, 4 * count, count),
    codes: new Int32Array(memory, 8 * count, count),
    reachable: new Uint8Array(memory, 12 * count, count),
    isTarget: new Uint8Array(memory, 13 * count, count),
    isLoopHead: new Uint8Array(memory, 14 * count, count),
  };
}

/** Makes the first `count` slots zeros again. */
export function clearSlotTables(
  { liveOut, liveIn, codes, reachable, isTarget, isLoopHead }: SlotTables,
  count: number,
): void {
  for (const words of [liveOut, liveIn, codes]) words.fill(0, 0, count);
  for (const bytes of [reachable, isTarget, isLoopHead]) bytes.fill(0, 0, count);
}

const DST = 16;
const SRC = 20;

/**
 * Analyses a program.
 *
 * @param addressBits - with 32, accesses to memory do not read the upper half of their base
 * @throws BpfError `E_JIT_PROGRAM` when control leaves a function other than by exit or call, or a call or address means none;
 * `E_DECODE_OPCODE` for unknown instructions, `E_DECODE_REGISTER`
 */
export function analyse(program: Program, addressBits: 32 | 64 = 64): Analysis {
  return analyseInto(makeSlotTables(program.insns.length), program, addressBits);
}

/** The same in given arrays, which belong to the result. */
export function analyseInto(tables: SlotTables, program: Program, addressBits: 32 | 64): Analysis {
  const count = program.insns.length;
  if (count === 0) throw new BpfError('E_JIT_PROGRAM', 'program is empty');
  const functions: FunctionAnalysis[] = [];
  const rows = new Array<InsnRow | undefined>(count);
  const { liveOut, liveIn, codes, reachable, isTarget, isLoopHead } = tables;
  const analysis: Walked = {
    program,
    addressBits,
    rows,
    liveOut,
    liveIn,
    codes,
    reachable,
    isTarget,
    isLoopHead,
    functions,
  };
  if (findRows(program, rows, analysis.codes)) checkFunctionReferences(analysis);
  for (const { name, start, end } of program.subprograms) {
    findReachable(analysis, start, end);
    findLiveness(analysis, start, end);
    functions.push(describeFunction(analysis, name, start, end));
  }
  return analysis;
}

/** Fills rows and codes; whether an instruction names a function. */
function findRows({ insns }: Program, rows: (InsnRow | undefined)[], codes: Int32Array): boolean {
  const count = insns.length;
  let traits = 0;
  for (let i = 0; i < count; i++) {
    const insn = insns[i]!;
    const row = rowOf(insn);
    if (row === undefined) throw new BpfError('E_DECODE_OPCODE', 'unknown instruction', { at: { insn: i }, got: `opcode 0x${insn.opcode.toString(16)}` }); // prettier-ignore
    const { id } = row;
    const { dst_reg, src_reg } = insn;
    const last = LAST_REGISTERS[id]!;
    if (dst_reg > (last & 15) || src_reg > last >> 4) throw misnamed(row, insn, i);
    rows[i] = row;
    codes[i] = id | (dst_reg << DST) | (src_reg << SRC);
    traits |= TRAITS[id]!;
    if ((TRAITS[id]! & TWO_SLOTS) === 0) continue;
    if (i + 1 >= count) throw new BpfError('E_DECODE_TRUNCATED', `${row.name} has no second slot`, { at: { insn: i } });
    rows[++i] = undefined;
    codes[i] = -1;
  }
  return (traits & NAMES_FUNCTION) !== 0;
}

function misnamed(row: InsnRow, { dst_reg, src_reg }: Insn, insn: number): BpfError {
  const last = LAST_REGISTERS[row.id]!;
  const isDst = dst_reg > (last & 15);
  return new BpfError('E_DECODE_REGISTER', `register of ${row.name}`, {
    at: { insn },
    expected: `at most ${isDst ? last & 15 : last >> 4}`,
    got: String(isDst ? dst_reg : src_reg),
  });
}

/** Every local call and function address that is resolved names the first instruction of a function. */
function checkFunctionReferences({ program, rows }: Analysis): void {
  const starts = new Set(program.subprograms.map(({ start }) => start));
  const unresolved = new Set(program.relocations.filter(({ kind }) => kind === 'subprogram').map(({ insn }) => insn));
  rows.forEach((row, insn) => {
    if (row?.immUse !== 'subprogram' || unresolved.has(insn)) return;
    const target = jumpTarget(row, program.insns[insn]!, insn)!;
    if (starts.has(target) && rows[target] !== undefined) return;
    throw new BpfError('E_JIT_PROGRAM', `${row.name} reaches no function`, {
      at: { insn },
      expected: 'the first instruction of a function of the program',
      got: `insn ${target}`,
    });
  });
}

const ID = 0xffff;

function traitsOf(code: number): number {
  return TRAITS[code & ID]!;
}

function findReachable(analysis: Walked, start: number, end: number): void {
  const { program, rows, codes, reachable, isTarget, isLoopHead } = analysis;
  const pending = [start];
  while (pending.length > 0) {
    let i = pending.pop()!;
    while (reachable[i] === 0) {
      reachable[i] = 1;
      const traits = traitsOf(codes[i]!);
      if ((traits & IS_JUMP) !== 0) {
        const target = jumpTarget(rows[i]!, program.insns[i]!, i)!;
        if (!isInside(codes, start, end, target)) throw leaves(i, start, end, target);
        if (reachable[target] === 0) pending.push(target);
        isTarget[target] = 1;
        if (target <= i) isLoopHead[target] = 1;
      }
      if ((traits & ENDS_PATH) !== 0) break;
      const next = i + ((traits & TWO_SLOTS) !== 0 ? 2 : 1);
      // Compilers end a function with a call that does not return (`abort`); if it does, the function returns.
      if (next >= end && (traits & IS_CALL) !== 0) break;
      if (!isInside(codes, start, end, next)) throw leaves(i, start, end, next);
      i = next;
    }
  }
}

/** Whether an instruction of the function starts at `insn`. */
function isInside(codes: Int32Array, start: number, end: number, insn: number): boolean {
  return insn >= start && insn < end && codes[insn]! >= 0;
}

function leaves(insn: number, start: number, end: number, to: number): BpfError {
  return new BpfError('E_JIT_PROGRAM', 'control leaves its function', {
    at: { insn },
    expected: `insn ${start} to ${end - 1}`,
    got: `insn ${to}`,
  });
}

/** Backward over the reachable blocks of one function until the live sets stop growing. */
function findLiveness(analysis: Walked, start: number, end: number): void {
  const { program, rows, codes, reachable, isTarget, liveIn, liveOut, addressBits } = analysis;
  const effects = effectTable(addressBits);
  // First and last instruction of each block: a maximal run without a label inside or a jump before its end.
  const blocks: number[] = [];
  let previous = -1;
  let first = start;
  for (let i = start; i < end; i++) {
    if (reachable[i] === 0) continue;
    if (previous >= 0 && (isTarget[i] === 1 || (traitsOf(codes[previous]!) & (IS_JUMP | ENDS_PATH)) !== 0)) {
      blocks.push(first, previous);
      first = i;
    }
    previous = i;
  }
  if (previous >= 0) blocks.push(first, previous);
  let changed = true;
  while (changed) {
    changed = false;
    for (let k = blocks.length - 2; k >= 0; k -= 2) {
      first = blocks[k]!;
      const last = blocks[k + 1]!;
      const traits = traitsOf(codes[last]!);
      let live = (traits & IS_JUMP) !== 0 ? liveIn[jumpTarget(rows[last]!, program.insns[last]!, last)!]! : 0;
      const next = last + ((traits & TWO_SLOTS) !== 0 ? 2 : 1);
      if ((traits & ENDS_PATH) === 0 && next < end) live |= liveIn[next]!;
      if (liveOut[last] === live && liveIn[last] !== 0) continue;
      const before = liveIn[first]!;
      for (let i = last; i >= first; i--) {
        if (reachable[i] === 0) continue;
        const code = codes[i]!;
        liveOut[i] = live;
        live = liveBefore(effects, code & ID, (code >> DST) & 15, code >> SRC, live);
        liveIn[i] = live;
      }
      if (live !== before) changed = true;
    }
  }
}

function endsBlock(row: InsnRow): boolean {
  return (TRAITS[row.id]! & (IS_JUMP | ENDS_PATH)) !== 0;
}

function describeFunction(analysis: Walked, name: string, start: number, end: number): FunctionAnalysis {
  const { program, codes, reachable, liveIn, liveOut } = analysis;
  let anyTraits = 0;
  let hasTailCall = false;
  let hasMayGoto = false;
  let exits = 0;
  let usedRegisters = 0;
  let allWritten = 0;
  let depth = 0;
  let frameAddressTaken = false;
  let frameAccesses = 0;
  let r0MeetsR1 = false;
  const shiftCountUses = new Array<number>(11).fill(0);
  const narrowUses = new Array<number>(11).fill(0);
  for (let i = start; i < end; i++) {
    if (reachable[i] === 0) continue;
    const code = codes[i]!;
    const id = code & ID;
    const dst = (code >> DST) & 15;
    const src = code >> SRC;
    const traits = TRAITS[id]!;
    anyTraits |= traits;
    const written = writtenRegisters(id, dst, src);
    const before = liveIn[i]!;
    const after = liveOut[i]! | written;
    usedRegisters |= before | after;
    if ((traits & READS_DST) !== 0) usedRegisters |= 1 << dst;
    if ((traits & READS_SRC) !== 0) usedRegisters |= 1 << src;
    const calls = (traits & IS_CALL) !== 0;
    if ((before & 3) === 3 || ((after & 3) === 3 && !calls)) r0MeetsR1 = true;
    if (!calls) allWritten |= written;
    if ((traits & (IS_CALL | IS_EXIT | IS_JUMP)) !== 0) {
      const { kind } = INSN_TABLE[id]!;
      if (kind === 'exit') exits++;
      if (kind === 'may_goto') hasMayGoto = true;
      if (kind === 'call_helper' && program.insns[i]!.imm === BPF_FUNC_tail_call) hasTailCall = true;
    }
    if ((traits & (SHIFTS | NARROW_DST | NARROW_SRC)) !== 0) {
      if ((traits & SHIFTS) !== 0) shiftCountUses[src]!++;
      if ((traits & NARROW_DST) !== 0) narrowUses[dst]!++;
      if ((traits & NARROW_SRC) !== 0) narrowUses[src]!++;
    }
    if (dst !== 10 && src !== 10) continue;
    const isBase = (traits & BASE_IS_SRC) !== 0 ? src === 10 : (traits & BASE_IS_DST) !== 0 && dst === 10;
    if (isBase) {
      const { offset } = program.insns[i]!;
      frameAccesses++;
      if (offset >= 0 || offset < -512) depth = 512;
      else depth = Math.max(depth, -offset);
    }
    // Any other read of r10 lets its address escape, so that the whole frame may be used.
    const escapes = !isBase && (((traits & READS_SRC) !== 0 && src === 10) || ((traits & READS_DST) !== 0 && dst === 10)); // prettier-ignore
    const storesAddress = (traits & STORES_SRC) !== 0 && src === 10;
    if (escapes || storesAddress) frameAddressTaken = true;
  }
  return {
    name, start, end, hasTailCall, hasMayGoto, exits,
    hasCalls: (anyTraits & IS_CALL) !== 0,
    usedRegisters: usedRegisters & 0x7ff,
    entryRegisters: liveIn[start]! & 0x7ff,
    shiftCountUses,
    narrowUses,
    writtenRegisters: allWritten,
    stackDepth: frameAddressTaken ? escapedDepth(analysis, start, end, depth) : (depth + 7) & ~7,
    frameAddressTaken, frameAccesses, r0MeetsR1,
  }; // prettier-ignore
}

function memoryBase(row: InsnRow): boolean {
  return row.kind === 'store' || row.kind === 'store_imm' || row.kind === 'store_release' || row.kind === 'atomic';
}

/**
 * Stack depth when the frame address is taken. The usual form is `r = r10; r += -K` with a negative constant: then the
 * object starts at -K and whoever gets the pointer stays above it. Anything else may reach the whole 512 bytes.
 */
function escapedDepth(analysis: Analysis, start: number, end: number, depth: number): number {
  const { program, rows, reachable, isTarget } = analysis;
  let deepest = depth;
  for (let i = start; i < end; i++) {
    const row = rows[i];
    if (row === undefined || reachable[i] === 0) continue;
    const { dst_reg, src_reg } = program.insns[i]!;
    if ((row.src !== 'read' || src_reg !== 10) && (row.dst !== 'read' || dst_reg !== 10)) continue;
    const base = row.kind === 'load' || row.kind === 'load_acquire' ? src_reg : memoryBase(row) ? dst_reg : -1;
    const valueIsFrame = memoryBase(row) && row.kind !== 'store_imm' && src_reg === 10;
    if (base === 10 && !valueIsFrame) continue;
    const next = program.insns[i + 1];
    const nextRow = rows[i + 1];
    const addsConstant =
      row.kind === 'alu' && row.op === 'mov' && row.width === 64 && i + 1 < end && isTarget[i + 1] === 0 &&
      nextRow?.name === 'add64_imm' && next!.dst_reg === dst_reg && next!.imm < 0 && next!.imm >= -512; // prettier-ignore
    if (!addsConstant || pointerMoves(analysis, i + 1, end, dst_reg)) return 512;
    deepest = Math.max(deepest, -next!.imm);
  }
  return (deepest + 7) & ~7;
}

/**
 * Whether the stack pointer made at `at` in `register` may be moved further: only straight-line passing to a call or
 * use as a base counts as not moving.
 */
function pointerMoves({ program, rows, isTarget }: Analysis, at: number, end: number, register: number): boolean {
  for (let i = at + 1; i < end; i++) {
    const row = rows[i];
    if (row === undefined) continue;
    if (isTarget[i] === 1 || endsBlock(row)) return true;
    const { dst_reg, src_reg, offset } = program.insns[i]!;
    const kills = (writtenRegisters(row.id, dst_reg, src_reg) & (1 << register)) !== 0;
    // Passed to a callee: helpers get objects that start at the pointer, and their sizes are positive.
    if (row.kind === 'call_local' || row.kind === 'callx') return true;
    if (row.kind === 'call_helper' || row.kind === 'call_kfunc') {
      if (kills) return false;
      continue;
    }
    const readsAsSource = row.src !== 'none' && row.src !== 'fixed' && src_reg === register;
    const readsAsDst = (row.dst === 'read' || row.dst === 'readwrite') && dst_reg === register;
    const isBase = (row.kind === 'load' && src_reg === register) || (memoryBase(row) && dst_reg === register && src_reg !== register); // prettier-ignore
    if (isBase && offset < 0) return true;
    if ((readsAsSource || readsAsDst) && !isBase) return true;
    if (kills) return false;
  }
  return true;
}
