/** Arbitraries of valid programs. */
import fc from 'fast-check';
import { MAX_CALL_FRAMES } from '@polybpf/isa';
import { picks, type Sorts, statements, statementSorts } from './arbitrary-statement.ts';
import { buildProgram, type FuzzProgram } from './build-program.ts';
import { wideValues } from './edge-values.ts';
import type { FunctionShape, ProgramOptions, ProgramShape, StatementShape } from './program-shape.ts';

/**
 * Valid programs: every one ends, reads nothing that has no value and touches only its own memory, so that every engine
 * must compute the same.
 */
export function arbitraryProgram(options: ProgramOptions = {}): fc.Arbitrary<FuzzProgram> {
  return arbitraryShape(options).map((shape) => buildProgram(shape, options));
}

/** The shapes that {@link arbitraryProgram} builds. */
export function arbitraryShape(options: ProgramOptions = {}): fc.Arbitrary<ProgramShape> {
  const functions = arbitraryFunction(options);
  return fc.record({
    mem: fc.oneof(
      { arbitrary: fc.array(wideValues, { minLength: 1, maxLength: 8, size: 'max' }), weight: 8 },
      { arbitrary: fc.array(wideValues, { minLength: 9, maxLength: 32, size: 'max' }), weight: 1 },
      { arbitrary: fc.constant([]), weight: 1 },
    ),
    memShort: fc.oneof(fc.constant(0), fc.nat({ max: 7 })),
    functions: fc.oneof(
      { arbitrary: fc.array(functions, { minLength: 1, maxLength: 1, size: 'max' }), weight: 5 },
      { arbitrary: fc.array(functions, { minLength: 2, maxLength: 4, size: 'max' }), weight: 4 },
      {
        arbitrary: fc.array(functions, { minLength: 5, maxLength: MAX_CALL_FRAMES, size: 'max' }).map(chain),
        weight: 1,
      },
    ),
  });
}

/** Functions each of which calls the next at its end, so that frames get as deep as there are functions. */
function chain(functions: readonly FunctionShape[]): FunctionShape[] {
  return functions.map((fn, i) =>
    i === functions.length - 1
      ? fn
      : { ...fn, body: [...fn.body, { kind: 'call', callee: 0, args: [0, 1, 2, 3, 4], byRegister: false }] },
  );
}

function arbitraryFunction(options: ProgramOptions): fc.Arbitrary<FunctionShape> {
  const words = options.flavour === 'kernel' ? 8 : 12;
  return fc.record({
    parameters: fc.array(fc.constantFrom('number', 'number', 'memory', 'buffer'), { maxLength: 5, size: 'max' }),
    homes: fc.array(picks, { minLength: 3, maxLength: 3, size: 'max' }),
    constants: fc.array(fc.record({ register: picks, value: wideValues }), { maxLength: 8, size: 'max' }),
    stack: fc.oneof(
      { arbitrary: fc.array(wideValues, { minLength: 2, maxLength: words, size: 'max' }), weight: 7 },
      { arbitrary: fc.array(wideValues, { minLength: 2, maxLength: 60, size: 'max' }), weight: 1 },
    ),
    fill: picks,
    body: arbitraryBody(options, statementSorts(options)),
    result: fc.array(picks, { minLength: 1, maxLength: 3, size: 'max' }),
  });
}

/** Most functions are a mixture; some are all of one sort, which is where fusions and allocation get crowded. */
function arbitraryBody(options: ProgramOptions, sorts: Sorts): fc.Arbitrary<readonly StatementShape[]> {
  const list = (statement: fc.Arbitrary<StatementShape>, maxLength: number): fc.Arbitrary<StatementShape[]> =>
    fc.array(statement, { maxLength, size: 'max' });
  return fc.oneof(
    { arbitrary: list(statements(options, sorts, 2), 14), weight: 180 },
    { arbitrary: list(sorts.numbers, 30), weight: 30 },
    { arbitrary: list(sorts.memory, 20), weight: 30 },
    { arbitrary: list(sorts.idioms, 8), weight: 30 },
    { arbitrary: longBody(sorts, list(statements(options, sorts, 1), 3)), weight: 1 },
  );
}

/** A branch, and a loop, over more than the short forms of any CPU reach. */
function longBody(sorts: Sorts, around: fc.Arbitrary<StatementShape[]>): fc.Arbitrary<StatementShape[]> {
  const filler = fc.record({ kind: fc.constant('filler' as const), count: fc.integer({ min: 30, max: 9000 }), register: picks }); // prettier-ignore
  const over = fc
    .tuple(sorts.conditions, filler, fc.boolean())
    .map(([condition, long, isElse]): StatementShape[] => [
      { kind: 'if', condition, then: isElse ? [] : [long], otherwise: isElse ? [long] : [], leaves: false, far: false },
    ]);
  const loop = fc
    .tuple(filler, picks)
    .map(([long, counter]): StatementShape[] => [
      { kind: 'loop', count: 2, form: 'down', inMemory: false, counter, far: false, body: [long] },
    ]);
  return fc.tuple(around, fc.oneof(over, loop), around).map((parts) => parts.flat());
}
