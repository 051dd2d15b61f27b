import { assemble, detectSyntax, disassemble } from '@polybpf/asm';
import { isBpfError } from '@polybpf/errors';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyProgram } from './arbitrary-program.ts';

const SYNTAXES = ['kernel', 'ubpf'] as const;

/** Whether `text` assembles; anything thrown that is not ours fails the test. */
function assembles(text: string, syntax: 'kernel' | 'ubpf'): boolean {
  detectSyntax(text);
  try {
    const program = assemble(text, { syntax });
    expect(assemble(disassemble(program, { syntax }), { syntax }).insns).toEqual(program.insns);
    return true;
  } catch (error) {
    if (!isBpfError(error)) throw error;
    expect(error.code).toMatch(/^E_(ASM_|UNSUPPORTED)/);
    expect(error.at.line).toBeGreaterThan(0);
    expect(error.at.column).toBeGreaterThan(0);
    return false;
  }
}

// prettier-ignore
const TOKENS = [
  'r0', 'r1', 'w2', 'r10', 'r11', '%r3', '=', '+=', '==', 's>', 's>>=', '&', '-', '+', '*', '(', ')', '[', ']', ',', ':', ';', '<', '>',
  '"', "'", '\\', '#', '//', '/*', '*/', '\n', '\n\n', ' ', '\t', '\0', '\u2028', 'é', '💥', '0', '1', '0x', '0xffffffff', '-5', '1f', '1b',
  '99999999999999999999', 'll', 'u8', 's32', 'u64', 'if', 'goto', 'gotol', 'may_goto', 'call', 'callx', 'local', 'kfunc', 'exit', 'lock',
  'fetch', 'add', 'mov', 'jeq', 'lddw', 'ldxdw', 'stb', 'be16', 'xchg_64', 'atomic_fetch_add', 'load_acquire', 'store_release',
  'addr_space_cast', 'skb', 'map', 'map_fd', 'map_value', 'func', 'extern', 'pc', 'ld_pseudo', '.map', '.byte', '.insn', '.quad', '.type',
  '.globl', '.section', '.text', '.extern', '.function', '.license', 'type=hash', 'key=4', 'initial=', 'inner.', '(b7)', '0:', '12:',
  'b7 00 00 00 01 00 00 00', '18 01 00 00 00 00 00 00', '<unknown>', '0000000000000000 <f>:', 'R_BPF_64_64', 'file format', 'a', 'a:',
  'Disassembly of section x:', 'int f(void):', '*(u64 *)(r1 + 8)', 'r1 = 5', 'if r1 == 5 goto a',
];

describe('any text', () => {
  test('of tokens gives a program or a BpfError with a place', () => {
    const text = fc
      .array(fc.oneof(fc.constantFrom(...TOKENS), fc.constant(' ')), { maxLength: 40 })
      .map((parts) => parts.join(''));
    const spaced = fc.array(fc.constantFrom(...TOKENS), { maxLength: 20 }).map((parts) => parts.join(' '));
    let assembled = 0;
    fc.assert(
      fc.property(fc.oneof(text, spaced), fc.constantFrom(...SYNTAXES), (input, syntax) => {
        if (assembles(input, syntax)) assembled++;
      }),
      { numRuns: 20_000 },
    );
    expect(assembled).toBeGreaterThan(100);
  });

  test('of random characters does too', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: 'binary' }), fc.string()),
        fc.constantFrom(...SYNTAXES),
        (input, syntax) => {
          assembles(input, syntax);
        },
      ),
      { numRuns: 5_000 },
    );
  });

  test('of a disassembly with characters changed does too', () => {
    let assembled = 0;
    const change = fc.tuple(fc.nat(), fc.constantFrom(...TOKENS), fc.nat(3));
    // prettier-ignore
    fc.assert(
      fc.property(anyProgram(8), fc.array(change, { minLength: 1, maxLength: 3 }), fc.constantFrom(...SYNTAXES), fc.boolean(), (insns, changes, syntax, listing) => {
        let text = disassemble(insns, { syntax, addresses: listing, bytes: listing, targets: 'labels' });
        for (const [at, token, cut] of changes) {
          const place = at % (text.length + 1);
          text = text.slice(0, place) + token + text.slice(place + cut);
        }
        if (assembles(text, syntax)) assembled++;
      }),
      { numRuns: 5_000 },
    );
    expect(assembled).toBeGreaterThan(10);
  });
});

