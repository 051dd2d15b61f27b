/** Generated programs on every engine that runs here: a fixed seed, and a fresh one that is printed. */
import { probeLiveKernel } from '@polybpf/kernel';
import { probeMachine } from '@polybpf/machine';
import { ALL_TARGETS } from '@polybpf/targets';
import { describe, expect, it } from 'vitest';
import { arbitraryFrontierProgram } from '../src/arbitrary-frontier.ts';
import { type DifferentialOptions, type DifferentialReport, runDifferential } from '../src/differential.ts';
import { generatorOf } from '../src/generate.ts';
import { kernelEngine } from '../src/node/kernel-engine.ts';
import { openEngines } from '../src/node/open-engines.ts';

const FRESH = Math.floor(Math.random() * 0x7fffffff);
const PROGRAMS = 3000;
/** Of each run; on a busy machine the fixed seed gets less far, never nowhere. */
const TIME_MS = 12_000;
const FEWEST = 100;

/** Fails with the vectors of all disagreements. */
function expectAgreement(options: Omit<DifferentialOptions, 'count' | 'timeMs'>): DifferentialReport {
  const report = runDifferential({ ...options, count: PROGRAMS, timeMs: TIME_MS });
  const { disagreements, seed, programs, elapsedMs } = report;
  console.log(`seed ${seed}: ${programs} programs in ${(elapsedMs / 1000).toFixed(1)} s, ${report.compared.map(({ engine, programs: n }) => `${engine} ${n}`).join(', ')}`); // prettier-ignore
  if (disagreements.length > 0) {
    const { index, shrunkOutcomes, vector } = disagreements[0]!;
    throw new Error(`program ${index} of seed ${seed}: ${JSON.stringify(shrunkOutcomes)}\n${JSON.stringify(vector, undefined, 2)}`); // prettier-ignore
  }
  return report;
}

describe('every native target and the interpreter', () => {
  const usable = ALL_TARGETS.filter((target) => {
    const probe = probeMachine(target);
    if (probe.available) return true;
    if (process.env['CI']) throw probe.error;
    it.skip(`${target.name}: ${probe.error.message}`, () => undefined);
    return false;
  });
  if (usable.length === 0) return;
  const names = ['interpreter', ...usable.map(({ name }) => `native:${name}`)];

  it.each([
    ['a fixed seed', 20260101],
    ['a fresh seed', FRESH],
  ])('agree on the programs of %s', (_, seed) => {
    using open = openEngines(names);
    const report = expectAgreement({ engines: open.engines, seed });
    expect(report.compared).toHaveLength(names.length + (usable.some(({ endian }) => endian === 'big') ? 1 : 0));
    // A target that lacks instructions says so; the others take everything.
    const lacking = new Set(report.refused.map(({ engine }) => engine));
    for (const { engine, programs } of report.compared) {
      if (!lacking.has(engine)) expect(programs, engine).toBeGreaterThanOrEqual(FEWEST);
    }
    expect(lacking).not.toContain('interpreter');
  });
});

describe('the live kernel', () => {
  const probe = probeLiveKernel();
  if (!probe.available) {
    if (process.env['CI']) throw probe.reason;
    it.skip(`fuzz: ${probe.reason.message}`, () => undefined);
    return;
  }

  it.each([
    ['a fixed seed', 20260102],
    ['a fresh seed', FRESH],
  ])('agrees with the interpreter on the programs of %s', (_, seed) => {
    using engine = kernelEngine();
    using open = openEngines(['interpreter']);
    const before = engine.kernel.openCount;
    const report = expectAgreement({ engines: [engine, ...open.engines], seed });
    expect(report.flavour).toBe('kernel');
    // What is refused is too complex for the verifier, which happens to one program in thousands.
    const refused = report.refused.reduce((sum, { programs }) => sum + programs, 0);
    expect(refused).toBeLessThan(Math.max(5, report.programs / 200));
    for (const { reason } of report.refused) expect(reason).toMatch(/too large|too complex/);
    // The map for results stays open, and one map for each size of memory.
    expect(engine.kernel.openCount).toBeLessThan(before + 40);
  });

  it('takes about half of the frontier programs, and each piece as it should be', () => {
    using engine = kernelEngine();
    const generate = generatorOf(arbitraryFrontierProgram(), FRESH);
    const verdicts = { accepted: 0, refused: 0 };
    const messages = new Set<string>();
    const accepted = new Set<string>();
    for (let i = 0; i < 800; i++) {
      const { program, type, pieces } = generate(i);
      const verdict = engine.judge(program, type);
      verdicts[verdict.accepted ? 'accepted' : 'refused']++;
      if (verdict.accepted) for (const piece of pieces) accepted.add(piece);
      else messages.add(verdict.message.replace(/\d+/g, 'N'));
    }
    console.log(`frontier, seed ${FRESH}: ${JSON.stringify(verdicts)}, ${messages.size} messages`);
    expect(verdicts.accepted / 800).toBeGreaterThan(0.25);
    expect(verdicts.accepted / 800).toBeLessThan(0.75);
    expect(messages.size).toBeGreaterThan(20);
    expect([...accepted].filter((piece) => !piece.includes('slip')).length).toBeGreaterThan(18);
    expect([...accepted].some((piece) => piece.includes('slip'))).toBe(true);
  });
});
