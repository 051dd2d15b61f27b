/** What kills mutants that neither a vector nor another test sees. */
import { encodeProgram, makeInsn } from '@polybpf/isa';
import { describe, expect, it } from 'vitest';

describe('encodeProgram', () => {
  it('refuses what does not fit its bits', () => {
    const fits = [makeInsn(255, 15, 15, 32767, 2147483647), makeInsn(0, 0, 0, -32768, -2147483648)];
    expect(encodeProgram(fits)).toHaveLength(16);
    for (const field of ['opcode', 'dst_reg', 'src_reg', 'offset', 'imm'] as const) {
      for (const [insn, step] of [
        [fits[0]!, 1],
        [fits[1]!, -1],
        [fits[1]!, 0.5],
      ] as const) {
        const wrong = { ...insn, [field]: insn[field] + step };
        expect(() => encodeProgram([fits[0]!, wrong]), `${field} ${wrong[field]}`).toThrow(/insn 1: .*does not fit/);
      }
    }
  });
});
