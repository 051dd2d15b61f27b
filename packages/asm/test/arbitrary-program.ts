import { INSN_TABLE, jumpTarget, makeInsn, type Insn, type InsnRow } from '@polybpf/isa';
import fc from 'fast-check';

const EDGES16 = [0, 1, -1, 8, -8, 255, 256, 32767, -32768];
const EDGES32 = [0, 1, -1, 9, 10, 16, 127, 128, 255, 65535, 65536, 2147483647, -2147483648, -2147483647, -65536];
const INT16: fc.Arbitrary<number> = fc.oneof(fc.constantFrom(...EDGES16), fc.integer({ min: -32768, max: 32767 }));
const INT32: fc.Arbitrary<number> = fc.oneof(
  fc.constantFrom(...EDGES32),
  fc.integer({ min: -2147483648, max: 2147483647 }),
  fc.integer({ min: -2000, max: 2000 }),
);

/** Any slot at all. */
export const anySlot: fc.Arbitrary<Insn> = fc
  .tuple(
    fc.oneof(fc.nat(255), fc.constantFrom(...INSN_TABLE.map((row) => row.opcode)), fc.constant(0)),
    fc.oneof(fc.nat(15), fc.constant(0)),
    fc.oneof(fc.nat(15), fc.constant(0)),
    fc.oneof(fc.constant(0), fc.constant(1), INT16),
    fc.oneof(fc.constant(0), INT32),
  )
  .map(([opcode, dst_reg, src_reg, offset, imm]) => makeInsn(opcode, dst_reg, src_reg, offset, imm));

/** The slots of a legal instruction of `row` with random operands; jump distances are random too. */
export function insnOf(row: InsnRow): fc.Arbitrary<Insn[]> {
  const register = (use: InsnRow['dst']): fc.Arbitrary<number> =>
    use === 'none' || use === 'fixed' ? fc.constant(0) : fc.nat(use === 'read' ? 10 : 9);
  const value = (use: InsnRow['immUse'], any: fc.Arbitrary<number>): fc.Arbitrary<number> =>
    use === 'none' || use === 'fixed' ? fc.constant(0) : any;
  return fc
    .tuple(
      register(row.dst),
      register(row.src),
      value(row.offsetUse, INT16),
      value(row.immUse, INT32),
      value(row.nextImmUse, INT32),
    )
    .map(([dst_reg, src_reg, offset, imm, nextImm]) => {
      const first: Insn = { opcode: row.opcode, dst_reg, src_reg, offset, imm, ...row.fixed };
      return row.slots === 2 ? [first, makeInsn(0, 0, 0, 0, nextImm)] : [first];
    });
}

/** A legal program of any rows: every jump, local call and function address goes to an instruction of it. */
export function anyProgram(maxInsns: number): fc.Arbitrary<Insn[]> {
  const part = fc.tuple(
    fc.constantFrom(...INSN_TABLE).chain((row) => insnOf(row).map((slots) => ({ row, slots }))),
    fc.nat(),
  );
  return fc.array(part, { minLength: 1, maxLength: maxInsns }).map((parts) => {
    const starts: number[] = [];
    let length = 0;
    for (const [{ row }] of parts) {
      starts.push(length);
      length += row.slots;
    }
    return parts.flatMap(([{ row, slots }, pick], k) => {
      const [first, ...rest] = slots;
      if (jumpTarget(row, first!, 0) === undefined) return slots;
      const distance = starts[pick % starts.length]! - starts[k]! - 1;
      return [row.offsetUse === 'jump' ? { ...first!, offset: distance } : { ...first!, imm: distance }, ...rest];
    });
  });
}
