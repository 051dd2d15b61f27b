/**
 * Atomics: load exclusive, compute, store exclusive until nothing came between (DDI 0406C, A3.4). Those that return a value
 * have a barrier on either side, as sequentially consistent order wants (RFC 9669 sec. 5.3); so has a compare and exchange
 * that stores nothing. Doublewords are even and odd registers, and at addresses that are multiples of 8.
 */
import {
  bind,
  isLiveAfter,
  LABEL,
  type LowerContext,
  type MachineForm,
  makeNode,
  type Op,
  SCRATCH_A,
} from '@polybpf/jit';
import { CC } from './branches.ts';
import { alignedPair, hi, isMemory, lo, temp } from './homes.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { barrier, bareAddress, lowerLoad, lowerStore } from './lower-memory.ts';
import { branchTo, clearHalf, ins, insIf, isKept, move, readHalf, secondScratch, writeHalf } from './operands.ts';
import { IP } from './registers.ts';

const { adc_reg, add_reg, adds_reg, and_reg, cmp_imm, cmp_reg, eor_reg, ldrex, ldrexd, orr_reg, strex, strexd } = INSTRUCTIONS; // prettier-ignore

/** Rows by operation, for the low and the high word. */
const FORMS: Readonly<Record<string, readonly [narrow: MachineForm, low: MachineForm, high: MachineForm]>> = {
  add: [add_reg, adds_reg, adc_reg],
  or: [orr_reg, orr_reg, orr_reg],
  and: [and_reg, and_reg, and_reg],
  xor: [eor_reg, eor_reg, eor_reg],
};

/** How many further scratch registers the atomic `op` needs. */
export function atomicTemps(op: Op, isInMemory: (register: number) => boolean): number {
  const isPlain = op.kind.startsWith('atomic_');
  if (op.width === 32) return 2;
  return isPlain && op.b !== SCRATCH_A && op.b < 10 && !isInMemory(op.b) ? 2 : 4;
}

interface Words {
  readonly low: number;
  readonly high: number;
}

/** A pair of scratch registers by the order of words in memory: `i` 0 is the old value, 1 the new one. */
function tempWords(cx: LowerContext, i: 0 | 1): Words {
  const [first, second] = [temp(cx, 2 * i), temp(cx, 2 * i + 1)];
  return cx.target.endian === 'big' ? { low: second, high: first } : { low: first, high: second };
}

function firstOf({ low, high }: Words): number {
  return Math.min(low, high);
}

/** Starts a loop; its label. */
function startLoop(cx: LowerContext): number {
  const again = cx.newLabel();
  cx.nodes.push(makeNode(LABEL, [1], again, cx.insn));
  return again;
}

function loadPair(cx: LowerContext, words: Words, address: number): void {
  const first = firstOf(words);
  ins(cx, ldrexd, first, first + 1, address);
}

/** Stores unless something came between; then goes back. */
function storePair(cx: LowerContext, words: Words, address: number, status: number, again: number): void {
  const first = firstOf(words);
  ins(cx, strexd, status, first, first + 1, address);
  ins(cx, cmp_imm, status, 0);
  branchTo(cx, CC.ne, again);
}

function storeWord(cx: LowerContext, word: number, address: number, status: number, again: number): void {
  ins(cx, strex, status, word, address);
  ins(cx, cmp_imm, status, 0);
  branchTo(cx, CC.ne, again);
}

/** The old value becomes that of a BPF register. */
function takeOld(cx: LowerContext, op: Op, register: number, old: Words): void {
  if (!isLiveAfter(cx, register)) return;
  writeHalf(cx, lo(cx, register), old.low);
  if (!isKept(hi(cx, register))) return;
  if (op.width === 64) writeHalf(cx, hi(cx, register), old.high);
  else if (op.zext) clearHalf(cx, hi(cx, register), IP);
}

export function lowerAtomic(cx: LowerContext, op: Op): void {
  const [prefix, name] = op.kind.split('_') as [string, string];
  const returns = prefix === 'fetch';
  if (returns) barrier(cx);
  if (op.width === 64) emitWide(cx, op, name, returns);
  else emitNarrow(cx, op, name, returns);
  if (returns) barrier(cx);
}

function emitNarrow(cx: LowerContext, op: Op, name: string, returns: boolean): void {
  const address = bareAddress(cx, op.d, op.offset, IP);
  const [old, fresh] = [temp(cx, 0), temp(cx, 1)];
  const form = FORMS[name]![0];
  const again = startLoop(cx);
  // The second scratch register may hold the operand; it is read before it tells the outcome.
  const operand = readHalf(cx, lo(cx, op.b), fresh);
  ins(cx, ldrex, old, address);
  ins(cx, form, fresh, old, operand);
  const status = operand === secondScratch(cx) ? statusBeside(cx, old, returns) : secondScratch(cx);
  storeWord(cx, fresh, address, status, again);
  if (returns) takeOld(cx, op, op.b, { low: old, high: old });
}

/** Without a result the old value is no longer needed. */
function statusBeside(_: LowerContext, old: number, returns: boolean): number {
  if (returns) throw new Error('BUG: the frame pointer as operand of a fetch');
  return old;
}

