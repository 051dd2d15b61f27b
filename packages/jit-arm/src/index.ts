import { defineTarget, type Target } from '@polybpf/jit';
import { ABSOLUTE64, emitEpilogue, emitPrologue, planFrame, RELOCATIONS } from './abi.ts';
import { encode, ENDIAN, pad, print, sizeOf } from './encoder.ts';
import { FORMS } from './instructions.ts';
import { FITS, LOWER } from './lower.ts';
import { REGISTERS } from './registers.ts';

/** arm, little-endian. */
export const arm: Target = defineTarget({
  name: 'arm',
  title: 'arm',
  endian: ENDIAN,
  operands: 3,
  needsZext32: true,
  delaySlots: false,
  needsIcacheFlush: true,
  codeAlignment: 4,
  registers: REGISTERS,
  fits: FITS,
  lower: LOWER,
  planFrame,
  prologue: emitPrologue,
  epilogue: emitEpilogue,
  inlineEpilogue: () => false,
  peephole: (nodes) => nodes,
  sizeOf,
  encode,
  print,
  pad,
  relocations: RELOCATIONS,
  absolute64: ABSOLUTE64,
  elf: { machine: 0, flags: 0 },
  forms: FORMS,
});
