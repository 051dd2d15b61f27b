/**
 * What the compiler knows about a program before it selects ops: rows, reachable instructions, jump targets, functions,
 * and for each instruction which registers are read later, with the upper halves apart.
 *
 * Live sets are bit masks: bit r (0..10) = register r is read later; bit 16 + r = its upper half is. The walk is
 * backward over basic blocks until nothing changes. An operation whose result's upper half is dead does not read the
 * upper halves of its operands when its low half does not depend on them (add, sub, mul, and, or, xor, lsh, mov, neg).
 */
import { BpfError } from '@polybpf/errors';
import { BPF_FUNC_tail_call, constants, type Insn, type InsnRow, jumpTarget, type Program, rowOf } from '@polybpf/isa';

/** Bit offset of the upper halves in a live set. */
export const UPPER = 16;
/** Shifted left by the number of a register: the bits of both halves, and of the low one. */
const FULL: number = 1 | (1 << UPPER);
const LOW = 1;
/** r1 to r5, and those that any call defines or destroys. */
const ARGUMENTS: number = FULL * 0b111110;
const CALL_CLOBBERS: number = FULL * 0b111111;

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

/**
 * Analyses a program.
 *
 * @param addressBits - with 32, accesses to memory do not read the upper half of their base
 * @throws BpfError `E_JIT_PROGRAM` when control leaves a function other than by exit or call, or a call or address means none;
 * `E_DECODE_OPCODE` for unknown instructions, `E_DECODE_REGISTER`
 */
export function analyse(program: Program, addressBits: 32 | 64 = 64): Analysis {
  const { insns } = program;
  const count = insns.length;
  if (count === 0) throw new BpfError('E_JIT_PROGRAM', 'program is empty');
  const rows: (InsnRow | undefined)[] = new Array<InsnRow | undefined>(count);
  for (let i = 0; i < count; i++) {
    const row = rowOf(insns[i]!);
    if (row === undefined) throw new BpfError('E_DECODE_OPCODE', 'unknown instruction', { at: { insn: i }, got: `opcode 0x${insns[i]!.opcode.toString(16)}` }); // prettier-ignore
    rows[i] = row;
    checkRegisters(row, insns[i]!, i);
    if (row.slots === 2) {
      if (i + 1 >= count)
        throw new BpfError('E_DECODE_TRUNCATED', `${row.name} has no second slot`, { at: { insn: i } });
      rows[++i] = undefined;
    }
  }
  // One piece for all: allocation is much of the time that a small program takes.
  const memory = new ArrayBuffer(11 * count);
  const analysis: Analysis = {
    program,
    addressBits,
    rows,
    liveOut: new Int32Array(memory, 0, count),
    liveIn: new Int32Array(memory, 4 * count, count),
    reachable: new Uint8Array(memory, 8 * count, count),
    isTarget: new Uint8Array(memory, 9 * count, count),
    isLoopHead: new Uint8Array(memory, 10 * count, count),
    functions: [],
  };
  checkFunctionReferences(program, rows);
  const functions: FunctionAnalysis[] = [];
  for (const { name, start, end } of program.subprograms) {
    findReachable(analysis, start, end);
    findLiveness(analysis, start, end);
    functions.push(describeFunction(analysis, name, start, end));
  }
  return { ...analysis, functions };
}

/**
 * Registers beyond r10 would be taken for the scratch registers that ops have beside those of the program, and r10 is
 * where frames are.
 */
function checkRegisters(row: InsnRow, { dst_reg, src_reg }: Insn, insn: number): void {
  const isDst = dst_reg > lastRegister(row.dst);
  if (!isDst && src_reg <= lastRegister(row.src)) return;
  throw new BpfError('E_DECODE_REGISTER', `register of ${row.name}`, {
    at: { insn },
    expected: `at most ${lastRegister(isDst ? row.dst : row.src)}`,
    got: String(isDst ? dst_reg : src_reg),
  });
}

/** r10 is read only; a fixed field is no register. */
function lastRegister(use: InsnRow['dst']): number {
  return use === 'fixed' ? 15 : use === 'write' || use === 'readwrite' ? 9 : constants.BPF_REG_10;
}

