// The generated tables of docs/TESTING.md: the topics of the test vectors, and the mutants with what kills them.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MUTANTS } from '../mutants/mutants.ts';
import { areaOf, isVectorKiller, type Mutant } from '../mutants/src/mutant.ts';
import { ROOT } from './repository.ts';

interface VectorFile {
  readonly topic: string;
  readonly tests: readonly { readonly source: string; readonly acceptedBy?: { readonly linux: boolean } }[];
}

const cell = (text: string): string => text.replaceAll('|', '\\|');

/** One row for each file of `test-vectors/`. */
export function renderVectorTopics(toRoot: string): string {
  const folder = join(ROOT, 'test-vectors');
  const names = readdirSync(folder).filter((name) => name.endsWith('.json') && !name.endsWith('.schema.json'));
  const total = { all: 0, linux: 0, refused: 0 };
  const rows = names.sort().map((name) => {
    const { topic, tests } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as VectorFile;
    const linux = tests.filter(({ source }) => source.startsWith('linux')).length;
    const refused = tests.filter(({ acceptedBy }) => acceptedBy?.linux === false).length;
    total.all += tests.length;
    total.linux += linux;
    total.refused += refused;
    return `| [\`${name}\`](${toRoot}test-vectors/${name}) | ${cell(topic)} | ${tests.length} | ${linux} | ${refused} |`;
  });
  const sum = `| | all | ${total.all} | ${total.linux} | ${total.refused} |`;
  const head = ['| file | topic | vectors | labelled by Linux | refused by Linux |', '| --- | --- | --: | --: | --: |'];
  return ['', ...head, ...rows, sum, ''].join('\n');
}

/** One table of mutants for each area. */
export function renderMutants(): string {
  const areas = [...new Set(MUTANTS.map(areaOf))];
  const count = MUTANTS.filter(({ killedBy }) => isVectorKiller(killedBy)).length;
  const lines = ['', `${MUTANTS.length} mutants; vectors kill ${count} of them, tests the others.`];
  for (const area of areas) {
    const own = MUTANTS.filter((mutant) => areaOf(mutant) === area);
    lines.push(
      '',
      `### ${area}`,
      '',
      '| mutant | what is wrong | killed by |',
      '| --- | --- | --- |',
      ...own.map(mutantRow),
    );
  }
  return [...lines, ''].join('\n');
}

function mutantRow(mutant: Mutant): string {
  const { id, what, killedBy } = mutant;
  const killer = isVectorKiller(killedBy)
    ? `\`${killedBy.vector}\` on ${killedBy.engine}`
    : `\`${killedBy.test}\`: ${killedBy.name}`;
  return `| ${id.slice(id.indexOf('/') + 1)} | ${cell(what)} | ${cell(killer)} |`;
}
