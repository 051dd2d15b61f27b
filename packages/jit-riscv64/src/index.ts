import { defineTarget, type Target } from '@polybpf/jit';
import { emitEpilogue, emitPrologue, inlineEpilogue, planFrame } from './abi.ts';
import { encode, pad, print, sizeOf } from './encoder.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { FITS, LOWER } from './lower.ts';
import { peephole } from './peephole.ts';
import { REGISTERS } from './registers.ts';
import { ELF_FLAGS, EM_RISCV, RELOCATIONS } from './relocations.ts';

/** Little-endian RV64GC, LP64D ABI, Linux user space. */
export const riscv64: Target = /* @__PURE__ */ defineTarget({
  name: 'riscv64',
  title: 'RISC-V 64 (RV64GC), little-endian',
  endian: 'little',
  operands: 3,
  needsZext32: true,
  partialLoads: true,
  delaySlots: false,
  needsIcacheFlush: true,
  codeAlignment: 2,
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
  absolute64: 'R_RISCV_64',
  elf: { machine: EM_RISCV, flags: ELF_FLAGS },
  forms: Object.values(INSTRUCTIONS),
});

export { INSTRUCTIONS } from './instructions.ts';
export type { InstructionName, Riscv64Form } from './instructions.ts';
export { A0, RA, SP, T0, T1, T2, ZERO } from './registers.ts';
