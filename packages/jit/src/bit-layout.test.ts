import { describe, expect, it } from 'vitest';
import { CodeBuffer } from './code-buffer.ts';
import { compileLayout, encodeLayout, printLayout, type LayoutForm } from './bit-layout.ts';
import { makeNode } from './node.ts';

function form(name: string, syntax: string, layout: string): LayoutForm {
  return { name, syntax, manual: '', layout: compileLayout(name, syntax, layout) };
}

function bytesOf(row: LayoutForm, operands: number[], displacement = 0, bigEndian = false): string {
  const out = new CodeBuffer();
  encodeLayout(row.layout, operands, displacement, out, bigEndian);
  return Buffer.from(out.toUint8Array()).toString('hex');
}

describe('bit layouts', () => {
  // Arm ARM C6.2.5: add x1, x2, x3 is 8b030041.
  const add = form('add_x', 'add {Rd:x}, {Rn:x}, {Rm:x}', '1 0 0 01011 00 0 Rm:5 000000 Rn:5 Rd:5');

  it('puts operands in the order of the syntax into the fields of the layout', () => {
    expect(bytesOf(add, [1, 2, 3])).toBe('4100038b');
    expect(bytesOf(add, [1, 2, 3], 0, true)).toBe('8b030041');
  });

  it('scales and range-checks the displacement of a label', () => {
    const b = form('b', 'b {label:l}', '0 00101 label:s26*4');
    expect(bytesOf(b, [], -4)).toBe('ffffff17');
    expect(bytesOf(b, [], 134217724)).toBe('ffffff15');
    expect(() => bytesOf(b, [], 134217728)).toThrow(expect.objectContaining({ code: 'E_JIT_OPERAND' }));
    expect(() => bytesOf(b, [], 2)).toThrow(/in steps of 4, got 2/);
  });

  it('splits a field over several places', () => {
    // z/Architecture LG (RXY-a): the 20-bit displacement stands as low 12, then high 8 bits.
    const lg = form(
      'lg',
      'lg {R1:r}, {D2:i}({X2:r},{B2:r})',
      '11100011 R1:4 X2:4 B2:4 D2:s20[11:0] D2:s20[19:12] 00000100',
    );
    expect(bytesOf(lg, [2, -8, 0, 15], 0, true)).toBe('e320fff8ff04');
    expect(bytesOf(lg, [2, 524287, 1, 15], 0, true)).toBe('e321ffff7f04');
    expect(() => bytesOf(lg, [2, 524288, 0, 15])).toThrow(/-524288 to 524287, got 524288/);
  });

  it('counts registers of short fields from the first one', () => {
    // RISC-V C.SUB: c.sub a0, a5 is 8d1d.
    const sub = form('c_sub', 'c.sub {rd:x}, {rs2:x}', '100 0 11 rd:3+8 00 rs2:3+8 01');
    expect(bytesOf(sub, [10, 15])).toBe('1d8d');
    expect(() => bytesOf(sub, [7, 15])).toThrow(/8 to 15, got 7/);
    expect(() => bytesOf(sub, [10, 16])).toThrow(/8 to 15, got 16/);
  });

  it('encodes full 32-bit fields, signed and unsigned', () => {
    const lgfi = form('lgfi', 'lgfi {R1:r}, {I2:i}', '11000000 R1:4 0001 I2:s32');
    expect(bytesOf(lgfi, [1, -2147483648], 0, true)).toBe('c01180000000');
    const llilf = form('llilf', 'llilf {R1:r}, {I2:u}', '11000000 R1:4 1111 I2:32');
    expect(bytesOf(llilf, [1, 4294967295], 0, true)).toBe('c01fffffffff');
    // The signed number of the same bits is taken too, no other.
    expect(bytesOf(llilf, [1, -1], 0, true)).toBe('c01fffffffff');
    for (const value of [-2147483649, 4294967296])
      expect(() => bytesOf(llilf, [1, value], 0, true)).toThrow(expect.objectContaining({ code: 'E_JIT_OPERAND' }));
  });

  it('refuses tables that do not add up', () => {
    expect(() => compileLayout('x', 'x {a:r}', '0000 a:4')).toThrow(/8 bits/);
    expect(() => compileLayout('x', 'x {a:r}, {b:r}', '00000000 a:8')).toThrow(/operand b has no field/);
    expect(() => compileLayout('x', 'x {a:r}', '0000 a:8 b:4')).toThrow(/field b is no operand/);
    expect(() => compileLayout('x', 'x {a:r}', '0000000000 a:8[3:0] 00')).toThrow(/4 of 8 bits/);
    expect(() => compileLayout('x', 'x {a:r}', '00000000 a:4[3:0] a:4[3:0]')).toThrow(/given twice/);
  });

  it('prints operands by type', () => {
    const printers = { x: (value: number) => `x${value}`, l: (value: number) => `0x${value.toString(16)}` };
    expect(printLayout(add, makeNode(add, [0, 1, 30]), 0, printers)).toBe('add x0, x1, x30');
    const b = form('b', 'b {label:l}', '0 00101 label:s26*4');
    expect(printLayout(b, makeNode(b, [], 7), 64, printers)).toBe('b 0x40');
  });
});
