/**
 * What the sandbox knows about the value of a register: that it is near an address that was checked, or that it is a
 * small number, such as an index. Both with bounds, so that `table + byte` is near an address when `table` is.
 */
import type { MapDef } from '@polybpf/isa';
import { REACH_BYTES, WIDE_REACH_BYTES } from './sandbox-layout.ts';
import { INVERTED, NO_REG, type Op, type OpKind } from './op.ts';

/** `near`: some address in the arena plus lo..hi. `number`: lo..hi itself, neither negative. */
export interface Known {
  readonly kind: 'near' | 'number';
  readonly lo: number;
  readonly hi: number;
}

/** By register, FRAME included, and behind them by slot of the stack (sandbox-slots.ts); undefined: anything. */
export type Knowledge = (Known | undefined)[];

/** The value of a register right after its check. */
export const CHECKED: Known = { kind: 'near', lo: 0, hi: 0 };

/** The value of the base of an access that was done. */
export function accessed(offset: number): Known | undefined {
  return known('near', -offset, -offset);
}

/** Distances below, and distances and numbers above, beyond which they can prove nothing. */
const LEAST: number = -2 * REACH_BYTES;
const MOST: number = 2 * WIDE_REACH_BYTES;
/** The largest number of 32 bits. */
const MOST32: number = 2 ** 32 - 1;

function known(kind: Known['kind'], lo: number, hi: number): Known | undefined {
  const isUseful = lo >= (kind === 'near' ? LEAST : 0) && hi <= MOST;
  return isUseful ? { kind, lo, hi } : undefined;
}

/** Whether an access of `bytes` at the register + offset stays in the arena and the guard zones around it. */
export function isCovered(value: Known | undefined, offset: number, bytes: number, reach: number): boolean {
  return value?.kind === 'near' && value.lo + offset >= -REACH_BYTES && value.hi + offset + bytes <= reach;
}

/** In place of a number that grows in a loop: any of 32 bits, while it is one. */
export function widened(before: Known | undefined, after: Known | undefined): Known | undefined {
  return before?.kind === 'number' && after?.kind === 'number' && before.hi < MOST32 && after.hi <= MOST32 ? known('number', 0, MOST32) : undefined; // prettier-ignore
}

/** Narrows what is known of the operands of a branch by that its condition holds, or does not. */
export function learn({ a, b, imm, width, cond }: Op, state: Knowledge, holds: boolean): void {
  const right = b === NO_REG ? known('number', imm, imm) : state[b];
  switch (holds ? cond : INVERTED[cond]) {
    case 'ult':
      return limit(state, a, right, -1, width);
    case 'ule':
    case 'eq':
      return limit(state, a, right, 0, width);
    case 'ugt':
      return b === NO_REG ? undefined : limit(state, b, state[a], -1, width);
    case 'uge':
      return b === NO_REG ? undefined : limit(state, b, state[a], 0, width);
    default:
  }
}

/** Notes that a register is at most `most` + `less`, both unsigned numbers of `width` bits. */
function limit(state: Knowledge, register: number, most: Known | undefined, less: number, width: number): void {
  const value = state[register];
  if (most?.kind !== 'number' || most.hi + less < 0 || value?.kind === 'near') return;
  // Upper halves have no part in a comparison of 32 bits.
  if (width !== 64 && (value === undefined || value.hi > MOST32 || most.hi > MOST32)) return;
  const hi = most.hi + less;
  if (value === undefined) state[register] = known('number', 0, hi);
  else if (hi < value.hi && hi >= value.lo) state[register] = known('number', value.lo, hi);
}

/** What holds when either of both holds. */
export function join(a: Known | undefined, b: Known | undefined): Known | undefined {
  if (a === undefined || b === undefined || a.kind !== b.kind) return undefined;
  if (a.lo <= b.lo && a.hi >= b.hi) return a;
  return known(a.kind, Math.min(a.lo, b.lo), Math.max(a.hi, b.hi));
}

/** Whether two values say the same. */
export function isSame(a: Known | undefined, b: Known | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && a.kind === b.kind && a.lo === b.lo && a.hi === b.hi);
}

/** What values are known against. */
export interface Given {
  readonly maps: readonly MapDef[];
  /** Bits of a register that addresses are made from. */
  readonly addressBits: 32 | 64;
  /** How far above the arena accesses need no check. */
  readonly reach: number;
  /** Whether nothing but the function's own accesses through r10 reaches its stack, so that its slots can be followed. */
  readonly hasSlots: boolean;
}

