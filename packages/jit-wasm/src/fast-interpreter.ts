/**
 * The fast interpreter: a WebAssembly module that runs the decoded slots of `@polybpf/interpreter` (see its
 * `image.ts`) where they lie, in the arena. One `br_table` over micro-ops; registers stay in memory.
 *
 * What it does not do itself (first decoding, helpers, atomics on odd addresses, every fault) it hands back with the
 * state written out, and the interpreter's own loop executes that one instruction. So both agree about everything rare,
 * faults included, by construction.
 */
import type { Endian } from '@polybpf/isa';
import { ARENA_BASES, ARENA_READ_ENDS, ARENA_REGION_LIMIT, ARENA_WRITE_ENDS, FRAME_WORDS, MICRO_OPS } from '@polybpf/interpreter/engine'; // prettier-ignore
import { swapBytes, swapWord } from './byte-order.ts';
import { FRAME_REGION_BIAS, MAILBOX } from './mailbox.ts';
import { W, WasmWriter } from './wasm-writer.ts';

/** What the module's `run` returns: fuel used up, or the host has to execute the next instruction. */
export const RUN_PAUSED = 0;
export const RUN_HOST = 1;

const CODE = 0;
const P = 1;
const D = 2;
const FUEL = 3;
const DEPTH = 4;
const T = 5;
const U = 6;
const A = 7;
const V = 8;
const X = 9;

/** Bytes of a slot, and of words in it. */
const SLOT = 32;
const FRAME_BYTES = FRAME_WORDS * 4;
/** Byte of r6 and of r10 in the register file. */
const R6 = 48;
const R10 = 80;

class Emitter {
  readonly w = new WasmWriter();
  readonly big: boolean;
  /** Blocks that are open around the handler that is being written, the loop not counted. */
  open = 0;

  constructor(endian: Endian) {
    this.big = endian === 'big';
  }

  /** Leaves to the host; the instruction has not run. */
  toHost(extra = 0): void {
    this.w.index(W.br, this.open + 1 + extra);
  }

  /** Leaves to the host when the i32 on the stack is not 0. */
  toHostIf(): void {
    this.w.index(W.br_if, this.open + 1);
  }

  /** Goes on with the instruction at `P`. */
  next(): void {
    this.w.index(W.br, this.open);
  }

  /** Goes on with the slot `bytes` after this one. */
  advance(bytes: number = SLOT): void {
    const { w } = this;
    w.get(P);
    w.i32Const(bytes);
    w.op(W.i32_add);
    w.set(P);
    this.next();
  }

  /** Pushes the byte address that a word of the slot names. */
  operand(offset: number): void {
    const { w } = this;
    w.get(P);
    w.access(W.i32_load, offset);
    w.i32Const(2);
    w.op(W.i32_shl);
    w.get(CODE);
    w.op(W.i32_add);
  }

  /** dst = value, given the address of dst on the stack below the value. */
  storeResult(): void {
    this.w.access(W.i64_store, 0);
    this.advance();
  }

  loadD(): void {
    this.w.get(D);
    this.w.access(W.i64_load, 0);
  }

  loadS(): void {
    this.operand(8);
    this.w.access(W.i64_load, 0);
  }

  loadD32(): void {
    this.w.get(D);
    this.w.access(W.i32_load, 0);
  }

  loadS32(): void {
    this.operand(8);
    this.w.access(W.i32_load, 0);
  }

  /** D = address of dst, also left on the stack. */
  dst(): void {
    this.operand(4);
    this.w.tee(D);
  }
}

