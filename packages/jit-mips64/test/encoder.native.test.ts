import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { INSTRUCTIONS, RELEASE6 } from '../src/instructions.ts';
import { hexWord, sampleBytes, samples, sampleSource, sampleText } from './encoder-samples.ts';

const GOLDEN = { 2: new URL('./encode.txt', import.meta.url), 6: new URL('./encode-r6.txt', import.meta.url) };
/** Where the samples are said to lie, so that no label is below zero. */
const VMA = 0x40000000;

describe.each([
  ['big', 2, 'mips64-linux-gnuabi64'],
  ['little', 2, 'mips64el-linux-gnuabi64'],
  ['big', 6, 'mips64-linux-gnuabi64'],
  ['little', 6, 'mips64el-linux-gnuabi64'],
] as const)('%s-endian encoder of release %i against GNU binutils', (endian, release, triple) => {
  const all = samples('all', release);
  const missing = ['as', 'objdump', 'objcopy'].filter((tool) => spawnSync(`${triple}-${tool}`, ['--version']).status !== 0); // prettier-ignore
  if (missing.length > 0 && process.env['CI']) throw new Error(`missing tools of ${triple}: ${missing.join(', ')}`);

  describe.skipIf(missing.length > 0)(`${triple} (missing: ${missing.join(', ') || 'nothing'})`, () => {
    let folder: string;
    let object: string;
    let code: Uint8Array;

    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'jit-mips64-'));
      object = join(folder, 'a.o');
      const assembly = join(folder, 'a.s');
      writeFileSync(assembly, `.set noreorder\n.set noat\n${all.map(sampleSource).join('\n')}\n`);
      execFileSync(`${triple}-as`, [
        `-march=mips64r${release}`,
        '-mabi=64',
        '-mno-fix-loongson3-llsc',
        '-o',
        object,
        assembly,
      ]);
      execFileSync(`${triple}-objcopy`, ['-O', 'binary', '-j', '.text', object, join(folder, 'a.bin')]);
      code = readFileSync(join(folder, 'a.bin'));
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it('has a sample of every row', () => {
      expect(new Set(all.map(({ node }) => node.form.name))).toEqual(
        new Set(Object.keys(release === 2 ? INSTRUCTIONS : RELEASE6)),
      );
    });

    it('encodes every sample as the assembler does', () => {
      const differing = all.flatMap((sample, i) => {
        const [ours, theirs] = [hexWord(sampleBytes(sample, endian)), hexWord(code.subarray(i * 4, i * 4 + 4))];
        return ours === theirs ? [] : [`${sampleSource(sample)}: ours ${ours}, as ${theirs}`];
      });
      expect(differing).toEqual([]);
      // The assembler pads sections to 16 bytes.
      expect(code.length).toBe((all.length * 4 + 15) & ~15);
    });

    it('prints every sample as objdump does', () => {
      const listing = execFileSync(`${triple}-objdump`, ['-d', '-z', '-M', 'gpr-names=64', `--adjust-vma=${VMA}`, object], { encoding: 'utf8', maxBuffer: 1 << 28 }); // prettier-ignore
      const theirs = listing.split('\n').flatMap((line) => /^\s*[0-9a-f]+:\t[0-9a-f]{8} \t(.*)$/.exec(line)?.[1] ?? []);
      const differing = all.flatMap((sample, i) => {
        const ours = normalise(sampleText(sample, VMA + i * 4));
        const expected = normalise(theirs[i]!);
        return ours === expected ? [] : [`ours ${ours}, objdump ${expected}`];
      });
      expect(differing).toEqual([]);
    });

    const rewrite = (): void => {
      const lines = samples('few', release).map((sample) => `${sampleSource(sample).padEnd(36)} # ${hexWord(sampleBytes(sample, 'big'))}`); // prettier-ignore
      writeFileSync(GOLDEN[release], `# Text and big-endian bytes of every row at its boundaries; proved by ${triple}-as. UPDATE_GOLDEN=1 rewrites.\n${lines.join('\n')}\n`); // prettier-ignore
    };
    if (process.env['UPDATE_GOLDEN'] === '1' && endian === 'big') it('writes the golden file', rewrite);
  });
});

/** What objdump calls instructions one of whose operands is $zero. */
const ALIASES: readonly (readonly [RegExp, string])[] = [
  [/^(?:addu|daddu|or) (\w+),(\w+),zero$/, 'move $1,$2'],
  [/^(d?)subu (\w+),zero,(\w+)$/, '$1negu $2,$3'],
  [/^(?:ori|addiu|daddiu) (\w+),zero,(\S+)$/, 'li $1,$2'],
  [/^(beq|bne) (\w+),zero,/, '$1z $2,'],
  [/^(?:beqz|bgez) zero,/, 'b '],
  [/^(d?)rotr/, '$1ror'],
  [/^sll zero,zero,0$/, 'nop'],
];

/** Text in one spelling: without `$`, symbols and `0x`, with aliases. */
function normalise(text: string): string {
  const plain = text.replace(/\s*<.*$/, '').replaceAll('$', '').replace(/\s+/g, ' ').replace(/, /g, ',').replace(/\b0x/g, '').trim(); // prettier-ignore
  return ALIASES.reduce((result, [pattern, replacement]) => result.replace(pattern, replacement), plain);
}
