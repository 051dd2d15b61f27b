import { isBpfError } from '@polybpf/errors';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { loadObject } from '../src/load-object.ts';
import { fixtureBytes, FIXTURES } from './fixture.ts';

function loadOrRefuse(bytes: Uint8Array): 'loaded' | 'refused' {
  try {
    loadObject(bytes);
    return 'loaded';
  } catch (error) {
    if (!isBpfError(error)) throw error;
    return 'refused';
  }
}

const object: fc.Arbitrary<Uint8Array> = fc.constantFrom(...FIXTURES).map((name) => fixtureBytes(name));

test('every truncation of an object is refused', () => {
  for (const name of FIXTURES.filter((fixture) => fixture.startsWith('legacy.'))) {
    const bytes = fixtureBytes(name);
    for (let length = 0; length < bytes.length; length += 7) loadOrRefuse(bytes.subarray(0, length));
    expect(loadOrRefuse(bytes.subarray(0, bytes.length - 1))).toBe('refused');
    expect(loadOrRefuse(bytes.subarray(0, 100))).toBe('refused');
  }
});

test('flipped bits and replaced bytes: a program or a BpfError, in bounded time', () => {
  const flips = fc.array(fc.tuple(fc.nat(), fc.constantFrom(1, 2, 4, 8, 16, 32, 64, 128)), {
    minLength: 1,
    maxLength: 8,
  });
  const seen = { loaded: 0, refused: 0 };
  let slowest = 0;
  fc.assert(
    fc.property(object, flips, (original, changes) => {
      const bytes = original.slice();
      for (const [at, bit] of changes) bytes[at % bytes.length]! ^= bit;
      const start = performance.now();
      seen[loadOrRefuse(bytes)]++;
      slowest = Math.max(slowest, performance.now() - start);
    }),
    { numRuns: 4000, interruptAfterTimeLimit: 30_000 },
  );
  expect(seen.loaded).toBeGreaterThan(100);
  expect(seen.refused).toBeGreaterThan(100);
  expect(slowest).toBeLessThan(30_000);
});

test('words of the section headers, symbols and relocations replaced by odd values', () => {
  const values = fc.constantFrom(0, 1, 2, 3, 7, 8, 0x7fff, 0xfff1, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff);
  const change = fc.tuple(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), values);
  fc.assert(
    fc.property(object, fc.array(change, { minLength: 1, maxLength: 4 }), (original, changes) => {
      const bytes = original.slice();
      const view = new DataView(bytes.buffer);
      // Symbols, relocations and section headers are the last part of what compilers write.
      const tail = Math.floor(bytes.length / 3);
      for (const [place, value] of changes) {
        view.setUint32(tail + 4 * Math.floor((place * (bytes.length - tail - 4)) / 4), value, bytes[5] === 1);
      }
      loadOrRefuse(bytes);
    }),
    { numRuns: 3000, interruptAfterTimeLimit: 30_000 },
  );
});
