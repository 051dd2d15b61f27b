/**
 * arm calling convention: frame, prologue, epilogue, relocations.
 *
 * The frame of a compiled function, from high to low addresses:
 *
 * ```text
 *                       the caller's frame
 *   sp + size      ->   saved registers, 8 bytes each, with what the prologue must keep besides (return address)
 *                       may_goto counter, 8 bytes, when the function has one
 *   sp + bias = r10 ->  BPF stack, as deep as the program uses it
 *   sp             ->
 * ```
 */
import { BpfError } from '@polybpf/errors';
import type { Frame, FunctionInfo, LowerContext, RelocationKind } from '@polybpf/jit';
import { ENDIAN } from './encoder.ts';
import { REGISTERS } from './registers.ts';

/** Alignment of the stack pointer that the calling convention asks for at every call, in bytes. */
export const STACK_ALIGNMENT = 16;

export function planFrame(fn: FunctionInfo): Frame {
  const counter = fn.hasMayGoto ? 8 : 0;
  const used = fn.stackDepth + counter + 8 * fn.usedCalleeSaved.length;
  return {
    base: REGISTERS.stackPointer,
    bias: fn.stackDepth,
    size: Math.ceil(used / STACK_ALIGNMENT) * STACK_ALIGNMENT,
    mayGotoOffset: fn.stackDepth,
    saved: fn.usedCalleeSaved,
  };
}

export function emitPrologue(cx: LowerContext): void {
  throw new BpfError('E_UNSUPPORTED', `${cx.target.name}: the prologue of ${cx.fn.name}: no code for it yet`);
}

export function emitEpilogue(cx: LowerContext): void {
  throw new BpfError('E_UNSUPPORTED', `${cx.target.name}: the epilogue of ${cx.fn.name}: no code for it yet`);
}

/** Key of {@link RELOCATIONS} for an 8-byte absolute address in data. */
export const ABSOLUTE64 = 'abs64';

/** Relocations by the name that rows use; `elfType` is the number in the CPU's ELF supplement, 0 where not known yet. */
export const RELOCATIONS: Readonly<Record<string, RelocationKind>> = {
  [ABSOLUTE64]: { elfType: 0, apply: applyAbsolute64 },
};

function applyAbsolute64(code: Uint8Array, offset: number, value: bigint): void {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  view.setBigUint64(offset, BigInt.asUintN(64, value), ENDIAN === 'little');
}
