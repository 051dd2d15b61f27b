import type { Endian } from '@polybpf/isa';
import { defineTarget, type Target, type TargetOption } from '@polybpf/jit';
import { emitEpilogue, emitPrologue, HEADER_V1, inlineEpilogue, planFrame } from './abi.ts';
import { encode, padFor, print, sizeOf } from './encoder.ts';
import { INSTRUCTIONS, SYMBOL_FORMS } from './instructions.ts';
import { FITS, LOWER } from './lower.ts';
import { peephole } from './peephole.ts';
import { REGISTERS } from './registers.ts';
import { DESCRIPTORS, EF_PPC64_ABI_V1, EF_PPC64_ABI_V2, EM_PPC64, makeRelocations, STO_PPC64_NO_TOC } from './relocations.ts'; // prettier-ignore

export { INSTRUCTIONS } from './instructions.ts';
export type { InstructionName, Ppc64Form } from './instructions.ts';

/** The target for one byte order: only the bytes of words and the place of relocated halfwords differ. */
function makeTarget(name: string, title: string, endian: Endian): Target {
  const isBig = endian === 'big';
  const target: Target = defineTarget({
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
    planFrame: (fn) => planFrame(fn),
    prologue: emitPrologue,
    epilogue: emitEpilogue,
    inlineEpilogue,
    peephole,
    sizeOf,
    encode: (node, displacement, out) => encode(node, displacement, out, isBig),
    print,
    pad: padFor(endian),
    relocations: makeRelocations(endian),
    absolute64: 'addr64',
    elf: { machine: EM_PPC64, flags: EF_PPC64_ABI_V2, functionOther: STO_PPC64_NO_TOC },
    forms: [...Object.values(INSTRUCTIONS), ...Object.values(SYMBOL_FORMS[endian])],
    options: OPTIONS,
    configure: (options) => configure(target, options),
  });
  return target;
}

const OPTIONS: readonly TargetOption[] = [
  { name: 'power9', what: 'with the instructions of Power9: remainders', excludes: ['power10'] },
  { name: 'power10', what: 'with the instructions of Power10: remainders, byte reversal in registers' },
  {
    name: 'elfv1',
    what: 'version 1 of the ELF ABI, with function descriptors: that of big-endian Linux distributions. Addresses of eBPF code that helpers see are entries, not descriptors',
  },
];

function configure(target: Target, options: ReadonlySet<string>): Target {
  const cpu = options.has('power10') ? 'Power10' : options.has('power9') ? 'Power9' : 'Power8';
  const title = target.title.replace('Power8', cpu);
  if (!options.has('elfv1')) return { ...target, title };
  return {
    ...target,
    title: title.replace('ELF V2', 'ELF V1'),
    planFrame: (fn) => planFrame(fn, HEADER_V1),
    // An executable of version 1 would start through a descriptor; the machine's own needs none.
    elf: { machine: EM_PPC64, flags: EF_PPC64_ABI_V1, executableFlags: EF_PPC64_ABI_V2, descriptors: DESCRIPTORS },
  };
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
