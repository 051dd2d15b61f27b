/** Changes to bytes and text that turn something right into something nearly right. */
import fc from 'fast-check';
import { immediates } from './edge-values.ts';

/** One change; positions are taken modulo the length. */
export type Mutation =
  | { readonly kind: 'flip'; readonly at: number; readonly bit: number }
  | { readonly kind: 'byte'; readonly at: number; readonly value: number }
  | { readonly kind: 'word'; readonly at: number; readonly width: 2 | 4 | 8; readonly value: number; readonly little: boolean } // prettier-ignore
  | { readonly kind: 'cut'; readonly at: number }
  | { readonly kind: 'remove'; readonly at: number; readonly length: number }
  | { readonly kind: 'repeat'; readonly at: number; readonly length: number; readonly to: number }
  | { readonly kind: 'swap'; readonly at: number; readonly length: number; readonly to: number };

const positions: fc.Arbitrary<number> = /* @__PURE__ */ fc.nat({ max: 0x7fffffff });
const lengths: fc.Arbitrary<number> = /* @__PURE__ */ fc.constantFrom(1, 2, 4, 8, 16, 24, 40, 64, 200);

/**
 * Changes to bytes.
 *
 * @param places - where changes of words are likely to matter, e.g. fields of headers
 */
export function mutations(places: readonly number[] = []): fc.Arbitrary<Mutation> {
  const at = places.length === 0 ? positions : fc.oneof(fc.constantFrom(...places), positions);
  return fc.oneof(
    fc.record({ kind: fc.constant('flip' as const), at, bit: fc.nat({ max: 7 }) }),
    fc.record({ kind: fc.constant('byte' as const), at, value: fc.nat({ max: 255 }) }),
    {
      arbitrary: fc.record({
        kind: fc.constant('word' as const),
        at,
        width: fc.constantFrom(2, 4, 8),
        value: immediates,
        little: fc.boolean(),
      }),
      weight: 4,
    },
    fc.record({ kind: fc.constant('cut' as const), at: positions }),
    fc.record({ kind: fc.constant('remove' as const), at: positions, length: lengths }),
    fc.record({ kind: fc.constant('repeat' as const), at: positions, length: lengths, to: positions }),
    fc.record({ kind: fc.constant('swap' as const), at: positions, length: lengths, to: positions }),
  );
}

/** Applies changes in order; the original stays as it is. */
export function mutate(original: Uint8Array, changes: readonly Mutation[]): Uint8Array {
  return changes.reduce(mutateOnce, original.slice());
}

function mutateOnce(bytes: Uint8Array, change: Mutation): Uint8Array {
  if (bytes.length === 0) return bytes;
  const at = change.at % bytes.length;
  switch (change.kind) {
    case 'flip':
      bytes[at]! ^= 1 << change.bit;
      return bytes;
    case 'byte':
      bytes[at] = change.value;
      return bytes;
    case 'word':
      writeWord(bytes, at, change.width, change.value, change.little);
      return bytes;
    case 'cut':
      return bytes.slice(0, at);
    case 'remove':
      return concat(bytes.subarray(0, at), bytes.subarray(at + change.length));
    case 'repeat': {
      const to = change.to % bytes.length;
      return concat(bytes.subarray(0, to), bytes.subarray(at, at + change.length), bytes.subarray(to));
    }
    case 'swap': {
      const to = change.to % bytes.length;
      bytes.copyWithin(to, at, at + change.length);
      return bytes;
    }
  }
}

function writeWord(bytes: Uint8Array, at: number, width: number, value: number, little: boolean): void {
  for (let i = 0; i < width && at + i < bytes.length; i++) {
    const significance = little ? i : width - 1 - i;
    bytes[at + i] = significance < 4 ? value >> (8 * significance) : value >> 31;
  }
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let end = 0;
  for (const part of parts) {
    all.set(part, end);
    end += part.length;
  }
  return all;
}
