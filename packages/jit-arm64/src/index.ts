import { defineTarget, type Target } from '@polybpf/jit';
import { emitEpilogue, emitPrologue, inlineEpilogue, planFrame } from './abi.ts';
import { encode, pad, print, sizeOf } from './encoder.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { FITS, LOWER } from './lower.ts';
import { peephole } from './peephole.ts';
import { REGISTERS } from './registers.ts';
import { EM_AARCH64, makeRelocations } from './relocations.ts';

/** Little-endian AArch64 with FEAT_LSE (Armv8.1), AAPCS64, Linux user space. */
export const arm64: Target = /* @__PURE__ */ defineTarget({
  name: 'arm64',
  title: 'AArch64, little-endian',
  endian: 'little',
  operands: 3,
  needsZext32: false,
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
  sizeOf,
  encode,
  print,
  pad,
  relocations: makeRelocations('little'),
  absolute64: 'R_AARCH64_ABS64',
  elf: { machine: EM_AARCH64, flags: 0 },
  forms: Object.values(INSTRUCTIONS),
  options: [{ name: 'be', what: 'big-endian data; instructions stay little-endian' }],
  configure: () => ({
    ...arm64,
    title: 'AArch64, big-endian data',
    endian: 'big',
    relocations: makeRelocations('big'),
  }),
});

export { decodeMask, encodeMask } from './encoder.ts';
export { INSTRUCTIONS } from './instructions.ts';
export type { Arm64Form, InstructionName } from './instructions.ts';
export { CONDITION_CODES } from './branches.ts';
export { LR, SP, X0, X16, X17, ZR } from './registers.ts';
