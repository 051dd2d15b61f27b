import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Engine, interpreterEngine, runSuite } from '@polybpf/conformance';
import { loadSuite } from '@polybpf/conformance/node';
import { isBpfError } from '@polybpf/errors';
import {
  type DifferentialReport,
  generatorOf,
  malformedBytes,
  malformedElf,
  malformedText,
  programGenerator,
  referenceEngine,
  runDifferential,
} from '@polybpf/fuzz';
import { decodeProgram, makeProgram } from '@polybpf/isa';
import type fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fuzzDocument, fuzzReportText, saveFuzzVectors } from '../src/commands/fuzz.ts';
import { readProgramFile } from '../src/input.ts';
import { OUTPUT_SCHEMAS } from '../src/schemas.ts';
import { buildCli, type Cli, repositoryFile } from './run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'polybpf-fuzz-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Takes w -= reg for w += reg. */
function wrongEngine(): Engine {
  return {
    ...referenceEngine(),
    name: 'native',
    target: 'wrong',
    run: (jobs) =>
      referenceEngine().run(
        jobs.map(({ program, mem }) => ({
          program: makeProgram(
            program.insns.map((insn) => (insn.opcode === 0x1c ? { ...insn, opcode: 0x0c } : insn)),
            { endian: program.endian },
          ),
          mem,
        })),
      ),
  };
}

describe('the report of a run', () => {
  let wrong: DifferentialReport;
  let right: DifferentialReport;
  beforeAll(() => {
    wrong = runDifferential({ engines: [referenceEngine(), wrongEngine()], seed: 12, count: 2000 });
    right = runDifferential({
      engines: [referenceEngine(), { ...referenceEngine(), name: 'kernel' }],
      seed: 12,
      count: 50,
    });
  });

  it('follows its schema', () => {
    for (const report of [wrong, right]) {
      const parsed = OUTPUT_SCHEMAS['fuzz']!.safeParse(JSON.parse(JSON.stringify(fuzzDocument(report))));
      expect(parsed.error?.issues ?? []).toEqual([]);
    }
    expect(fuzzDocument(wrong)).toMatchObject({
      seed: 12,
      isa: 'v4',
      flavour: 'any',
      disagreements: [{ endian: wrong.disagreements[0]!.endian }],
    });
  });

  it('tells people what was compared, covered and found', () => {
    const text = fuzzReportText(wrong);
    expect(text).toMatch(/^add64_reg +\d+ +\d+ +two registers: \d+/m);
    expect(text).toMatch(/^native:wrong +(little|big) +\d+ +0$/m);
    expect(text).toMatch(/shrunk:\n {2}interpreter: 0x[0-9a-f]{16}\n {2}native:wrong: 0x[0-9a-f]{16}\n\{/);
    expect(text).toMatch(/\n1 disagreement$/);
    expect(fuzzReportText(right)).toMatch(
      /seed 12, programs 0 to 49, isa v4, flavour kernel: \d+ slots[^]*\nno disagreement$/,
    );
  });

  it('is saved as vectors that can be run again, beside the whole program', () => {
    const save = join(folder, 'deep', 'saved');
    saveFuzzVectors(save, wrong);
    const vectors = loadSuite(save);
    expect(runSuite(vectors, interpreterEngine()).map(({ status }) => status)).toEqual(['passed']);
    expect(runSuite(vectors, wrongEngine()).map(({ status }) => status)).toEqual(['failed']);
    const { index, program } = wrong.disagreements[0]!;
    const hex = readFileSync(join(save, `fuzz-12-${index}.hex`), 'utf8').trim();
    expect(decodeProgram(Buffer.from(hex, 'hex'), 'little')).toEqual(program.insns);
    expect(programGenerator(12)(index).insns).toEqual(program.insns);
  });
});

describe('the command', () => {
  let cli: Cli;
  beforeAll(async () => {
    cli = await buildCli();
  });
  afterAll(() => cli.close());

  it.each([
    [['--against', 'interpreter'], /nothing to compare/],
    [['--against', 'interpreter,magic'], /unknown engine, expected kernel, interpreter, wasm, .*, got magic/],
    [['--against', 'native:pdp11'], /target name/],
    [['--count', '0'], /--count/],
    [['--count', '1.5'], /--count/],
    [['--time', 'x'], /--time/],
    [['--time', '-1'], /--time/],
    [['--seed', 'abc'], /--seed/],
    [['--seed', '99999999999'], /--seed/],
    [['--index', '-1'], /--index/],
    [['--isa', 'v9'], /v9/],
    [['--flavour', 'sweet'], /sweet/],
  ])('refuses %j', (args, message) => {
    const { status, stdout, stderr } = cli.run(['fuzz', ...args]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(message);
  });

  it('has help', () => {
    expect(cli.run(['fuzz', '--help'])).toMatchObject({ status: 0, stderr: '' });
  });
});

describe('FILE that is nearly right', () => {
  const objects = readdirSync(repositoryFile('examples/objects/little'))
    .filter((name) => name.endsWith('.o'))
    .map((name) => new Uint8Array(readFileSync(repositoryFile(`examples/objects/little/${name}`))));
  const text = (source: string): fc.Arbitrary<Uint8Array> =>
    malformedText([source]).map((line) => new TextEncoder().encode(line));
  const path = join(folder, 'input');

  it.each([
    ['objects', malformedElf(objects)],
    ['raw bytes', malformedBytes()],
    ['hex', text('b7 00 00 00 2a 00 00 00\n95 00 00 00 00 00 00 00\n')],
    ['assembly', text('r0 = 1\nif r0 > 5 goto out\n*(u32 *)(r10 - 4) = 7\nout:\nexit\n')],
  ])('%s: read or refused, never anything else', (_, inputs) => {
    const seeds = [1, Math.floor(Math.random() * 0x7fffffff)];
    const counts = { taken: 0, refused: 0 };
    for (const seed of seeds) {
      const generate = generatorOf<Uint8Array>(inputs, seed);
      const started = performance.now();
      for (let i = 0; i < 1000 && (i < 150 || performance.now() - started < 1500); i++) {
        writeFileSync(path, generate(i));
        try {
          readProgramFile(path);
          counts.taken++;
        } catch (cause) {
          if (!isBpfError(cause)) throw new Error(`input ${i} of seed ${seed}`, { cause });
          counts.refused++;
        }
      }
    }
    expect(counts.taken).toBeGreaterThan(5);
    expect(counts.refused).toBeGreaterThan(5);
  });
});
