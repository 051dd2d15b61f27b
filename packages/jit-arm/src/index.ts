import type { Endian } from '@polybpf/isa';
import { defineTarget, type Target, type TargetOption } from '@polybpf/jit';
import { emitEpilogue, emitPrologue, inlineEpilogue, planFrame } from './abi.ts';
import { makeAssign } from './assign.ts';
import { encode, pad, print, sizeOf } from './encoder.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { FITS, LOWER } from './lower.ts';
import { makeCallsRoutine, needs } from './needs.ts';
import { peephole } from './peephole.ts';
import { REGISTERS } from './registers.ts';
import { nameHome } from './homes.ts';
import { EF_ARM_BE8, EF_ARM_EABI_VER5, EM_ARM, makeRelocations } from './relocations.ts';
import { makeRoutine } from './routines.ts';

export { INSTRUCTIONS } from './instructions.ts';
export type { ArmForm, InstructionName } from './instructions.ts';
export { AL, IP, LR, PC, SP } from './registers.ts';

const OPTIONS: readonly TargetOption[] = [{ name: 'idiv', what: 'UDIV and SDIV, as ARMv7VE and later have them' }];

/** The target for one byte order of data. */
function makeTarget(name: string, title: string, endian: Endian, features: ReadonlySet<string>): Target {
  const isBig = endian === 'big';
  return defineTarget({
    name,
    title,
    options: OPTIONS,
    configure: (chosen) => makeTarget(name, title, endian, chosen),
    endian,
    operands: 3,
    needsZext32: true,
    wordBits: 32,
    assign: makeAssign(isBig, needs, makeCallsRoutine(features.has('idiv'))),
    nameHome,
    routine: makeRoutine(isBig),
    delaySlots: false,
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
    relocations: makeRelocations(endian),
    absolute64: 'R_ARM_ABS32',
    elf: {
      machine: EM_ARM,
      flags: EF_ARM_EABI_VER5,
      executableFlags: isBig ? EF_ARM_EABI_VER5 | EF_ARM_BE8 : EF_ARM_EABI_VER5,
      implicitAddends: true,
      mappingSymbols: { code: '$a', data: '$d' },
      ...(isBig ? { objectInstructions: endian } : {}),
    },
    forms: Object.values(INSTRUCTIONS),
  });
}

const NONE: ReadonlySet<string> = new Set();

/** ARMv7-A in A32 state, little-endian, AAPCS. */
export const arm: Target = /* @__PURE__ */ makeTarget('arm', 'ARM (32 bits, ARMv7-A), little-endian', 'little', NONE);

/** ARMv7-A in A32 state, big-endian data (BE8), AAPCS. */
export const armeb: Target = /* @__PURE__ */ makeTarget('armeb', 'ARM (32 bits, ARMv7-A), big-endian data (BE8)', 'big', NONE); // prettier-ignore
