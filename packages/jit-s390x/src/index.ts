import { defineTarget, layoutSize, type MachineForm, type Target } from '@polybpf/jit';
import { emitEpilogue, emitPrologue, inlineEpilogue, planFrame } from './abi.ts';
import { BRANCHES } from './branches.ts';
import { encode, pad, print } from './encoder.ts';
import { FORMS } from './instructions.ts';
import { FITS, LOWER } from './lower.ts';
import { peephole } from './peephole.ts';
import { REGISTERS } from './registers.ts';
import { EM_S390, RELOCATIONS } from './relocations.ts';

export { BRANCHES } from './branches.ts';
export type { LabelInstructionName } from './branches.ts';
export { FORMS } from './instructions.ts';
export type { InstructionName, S390xForm } from './instructions.ts';

/** IBM Z in 64-bit mode, z196 and later, ELF ABI: the CPU behind Linux's `s390x`. */
export const s390x: Target = /* @__PURE__ */ defineTarget({
  name: 's390x',
  title: 'IBM Z (s390x), z196 or later, ELF ABI',
  endian: 'big',
  operands: 3,
  needsZext32: true,
  partialLoads: true,
  delaySlots: false,
  needsIcacheFlush: false,
  codeAlignment: 2,
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
  absolute64: 'abs64',
  elf: { machine: EM_S390, flags: 0 },
  forms: [...Object.values<MachineForm>(FORMS), ...Object.values<MachineForm>(BRANCHES)],
});
