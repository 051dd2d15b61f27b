import { defineTarget, type Target } from '@polybpf/jit';
import { emitEpilogue, emitPrologue, inlineEpilogue, planFrame } from './abi.ts';
import { LA_FAR, LA_NEAR, LA_SYMBOL } from './branches.ts';
import { makeEncoder, print, sizeOf } from './encoder.ts';
import { INSTRUCTIONS, RELEASE6 } from './instructions.ts';
import { FITS, FITS_R6, LOWER } from './lower.ts';
import { peephole, peephole6 } from './peephole.ts';
import { REGISTERS } from './registers.ts';
import { ELF_FLAGS, ELF_FLAGS_R6, EM_MIPS, makeRelocations } from './relocations.ts';

/** A variant by its byte order: everything else is the same. */
function makeTarget(name: string, endian: 'big' | 'little'): Target {
  const { encode, pad } = makeEncoder(endian === 'big');
  const target: Target = defineTarget({
    name,
    title: `MIPS64 release 2, ${endian}-endian, n64 ABI`,
    endian,
    operands: 3,
    needsZext32: true,
    partialLoads: true,
    delaySlots: true,
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
    relocations: makeRelocations(endian),
    absolute64: 'R_MIPS_64',
    elf: { machine: EM_MIPS, flags: ELF_FLAGS },
    forms: [...Object.values(INSTRUCTIONS), LA_NEAR, LA_FAR, LA_SYMBOL],
    options: [{ name: 'r6', what: 'release 6 of the architecture, which code of release 2 does not run on' }],
    configure: () => ({
      ...target,
      ...makeEncoder(endian === 'big', 6),
      title: target.title.replace('release 2', 'release 6'),
      fits: FITS_R6,
      peephole: peephole6,
      elf: { machine: EM_MIPS, flags: ELF_FLAGS_R6 },
      forms: [...target.forms, ...Object.values(RELEASE6)],
    }),
  });
  return target;
}

/** Big-endian MIPS64 release 2, n64 ABI, Linux user space. */
export const mips64: Target = /* @__PURE__ */ makeTarget('mips64', 'big');

/** Little-endian MIPS64 release 2, n64 ABI, Linux user space: Debian's `mips64el`. */
export const mips64le: Target = /* @__PURE__ */ makeTarget('mips64le', 'little');

export { INSTRUCTIONS, RELEASE6 } from './instructions.ts';
export type { InstructionName, MipsForm, Release6Name } from './instructions.ts';
export { A0, AT, NAMES, RA, SP, T8, T9, V0, V1, ZERO } from './registers.ts';