const BINARY64: Readonly<Record<string, number>> = {
  add64: W.i64_add, sub64: W.i64_sub, mul64: W.i64_mul, or64: W.i64_or, and64: W.i64_and, xor64: W.i64_xor,
  lsh64: W.i64_shl, rsh64: W.i64_shr_u, arsh64: W.i64_shr_s,
}; // prettier-ignore
const BINARY32: Readonly<Record<string, number>> = {
  add32: W.i32_add, sub32: W.i32_sub, mul32: W.i32_mul, or32: W.i32_or, and32: W.i32_and, xor32: W.i32_xor,
  lsh32: W.i32_shl, rsh32: W.i32_shr_u, arsh32: W.i32_shr_s,
}; // prettier-ignore
const CONDITIONS64: Readonly<Record<string, number>> = {
  jeq64: W.i64_eq, jne64: W.i64_ne, jgt64: W.i64_gt_u, jge64: W.i64_ge_u, jlt64: W.i64_lt_u, jle64: W.i64_le_u,
  jsgt64: W.i64_gt_s, jsge64: W.i64_ge_s, jslt64: W.i64_lt_s, jsle64: W.i64_le_s,
}; // prettier-ignore
const CONDITIONS32: Readonly<Record<string, number>> = {
  jeq32: W.i32_eq, jne32: W.i32_ne, jgt32: W.i32_gt_u, jge32: W.i32_ge_u, jlt32: W.i32_lt_u, jle32: W.i32_le_u,
  jsgt32: W.i32_gt_s, jsge32: W.i32_ge_s, jslt32: W.i32_lt_s, jsle32: W.i32_le_s,
}; // prettier-ignore
const LOADS: Readonly<Record<string, readonly [opcode: number, width: number, signed: boolean]>> = {
  load8: [W.i64_load8_u, 1, false], load16: [W.i64_load16_u, 2, false], load32: [W.i64_load32_u, 4, false],
  load64: [W.i64_load, 8, false], load_signed8: [W.i64_load8_s, 1, true], load_signed16: [W.i64_load16_s, 2, true],
  load_signed32: [W.i64_load32_s, 4, true],
}; // prettier-ignore
const STORES: Readonly<Record<string, readonly [opcode: number, width: number]>> = {
  store8: [W.i64_store8, 1], store16: [W.i64_store16, 2], store32: [W.i64_store32, 4], store64: [W.i64_store, 8],
}; // prettier-ignore
const DIVISIONS: Readonly<Record<string, { readonly wide: boolean; readonly signed: boolean; readonly rest: boolean }>> = {
  div64: { wide: true, signed: false, rest: false }, mod64: { wide: true, signed: false, rest: true },
  sdiv64: { wide: true, signed: true, rest: false }, smod64: { wide: true, signed: true, rest: true },
  div32: { wide: false, signed: false, rest: false }, mod32: { wide: false, signed: false, rest: true },
  sdiv32: { wide: false, signed: true, rest: false }, smod32: { wide: false, signed: true, rest: true },
}; // prettier-ignore

/**
 * The module for programs of one byte order. It imports `bpf.memory`, the arena, and exports `run(code)`: `code` is the
 * byte address of the image; pc, fuel, depth and limits stand in the mailbox.
 */
export function fastInterpreterModule(endian: Endian): Uint8Array {
  const e = new Emitter(endian);
  const { w } = e;
  w.header();
  w.op(1);
  const types = w.openSize();
  w.u32(1);
  for (const byte of [0x60, 1, W.i32, 1, W.i32]) w.op(byte);
  w.closeSize(types);
  w.op(2);
  const imports = w.openSize();
  w.u32(1);
  w.name('bpf');
  w.name('memory');
  w.op(2);
  w.op(0);
  w.u32(0);
  w.closeSize(imports);
  w.op(3);
  const functions = w.openSize();
  w.u32(1);
  w.u32(0);
  w.closeSize(functions);
  w.op(7);
  const exports = w.openSize();
  w.u32(1);
  w.name('run');
  w.op(0);
  w.u32(0);
  w.closeSize(exports);
  w.op(10);
  const code = w.openSize();
  w.u32(1);
  const body = w.openSize();
  w.u32(2);
  w.u32(6);
  w.op(W.i32);
  w.u32(3);
  w.op(W.i64);
  emitRun(e);
  w.closeSize(body);
  w.closeSize(code);
  return w.result();
}

