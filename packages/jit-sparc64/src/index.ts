import { defineTarget, type Target } from '@polybpf/jit';
import { emitEpilogue, emitPrologue, inlineEpilogue, planFrame } from './abi.ts';
import { encode, pad, print, sizeOf } from './encoder.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { FITS, LOWER } from './lower.ts';
import { peephole } from './peephole.ts';
import { REGISTERS } from './registers.ts';
import { EF_SPARCV9_TSO, EM_SPARCV9, RELOCATIONS } from './relocations.ts';

/** SPARC V9 as of UltraSPARC I, 64-bit ABI, Linux user space: the CPU behind Linux's `sparc64`. */
export const sparc64: Target = /* @__PURE__ */ defineTarget({
  name: 'sparc64',
  title: 'SPARC V9 (sparc64), UltraSPARC or later, 64-bit ABI',
  endian: 'big',
  operands: 3,
  needsZext32: true,
  delaySlots: true,
  strictAlignment: true,
  needsIcacheFlush: true,
  codeAlignment: 4,
  registers: REGISTERS,
  fits: FITS,
  lower: LOWER,
  planFrame,
  prologue: emitPrologue,
  epilogue: emitEpilogue,
  inlineEpilogue,
  peephole,
  sizeOf,
  encode,
  print,
  pad,
  relocations: RELOCATIONS,
  absolute64: 'R_SPARC_64',
  elf: { machine: EM_SPARCV9, flags: EF_SPARCV9_TSO },
  forms: Object.values(INSTRUCTIONS),
});

export { CONDITION_CODES, ICC, REGISTER_CONDITIONS, XCC } from './branches.ts';
export { INSTRUCTIONS } from './instructions.ts';
export type { InstructionName, SparcForm } from './instructions.ts';
export { FP, G0, G1, G4, G5, O0, O7, SP } from './registers.ts';
