import { isBpfError } from '@polybpf/errors';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BtfType } from '../src/btf-type.ts';
import { encodeBtf } from '../src/encode-btf.ts';
import { mapDefinitions } from '../src/map-definitions.ts';
import { parseBtfExt } from '../src/parse-btf-ext.ts';
import { parseBtf } from '../src/parse-btf.ts';
import { resolveType, sizeOf } from '../src/resolve.ts';
import { btfInit } from './arbitrary-btf.ts';

/** Everything a caller can do with BTF of unknown origin. */
function exercise(bytes: Uint8Array, ext: Uint8Array): void {
  const btf = attempt(() => parseBtf(bytes));
  if (btf === undefined) return;
  attempt(() => parseBtfExt(ext, btf));
  attempt(() => mapDefinitions(btf));
  for (const { id } of btf.types) {
    attempt(() => resolveType(btf, id));
    attempt(() => sizeOf(btf, id));
  }
  attempt(() => encodeBtf(btf));
}

function attempt<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (isBpfError(error)) return undefined;
    throw error;
  }
}

/** `.BTF.ext` of one line record and one function record for section `xdp`, whose name is at offset 1. */
function smallExt(little: boolean): Uint8Array {
  const words = [24, 0, 20, 20, 28, 8, 1, 1, 0, 1, 16, 1, 1, 8, 1, 1, (7 << 10) | 3];
  const bytes = new Uint8Array(4 + 4 * words.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0xeb9f, little);
  view.setUint8(2, 1);
  words.forEach((word, index) => view.setUint32(4 + 4 * index, word, little));
  return bytes;
}

describe('what is encoded is what is parsed', () => {
  test('types of all kinds in both byte orders', () => {
    fc.assert(
      fc.property(btfInit, (init) => {
        const bytes = encodeBtf(init);
        const btf = parseBtf(bytes);
        expect(btf.endian).toBe(init.endian);
        expect(btf.types).toEqual(init.types);
        expect(Buffer.compare(encodeBtf(btf), bytes)).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  test('the two byte orders hold the same types', () => {
    fc.assert(
      fc.property(btfInit, ({ types }) => {
        const little = encodeBtf({ endian: 'little', types });
        const big = encodeBtf({ endian: 'big', types });
        expect(little.length).toBe(big.length);
        expect(parseBtf(little).types).toEqual(parseBtf(big).types);
      }),
    );
  });

  test('split BTF goes on with the ids and strings of its base', () => {
    const base = parseBtf(
      encodeBtf({
        endian: 'little',
        types: [
          { kind: 'VOID', id: 0, name: '' },
          { kind: 'INT', id: 1, name: 'int', size: 4, encoding: 1, bitOffset: 0, bits: 32 },
        ],
      }),
    );
    const own: BtfType[] = [
      { kind: 'TYPEDEF', id: 2, name: 'mine', type: 1, attribute: false },
      { kind: 'TYPEDEF', id: 3, name: 'int', type: 2, attribute: false },
    ];
    const bytes = encodeBtf({ endian: 'little', types: own, base });
    const split = parseBtf(bytes, base);
    expect(split.types).toEqual(own);
    expect(Buffer.from(split.strings).toString()).toBe('mine\0');
    expect(resolveType(split, 3)).toMatchObject({ kind: 'INT', name: 'int' });
    expect(attempt(() => parseBtf(bytes))).toBeUndefined();
  });
});

describe('hostile bytes', () => {
  test('random words behind a valid header', () => {
    const word = fc.oneof(
      fc.nat({ max: 40 }),
      fc.integer({ min: 0, max: 0x1f }).map((kind) => kind * 0x100_0000 + 2),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 60 }), fc.boolean(), (words, little) => {
        const bytes = new Uint8Array(24 + 4 * words.length + 16);
        const view = new DataView(bytes.buffer);
        view.setUint16(0, 0xeb9f, little);
        view.setUint8(2, 1);
        [24, 0, 4 * words.length, 4 * words.length, 16].forEach((w, i) => view.setUint32(4 + 4 * i, w, little));
        words.forEach((w, i) => view.setUint32(24 + 4 * i, w, little));
        bytes.set([0, 0x61, 0, 0x62, 0x63], bytes.length - 16);
        exercise(bytes, smallExt(little));
      }),
      { numRuns: 2000 },
    );
  });

  test('truncated and damaged blobs', () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 4 });
    fc.assert(
      fc.property(btfInit, damage, fc.nat(), (init, changes, cut) => {
        const bytes = encodeBtf(init);
        const ext = smallExt(init.endian === 'little');
        exercise(bytes.slice(0, cut % (bytes.length + 1)), ext);
        for (const [at, value] of changes) {
          bytes[at % bytes.length] = value;
          ext[at % ext.length] = value;
        }
        exercise(bytes, ext.subarray(0, cut % (ext.length + 1)));
        exercise(bytes, ext);
      }),
      { numRuns: 1000 },
    );
  });
});
