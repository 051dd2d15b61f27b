/** Arbitraries of short sequences as compilers write them, which code generators look for. */
import fc from 'fast-check';
import { type InsnRow, rowByName } from '@polybpf/isa';
import { immediates } from './edge-values.ts';
import type { PlaceShape, StatementShape, StepShape } from './program-shape.ts';

const picks: fc.Arbitrary<number> = /* @__PURE__ */ fc.nat({ max: 255 });
const registers: fc.Arbitrary<[number, number, number]> = /* @__PURE__ */ fc.tuple(picks, picks, picks);
const counts: fc.Arbitrary<number> = /* @__PURE__ */ fc.constantFrom(1, 7, 8, 15, 16, 24, 31, 32, 33, 47, 48, 56, 63);

type Position = StepShape['dst'];

function step(row: string, dst: Position, operand: Position | { readonly imm: number } = 0): StepShape {
  return typeof operand === 'number' ? { row, dst, src: operand, imm: 0 } : { row, dst, src: 0, imm: operand.imm };
}

/** Sequences by a shift count and an immediate; registers 0 and 1 hold numbers, 2 is spare. All of them need only v1. */
const IDIOMS: readonly ((count: number, imm: number) => StepShape[])[] = [
  // zero- and sign-extension
  () => [step('lsh64_imm', 0, { imm: 32 }), step('rsh64_imm', 0, { imm: 32 })],
  (count) => [step('lsh64_imm', 0, { imm: count }), step('arsh64_imm', 0, { imm: count })],
  (count) => [step('lsh64_imm', 0, { imm: count }), step('rsh64_imm', 0, { imm: count })],
  () => [step('mov32_reg', 0, 0), step('add64_reg', 1, 0)],
  () => [step('mov32_reg', 2, 0), step('arsh64_imm', 2, { imm: 31 })],
  // a shift by one count and back by another
  (count, imm) => [step('lsh64_imm', 0, { imm: count }), step('arsh64_imm', 0, { imm: imm & 63 })],
  (count, imm) => [step('rsh32_imm', 0, { imm: count & 31 }), step('and32_imm', 0, { imm })],
  // rotation
  (count) => [
    step('mov64_reg', 2, 0),
    step('lsh64_imm', 2, { imm: count }),
    step('rsh64_imm', 0, { imm: 64 - count }),
    step('or64_reg', 0, 2),
  ],
  (count) => [
    step('mov32_reg', 2, 0),
    step('rsh32_imm', 2, { imm: count & 31 }),
    step('lsh32_imm', 0, { imm: (32 - (count & 31)) & 31 }),
    step('or32_reg', 0, 2),
  ],
  // three operands
  () => [step('mov64_reg', 2, 0), step('add64_reg', 2, 1)],
  () => [step('mov64_reg', 2, 0), step('sub64_reg', 2, 1)],
  () => [step('mov64_reg', 2, 1), step('sub64_reg', 2, 2)],
  () => [step('mov32_reg', 2, 0), step('sub32_reg', 2, 1)],
  () => [step('mov32_reg', 2, 0), step('and64_reg', 2, 1)],
  (_, imm) => [step('mov64_reg', 2, 0), step('and64_imm', 2, { imm })],
  (_, imm) => [step('mov32_reg', 2, 0), step('mul32_imm', 2, { imm })],
  (count) => [step('mov64_reg', 2, 0), step('lsh64_imm', 2, { imm: count }), step('add64_reg', 2, 1)],
  () => [step('mov64_reg', 2, 0), step('lsh64_reg', 2, 1)],
  () => [step('mov64_reg', 2, 1), step('lsh64_reg', 2, 2)],
  // a constant minus, absolute value, swap
  (_, imm) => [step('neg64', 0), step('add64_imm', 0, { imm })],
  (_, imm) => [step('mov64_imm', 2, { imm }), step('sub64_reg', 2, 0)],
  () => [step('mov64_reg', 2, 0), step('arsh64_imm', 2, { imm: 63 }), step('xor64_reg', 0, 2), step('sub64_reg', 0, 2)],
  () => [step('xor64_reg', 0, 1), step('xor64_reg', 1, 0), step('xor64_reg', 0, 1)],
  // quotient and remainder
  () => [step('mov64_reg', 2, 0), step('div64_reg', 2, 1), step('mul64_reg', 2, 1), step('sub64_reg', 0, 2)],
  (_, imm) => [step('mov64_reg', 2, 0), step('div64_imm', 2, { imm }), step('mod64_imm', 0, { imm })],
  (_, imm) => [step('mov32_reg', 2, 0), step('div32_imm', 2, { imm }), step('mod32_imm', 0, { imm })],
  (_, imm) => [step('mul64_imm', 0, { imm }), step('rsh64_imm', 0, { imm: 32 })],
  // swapped halves
  (count) => [step('be16', 0), step('lsh64_imm', 0, { imm: count })],
  (count) => [step('be32', 0), step('arsh64_imm', 0, { imm: count })],
  () => [step('be64', 0), step('le64', 0), step('rsh64_imm', 0, { imm: 48 })],
];

