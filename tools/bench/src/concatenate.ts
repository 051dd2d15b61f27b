/** Large programs made of small ones. */
import { type Endian, type Insn, makeInsn, makeProgram, type Program } from '@polybpf/isa';

const EXIT = 0x95;
const JA = 0x05;

/**
 * One function of at least `slots` slots: the programs after one another, again and again, each exit a jump to the next
 * program. Programs with functions or maps of their own are left out.
 *
 * @throws RangeError when no program is left
 */
export function concatenate(programs: readonly Program[], slots: number): Program {
  const usable = programs.filter((program) => program.subprograms.length === 1 && program.maps.length === 0);
  if (usable.length === 0) throw new RangeError('no program to concatenate');
  const insns: Insn[] = [];
  for (let next = 0; insns.length < slots; next = (next + 1) % usable.length) {
    const part = usable[next]!.insns;
    part.forEach((insn, i) => {
      const second = i > 0 && part[i - 1]!.opcode === 0x18;
      insns.push(insn.opcode === EXIT && !second ? makeInsn(JA, 0, 0, part.length - 1 - i, 0) : insn);
    });
  }
  insns.push(makeInsn(EXIT, 0, 0, 0, 0));
  return makeProgram(insns, { name: 'concatenation', endian: usable[0]!.endian });
}

/** The same slots as a program of the other byte order: other results, the same amount of work for a compiler. */
export function withEndian(program: Program, endian: Endian): Program {
  return program.endian === endian ? program : { ...program, endian };
}
