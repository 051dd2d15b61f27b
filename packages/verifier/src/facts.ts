/**
 * What holds at each instruction whichever way it is reached: for compilers, and for people to read.
 *
 * Sound with pruning: a path that ends in a known state goes on in that state's place. Which instructions and branches
 * are reached, and what kind of memory an access is to, never depends on scalars that pruning may leave out (in Linux 6.18
 * it may, where atomics fetch from the stack; facts are made without that error). Values do,
 * so they are joined in a second verification in which all scalars count: there a pruned state is contained in the one
 * that it was compared with, in all that may still be read.
 */
import { type Env, reject } from './env.ts';
import type { VerifyInput } from './input.ts';
import { joinRecord, type Joined, newJoined } from './join.ts';
import { W_MASK, W_OFF, W_SMAX, W_SMIN, W_TYPE, W_UMAX, W_UMIN, W_VAR } from './register-record.ts';
import {
  baseType,
  isPacketType,
  PTR_TO_CTX,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_STACK,
  SCALAR_VALUE,
  typeName,
} from './register-types.ts';
import { type Frame, REGS, regAt, type State } from './state.ts';
import { CLASS_JMP, CLASS_JMP32, CLASS_LDX, CLASS_ST, CLASS_STX, OP_CALL, OP_EXIT, OP_JA } from './successors.ts';
import { E2BIG } from './reject.ts';
import { type VerifyOptions, watch } from './verify.ts';
import type { Watcher } from './watcher.ts';
import { toDouble, toSigned, toUnsigned } from './word64.ts';

/** A number in a register. */
export interface ScalarFact {
  readonly reg: number;
  /** Signed limits. */
  readonly smin: bigint;
  readonly smax: bigint;
  /** Unsigned limits. */
  readonly umin: bigint;
  readonly umax: bigint;
  /** Bits that are known are 0 in `mask`, and have their value in `bits`. */
  readonly bits: bigint;
  readonly mask: bigint;
}

/** A load or store. */
export interface AccessFact {
  /** As the log names it: `fp`, `map_value`, `pkt`, `ctx`, ...; `mixed` when it differs by path. */
  readonly memory: string;
  readonly size: number;
  /**
   * Offsets of the first byte from the start of the memory (of the stack: from its end, so that they are negative), and
   * the power of two that all of them are multiples of. Undefined when not all paths could be joined.
   */
  readonly min: number | undefined;
  readonly max: number | undefined;
  readonly align: number | undefined;
}

/** Facts of an accepted program. Plain data. */
export interface Facts {
  /** By instruction: 1 when some path reaches it. */
  readonly reachable: Uint8Array;
  /** By conditional jump: 1 always taken, 2 never taken, 0 either. */
  readonly branches: Uint8Array;
  /**
   * By instruction: 1 when its access lies inside a stack frame, map value, packet or memory of known size, whichever way
   * it is reached. Accesses to the context count when it has at least the bytes that are accessed; see `contextBytes`.
   */
  readonly inBounds: Uint8Array;
  readonly accesses: readonly (AccessFact | undefined)[];
  /** Numbers in registers before each instruction, of registers that are read again; undefined when there are too many paths. */
  readonly values: readonly (readonly ScalarFact[])[] | undefined;
}

/** How facts are made. */
export interface FactOptions extends VerifyOptions {
  /** Bytes of the context that the program will run with: accesses within them are proven. Default 0: none are. */
  readonly contextBytes?: number;
}

/** Access of an instruction: base register, or -1 for none. */
function accessBase(env: Env, insn: number): number {
  const opcode = env.opcode[insn]!;
  switch (opcode & 7) {
    case CLASS_LDX:
      return env.src[insn]!;
    case CLASS_ST:
      return env.dst[insn]!;
    case CLASS_STX:
      return (opcode & 0xe0) === 0xc0 && env.imm[insn] === 0x100 ? env.src[insn]! : env.dst[insn]!;
    default:
      return -1;
  }
}

const SIZES = [4, 2, 1, 8];

