import { defineTarget, layoutSize, type Target } from '@polybpf/jit';
import { emitEpilogue, emitPrologue, inlineEpilogue, planFrame } from './abi.ts';
import { encode, pad, print } from './encoder.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { FITS, LOWER } from './lower.ts';
import { peephole } from './peephole.ts';
import { REGISTERS } from './registers.ts';
import { ELF_FLAGS, EM_LOONGARCH, RELOCATIONS } from './relocations.ts';

/** Little-endian LA64 v1.0, LP64D ABI, Linux user space. */
export const loongarch64: Target = /* @__PURE__ */ defineTarget({
  name: 'loongarch64',
  title: 'LoongArch 64 (LA64 v1.0), little-endian',
  endian: 'little',
  operands: 3,
  needsZext32: true,
  partialLoads: true,
  delaySlots: false,
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
  sizeOf: layoutSize,
  encode,
  print,
  pad,
  relocations: RELOCATIONS,
  absolute64: 'R_LARCH_64',
  elf: { machine: EM_LOONGARCH, flags: ELF_FLAGS },
  forms: Object.values(INSTRUCTIONS),
});

export { INSTRUCTIONS } from './instructions.ts';
export type { InstructionName, Loongarch64Form } from './instructions.ts';
export { A0, RA, SP, T0, T1, T2, T3, ZERO } from './registers.ts';
