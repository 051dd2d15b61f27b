/** Arithmetic: one instruction of classes binary, move, unary and imm64, and conditions of jumps. */
import { CODE_START, slotWord } from '@polybpf/interpreter/engine';
import { swapBytes } from './byte-order.ts';
import type { FunctionEmitter } from './function-emitter.ts';
import { NONE } from './flow.ts';
import { CLASS, NAMES, OP } from './micro-ops.ts';
import { W } from './wasm-writer.ts';

/** What an ALU or jump micro-op is, in numbers: opcode of WebAssembly, or a division. */
interface AluRow {
  readonly wide: boolean;
  readonly opcode: number;
  readonly division: boolean;
  readonly signed: boolean;
  readonly rest: boolean;
}

const OPCODES: Readonly<Record<string, readonly [wide: number, narrow: number]>> = {
  add: [W.i64_add, W.i32_add], sub: [W.i64_sub, W.i32_sub], mul: [W.i64_mul, W.i32_mul], or: [W.i64_or, W.i32_or],
  and: [W.i64_and, W.i32_and], xor: [W.i64_xor, W.i32_xor], lsh: [W.i64_shl, W.i32_shl],
  rsh: [W.i64_shr_u, W.i32_shr_u], arsh: [W.i64_shr_s, W.i32_shr_s], div: [W.i64_div_u, W.i32_div_u],
  mod: [W.i64_rem_u, W.i32_rem_u], sdiv: [W.i64_div_s, W.i32_div_s], smod: [W.i64_rem_s, W.i32_rem_s],
  jeq: [W.i64_eq, W.i32_eq], jne: [W.i64_ne, W.i32_ne], jgt: [W.i64_gt_u, W.i32_gt_u], jge: [W.i64_ge_u, W.i32_ge_u],
  jlt: [W.i64_lt_u, W.i32_lt_u], jle: [W.i64_le_u, W.i32_le_u], jsgt: [W.i64_gt_s, W.i32_gt_s],
  jsge: [W.i64_ge_s, W.i32_ge_s], jslt: [W.i64_lt_s, W.i32_lt_s], jsle: [W.i64_le_s, W.i32_le_s],
  jset: [W.i64_and, W.i32_and],
}; // prettier-ignore

/** By micro-op; undefined for what is neither ALU with two operands nor a jump. */
const ROWS: readonly (AluRow | undefined)[] = /* @__PURE__ */ NAMES.map((name) => {
  const match = /^([a-z]+)(64|32)$/.exec(name);
  const pair = match === null ? undefined : OPCODES[match[1]!];
  if (match === null || pair === undefined) return undefined;
  const wide = match[2] === '64';
  const op = match[1]!;
  return {
    wide,
    opcode: pair[wide ? 0 : 1],
    division: /^s?(div|mod)$/.test(op),
    signed: op.startsWith('s') && op !== 'sub',
    rest: op.endsWith('mod'),
  };
});

/** Emits an instruction that only computes. */
export function emitAlu(f: FunctionEmitter, i: number): void {
  const { code } = f.image;
  const pc = slotWord(i);
  const d = code[pc + 1]! >> 1;
  const op = f.flow.ops[i]!;
  switch (f.flow.classes[i]!) {
    case CLASS.binary:
      emitBinary(f, ROWS[op]!, d, pc);
      return;
    case CLASS.imm64:
      f.w.i64Const(code[pc + 4]!, code[pc + 5]!);
      f.setRegister(d);
      return;
    case CLASS.move:
      emitMove(f, NAMES[op]!, d, pc);
      return;
    default:
      emitUnary(f, NAMES[op]!, d);
  }
}

/**
 * A shift to the left and back by 32, 48 or 56 is an extension; V8 does not see that by itself.
 *
 * @returns false when the instruction and the next one are something else
 */
export function emitShiftPair(f: FunctionEmitter, i: number): boolean {
  const { ops } = f.flow;
  if (ops[i] !== OP.lsh64 || (ops[i + 1] !== OP.rsh64 && ops[i + 1] !== OP.arsh64)) return false;
  const { code } = f.image;
  const a = slotWord(i);
  const b = slotWord(i + 1);
  const bits = code[a + 4]!;
  if (code[a + 2]! < CODE_START || code[b + 2]! < CODE_START || bits !== code[b + 4] || code[a + 1] !== code[b + 1]) return false; // prettier-ignore
  if (bits !== 32 && bits !== 48 && bits !== 56) return false;
  const d = code[a + 1]! >> 1;
  const { w } = f;
  if (ops[i + 1] === OP.rsh64) {
    f.getRegister32(d);
    if (bits !== 32) {
      w.i32Const(bits === 48 ? 0xffff : 0xff);
      w.op(W.i32_and);
    }
    f.setRegister32(d);
    return true;
  }
  f.getRegister(d);
  w.op(bits === 32 ? W.i64_extend32_s : bits === 48 ? W.i64_extend16_s : W.i64_extend8_s);
  f.setRegister(d);
  return true;
}

/** Pushes the second operand, as wide as the operation. */
function pushOperand(f: FunctionEmitter, pc: number, wide: boolean): void {
  const { code } = f.image;
  const word = code[pc + 2]!;
  if (word >= CODE_START) {
    if (wide) f.w.i64Const(code[pc + 4]!);
    else f.w.i32Const(code[pc + 4]!);
  } else if (wide) f.getRegister(word >> 1);
  else f.getRegister32(word >> 1);
}

