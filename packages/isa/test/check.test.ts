import { type ErrorCode, isBpfError } from '@polybpf/errors';
import {
  checkInsn,
  checkInsns,
  decodeInsns,
  decodeProgram,
  encodeProgram,
  makeInsn,
  rowByName,
  type Insn,
} from '@polybpf/isa';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyInsn, anySlot } from './arbitrary-insn.ts';

const EXIT = makeInsn(0x95, 0, 0, 0, 0);

/** An instruction of the row `name`, with its fixed fields, changed by `fields`. */
function insn(name: string, fields: Partial<Insn> = {}): Insn {
  const { opcode, fixed } = rowByName(name)!;
  return { opcode, dst_reg: 0, src_reg: 0, offset: 0, imm: 0, ...fixed, ...fields };
}

function problem(
  code: ErrorCode,
  ...slots: Insn[]
): { expected: string | undefined; got: string | undefined; at: number | undefined } {
  const [first, ...rest] = checkInsns([...slots, EXIT]);
  expect(rest).toEqual([]);
  expect(first?.code).toBe(code);
  return { expected: first?.expected, got: first?.got, at: first?.at.insn };
}

describe('checkInsn', () => {
  test.each<[string, Partial<Insn>]>([
    ['add64_imm', { src_reg: 1 }],
    ['add64_imm', { offset: 1 }],
    ['add64_reg', { imm: 1 }],
    ['mov64_imm', { offset: 8 }],
    ['neg64', { src_reg: 2 }],
    ['neg32', { imm: -1 }],
    ['be16', { src_reg: 3 }],
    ['be16', { offset: 3 }],
    ['movsx64_8', { imm: 4 }],
    ['jeq64_imm', { src_reg: 4 }],
    ['jeq64_reg', { imm: 4 }],
    ['ja', { imm: 4 }],
    ['ja', { dst_reg: 4 }],
    ['ja32', { offset: 4 }],
    ['may_goto', { src_reg: 1 }],
    ['call_helper', { dst_reg: 1 }],
    ['call_helper', { offset: 1 }],
    ['call_local', { offset: 1 }],
    ['callx', { src_reg: 1 }],
    ['callx', { imm: 1 }],
    ['exit', { dst_reg: 1 }],
    ['ldxw', { imm: 1 }],
    ['stw', { src_reg: 1 }],
    ['stxw', { imm: 1 }],
    ['ldabsw', { dst_reg: 1 }],
    ['ldabsw', { src_reg: 1 }],
    ['ldindw', { offset: 1 }],
  ])('refuses a reserved field: %s %j', (name, fields) => {
    const field = Object.keys(fields)[0]!;
    const error = checkInsn(insn(name, fields), 7);
    expect(error?.code).toBe('E_DECODE_RESERVED');
    expect(error?.message).toBe(
      `insn 7: reserved field ${field} of ${name}, expected 0, got ${Object.values(fields)[0]}`,
    );
  });

  test.each<[string, Partial<Insn>, string]>([
    ['div64_reg', { offset: 2 }, 'offset of opcode 0x3f, expected 0 or 1, got 2'],
    ['mov32_reg', { offset: 32 }, 'offset of opcode 0xbc, expected 0 or 8 or 16, got 32'],
    ['bswap16', { imm: 8 }, 'imm of opcode 0xd7, expected 16 or 32 or 64, got 8'],
    ['call_helper', { src_reg: 3 }, 'src_reg of opcode 0x85, expected 0 or 1 or 2, got 3'],
    ['ld_imm64', { src_reg: 7 }, 'src_reg of opcode 0x18, expected 0 or 1 or 2 or 3 or 4 or 5 or 6, got 7'],
    ['load_acquire8', { imm: 0 }, 'imm of opcode 0xd3, expected 256 or 272, got 0'],
  ])('refuses a field value that no row has: %s %j', (name, fields, message) => {
    const error = checkInsn(insn(name, fields), 0);
    expect(error?.code).toBe('E_DECODE_OPCODE');
    expect(error?.message).toBe(`insn 0: ${message}`);
  });

  test('refuses opcodes that no row has', () => {
    for (const opcode of [0x00, 0x08, 0x38, 0x58, 0x86, 0x8f, 0x9d, 0xdf, 0xe7, 0xff]) {
      expect(checkInsn(makeInsn(opcode, 0, 0, 0, 0), 3)?.code).toBe('E_DECODE_OPCODE');
    }
  });

  test('refuses registers above r10, and writes to r10', () => {
    // prettier-ignore
    expect(checkInsn(insn('add64_reg', { src_reg: 11 }), 0)?.message).toBe('insn 0: src_reg of add64_reg out of range, expected r0 to r10, got r11');
    expect(checkInsn(insn('jeq64_imm', { dst_reg: 15 }), 0)?.code).toBe('E_DECODE_REGISTER');
    // prettier-ignore
    expect(checkInsn(insn('mov64_imm', { dst_reg: 10 }), 0)?.message).toBe('insn 0: mov64_imm writes the frame pointer, expected dst_reg r0 to r9, got r10');
    expect(checkInsn(insn('atomic_fetch_add64', { src_reg: 10 }), 0)?.code).toBe('E_DECODE_REGISTER');
    for (const name of ['stxdw', 'jeq64_reg', 'atomic_add64', 'store_release32', 'atomic_cmpxchg64']) {
      expect(checkInsn(insn(name, { dst_reg: 10, src_reg: 10 }), 0), name).toBeUndefined();
    }
    expect(checkInsn(insn('load_acquire32', { src_reg: 10 }), 0)).toBeUndefined();
  });
});

