/** Memory operands of the kernel syntax: loads, stores, packet access, atomics, ordered accesses. */
import { emit, type Assembly } from './assembly.ts';
import { readOperator, registerName } from './kernel-operands.ts';
import { NARROW, readAnyRegister, readOffset, readWideRegister, tryRegister } from './operands.ts';
import { expectChar, fail, readImm32, readWord, skipBlank, startsNumber } from './scanner.ts';
import { ATOMIC_SYMBOLS, FORM_ROWS, formKey } from './syntax.ts';

/** `(u32 *)` after a star or a bracket: the width, negative when signed. */
function readPointerType(a: Assembly): number {
  const { s } = a;
  expectChar(s, 0x28);
  skipBlank(s);
  const at = s.pos;
  const type = readWord(s);
  const width = Number(type.slice(1));
  const isWidth = width === 8 || width === 16 || width === 32 || width === 64;
  if (!isWidth || (type[0] !== 'u' && type[0] !== 's')) {
    fail(s, 'E_ASM_SYNTAX', 'access type', at, { expected: 'u8, u16, u32, u64, s8, s16 or s32' });
  }
  expectChar(s, 0x2a);
  expectChar(s, 0x29);
  return type[0] === 's' ? -width : width;
}

/** `(r2 + 8)`: the register; the offset is left in `a.offset`. */
function readAddress(a: Assembly): number {
  expectChar(a.s, 0x28);
  const base = readAddressBody(a);
  expectChar(a.s, 0x29);
  return base;
}

function readAddressBody(a: Assembly): number {
  const base = readWideRegister(a.s, 'address');
  a.offset = readOffset(a);
  return base;
}

export function readLoad(a: Assembly, dst: number): void {
  const { s } = a;
  s.pos++;
  skipBlank(s);
  const typeAt = s.pos;
  const type = readPointerType(a);
  const width = Math.abs(type);
  if (skipBlank(s) !== 0x28) return readPacketLoad(a, dst, width);
  const base = readAddress(a);
  // prettier-ignore
  const row = type < 0 ? FORM_ROWS.get(formKey('load', 'load_signed', width, width)) : FORM_ROWS.get(formKey('load', 'load', width));
  if (row === undefined) fail(s, 'E_ASM_OPERAND', 'access type', typeAt, { expected: 's8, s16 or s32' });
  if ((dst & NARROW) !== 0 && (width === 64 || type < 0)) {
    fail(s, 'E_ASM_OPERAND', 'load into a 32-bit register', typeAt, { expected: 'u8, u16 or u32' });
  }
  emit(a, row, dst & ~NARROW, base, a.offset, 0);
}

/** `r0 = *(u8 *)skb[4]` and `skb[r1 + 4]`. */
function readPacketLoad(a: Assembly, dst: number, width: number): void {
  const { s } = a;
  const at = s.pos;
  if (readWord(s) !== 'skb' || dst !== 0) fail(s, 'E_ASM_SYNTAX', 'load', at, { expected: '"(" or r0 = ... skb[' });
  expectChar(s, 0x5b);
  const isAbsolute = startsNumber(skipBlank(s)) && tryRegister(s) === -1;
  const row = FORM_ROWS.get(formKey('load_packet', isAbsolute ? 'abs' : 'ind', width));
  if (row === undefined) fail(s, 'E_ASM_OPERAND', 'packet access', at, { expected: 'u8, u16 or u32' });
  const src = isAbsolute ? 0 : readWideRegister(s, 'packet offset');
  const code = skipBlank(s);
  const imm = isAbsolute || code === 0x2b || code === 0x2d ? readImm32(s, 'packet offset', a.octal) : 0;
  expectChar(s, 0x5d);
  emit(a, row, 0, src, 0, imm);
}

/** `*(u32 *)(r1 + 8) = r2` or `= 5`. */
export function readStore(a: Assembly): void {
  const { s } = a;
  s.pos++;
  skipBlank(s);
  const typeAt = s.pos;
  const width = readPointerType(a);
  const base = readAddress(a);
  const offset = a.offset;
  skipBlank(s);
  const at = s.pos;
  // prettier-ignore
  if (readOperator(a) !== '=') fail(s, 'E_ASM_SYNTAX', 'operator of a store', at, { expected: '"=", or lock before the statement' });
  if (width < 0) fail(s, 'E_ASM_OPERAND', 'access type', typeAt, { expected: 'u8, u16, u32 or u64' });
  if (startsNumber(skipBlank(s))) {
    // prettier-ignore
    emit(a, FORM_ROWS.get(formKey('store_imm', 'store_imm', width))!, base, 0, offset, readImm32(s, 'immediate', a.octal));
    return;
  }
  emit(a, FORM_ROWS.get(formKey('store', 'store', width))!, base, readValueRegister(a, width), offset, 0);
}

/** The register that holds a value of `width` bits: `r1` always, `w1` up to 32 bits. */
function readValueRegister(a: Assembly, width: number): number {
  return width === 64 ? readWideRegister(a.s, '64-bit operand') : readAnyRegister(a.s, 'operand');
}

const ATOMIC_OPS: ReadonlyMap<string, string> = /* @__PURE__ */ new Map(
  Object.entries(ATOMIC_SYMBOLS).map(([op, symbol]) => [symbol, op]),
);