function emitRun(e: Emitter): void {
  const { w } = e;
  const mail = (address: number): void => {
    w.i32Const(0);
    w.access(W.i32_load, address);
  };
  mail(MAILBOX.pc);
  w.i32Const(2);
  w.op(W.i32_shl);
  w.get(CODE);
  w.op(W.i32_add);
  w.set(P);
  mail(MAILBOX.fuel);
  w.set(FUEL);
  mail(MAILBOX.depth);
  w.set(DEPTH);
  w.op(W.block);
  w.op(W.void); // $host
  w.op(W.loop);
  w.op(W.void); // $next
  w.get(FUEL);
  w.op(W.i32_eqz);
  w.op(W.if);
  w.op(W.void);
  emitLeave(e, RUN_PAUSED);
  w.op(W.end);
  w.get(FUEL);
  w.i32Const(1);
  w.op(W.i32_sub);
  w.set(FUEL);
  const count = MICRO_OPS.length;
  for (let i = 0; i < count; i++) {
    w.op(W.block);
    w.op(W.void);
  }
  w.get(P);
  w.access(W.i32_load, 0);
  w.op(W.br_table);
  w.u32(count - 1);
  for (let i = 0; i < count; i++) w.u32(i);
  for (let i = 0; i < count; i++) {
    w.reserve();
    w.op(W.end);
    e.open = count - 1 - i;
    emitHandler(e, MICRO_OPS[i]!);
  }
  w.op(W.end); // $next
  w.op(W.end); // $host
  w.get(FUEL);
  w.i32Const(1);
  w.op(W.i32_add);
  w.set(FUEL);
  emitLeave(e, RUN_HOST);
  w.op(W.unreachable);
  w.op(W.end);
}

/** Writes the state to the mailbox and returns. */
function emitLeave({ w }: Emitter, status: number): void {
  const mail = (address: number, value: () => void): void => {
    w.i32Const(0);
    value();
    w.access(W.i32_store, address);
  };
  mail(MAILBOX.pc, () => {
    w.get(P);
    w.get(CODE);
    w.op(W.i32_sub);
    w.i32Const(2);
    w.op(W.i32_shr_u);
  });
  mail(MAILBOX.fuel, () => w.get(FUEL));
  mail(MAILBOX.depth, () => w.get(DEPTH));
  w.i32Const(status);
  w.op(W.return);
}

function emitHandler(e: Emitter, name: (typeof MICRO_OPS)[number]): void {
  const { w } = e;
  const binary64 = BINARY64[name];
  if (binary64 !== undefined) {
    e.dst();
    e.loadD();
    e.loadS();
    w.op(binary64);
    e.storeResult();
    return;
  }
  const binary32 = BINARY32[name];
  if (binary32 !== undefined) {
    e.dst();
    e.loadD32();
    e.loadS32();
    w.op(binary32);
    w.op(W.i64_extend_i32_u);
    e.storeResult();
    return;
  }
  if (DIVISIONS[name] !== undefined) return emitDivision(e, DIVISIONS[name]);
  if (CONDITIONS64[name] !== undefined) {
    emitJump(e, () => {
      e.operand(4);
      w.access(W.i64_load, 0);
      e.loadS();
      w.op(CONDITIONS64[name]!);
    });
    return;
  }
  if (CONDITIONS32[name] !== undefined) {
    emitJump(e, () => {
      e.operand(4);
      w.access(W.i32_load, 0);
      e.loadS32();
      w.op(CONDITIONS32[name]!);
    });
    return;
  }
  const load = LOADS[name];
  if (load !== undefined) {
    const [opcode, width, signed] = load;
    emitPlace(e, 8, width, ARENA_READ_ENDS);
    e.operand(4);
    w.get(T);
    w.access(e.big && signed && width > 1 ? opcode + 1 : opcode, 0);
    if (e.big) {
      swapBytes(w, width, V, U);
      if (signed && width === 2) w.op(W.i64_extend16_s);
      if (signed && width === 4) w.op(W.i64_extend32_s);
    }
    e.storeResult();
    return;
  }
  const store = STORES[name];
  if (store !== undefined) {
    const [opcode, width] = store;
    emitPlace(e, 4, width, ARENA_WRITE_ENDS);
    w.get(T);
    e.loadS();
    if (e.big) swapBytes(w, width, V, U);
    w.access(opcode, 0);
    e.advance();
    return;
  }
  emitOther(e, name);
}

