import { isBpfError, type ErrorCode } from '@polybpf/errors';
import { describe, expect, test } from 'vitest';
import type { BtfType } from './btf-type.ts';
import { encodeBtf } from './encode-btf.ts';
import { createLineIndex } from './line-index.ts';
import { parseBtfExt } from './parse-btf-ext.ts';
import { parseBtf } from './parse-btf.ts';

const INT: BtfType = { kind: 'INT', id: 1, name: 'int', size: 4, encoding: 1, bitOffset: 0, bits: 32 };
const VOID: BtfType = { kind: 'VOID', id: 0, name: '' };

function refusal(act: () => unknown): { code: ErrorCode; message: string } {
  try {
    act();
  } catch (error) {
    if (isBpfError(error)) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error('nothing was refused');
}

/** BTF from the words of its type section and its strings. */
function blob(words: readonly number[], strings: string, little = true): Uint8Array {
  const bytes = new Uint8Array(24 + 4 * words.length + strings.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0xeb9f, little);
  view.setUint8(2, 1);
  [24, 0, 4 * words.length, 4 * words.length, strings.length].forEach((w, i) => view.setUint32(4 + 4 * i, w, little));
  words.forEach((w, i) => view.setUint32(24 + 4 * i, w, little));
  for (let i = 0; i < strings.length; i++) bytes[24 + 4 * words.length + i] = strings.charCodeAt(i);
  return bytes;
}

describe('parseBtf', () => {
  // The words are those of btf.rst; see "BTF_KIND_INT" and the following for the meaning of each.
  test.each([true, false])('reads the words of the specification (little endian: %s)', (little) => {
    const words = [
      [1, 0x0100_0000, 4, 0x0100_0020],
      [0, 0x8400_0002, 8, 5, 1, 0x0300_0000, 7, 1, 0x0d00_0003],
      [9, 0x8600_0001, 4, 5, 0xffff_fffb],
      [0, 0x1300_0001, 8, 5, 1, 0x8000_0000],
      [0, 0x8700_0000, 0],
      [11, 0x0c00_0001, 7],
      [0, 0x0d00_0002, 1, 5, 1, 0, 0],
      [0, 0x0f00_0001, 0, 9, 16, 4],
      [7, 0x0e00_0000, 1, 1],
      [5, 0x1100_0000, 2, 0xffff_ffff],
    ].flat();
    const btf = parseBtf(blob(words, '\0int\0a\0b\0e\0f\0', little));
    expect(btf.endian).toBe(little ? 'little' : 'big');
    const bitfield = (name: string, bitOffset: number, bitfieldSize: number): object => {
      return { name, type: 1, bitOffset, bitfieldSize };
    };
    expect(btf.types).toEqual([
      VOID,
      INT,
      { kind: 'STRUCT', id: 2, name: '', size: 8, members: [bitfield('a', 0, 3), bitfield('b', 3, 13)] },
      { kind: 'ENUM', id: 3, name: 'e', size: 4, signed: true, values: [{ name: 'a', value: -5 }] },
      {
        kind: 'ENUM64',
        id: 4,
        name: '',
        size: 8,
        signed: false,
        values: [{ name: 'a', value: 0x8000_0000_0000_0001n }],
      },
      { kind: 'FWD', id: 5, name: '', union: true },
      { kind: 'FUNC', id: 6, name: 'f', type: 7, linkage: 1 },
      {
        kind: 'FUNC_PROTO',
        id: 7,
        name: '',
        returnType: 1,
        params: [
          { name: 'a', type: 1 },
          { name: '', type: 0 },
        ],
      },
      { kind: 'DATASEC', id: 8, name: '', size: 0, variables: [{ type: 9, offset: 16, size: 4 }] },
      { kind: 'VAR', id: 9, name: 'b', type: 1, linkage: 1 },
      { kind: 'DECL_TAG', id: 10, name: 'a', type: 2, componentIndex: -1, attribute: false },
    ]);
  });

  test('reads a header that is longer than its known fields', () => {
    const plain = encodeBtf({ endian: 'little', types: [VOID, INT] });
    const longer = new Uint8Array(plain.length + 8);
    longer.set(plain.subarray(0, 24));
    longer.set(plain.subarray(24), 32);
    longer[4] = 32;
    expect(parseBtf(longer).types).toEqual([VOID, INT]);
  });

  test('an empty type section is only void', () => {
    expect(parseBtf(blob([], '')).types).toEqual([VOID]);
  });

  const refused: [string, ErrorCode, RegExp, Uint8Array][] = [
    ['no bytes', 'E_BTF_FORMAT', /cut off/, new Uint8Array(0)],
    ['another magic', 'E_BTF_FORMAT', /not BTF.*got 0x1/, Uint8Array.from({ length: 24 }, (_, k) => (k === 0 ? 1 : 0))],
    ['another version', 'E_BTF_FORMAT', /version/, withByte(blob([], ''), 2, 2)],
    ['a short header', 'E_BTF_FORMAT', /too short/, withByte(blob([], ''), 4, 20)],
    ['types past the end', 'E_BTF_FORMAT', /type section reaches/, withByte(blob([], ''), 12, 4)],
    ['strings past the end', 'E_BTF_FORMAT', /string section reaches/, withByte(blob([], ''), 20, 1)],
    ['strings without an end', 'E_BTF_FORMAT', /does not end/, blob([0, 0x0200_0000, 0], '\0a')],
    ['strings without a start', 'E_BTF_FORMAT', /does not start/, blob([0, 0x0200_0000, 0], 'a\0')],
    ['a kind of 0', 'E_BTF_FORMAT', /kind 0/, blob([0, 0, 0], '\0')],
    ['a kind of 20', 'E_UNSUPPORTED', /BTF kind 20/, blob([0, 0x1400_0000, 0], '\0')],
    ['reserved bits', 'E_BTF_FORMAT', /reserved/, blob([0, 0x0201_0000, 0], '\0')],
    ['half a type', 'E_BTF_FORMAT', /type 1 reaches past/, blob([0, 0x0200_0000], '\0')],
    ['more members than words', 'E_BTF_FORMAT', /members of type 1/, blob([0, 0x0400_ffff, 0, 0, 0, 0], '\0')],
    ['a name that is not there', 'E_BTF_FORMAT', /outside the string section/, blob([9, 0x0200_0000, 0], '\0')],
    ['a type that is not there', 'E_BTF_TYPE', /PTR 1 refers.*below 2, got 2/, blob([0, 0x0200_0000, 2], '\0')],
  ];
  test.each(refused)('refuses %s', (_, code, message, bytes) => {
    const error = refusal(() => parseBtf(bytes));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  test('refuses names that are all tails of one long string, in little time', () => {
    const length = 60000;
    const words = Array.from({ length }, (_, k) => [k + 1, 0x0200_0000, 0]).flat();
    const start = performance.now();
    expect(refusal(() => parseBtf(blob(words, `\0${'a'.repeat(length)}\0`))).message).toMatch(/overlap too much/);
    expect(performance.now() - start).toBeLessThan(30_000);
  });
});

describe('encodeBtf refuses what does not fit', () => {
  test.each<[string, RegExp, BtfType]>([
    ['a member beyond 24 bits beside a bit field', /bitOffset of b/, struct(0x100_0000, 3)],
    ['a negative size', /value of FLOAT 1/, { kind: 'FLOAT', id: 1, name: 'f', size: -1 }],
    ['an encoding of 9 bits', /encoding of INT 1/, { ...INT, encoding: 256 } as BtfType],
    ['65,536 values', /vlen of ENUM 1/, enumeration(65536, 0)],
    ['a value beyond 32 signed bits', /does not fit 32 signed bits/, enumeration(1, 2 ** 31)],
  ])('%s', (_, message, type) => {
    const error = refusal(() => encodeBtf({ endian: 'little', types: [VOID, type] }));
    expect(error.code).toBe('E_ENCODE_FIELD');
    expect(error.message).toMatch(message);
  });

  function struct(bitOffset: number, bitfieldSize: number): BtfType {
    const members = [
      { name: 'a', type: 0, bitOffset: 0, bitfieldSize },
      { name: 'b', type: 0, bitOffset, bitfieldSize: 0 },
    ];
    return { kind: 'STRUCT', id: 1, name: '', size: 8, members };
  }

  function enumeration(count: number, value: number): BtfType {
    const values = Array.from({ length: count }, () => ({ name: 'a', value }));
    return { kind: 'ENUM', id: 1, name: '', size: 4, signed: true, values };
  }
});

describe('parseBtfExt', () => {
  const btf = parseBtf(blob([0, 0x0200_0000, 0], '\0xdp\0a.c\0x = 1;\0y = 2;\x000:1\0'));
  const parts = [
    // func_info: records of 12 bytes, of which 8 are known
    [12, 1, 1, 0, 1, 0xdead],
    // line_info: two records out of order
    [16, 1, 2, 16, 5, 16, (9 << 10) | 4, 8, 5, 9, (8 << 10) | 1023],
    // core_relo
    [16, 1, 1, 24, 1, 23, 2],
  ];

  function ext(headerLength: number): Uint8Array {
    const header: number[] = [];
    let offset = 0;
    for (const part of parts) {
      header.push(offset, 4 * part.length);
      offset += 4 * part.length;
    }
    const words = [...header.slice(0, (headerLength - 8) / 4), ...parts.flat()];
    const bytes = new Uint8Array(8 + 4 * words.length);
    const view = new DataView(bytes.buffer);
    view.setUint16(0, 0xeb9f, true);
    view.setUint8(2, 1);
    view.setUint32(4, headerLength, true);
    words.forEach((word, index) => view.setUint32(8 + 4 * index, word, true));
    return bytes;
  }

  test('reads functions, lines and CO-RE records by section', () => {
    const read = parseBtfExt(ext(32), btf);
    expect(read).toEqual({
      funcInfo: [{ section: 'xdp', records: [{ insnOffset: 0, type: 1 }] }],
      lineInfo: [
        {
          section: 'xdp',
          records: [
            { insnOffset: 16, file: 'a.c', text: 'y = 2;', line: 9, column: 4 },
            { insnOffset: 8, file: 'a.c', text: 'x = 1;', line: 8, column: 1023 },
          ],
        },
      ],
      coreRelocations: [{ section: 'xdp', records: [{ insnOffset: 24, type: 1, access: '0:1', kind: 2 }] }],
    });
  });

  test('a header of 24 bytes has no CO-RE part', () => {
    expect(parseBtfExt(ext(24), btf).coreRelocations).toEqual([]);
  });

  test('a line holds until the next record', () => {
    const lineOf = createLineIndex(parseBtfExt(ext(32), btf));
    expect([0, 7, 8, 15, 16, 1000].map((at) => lineOf('xdp', at)?.line)).toEqual([undefined, undefined, 8, 8, 9, 9]);
    expect(lineOf('tc', 8)).toBeUndefined();
  });

  test.each<[string, RegExp, (bytes: Uint8Array) => Uint8Array]>([
    ['a cut header', /cut off/, (bytes) => bytes.subarray(0, 6)],
    ['another magic', /not BTF.ext/, (bytes) => withByte(bytes, 0, 0)],
    ['a header past the end', /wrong length of the BTF.ext header/, (bytes) => withByte(bytes, 5, 9)],
    ['a part past the end', /reaches past the end/, (bytes) => withByte(bytes, 13, 9)],
    ['records of 4 bytes', /wrong record size/, (bytes) => withByte(bytes, 32, 4)],
    ['more records than bytes', /records of section xdp are cut off/, (bytes) => withByte(bytes, 40, 2)],
    ['a type that is not there', /does not exist/, (bytes) => withByte(bytes, 48, 2)],
  ])('refuses %s', (_, message, change) => {
    const error = refusal(() => parseBtfExt(change(ext(32)), btf));
    expect(error.code).toMatch(/^E_BTF_/);
    expect(error.message).toMatch(message);
  });
});

function withByte(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = value;
  return copy;
}