/** `lock *(u64 *)(r1 + 0) += r2`. */
export function readLocked(a: Assembly): void {
  const { s } = a;
  expectChar(s, 0x2a);
  skipBlank(s);
  const typeAt = s.pos;
  const width = readPointerType(a);
  const base = readAddress(a);
  const offset = a.offset;
  skipBlank(s);
  const at = s.pos;
  const op = ATOMIC_OPS.get(readOperator(a));
  if (op === undefined) fail(s, 'E_ASM_SYNTAX', 'atomic operator', at, { expected: '+= |= &= or ^=' });
  const row = FORM_ROWS.get(formKey('atomic', op, width));
  if (row === undefined) fail(s, 'E_ASM_OPERAND', 'atomic access', typeAt, { expected: 'u32 or u64' });
  emit(a, row, base, readValueRegister(a, width), offset, 0);
}

export function readStoreRelease(a: Assembly): void {
  const { s } = a;
  expectChar(s, 0x28);
  const width = readUnsignedType(a);
  const base = readAddress(a);
  const offset = a.offset;
  expectChar(s, 0x2c);
  const src = readValueRegister(a, width);
  expectChar(s, 0x29);
  emit(a, FORM_ROWS.get(formKey('store_release', 'store_release', width))!, base, src, offset, 0);
}

function readUnsignedType(a: Assembly): number {
  skipBlank(a.s);
  const at = a.s.pos;
  const width = readPointerType(a);
  if (width < 0) fail(a.s, 'E_ASM_OPERAND', 'access type', at, { expected: 'u8, u16, u32 or u64' });
  return width;
}

/** A fetching atomic under one of its names. */
export interface Fetch {
  readonly op: string;
  /** Width in the name; undefined: the pointer type tells. */
  readonly width: number | undefined;
}

/**
 * Names of LLVM (`xchg_64`, `cmpxchg32_32`), of the kernel's log (`atomic64_xchg`) and of RFC 9669
 * (`atomic_fetch_add_64`).
 */
function fetchNames(): ReadonlyMap<string, Fetch> {
  const names = new Map<string, Fetch>();
  for (const row of FORM_ROWS.values()) {
    if (row.kind !== 'atomic' || (!row.op.startsWith('fetch_') && !row.op.endsWith('xchg'))) continue;
    const { op, width } = row;
    names.set(`atomic_${op}`, { op, width: undefined });
    names.set(`atomic${width === 64 ? 64 : ''}_${op}`, { op, width: width === 64 ? 64 : undefined });
    names.set(`atomic_${op}_${width}`, { op, width });
    if (op.endsWith('xchg')) names.set(`${op}${width === 32 ? 32 : ''}_${width}`, { op, width });
  }
  return names;
}

export const FETCHES: ReadonlyMap<string, Fetch> = /* @__PURE__ */ fetchNames();

/** `r2 = atomic_fetch_add((u64 *)(r1 + 0), r2)`, `r0 = cmpxchg_64(r1 + 0, r0, r2)`. */
export function readFetch(a: Assembly, dst: number, fetch: Fetch, at: number): void {
  const { s } = a;
  expectChar(s, 0x28);
  const typed = skipBlank(s) === 0x28;
  const typeAt = s.pos;
  const width = typed ? readPointerType(a) : fetch.width;
  if (width === undefined) fail(s, 'E_ASM_SYNTAX', 'atomic operand', typeAt, { expected: '(u32 *) or (u64 *)' });
  // prettier-ignore
  if (fetch.width !== undefined && width !== fetch.width) fail(s, 'E_ASM_OPERAND', 'access type', typeAt, { expected: `u${fetch.width}` });
  const base = typed ? readAddress(a) : readAddressBody(a);
  const offset = a.offset;
  const row = FORM_ROWS.get(formKey('atomic', fetch.op, width));
  if (row === undefined) fail(s, 'E_ASM_OPERAND', 'atomic access', at, { expected: 'u32 or u64' });
  if (fetch.op === 'cmpxchg') {
    expectChar(s, 0x2c);
    skipBlank(s);
    const oldAt = s.pos;
    const old = readValueRegister(a, width);
    if (old !== 0) fail(s, 'E_ASM_OPERAND', 'compared register', oldAt, { expected: 'r0' });
  }
  expectChar(s, 0x2c);
  const src = readValueRegister(a, width);
  expectChar(s, 0x29);
  const result = fetch.op === 'cmpxchg' ? 0 : src;
  if ((dst & ~NARROW) !== result || (width === 64 && (dst & NARROW) !== 0)) {
    const expected = fetch.op === 'cmpxchg' ? 'r0' : `r${src}, the register of the operand`;
    fail(s, 'E_ASM_OPERAND', `result of ${fetch.op}`, at, { expected, got: registerName(dst) });
  }
  emit(a, row, base, src, offset, 0);
}

export function readLoadAcquire(a: Assembly, dst: number): void {
  const { s } = a;
  expectChar(s, 0x28);
  skipBlank(s);
  const at = s.pos;
  const width = readUnsignedType(a);
  const base = readAddress(a);
  expectChar(s, 0x29);
  // prettier-ignore
  if (width === 64 && (dst & NARROW) !== 0) fail(s, 'E_ASM_OPERAND', 'load into a 32-bit register', at, { expected: 'u8, u16 or u32' });
  emit(a, FORM_ROWS.get(formKey('load_acquire', 'load_acquire', width))!, dst & ~NARROW, base, a.offset, 0);
}
