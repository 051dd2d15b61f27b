/**
 * The fast interpreter: a WebAssembly module that runs the decoded slots of `@polybpf/interpreter` (see its
 * `image.ts`) where they lie, in the arena. One `br_table` over micro-ops; registers stay in memory.
 *
 * What it does not do itself (first decoding, helpers, atomics on odd addresses, every fault) it hands back with the
 * state written out, and the interpreter's own loop executes that one instruction. So both agree about everything rare,
 * faults included, by construction.
 */
import type { Endian } from '@polybpf/isa';
import { ARENA_READ_ENDS, ARENA_WRITE_ENDS, MICRO_OPS } from '@polybpf/interpreter/engine';
import { swapBytes } from './byte-order.ts';
import { CODE, D, DEPTH, Emitter, FUEL, P, SLOT, T, U, V, X } from './fast-emitter.ts';
import { emitAtomic, emitCall, emitExit, emitMayGoto, emitPlace } from './fast-handlers.ts';
import { MAILBOX } from './mailbox.ts';
import { W } from './wasm-writer.ts';

/** What the module's `run` returns: fuel used up, or the host has to execute the next instruction. */
export const RUN_PAUSED = 0;
export const RUN_HOST = 1;

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
