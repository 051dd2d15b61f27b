import { INSN_TABLE, makeInsn, type Insn, type InsnRow } from '@polybpf/isa';
import fc from 'fast-check';

const INT16: fc.Arbitrary<number> = fc.oneof(
  fc.constantFrom(0, 1, -1, 8, -8, 32767, -32768),
  fc.integer({ min: -32768, max: 32767 }),
);
const INT32: fc.Arbitrary<number> = fc.oneof(
  fc.constantFrom(0, 1, -1, 255, 2147483647, -2147483648),
  fc.integer({ min: -2147483648, max: 2147483647 }),
);

/** Any slot at all: fields in their bits, nothing else. */
export const anySlot: fc.Arbitrary<Insn> = fc
  .tuple(fc.nat(255), fc.nat(15), fc.nat(15), INT16, INT32)
  .map(([opcode, dst_reg, src_reg, offset, imm]) => makeInsn(opcode, dst_reg, src_reg, offset, imm));

/** The slots of a legal instruction of `row`: operands are random, jump distances too. */
export function insnOf(row: InsnRow): fc.Arbitrary<Insn[]> {
  const writes = (use: InsnRow['dst']): boolean => use === 'write' || use === 'readwrite';
  const register = (use: InsnRow['dst'], fixed: number | undefined): fc.Arbitrary<number> =>
    use === 'fixed' ? fc.constant(fixed!) : use === 'none' ? fc.constant(0) : fc.nat(writes(use) ? 9 : 10);
  const value = (use: InsnRow['immUse'], fixed: number | undefined, any: fc.Arbitrary<number>): fc.Arbitrary<number> =>
    use === 'fixed' ? fc.constant(fixed!) : use === 'none' ? fc.constant(0) : any;
  return fc
    .tuple(
      register(row.dst, row.fixed.dst_reg),
      register(row.src, row.fixed.src_reg),
      value(row.offsetUse, row.fixed.offset, INT16),
      value(row.immUse, row.fixed.imm, INT32),
      value(row.nextImmUse, undefined, INT32),
    )
    .map(([dst_reg, src_reg, offset, imm, nextImm]) => {
      const first = makeInsn(row.opcode, dst_reg, src_reg, offset, imm);
      return row.slots === 2 ? [first, makeInsn(0, 0, 0, 0, nextImm)] : [first];
    });
}

/** The slots of a legal instruction of any row, with the row. */
export const anyInsn: fc.Arbitrary<{ row: InsnRow; slots: Insn[] }> = fc
  .constantFrom(...INSN_TABLE)
  .chain((row) => insnOf(row).map((slots) => ({ row, slots })));
