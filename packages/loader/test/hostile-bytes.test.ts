import { isBpfError } from '@polybpf/errors';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { generateTypeScript } from '../src/generate-typescript.ts';
import { linkObjects } from '../src/link-objects.ts';
import { loadObject } from '../src/load-object.ts';
import { fixture, fixtureBytes, FIXTURES } from './fixture.ts';

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
    { numRuns: 2500, interruptAfterTimeLimit: 30_000 },
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
    { numRuns: 2000, interruptAfterTimeLimit: 30_000 },
  );
});

/** Each takes what loads, and may refuse it. */
const CONSUMERS: readonly ((bytes: Uint8Array) => unknown)[] = [
  (bytes) => loadObject(bytes, { targetBtf: fixture(`core-target.clang19.${bytes[5] === 1 ? 'el' : 'eb'}.o`).btf! }),
  (bytes) => linkObjects([{ name: 'a', bytes }, { name: 'b', bytes: fixtureBytes(`link-b.clang19.${bytes[5] === 1 ? 'el' : 'eb'}.o`) }]), // prettier-ignore
  (bytes) => generateTypeScript(loadObject(bytes), { source: 'x', bytes: { little: bytes } }),
  (bytes) => loadObject(bytes, { kconfig: new Map([['CONFIG_HEX', '5'], ['CONFIG_TEXT', '"a"'], ['CONFIG_BOOL', 'y']]) }), // prettier-ignore
];

test('flipped bits and odd words, linked, relocated and generated from', () => {
  const names = ['core', 'link-a', 'types', 'kernel'].flatMap((name) => ['el', 'eb'].map((order) => `${name}.clang19.${order}.o`)); // prettier-ignore
  const originals = names.map(fixtureBytes);
  const change = fc.tuple(fc.nat(), fc.constantFrom(0, 1, 2, 0x40, 0x7f, 0x80, 0xff));
  const outcomes = { done: 0, refused: 0 };
  fc.assert(
    fc.property(
      fc.constantFrom(...originals),
      fc.array(change, { minLength: 1, maxLength: 6 }),
      (original, changes) => {
        const bytes = original.slice();
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        for (const consume of CONSUMERS) {
          try {
            consume(bytes);
            outcomes.done++;
          } catch (error) {
            if (!isBpfError(error)) throw error;
            outcomes.refused++;
          }
        }
      },
    ),
    { numRuns: Number(process.env['POLYBPF_FUZZ_RUNS'] ?? 200), interruptAfterTimeLimit: 20_000 },
  );
  expect(outcomes.done).toBeGreaterThan(50);
  expect(outcomes.refused).toBeGreaterThan(50);
});
