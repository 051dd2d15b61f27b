/** Arbitraries of inputs that are nearly right: what readers must refuse with an error of their own, or take. */
import fc from 'fast-check';
import { constants, encodeProgram, type Endian, type Insn, INSN_TABLE, makeInsn } from '@polybpf/isa';
import { arbitraryProgram } from './arbitrary-program.ts';
import { immediates } from './edge-values.ts';
import { elfPlaces } from './elf-places.ts';
import { mutate, mutations } from './mutation.ts';

/** Longer generated programs only repeat themselves here. */
const MAX_SLOTS = 40;
const EXIT = constants.BPF_JMP | constants.BPF_EXIT;

/**
 * Slots of programs whose fields went wrong: unknown opcodes, registers above r10, reserved fields, jumps out of the
 * program or into an ld_imm64, second slots that are missing.
 */
export function malformedInsns(): fc.Arbitrary<readonly Insn[]> {
  const field = fc.constantFrom('opcode', 'dst_reg', 'src_reg', 'offset', 'imm');
  const change = fc.record({ at: fc.nat(), field, value: immediates });
  const damaged = fc
    .record({
      program: arbitraryProgram(),
      changes: fc.array(change, { minLength: 1, maxLength: 4 }),
      ends: fc.boolean(),
    })
    .map(({ program, changes, ends }) => {
      const insns = program.insns.slice(0, MAX_SLOTS);
      if (ends) insns.push(makeInsn(EXIT, 0, 0, 0, 0));
      for (const { at, field: name, value } of changes) {
        const index = at % insns.length;
        insns[index] = { ...insns[index]!, [name]: fieldValue(name, value) };
      }
      return insns;
    });
  return fc.oneof(damaged, fc.array(anyInsn(), { maxLength: 12 }));
}

function fieldValue(name: 'opcode' | 'dst_reg' | 'src_reg' | 'offset' | 'imm', value: number): number {
  if (name === 'opcode') return value & 0xff;
  if (name === 'imm') return value;
  return name === 'offset' ? (value << 16) >> 16 : value & 15;
}

/** An instruction of the table with any operands. */
function anyInsn(): fc.Arbitrary<Insn> {
  return fc
    .record({
      row: fc.constantFrom(...INSN_TABLE),
      dst: fc.nat({ max: 15 }),
      src: fc.nat({ max: 15 }),
      offset: immediates,
      imm: immediates,
    })
    .map(({ row, dst, src, offset, imm }) =>
      makeInsn(
        row.opcode,
        row.fixed.dst_reg ?? dst,
        row.fixed.src_reg ?? src,
        row.fixed.offset ?? fieldValue('offset', offset),
        row.fixed.imm ?? imm,
      ),
    );
}

/** Bytes of programs, damaged once more as bytes: half slots, swapped order. */
export function malformedBytes(): fc.Arbitrary<Uint8Array> {
  const endian = fc.constantFrom<Endian>('little', 'big');
  const encoded = fc.tuple(malformedInsns(), endian).map(([insns, order]) => encodeProgram(insns, order));
  return fc.oneof(
    encoded,
    fc.tuple(encoded, fc.array(mutations(), { maxLength: 3 })).map(([bytes, changes]) => mutate(bytes, changes)),
    fc.uint8Array({ maxLength: 200 }),
  );
}

/**
 * Object files that went wrong, half of the changes in the fields of headers, symbols and relocations.
 *
 * @param originals - contents of real object files, at least one
 */
export function malformedElf(originals: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  return fc.oneof(
    ...originals.map((original) =>
      fc.array(mutations(elfPlaces(original)), { minLength: 1, maxLength: 6 }).map((list) => mutate(original, list)),
    ),
  );
}

/**
 * BTF and BTF.ext data that went wrong, half of the changes in their first kilobyte: header, and types or records.
 *
 * @param originals - contents of `.BTF` or `.BTF.ext` sections, at least one
 */
export function malformedBtf(originals: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  return fc.oneof(
    ...originals.map((original) => {
      const places = Array.from({ length: Math.min(original.length, 1024) >> 2 }, (_, i) => 4 * i);
      return fc.array(mutations(places), { minLength: 1, maxLength: 6 }).map((list) => mutate(original, list));
    }),
  );
}

// prettier-ignore
const TOKENS: readonly string[] = [
  ' ', '\n', '\t', '\0', ',', ':', ';', '(', ')', '[', ']', '{', '}', '"', "'", '#', '//', '/*', '*/', '\\', '=', '+=', 's>>=', '-', '+', '*',
  'r0', 'r10', 'r11', 'w3', '%r1', '0x', '0xffffffffffffffffff', '-1', '99999999999999999999', '1e9', 'll', 'goto', 'call', 'exit', 'lock', 'if',
  '.map', '.insn', '.byte', '.function', 'type=hash', 'é', '\u2028', '\ud800', 'null', 'true', '[]', '{}', '-- asm', '-- mem', '-- result',
];

/**
 * Text that went wrong: pieces removed, repeated and replaced.
 *
 * @param originals - texts that are right, at least one
 */
export function malformedText(originals: readonly string[]): fc.Arbitrary<string> {
  const token = fc.oneof(fc.constantFrom(...TOKENS), fc.string({ maxLength: 3, unit: 'binary' }));
  const change = fc.record({ at: fc.nat(), length: fc.constantFrom(0, 0, 1, 2, 5, 20), token });
  return fc
    .tuple(fc.constantFrom(...originals), fc.array(change, { minLength: 1, maxLength: 6 }))
    .map(([original, changes]) =>
      changes.reduce((text, { at, length, token: piece }) => {
        const place = at % (text.length + 1);
        return text.slice(0, place) + piece + text.slice(place + length);
      }, original),
    );
}
