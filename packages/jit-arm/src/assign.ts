/**
 * Which words hold which BPF registers, per function.
 *
 * BPF registers that are used most get registers, the others words of the frame. One whose upper half nothing ever reads
 * takes one register, others an even one and the next, so that doublewords load and store in one instruction. Two that never
 * hold values at the same time may share.
 *
 * r1 and r2 live where C passes them, r0 where it returns, as long as that is free of others. In functions with calls r3 to
 * r5 live on the stack where C passes them, unless they are used more than passed.
 */
import type { InsnRow } from '@polybpf/isa';
import { type Analysis, type Assignment, type FunctionAnalysis, NO_REG, type Op, R10 } from '@polybpf/jit';
import { hiOf, isMemory, isRegister, loOf, makeHome, NOWHERE, TEMPS, WORDS, ZERO } from './homes.ts';
import { CALLEE_SAVED, IP, LR } from './registers.ts';

const UPPER = 16;
/** By depth of loops: as how many a use counts. */
const WEIGHTS: readonly number[] = [1, 4, 16, 64];

/** What allocation knows of one BPF register. */
interface Candidate {
  readonly register: number;
  readonly isNarrow: boolean;
  readonly uses: number;
  /** Bit r: holds a value while r does. */
  readonly meets: number;
}

interface State {
  readonly fn: FunctionAnalysis;
  readonly ops: readonly Op[];
  readonly isBig: boolean;
  readonly candidates: readonly Candidate[];
  /** How many calls pass arguments. */
  readonly calls: number;
  readonly needs: (op: Op, isInMemory: (register: number) => boolean) => number;
  readonly callsRoutine: (op: Op) => boolean;
  readonly extra: readonly number[];
}

/** Whether an op calls helper, function or program. */
function isCall({ kind }: Op): boolean {
  return kind === 'call_helper' || kind === 'call_local' || kind === 'call_symbol' || kind === 'call_register' || kind === 'tail_call'; // prettier-ignore
}

/**
 * Makes `Target.assign`.
 *
 * @param needs - how many further scratch registers the lowering of an op wants: 0, 2 or 4
 * @param callsRoutine - whether it is a call
 */
export function makeAssign(
  isBig: boolean,
  needs: State['needs'],
  callsRoutine: State['callsRoutine'],
): (fn: FunctionAnalysis, ops: readonly Op[], analysis: Analysis, extra?: readonly number[]) => Assignment {
  return (fn, ops, analysis, extra = []) => {
    const calls = ops.filter(isCall).length;
    const state: State = {
      fn,
      ops,
      isBig,
      candidates: describe(fn, ops, analysis, extra.length > 0),
      calls,
      needs,
      callsRoutine,
      extra,
    };
    // Lowering wants more scratch registers when operands are in memory, and reserving them may put operands there.
    let reserved = 0;
    for (;;) {
      const { assignment, inMemory } = allocate(state, reserved);
      const isInMemory = (register: number): boolean => inMemory.has(register);
      let wanted = 0;
      for (const op of ops) wanted = Math.max(wanted, needs(op, isInMemory));
      if (wanted <= reserved) return assignment;
      reserved = wanted;
    }
  };
}

/** Uses, widths and neighbours of r0 to r9. */
function describe(fn: FunctionAnalysis, ops: readonly Op[], analysis: Analysis, mayFault: boolean): Candidate[] {
  const depth = loopDepths(fn, ops);
  const uses = new Array<number>(R10 + 3).fill(0);
  for (const op of ops) {
    const weight = WEIGHTS[Math.min(depth[op.insn - fn.start]!, 3)]!;
    const count = op.width === 64 ? 2 * weight : weight;
    if (op.d >= 0) uses[op.d]! += count;
    if (op.a >= 0) uses[op.a]! += count;
    if (op.b >= 0) uses[op.b]! += count;
    if (op.kind === 'cmpxchg') uses[0]! += 4 * weight;
  }
  const meets = new Array<number>(R10 + 1).fill(0);
  let upperLive = 0;
  let last = 0;
  const meet = (live: number): void => {
    // What is live behind an instruction is so in front of the next.
    if (live === last) return;
    last = live;
    for (let r = 0; r < R10; r++) if ((live & (1 << r)) !== 0) meets[r]! |= live;
    upperLive |= live >>> UPPER;
  };
  for (let i = fn.start; i < fn.end; i++) {
    if (analysis.reachable[i] !== 1 || analysis.rows[i] === undefined) continue;
    meet(analysis.liveIn[i]!);
    meet(analysis.liveOut[i]! | writtenBy(analysis, i));
  }
  if (mayFault) {
    // Both are set when an access is refused.
    meets[1]! |= 1 << 2;
    meets[2]! |= 1 << 1;
  }
  return Array.from({ length: R10 }, (_, register) => ({
    register,
    isNarrow: (upperLive & (1 << register)) === 0,
    uses: uses[register]!,
    meets: (meets[register]! & 0x3ff & ~(1 << register)) >>> 0,
  })).filter(
    ({ register }) => (fn.usedRegisters & (1 << register)) !== 0 || (mayFault && (register === 1 || register === 2)),
  );
}

