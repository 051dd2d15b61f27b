import { describe, expect, test } from 'vitest';
import {
  cellText,
  EMPTY_CELL,
  matrixDifferences,
  renderSupportTable,
  type SupportCell,
  type SupportMatrix,
} from '../support-table.ts';

const cell = (fields: Partial<SupportCell>): SupportCell => ({ ...EMPTY_CELL, ...fields });
const matrix = (one: SupportCell, two: SupportCell): SupportMatrix => ({
  columns: [
    { id: 'a', title: 'A' },
    { id: 'b', title: 'B' },
  ],
  features: [{ title: 'shifts', cells: { a: one, b: two } }],
});

test.each([
  [{ passed: 5 }, '5'],
  [{ passed: 5, unchecked: 1 }, '5'],
  [{ passed: 5, failed: 2 }, '2 of 7 fail'],
  [{ passed: 5, failed: 2, refused: 1 }, '2 of 7 fail'],
  [{ refused: 3 }, 'refused'],
  [{ passed: 1, refused: 3 }, '1, 3 refused'],
  [{ unchecked: 3 }, 'not checked'],
  [{}, '–'],
])('%j is shown as %s', (fields, text) => {
  expect(cellText(cell(fields))).toBe(text);
});

test('the table has a row for each feature and a column for each engine', () => {
  expect(
    renderSupportTable(matrix(cell({ passed: 5 }), cell({ refused: 1 })))
      .trim()
      .split('\n'),
  ).toEqual(['| feature | A | B |', '| --- | --: | --: |', '| shifts | 5 | refused |']);
});

describe('a documented matrix', () => {
  const documented = matrix(cell({ passed: 5 }), cell({ refused: 2 }));

  test.each([
    ['equal', cell({ passed: 5 }), cell({ refused: 2 })],
    ['with more vectors', cell({ passed: 6 }), cell({ refused: 3 })],
  ])('is true of a run that is %s', (_, a, b) => {
    expect(matrixDifferences(documented, matrix(a, b))).toEqual([]);
  });

  test.each([
    ['fewer pass', cell({ passed: 4 }), cell({ refused: 2 }), 'shifts, a: documented "5", found "4"'],
    [
      'one fails',
      cell({ passed: 5, failed: 1 }),
      cell({ refused: 2 }),
      'shifts, a: documented "5", found "1 of 6 fail"',
    ],
    ['one is refused', cell({ passed: 5, refused: 1 }), cell({ refused: 2 }), 'shifts, a: documented "5", found "5, 1 refused"'], // prettier-ignore
    ['what was refused now passes', cell({ passed: 5 }), cell({ passed: 2 }), 'shifts, b: documented "refused", found "2"'], // prettier-ignore
    ['nothing is tested any more', cell({ passed: 5 }), cell({}), 'shifts, b: documented "refused", found "–"'],
  ])('is untrue when %s', (_, a, b, difference) => {
    expect(matrixDifferences(documented, matrix(a, b))).toEqual([difference]);
  });

  test('is untrue when features or columns are others', () => {
    const found = matrix(cell({ passed: 5 }), cell({ refused: 2 }));
    const renamed = { ...found, features: [{ ...found.features[0]!, title: 'moves' }] };
    expect(matrixDifferences(documented, renamed)).toEqual(['features: shifts\nfound: moves']);
    expect(matrixDifferences(documented, { ...found, columns: [found.columns[0]!] })).toEqual(['columns: a; b\nfound: a']); // prettier-ignore
  });
});
