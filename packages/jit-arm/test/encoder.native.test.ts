import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { INSTRUCTIONS } from '../src/instructions.ts';
import { hexOf, sampleBytes, samples, sampleSource, sampleText } from './encoder-samples.ts';

const TRIPLE = 'arm-linux-gnueabi';
const GOLDEN = new URL('./encode.txt', import.meta.url);
/** Where the samples are said to lie, so that no label is below zero. */
const VMA = 0x40000000;

const missing = ['as', 'ld', 'objdump', 'objcopy'].filter((tool) => spawnSync(`${TRIPLE}-${tool}`, ['--version']).status !== 0); // prettier-ignore
if (missing.length > 0 && process.env['CI']) throw new Error(`missing tools of ${TRIPLE}: ${missing.join(', ')}`);

const all = samples();
const isLinked = (name: string): boolean => name === 'bl_symbol';
const plain = all.filter(({ node }) => !isLinked(node.form.name));

describe.skipIf(missing.length > 0)(
  `encoder against GNU binutils (missing: ${missing.join(', ') || 'nothing'})`,
  () => {
    let folder: string;

    /** Code of the samples as the assembler makes it; with -EB as the linker turns it for ARMv7. */
    function assembled(order: '-EL' | '-EB'): { code: Uint8Array; object: string } {
      const file = (suffix: string): string => join(folder, `${order.slice(1)}.${suffix}`);
      const head = '.syntax unified\n.arch armv7ve\n.arm\n.globl _start\n_start:\n';
      writeFileSync(file('s'), `${head}${plain.map(sampleSource).join('\n')}\n`);
      execFileSync(`${TRIPLE}-as`, [order, '-mno-warn-deprecated', '-o', file('o'), file('s')], { stdio: 'pipe' });
      const linker = order === '-EB' ? ['-EB', '--be8'] : ['-EL'];
      execFileSync(`${TRIPLE}-ld`, [...linker, `-Ttext=0x${VMA.toString(16)}`, '-o', file('elf'), file('o')], {
        stdio: 'pipe',
      });
      execFileSync(`${TRIPLE}-objcopy`, ['-O', 'binary', '-j', '.text', file('elf'), file('bin')]);
      return { code: readFileSync(file('bin')), object: file('elf') };
    }

    let little: ReturnType<typeof assembled>;
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'jit-arm-'));
      little = assembled('-EL');
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it('has a sample of every row', () => {
      expect(new Set(all.map(({ node }) => node.form.name))).toEqual(new Set(Object.keys(INSTRUCTIONS)));
    });

    it('encodes every sample as the assembler does', () => {
      const differing = plain.flatMap((sample, i) => {
        const [ours, theirs] = [hexOf(sampleBytes(sample)), hexOf(little.code.subarray(i * 4, i * 4 + 4))];
        return ours === theirs ? [] : [`${sampleSource(sample)}: ours ${ours}, as ${theirs}`];
      });
      expect(differing).toEqual([]);
      expect(plain.length).toBeGreaterThan(5000);
    });

    it('has the same bytes in big-endian executables', () => {
      expect(hexOf(assembled('-EB').code)).toBe(hexOf(little.code));
    });

    it('prints every sample as objdump does', () => {
      const listing = execFileSync(`${TRIPLE}-objdump`, ['-d', '-z', '-M', 'reg-names-std', little.object], { encoding: 'utf8', maxBuffer: 1 << 28 }); // prettier-ignore
      const theirs = listing
        .split('\n')
        .flatMap((line) => /^\s*[0-9a-f]+:\t[0-9a-f]{8} \t?(.*)$/.exec(line)?.[1] ?? []);
      expect(theirs.length).toBe(plain.length);
      const differing = plain.flatMap((sample, i) => {
        const { name } = sample.node.form;
        // Halves of distances are numbers there.
        if (name.endsWith('_label') || name.endsWith('_symbol')) return [];
        const ours = normalise(sampleText(sample, VMA + i * 4));
        const expected = normalise(theirs[i]!);
        return ours === expected ? [] : [`ours ${ours}, objdump ${expected}`];
      });
      expect(differing).toEqual([]);
    });

    it('names the relocations as the assembler does', () => {
      const [source, object] = [join(folder, 'r.s'), join(folder, 'r.o')];
      writeFileSync(source, '.arch armv7-a\nbl symbol\nmovw r0, #:lower16:symbol-.-8\nmovt r0, #:upper16:symbol-.-8\n.word symbol\n'); // prettier-ignore
      execFileSync(`${TRIPLE}-as`, ['-o', object, source]);
      const listing = execFileSync(`${TRIPLE}-objdump`, ['-r', object], { encoding: 'utf8' });
      for (const form of Object.values(INSTRUCTIONS)) {
        if (form.relocation !== undefined) expect(listing).toContain(form.relocation.kind);
      }
      expect(listing).toContain('R_ARM_ABS32');
    });

    const rewrite = (): void => {
      const lines = samples('few').map(
        (sample) => `${sampleSource(sample).padEnd(44)} // ${hexOf(sampleBytes(sample))}`,
      );
      writeFileSync(GOLDEN, `// Text and bytes of every row at its boundaries; proved by ${TRIPLE}-as. UPDATE_GOLDEN=1 rewrites.\n${lines.join('\n')}\n`); // prettier-ignore
    };
    if (process.env['UPDATE_GOLDEN'] === '1') it('writes the golden file', rewrite);
  },
);

/** objdump's other names for the same instructions. */
const ALIASES: readonly (readonly [RegExp, string])[] = [
  [/^stmdb(\w*) sp!,/, 'push$1 '],
  [/^ldmia(\w*) /, 'ldm$1 '],
  [/^ldmfd(\w*) sp!,/, 'pop$1 '],
  [/^stmia(\w*) /, 'stm$1 '],
  [/,lsl #0x0$/, ''],
  [/^lsl(\w*) (\w+,\w+),#0x0$/, 'mov$1 $2'],
  // The second register of a doubleword is understood.
  [/^((?:ld|st)rd\w*|ldrexd\w*) (\w+),\w+,\[/, '$1 $2,['],
  [/^(strexd\w*) (\w+,\w+),\w+,\[/, '$1 $2,['],
  [/^(nop\w*) \{0\}$/, '$1'],
  [/^svc(\w*) 0x0*([0-9a-f]+)$/, 'svc$1 #0x$2'],
];

/** Text in one spelling: numbers in hexadecimal, offsets of 0 left out, no comments. */
function normalise(text: string): string {
  const plainText = text
    .replace(/\s*(@|;|<).*$/, '')
    .replace(/\s+/g, ' ')
    .replace(/, /g, ',')
    .replace(/#(-?\d+)\b(?!x)/g, (_, number: string) => `#0x${(Number(number) >>> 0).toString(16)}`)
    .replace(/,#0x0\]/g, ']')
    .replace(/,lsl #0x0\]/g, ']')
    .replace(/\br12\b/g, 'ip')
    .replace(/\br14\b/g, 'lr')
    .trim();
  const named = ALIASES.reduce((result, [pattern, replacement]) => result.replace(pattern, replacement), plainText);
  return named.replace(/^(b|bl)([a-z]*) (?:0x)?([0-9a-f]+)$/, '$1$2 0x$3');
}
