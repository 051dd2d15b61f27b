/** Nearly right input against everything that reads: only BpfError, and in bounded time. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { assemble, disassemble } from '@polybpf/asm';
import { encodeBtf, parseBtf, parseBtfExt } from '@polybpf/btf';
import { readDataFile, readJsonLines, readVectorFile } from '@polybpf/conformance';
import { readElf } from '@polybpf/elf';
import { isBpfError } from '@polybpf/errors';
import { checkInsns, decodeInsns, decodeProgram, makeProgram } from '@polybpf/isa';
import { runProgram, unwindHelper } from '@polybpf/interpreter';
import { compile } from '@polybpf/jit';
import { loadObject } from '@polybpf/loader';
import { ALL_TARGETS } from '@polybpf/targets';
import type fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  malformedBtf,
  malformedBytes,
  malformedElf,
  malformedInsns,
  malformedText,
} from '../src/arbitrary-malformed.ts';
import { generatorOf } from '../src/generate.ts';

/** A time budget of each reader; slow machines try fewer inputs, but at least {@link FEWEST}. */
const BUDGET_MS = 2000;
const MOST = 4000;
const FEWEST = 200;
/** No input here is large: what takes longer than this on a busy machine does not end in proportion to its input. */
const SLOWEST_MS = 30_000;

/** The fixed seed is for bisecting, the fresh one for finding; it is printed with a failure. */
const SEEDS = [1, Math.floor(Math.random() * 0x7fffffff)];

function repositoryFile(path: string): string {
  return fileURLToPath(new URL(`../../../${path}`, import.meta.url));
}

const OBJECTS = (['little', 'big'] as const).flatMap((order) => {
  const folder = repositoryFile(`examples/objects/${order}`);
  return readdirSync(folder)
    .filter((name) => name.endsWith('.o'))
    .map((name) => new Uint8Array(readFileSync(`${folder}/${name}`)));
});

/** Contents of a section in every object that has it. */
function sections(name: string): Uint8Array[] {
  return OBJECTS.flatMap((bytes) => readElf(bytes).sections.filter((section) => section.name === name)).map(({ data }) => data); // prettier-ignore
}

/** Gives `read` inputs of each seed until the time is up; counts what was taken and what was refused. */
function attack<T>(inputs: fc.Arbitrary<T>, read: (input: T) => void): { taken: number; refused: number } {
  const counts = { taken: 0, refused: 0 };
  for (const seed of SEEDS) {
    const generate = generatorOf(inputs, seed);
    const started = performance.now();
    for (let i = 0; i < MOST && (i < FEWEST || performance.now() - started < BUDGET_MS / SEEDS.length); i++) {
      const input = generate(i);
      const begun = performance.now();
      try {
        read(input);
        counts.taken++;
      } catch (cause) {
        if (!isBpfError(cause))
          throw new Error(`input ${i} of seed ${seed} ends in something else than a BpfError`, { cause });
        counts.refused++;
      }
      const took = performance.now() - begun;
      if (took > SLOWEST_MS) throw new Error(`input ${i} of seed ${seed} took ${Math.round(took)} ms`);
    }
  }
  return counts;
}

function expectBoth(counts: { taken: number; refused: number }): void {
  expect(counts.taken).toBeGreaterThan(1);
  expect(counts.refused).toBeGreaterThan(1);
}

