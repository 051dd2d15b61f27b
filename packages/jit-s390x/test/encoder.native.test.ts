import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ALL_FORMS, sampleBytes, sampleKey, samples, sampleSource, sampleText, toHex } from './encoder-samples.ts';

const AS = 's390x-linux-gnu-as';
const OBJDUMP = 's390x-linux-gnu-objdump';
const OBJCOPY = 's390x-linux-gnu-objcopy';
const LLVM_MC = 'llvm-mc-19';
const GOLDEN = new URL('./encode.txt', import.meta.url);
/** Where the samples are said to lie, so that no label is below zero. */
const VMA = 0x2_0000_0000;

const has = (tool: string): boolean => spawnSync(tool, ['--version']).status === 0;
const missing = [AS, OBJDUMP, OBJCOPY].filter((tool) => !has(tool));
if (missing.length > 0 && process.env['CI']) throw new Error(`missing tools: ${missing.join(', ')}`);

const all = samples();
const offsets: number[] = [];
const sizes = all.map((sample) => sampleBytes(sample).length);
sizes.reduce((offset, size, i) => ((offsets[i] = offset), offset + size), 0);

/** objdump's line with single spaces, without symbols, and without the mnemonics that hide an operand. */
function normalise(text: string): string {
  return text
    .replace(/\s*<.*$/, '')
    .replace(/\s+/g, ' ')
    .replace(
      /^risbgz (%r\d+,%r\d+,\d+),(\d+)/,
      (_, front: string, last: string) => `risbg ${front},${Number(last) + 128}`,
    )
    .replace(/^nopr$/, 'nopr %r0')
    .trim();
}

/** BRANCH ON CONDITION is printed by mask: `ber %r1`, `br %r14`, `nopr`. */
const MASKS = [
  'nopr',
  'bor',
  'bhr',
  'bnler',
  'blr',
  'bnher',
  'blhr',
  'bner',
  'ber',
  'bnlhr',
  'bher',
  'bnlr',
  'bler',
  'bnhr',
  'bnor',
  'br',
];

function withMaskInMnemonic(text: string): string {
  return text.replace(/^bcr (\d+),/, (_, mask: string) => `${MASKS[Number(mask)]} `);
}

describe.skipIf(missing.length > 0)(
  `encoder against GNU binutils (missing: ${missing.join(', ') || 'nothing'})`,
  () => {
    let folder: string;
    let object: string;
    let code: Uint8Array;

    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'jit-s390x-'));
      object = join(folder, 'a.o');
      const assembly = join(folder, 'a.s');
      writeFileSync(assembly, all.map(sampleSource).join('\n') + '\n');
      // z196: an instruction that is newer would be refused.
      execFileSync(AS, ['-march=z196', '-mzarch', '-m64', '-o', object, assembly]);
      execFileSync(OBJCOPY, ['-O', 'binary', '-j', '.text', object, join(folder, 'a.bin')]);
      code = readFileSync(join(folder, 'a.bin'));
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it('has a sample of every row', () => {
      const rows = new Set(all.map(({ node }) => node.form.name));
      expect([...rows].sort()).toEqual(ALL_FORMS.map((form) => form.name).sort());
    });

    it('encodes every sample as the assembler does', () => {
      // GNU as pads the section to a multiple of 8.
      expect(code.length).toBe((offsets.at(-1)! + sizes.at(-1)! + 7) & ~7);
      const differing = all.flatMap((sample, i) => {
        const [ours, theirs] = [toHex(sampleBytes(sample)), toHex(code.subarray(offsets[i]!, offsets[i]! + sizes[i]!))];
        return ours === theirs ? [] : [`${sampleSource(sample)}: ours ${ours}, as ${theirs}`];
      });
      expect(differing).toEqual([]);
    });

    it('prints every sample as objdump does', () => {
      const listing = execFileSync(OBJDUMP, ['-d', '-z', '-M', 'zarch', `--adjust-vma=${VMA}`, object], {
        encoding: 'utf8',
        maxBuffer: 1 << 28,
      });
      const theirs = listing.split('\n').flatMap((line) => /^\s*[0-9a-f]+:\t[0-9a-f ]+\t(.*)$/.exec(line)?.[1] ?? []);
      expect(theirs.length).toBeGreaterThanOrEqual(all.length);
      const differing = all.flatMap((sample, i) => {
        const ours = withMaskInMnemonic(sampleText(sample, VMA + offsets[i]!));
        const expected = withMaskInMnemonic(normalise(theirs[i]!));
        return ours === expected ? [] : [`ours ${ours}, objdump ${expected}`];
      });
      expect(differing).toEqual([]);
    });

    it.skipIf(!has(LLVM_MC))('agrees with llvm-mc', () => {
      const input = all.flatMap((sample) => [...sampleBytes(sample)].map((byte) => `0x${byte.toString(16)}`)).join(' ');
      const result = spawnSync(LLVM_MC, ['--disassemble', '-triple=s390x', '-mcpu=z196'], {
        input,
        encoding: 'utf8',
        maxBuffer: 1 << 28,
      });
      expect(result.stderr).toBe('');
      expect(result.stdout.split('\n').filter((line) => line.startsWith('\t') && !line.includes('.text')).length).toBe(
        all.length,
      );
    });

    it.runIf(process.env['UPDATE_GOLDEN'] === '1')('writes the golden file', () => {
      const indexOf = new Map(all.map((sample, i) => [sampleKey(sample), i]));
      const lines = samples('few').map((sample) => {
        const i = indexOf.get(sampleKey(sample))!;
        return `${sampleSource(sample).padEnd(44)} // ${toHex(code.subarray(offsets[i]!, offsets[i]! + sizes[i]!))}`;
      });
      const head = `// Text and bytes of every row at its boundaries; bytes by ${AS}. UPDATE_GOLDEN=1 rewrites.`;
      writeFileSync(GOLDEN, `${head}\n${lines.join('\n')}\n`);
    });
  },
);