function emitOther(e: Emitter, name: (typeof MICRO_OPS)[number]): void {
  const { w } = e;
  const unary = (body: () => void): void => {
    e.dst();
    body();
    e.storeResult();
  };
  switch (name) {
    case 'mov64':
      return unary(() => e.loadS());
    case 'mov32':
      return unary(() => {
        e.operand(8);
        w.access(W.i64_load32_u, 0);
      });
    case 'neg64':
      return unary(() => {
        w.i64Const(0);
        e.loadD();
        w.op(W.i64_sub);
      });
    case 'neg32':
      return unary(() => {
        w.i32Const(0);
        e.loadD32();
        w.op(W.i32_sub);
        w.op(W.i64_extend_i32_u);
      });
    case 'movsx64_8':
    case 'movsx64_16':
    case 'movsx64_32':
      return unary(() => {
        e.operand(8);
        w.access({ movsx64_8: W.i64_load8_s, movsx64_16: W.i64_load16_s, movsx64_32: W.i64_load32_s }[name], 0);
      });
    case 'movsx32_8':
    case 'movsx32_16':
      return unary(() => {
        e.loadS32();
        w.op(name === 'movsx32_8' ? W.i32_extend8_s : W.i32_extend16_s);
        w.op(W.i64_extend_i32_u);
      });
    case 'truncate16':
    case 'truncate32':
      return unary(() => {
        w.get(D);
        w.access(name === 'truncate16' ? W.i64_load16_u : W.i64_load32_u, 0);
      });
    case 'truncate64':
      return e.advance();
    case 'swap16':
    case 'swap32':
    case 'swap64':
      return unary(() => {
        e.loadD();
        swapBytes(w, { swap16: 2, swap32: 4, swap64: 8 }[name], V, U);
      });
    case 'jset64':
    case 'jset32':
      return emitJump(e, () => {
        const wide = name === 'jset64';
        e.operand(4);
        w.access(wide ? W.i64_load : W.i32_load, 0);
        if (wide) e.loadS();
        else e.loadS32();
        w.op(wide ? W.i64_and : W.i32_and);
        if (!wide) return;
        w.i64Const(0);
        w.op(W.i64_ne);
      });
    case 'ja':
      e.operand(12);
      w.set(P);
      return e.next();
    case 'imm64':
      e.operand(4);
      w.get(P);
      w.access(W.i64_load, 16);
      w.access(W.i64_store, 0);
      return e.advance(2 * SLOT);
    case 'call_local':
      return emitCall(e);
    case 'exit':
      return emitExit(e);
    case 'atomic':
      return emitAtomic(e);
    case 'may_goto':
      return emitMayGoto(e);
    default:
      return e.toHost();
  }
}

/** P = target when the condition holds, else the next slot. */
function emitJump(e: Emitter, condition: () => void): void {
  const { w } = e;
  e.operand(12);
  w.get(P);
  w.i32Const(SLOT);
  w.op(W.i32_add);
  condition();
  w.op(W.select);
  w.set(P);
  e.next();
}

/** x / 0 = 0, x % 0 = x, and the quotient of the smallest number and -1 wraps (RFC 9669 sec. 4.1). */
function emitDivision(e: Emitter, { wide, signed, rest }: (typeof DIVISIONS)[string] & object): void {
  const { w } = e;
  const op = (narrow: number, wider: number): void => w.op(wide ? wider : narrow);
  const type = wide ? W.i64 : W.i32;
  const divisor = wide ? X : U;
  const dividend = wide ? V : T;
  const number = (value: number): void => (wide ? w.i64Const(value) : w.i32Const(value));
  e.dst();
  if (wide) e.loadD();
  else e.loadD32();
  w.set(dividend);
  if (wide) e.loadS();
  else e.loadS32();
  w.tee(divisor);
  op(W.i32_eqz, W.i64_eqz);
  w.op(W.if);
  w.op(type);
  if (rest) w.get(dividend);
  else number(0);
  w.op(W.else);
  if (signed) {
    w.get(divisor);
    number(-1);
    op(W.i32_eq, W.i64_eq);
    w.op(W.if);
    w.op(type);
    number(0);
    if (!rest) {
      w.get(dividend);
      op(W.i32_sub, W.i64_sub);
    }
    w.op(W.else);
  }
  w.get(dividend);
  w.get(divisor);
  if (rest) op(signed ? W.i32_rem_s : W.i32_rem_u, signed ? W.i64_rem_s : W.i64_rem_u);
  else op(signed ? W.i32_div_s : W.i32_div_u, signed ? W.i64_div_s : W.i64_div_u);
  if (signed) w.op(W.end);
  w.op(W.end);
  if (!wide) w.op(W.i64_extend_i32_u);
  e.storeResult();
}

