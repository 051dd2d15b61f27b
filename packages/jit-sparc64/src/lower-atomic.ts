/**
 * Atomic read-modify-write: loops around compare-and-swap, and `swap` for a 32-bit exchange (SPARC V9 A.9, A.57). Under
 * total store order an atomic access is ordered against everything before and after it (SPARC V9 8.4.4.3), so that no
 * barrier is needed. Both give 32-bit old values zero-extended.
 */
import { bind, displacement, emit, emitTo, hw, hwBase, isHwLiveAfter, type LowerContext, type MachineForm, type Op } from '@polybpf/jit'; // prettier-ignore
import { SWAP_OFFSET } from './abi.ts';
import { CONDITION_CODES, ICC, XCC } from './branches.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { fits13, loadImm32 } from './lower-constant.ts';
import { G1, G4, G5, SP } from './registers.ts';

const { add, add_imm, and, bpcc_pn, casa, casxa, cmp, ldx, lduw, mov, or, stx, swap, swap_reg, xor } = INSTRUCTIONS;

const OPERATIONS: Readonly<Record<string, MachineForm>> = { add, or, and, xor };

/** The address of an access whose instruction takes a bare register, in %g5 unless it is in one already. */
function addressOf(cx: LowerContext, op: Op): number {
  const base = hwBase(cx, op.d);
  const offset = displacement(cx, op.d, op.offset);
  if (offset === 0) return base;
  if (fits13(offset)) emit(cx, add_imm, [base, offset, G5]);
  else {
    loadImm32(cx, G5, offset);
    emit(cx, add, [base, G5, G5]);
  }
  return G5;
}

/**
 * Calculates the new value from the old one in %g1 into %g4 and swaps it in, until nobody has changed it meanwhile:
 *
 * ```text
 *           ldx [address], %g1
 *   again:  op %g1, value, %g4
 *           casx [address], %g1, %g4
 *           cmp %g1, %g4
 *           bne,pn %xcc, again
 *            mov %g4, %g1
 * ```
 *
 * The old value is in %g1 in the end.
 */
function emitLoop(cx: LowerContext, op: Op, address: number, compute: () => void): void {
  const wide = op.width === 64;
  const again = cx.newLabel();
  emit(cx, wide ? ldx : lduw, [address, 0, G1]);
  bind(cx, again);
  compute();
  emit(cx, wide ? casxa : casa, [address, G1, G4]);
  emit(cx, cmp, [G1, G4]);
  emitTo(cx, bpcc_pn, [CONDITION_CODES.ne, wide ? XCC : ICC], again);
  emit(cx, mov, [G4, G1]);
}

/** Read-modify-write, with and without the old value as result. */
export function lowerAtomic(cx: LowerContext, op: Op): void {
  const [prefix, name] = op.kind.split('_') as [string, string];
  const value = hw(cx, op.b);
  const address = addressOf(cx, op);
  const form = OPERATIONS[name]!;
  if (value === G1) {
    // r10 as operand, in the register that the loop needs.
    emit(cx, stx, [value, SP, SWAP_OFFSET]);
    emitLoop(cx, op, address, () => {
      emit(cx, ldx, [SP, SWAP_OFFSET, G4]);
      emit(cx, form, [G1, G4, G4]);
    });
  } else emitLoop(cx, op, address, () => emit(cx, form, [G1, value, G4]));
  if (prefix === 'fetch') emit(cx, mov, [G1, value]);
}

export function lowerXchg(cx: LowerContext, op: Op): void {
  const value = hw(cx, op.b);
  if (op.width === 32) {
    const base = hwBase(cx, op.d);
    const offset = displacement(cx, op.d, op.offset);
    if (fits13(offset)) return void emit(cx, swap, [base, offset, value]);
    loadImm32(cx, G5, offset);
    emit(cx, swap_reg, [base, G5, value]);
    return;
  }
  const address = addressOf(cx, op);
  emitLoop(cx, op, address, () => emit(cx, mov, [value, G4]));
  emit(cx, mov, [G1, value]);
}

/** Compares with r0; the old value goes to r0 (RFC 9669 sec. 5.3). */
export function lowerCmpxchg(cx: LowerContext, op: Op): void {
  const r0 = hw(cx, 0);
  const value = hw(cx, op.b);
  const address = addressOf(cx, op);
  const swapped = value !== r0 && value !== address && !isHwLiveAfter(cx, value) ? value : G4;
  if (swapped !== value) emit(cx, mov, [value, swapped]);
  emit(cx, op.width === 64 ? casxa : casa, [address, r0, swapped]);
  emit(cx, mov, [swapped, r0]);
}
