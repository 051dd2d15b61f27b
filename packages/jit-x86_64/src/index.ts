import { defineTarget, type Target } from '@polybpf/jit';
import { emitEpilogue, emitPrologue, inlineEpilogue, planFrame, WIN64 } from './abi.ts';
import { encode, print, sizeOf } from './encoder.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { FITS, LOWER } from './lower.ts';
import { pad } from './pad.ts';
import { peephole } from './peephole.ts';
import { ROLES, ROLES_WIN64 } from './registers.ts';
import { RELOCATIONS } from './relocations.ts';

/** x86-64 under the System V ABI, baseline instruction set (x86-64-v1). */
export const x86_64: Target = /* @__PURE__ */ defineTarget({
  name: 'x86_64',
  title: 'x86-64 (AMD64), System V ABI',
  endian: 'little',
  operands: 2,
  needsZext32: false,
  delaySlots: false,
  needsIcacheFlush: false,
  codeAlignment: 1,
  registers: ROLES,
  fits: FITS,
  lower: LOWER,
  planFrame: (fn) => planFrame(fn),
  prologue: emitPrologue,
  epilogue: emitEpilogue,
  inlineEpilogue,
  peephole,
  sizeOf,
  encode,
  print,
  pad,
  relocations: RELOCATIONS,
  absolute64: '64',
  // EM_X86_64
  elf: { machine: 62, flags: 0 },
  forms: Object.values(INSTRUCTIONS),
  options: [
    { name: 'win64', what: 'calling convention of Windows, `__attribute__((ms_abi))` elsewhere; objects are ELF' },
  ],
  configure: () => ({
    ...x86_64,
    title: 'x86-64 (AMD64), calling convention of Windows',
    registers: ROLES_WIN64,
    planFrame: (fn) => planFrame(fn, WIN64),
    functionAttribute: '__attribute__((ms_abi))',
  }),
});

export { INSTRUCTIONS } from './instructions.ts';
export type { InstructionName } from './instructions.ts';
export type { X64Form } from './encoder.ts';
export { R12, R13, R14, R15, R8, R9, RAX, RBP, RBX, RCX, RDI, RDX, RSI, RSP, SCRATCH1, SCRATCH2 } from './registers.ts';