describe('malformed programs', () => {
  it('decode or are refused', () => {
    expectBoth(
      attack(malformedBytes(), (bytes) => {
        const slots = bytes.length & ~7;
        if (slots > 0) disassemble(decodeInsns(bytes.subarray(0, slots), 'big'));
        decodeProgram(bytes, 'little');
      }),
    );
  });

  it('survive being printed and assembled', () => {
    expectBoth(
      attack(malformedInsns(), (insns) => {
        const problems = checkInsns(insns);
        expect(assemble(disassemble(insns)).insns).toEqual(insns);
        if (problems.length > 0) throw problems[0]!;
      }),
    );
  });

  it('run to an end or a fault', () => {
    expectBoth(
      attack(malformedInsns(), (insns) => {
        const mem = new Uint8Array(64);
        runProgram(makeProgram(insns), { mem, helpers: [unwindHelper(5)], budget: 20_000, packet: mem });
      }),
    );
  });

  it.each(ALL_TARGETS.map((target) => [target.name, target] as const))('compile for %s or are refused', (_, target) => {
    expectBoth(
      attack(malformedInsns(), (insns) => void compile(makeProgram(insns, { endian: target.endian }), target)),
    );
  });
});

describe('malformed files', () => {
  it('ELF: read and loaded, or refused', () => {
    expectBoth(
      attack(malformedElf(OBJECTS), (bytes) => {
        readElf(bytes);
        loadObject(bytes);
      }),
    );
  });

  it('BTF: parsed and encoded again, or refused', () => {
    const originals = sections('.BTF');
    expect(originals.length).toBeGreaterThan(4);
    expectBoth(attack(malformedBtf(originals), (bytes) => void encodeBtf(parseBtf(bytes))));
  });

  it('BTF.ext: parsed or refused', () => {
    const originals = sections('.BTF.ext');
    const btf = parseBtf(sections('.BTF')[0]!);
    expect(originals.length).toBeGreaterThan(4);
    expectBoth(attack(malformedBtf(originals), (bytes) => void parseBtfExt(bytes, btf)));
  });
});

describe('malformed text', () => {
  const SOURCES = [
    'r0 = 1\nif r0 > 5 goto +1\nr0 += r0\nexit\n',
    '.map m type=hash key=4 value=8 entries=16\nf:\n*(u32 *)(r10 - 4) = 7\nr2 = r10; r2 += -4\nr1 = m ll\ncall 1\nexit\n',
    'r1 = 0x123456789abcdef0 ll\nlock *(u64 *)(r10 - 8) += r1\nr0 = cmpxchg_64(r10 - 8, r0, r1)\ncall g\nexit\ng:\nr0 = (s8)r1\nexit\n',
  ];
  const UBPF = [
    'mov %r0, 1\njeq %r0, 5, +1\nldxdw %r0, [%r1+8]\nexit\n',
    'lddw %r0, 0x11\ncall local f\nexit\nf:\nlock fetch add32 [%r10-8], %r1\nexit\n',
  ];

  it('assembly of the kernel assembles or is refused with a place', () => {
    expectBoth(attack(malformedText(SOURCES), (text) => void assemble(text)));
  });

  it('assembly of ubpf does too', () => {
    expectBoth(attack(malformedText(UBPF), (text) => void assemble(text, { syntax: 'ubpf' })));
  });

  it('vectors are read or refused, and build or are refused', () => {
    const file = readFileSync(repositoryFile('test-vectors/call-local.json'), 'utf8').slice(0, 4000);
    const small = JSON.stringify({
      schema: 'polybpf-vectors@1',
      topic: 'x',
      spec: [],
      notes: {},
      tests: [{ id: 'a', asm: ['r0 = 1', 'exit'], endian: 'both', expect: { r0: '0x1' }, source: 'self' }],
    });
    expectBoth(
      attack(malformedText([small, file]), (text) => {
        for (const vector of readVectorFile(text, 'x.json')) vector.build('little');
      }),
    );
    const lines = '{"name":"a","bytes":"b7000000010000009500000000000000","expect":{"r0":"0x1"},"mem":"00ff"}\n';
    expectBoth(
      attack(malformedText([lines, lines + lines]), (text) => {
        for (const vector of readJsonLines(text, 'x.jsonl')) vector.build('big');
      }),
    );
    const data = '-- asm\nmov %r0, 1\nexit\n-- mem\n00 01 02\n-- result\n0x1\n';
    expectBoth(attack(malformedText([data]), (text) => void readDataFile(text, 'x.data').build('little')));
  });
});
