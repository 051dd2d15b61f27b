/** Programs that use the stack pointer where an instruction of the CPU only takes registers. */
import type { Insn } from '@polybpf/isa';
import { insn } from '@polybpf-tools/target-tests/insn';

/** Programs by name, on memories of 96 bytes. */
export function stackOperandPrograms(): Readonly<Record<string, readonly Insn[]>> {
  // Every other register is alive, so that no short one is free; results do not depend on where the stack lies.
  const busy = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((register) => insn('ldxdw', register, 1, 0));
  const load = [...busy.slice(1), busy[0]!].map((each, i) => ({ ...each, offset: 8 * i }));
  const mix = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((register) => insn('xor64_reg', 0, register));
  const slot = insn('stdw', 10, 0, -8, 77);
  const back = (...insns: Insn[]): Insn[] => [...load, slot, ...insns, ...mix, insn('exit')];
  const relative = [insn('ldxdw', 0, 10, -8), insn('sub64_reg', 0, 10)];
  const low = [insn('ldxw', 0, 10, -8), insn('sub32_reg', 0, 10)];
  return {
    cmpxchg64: back(insn('mov64_imm', 0, 0, 0, 77), insn('atomic_cmpxchg64', 10, 10, -8), ...relative),
    cmpxchg32: back(insn('mov64_imm', 0, 0, 0, 77), insn('atomic_cmpxchg32', 10, 10, -8), ...low),
    add: back(insn('atomic_add64', 10, 10, -8), ...relative),
    store: back(insn('stxdw', 10, 10, -8), ...relative),
    release: back(insn('store_release64', 10, 10, -8), ...relative),
    div: back(insn('mov64_reg', 0, 10), insn('div64_reg', 0, 10)),
    div32: back(insn('mov64_reg', 0, 10), insn('div32_reg', 0, 10)),
    mod: back(insn('mov64_reg', 0, 10), insn('mod64_reg', 0, 10)),
    lsh: back(insn('mov64_reg', 0, 10), insn('lsh64_imm', 0, 0, 0, 1), insn('sub64_reg', 0, 10), insn('sub64_reg', 0, 10)), // prettier-ignore
    compare: back(insn('mov64_reg', 0, 10), insn('jlt32_reg', 0, 10, 1), insn('mov64_imm', 0, 0, 0, 3), insn('jne64_reg', 10, 1, 1), insn('mov64_imm', 0, 0, 0, 5)), // prettier-ignore
    compare10: back(insn('mov64_imm', 0, 0, 0, 1), insn('jsgt32_reg', 10, 10, 1), insn('mov64_imm', 0, 0, 0, 2)),
    compare32: back(insn('mov32_reg', 0, 10), insn('jsgt32_reg', 10, 0, 2), insn('jslt32_reg', 0, 10, 1), insn('mov64_imm', 0, 0, 0, 3), insn('jset32_reg', 1, 10, 0)), // prettier-ignore
  };
}