/** Every local call and function address that is resolved names the first instruction of a function. */
function checkFunctionReferences(program: Program, rows: readonly (InsnRow | undefined)[]): void {
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

function findReachable(analysis: Analysis, start: number, end: number): void {
  const { program, rows, reachable, isTarget, isLoopHead } = analysis;
  const pending = [start];
  while (pending.length > 0) {
    let i = pending.pop()!;
    while (reachable[i] === 0) {
      reachable[i] = 1;
      const row = rows[i]!;
      const { kind } = row;
      if (kind === 'exit') break;
      if (kind === 'jmp' || kind === 'ja' || kind === 'may_goto') {
        const target = jumpTarget(row, program.insns[i]!, i)!;
        if (!isInside(rows, start, end, target)) throw leaves(i, start, end, target);
        if (reachable[target] === 0) pending.push(target);
        isTarget[target] = 1;
        if (target <= i) isLoopHead[target] = 1;
        if (kind === 'ja') break;
      }
      const next = i + row.slots;
      // Compilers end a function with a call that does not return (`abort`); if it does, the function returns.
      if (next >= end && isCall(row)) break;
      if (!isInside(rows, start, end, next)) throw leaves(i, start, end, next);
      i = next;
    }
  }
}

/** Whether an instruction of the function starts at `insn`. */
function isInside(rows: Analysis['rows'], start: number, end: number, insn: number): boolean {
  return insn >= start && insn < end && rows[insn] !== undefined;
}

function leaves(insn: number, start: number, end: number, to: number): BpfError {
  return new BpfError('E_JIT_PROGRAM', 'control leaves its function', {
    at: { insn },
    expected: `insn ${start} to ${end - 1}`,
    got: `insn ${to}`,
  });
}

/** Backward over the reachable blocks of one function until the live sets stop growing. */
function findLiveness(analysis: Analysis, start: number, end: number): void {
  const { program, rows, reachable, isTarget, liveIn, liveOut } = analysis;
  // Ends of blocks: the last slot of each maximal run without a label inside or a jump before its end.
  const blockEnds: number[] = [];
  let previous = -1;
  for (let i = start; i < end; i++) {
    if (reachable[i] === 0 || rows[i] === undefined) continue;
    if (previous >= 0 && (isTarget[i] === 1 || endsBlock(rows[previous]!))) blockEnds.push(previous);
    previous = i;
  }
  if (previous >= 0) blockEnds.push(previous);
  const blockStartOf = blockEnds.map((_, k) => (k === 0 ? start : nextReachable(analysis, blockEnds[k - 1]!, end)));
  let changed = true;
  while (changed) {
    changed = false;
    for (let k = blockEnds.length - 1; k >= 0; k--) {
      const last = blockEnds[k]!;
      const row = rows[last]!;
      let live = 0;
      if (row.kind === 'jmp' || row.kind === 'ja' || row.kind === 'may_goto') {
        live = liveIn[jumpTarget(row, program.insns[last]!, last)!]!;
      }
      const next = last + row.slots;
      if (row.kind !== 'ja' && row.kind !== 'exit' && next < end) live |= liveIn[next]!;
      const first = blockStartOf[k]!;
      if (liveOut[last] === live && liveIn[last] !== 0) continue;
      const before = liveIn[first]!;
      for (let i = last; i >= first; i--) {
        const insnRow = rows[i];
        if (insnRow === undefined || reachable[i] === 0) continue;
        liveOut[i] = live;
        live = transfer(analysis, i, insnRow, live);
        liveIn[i] = live;
      }
      if (live !== before) changed = true;
    }
  }
}

function nextReachable({ rows, reachable }: Analysis, after: number, end: number): number {
  for (let i = after + 1; i < end; i++) if (reachable[i] === 1 && rows[i] !== undefined) return i;
  return end;
}

function endsBlock(row: InsnRow): boolean {
  return row.kind === 'jmp' || row.kind === 'ja' || row.kind === 'may_goto' || row.kind === 'exit';
}

/** The live set before instruction `i`, from the one after it. */
function transfer({ program, addressBits }: Analysis, i: number, row: InsnRow, live: number): number {
  const { dst_reg, src_reg } = program.insns[i]!;
  const address = addressBits === 32 ? LOW : FULL;
  const wide = row.width === 64;
  switch (row.kind) {
    case 'alu': {
      if ((live & (LOW << dst_reg)) === 0) return live; // dead: selection leaves it out
      const upperLive = (live & (1 << (dst_reg + UPPER))) !== 0;
      const killed = live & ~(FULL << dst_reg);
      const use = wide && (upperLive || !lowHalfIsLocal(row.op)) ? FULL : LOW;
      if (row.op === 'mov') return row.source === 'reg' ? killed | (use << src_reg) : killed;
      if (row.op === 'movsx') return killed | (LOW << src_reg);
      const used = killed | (use << dst_reg);
      if (row.source !== 'reg') return used;
      return used | ((isShift(row.op) ? LOW : use) << src_reg);
    }
    case 'end':
      if ((live & (LOW << dst_reg)) === 0) return live;
      return (live & ~(FULL << dst_reg)) | ((wide ? FULL : LOW) << dst_reg);
    case 'addr_space_cast':
      return (live & ~(FULL << dst_reg)) | (FULL << src_reg);
    case 'jmp': {
      const use = wide ? FULL : LOW;
      return live | (use << dst_reg) | (row.source === 'reg' ? use << src_reg : 0);
    }
    case 'ja':
    case 'may_goto':
      return live;
    case 'call_helper':
    case 'call_local':
    case 'call_kfunc':
      return (live & ~CALL_CLOBBERS) | ARGUMENTS;
    case 'callx':
      return (live & ~CALL_CLOBBERS) | ARGUMENTS | (address << dst_reg);
    case 'exit':
      return FULL;
    case 'ld_imm64':
      return live & ~(FULL << dst_reg);
    case 'load_packet':
      return (live & ~CALL_CLOBBERS) | (FULL << 6) | (row.op === 'ind' ? LOW << src_reg : 0);
    case 'load':
    case 'load_acquire':
      return (live & ~(FULL << dst_reg)) | (address << src_reg);
    case 'store':
    case 'store_release':
      return live | (address << dst_reg) | ((wide ? FULL : LOW) << src_reg);
    case 'store_imm':
      return live | (address << dst_reg);
    case 'atomic': {
      const use = wide ? FULL : LOW;
      if (row.op === 'cmpxchg') return (live & ~FULL) | (address << dst_reg) | (use << src_reg) | use;
      const fetches = row.src === 'readwrite';
      return (fetches ? live & ~(FULL << src_reg) : live) | (address << dst_reg) | (use << src_reg);
    }
  }
}

function isShift(op: string): boolean {
  return op === 'lsh' || op === 'rsh' || op === 'arsh';
}

/** Whether the low half of the result depends on low halves only. */
function lowHalfIsLocal(op: string): boolean {
  return op === 'add' || op === 'sub' || op === 'mul' || op === 'and' || op === 'or' || op === 'xor' || op === 'mov' || op === 'neg'; // prettier-ignore
}

/** Registers that instruction `i` writes, as bits 0..10. */
export function writtenRegisters(row: InsnRow, dst_reg: number, src_reg: number): number {
  let mask = 0;
  if (row.dst === 'write' || row.dst === 'readwrite') mask |= 1 << dst_reg;
  if (row.src === 'write' || row.src === 'readwrite') mask |= 1 << src_reg;
  if (row.kind === 'atomic' && row.op === 'cmpxchg') mask |= 1;
  if (isCall(row) || row.kind === 'load_packet') mask |= 0b111111;
  return mask;
}

function isCall(row: InsnRow): boolean {
  return row.kind === 'call_helper' || row.kind === 'call_local' || row.kind === 'call_kfunc' || row.kind === 'callx';
}

function describeFunction(analysis: Analysis, name: string, start: number, end: number): FunctionAnalysis {
  const { program, rows, reachable, liveIn, liveOut } = analysis;
  let hasCalls = false;
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
    const row = rows[i];
    if (row === undefined || reachable[i] === 0) continue;
    const { dst_reg, src_reg, offset, imm } = program.insns[i]!;
    const written = writtenRegisters(row, dst_reg, src_reg);
    const either = liveIn[i]! | liveOut[i]! | written;
    usedRegisters |= either | (row.dst === 'read' ? 1 << dst_reg : 0) | (row.src === 'read' ? 1 << src_reg : 0);
    const after = (liveOut[i]! | written) & 3;
    const calls = isCall(row);
    if ((liveIn[i]! & 3) === 3 || (after === 3 && !calls)) r0MeetsR1 = true;
    if (calls) hasCalls = true;
    else allWritten |= written;
    if (row.kind === 'call_helper' && imm === BPF_FUNC_tail_call) hasTailCall = true;
    if (row.kind === 'may_goto') hasMayGoto = true;
    const shifts = row.kind === 'alu' && row.source === 'reg' && isShift(row.op);
    if (shifts) shiftCountUses[src_reg]!++;
    if (row.width !== 64 || shifts) {
      if (row.dst !== 'none' && row.width !== 64) narrowUses[dst_reg]!++;
      if (row.src !== 'none' && row.src !== 'fixed') narrowUses[src_reg]!++;
    }
    if (row.kind === 'exit') exits++;
    if (dst_reg !== 10 && src_reg !== 10) continue;
    const base = row.kind === 'load' || row.kind === 'load_acquire' ? src_reg : memoryBase(row) ? dst_reg : -1;
    if (base === 10) {
      frameAccesses++;
      if (offset >= 0 || offset < -512) depth = 512;
      else depth = Math.max(depth, -offset);
    }
    // Any other read of r10 lets its address escape, so that the whole frame may be used.
    const escapes = (row.src === 'read' && src_reg === 10 && base !== 10) || (row.dst === 'read' && dst_reg === 10 && base !== 10); // prettier-ignore
    const storesAddress =
      (row.kind === 'store' || row.kind === 'store_release' || row.kind === 'atomic') && src_reg === 10;
    if (escapes || storesAddress) frameAddressTaken = true;
  }
  return {
    name, start, end, hasCalls, hasTailCall, hasMayGoto, exits,
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
    const kills = (writtenRegisters(row, dst_reg, src_reg) & (1 << register)) !== 0;
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