/** How much longer the second verification may be than the first: a loop that converged may not any more. */
const PATIENCE = 20;
const PATIENCE_AT_LEAST = 20_000;

interface Access {
  type: number;
  mixed: boolean;
  min: number;
  max: number;
  /** Or of all bits that an offset may have set. */
  bits: number;
}

/** Joins what holds at each step. */
export class FactCollector implements Watcher {
  readonly visits: Int32Array;
  readonly states: Int32Array;
  readonly taken: Uint8Array;
  readonly fallen: Uint8Array;
  readonly access: (Access | undefined)[];
  /** Registers of the current frame by instruction, 11 each. */
  readonly registers: (Joined | undefined)[];
  /** By instruction: how often a register kept a state from being like the one before it. */
  readonly different: Map<number, Int32Array> = new Map();
  private readonly lastStored: Map<number, Int32Array> = new Map();
  private readonly withValues: boolean;
  /** Processed instructions after which it gives up. */
  private readonly limit: number;

  constructor(count: number, withValues: boolean, limit: number = Infinity) {
    this.limit = limit;
    this.withValues = withValues;
    this.visits = new Int32Array(count);
    this.states = new Int32Array(count);
    this.taken = new Uint8Array(count);
    this.fallen = new Uint8Array(count);
    this.access = new Array<Access | undefined>(count).fill(undefined);
    this.registers = new Array<Joined | undefined>(withValues ? count * REGS : 0).fill(undefined);
  }

  private edge(env: Env): void {
    const from = env.previousInsn;
    if (from < 0) return;
    if (env.insn === from + 1) this.fallen[from] = 1;
    if (env.insn === from + env.off[from]! + 1) this.taken[from] = 1;
  }

  step(env: Env): void {
    const { insn, frame } = env;
    if (env.processed > this.limit) reject(E2BIG, 'too many paths');
    if (env.state.speculative) return;
    this.edge(env);
    this.visits[insn] = this.visits[insn]! + 1;
    const base = accessBase(env, insn);
    if (base >= 0) this.joinAccess(env, frame, insn, base);
    if (!this.withValues) return;
    const live = env.liveRegs[insn]! | 0x400;
    for (let reg = 0; reg < REGS; reg++) {
      if ((live & (1 << reg)) === 0) continue;
      const k = insn * REGS + reg;
      const joined = this.registers[k];
      if (joined === undefined) this.registers[k] = newJoined(frame.w, regAt(reg));
      else joinRecord(joined, frame.w, regAt(reg));
    }
  }

  private joinAccess(env: Env, frame: Frame, insn: number, base: number): void {
    const w = frame.w;
    const at = regAt(base);
    const fixed = w[at + W_OFF]! + env.off[insn]!;
    const min = fixed + toDouble(w, at + W_SMIN);
    const max = fixed + toDouble(w, at + W_SMAX);
    const bits = (fixed + w[at + W_VAR]!) | 0 | w[at + W_MASK]!;
    const type = w[at + W_TYPE]!;
    const known = this.access[insn];
    if (known === undefined) {
      this.access[insn] = { type, mixed: false, min, max, bits };
      return;
    }
    if (known.type !== type) known.mixed = true;
    known.min = Math.min(known.min, min);
    known.max = Math.max(known.max, max);
    known.bits |= bits;
  }

  end(env: Env, pruned: boolean): void {
    if (pruned && !env.state.speculative) this.edge(env);
  }

  stored(insn: number, state: State): void {
    this.states[insn] = this.states[insn]! + 1;
    const w = state.frame.w;
    const words = w.slice(0, regAt(REGS));
    const before = this.lastStored.get(insn);
    this.lastStored.set(insn, words);
    if (before === undefined) return;
    let counts = this.different.get(insn);
    if (counts === undefined) this.different.set(insn, (counts = new Int32Array(REGS)));
    for (let reg = 0; reg < REGS; reg++) {
      for (let i = regAt(reg); i < regAt(reg) + 20; i++) {
        if (before[i] === words[i]) continue;
        counts[reg] = counts[reg]! + 1;
        break;
      }
    }
  }