/** Bits of the registers that instruction `i` writes, dead or not; calls write r0. */
function writtenBy({ rows, program }: Analysis, i: number): number {
  const row = rows[i]!;
  const { dst_reg, src_reg } = program.insns[i]!;
  let mask = 0;
  if (row.dst === 'write' || row.dst === 'readwrite') mask |= 1 << dst_reg;
  if (row.src === 'write' || row.src === 'readwrite') mask |= 1 << src_reg;
  if (isCallRow(row) || (row.kind === 'atomic' && row.op === 'cmpxchg')) mask |= 1;
  return mask;
}

function isCallRow({ kind }: InsnRow): boolean {
  return kind === 'call_helper' || kind === 'call_local' || kind === 'call_kfunc' || kind === 'callx';
}

/** How many loops each instruction is in. */
function loopDepths(fn: FunctionAnalysis, ops: readonly Op[]): Uint8Array {
  const depths = new Uint8Array(fn.end - fn.start);
  const heads = new Map<number, number>();
  for (const { kind, label, insn } of ops) {
    const jumps = kind === 'branch' || kind === 'jump' || kind === 'may_goto';
    if (jumps && label >= fn.start && label <= insn) heads.set(label, Math.max(heads.get(label) ?? 0, insn));
  }
  const changes = new Int32Array(fn.end - fn.start + 1);
  for (const [head, last] of heads) {
    changes[head - fn.start]!++;
    changes[last + 1 - fn.start]!--;
  }
  let depth = 0;
  for (let i = 0; i < depths.length; i++) depths[i] = Math.min((depth += changes[i]!), 255);
  return depths;
}

/** Registers while they are given away. */
interface Pool {
  /** Bits of BPF registers that live in each hardware register. */
  readonly tenants: number[];
  /** The home of the tenants of each hardware register, by its number. */
  readonly homeAt: number[];
  readonly registers: readonly number[];
}

function allocate(
  state: State,
  reserved: number,
): { readonly assignment: Assignment; readonly inMemory: ReadonlySet<number> } {
  const { fn, ops, candidates, callsRoutine, extra } = state;
  const callsAny = fn.hasCalls || ops.some(callsRoutine);
  // Volatile registers are free where no C function is called; routines preserve them.
  const order = fn.hasCalls ? CALLEE_SAVED : [2, 3, 0, 1, ...CALLEE_SAVED];
  const pool: Pool = {
    tenants: new Array<number>(16).fill(0),
    homeAt: new Array<number>(16).fill(NO_REG),
    registers: order,
  };
  const homes = new Array<number>(R10 + 1).fill(NO_REG);
  const inMemory = new Set<number>();

  const temps = takeTemps(pool, reserved, fn);
  const extraHomes = extra.map((value) => {
    const at = freeRun(pool, 1);
    if (at === undefined) throw new Error('BUG: too few registers');
    occupy(pool, at, makeHome(at, NOWHERE), -1);
    return [value, at] as const;
  });
  const byUses = [...candidates].sort((a, b) => b.uses - a.uses);
  // In a function with calls r1 and r2 have their places, and r0 its own when it is free.
  const first = byUses.filter(({ register }) => fn.hasCalls && (register === 1 || register === 2));
  const cmpxchg = ops.some(({ kind }) => kind === 'cmpxchg') ? byUses.filter(({ register }) => register === 0) : [];
  for (const candidate of new Set([...first, ...cmpxchg, ...byUses])) {
    const { register } = candidate;
    const home = homeFor(candidate, state, pool);
    if (home !== undefined) {
      homes[register] = home;
      const low = loOf(home);
      const isPair = isRegister(home >> 8);
      occupy(pool, isPair ? Math.min(low, home >> 8) : low, home, 1 << register);
      continue;
    }
    inMemory.add(register);
    homes[register] = memoryHome(register, candidate.isNarrow, state, inMemory.size - 1);
  }
  const used = CALLEE_SAVED.filter((register) => pool.tenants[register] !== 0);
  // The second scratch register: a volatile one that nothing needs, else the return address, which is then saved.
  const spare = callsAny ? undefined : [3, 2, 1, 0].find((register) => pool.tenants[register] === 0);
  const second = spare ?? LR;
  if (second === LR) used.push(LR);
  // What unreachable code names has a home as well.
  for (let register = 0; register < R10; register++) {
    if (homes[register] === NO_REG) homes[register] = makeHome(IP, NOWHERE);
  }
  const registers = [...homes, makeHome(second, ZERO), makeHome(IP, ZERO)];
  while (registers.length < TEMPS[0]!) registers.push(NO_REG);
  for (const [value, at] of extraHomes) registers[value] = makeHome(at, NOWHERE);
  registers.push(...temps);
  return { assignment: { registers, usedCalleeSaved: used, sharesR0R1: false }, inMemory };
}

