import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { INSTRUCTIONS } from '../src/instructions.ts';
import { hexWord, sampleBytes, sampleKey, samples, sampleText } from './encoder-samples.ts';

const AS = 'aarch64-linux-gnu-as';
const OBJDUMP = 'aarch64-linux-gnu-objdump';
const OBJCOPY = 'aarch64-linux-gnu-objcopy';
const LLVM_MC = 'llvm-mc-19';
const GOLDEN = new URL('./encode.txt', import.meta.url);
/** Where the samples are said to lie, so that no label is below zero. */
const VMA = 0x40000000;

const has = (tool: string): boolean => spawnSync(tool, ['--version']).status === 0;
const missing = [AS, OBJDUMP, OBJCOPY].filter((tool) => !has(tool));
if (missing.length > 0 && process.env['CI']) throw new Error(`missing tools: ${missing.join(', ')}`);

const all = samples();

/** Our text as assembler input: labels as distances, symbols as they are. */
function source(index: number): string {
  const sample = all[index]!;
  const text = sampleText(sample, 0);
  const hasLabel = sample.node.form.syntax.includes('{label:');
  return hasLabel ? text.replace(/0x-?[0-9a-f]+$/, `. + (${sample.displacement})`) : text;
}

/** objdump's line without comments, symbols and its second spellings of conditions. */
function normalise(text: string): string {
  return text
    .replace(/\s*(\/\/|<).*$/, '')
    .replace(/\s+/g, ' ')
    .replace(/^b\.cs/, 'b.hs')
    .replace(/^b\.cc/, 'b.lo')
    .replace(/, cs$/, ', hs')
    .replace(/, cc$/, ', lo')
    .trim();
}

describe.skipIf(missing.length > 0)(
  `encoder against GNU binutils (missing: ${missing.join(', ') || 'nothing'})`,
  () => {
    let folder: string;
    let object: string;
    let code: Uint8Array;

    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'jit-arm64-'));
      object = join(folder, 'a.o');
      const assembly = join(folder, 'a.s');
      writeFileSync(assembly, all.map((_, i) => source(i)).join('\n') + '\n');
      execFileSync(AS, ['-march=armv8.1-a', '-o', object, assembly]);
      execFileSync(OBJCOPY, ['-O', 'binary', '-j', '.text', object, join(folder, 'a.bin')]);
      code = readFileSync(join(folder, 'a.bin'));
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it('has a sample of every row', () => {
      const rows = new Set(all.map(({ node }) => node.form.name));
      expect([...rows].sort()).toEqual(Object.keys(INSTRUCTIONS).sort());
    });

    it('encodes every sample as the assembler does', () => {
      expect(code.length).toBe(all.length * 4);
      const differing = all.flatMap((sample, i) => {
        const [ours, theirs] = [hexWord(sampleBytes(sample)), hexWord(code.subarray(i * 4, i * 4 + 4))];
        return ours === theirs ? [] : [`${source(i)}: ours ${ours}, as ${theirs}`];
      });
      expect(differing).toEqual([]);
    });

    it('prints every sample as objdump does', () => {
      const listing = execFileSync(OBJDUMP, ['-d', '-z', `--adjust-vma=${VMA}`, object], {
        encoding: 'utf8',
        maxBuffer: 1 << 28,
      });
      const theirs = listing.split('\n').flatMap((line) => /^\s*[0-9a-f]+:\t[0-9a-f]{8} \t(.*)$/.exec(line)?.[1] ?? []);
      expect(theirs.length).toBe(all.length);
      const differing = all.flatMap((sample, i) => {
        const { syntax } = sample.node.form;
        if (syntax.includes('symbol')) return [];
        const ours = normalise(sampleText(sample, VMA + i * 4));
        const text = normalise(theirs[i]!);
        // objdump prints code addresses without 0x.
        const expected = syntax.includes('{label:') ? text.replace(/([0-9a-f]+)$/, '0x$1') : text;
        return ours === expected ? [] : [`ours ${ours}, objdump ${expected}`];
      });
      expect(differing).toEqual([]);
    });

    it('names the relocations as the assembler does', () => {
      const listing = execFileSync(OBJDUMP, ['-r', object], { encoding: 'utf8' });
      for (const form of Object.values(INSTRUCTIONS)) {
        if (form.relocation !== undefined) expect(listing).toContain(form.relocation.kind);
      }
    });

    it.skipIf(!has(LLVM_MC))('agrees with llvm-mc', () => {
      const input = all.flatMap((sample) => [...sampleBytes(sample)].map((byte) => `0x${byte.toString(16)}`)).join(' ');
      const result = spawnSync(LLVM_MC, ['--disassemble', '-triple=aarch64', '-mattr=+v8.1a'], {
        input,
        encoding: 'utf8',
        maxBuffer: 1 << 28,
      });
      expect(result.stderr).toBe('');
      expect(result.stdout.split('\n').filter((line) => line.startsWith('\t') && !line.includes('.text')).length).toBe(
        all.length,
      );
    });

    const rewrite = (): void => {
      const indexOf = new Map(all.map((sample, i) => [sampleKey(sample), i]));
      const lines = samples('few').map((sample) => {
        const i = indexOf.get(sampleKey(sample))!;
        return `${source(i).padEnd(44)} // ${hexWord(code.subarray(i * 4, i * 4 + 4))}`;
      });
      writeFileSync(
        GOLDEN,
        `// Text and bytes of every row at its boundaries; bytes by ${AS}. UPDATE_GOLDEN=1 rewrites.\n${lines.join('\n')}\n`,
      );
    };
    if (process.env['UPDATE_GOLDEN'] === '1') it('writes the golden file', rewrite);
  },
);
