import { assemble, disassemble, formatInsn, slotsAt, type DisassembleOptions } from '@polybpf/asm';
import { checkInsns, encodeProgram, INSN_TABLE, makeInsn, makeProgram, type Insn } from '@polybpf/isa';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyProgram, anySlot, insnOf } from './arbitrary-program.ts';

const style = fc.record({
  syntax: fc.constantFrom('kernel' as const, 'ubpf' as const),
  targets: fc.constantFrom('relative' as const, 'labels' as const, 'annotated' as const),
  numbers: fc.constantFrom('hex' as const, 'decimal' as const),
  mcpu: fc.constantFrom('generic' as const, 'v4' as const),
  addresses: fc.boolean(),
  bytes: fc.boolean(),
  source: fc.boolean(),
});
const endian = fc.constantFrom('little' as const, 'big' as const);

/** The bytes of `insns` after a trip through text. */
function roundTrip(insns: readonly Insn[], order: 'little' | 'big', options: DisassembleOptions): Uint8Array {
  const text = disassemble(makeProgram(insns, { endian: order }), options);
  return encodeProgram(assemble(text, { syntax: options.syntax ?? 'kernel', endian: order }).insns, order);
}

describe('assemble(disassemble(p)) is p', () => {
  test('for every row with edge operands, in both syntaxes', () => {
    for (const row of INSN_TABLE) {
      for (const slots of fc.sample(insnOf(row), { numRuns: 40, seed: row.id })) {
        for (const syntax of ['kernel', 'ubpf'] as const) {
          const text = formatInsn(slots, 0, syntax);
          expect(text, row.name).not.toContain('.insn');
          expect(slotsAt(slots, 0)).toBe(row.slots);
          expect(assemble(text, { syntax }).insns, text).toEqual(slots);
        }
      }
    }
  });

  test('for legal programs, in every style and both byte orders', () => {
    fc.assert(
      fc.property(anyProgram(40), endian, style, (insns, order, options) => {
        expect(checkInsns(insns)).toEqual([]);
        expect(roundTrip(insns, order, options)).toEqual(encodeProgram(insns, order));
      }),
      { numRuns: 1500 },
    );
  });

  test('for any slots at all, legal or not', () => {
    fc.assert(
      fc.property(fc.array(anySlot, { maxLength: 30 }), endian, style, (insns, order, options) => {
        expect(roundTrip(insns, order, options)).toEqual(encodeProgram(insns, order));
      }),
      { numRuns: 1500 },
    );
  });

  test('for slots that differ from a legal instruction in one field', () => {
    const damaged = fc
      .tuple(fc.constantFrom(...INSN_TABLE).chain(insnOf), fc.nat(6), fc.nat(14))
      .map(([slots, field, bit]): Insn[] => {
        const [first, second] = slots;
        const flip = (value: number, bits: number): number =>
          ((value ^ (1 << (bit % bits))) << (32 - bits)) >> (32 - bits);
        // prettier-ignore
        const change: Partial<Insn>[] = [
          { dst_reg: first!.dst_reg ^ (1 << bit % 4) }, { src_reg: first!.src_reg ^ (1 << bit % 4) },
          { offset: flip(first!.offset, 16) }, { imm: flip(first!.imm, 32) }, { opcode: first!.opcode ^ (1 << bit % 8) },
        ];
        if (field < 5) return [{ ...first!, ...change[field] }, ...slots.slice(1)];
        return second === undefined ? slots : field === 5 ? [first!, { ...second, offset: bit }] : [first!];
      });
    fc.assert(
      fc.property(fc.array(damaged, { minLength: 1, maxLength: 5 }), endian, style, (parts, order, options) => {
        const insns = parts.flat();
        expect(roundTrip(insns, order, options)).toEqual(encodeProgram(insns, order));
      }),
      { numRuns: 3000 },
    );
  });

  test('for maps, functions, section and licence of a program', () => {
    // prettier-ignore
    const name = fc.oneof(fc.string({ unit: 'binary', minLength: 1, maxLength: 8 }), fc.constantFrom('r1', 'pc', 'exit', 'map', '.rodata', 'L1', 'a.b', '"', '\\', 'x y', '0x', 'лес'));
    const map = fc.record(
      {
        name,
        kind: fc.constantFrom('map' as const, 'rodata' as const, 'data' as const, 'bss' as const, 'kconfig' as const),
        type: fc.nat(40),
        keySize: fc.nat(4294967295),
        valueSize: fc.nat(9),
        maxEntries: fc.nat(4294967295),
        flags: fc.nat(4294967295),
        pinning: fc.nat(2),
        mapExtra: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
        section: name,
      },
      { requiredKeys: ['name', 'kind', 'type', 'keySize', 'valueSize', 'maxEntries', 'flags'] },
    );
    // prettier-ignore
    const withBytes = map.map((def) => (def.kind === 'rodata' && def.valueSize > 0 ? { ...def, initial: Uint8Array.from({ length: def.valueSize }, (_, i) => i * 31) } : def));
    // prettier-ignore
    const nested = fc.tuple(withBytes, fc.option(withBytes)).map(([def, inner]) => (inner === null ? def : { ...def, inner: { ...inner, name: `${def.name}.inner` } }));
    fc.assert(
      fc.property(
        fc.uniqueArray(nested, { maxLength: 4, selector: (def) => def.name }),
        fc.array(fc.tuple(fc.nat(5), fc.integer()), { maxLength: 4 }),
        fc.uniqueArray(name, { minLength: 2, maxLength: 2 }),
        fc.option(name),
        style,
        (maps, uses, [first, second], license, options) => {
          const insns: Insn[] = uses.flatMap(([map, offset]) => [
            makeInsn(0x18, 1, 5, 0, map),
            makeInsn(0, 0, 0, 0, 0),
            makeInsn(0x18, 2, 6, 0, map),
            makeInsn(0, 0, 0, 0, offset | 0),
          ]);
          insns.push(makeInsn(0x85, 0, 1, 0, 1), makeInsn(0x95, 0, 0, 0, 0), makeInsn(0x95, 0, 0, 0, 0));
          const end = insns.length;
          const program = makeProgram(insns, {
            name: first!,
            maps,
            subprograms: [
              { name: first!, start: 0, end: end - 1 },
              { name: second!, start: end - 1, end },
            ],
            section: 'xdp/a.b',
            ...(license !== null && { license }),
          });
          const back = assemble(disassemble(program, options), { syntax: options.syntax });
          expect(back.insns).toEqual(insns);
          expect(back.maps).toEqual(maps);
          expect(back.subprograms).toEqual(program.subprograms);
          expect([back.name, back.section, back.license]).toEqual([program.name, program.section, program.license]);
        },
      ),
      { numRuns: 1000 },
    );
  });
});
