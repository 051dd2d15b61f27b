import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allCases, type EncoderCase, encodeCase, hasShorterRow } from './encoder-cases.ts';

const hasBinutils = spawnSync('as', ['--version']).status === 0 && spawnSync('objdump', ['--version']).status === 0;
if (!hasBinutils && process.env['CI'] !== undefined) throw new Error('GNU binutils are missing');

/** Room in front so that labels before the first instruction have addresses. */
const START = 0x200000;

function assembleCases(cases: readonly EncoderCase[]): { lines: string[]; bytes: Uint8Array; starts: number[] } {
  const lines: string[] = [];
  const parts: Uint8Array[] = [];
  const starts: number[] = [];
  let offset = START;
  for (const one of cases) {
    const { text, bytes } = encodeCase(one, offset);
    lines.push(asText(one, text));
    parts.push(bytes);
    starts.push(offset);
    offset += bytes.length;
  }
  return { lines, bytes: Buffer.concat(parts), starts };
}

function asText({ form }: EncoderCase, text: string): string {
  // what a relocation fills is 0
  if (form.name === 'call_symbol') return 'call .+5';
  // as has the other direction for moves between registers
  if (form.name === 'mov_r_rm32') return `{load} ${text}`;
  if (!form.syntax.endsWith('{label:rel}')) return text;
  // a near label would get the short form
  const wide = form.name.endsWith('rel32') && form.name !== 'call_rel32' ? '{disp32} ' : '';
  return wide + text.replace('0x', 'code+0x');
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe.skipIf(!hasBinutils)('encoder against GNU binutils (skipped without as and objdump)', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'polybpf-x86-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const run = (command: string, args: string[]): string => {
    const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28, cwd: folder });
    if (status !== 0) throw new Error(`${command}: ${stderr.slice(0, 2000)}`);
    return stdout;
  };

  test('every row gives the bytes that as gives for its text', () => {
    const cases = allCases().filter((one) => !hasShorterRow(one));
    const { lines, bytes, starts } = assembleCases(cases);
    const source = ['.intel_syntax noprefix', '.text', 'code:', `.skip ${START}`, ...lines, ''].join('\n');
    writeFileSync(join(folder, 'all.s'), source);
    run('as', ['--64', '-o', 'all.o', 'all.s']);
    run('objcopy', ['-O', 'binary', '-j', '.text', 'all.o', 'all.bin']);
    const expected = readFileSync(join(folder, 'all.bin')).subarray(START);
    for (let i = 0; i < cases.length; i++) {
      const from = starts[i]! - START;
      const to = (starts[i + 1] ?? START + bytes.length) - START;
      const [got, want] = [hex(bytes.subarray(from, to)), hex(expected.subarray(from, to))];
      if (got !== want) expect(`${lines[i]} // ${got}`).toBe(`${lines[i]} // ${want}`);
    }
    expect(expected.length).toBe(bytes.length);
    expect(cases.length).toBeGreaterThan(10_000);
  });

  test('objdump reads every row back as its text', () => {
    const cases = allCases().filter(
      ({ form, operands }) => form.relocation === undefined && !isRexNop(form.name, operands),
    );
    const { lines, bytes, starts } = assembleCases(cases);
    writeFileSync(join(folder, 'ours.bin'), bytes);
    const listing = run('objdump', [
      '-D',
      '-b',
      'binary',
      '-m',
      'i386:x86-64',
      '-M',
      'intel',
      '-w',
      '--no-show-raw-insn',
      `--adjust-vma=${START}`,
      'ours.bin',
    ]);
    const disassembled = new Map<number, string>();
    for (const line of listing.split('\n')) {
      const match = /^\s*([0-9a-f]+):\s+(.*?)\s*$/.exec(line);
      if (match !== null) disassembled.set(Number.parseInt(match[1]!, 16), match[2]!);
    }
    expect(disassembled.size).toBe(cases.length);
    for (let i = 0; i < cases.length; i++) {
      const text = disassembled.get(starts[i]!) ?? 'nothing here';
      if (!sameText(lines[i]!, text)) expect(text).toBe(lines[i]);
    }
  });
});

/** `xchg rax, rax`, which objdump prints as a nop with a prefix. */
function isRexNop(name: string, operands: readonly number[]): boolean {
  return name === 'xchg_rax_r64' && operands[0] === 0;
}

/** Equal but for spelling: case, spaces, and numbers by their value in the width of the operand. */
function sameText(ours: string, theirs: string): boolean {
  const [a, b] = [tokens(ours.replace(/^\{\w+\} /, '')), tokens(theirs)];
  if (a.length !== b.length) return false;
  return a.every((token, i) => {
    const other = b[i]!;
    if (token === other) return true;
    if (!/^-?\d/.test(token) || !/^-?\d/.test(other)) return false;
    const difference = BigInt.asUintN(64, number(token) - number(other));
    return [64n, 32n, 16n, 8n].some(
      (width) => difference % (1n << width) === 0n && (width === 64n || number(other) < 1n << width),
    );
  });
}

function number(token: string): bigint {
  return token.startsWith('-') ? -BigInt(token.slice(1)) : BigInt(token);
}

function tokens(text: string): string[] {
  return text
    .toLowerCase()
    .replace(/^xchg +(rax), ?(\w+)$/, 'xchg $2, $1')
    .replace(/^(\w+ +)code\+/, '$1')
    .replace(/\[rip[+-]0x[0-9a-f]+\]\s*#\s*(0x[0-9a-f]+)/, '[$1]')
    .replace(/\[rip\+code\+(0x[0-9a-f]+)\]/, '[$1]')
    .replace(/ptr ds:(0x[0-9a-f]+|-?\d+)/, 'ptr $1')
    .replace(/^lea (\w+), ?\[(0x[0-9a-f]+)\]/, 'lea $1,$2')
    .replace(/\+0x0\]/, ']')
    .replace(/ptr \[(0x[0-9a-f]+)\]/, 'ptr $1')
    .replace(/([+*-])/g, ' $1')
    .replace(/- /g, '-')
    .replace(/\+ ?-/g, '-')
    .replace(/rep (movs|stos) (b|q)\w* .*/, 'rep $1$2')
    .split(/[\s,[\]+*]+/)
    .filter((token) => token !== '' && token !== 'ptr');
}
