/**
 * What RFC 9669 says about arithmetic and jumps, in bigint and as close to the text as possible. Shares no code and no
 * representation with the engine.
 */
import type { InsnRow } from '@polybpf/isa';

const u = (bits: number, x: bigint): bigint => BigInt.asUintN(bits, x);
const i = (bits: number, x: bigint): bigint => BigInt.asIntN(bits, x);

/** The new dst of an `alu` row; `dst` and `src` are unsigned 64-bit register values (src the sign-extended imm). */
export function aluResult(row: InsnRow, dst: bigint, src: bigint): bigint {
  const w = row.width;
  const a = u(w, dst);
  const b = u(w, src);
  const shift = b & BigInt(w - 1);
  switch (row.op) {
    case 'add': return u(w, a + b);
    case 'sub': return u(w, a - b);
    case 'mul': return u(w, a * b);
    case 'div': return b === 0n ? 0n : a / b;
    case 'mod': return b === 0n ? a : a % b;
    case 'sdiv': return b === 0n ? 0n : u(w, i(w, a) / i(w, b));
    case 'smod': return b === 0n ? a : u(w, i(w, a) % i(w, b));
    case 'or': return a | b;
    case 'and': return a & b;
    case 'xor': return a ^ b;
    case 'lsh': return u(w, a << shift);
    case 'rsh': return a >> shift;
    case 'arsh': return u(w, i(w, a) >> shift);
    case 'neg': return u(w, -a);
    case 'mov': return b;
    case 'movsx': return u(w, i(row.signedFrom, b));
    default: throw new Error(`no oracle for ${row.name}`);
  }
} // prettier-ignore

/** The new dst of an `end` row on a machine of this byte order. */
export function endResult(row: InsnRow, dst: bigint, endian: 'little' | 'big'): bigint {
  const value = u(row.width, dst);
  if (row.op === 'le' && endian === 'little') return value;
  if (row.op === 'be' && endian === 'big') return value;
  const bytes: bigint[] = [];
  for (let k = 0; k < row.width / 8; k++) bytes.push((value >> BigInt(8 * k)) & 0xffn);
  return bytes.reduce((sum, byte) => (sum << 8n) | byte, 0n);
}

/** Whether a `jmp` row jumps. */
export function jumps(row: InsnRow, dst: bigint, src: bigint): boolean {
  const w = row.width;
  const [a, b, sa, sb] = [u(w, dst), u(w, src), i(w, dst), i(w, src)];
  switch (row.op) {
    case 'jeq': return a === b;
    case 'jne': return a !== b;
    case 'jgt': return a > b;
    case 'jge': return a >= b;
    case 'jlt': return a < b;
    case 'jle': return a <= b;
    case 'jset': return (a & b) !== 0n;
    case 'jsgt': return sa > sb;
    case 'jsge': return sa >= sb;
    case 'jslt': return sa < sb;
    case 'jsle': return sa <= sb;
    default: throw new Error(`no oracle for ${row.name}`);
  }
} // prettier-ignore

/** New memory value, and what lands in src (fetches) or r0 (cmpxchg), of an `atomic` row. */
export function atomicResult(
  row: InsnRow,
  memory: bigint,
  src: bigint,
  r0: bigint,
): { memory: bigint; fetched?: bigint } {
  const w = row.width;
  const old = u(w, memory);
  const b = u(w, src);
  const op = row.op.replace('fetch_', '');
  const value =
    op === 'add' ? u(w, old + b)
    : op === 'or' ? old | b
    : op === 'and' ? old & b
    : op === 'xor' ? old ^ b
    : op === 'xchg' ? b
    : u(w, r0) === old ? b : old; // prettier-ignore
  return row.op.startsWith('fetch_') || op === 'xchg' || op === 'cmpxchg'
    ? { memory: value, fetched: old }
    : { memory: value };
}

/** Values at which arithmetic changes its mind, as unsigned 64-bit numbers. */
export const EDGES: readonly bigint[] = [
  0n, 1n, 2n, 3n, 7n, 31n, 32n, 33n, 63n, 64n, 65n, 0x7fn, 0x80n, 0xffn, 0x7fffn, 0x8000n, 0xffffn, 0x10000n,
  0x7fffffffn, 0x80000000n, 0x80000001n, 0xfffffffen, 0xffffffffn, 0x100000000n, 0x100000001n, 0x1ffffffffn,
  0x123456789abcdefn, 0x1fffffffffffffn, 0x20000000000000n, 0x20000000000001n, 0x3fffffffffffffffn, 0x4000000000000000n,
  0x7fffffff00000000n, 0x7fffffffffffffffn, 0x8000000000000000n, 0x8000000000000001n, 0x80000000ffffffffn,
  0xdeadbeefcafebaben, 0xffffffff00000000n, 0xffffffff00000001n, 0xffffffff7fffffffn, 0xffffffff80000000n,
  0xfffffffffffffffen, 0xffffffffffffffffn,
]; // prettier-ignore

/** Immediates at their limits. */
export const IMMEDIATES: readonly number[] = [
  0, 1, -1, 2, -2, 7, 31, 32, 33, 63, 64, 127, -128, 255, 32767, -32768, 65535, 2147483647, -2147483648, 305419896,
]; // prettier-ignore