function emitBinary(f: FunctionEmitter, row: AluRow, d: number, pc: number): void {
  const { w } = f;
  if (row.division) return emitDivision(f, row, d, pc);
  if (row.opcode === W.i64_add || row.opcode === W.i64_sub) return emitSum(f, row.opcode, d, pc);
  if (row.wide) f.getRegister(d);
  else f.getRegister32(d);
  pushOperand(f, pc, row.wide);
  w.op(row.opcode);
  if (row.wide) f.setRegister(d);
  else f.setRegister32(d);
}

/** Sums and differences keep what is relative to a root so, as `pointers.ts` has it. */
function emitSum(f: FunctionEmitter, opcode: number, d: number, pc: number): void {
  const word = f.image.code[pc + 2]!;
  const { root } = f.pointers.walk;
  const s = word >= CODE_START ? NONE : word >> 1;
  if (s === NONE || root[s] === NONE) {
    f.getRaw(d);
    pushOperand(f, pc, true);
  } else if (opcode === W.i64_add && root[d] === NONE) {
    f.getRaw(d);
    f.getRaw(s);
  } else {
    f.getRegister(d);
    f.getRegister(s);
  }
  f.w.op(opcode);
  f.setRegister(d);
}

/** x / 0 = 0, x % 0 = x, and the quotient of the smallest number and -1 wraps (RFC 9669 sec. 4.1). */
function emitDivision(f: FunctionEmitter, row: AluRow, d: number, pc: number): void {
  const { w } = f;
  const { code } = f.image;
  const { wide, signed, rest } = row;
  const type = wide ? W.i64 : W.i32;
  const number = (value: number): void => (wide ? w.i64Const(value) : w.i32Const(value));
  const dividend = (): void => (wide ? f.getRegister(d) : f.getRegister32(d));
  const done = (): void => (wide ? f.setRegister(d) : f.setRegister32(d));
  if (code[pc + 2]! >= CODE_START) {
    const divisor = code[pc + 4]!;
    if (divisor === 0) {
      if (rest) dividend();
      else number(0);
    } else if (signed && divisor === -1) {
      number(0);
      if (!rest) {
        dividend();
        w.op(wide ? W.i64_sub : W.i32_sub);
      }
    } else {
      dividend();
      number(divisor);
      w.op(row.opcode);
    }
    return done();
  }
  const divisor = wide ? f.locals.b : f.locals.u;
  pushOperand(f, pc, wide);
  w.tee(divisor);
  w.op(wide ? W.i64_eqz : W.i32_eqz);
  w.op(W.if);
  w.op(type);
  if (rest) dividend();
  else number(0);
  w.op(W.else);
  if (signed) {
    w.get(divisor);
    number(-1);
    w.op(wide ? W.i64_eq : W.i32_eq);
    w.op(W.if);
    w.op(type);
    number(0);
    if (!rest) {
      dividend();
      w.op(wide ? W.i64_sub : W.i32_sub);
    }
    w.op(W.else);
  }
  dividend();
  w.get(divisor);
  w.op(row.opcode);
  if (signed) w.op(W.end);
  w.op(W.end);
  done();
}

function emitMove(f: FunctionEmitter, name: string, d: number, pc: number): void {
  const { w } = f;
  switch (name) {
    case 'mov64': {
      // A copy is relative to the same root.
      const word = f.image.code[pc + 2]!;
      if (word < CODE_START) f.getRaw(word >> 1);
      else pushOperand(f, pc, true);
      f.setRegister(d);
      return;
    }
    case 'mov32':
      pushOperand(f, pc, false);
      f.setRegister32(d);
      return;
    case 'movsx32_8':
    case 'movsx32_16':
      pushOperand(f, pc, false);
      w.op(name === 'movsx32_8' ? W.i32_extend8_s : W.i32_extend16_s);
      f.setRegister32(d);
      return;
    default:
      pushOperand(f, pc, true);
      w.op(name === 'movsx64_8' ? W.i64_extend8_s : name === 'movsx64_16' ? W.i64_extend16_s : W.i64_extend32_s);
      f.setRegister(d);
  }
}

function emitUnary(f: FunctionEmitter, name: string, d: number): void {
  const { w } = f;
  switch (name) {
    case 'neg64':
      w.i64Const(0);
      f.getRegister(d);
      w.op(W.i64_sub);
      f.setRegister(d);
      return;
    case 'neg32':
      w.i32Const(0);
      f.getRegister32(d);
      w.op(W.i32_sub);
      f.setRegister32(d);
      return;
    case 'truncate16':
      f.getRegister32(d);
      w.i32Const(0xffff);
      w.op(W.i32_and);
      f.setRegister32(d);
      return;
    case 'truncate32':
      f.getRegister32(d);
      f.setRegister32(d);
      return;
    default:
      f.getRegister(d);
      swapBytes(w, name === 'swap64' ? 8 : name === 'swap32' ? 4 : 2, f.locals.a, f.locals.t);
      f.setRegister(d);
  }
}

/** Pushes the condition of a jump as i32. */
export function emitCondition(f: FunctionEmitter, i: number): void {
  const { w } = f;
  const { code } = f.image;
  const pc = slotWord(i);
  const d = code[pc + 1]! >> 1;
  const op = f.flow.ops[i]!;
  const row = ROWS[op]!;
  const word = code[pc + 2]!;
  if (
    (row.opcode === W.i64_eq || row.opcode === W.i64_ne) &&
    word < CODE_START &&
    f.relativeTo(d) !== NONE &&
    f.relativeTo(d) === f.relativeTo(word >> 1)
  ) {
    f.getRaw(d);
    f.getRaw(word >> 1);
    w.op(row.opcode);
    return;
  }
  if (row.wide) f.getRegister(d);
  else f.getRegister32(d);
  pushOperand(f, pc, row.wide);
  w.op(row.opcode);
  if (NAMES[op] !== 'jset64') return;
  w.i64Const(0);
  w.op(W.i64_ne);
}
