import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ppc64, ppc64le } from '../src/index.ts';
import { SYMBOL_FORMS } from '../src/instructions.ts';
import { ALL_FORMS, type Sample, sampleBytes, sampleKey, samples, sampleSource, sampleText, toHex } from './encoder-samples.ts'; // prettier-ignore

const LLVM_MC = 'llvm-mc-19';
const GOLDEN = new URL('./encode.txt', import.meta.url);
/** Where the samples are said to lie, so that no label is below zero. */
const VMA = 0x40000000;
const TOOLS = {
  ppc64: { prefix: 'powerpc64-linux-gnu-', order: '-mbig', triple: 'powerpc64' },
  ppc64le: { prefix: 'powerpc64le-linux-gnu-', order: '-mlittle', triple: 'powerpc64le' },
} as const;

const has = (tool: string): boolean => spawnSync(tool, ['--version']).status === 0;
const missing = Object.values(TOOLS).flatMap(({ prefix }) =>
  ['as', 'objdump', 'objcopy'].map((tool) => prefix + tool).filter((tool) => !has(tool)),
);
if (missing.length > 0 && process.env['CI']) throw new Error(`missing tools: ${missing.join(', ')}`);

const all = samples();

/** objdump's line with single spaces, without symbols, and with the mnemonic that shows every operand. */
function normalise(text: string): string {
  const plain = text
    .replace(/\s*<.*$/, '')
    .replace(/\s+/g, ' ')
    .trim();
  const [, mnemonic, dot, rest] = /^([a-z]+)(\.?)(?: (.*))?$/.exec(plain) ?? [];
  const [ra, rs, third] = (rest ?? '').split(',');
  const n = Number(third);
  const rotation = (name: string, ...operands: (string | number)[]): string => `${name}${dot} ${[ra, rs, ...operands].join(',')}`; // prettier-ignore
  switch (mnemonic) {
    case 'not':
      return `nor${dot} ${ra},${rs},${rs}`;
    case 'mr':
      return dot === '' ? plain : `or. ${ra},${rs},${rs}`;
    case 'xnop':
      return 'xori r0,r0,0';
    case 'hwsync':
      return 'sync';
    case 'rotldi':
      return rotation('rldicl', n, 0);
    case 'clrldi':
      return rotation('rldicl', 0, n);
    case 'srdi':
      return rotation('rldicl', 64 - n, n);
    case 'clrrdi':
      return rotation('rldicr', 0, 63 - n);
    case 'sldi':
      return rotation('rldicr', n, 63 - n);
    case 'rotld':
      return rotation('rldcl', third!, 0);
    case 'rotlwi':
      return rotation('rlwinm', n, 0, 31);
    case 'clrlwi':
      return rotation('rlwinm', 0, n, 31);
    case 'clrrwi':
      return rotation('rlwinm', 0, 0, 31 - n);
    case 'slwi':
      return rotation('rlwinm', n, 0, 31 - n);
    case 'srwi':
      return rotation('rlwinm', 32 - n, n, 31);
    case 'rotlw':
      return rotation('rlwnm', third!, 0, 31);
    default:
      return plain;
  }
}

/** Rows of later processors. */
const NEWER: Readonly<Record<string, string>> = {
  modsd: 'power9',
  modsw: 'power9',
  modud: 'power9',
  moduw: 'power9',
  brd: 'power10',
  brh: 'power10',
  brw: 'power10',
};