describe('time is linear in the text', () => {
  // Each text at one and at eight times the length: quadratic work would take 64 times as long.
  // prettier-ignore
  test.each<[string, (n: number) => string]>([
    ['one long line of statements', (n) => 'r0 = 1;'.repeat(n)],
    ['labels on one line', (n) => Array.from({ length: n }, (_, i) => `l${i}:`).join('')],
    ['numeric labels and jumps', (n) => '1: goto 1b\ngoto 1f\n'.repeat(n) + '1:'],
    ['jumps to one label', (n) => 'goto end\n'.repeat(Math.min(n, 30000)) + 'end: exit'],
    ['many labels', (n) => Array.from({ length: n }, (_, i) => `l${i}: goto l${i}\n`).join('')],
    ['a long number', (n) => `r0 = ${'9'.repeat(n)}`],
    ['a long number, wide', (n) => `r0 = 0x${'0'.repeat(n)}${'f'.repeat(n)} ll`],
    ['signs', (n) => `r0 = ${'-'.repeat(n)}1`],
    ['a long word', (n) => 'a'.repeat(n)],
    ['a long name', (n) => `goto ${'b'.repeat(n)}`],
    ['a long string', (n) => `goto "${'\\u0041'.repeat(n)}"`],
    ['a string without end', (n) => `goto "${'x'.repeat(n)}`],
    ['blanks', (n) => `r0${' '.repeat(n)}= 1`],
    ['comments without end', (n) => '/*'.repeat(n)],
    ['comments', (n) => '/**/'.repeat(n)],
    ['line comments', (n) => '#\n'.repeat(n)],
    ['slashes', (n) => '/'.repeat(n)],
    ['brackets', (n) => `r0 = *(u8 *)${'('.repeat(n)}`],
    ['angle brackets', (n) => 'goto +1 <\n'.repeat(n)],
    ['prototypes', (n) => 'int f(int):\n'.repeat(1) + 'x('.repeat(n)],
    ['file headings', (n) => '/x\n'.repeat(1) + '/'.repeat(n)],
    ['colons', (n) => ':'.repeat(n)],
    ['digits and colons', (n) => '1:'.repeat(n)],
    ['hex pairs', (n) => 'b7 '.repeat(n)],
    ['bytes', (n) => `.byte ${'1,'.repeat(n * 8 - 1)}1`],
    ['map keys', (n) => `.map m ${'key=4 '.repeat(n)}`],
    ['maps', (n) => Array.from({ length: n }, (_, i) => `.map m${i} key=4\nr1 = m${i} ll\n`).join('')],
    ['undefined among many names', (n) => Array.from({ length: n }, (_, i) => `label${i}:\n`).join('') + 'goto labelx'],
    ['newlines', (n) => '\n'.repeat(n)],
    ['carriage returns', (n) => '\r'.repeat(n)],
    ['skipped sections', (n) => '.section .x,""\n' + '.long 5\n'.repeat(n)],
  ])('%s', (_, make) => {
    const seconds = (n: number): number => {
      const text = make(n);
      let best = Infinity;
      for (let run = 0; run < 3; run++) {
        const start = process.cpuUsage();
        for (const syntax of SYNTAXES) {
          try {
            assemble(text, { syntax });
          } catch (error) {
            if (!isBpfError(error)) throw error;
          }
        }
        const { user, system } = process.cpuUsage(start);
        best = Math.min(best, (user + system) / 1e6);
      }
      return best;
    };
    seconds(500);
    const [short, long] = [seconds(2_000), seconds(16_000)];
    expect(long).toBeLessThan(Math.max(0.15, short * 24));
  });
});
