/**
 * General-purpose registers of x86-64 and their roles under the System V ABI (psABI 1.0, 3.2.1). Numbers are the
 * hardware's: bit 3 goes to the REX prefix, bits 2..0 to ModRM, SIB or the opcode (Intel SDM vol. 2 sec. 2.2.1.2).
 */
import type { RegisterRoles } from '@polybpf/jit';

export const RAX = 0;
export const RCX = 1;
export const RDX = 2;
export const RBX = 3;
export const RSP = 4;
export const RBP = 5;
export const RSI = 6;
export const RDI = 7;
export const R8 = 8;
export const R9 = 9;
/** SCRATCH_B. */
export const SCRATCH2 = 10;
/** SCRATCH_A. */
export const SCRATCH1 = 11;
export const R12 = 12;
export const R13 = 13;
export const R14 = 14;
export const R15 = 15;

const NUMBERED = ['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'] as const;
const LEGACY = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'] as const;

export const NAMES64: readonly string[] = [...LEGACY.map((name) => `r${name}`), ...NUMBERED];
export const NAMES32: readonly string[] = [...LEGACY.map((name) => `e${name}`), ...NUMBERED.map((name) => `${name}d`)];
export const NAMES16: readonly string[] = [...LEGACY, ...NUMBERED.map((name) => `${name}w`)];
/** Low bytes; spl, bpl, sil and dil exist only with a REX prefix. */
export const NAMES8: readonly string[] = [
  'al', 'cl', 'dl', 'bl', 'spl', 'bpl', 'sil', 'dil', ...NUMBERED.map((name) => `${name}b`),
]; // prettier-ignore

/**
 * r1..r5 and r0 live where the C ABI has arguments and result. Of the others, those below r8 come first because their
 * 32-bit forms need no REX prefix; r12 comes last because it needs a SIB byte as a base, r13 because it always needs a
 * displacement. rbp is the frame base where that is shorter than rsp (see abi.ts).
 */
export const ROLES: RegisterRoles = {
  names: NAMES64,
  args: [RDI, RSI, RDX, RCX, R8],
  result: RAX,
  callerSaved: [R9],
  calleeSaved: [RBX, RBP, R14, R15, R13, R12],
  frameBase: RBP,
  shiftCount: RCX,
  shortRegisters: [RAX, RCX, RDX, RBX, RBP, RSI, RDI],
  scratch: [SCRATCH1, SCRATCH2],
  stackPointer: RSP,
};

/**
 * Roles under the calling convention of Windows (Microsoft, "x64 calling convention"): four arguments in registers, the
 * fifth on the stack, which a function loads into the register of r5; rsi and rdi belong to the caller.
 */
export const ROLES_WIN64: RegisterRoles = {
  ...ROLES,
  args: [RCX, RDX, R8, R9, RDI],
  callerSaved: [],
  calleeSaved: [RBX, RBP, RSI, R14, R15, R13, R12],
  calleeSavedArgs: [RDI],
};
