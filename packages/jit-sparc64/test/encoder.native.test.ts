import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SparcForm } from '../src/instructions.ts';
import { ALL_FORMS, distanceOf, type Sample, sampleBytes, sampleKey, samples, sampleSource, sampleText, toHex } from './encoder-samples.ts'; // prettier-ignore

const AS = 'sparc64-linux-gnu-as';
const OBJDUMP = 'sparc64-linux-gnu-objdump';
const OBJCOPY = 'sparc64-linux-gnu-objcopy';
const LLVM_MC = 'llvm-mc-19';
const GOLDEN = new URL('./encode.txt', import.meta.url);
/** Where the samples are said to lie, so that no label is below zero. */
const VMA = 0x4000_0000;

const has = (tool: string): boolean => spawnSync(tool, ['--version']).status === 0;
const missing = [AS, OBJDUMP, OBJCOPY].filter((tool) => !has(tool));
if (missing.length > 0 && process.env['CI']) throw new Error(`missing tools: ${missing.join(', ')}`);

const all = samples();
const offsets: number[] = [];
const sizes = all.map((sample) => sampleBytes(sample).length);
sizes.reduce((offset, size, i) => ((offsets[i] = offset), offset + size), 0);

/** objdump's line with single spaces and without comments. */
function normalise(text: string): string {
  return text
    .replace(/\s*!.*$/, '')
    .replace(/\s+/g, ' ')
    .trim();
}

/** Our text -> what objdump prefers for some operands. */
const PREFERRED: readonly (readonly [RegExp, string])[] = [
  [/^sethi %hi\(0\), %g0$/, 'nop'],
  [/^or %g0, (.*)$/, 'mov $1'],
  [/^or (%\w+), (?:%g0|0), (.*)$/, 'mov $1, $2'],
  [/^mov (?:0, |%g0, (?=%g0$))(.*)$/, 'clr $1'],
  [/^sub %g0, (%.*)$/, 'neg $1'],
  [/^neg (%\w+), \1$/, 'neg $1'],
  [/^subcc (.*), %g0$/, 'cmp $1'],
  [/^andcc (%\w+), (%\w+), %g0$/, 'btst $1, $2'],
  [/^andcc (%\w+), ([^%]*), %g0$/, 'btst $2, $1'],
  [/^orcc (%\w+), 0, %g0$/, 'tst $1'],
  [/^orcc %g0, (%\w+), %g0$/, 'tst $1'],
  [/^srl (%\w+), %g0, (.*)$/, 'clruw $1, $2'],
  [/^sra (%\w+), %g0, (.*)$/, 'signx $1, $2'],
  [/^(clruw|signx) (%\w+), \2$/, '$1 $2'],
  [/\[ %g0 \+ (?!%)/, '[ '],
  [/ \+ %g0 \]/, ' ]'],
  [/^st(.?) %g0, /, 'clr$1 '],
  [/^bn %xcc, /, 'iprefetch '],
  [/^ba(,a|,pn)? /, 'b$1 '],
  [/^jmp (%\w+) \+ %g0$/, 'jmp $1'],
  [/^restore %g0, %g0, %g0$/, 'restore'],
];

/** What objdump should print for a sample at an address: labels of distances are numbers, symbols are not there yet. */
function expectedText(sample: Sample, at: number): string {
  const form = sample.node.form as SparcForm;
  if (form.name === 'call_symbol') return `call 0x${at.toString(16)}`;
  const distance = distanceOf(form);
  const text = sampleText(sample, at);
  if (form.name === 'call' && text.startsWith('call -0x')) {
    return `call 0x${BigInt.asUintN(64, BigInt(at + sample.displacement)).toString(16)}`;
  }
  const number = sample.displacement + distance;
  const shown = number <= 9 ? String(number) : `0x${number.toString(16)}`;
  const plain = distance > 0 ? text.replace(/(\+|,) -?0x[0-9a-f]+/, `$1 ${shown}`).replace(' + 0 ]', ' ]') : text;
  const unlinked = plain.replace('sethi %pc22(symbol)', 'sethi %hi(0)').replace('%pc10(symbol)', '0');
  return PREFERRED.reduce((line, [pattern, preferred]) => line.replace(pattern, preferred), unlinked);
}

describe.skipIf(missing.length > 0)(
  `encoder against GNU binutils (missing: ${missing.join(', ') || 'nothing'})`,
  () => {
    let folder: string;
    let object: string;
    let code: Uint8Array;

    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'jit-sparc64-'));
      object = join(folder, 'a.o');
      const assembly = join(folder, 'a.s');
      writeFileSync(assembly, all.map(sampleSource).join('\n') + '\n');
      // v9: an instruction that is newer would be refused.
      execFileSync(AS, ['-Av9', '-64', '-o', object, assembly]);
      execFileSync(OBJCOPY, ['-O', 'binary', '-j', '.text', object, join(folder, 'a.bin')]);
      code = readFileSync(join(folder, 'a.bin'));
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it('has a sample of every row', () => {
      const rows = new Set(all.map(({ node }) => node.form.name));
      expect([...rows].sort()).toEqual(ALL_FORMS.map((form) => form.name).sort());
    });

    it('encodes every sample as the assembler does', () => {
      expect(code.length).toBe(offsets.at(-1)! + sizes.at(-1)!);
      const differing = all.flatMap((sample, i) => {
        const [ours, theirs] = [toHex(sampleBytes(sample)), toHex(code.subarray(offsets[i]!, offsets[i]! + sizes[i]!))];
        return ours === theirs ? [] : [`${sampleSource(sample)}: ours ${ours}, as ${theirs}`];
      });
      expect(differing).toEqual([]);
    });

    it('prints every sample as objdump does', () => {
      const listing = execFileSync(OBJDUMP, ['-d', '-z', `--adjust-vma=${VMA}`, object], {
        encoding: 'utf8',
        maxBuffer: 1 << 28,
      });
      const theirs = listing.split('\n').flatMap((line) => /^\s*[0-9a-f]+:\t[0-9a-f ]+\t(.*)$/.exec(line)?.[1] ?? []);
      expect(theirs.length).toBeGreaterThanOrEqual(all.length);
      const differing = all.flatMap((sample, i) => {
        const ours = expectedText(sample, VMA + offsets[i]!);
        const expected = normalise(theirs[i]!);
        return ours === expected ? [] : [`ours ${ours}, objdump ${expected}`];
      });
      expect(differing).toEqual([]);
    });

    it.skipIf(!has(LLVM_MC))('agrees with llvm-mc', () => {
      const input = all.flatMap((sample) => [...sampleBytes(sample)].map((byte) => `0x${byte.toString(16)}`)).join(' ');
      const result = spawnSync(LLVM_MC, ['--disassemble', '-triple=sparcv9'], {
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
