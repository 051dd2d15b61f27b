import {
  checkInsn,
  decodeInsns,
  encodeProgram,
  INSN_TABLE,
  makeInsn,
  rowByName,
  rowOf,
  rowsOfOpcode,
  type InsnRow,
} from '@polybpf/isa';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { insnOf } from './arbitrary-insn.ts';
import { RFC_9669_APPENDIX } from './rfc9669-appendix.ts';

const FIELDS = ['dst_reg', 'src_reg', 'offset', 'imm'] as const;
const USE = { dst_reg: 'dst', src_reg: 'src', offset: 'offsetUse', imm: 'immUse' } as const;

/** Two rows overlap when some instruction matches both: same opcode and no fixed field tells them apart. */
function overlap(a: InsnRow, b: InsnRow): boolean {
  if (a.opcode !== b.opcode) return false;
  return FIELDS.every((field) => {
    const [x, y] = [a.fixed[field], b.fixed[field]];
    return x === undefined || y === undefined || x === y;
  });
}

describe('the instruction table', () => {
  test('has no two rows that overlap', () => {
    // prettier-ignore
    const pairs = INSN_TABLE.flatMap((a) => INSN_TABLE.filter((b) => b.id > a.id && overlap(a, b)).map((b) => `${a.name} ${b.name}`));
    expect(pairs).toEqual([]);
  });

  test('has dense ids, unique names and finds each row by its name', () => {
    expect(INSN_TABLE.map((row) => row.id)).toEqual(INSN_TABLE.map((_, i) => i));
    expect(new Set(INSN_TABLE.map((row) => row.name)).size).toBe(INSN_TABLE.length);
    for (const row of INSN_TABLE) expect(rowByName(row.name)).toBe(row);
    expect(rowByName('add65_imm')).toBeUndefined();
  });

  test('has a fixed value exactly where the use is "fixed", and within the bits of the field', () => {
    const limits = { dst_reg: [0, 15], src_reg: [0, 15], offset: [-32768, 32767], imm: [-(2 ** 31), 2 ** 31 - 1] };
    for (const row of INSN_TABLE) {
      expect(row.opcode, row.name).toSatisfy(
        (opcode: number) => Number.isInteger(opcode) && opcode >= 0 && opcode < 256,
      );
      for (const field of FIELDS) {
        const fixed = row.fixed[field];
        expect(row[USE[field]] === 'fixed', `${row.name} ${field}`).toBe(fixed !== undefined);
        if (fixed !== undefined) expect(fixed >= limits[field][0]! && fixed <= limits[field][1]!).toBe(true);
      }
      expect(row.nextImmUse !== 'none' ? row.slots : 2, row.name).toBe(2);
    }
  });

  test('has op and width that agree with the class and size bits of the opcode', () => {
    for (const row of INSN_TABLE) {
      const cls = row.opcode & 7;
      if (row.kind === 'alu' || row.kind === 'jmp') expect(row.width === 64, row.name).toBe(cls === 7 || cls === 5);
      if (['load', 'store', 'store_imm', 'atomic', 'load_packet', 'load_acquire', 'store_release'].includes(row.kind)) {
        expect(row.width, row.name).toBe([32, 16, 8, 64][(row.opcode >> 3) & 3]);
      }
      if (row.source !== 'none') expect(row.source, row.name).toBe((row.opcode & 8) === 0 ? 'imm' : 'reg');
    }
  });

  test('writes only through registers that the operation writes', () => {
    for (const row of INSN_TABLE) {
      if (row.kind === 'jmp' || row.kind === 'store' || row.kind === 'store_imm')
        expect(row.dst, row.name).toBe('read');
      if (row.kind === 'load') expect([row.dst, row.src], row.name).toEqual(['write', 'read']);
      // FETCH overwrites src (RFC 9669 sec. 5.3), cmpxchg r0 instead.
      if (row.kind === 'atomic') expect(row.src, row.name).toBe(/^(fetch_|xchg)/.test(row.op) ? 'readwrite' : 'read');
    }
  });

  for (const endian of ['little', 'big'] as const) {
    test(`encodes and decodes each row to itself, ${endian} endian`, () => {
      for (const row of INSN_TABLE) {
        fc.assert(
          fc.property(insnOf(row), (slots) => {
            const bytes = encodeProgram(slots, endian);
            const back = decodeInsns(bytes, endian);
            expect(back).toEqual(slots);
            expect(rowOf(back[0]!)).toBe(row);
            expect(checkInsn(back[0]!, 0)).toBeUndefined();
          }),
          { numRuns: 25 },
        );
      }
    });
  }
});

describe('against the appendix of RFC 9669', () => {
  const expectedUse = (value: number | 'any', row: InsnRow, field: (typeof FIELDS)[number]): void => {
    const use = row[USE[field]];
    if (value === 'any') expect(['none', 'fixed'], `${row.name} ${field}`).not.toContain(use);
    else if (value !== 0) expect(row.fixed[field], `${row.name} ${field}`).toBe(value);
    else expect(use === 'none' || row.fixed[field] === 0, `${row.name} ${field}`).toBe(true);
  };

  test('each entry is a row with the same fields and group', () => {
    for (const entry of RFC_9669_APPENDIX) {
      const pick = (value: number | 'any'): number => (value === 'any' ? 0 : value);
      const row = rowOf(makeInsn(entry.opcode, 0, pick(entry.src_reg), pick(entry.offset), pick(entry.imm)));
      expect(row, JSON.stringify(entry)).toBeDefined();
      expect(row!.group, row!.name).toBe(entry.group);
      expectedUse(entry.src_reg, row!, 'src_reg');
      // Linux uses the offset of a kfunc call for the BTF of a module (bpf_kfunc_desc).
      if (row!.kind !== 'call_kfunc') expectedUse(entry.offset, row!, 'offset');
      expectedUse(entry.imm, row!, 'imm');
    }
  });

  test('each row outside the group "linux" is an entry', () => {
    const rows = INSN_TABLE.filter((row) => row.group !== 'linux');
    expect(rows.length).toBe(RFC_9669_APPENDIX.length);
    expect(new Set(rows.map((row) => row.opcode))).toEqual(new Set(RFC_9669_APPENDIX.map((entry) => entry.opcode)));
  });

  test('what only Linux and LLVM define is marked so', () => {
    const names = INSN_TABLE.filter((row) => row.group === 'linux').map((row) => row.name);
    // prettier-ignore
    expect(names.sort()).toEqual(
      [
        'addr_space_cast', 'callx', 'may_goto',
        ...[8, 16, 32, 64].flatMap((width) => [`load_acquire${width}`, `store_release${width}`]),
      ].sort(),
    );
  });

  test('opcodes that no row uses stay unknown', () => {
    expect(rowsOfOpcode(0x00)).toEqual([]);
    expect(rowsOfOpcode(0xff)).toEqual([]);
    expect(rowsOfOpcode(256)).toEqual([]);
    expect(rowOf(makeInsn(300, 0, 0, 0, 0))).toBeUndefined();
  });
});