function occupy(pool: Pool, at: number, home: number, tenant: number): void {
  const length = isRegister(home >> 8) ? 2 : 1;
  for (let register = at; register < at + length; register++) {
    pool.tenants[register]! |= tenant;
    // Of those that share, a pair tells more than its low half.
    const isPair = isRegister(hiOf(pool.homeAt[register]!)) && pool.homeAt[register] !== NO_REG;
    if (!isPair) pool.homeAt[register] = home;
  }
}

/** Takes pairs for lowering: first those that saved registers are in anyhow. */
function takeTemps(pool: Pool, count: number, fn: FunctionAnalysis): number[] {
  const temps: number[] = [];
  const pairs = fn.hasCalls ? [4, 6] : isFree(fn, 2) ? [2, 4, 6] : [4, 6];
  for (const at of pairs.slice(0, count / 2)) {
    for (const register of [at, at + 1]) {
      pool.tenants[register] = -1;
      temps.push(register);
    }
  }
  return temps;
}

/** Whether BPF register `register` and the place where C passes it are not used. */
function isFree(fn: FunctionAnalysis, register: number): boolean {
  return (fn.usedRegisters & (1 << register)) === 0;
}

/** First of `length` registers, even when two, that have no tenants. */
function freeRun(pool: Pool, length: 1 | 2): number | undefined {
  const isEmpty = (register: number): boolean => pool.registers.includes(register) && pool.tenants[register] === 0;
  if (length === 2)
    return pool.registers.find((register) => register % 2 === 0 && isEmpty(register) && isEmpty(register + 1));
  // A single one whose neighbour is taken leaves pairs to others.
  return pool.registers.find((register) => isEmpty(register) && !isEmpty(register ^ 1)) ?? pool.registers.find(isEmpty);
}

function pairHome(at: number, isBig: boolean): number {
  return isBig ? makeHome(at + 1, at) : makeHome(at, at + 1);
}

/** A home in registers, or undefined. */
function homeFor(candidate: Candidate, state: State, pool: Pool): number | undefined {
  const { register, isNarrow, meets, uses } = candidate;
  const { fn, isBig, calls } = state;
  const length = isNarrow ? 1 : 2;
  const argument = register === 0 || register === 1 ? 0 : register === 2 ? 2 : NO_REG;
  const fits = (home: number, at: number): boolean => {
    for (let r = at; r < at + (isRegister(home >> 8) ? 2 : 1); r++) {
      const tenants = pool.tenants[r]!;
      // Who shares has the same low half, so that lowering sees equal halves or disjoint ones.
      if (tenants !== 0 && ((tenants & meets) !== 0 || loOf(pool.homeAt[r]!) !== loOf(home))) return false;
    }
    return true;
  };
  const blocked = (at: number): boolean => {
    // What is passed in these registers is still there when the other argument moves in.
    const owner = at < 2 ? 1 : at < 4 ? 2 : NO_REG;
    const isOwner = owner === register || (register === 0 && owner === 1);
    return (
      owner >= 0 && !isOwner && (fn.entryRegisters & (1 << owner)) !== 0 && (fn.entryRegisters & (1 << register)) !== 0
    );
  };
  if (argument >= 0) {
    const home = isNarrow ? makeHome(isBig ? argument + 1 : argument, NOWHERE) : pairHome(argument, isBig);
    if (fits(home, isNarrow ? loOf(home) : argument)) return home;
  }
  if (fn.hasCalls && register >= 3 && register <= 5 && uses <= 4 * calls) return undefined;
  // A place that others have already, at other times.
  for (const at of pool.registers) {
    if (!isNarrow && (at % 2 === 1 || !pool.registers.includes(at + 1))) continue;
    const home = isNarrow ? makeHome(at, NOWHERE) : pairHome(at, isBig);
    if (pool.tenants[loOf(home)]! > 0 && !blocked(at) && fits(home, at)) return home;
  }
  const restricted: Pool = { ...pool, registers: pool.registers.filter((at) => !blocked(at)) };
  const at = freeRun(restricted, length);
  if (at === undefined) return undefined;
  return isNarrow ? makeHome(at, NOWHERE) : pairHome(at, isBig);
}

/** A home in memory: where C passes it, where it was passed, or a place of its own. */
function memoryHome(register: number, isNarrow: boolean, { fn, isBig }: State, slot: number): number {
  const isStackArgument = register >= 3 && register <= 5;
  const isPassedOn = isStackArgument && fn.hasCalls;
  const wasPassed = isStackArgument && !fn.hasCalls && (fn.entryRegisters & (1 << register)) !== 0;
  const word = isPassedOn ? WORDS.outgoing + 2 * (register - 3) : wasPassed ? WORDS.incoming + 2 * (register - 3) : WORDS.own + 2 * slot; // prettier-ignore
  const [low, high] = isBig ? [word + 1, word] : [word, word + 1];
  return makeHome(low, isNarrow ? NOWHERE : high);
}

/** How many words of its own a function has in the frame. */
export function ownWords(registers: readonly number[]): number {
  let words = 0;
  for (const home of registers.slice(0, R10)) {
    for (const half of [loOf(home), home >> 8]) {
      if (isMemory(half) && half >= WORDS.own) words = Math.max(words, half - WORDS.own + 1);
    }
  }
  return (words + 1) & ~1;
}
