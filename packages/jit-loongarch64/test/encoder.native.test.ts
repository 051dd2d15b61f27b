import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { INSTRUCTIONS, type Loongarch64Form } from '../src/instructions.ts';
import { hexOf, type Sample, sampleBytes, sampleKey, samples, sampleSource, sampleText } from './encoder-samples.ts';

const LLVM_MC = 'llvm-mc-19';
const OBJDUMP = 'llvm-objdump-19';
const GOLDEN = new URL('./encode.txt', import.meta.url);

const has = (tool: string): boolean => spawnSync(tool, ['--version']).status === 0;
const missing = [LLVM_MC, OBJDUMP].filter((tool) => !has(tool));
if (missing.length > 0 && process.env['CI']) throw new Error(`missing tools: ${missing.join(', ')}`);

const all = samples();
const isPair = ({ node }: Sample): boolean => (node.form as Loongarch64Form).layout.size === 8;
const single = all.filter((sample) => !isPair(sample));
const pairs = all.filter(isPair);
const BUFFER = { encoding: 'utf8', maxBuffer: 1 << 28 } as const;

interface Line {
  readonly hex: string;
  readonly text: string;
}

/** llvm-objdump's text as the table writes it: a distance becomes the place it leads to. */
function normalise(text: string, sample: Sample, at: number): string {
  const plain = text
    .replace(/\s*<.*$/, '')
    .replace(/\s+/g, ' ')
    .trim();
  const { name, syntax } = sample.node.form;
  if (plain === 'nop') return 'andi $zero, $zero, 0';
  if (plain === 'ret') return 'jirl $zero, $ra, 0';
  const jump = /^jr (.*)$/.exec(plain);
  if (jump !== null) return `jirl $zero, ${jump[1]}, 0`;
  const move = /^move (.*), (.*)$/.exec(plain);
  if (move !== null) return `or ${move[1]}, ${move[2]}, $zero`;
  if (!syntax.includes('{label:')) return plain;
  return plain.replace(/(-?\d+)$/, (distance) => `0x${(at + Number(distance) * (name === 'pcaddi' ? 4 : 1)).toString(16)}`); // prettier-ignore
}

describe.skipIf(missing.length > 0)(`encoder against LLVM (missing: ${missing.join(', ') || 'nothing'})`, () => {
  let folder: string;

  /** Code of some lines, as llvm-mc assembles and llvm-objdump shows it. */
  function assembled(name: string, lines: readonly string[]): Line[] {
    const [source, object] = [join(folder, `${name}.s`), join(folder, `${name}.o`)];
    writeFileSync(source, lines.join('\n') + '\n');
    execFileSync(LLVM_MC, ['-triple=loongarch64', '-mattr=+d', '-filetype=obj', '-o', object, source], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const listing = execFileSync(OBJDUMP, ['-d', object], BUFFER);
    return listing.split('\n').flatMap((line) => {
      const match = /^\s*[0-9a-f]+: ((?:[0-9a-f]{2} ){4})\s*(.*)$/.exec(line);
      return match === null ? [] : [{ hex: match[1]!.replaceAll(' ', ''), text: match[2]! }];
    });
  }

  let theirs: Line[];
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'jit-loongarch64-'));
    theirs = assembled('single', single.map(sampleSource));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('has a sample of every row', () => {
    const rows = new Set(all.map(({ node }) => node.form.name));
    expect([...rows].sort()).toEqual(Object.keys(INSTRUCTIONS).sort());
  });

  it('encodes every sample as llvm-mc does', () => {
    expect(theirs.length).toBe(single.length);
    const differing = single.flatMap((sample, i) => {
      const ours = hexOf(sampleBytes(sample));
      return ours === theirs[i]!.hex ? [] : [`${sampleSource(sample)}: ours ${ours}, llvm-mc ${theirs[i]!.hex}`];
    });
    expect(differing).toEqual([]);
    expect(single.length).toBeGreaterThan(5000);
  });

  it('prints every sample as llvm-objdump does', () => {
    const differing = single.flatMap((sample, i) => {
      if (sample.node.form.syntax.includes('symbol')) return [];
      const ours = sampleText(sample, 4 * i);
      const expected = normalise(theirs[i]!.text, sample, 4 * i);
      return ours === expected ? [] : [`ours ${ours}, llvm-objdump ${theirs[i]!.text}`];
    });
    expect(differing).toEqual([]);
  });

  it('pairs are the two instructions that add up to the distance', () => {
    const lines = pairs.flatMap(({ node, displacement }) => {
      const low = (displacement << 20) >> 20;
      const rd = sampleText({ node, displacement }, 0).split(/[ ,]/)[1]!;
      return [`pcaddu12i ${rd}, ${(displacement - low) / 4096}`, `addi.d ${rd}, ${rd}, ${low}`];
    });
    const code = assembled('pairs', lines)
      .map(({ hex }) => hex)
      .join('');
    expect(pairs.map((sample) => hexOf(sampleBytes(sample))).join('')).toBe(code);
    expect(pairs.length).toBeGreaterThan(20);
  });

  it('names the relocations as the assembler does', () => {
    assembled('relocations', samples('few').filter(({ node }) => node.form.relocation !== undefined).map(sampleSource)); // prettier-ignore
    const listing = execFileSync(OBJDUMP, ['-r', join(folder, 'relocations.o')], BUFFER);
    for (const form of Object.values(INSTRUCTIONS)) {
      if (form.relocation !== undefined) expect(listing).toContain(form.relocation.kind);
    }
  });

  const rewrite = (): void => {
    const hex = new Map(single.map((sample, i) => [sampleKey(sample), theirs[i]!.hex]));
    const lines = samples('few').flatMap((sample) =>
      isPair(sample) ? [] : [`${sampleSource(sample).padEnd(36)} // ${hex.get(sampleKey(sample))!}`],
    );
    const head = `// Text and bytes of every row at its boundaries; bytes by ${LLVM_MC}. UPDATE_GOLDEN=1 rewrites.`;
    writeFileSync(GOLDEN, `${head}\n${lines.join('\n')}\n`);
  };
  if (process.env['UPDATE_GOLDEN'] === '1') it('writes the golden file', rewrite);
});
