// The support matrix: what `docs/support-matrix.json` holds, the table that the README shows of it, and the comparison of
// what is documented with what a new run found.

/** How the tests of one feature ended on one engine and CPU. */
export interface SupportCell {
  /** Tests that gave the expected result. */
  readonly passed: number;
  readonly failed: number;
  /** Programs that the engine refused as unsupported. */
  readonly refused: number;
  /** Tests of faults on an engine that does not check accesses. */
  readonly unchecked: number;
}

export interface SupportColumn {
  readonly id: string;
  readonly title: string;
}

export interface SupportFeature {
  readonly title: string;
  /** By the id of the column. */
  readonly cells: Readonly<Record<string, SupportCell>>;
}

/** `docs/support-matrix.json`. */
export interface SupportMatrix {
  readonly columns: readonly SupportColumn[];
  readonly features: readonly SupportFeature[];
}

/** No test at all. */
export const EMPTY_CELL: SupportCell = { passed: 0, failed: 0, refused: 0, unchecked: 0 };

/** What a cell says to a reader; the number is how many tests passed. */
export function cellText({ passed, failed, refused, unchecked }: SupportCell): string {
  if (failed > 0) return `${failed} of ${passed + failed} fail`;
  if (refused > 0) return passed > 0 ? `${passed}, ${refused} refused` : 'refused';
  if (passed > 0) return String(passed);
  return unchecked > 0 ? 'not checked' : '–';
}

/** The matrix as a Markdown table. */
export function renderSupportTable({ columns, features }: SupportMatrix): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    '',
    line(['feature', ...columns.map(({ title }) => title)]),
    line(['---', ...columns.map(() => '--:')]),
    ...features.map(({ title, cells }) => line([title, ...columns.map(({ id }) => cellText(cells[id] ?? EMPTY_CELL))])),
    '',
  ].join('\n');
}

/**
 * Where the documented matrix says other things than a new run found, one line each. More tests that pass than
 * documented are no difference: vectors are added every day, and the page then claims less than is true.
 */
export function matrixDifferences(documented: SupportMatrix, found: SupportMatrix): string[] {
  const titles = (matrix: SupportMatrix): string => matrix.features.map(({ title }) => title).join('; ');
  const ids = (matrix: SupportMatrix): string => matrix.columns.map(({ id }) => id).join('; ');
  if (titles(documented) !== titles(found)) return [`features: ${titles(documented)}\nfound: ${titles(found)}`];
  if (ids(documented) !== ids(found)) return [`columns: ${ids(documented)}\nfound: ${ids(found)}`];
  return documented.features.flatMap(({ title, cells }, i) =>
    documented.columns.flatMap(({ id }) => {
      const [was, is] = [cells[id] ?? EMPTY_CELL, found.features[i]?.cells[id] ?? EMPTY_CELL];
      const same =
        is.passed >= was.passed &&
        is.passed > 0 === was.passed > 0 &&
        is.failed === was.failed &&
        is.refused > 0 === was.refused > 0 &&
        is.unchecked > 0 === was.unchecked > 0;
      return same ? [] : [`${title}, ${id}: documented "${cellText(was)}", found "${cellText(is)}"`];
    }),
  );
}

type PeerAnswer = 'yes' | 'no' | 'wrong' | 'unknown' | 'not applicable';

/** `docs/peer-features.json`: what others cover, as their sources and the public suite say. */
export interface PeerFeatures {
  readonly source: string;
  readonly linuxCpus: readonly string[];
  readonly features: readonly {
    readonly title: string;
    /** By CPU. */
    readonly linux: Readonly<Record<string, PeerAnswer>>;
    readonly ubpf: PeerAnswer;
    readonly rbpf: PeerAnswer;
    readonly llvmbpf: PeerAnswer;
  }[];
}

/** What Linux, uBPF, rbpf and LLVM cover, as a Markdown table. */
export function renderPeerTable({ source, linuxCpus, features }: PeerFeatures): string {
  const shown = (answer: PeerAnswer): string =>
    answer === 'wrong' ? 'wrong results' : answer === 'unknown' ? 'not known' : answer;
  const linux = (answers: Readonly<Record<string, PeerAnswer>>): string => {
    const having = (...wanted: PeerAnswer[]): string[] => linuxCpus.filter((cpu) => wanted.includes(answers[cpu]!));
    const [missing, wrong] = [having('no'), having('wrong')];
    if (missing.length + wrong.length === 0) return 'all nine';
    if (having('yes').length <= missing.length) return `only ${having('yes').join(', ')}`;
    const parts = [missing.length === 0 ? '' : `not ${missing.join(', ')}`, wrong.length === 0 ? '' : `wrong on ${wrong.join(', ')}`]; // prettier-ignore
    return parts.filter((part) => part !== '').join('; ');
  };
  return [
    '',
    `${source}.`,
    '',
    "| feature | Linux's JITs | uBPF (x86_64, arm64) | rbpf (x86_64) | llvmbpf |",
    '| --- | --- | --- | --- | --- |',
    ...features.map((row) => `| ${row.title} | ${linux(row.linux)} | ${shown(row.ubpf)} | ${shown(row.rbpf)} | ${shown(row.llvmbpf)} |`), // prettier-ignore
    '',
  ].join('\n');
}