function emitWide(cx: LowerContext, op: Op, name: string, returns: boolean): void {
  const address = bareAddress(cx, op.d, op.offset, IP);
  const old = tempWords(cx, 0);
  const [, lowForm, highForm] = FORMS[name]!;
  const [bl, bh] = [lo(cx, op.b), hi(cx, op.b)];
  const isElsewhere = isMemory(bl) || op.b === SCRATCH_A;
  const spare = returns || isElsewhere ? tempWords(cx, 1) : old;
  if (op.b === SCRATCH_A) {
    // r10: its register is needed for the outcome.
    move(cx, spare.low, bl);
    readHalf(cx, bh, spare.high);
  }
  const again = startLoop(cx);
  const operand = isMemory(bl)
    ? { low: readHalf(cx, bl, spare.low), high: readHalf(cx, bh, spare.high) }
    : op.b === SCRATCH_A
      ? spare
      : { low: bl, high: bh };
  const fresh = returns ? spare : old;
  loadPair(cx, old, address);
  ins(cx, lowForm, fresh.low, old.low, operand.low);
  ins(cx, highForm, fresh.high, old.high, operand.high);
  storePair(cx, fresh, address, secondScratch(cx), again);
  if (returns) takeOld(cx, op, op.b, old);
}

/** What a BPF register holds as a pair that `strexd` takes. */
function operandPair(cx: LowerContext, register: number): Words {
  const [low, high] = [lo(cx, register), hi(cx, register)];
  if (alignedPair(low, high, cx.target.endian === 'big') !== undefined) return { low, high };
  const words = tempWords(cx, 1);
  move(cx, words.low, readHalf(cx, low, words.low));
  move(cx, words.high, readHalf(cx, high, words.high));
  return words;
}

export function lowerXchg(cx: LowerContext, op: Op): void {
  barrier(cx);
  const address = bareAddress(cx, op.d, op.offset, IP);
  const status = secondScratch(cx);
  if (op.width === 64) {
    const [old, fresh] = [tempWords(cx, 0), operandPair(cx, op.b)];
    const again = startLoop(cx);
    loadPair(cx, old, address);
    storePair(cx, fresh, address, status, again);
    takeOld(cx, op, op.b, old);
  } else {
    const old = temp(cx, 0);
    const fresh = readHalf(cx, lo(cx, op.b), temp(cx, 1));
    const again = startLoop(cx);
    ins(cx, ldrex, old, address);
    storeWord(cx, fresh, address, status, again);
    takeOld(cx, op, op.b, { low: old, high: old });
  }
  barrier(cx);
}

export function lowerCmpxchg(cx: LowerContext, op: Op): void {
  barrier(cx);
  const address = bareAddress(cx, op.d, op.offset, IP);
  const status = secondScratch(cx);
  const wide = op.width === 64;
  const done = cx.newLabel();
  const old = wide ? tempWords(cx, 0) : { low: temp(cx, 0), high: temp(cx, 0) };
  const fresh = wide ? operandPair(cx, op.b) : { low: readHalf(cx, lo(cx, op.b), temp(cx, 1)), high: -1 };
  const again = startLoop(cx);
  // r0 in memory: its words are read between the exclusive accesses, at an address of their own.
  const expectedLow = readHalf(cx, lo(cx, 0), status);
  if (wide) {
    loadPair(cx, old, address);
    ins(cx, cmp_reg, old.low, expectedLow);
    const expectedHigh = readHalf(cx, hi(cx, 0), status);
    insIf(cx, CC.eq, cmp_reg, old.high, expectedHigh);
  } else {
    ins(cx, ldrex, old.low, address);
    ins(cx, cmp_reg, old.low, expectedLow);
  }
  branchTo(cx, CC.ne, done);
  if (wide) storePair(cx, fresh, address, status, again);
  else storeWord(cx, fresh.low, address, status, again);
  bind(cx, done);
  takeOld(cx, op, 0, old);
  barrier(cx);
}

/** A doubleword must be read at once, which only the exclusive load does on every ARMv7 (DDI 0406C, A3.5.3). */
export function lowerLoadAcquire(cx: LowerContext, op: Op): void {
  if (op.width === 64 && op.zext && isKept(hi(cx, op.d))) {
    const address = bareAddress(cx, op.a, op.offset, IP);
    const [low, high] = [lo(cx, op.d), hi(cx, op.d)];
    const isPair = alignedPair(low, high, cx.target.endian === 'big') !== undefined;
    const words = isPair ? { low, high } : tempWords(cx, 0);
    loadPair(cx, words, address);
    writeHalf(cx, low, words.low);
    writeHalf(cx, high, words.high);
  } else lowerLoad(cx, op);
  barrier(cx);
}

export function lowerStoreRelease(cx: LowerContext, op: Op): void {
  barrier(cx);
  if (op.width !== 64) return lowerStore(cx, op);
  const address = bareAddress(cx, op.d, op.offset, IP);
  const fresh = operandPair(cx, op.b);
  const again = startLoop(cx);
  loadPair(cx, tempWords(cx, 0), address);
  storePair(cx, fresh, address, secondScratch(cx), again);
}
