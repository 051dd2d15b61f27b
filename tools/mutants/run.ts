// `npm run mutants`: seeds one bug at a time into a copy of the sources and proves that its vector or test finds it.
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { MUTANTS } from './mutants.ts';
import { areaOf, type EngineName, ENGINES, isVectorKiller, type Mutant } from './src/mutant.ts';
import { describeKiller, judgeByTest, judgeByVector, type Laboratory, runBaseline, survey, type Verdict, type VerdictKind } from './src/verdict.ts'; // prettier-ignore
import { copyWorkspace } from './src/workspace-copy.ts';

const HELP = `npm run mutants [-- OPTIONS]

  --id ID        only mutants whose id contains ID; may be repeated
  --only AREA    only one area: ${[...new Set(MUTANTS.map(areaOf))].join(', ')}
  --jobs N       vector runs at once; default 2
  --list         prints ids, what is wrong, and what finds it
  --find ENGINE  runs all vectors on ENGINE with each chosen mutant and prints those that fail:
                 ${ENGINES.join(', ')}
`;

const { values: options } = parseArgs({
  options: {
    id: { type: 'string', multiple: true },
    only: { type: 'string' },
    jobs: { type: 'string', default: '2' },
    list: { type: 'boolean', default: false },
    find: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

const WORDS: Readonly<Record<VerdictKind, string>> = {
  killed: 'killed', survived: 'SURVIVED', stale: 'STALE', invalid: 'INVALID', skipped: 'skipped',
}; // prettier-ignore

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const isCi = !['', 'false'].includes(process.env['CI'] ?? '');
process.exitCode = await main();

async function main(): Promise<number> {
  const mutants = MUTANTS.filter(isChosen);
  const jobs = Number(options.jobs);
  if (options.help) {
    console.log(HELP);
    return 0;
  }
  if (mutants.length === 0 || !(jobs >= 1)) {
    console.error(mutants.length === 0 ? 'no mutant has that id and area' : '--jobs: expected a number from 1');
    return 2;
  }
  if (options.list) {
    for (const { id, what, killedBy } of mutants) console.log(`${id}: ${what}\n    ${describeKiller(killedBy)}`);
    return 0;
  }
  using copy = copyWorkspace(ROOT);
  const lab: Laboratory = { root: ROOT, copy: copy.folder };
  if (options.find !== undefined) return await findKillers(lab, mutants, options.find);
  const byVector = mutants.filter(({ killedBy }) => isVectorKiller(killedBy));
  const baseline = await runBaseline(lab, byVector);
  const verdicts: Verdict[] = [];
  const queue = [...byVector];
  const work = async (): Promise<void> => {
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
      const { killedBy } = mutant;
      if (isVectorKiller(killedBy)) verdicts.push(told(await judgeByVector(lab, mutant, killedBy, baseline)));
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  for (const mutant of mutants) {
    // One at a time: these change files of the copy.
    if (!isVectorKiller(mutant.killedBy)) verdicts.push(told(await judgeByTest(lab, mutant)));
  }
  return summarise(verdicts);
}

function isChosen(mutant: Mutant): boolean {
  if (options.only !== undefined && areaOf(mutant) !== options.only) return false;
  return options.id === undefined || options.id.some((id) => mutant.id.includes(id));
}

async function findKillers(lab: Laboratory, mutants: readonly Mutant[], engine: string): Promise<number> {
  if (!(ENGINES as readonly string[]).includes(engine)) {
    console.error(`--find: expected ${ENGINES.join(', ')}, got ${engine}`);
    return 2;
  }
  for (const mutant of mutants) {
    const failures = await survey(lab, mutant, engine as EngineName);
    console.log(`${mutant.id} on ${engine}: ${failures.length} vectors fail`);
    for (const failure of failures) console.log(`    ${failure.slice(0, 200)}`);
  }
  return 0;
}

function told(verdict: Verdict): Verdict {
  const { mutant, kind, detail } = verdict;
  console.log(`${WORDS[kind].padEnd(8)} ${mutant.id}: ${mutant.what}`);
  console.log(`         ran ${describeKiller(mutant.killedBy)}${detail === '' ? '' : `: ${shortened(detail)}`}`);
  return verdict;
}

function shortened(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= 200 ? line : `${line.slice(0, 200)}...`;
}

function summarise(verdicts: readonly Verdict[]): number {
  const count = (kind: VerdictKind): number => verdicts.filter((verdict) => verdict.kind === kind).length;
  const skipped = count('skipped');
  const kinds = (Object.keys(WORDS) as VerdictKind[]).map((kind) => `${count(kind)} ${kind}`);
  console.log(`${verdicts.length} mutants: ${kinds.join(', ')}`);
  if (isCi && skipped > 0) console.error('a machine is missing, and CI must not pass by skipping');
  const proven = count('killed') + (isCi ? 0 : skipped);
  return proven === verdicts.length ? 0 : 1;
}