describe.skipIf(missing.length > 0).each([ppc64, ppc64le])(
  `encoder of $name against GNU binutils (missing: ${missing.join(', ') || 'nothing'})`,
  ({ name, endian }) => {
    const { prefix, order, triple } = TOOLS[name as keyof typeof TOOLS];
    const isBig = endian === 'big';
    let folder: string;
    let object: string;
    let code: Uint8Array;

    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'jit-ppc64-'));
      object = join(folder, 'a.o');
      const assembly = join(folder, 'a.s');
      // Power8, but for rows that say otherwise: an instruction that is newer would be refused.
      const source = (sample: Sample): string => {
        const cpu = NEWER[sample.node.form.name];
        return cpu === undefined ? sampleSource(sample) : `.machine ${cpu}\n${sampleSource(sample)}\n.machine power8`;
      };
      writeFileSync(assembly, all.map(source).join('\n') + '\n');
      execFileSync(`${prefix}as`, ['-a64', order, '-mregnames', '-mpower8', '-o', object, assembly]);
      execFileSync(`${prefix}objcopy`, ['-O', 'binary', '-j', '.text', object, join(folder, 'a.bin')]);
      code = readFileSync(join(folder, 'a.bin'));
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it('has a sample of every row', () => {
      const rows = new Set(all.map(({ node }) => node.form.name));
      expect([...rows].sort()).toEqual(ALL_FORMS.map((form) => form.name).sort());
    });

    it('encodes every sample as the assembler does', () => {
      expect(code.length).toBe(all.length * 4);
      const differing = all.flatMap((sample, i) => {
        const [ours, theirs] = [toHex(sampleBytes(sample, isBig)), toHex(code.subarray(i * 4, i * 4 + 4))];
        return ours === theirs ? [] : [`${sampleSource(sample)}: ours ${ours}, as ${theirs}`];
      });
      expect(differing).toEqual([]);
    });

    it('prints every sample as objdump does', () => {
      const listing = execFileSync(`${prefix}objdump`, ['-d', '-z', '-Mpower10', `--adjust-vma=${VMA}`, object], {
        encoding: 'utf8',
        maxBuffer: 1 << 28,
      });
      const theirs = listing.split('\n').flatMap((line) => /^\s*[0-9a-f]+:\t[0-9a-f ]+\t(.*)$/.exec(line)?.[1] ?? []);
      expect(theirs.length).toBe(all.length);
      const differing = all.flatMap((sample, i) => {
        const { syntax } = sample.node.form;
        // Expressions come back as numbers: that they mean the same is what the bytes show.
        if (syntax.includes('symbol') || syntax.includes('-.+') || syntax.includes('.+4')) return [];
        const ours = normalise(sampleText(sample, VMA + i * 4));
        const expected = normalise(theirs[i]!);
        return ours === expected ? [] : [`ours ${ours}, objdump ${expected}`];
      });
      expect(differing).toEqual([]);
    });

    it('asks for the relocations that the assembler makes, at the same places and with the same addends', () => {
      const listing = execFileSync(`${prefix}objdump`, ['-r', object], { encoding: 'utf8' });
      const found = new Set(
        [...listing.matchAll(/^([0-9a-f]+) (\w+)\s+symbol(?:\+0x([0-9a-f]+))?$/gm)].map(
          ([, at, kind, addend]) =>
            `${kind} +${Number.parseInt(at!, 16) % 4} addend ${Number.parseInt(addend ?? '0', 16)}`,
        ),
      );
      const { addis_symbol, addi_symbol } = SYMBOL_FORMS[endian];
      const ours = [addis_symbol, addi_symbol].map(({ relocation }, k) => {
        const { offset, addend } = relocation!;
        return `${k === 0 ? 'R_PPC64_REL16_HA' : 'R_PPC64_REL16_LO'} +${offset} addend ${addend}`;
      });
      expect([...found].sort()).toEqual(
        [...ours, 'R_PPC64_REL24 +0 addend 0', 'R_PPC64_REL24_P9NOTOC +0 addend 0'].sort(),
      );
    });

    it.skipIf(!has(LLVM_MC))('agrees with llvm-mc', () => {
      const input = all.flatMap((sample) => [...sampleBytes(sample, isBig)].map((byte) => `0x${byte.toString(16)}`)).join(' '); // prettier-ignore
      const result = spawnSync(LLVM_MC, ['--disassemble', `-triple=${triple}`, '-mcpu=pwr10'], {
        input,
        encoding: 'utf8',
        maxBuffer: 1 << 28,
      });
      expect(result.stderr).toBe('');
      expect(result.stdout.split('\n').filter((line) => line.startsWith('\t') && !line.includes('.text')).length).toBe(
        all.length,
      );
    });

    it.runIf(process.env['UPDATE_GOLDEN'] === '1' && isBig)('writes the golden file', () => {
      const indexOf = new Map(all.map((sample, i) => [sampleKey(sample), i]));
      const lines = samples('few').map((sample) => {
        const i = indexOf.get(sampleKey(sample))!;
        return `${sampleSource(sample).padEnd(44)} // ${toHex(code.subarray(i * 4, i * 4 + 4))}`;
      });
      const head = `// Text and big-endian word of every row at its boundaries; words by ${prefix}as. UPDATE_GOLDEN=1 rewrites.`;
      writeFileSync(GOLDEN, `${head}\n${lines.join('\n')}\n`);
    });
  },
);