/** T = host address of base + offset, checked against the ends in `table`; goes to the host when it is outside. */
function emitPlace(e: Emitter, base: number, width: number, table: number): void {
  const { w } = e;
  e.operand(base);
  w.access(W.i64_load, 0);
  w.get(P);
  w.access(W.i64_load32_s, 12);
  w.op(W.i64_add);
  w.tee(A);
  w.i64Const(32);
  w.op(W.i64_shr_u);
  w.op(W.i32_wrap_i64);
  w.tee(T);
  w.i32Const(ARENA_REGION_LIMIT);
  w.op(W.i32_ge_u);
  e.toHostIf();
  w.get(A);
  w.i64Const(-1, 0);
  w.op(W.i64_and);
  w.i64Const(width);
  w.op(W.i64_add);
  w.get(T);
  w.i32Const(2);
  w.op(W.i32_shl);
  w.tee(T);
  w.access(W.i64_load32_u, table);
  w.op(W.i64_gt_u);
  e.toHostIf();
  w.get(T);
  w.access(W.i32_load, ARENA_BASES);
  w.get(A);
  w.op(W.i32_wrap_i64);
  w.op(W.i32_add);
  w.set(T);
}

/** Pushes table + scale * (depth + extra); the table's address stands in the mailbox. */
function frameEntry({ w }: Emitter, table: number, scale: number): void {
  w.get(DEPTH);
  w.i32Const(scale);
  w.op(W.i32_mul);
  w.i32Const(0);
  w.access(W.i32_load, table);
  w.op(W.i32_add);
}

/** Makes the stack of frame `DEPTH` accessible or not. */
function setFrameEnds({ w }: Emitter, value: () => void): void {
  for (const table of [ARENA_READ_ENDS, ARENA_WRITE_ENDS]) {
    w.get(DEPTH);
    w.i32Const(2);
    w.op(W.i32_shl);
    value();
    w.access(W.i32_store, table + 4 * FRAME_REGION_BIAS);
  }
}

function emitCall(e: Emitter): void {
  const { w } = e;
  w.get(DEPTH);
  w.i32Const(1);
  w.op(W.i32_add);
  w.i32Const(0);
  w.access(W.i32_load, MAILBOX.depthLimit);
  w.op(W.i32_ge_u);
  e.toHostIf();
  w.get(DEPTH);
  w.i32Const(1);
  w.op(W.i32_add);
  w.set(DEPTH);
  frameEntry(e, MAILBOX.saved, FRAME_BYTES);
  w.tee(T);
  w.get(P);
  w.i32Const(SLOT);
  w.op(W.i32_add);
  w.get(CODE);
  w.op(W.i32_sub);
  w.i32Const(2);
  w.op(W.i32_shr_u);
  w.access(W.i32_store, 0);
  for (let k = 0; k < 5; k++) {
    w.get(T);
    w.get(CODE);
    w.access(W.i64_load, R6 + 8 * k);
    w.access(W.i64_store, 4 + 8 * k);
  }
  const stackSize = (): void => {
    w.i32Const(0);
    w.access(W.i32_load, MAILBOX.stackSize);
  };
  setFrameEnds(e, stackSize);
  frameEntry(e, MAILBOX.loops, 4);
  w.i32Const(0);
  w.access(W.i32_load, MAILBOX.mayGotoLimit);
  w.access(W.i32_store, 0);
  frameEntry(e, MAILBOX.activation, 4);
  w.tee(T);
  w.get(T);
  w.i32Const(4);
  w.op(W.i32_sub);
  w.access(W.i32_load, 0);
  w.access(W.i32_store, 0);
  w.get(CODE);
  stackSize();
  w.access(W.i32_store, R10);
  w.get(CODE);
  w.get(DEPTH);
  w.i32Const(FRAME_REGION_BIAS);
  w.op(W.i32_add);
  w.access(W.i32_store, R10 + 4);
  e.operand(12);
  w.set(P);
  e.next();
}

function emitExit(e: Emitter): void {
  const { w } = e;
  w.get(DEPTH);
  w.i32Const(0);
  w.access(W.i32_load, MAILBOX.floor);
  w.op(W.i32_le_u);
  e.toHostIf();
  setFrameEnds(e, () => w.i32Const(0));
  frameEntry(e, MAILBOX.saved, FRAME_BYTES);
  w.set(T);
  for (let k = 0; k < 5; k++) {
    w.get(CODE);
    w.get(T);
    w.access(W.i64_load, 4 + 8 * k);
    w.access(W.i64_store, R6 + 8 * k);
  }
  w.get(DEPTH);
  w.i32Const(1);
  w.op(W.i32_sub);
  w.set(DEPTH);
  w.get(T);
  w.access(W.i32_load, 0);
  w.i32Const(2);
  w.op(W.i32_shl);
  w.get(CODE);
  w.op(W.i32_add);
  w.set(P);
  e.next();
}