/** Steps: an idiom with something before or after it, or anything on three registers. */
function arbitrarySteps(rows: readonly string[]): fc.Arbitrary<StepShape[]> {
  const position = fc.constantFrom<Position>(0, 1, 2);
  const any = fc.record({
    row: fc.constantFrom(...rows),
    dst: position,
    src: position,
    imm: fc.oneof(immediates, counts),
  });
  const idiom = fc.tuple(fc.constantFrom(...IDIOMS), counts, immediates).map(([make, count, imm]) => make(count, imm));
  const few = fc.array(any, { maxLength: 3, size: 'max' });
  return fc.oneof(
    fc.tuple(few, idiom, few).map((parts) => parts.flat()),
    fc.tuple(idiom, idiom).map((parts) => parts.flat()),
    fc.array(any, { minLength: 2, maxLength: 7, size: 'max' }),
  );
}

/** Steps on three registers. */
export function arbitraryChain(rows: readonly string[]): fc.Arbitrary<StatementShape> {
  return fc.record({ kind: fc.constant('chain' as const), registers, steps: arbitrarySteps(rows) });
}

/** A value in memory that is loaded, changed and stored back, mostly with the same width. */
export function arbitraryUpdate(
  loads: readonly string[],
  stores: readonly string[],
  rows: readonly string[],
  place: fc.Arbitrary<PlaceShape>,
): fc.Arbitrary<StatementShape> {
  const one = fc.record({
    row: fc.constantFrom(...rows),
    dst: fc.constant(0 as const),
    src: fc.constant(1 as const),
    imm: immediates,
  });
  const same = fc.constantFrom(...stores).map((store) => [store.replace('stx', 'ldx'), store] as const);
  const mixed = fc
    .tuple(fc.constantFrom(...loads), fc.constantFrom(...stores))
    .filter(([load, store]) => rowByName(load)!.width === rowByName(store)!.width);
  return fc
    .tuple(fc.oneof(same, same, mixed), registers, fc.oneof(fc.tuple(one), arbitrarySteps(rows)), place)
    .map(([[load, store], list, steps, where]) => ({
      kind: 'update' as const,
      load,
      store,
      registers: list,
      steps,
      place: where,
    }));
}

/** Loads, stores or both, all of one width, side by side. */
export function arbitraryRun(rows: readonly InsnRow[], place: fc.Arbitrary<PlaceShape>): fc.Arbitrary<StatementShape> {
  const widths = [8, 16, 32, 64] as const;
  const ofWidth = (width: number): string[] =>
    rows
      .filter((row) => row.width === width && (row.kind === 'load' || row.kind === 'store' || row.kind === 'store_imm'))
      .map(({ name }) => name);
  const list = fc.oneof(
    ...widths.flatMap((width) => [
      fc.array(fc.constantFrom(...ofWidth(width)), { minLength: 2, maxLength: 6, size: 'max' }),
      fc
        .tuple(fc.constantFrom(...ofWidth(width)), fc.integer({ min: 2, max: 8 }))
        .map(([row, times]) => Array.from({ length: times }, () => row)),
    ]),
  );
  return fc.record({
    kind: fc.constant('run' as const),
    rows: list,
    registers: fc.array(picks, { minLength: 1, maxLength: 4, size: 'max' }),
    place,
  });
}
