/** The numbers that programs are made of: half of them at an edge, where implementations differ. */
import fc from 'fast-check';

// prettier-ignore
const EDGES_32: readonly number[] = [
  0, 1, -1, 2, -2, 3, 7, 8, 15, 16, 31, 32, 33, 63, 64, 65, 127, 128, -128, -129, 255, 256, 2047, 2048, -2048, -2049, 4095, 4096, -4096,
  32767, 32768, -32768, -32769, 65535, 65536, 0xfffff, 0x7ffff, -0x80000, -0x80001, 0x7fffffff, 0x7ffffffe, -0x80000000, -0x7fffffff,
];

/** A signed 32-bit number, as immediates are. */
export const immediates: fc.Arbitrary<number> = /* @__PURE__ */ fc.oneof(
  { arbitrary: /* @__PURE__ */ fc.constantFrom(...EDGES_32), weight: 4 },
  { arbitrary: /* @__PURE__ */ fc.integer({ min: -16, max: 70 }), weight: 2 },
  { arbitrary: /* @__PURE__ */ fc.integer({ min: -0x80000000, max: 0x7fffffff }), weight: 1 },
  { arbitrary: /* @__PURE__ */ fc.nat({ max: 31 }).map((bit) => (1 << bit) | 0), weight: 1 },
);

/** A 64-bit value as its halves, each a signed 32-bit number. */
export interface Halves {
  readonly low: number;
  readonly high: number;
}

const EDGES_64: readonly (readonly [number, number])[] = [
  [0, 0],
  [1, 0],
  [-1, -1],
  [-1, 0],
  [0, 1],
  [0, -1],
  [0, -0x80000000],
  [1, -0x80000000],
  [-1, 0x7fffffff],
  [-0x80000000, 0],
  [-0x80000000, -1],
  [0x7fffffff, 0],
  [0x7fffffff, -1],
  [-2, -1],
  [0x12345678, -0x76543211],
];

/** A 64-bit value: an edge of either width, each half its own edge, or anything. */
export const wideValues: fc.Arbitrary<Halves> = /* @__PURE__ */ fc.oneof(
  {
    arbitrary: /* @__PURE__ */ fc.constantFrom(...EDGES_64).map(([low, high]) => ({ low, high })),
    weight: 3,
  },
  { arbitrary: /* @__PURE__ */ immediates.map((low) => ({ low, high: low < 0 ? -1 : 0 })), weight: 2 },
  {
    arbitrary: /* @__PURE__ */ fc.tuple(immediates, immediates).map(([low, high]) => ({ low, high })),
    weight: 3,
  },
);

const MIN_64: Halves = { low: 0, high: -0x80000000 };
const MIN_32: Halves = { low: -0x80000000, high: -1 };
const DIRTY_MIN_32: Halves = { low: -0x80000000, high: 0x1234 };
const MINUS_ONE: Halves = { low: -1, high: -1 };
const DIRTY_MINUS_ONE: Halves = { low: -1, high: 0x7fff };
const ZERO: Halves = { low: 0, high: 0 };
const DIRTY_ZERO: Halves = { low: 0, high: 1 };

/** Dividends and divisors where CPUs differ: quotients that do not fit, divisors of 0 in the whole or the lower half. */
export const divisionPairs: fc.Arbitrary<readonly [Halves, Halves]> = /* @__PURE__ */ fc.tuple(
  /* @__PURE__ */ fc.oneof(/* @__PURE__ */ fc.constantFrom(MIN_64, MIN_64, MIN_32, DIRTY_MIN_32), wideValues),
  /* @__PURE__ */ fc.constantFrom(MINUS_ONE, MINUS_ONE, DIRTY_MINUS_ONE, ZERO, DIRTY_ZERO, MIN_64, DIRTY_MIN_32),
);

/** Two operands: equal values, values that differ in one half only, any. */
export const operandPairs: fc.Arbitrary<readonly [Halves, Halves]> = /* @__PURE__ */ fc.oneof(
  /* @__PURE__ */ fc.tuple(wideValues, /* @__PURE__ */ fc.constantFrom(ZERO, DIRTY_ZERO, MINUS_ONE)),
  /* @__PURE__ */ wideValues.map((value) => [value, value] as const),
  /* @__PURE__ */ fc.tuple(wideValues, immediates).map(([value, high]) => [value, { low: value.low, high }] as const),
  /* @__PURE__ */ fc.tuple(wideValues, immediates).map(([value, low]) => [value, { low, high: value.high }] as const),
  { arbitrary: /* @__PURE__ */ fc.tuple(wideValues, wideValues), weight: 3 },
);

/**
 * Displacements to put into the `offset` field of an access: each side of the limits of the CPUs' addressing forms
 * (signed 8, 9, 12, 13, 16 and unsigned 12 bits, scaled ones too), and of the field itself.
 */
// prettier-ignore
export const DISPLACEMENTS: readonly number[] = [
  0, 1, -1, 8, -8, 120, 127, 128, -128, -129, 248, 255, 256, -256, -257, 504, 512, -512, -520, 2047, 2048, -2048, -2049, 4088, 4095, 4096, -4096,
  8184, 16380, 16384, 32000, 32752, -32760, -32768,
];
