import { defineTarget, layoutSize, type Target, type TargetOption } from '@polybpf/jit';
import { emitEpilogue, emitPrologue, inlineEpilogue, planFrame } from './abi.ts';
import { encode, pad, print } from './encoder.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { FITS, LOWER } from './lower.ts';
import { invertBranches, peephole } from './peephole.ts';
import { REGISTERS } from './registers.ts';
import { EF_RISCV_RVC, ELF_FLAGS, EM_RISCV, RELOCATIONS } from './relocations.ts';

const OPTIONS: readonly TargetOption[] = [
  { name: 'zba', what: 'with the Zba extension: address generation, zero-extension' },
  { name: 'zbb', what: 'with the Zbb extension: byte reversal, extensions' },
  { name: 'no-c', what: 'RV64G, without the C extension: no compressed instructions' },
];

function configure(options: ReadonlySet<string>): Target {
  const extensions = [...options].filter((name) => name !== 'no-c').map((name) => `_${name}`).join(''); // prettier-ignore
  const title = `RISC-V 64 (RV64G${options.has('no-c') ? '' : 'C'}${extensions}), little-endian`;
  if (!options.has('no-c')) return { ...riscv64, title };
  const elf = { machine: EM_RISCV, flags: ELF_FLAGS & ~EF_RISCV_RVC };
  return { ...riscv64, title, codeAlignment: 4, peephole: invertBranches, elf };
}

/** Little-endian RV64GC, LP64D ABI, Linux user space. */
export const riscv64: Target = /* @__PURE__ */ defineTarget({
  name: 'riscv64',
  title: 'RISC-V 64 (RV64GC), little-endian',
  endian: 'little',
  operands: 3,
  needsZext32: true,
  partialLoads: true,
  delaySlots: false,
  needsIcacheFlush: true,
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
  absolute64: 'R_RISCV_64',
  elf: { machine: EM_RISCV, flags: ELF_FLAGS },
  forms: Object.values(INSTRUCTIONS),
  options: OPTIONS,
  configure,
});

export { INSTRUCTIONS } from './instructions.ts';
export type { InstructionName, Riscv64Form } from './instructions.ts';
export { A0, RA, SP, T0, T1, T2, ZERO } from './registers.ts';
