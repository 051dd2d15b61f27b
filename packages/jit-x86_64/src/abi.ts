/**
 * System V ABI (psABI x86-64 1.0, 3.2): arguments in rdi rsi rdx rcx r8, result in rax; rbx rbp r12..r15 belong to the
 * caller; rsp is 16-byte aligned at a call; the 128 bytes below rsp are the function's own (red zone).
 *
 * ```text
 *   leaf whose stack fits the red zone          any other function
 *
 *   return address                              return address
 *   saved registers                             saved registers
 *   ----------------- rsp                       (saved frame base)  ------- base, when it is not rsp
 *   16 bytes for two pushes in the body         BPF stack, r10 = its upper end
 *   BPF stack, r10 = its upper end              may_goto counter
 *   may_goto counter                            ctx of a tail call
 *                                               padding ------------------- rsp
 * ```
 *
 * Accesses through r10 use rsp, or, where there are enough of them to pay for it, a register that needs no SIB byte: one
 * that holds no BPF register, in a leaf a volatile one, else rbp. A function with neither calls, stack nor callee-saved
 * registers has no frame at all.
 *
 * The convention of Windows differs in {@link ROLES_WIN64}, has no red zone, and wants 32 bytes above the return address
 * of each callee, behind which the fifth argument lies:
 *
 * ```text
 *   r5                    rsp of the caller + 32
 *   32 bytes of callees
 *   return address
 *   as above              BPF stack and so on
 *   r5 of callees         rsp + 32
 *   32 bytes of callees
 *   --------------------- rsp
 * ```
 */
import { BPF_MAX_LOOPS } from '@polybpf/isa';
import { emit, type Frame, type FunctionInfo, hw, type LowerContext } from '@polybpf/jit';
import { INSTRUCTIONS as I } from './instructions.ts';
import { R8, R9, RAX, RBP, RCX, RDI, RDX, ROLES, RSI, RSP } from './registers.ts';

/** A frame and what prologue and epilogue need beside it. */
export interface X64Frame extends Frame {
  /** Bytes below the saved registers. */
  readonly local: number;
  /** `saved`: base is a callee-saved register that the prologue saves; `copy`: a volatile one. */
  readonly baseKind: 'rsp' | 'copy' | 'saved';
  /** Offset from `base` of the slot that keeps ctx across the helper of a tail call. */
  readonly tailCallOffset: number;
}

/** Red zone of the ABI. */
const RED_ZONE = 128;
/** Room that a leaf leaves right below rsp, so that a division may push rax and rdx. */
const PUSH_ROOM = 16;
/** Accesses through r10 from which a base without SIB byte is shorter: `mov base, rsp` is 3 bytes, with push and pop 5. */
const COPY_PAYS = 2;
const LEAF_SAVED_PAYS = 2;
/** With a frame, `leave` undoes both rbp and rsp. */
const SAVED_PAYS = 2;

/** What the two calling conventions do differently with frames. */
export interface Convention {
  readonly redZone: number;
  /** Bytes at the stack pointer of a function with calls that belong to its callees. */
  readonly outgoing: number;
  /** Register of r5, when its argument comes on the stack. */
  readonly fifth: number | undefined;
  /** Volatile registers that no lowering uses: not rcx, rax or rdx. */
  readonly volatile: readonly number[];
}

export const SYSTEM_V: Convention = { redZone: RED_ZONE, outgoing: 0, fifth: undefined, volatile: [RSI, RDI, R8, R9] };
export const WIN64: Convention = { redZone: 0, outgoing: 40, fifth: RDI, volatile: [R8, R9] };

/** Whether code is for the convention of Windows. */
export function isWin64(cx: LowerContext): boolean {
  return cx.target.features?.has('win64') === true;
}

/** Chooses the frame of one function. */
export function planFrame(fn: FunctionInfo, convention: Convention = SYSTEM_V): X64Frame {
  const slots = (fn.hasMayGoto ? 8 : 0) + (fn.hasTailCall ? 8 : 0);
  const outgoing = fn.hasCalls ? convention.outgoing : 0;
  const used = fn.stackDepth + slots;
  const below = used + outgoing;
  const accesses = fn.frameAccesses + (fn.frameAddressTaken ? 1 : 0) + (fn.hasMayGoto ? 2 : 0);
  const { fifth } = convention;
  const takesFifth = fifth !== undefined && takesR5(fn) && !fn.usedCalleeSaved.includes(fifth);
  const saved = takesFifth ? [...fn.usedCalleeSaved, fifth] : fn.usedCalleeSaved;
  if (!fn.hasCalls && (used === 0 || used + PUSH_ROOM <= convention.redZone)) {
    const copy = accesses >= COPY_PAYS ? freeVolatile(fn, convention.volatile) : undefined;
    if (copy !== undefined) return frameOf(fn, saved, 0, -PUSH_ROOM, copy, 'copy');
    const savesBase = accesses >= LEAF_SAVED_PAYS && !saved.includes(RBP);
    return frameOf(fn, saved, 0, -PUSH_ROOM, savesBase ? RBP : RSP, savesBase ? 'saved' : 'rsp');
  }
  const saveBase = below > 0 && accesses >= SAVED_PAYS && !saved.includes(RBP);
  // return address, saved registers and locals make a multiple of 16 at every call
  const pushed = 8 * (1 + saved.length + (saveBase ? 1 : 0));
  const local = fn.hasCalls ? below + (-(pushed + below) & 15) : below;
  return saveBase ? frameOf(fn, saved, local, 0, RBP, 'saved') : frameOf(fn, saved, local, local, RSP, 'rsp');
}

