import type { Endian } from '@polybpf/isa';
import { defineTarget, type Target } from '@polybpf/jit';
import { emitEpilogue, emitPrologue, inlineEpilogue, planFrame } from './abi.ts';
import { encode, pad, print, sizeOf } from './encoder.ts';
import { INSTRUCTIONS, SYMBOL_FORMS } from './instructions.ts';
import { FITS, LOWER } from './lower.ts';
import { peephole } from './peephole.ts';
import { REGISTERS } from './registers.ts';
import { EF_PPC64_ABI_V2, EM_PPC64, makeRelocations, STO_PPC64_NO_TOC } from './relocations.ts';

export { INSTRUCTIONS } from './instructions.ts';
export type { InstructionName, Ppc64Form } from './instructions.ts';

/** The target for one byte order: only the bytes of words and the place of relocated halfwords differ. */
function makeTarget(name: string, title: string, endian: Endian): Target {
  const isBig = endian === 'big';
  return defineTarget({
    name,
    title,
    endian,
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
    inlineEpilogue,
    peephole,
    sizeOf,
    encode: (node, displacement, out) => encode(node, displacement, out, isBig),
    print,
    pad: (count, out) => pad(count, out, isBig),
    relocations: makeRelocations(endian),
    absolute64: 'addr64',
    elf: { machine: EM_PPC64, flags: EF_PPC64_ABI_V2, functionOther: STO_PPC64_NO_TOC },
    forms: [...Object.values(INSTRUCTIONS), ...Object.values(SYMBOL_FORMS[endian])],
  });
}

/** 64-bit Power, Power8 and later, big-endian, ELF V2 ABI. */
export const ppc64: Target = /* @__PURE__ */ makeTarget(
  'ppc64',
  'Power (64 bits, Power8 or later), big-endian, ELF V2 ABI',
  'big',
);

/** 64-bit Power, Power8 and later, little-endian, ELF V2 ABI: the CPU behind Linux's `ppc64le`. */
export const ppc64le: Target = /* @__PURE__ */ makeTarget(
  'ppc64le',
  'Power (64 bits, Power8 or later), little-endian, ELF V2 ABI',
  'little',
);
