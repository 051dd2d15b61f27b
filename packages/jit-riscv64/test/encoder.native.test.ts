import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { INSTRUCTIONS, type Riscv64Form } from '../src/instructions.ts';
import { hexOf, type Sample, sampleBytes, sampleKey, samples, sampleSource, sampleText } from './encoder-samples.ts';

const AS = 'riscv64-linux-gnu-as';
const OBJDUMP = 'riscv64-linux-gnu-objdump';
const OBJCOPY = 'riscv64-linux-gnu-objcopy';
const LLVM_MC = 'llvm-mc-19';
const GOLDEN = new URL('./encode.txt', import.meta.url);
/** Where the samples are said to lie, so that no label is below zero. */
const VMA = 0x40000000;

const has = (tool: string): boolean => spawnSync(tool, ['--version']).status === 0;
const missing = [AS, OBJDUMP, OBJCOPY].filter((tool) => !has(tool));
if (missing.length > 0 && process.env['CI']) throw new Error(`missing tools: ${missing.join(', ')}`);

const sizeOf = ({ node }: Sample): number => (node.form as Riscv64Form).layout.size;
const all = samples();
const single = all.filter((sample) => sizeOf(sample) < 8);
const pairs = all.filter((sample) => sizeOf(sample) === 8);

/** objdump's line without comments and symbols. */
function normalise(text: string): string {
  return text
    .replace(/\s*(#|<).*$/, '')
    .replace(/\s+/g, ' ')
    .replace('c.addi zero,0', 'c.nop')
    .trim();
}

describe.skipIf(missing.length > 0)(
  `encoder against GNU binutils (missing: ${missing.join(', ') || 'nothing'})`,
  () => {
    let folder: string;
    const object = (name: string): string => join(folder, `${name}.o`);

    /** Machine code of some lines; instructions keep the size that they are written in. */
    function assembled(name: string, lines: readonly string[]): Uint8Array {
      const head = [
        '.option norelax',
        '.option arch, +zifencei, +zba, +zbb',
        '.option norvc',
        'anchor: auipc t0,%pcrel_hi(symbol)',
      ];
      writeFileSync(join(folder, `${name}.s`), [...head, ...lines].join('\n') + '\n');
      execFileSync(AS, ['-march=rv64gc', '-o', object(name), join(folder, `${name}.s`)]);
      execFileSync(OBJCOPY, ['-O', 'binary', '-j', '.text', object(name), join(folder, `${name}.bin`)]);
      return readFileSync(join(folder, `${name}.bin`)).subarray(4);
    }

    let code: Uint8Array;
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'jit-riscv64-'));
      // A compressed mnemonic needs the extension switched on, any other must not be compressed.
      const lines = single.map((sample) => (sizeOf(sample) === 2 ? `.option rvc\n${sampleSource(sample)}\n.option norvc` : sampleSource(sample))); // prettier-ignore
      code = assembled('single', lines);
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it('has a sample of every row', () => {
      const rows = new Set(all.map(({ node }) => node.form.name));
      expect([...rows].sort()).toEqual(Object.keys(INSTRUCTIONS).sort());
    });

    it('encodes every sample as the assembler does', () => {
      let at = 0;
      const differing = single.flatMap((sample) => {
        const size = sizeOf(sample);
        const [ours, theirs] = [hexOf(sampleBytes(sample)), hexOf(code.subarray(at, at + size))];
        at += size;
        return ours === theirs ? [] : [`${sampleSource(sample)}: ours ${ours}, as ${theirs}`];
      });
      expect(differing).toEqual([]);
      expect(code.length).toBe(at);
    });

    it('encodes pairs as the assembler does', () => {
      const near = pairs.filter(({ displacement }) => Math.abs(displacement) < 8192);
      // Labels of pairs must be symbols: one before each.
      const lines = near.map((sample, i) => `here${i}: ${sampleSource(sample).replace('. +', `here${i} +`)}`);
      assembled('pairs', lines);
      execFileSync('riscv64-linux-gnu-ld', ['-o', join(folder, 'pairs'), '--defsym', 'symbol=0', '-Ttext=0x10000', '-e', '0', object('pairs')]); // prettier-ignore
      execFileSync(OBJCOPY, ['-O', 'binary', '-j', '.text', join(folder, 'pairs'), join(folder, 'pairs.bin')]);
      const bytes = readFileSync(join(folder, 'pairs.bin')).subarray(4);
      const differing = near.flatMap((sample, i) => {
        if (sample.node.form.syntax.includes('symbol')) return [];
        const [ours, theirs] = [hexOf(sampleBytes(sample)), hexOf(bytes.subarray(8 * i, 8 * i + 8))];
        return ours === theirs ? [] : [`${lines[i]}: ours ${ours}, ld ${theirs}`];
      });
      expect(differing).toEqual([]);
      expect(near.length).toBeGreaterThan(20);
    });

    it('prints every sample as objdump does', () => {
      const listing = execFileSync(
        OBJDUMP,
        ['-d', '-z', '-M', 'no-aliases', `--adjust-vma=${VMA - 4}`, object('single')],
        {
          encoding: 'utf8',
          maxBuffer: 1 << 28,
        },
      );
      const theirs = listing
        .split('\n')
        .flatMap((line) => /^\s*[0-9a-f]+:\s+[0-9a-f]{4,8}\s+(.*)$/.exec(line)?.[1] ?? [])
        .slice(1);
      expect(theirs.length).toBe(single.length);
      let at = 0;
      const differing = single.flatMap((sample, i) => {
        const { syntax } = sample.node.form;
        const ours = normalise(sampleText(sample, VMA + at));
        at += sizeOf(sample);
        if (syntax.includes('symbol')) return [];
        const text = normalise(theirs[i]!);
        // objdump prints code addresses without 0x.
        const expected = syntax.includes('{label:') ? text.replace(/([0-9a-f]+)$/, '0x$1') : text;
        return ours === expected ? [] : [`ours ${ours}, objdump ${expected}`];
      });
      expect(differing).toEqual([]);
    });

    it('names the relocations as the assembler does', () => {
      assembled('relocations', samples('few').filter(({ node }) => node.form.relocation !== undefined).map(sampleSource)); // prettier-ignore
      const listing = execFileSync(OBJDUMP, ['-r', object('relocations')], { encoding: 'utf8' });
      for (const form of Object.values(INSTRUCTIONS)) {
        if (form.relocation !== undefined) expect(listing).toContain(form.relocation.kind);
      }
    });

    it.skipIf(!has(LLVM_MC))('agrees with llvm-mc', () => {
      const input = all.flatMap((sample) => [...sampleBytes(sample)].map((byte) => `0x${byte.toString(16)}`)).join(' ');
      const result = spawnSync(LLVM_MC, ['--disassemble', '-triple=riscv64', '-mattr=+m,+a,+c,+zba,+zbb'], {
        input,
        encoding: 'utf8',
        maxBuffer: 1 << 28,
      });
      expect(result.stderr).toBe('');
      const lines = result.stdout.split('\n').filter((line) => line.startsWith('\t') && !line.includes('.text'));
      expect(lines.length).toBe(single.length + 2 * pairs.length);
    });

    const rewrite = (): void => {
      const offsets = new Map<string, number>();
      let at = 0;
      for (const sample of single) {
        offsets.set(sampleKey(sample), at);
        at += sizeOf(sample);
      }
      const lines = samples('few').flatMap((sample) => {
        if (sizeOf(sample) === 8) return [];
        const offset = offsets.get(sampleKey(sample))!;
        return [`${sampleSource(sample).padEnd(36)} // ${hexOf(code.subarray(offset, offset + sizeOf(sample)))}`];
      });
      const head = `// Text and bytes of every row at its boundaries; bytes by ${AS}. UPDATE_GOLDEN=1 rewrites.`;
      writeFileSync(GOLDEN, `${head}\n${lines.join('\n')}\n`);
    };
    if (process.env['UPDATE_GOLDEN'] === '1') it('writes the golden file', rewrite);
  },
);