  mark(): unknown {
    return undefined;
  }

  restore(): void {
    // Nothing belongs to a path.
  }
}

function isBounded(type: number): boolean {
  const base = baseType(type);
  return type === PTR_TO_STACK || type === PTR_TO_MAP_VALUE || isPacketType(type) || base === PTR_TO_MEM;
}

function isConditional(env: Env, insn: number): boolean {
  const opcode = env.opcode[insn]!;
  const op = opcode & 0xf0;
  const jumps = (opcode & 7) === CLASS_JMP || (opcode & 7) === CLASS_JMP32;
  return jumps && op !== OP_CALL && op !== OP_EXIT && op !== OP_JA && opcode !== 0xe5;
}

/**
 * Facts of a program; undefined when it is not accepted.
 *
 * The second verification, for values, may take much longer than the first, e.g. where a loop converges only because its
 * counter does not matter: then it is given up, and there are no values, and no offsets of accesses.
 */
export function facts(input: VerifyInput, options: FactOptions = {}): Facts | undefined {
  const count = input.insns.length;
  const quiet = { ...options, logLevel: 0 };
  const first = new FactCollector(count, false);
  const { report, env } = watch(input, quiet, first, 'sound');
  if (report.verdict !== 'accept' || env === undefined) return undefined;
  const second = new FactCollector(count, true, PATIENCE * report.processed + PATIENCE_AT_LEAST);
  const complete = watch(input, quiet, second, 'all').report.verdict === 'accept';
  const contextBytes = options.contextBytes ?? 0;
  const inBounds = new Uint8Array(count);
  const branches = new Uint8Array(count);
  const accesses: (AccessFact | undefined)[] = [];
  for (let i = 0; i < count; i++) {
    if (first.visits[i] === 0) {
      accesses.push(undefined);
      continue;
    }
    if (isConditional(env, i) && env.off[i] !== 0) {
      branches[i] = first.fallen[i] === 0 ? 1 : first.taken[i] === 0 ? 2 : 0;
    }
    const access = first.access[i];
    const exact = complete ? second.access[i] : undefined;
    const size = SIZES[(env.opcode[i]! >> 3) & 3]!;
    if (access !== undefined && !access.mixed) {
      const context = access.type === PTR_TO_CTX && exact !== undefined && exact.max + size <= contextBytes;
      inBounds[i] = isBounded(access.type) || context ? 1 : 0;
    }
    accesses.push(access === undefined ? undefined : accessFact(access, exact, size));
  }
  return {
    reachable: Uint8Array.from(first.visits, (n) => (n > 0 ? 1 : 0)),
    branches,
    inBounds,
    accesses,
    values: complete ? valuesOf(second, count) : undefined,
  };
}

function accessFact(access: Access, exact: Access | undefined, size: number): AccessFact {
  const bits = exact === undefined ? 1 : exact.bits === 0 ? 8 : Math.min(8, exact.bits & -exact.bits);
  return {
    memory: access.mixed ? 'mixed' : typeName(access.type),
    size,
    min: exact?.min,
    max: exact?.max,
    align: exact === undefined ? undefined : bits < 1 ? 1 : bits,
  };
}

function valuesOf(collector: FactCollector, count: number): ScalarFact[][] {
  const values: ScalarFact[][] = [];
  for (let i = 0; i < count; i++) {
    const here: ScalarFact[] = [];
    for (let reg = 0; reg < REGS; reg++) {
      const joined = collector.registers[i * REGS + reg];
      if (joined === undefined || joined.mixed || joined.words[W_TYPE] !== SCALAR_VALUE) continue;
      const { words } = joined;
      here.push({
        reg,
        smin: toSigned(words, W_SMIN),
        smax: toSigned(words, W_SMAX),
        umin: toUnsigned(words, W_UMIN),
        umax: toUnsigned(words, W_UMAX),
        bits: toUnsigned(words, W_VAR),
        mask: toUnsigned(words, W_MASK),
      });
    }
    values.push(here);
  }
  return values;
}