function emitMayGoto(e: Emitter): void {
  const { w } = e;
  frameEntry(e, MAILBOX.loops, 4);
  w.tee(T);
  w.access(W.i32_load, 0);
  w.tee(U);
  w.op(W.if);
  w.op(W.void);
  e.open += 1;
  w.get(T);
  w.get(U);
  w.i32Const(1);
  w.op(W.i32_sub);
  w.access(W.i32_store, 0);
  e.advance();
  e.open -= 1;
  w.op(W.end);
  e.operand(12);
  w.set(P);
  e.next();
}

/** Atomics at aligned addresses; word 6 of the slot is the operation, plus 16 when it is 64 bits wide. */
function emitAtomic(e: Emitter): void {
  const { w } = e;
  w.get(P);
  w.access(W.i32_load, 24);
  w.i32Const(16);
  w.op(W.i32_and);
  w.op(W.if);
  w.op(W.void);
  e.open += 1;
  emitAtomicOf(e, true);
  e.open -= 1;
  w.op(W.end);
  emitAtomicOf(e, false);
}

function emitAtomicOf(e: Emitter, wide: boolean): void {
  const { w } = e;
  const width = wide ? 8 : 4;
  // Readable as far as writable, and aligned: else the host decides.
  emitPlace(e, 4, width, ARENA_READ_ENDS);
  emitPlace(e, 4, width, ARENA_WRITE_ENDS);
  w.get(A);
  w.op(W.i32_wrap_i64);
  w.i32Const(width - 1);
  w.op(W.i32_and);
  e.toHostIf();
  const access = (load: boolean): void =>
    w.access(load ? (wide ? W.i64_load : W.i64_load32_u) : wide ? W.i64_store : W.i64_store32, 0);
  const swap = (): void => {
    if (!e.big) return;
    if (wide) swapBytes(w, 8, A, U);
    else {
      w.op(W.i32_wrap_i64);
      swapWord(w, U);
      w.op(W.i64_extend_i32_u);
    }
  };
  w.get(T);
  access(true);
  swap();
  w.set(V);
  e.operand(8);
  w.access(wide ? W.i64_load : W.i64_load32_u, 0);
  w.set(X);
  w.get(P);
  w.access(W.i32_load, 24);
  w.i32Const(15);
  w.op(W.i32_and);
  w.set(U);
  // X = new value
  const choose = (op: number, opcode: number): void => {
    w.get(U);
    w.i32Const(3);
    w.op(W.i32_and);
    w.i32Const(op);
    w.op(W.i32_eq);
    w.op(W.if);
    w.op(W.void);
    w.get(V);
    w.get(X);
    w.op(opcode);
    w.set(X);
    w.op(W.else);
  };
  // add or and xor, then the same with fetch: 0 to 7. 8 is xchg: X already. 9 is cmpxchg.
  w.get(U);
  w.i32Const(8);
  w.op(W.i32_lt_u);
  w.op(W.if);
  w.op(W.void);
  choose(0, W.i64_add);
  choose(1, W.i64_or);
  choose(2, W.i64_and);
  w.get(V);
  w.get(X);
  w.op(W.i64_xor);
  w.set(X);
  w.op(W.end);
  w.op(W.end);
  w.op(W.end);
  w.op(W.else);
  w.get(X);
  w.get(V);
  w.get(U);
  w.i32Const(8);
  w.op(W.i32_eq);
  w.get(CODE);
  w.access(wide ? W.i64_load : W.i64_load32_u, 0);
  w.get(V);
  w.op(W.i64_eq);
  w.op(W.i32_or);
  w.op(W.select);
  w.set(X);
  w.op(W.end);
  w.get(T);
  w.get(X);
  if (e.big) {
    // The swap needs U, the operation: keep it in D, which is free here.
    w.get(U);
    w.set(D);
    swap();
    w.get(D);
    w.set(U);
  }
  access(false);
  w.get(U);
  w.i32Const(4);
  w.op(W.i32_ge_u);
  w.op(W.if);
  w.op(W.void);
  w.get(CODE);
  e.operand(8);
  w.get(U);
  w.i32Const(9);
  w.op(W.i32_eq);
  w.op(W.select);
  w.get(V);
  w.access(W.i64_store, 0);
  w.op(W.end);
  e.advance();
}