describe('checkInsns', () => {
  test('accepts a program of one exit, refuses an empty one', () => {
    expect(checkInsns([EXIT])).toEqual([]);
    expect(checkInsns([])[0]?.code).toBe('E_DECODE_LENGTH');
  });

  test('looks at the second slot', () => {
    const first = insn('ld_imm64', { imm: 5 });
    expect(checkInsns([first, makeInsn(0, 0, 0, 0, -1), EXIT])).toEqual([]);
    expect(problem('E_DECODE_RESERVED', first, makeInsn(1, 0, 0, 0, 0)).at).toBe(1);
    expect(problem('E_DECODE_RESERVED', first, makeInsn(0, 1, 0, 0, 0)).got).toBe('1');
    expect(problem('E_DECODE_RESERVED', first, makeInsn(0, 0, 1, 0, 0)).got).toBe('1');
    expect(problem('E_DECODE_RESERVED', first, makeInsn(0, 0, 0, -1, 0)).got).toBe('-1');
    expect(problem('E_DECODE_RESERVED', insn('ld_imm64_map_fd'), makeInsn(0, 0, 0, 0, 9)).got).toBe('9');
    expect(checkInsns([insn('ld_imm64_map_value'), makeInsn(0, 0, 0, 0, 9), EXIT])).toEqual([]);
    expect(checkInsns([EXIT, first]).map((error) => error.code)).toEqual(['E_DECODE_TRUNCATED']);
  });

  test('follows every kind of jump', () => {
    const slot = makeInsn(0, 0, 0, 0, 0);
    for (const name of ['jeq64_imm', 'jset32_reg', 'ja', 'may_goto']) {
      expect(problem('E_DECODE_JUMP', insn(name, { offset: 1 })), name).toEqual({
        expected: 'an instruction of 0 to 1',
        got: 'insn 2',
        at: 0,
      });
      expect(problem('E_DECODE_JUMP', insn(name, { offset: -2 })).got).toBe('insn -1');
      expect(checkInsns([insn(name, { offset: -1 }), EXIT])).toEqual([]);
    }
    for (const name of ['ja32', 'call_local'])
      expect(problem('E_DECODE_JUMP', insn(name, { imm: 2147483647 })).at).toBe(0);
    expect(problem('E_DECODE_JUMP', insn('ld_imm64_func', { imm: 2 }), slot).got).toBe('insn 3');
    // prettier-ignore
    expect(problem('E_DECODE_JUMP', insn('ja', { offset: 1 }), insn('ld_imm64'), slot).got).toBe('the second slot of insn 1');
  });

  test('lists all problems in order of instruction', () => {
    const insns = [insn('ja', { offset: 9 }), makeInsn(0xff, 0, 0, 0, 0), insn('exit', { imm: 1 })];
    expect(checkInsns(insns).map((error) => [error.at.insn, error.code])).toEqual([
      [0, 'E_DECODE_JUMP'],
      [1, 'E_DECODE_OPCODE'],
      [2, 'E_DECODE_RESERVED'],
    ]);
  });
});

