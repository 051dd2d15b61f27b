import { describe, expect, test } from 'vitest';
import { formatPrintk, type FormatSource } from '@polybpf/runtime';

const MEMORY: Readonly<Record<string, Uint8Array>> = {
  100: new TextEncoder().encode('hello'),
  200: Uint8Array.of(192, 168, 1, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
  300: new TextEncoder().encode('x'.repeat(600)),
};
const source: FormatSource = {
  endian: 'little',
  readString: (address, limit) => MEMORY[String(address)]?.subarray(0, limit - 1),
  readBytes: (address, length) => MEMORY[String(address)]?.subarray(0, length),
  symbol: (address) => (address === 0xff00n ? 'do_exit+0x0/0x10' : undefined),
};

function format(text: string, args: readonly bigint[] = [], size?: number): string | number {
  const result = formatPrintk(new TextEncoder().encode(`${text}\0`), args, source, size);
  return 'error' in result ? result.error : `${new TextDecoder().decode(result.bytes)}/${result.length}`;
}

describe('formats that the kernel takes', () => {
  test.each([
    ['%d %i %u', [-1n, 0xfffffffffffffffen, 0xffffffffffn], '-1 -2 4294967295/16'],
    ['%ld %lld %lu', [-1n, -2n, -1n], '-1 -2 18446744073709551615/26'],
    ['%x %X %lx', [0xabcdef0123n, 0xabn, 0xabcdef0123n], 'cdef0123 AB abcdef0123/22'],
    ['[%5d|%-5d|%05d|%+d|% d]', [42n, 42n, 42n, 42n, 42n], '[   42|42   |00042|+42| 42]/27'],
    ['[%08x|%-8x|%8lx]', [0x1fn, 0x1fn, 0x1fn], '[0000001f|1f      |      1f]/28'],
    ['%s|%10s|%-8s|', [100n, 100n, 100n], 'hello|     hello|hello   |/26'],
    ['%c%3c|', [65n, 0x142n], 'A  B|/5'],
    ['%pI4 %pi4', [200n, 200n], '192.168.1.20 192.168.001.020/28'],
    ['%pI6', [200n], 'c0a8:0114:0000:0000:0000:0000:0000:0001/39'],
    ['%pi6', [200n], 'c0a80114000000000000000000000001/32'],
    ['%p %px %pK', [0x10n, 0x10n, 0x10n], '0000000000000010 0000000000000010 0000000000000010/50'],
    ['%pS %pB %ps', [0xff00n, 0xff00n, 0x1234n], 'do_exit+0x0/0x10 do_exit+0x0/0x10 0x1234/40'],
    ['%pks, %pus.', [100n, 100n], 'hello, hello./13'],
    ['100%% %d', [7n, 8n], '100% 7/6'],
    ['%s', [999n], '/0'],
  ] as const)('%s', (text, args, expected) => expect(format(text, args)).toBe(expected));

  test('the text is cut, its length is not', () => {
    expect(format('%d bytes', [12345n], 4)).toBe('123/11');
    expect(format('%d', [12345n], 0)).toBe('/5');
  });

  test('once the room is used up, text that a pointer became is skipped, and its place goes to the next conversion', () => {
    expect(format('%pI4 %pi4 %s', [200n, 200n, 100n], 7)).toBe('192.16/29');
  });

  test('strings share 512 bytes', () => {
    expect(format('%s', [300n])).toBe(`${'x'.repeat(511)}/511`);
    expect(format('%s%d', [300n, 1n])).toBe(-28);
  });
});

describe('formats that the kernel refuses with EINVAL', () => {
  test.each([
    '%',
    '%d %d',
    '%5',
    '%.3d',
    '%#x',
    '%f',
    '%hd',
    '%pZ',
    '%pI',
    '%pI5',
    '%sx',
    '%p5',
    '%lc',
    'caf\u00e9',
    '\u0001',
    '%*d',
  ])('%s', (text) => expect(format(text, [1n])).toBe(-22));

  test('a format without end', () => {
    expect(formatPrintk(Uint8Array.of(65), [], source)).toEqual({ error: -22 });
  });
});
