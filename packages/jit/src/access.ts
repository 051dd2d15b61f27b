/** Which ops access memory, and through which register. */
import type { Op, OpKind } from './op.ts';

/** Ops whose address is a + offset. */
const THROUGH_A: ReadonlySet<OpKind> = /* @__PURE__ */ new Set<OpKind>([
  'load',
  'load_sext',
  'load_bswap',
  'load_acquire',
]);
/** Ops whose address is d + offset. */
const THROUGH_D: ReadonlySet<OpKind> = /* @__PURE__ */ new Set<OpKind>([
  'store', 'store_imm', 'store_release', 'atomic_add', 'atomic_or', 'atomic_and', 'atomic_xor',
  'fetch_add', 'fetch_or', 'fetch_and', 'fetch_xor', 'xchg', 'cmpxchg',
]); // prettier-ignore

/** The field of `op` that names the base of its address, or undefined when it accesses nothing. */
export function baseField({ kind }: Op): 'a' | 'd' | undefined {
  if (THROUGH_A.has(kind)) return 'a';
  return THROUGH_D.has(kind) ? 'd' : undefined;
}

/** Registers (bits 0..10) that an op writes. */
export function writesOf(op: Op): number {
  switch (op.kind) {
    case 'fetch_add':
    case 'fetch_or':
    case 'fetch_and':
    case 'fetch_xor':
    case 'xchg':
      return 1 << op.b;
    case 'cmpxchg':
      return 1;
    case 'call_helper':
    case 'call_local':
    case 'call_symbol':
    case 'call_register':
    case 'tail_call':
      return 0b111111;
    default:
      return THROUGH_D.has(op.kind) || op.d < 0 ? 0 : 1 << op.d;
  }
}