describe('the codec', () => {
  // The example of RFC 9669 sec. 3.1.
  test('puts registers, offset and imm where the byte order wants them', () => {
    const add = makeInsn(0x07, 1, 0, 0, 0x11223344);
    expect(encodeProgram([add], 'little')).toEqual(Uint8Array.of(0x07, 0x01, 0, 0, 0x44, 0x33, 0x22, 0x11));
    expect(encodeProgram([add], 'big')).toEqual(Uint8Array.of(0x07, 0x10, 0, 0, 0x11, 0x22, 0x33, 0x44));
    const load = makeInsn(0x61, 3, 10, -2, 0);
    expect(encodeProgram([load], 'little')).toEqual(Uint8Array.of(0x61, 0xa3, 0xfe, 0xff, 0, 0, 0, 0));
    expect(encodeProgram([load], 'big')).toEqual(Uint8Array.of(0x61, 0x3a, 0xff, 0xfe, 0, 0, 0, 0));
  });

  // prettier-ignore
  test.each<[keyof Insn, number]>([
    ['opcode', 256], ['opcode', -1], ['dst_reg', 16], ['src_reg', -1], ['offset', 32768], ['offset', -32769],
    ['imm', 2147483648], ['imm', -2147483649], ['imm', 0.5], ['imm', NaN], ['imm', Infinity],
  ])('refuses to cut %s = %s', (field, value) => {
    expect(() => encodeProgram([EXIT, { ...EXIT, [field]: value }])).toThrow(`insn 1: ${field} does not fit`);
  });

  test('refuses lengths that are no multiple of 8', () => {
    for (const length of [1, 7, 9, 15])
      expect(() => decodeInsns(new Uint8Array(length))).toThrow(`got ${length} bytes`);
    expect(decodeInsns(new Uint8Array(0))).toEqual([]);
    expect(() => decodeProgram(new Uint8Array(0))).toThrow('program is empty');
  });

  test('reads a view that starts inside a larger buffer', () => {
    const wide = new Uint8Array(24);
    wide.set(encodeProgram([makeInsn(0xb7, 1, 0, 0, 5)]), 5);
    expect(decodeInsns(wide.subarray(5, 13))).toEqual([makeInsn(0xb7, 1, 0, 0, 5)]);
  });

  const endian = fc.constantFrom('little' as const, 'big' as const);

  test('any slots survive encode and decode; any bytes survive decode and encode', () => {
    fc.assert(
      fc.property(fc.array(anySlot), endian, (slots, order) => {
        expect(decodeInsns(encodeProgram(slots, order), order)).toEqual(slots);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), endian, (words, order) => {
        const bytes = Uint8Array.from({ length: words.length * 8 }, (_, i) => words[i % words.length]! ^ (i * 37));
        expect(encodeProgram(decodeInsns(bytes, order), order)).toEqual(bytes);
      }),
    );
  });

  test('random bytes never throw anything but a BpfError with a decode code', () => {
    let refused = 0;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), endian, (bytes, order) => {
        try {
          decodeProgram(bytes, order);
        } catch (error) {
          refused++;
          expect(isBpfError(error) && error.code).toMatch(/^E_DECODE_/);
        }
      }),
      { numRuns: 3000 },
    );
    expect(refused).toBeGreaterThan(2000);
  });

  test('bit flips of legal programs never throw anything but a BpfError', () => {
    fc.assert(
      fc.property(
        fc.array(anyInsn, { minLength: 1, maxLength: 12 }),
        fc.array(fc.nat(), { maxLength: 3 }),
        (insns, flips) => {
          const bytes = encodeProgram([...insns.flatMap(({ slots }) => slots), EXIT]);
          for (const flip of flips) bytes[(flip >> 3) % bytes.length]! ^= 1 << (flip & 7);
          try {
            decodeProgram(bytes);
          } catch (error) {
            expect(isBpfError(error)).toBe(true);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});
