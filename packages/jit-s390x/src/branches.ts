/**
 * Branches and other instructions with a label: their rows, how far they reach, and what they become when the label is
 * farther.
 *
 * The short forms reach 64 KiB in either direction. A fused compare-and-branch becomes the comparison and a relative
 * branch long, which reaches 4 GiB: no node list can be longer, so that form needs no further one. Comparisons set
 * condition codes 0 (equal), 1 (first operand low) and 2 (high); mask bits 8, 4 and 2 select them, in fused branches
 * and in BRANCH RELATIVE ON CONDITION alike.
 */
import { type BranchUse, type Cond, type MachineNode, makeNode } from '@polybpf/jit';
import { FORMS, makeForms, PC32DBL, PLT32DBL, type S390xForm } from './instructions.ts';

const ROWS = {
  brc: ['RI-c', 'A74', 'j{M1:c} {label:l}', 'BRANCH RELATIVE ON CONDITION'],
  brcl: ['RIL-c', 'C04', 'jg{M1:c} {label:l}', 'BRANCH RELATIVE ON CONDITION LONG'],
  crj: ['RIE-b', 'EC76', 'crj{M3:f} {R1:r},{R2:r},{label:l}', 'COMPARE AND BRANCH RELATIVE'],
  cgrj: ['RIE-b', 'EC64', 'cgrj{M3:f} {R1:r},{R2:r},{label:l}', 'COMPARE AND BRANCH RELATIVE'],
  clrj: ['RIE-b', 'EC77', 'clrj{M3:f} {R1:r},{R2:r},{label:l}', 'COMPARE LOGICAL AND BRANCH RELATIVE'],
  clgrj: ['RIE-b', 'EC65', 'clgrj{M3:f} {R1:r},{R2:r},{label:l}', 'COMPARE LOGICAL AND BRANCH RELATIVE'],
  cij: ['RIE-c', 'EC7E', 'cij{M3:f} {R1:r},{I2:i},{label:l}', 'COMPARE IMMEDIATE AND BRANCH RELATIVE'],
  cgij: ['RIE-c', 'EC7C', 'cgij{M3:f} {R1:r},{I2:i},{label:l}', 'COMPARE IMMEDIATE AND BRANCH RELATIVE'],
  clij: ['RIE-c u', 'EC7F', 'clij{M3:f} {R1:r},{I2:u},{label:l}', 'COMPARE LOGICAL IMMEDIATE AND BRANCH RELATIVE'],
  clgij: ['RIE-c u', 'EC7D', 'clgij{M3:f} {R1:r},{I2:u},{label:l}', 'COMPARE LOGICAL IMMEDIATE AND BRANCH RELATIVE'],
  brasl: ['RIL-b', 'C05', 'brasl {R1:w},{label:l}', 'BRANCH RELATIVE AND SAVE LONG'],
  larl: ['RIL-b', 'C00', 'larl {R1:w},{label:l}', 'LOAD ADDRESS RELATIVE LONG'],
  lgrl: ['RIL-b', 'C48', 'lgrl {R1:w},{label:l}', 'LOAD RELATIVE LONG'],
} as const;

export type LabelInstructionName = keyof typeof ROWS;

/** Labels within a signed 16-bit count of halfwords. */
const NEAR = { min: -0x10000, max: 0xfffe } as const;
/** Labels within a signed 32-bit count of halfwords: any. */
const FAR: BranchUse = { min: -0x1_0000_0000, max: 0xffff_fffe };

/** Mask of BRANCH RELATIVE ON CONDITION that is always taken. */
export const ALWAYS = 15;
/** Masks for condition code 0 (all tested bits are zero), and for any other. */
export const ZERO = 8;
export const NOT_ZERO = 7;
/** Mask for condition code 1: the result is negative. */
export const NEGATIVE = 4;

const MASKS: Readonly<Record<Cond, number>> = {
  eq: 8, ne: 6, ult: 4, slt: 4, ugt: 2, sgt: 2, ule: 12, sle: 12, uge: 10, sge: 10, set: NOT_ZERO, nset: ZERO,
}; // prettier-ignore

/** Mask of a fused comparison for a condition; for `set` and `nset`, of the branch after an AND or a test. */
export function maskOf(cond: Cond): number {
  return MASKS[cond];
}

/**
 * The mask of BRANCH RELATIVE ON CONDITION for that of a fused comparison: the same, but "not equal", "not low" and
 * "not high" include condition code 3, which comparisons never set, as their usual mnemonics do.
 */
export function branchMask(mask: number): number {
  return mask === 6 || mask === 10 || mask === 12 ? mask | 1 : mask;
}

/** Forms of all instructions with a label, by mnemonic. */
export const BRANCHES: Readonly<Record<LabelInstructionName, S390xForm>> = /* @__PURE__ */ withReach(
  makeForms<LabelInstructionName>(ROWS),
);

function withReach(
  plain: Readonly<Record<LabelInstructionName, S390xForm>>,
): Readonly<Record<LabelInstructionName, S390xForm>> {
  const brcl: S390xForm = { ...plain.brcl, branch: FAR };
  /** `compare` takes the operands of the fused branch after its mask. */
  const fused = (form: S390xForm, compare: S390xForm): S390xForm => {
    const widen = ({ operands: [mask, first, second], label, insn }: MachineNode): MachineNode[] => [
      makeNode(compare, [first!, second!], -1, insn),
      makeNode(brcl, [branchMask(mask!)], label, insn),
    ];
    return { ...form, branch: { ...NEAR, widen } };
  };
  const widenBrc = ({ operands, label, insn }: MachineNode): MachineNode[] => [makeNode(brcl, operands, label, insn)];
  return {
    brc: { ...plain.brc, branch: { ...NEAR, widen: widenBrc } },
    brcl,
    crj: fused(plain.crj, FORMS.cr),
    cgrj: fused(plain.cgrj, FORMS.cgr),
    clrj: fused(plain.clrj, FORMS.clr),
    clgrj: fused(plain.clgrj, FORMS.clgr),
    cij: fused(plain.cij, FORMS.chi),
    cgij: fused(plain.cgij, FORMS.cghi),
    clij: fused(plain.clij, FORMS.clfi),
    clgij: fused(plain.clgij, FORMS.clgfi),
    brasl: { ...plain.brasl, branch: FAR, relocation: PLT32DBL },
    larl: { ...plain.larl, branch: FAR, relocation: PC32DBL },
    lgrl: { ...plain.lgrl, branch: FAR, relocation: PC32DBL },
  };
}