function frameOf(
  fn: FunctionInfo,
  saved: readonly number[],
  local: number,
  bias: number,
  base: number,
  baseKind: X64Frame['baseKind'],
): X64Frame {
  const size = 8 * (saved.length + (baseKind === 'saved' ? 1 : 0)) + local;
  const mayGotoOffset = bias - fn.stackDepth - 8;
  const tailCallOffset = mayGotoOffset - (fn.hasMayGoto ? 8 : 0);
  return { base, bias, size, mayGotoOffset, saved, local, baseKind, tailCallOffset };
}

/** Whether the function has a fifth argument. */
function takesR5(fn: FunctionInfo): boolean {
  return (fn.entryRegisters & (1 << 5)) !== 0;
}

/** A volatile register that holds no BPF register and that no lowering uses. */
function freeVolatile(fn: FunctionInfo, candidates: readonly number[]): number | undefined {
  return candidates.find(
    (register) => !fn.registers.some((home, i) => home === register && (fn.usedRegisters >>> i) & 1),
  );
}

/** The frame of the function being lowered. */
export function frame(cx: LowerContext): X64Frame {
  return cx.frame as X64Frame;
}

/** Saves registers, makes room, sets the frame base and the may_goto counter. */
export function emitPrologue(cx: LowerContext): void {
  const { saved, base, baseKind, local, mayGotoOffset } = frame(cx);
  for (const register of saved) emit(cx, I.push_r64, [register]);
  if (baseKind === 'saved') {
    emit(cx, I.push_r64, [base]);
    emit(cx, I.mov_rm_r64, [base, RSP]);
  }
  if (local === 8 || local === 16) {
    // one byte each where `sub rsp` has four; what is pushed does not matter
    for (let i = 0; i < local; i += 8) emit(cx, I.push_r64, [RAX]);
  } else if (local === 128) emit(cx, I.add_rm64_imm8, [RSP, -128]);
  else if (local > 0) emit(cx, local < 128 ? I.sub_rm64_imm8 : I.sub_rm64_imm32, [RSP, local]);
  if (baseKind === 'copy') emit(cx, I.mov_rm_r64, [base, RSP]);
  if (isWin64(cx) && takesR5(cx.fn)) loadFifth(cx);
  // The argument in rcx may live elsewhere, see RegisterRoles.shiftCount
  const inRcx = cx.target.registers.args.indexOf(RCX) + 1;
  if ((cx.fn.entryRegisters & (1 << inRcx)) !== 0 && hw(cx, inRcx) !== RCX)
    emit(cx, I.mov_rm_r64, [hw(cx, inRcx), RCX]);
  // the counter fits 32 bits, so that is what its slot holds
  if (cx.fn.hasMayGoto) emit(cx, I.mov_m32_imm32, [base, mayGotoOffset, BPF_MAX_LOOPS]);
}

/** Loads the fifth argument, which lies above the return address and 32 bytes of the function's own. */
function loadFifth(cx: LowerContext): void {
  const { saved, baseKind, base, local } = frame(cx);
  const pushed = 8 * (saved.length + (baseKind === 'saved' ? 1 : 0));
  emit(cx, I.mov_r64_m, [hw(cx, 5), RSP, local + pushed + 8 + 32]);
  if (base === hw(cx, 5)) throw new Error('BUG: r5 in the register of the frame');
}

/** Stores r5 where a callee looks for it. */
export function passFifth(cx: LowerContext): void {
  if (isWin64(cx) && (cx.fn.usedRegisters & (1 << 5)) !== 0) emit(cx, I.mov_m_r64, [RSP, 32, hw(cx, 5)]);
}

/** Undoes the prologue; leaves rax and the first argument alone. */
export function leaveFrame(cx: LowerContext): void {
  const { saved, base, baseKind, local } = frame(cx);
  if (baseKind === 'saved') {
    if (local > 0) emit(cx, I.leave, []);
    else emit(cx, I.pop_r64, [base]);
  } else if (local === 8 || local === 16) {
    for (let i = 0; i < local; i += 8) emit(cx, I.pop_r64, [isWin64(cx) ? RDX : RCX]);
  } else if (local === 128) emit(cx, I.sub_rm64_imm8, [RSP, -128]);
  else if (local > 0) emit(cx, local < 128 ? I.add_rm64_imm8 : I.add_rm64_imm32, [RSP, local]);
  for (let i = saved.length - 1; i >= 0; i--) emit(cx, I.pop_r64, [saved[i]!]);
}

/** Returns r0. */
export function emitEpilogue(cx: LowerContext): void {
  const result = hw(cx, 0);
  if (result !== ROLES.result) emit(cx, I.mov_rm_r64, [ROLES.result, result]);
  leaveFrame(cx);
  emit(cx, I.ret, []);
}

/** An epilogue of up to three bytes saves a jump of two. */
export function inlineEpilogue(_fn: FunctionInfo, planned: Frame): boolean {
  const { saved, local, baseKind } = planned as X64Frame;
  let size = 1 + (baseKind === 'saved' ? 1 : local === 0 ? 0 : local <= 16 ? local / 8 : 4);
  for (const register of saved) size += register < R8 ? 1 : 2;
  return size <= 3;
}