/** The value of the register that `op` computes; undefined when nothing useful is known. */
export function resultOf(op: Op, state: Knowledge, { maps, addressBits }: Given): Known | undefined {
  // A result whose upper half nothing reads may have anything there, which addresses may be made from.
  if (!op.zext && addressBits === 64) return undefined;
  const result = valueOf(op, state, maps);
  if (op.width !== 32 || !ZERO_EXTENDED.has(op.kind) || addressBits === 32) return result;
  // What overflows 32 bits wraps around.
  return result?.kind === 'number' && result.hi <= MOST32 ? result : known('number', 0, MOST32);
}

/** Kinds whose results of 32 bits have an upper half of zeros when it is read. */
const ZERO_EXTENDED: ReadonlySet<OpKind> = /* @__PURE__ */ new Set<OpKind>([
  'mov', 'add', 'sub', 'mul', 'udiv', 'umod', 'sdiv', 'smod', 'and', 'or', 'xor', 'lsh', 'rsh', 'arsh', 'neg', 'bswap',
  'load', 'load_bswap', 'load_acquire',
]); // prettier-ignore

function valueOf(op: Op, state: Knowledge, maps: readonly MapDef[]): Known | undefined {
  const a = op.a === NO_REG ? undefined : state[op.a];
  switch (op.kind) {
    case 'mov':
      return copied(op, a);
    case 'const':
      return op.immHi === 0 ? known('number', op.imm, op.imm) : undefined;
    case 'load':
    case 'load_acquire':
    case 'load_bswap':
      return op.width < 32 ? known('number', 0, 2 ** op.width - 1) : undefined;
    case 'bswap':
      return op.width === 16 ? known('number', 0, 0xffff) : undefined;
    case 'add':
      return op.b === NO_REG ? moved(op, a) : sum(op, a, state[op.b]);
    case 'and':
      return masked(op, a, op.b === NO_REG ? undefined : state[op.b]);
    case 'umod':
      return op.b === NO_REG && op.imm > 0 ? known('number', 0, op.imm - 1) : undefined;
    case 'lsh':
      return op.b === NO_REG && a?.kind === 'number' ? known('number', a.lo * 2 ** op.imm, a.hi * 2 ** op.imm) : undefined; // prettier-ignore
    case 'mul':
      return op.b === NO_REG && a?.kind === 'number' && op.imm > 0 ? known('number', a.lo * op.imm, a.hi * op.imm) : undefined; // prettier-ignore
    case 'rsh':
      return shiftedRight(op, a);
    case 'address': {
      // Global data lies in the arena. Of a map only the handle is known, which is not for accesses.
      const size = op.symbol?.kind === 'data' ? (maps[op.symbol.map]?.valueSize ?? 0) : 0;
      return op.addend >= 0 && op.addend < size ? CHECKED : undefined;
    }
    default:
      return undefined;
  }
}

function copied({ width }: Op, a: Known | undefined): Known | undefined {
  if (width === 64) return a;
  if (a?.kind === 'number' && (width === 32 || a.hi < 2 ** width)) return a;
  return width === 32 ? undefined : known('number', 0, 2 ** width - 1);
}

function moved({ width, imm }: Op, a: Known | undefined): Known | undefined {
  return a === undefined || (width !== 64 && a.kind === 'near') ? undefined : known(a.kind, a.lo + imm, a.hi + imm);
}

function sum({ width }: Op, a: Known | undefined, b: Known | undefined): Known | undefined {
  if (a === undefined || b === undefined || (a.kind === 'near' && b.kind === 'near')) return undefined;
  const kind = a.kind === 'near' || b.kind === 'near' ? 'near' : 'number';
  return width !== 64 && kind === 'near' ? undefined : known(kind, a.lo + b.lo, a.hi + b.hi);
}

function masked({ imm, b: register }: Op, a: Known | undefined, b: Known | undefined): Known | undefined {
  const limits = [a, b].flatMap((value) => (value?.kind === 'number' ? [value.hi] : []));
  if (register === NO_REG && imm >= 0) limits.push(imm);
  return limits.length === 0 ? undefined : known('number', 0, Math.min(...limits));
}

function shiftedRight({ width, imm, b }: Op, a: Known | undefined): Known | undefined {
  if (b !== NO_REG) return a?.kind === 'number' ? known('number', 0, a.hi) : undefined;
  const hi = a?.kind === 'number' ? Math.floor(a.hi / 2 ** imm) : 2 ** (width - imm) - 1;
  return known('number', 0, hi);
}
