import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readDataFile } from '../src/read-data-file.ts';
import { readJsonLines } from '../src/read-json-lines.ts';
import { readVectorFile } from '../src/read-vector-file.ts';
import { formatHex, formatU64, parseHex } from '../src/vector.ts';
import { vectorJsonSchema } from '../src/vector-schema.ts';

const file = (test: object, rest: object = {}): string =>
  JSON.stringify({
    schema: 'polybpf-vectors@1',
    topic: 't',
    spec: [],
    notes: { Known: 'k' },
    tests: [{ id: 'a', asm: ['exit'], endian: 'both', expect: { r0: '0x0' }, source: 's', ...test }],
    ...rest,
  });
const bad = (text: string): object => {
  try {
    readVectorFile(text, 'f.json');
  } catch (error) {
    return error as object;
  }
  throw new Error('accepted');
};

describe('vector files', () => {
  it('name vectors by file and id', () => {
    expect(readVectorFile(file({}), 'dir/topic.json').map(({ name }) => name)).toEqual(['topic/a']);
  });

  it('expect memory to stay as it is unless told', () => {
    const [vector] = readVectorFile(file({ mem: '0102' }), 'f.json');
    expect(vector!.expect.little).toEqual({ r0: 0n, mem: Uint8Array.of(1, 2) });
  });

  it('can say something else for each byte order', () => {
    const [vector] = readVectorFile(file({ expect: { little: { r0: '0x1' }, big: { r0: '0x2' } } }), 'f.json');
    expect([vector!.expect.little!.r0, vector!.expect.big!.r0]).toEqual([1n, 2n]);
  });

  it('are checked strictly, with the place of the fault', () => {
    expect(bad('{')).toMatchObject({ code: 'E_VECTOR_FORMAT', at: { file: 'f.json' } });
    expect(bad(file({ unknown: 1 }))).toMatchObject({ message: expect.stringContaining('tests.0') });
    expect(bad(file({ expect: { r0: '12' } }))).toMatchObject({ code: 'E_VECTOR_FORMAT' });
    expect(bad(file({ expect: {} }))).toMatchObject({ code: 'E_VECTOR_FORMAT' });
    expect(bad(file({ flags: ['Unknown'] }))).toMatchObject({
      message: expect.stringContaining('flag Unknown has no note'),
    });
    expect(bad(file({ bytes: { little: '95' } }))).toMatchObject({ code: 'E_VECTOR_FORMAT' });
    expect(bad(file({}, { tests: [] }))).toMatchObject({ code: 'E_VECTOR_FORMAT' });
  });

  it('have their JSON Schema published', () => {
    const path = fileURLToPath(new URL('../../../test-vectors/vector.schema.json', import.meta.url));
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(JSON.parse(JSON.stringify(vectorJsonSchema())));
  });
});

describe('.data files', () => {
  const data = (text: string): ReturnType<typeof readDataFile> => readDataFile(text, 'dir/name.data');

  it('have a program in ubpf syntax, memory and a result', () => {
    const vector = data('# c\n-- asm\nmov %r0, 1 # one\nexit\n-- mem\n01 02\n03\n-- result\n0xffffffffffffffff\n');
    expect(vector).toMatchObject({
      name: 'name',
      mem: Uint8Array.of(1, 2, 3),
      expect: { little: { r0: 0xffffffffffffffffn } },
    });
    expect(vector.build('little').insns).toHaveLength(2);
  });

  it('have raw words instead, little-endian', () => {
    expect(data('-- raw\n0x0000000000000095\n-- result\n-1\n').build('big')).toMatchObject({
      endian: 'big',
      insns: [{ opcode: 0x95 }],
    });
  });

  it('are refused with a reason', () => {
    for (const text of [
      '',
      '-- asm\nexit\n',
      '-- result\n1\n',
      '-- asm\nexit\n-- result\nx\n',
      '-- asm\nexit\n-- mem\n0\n-- result\n1\n',
    ]) {
      expect(() => data(text), text).toThrow(expect.objectContaining({ code: 'E_VECTOR_FORMAT' }));
    }
    expect(data('-- asm\nexit\n-- error\nno\n').expect.little).toEqual({ error: '' });
  });
});

describe('JSON lines', () => {
  const line = (value: object): string =>
    JSON.stringify({ name: 'n', bytes: '9500000000000000', expect: { r0: '0x1' }, ...value });

  it('skip empty lines and take values as hex, decimal or number', () => {
    const vectors = readJsonLines(
      `${line({})}\n\n${line({ expect: { r0: -1 } })}\n${line({ expect: { r0low32: '5' } })}\n${line({ expect: { r0: '000000000000002a' } })}\n`,
      'f',
    );
    expect(vectors.map(({ expect: own }) => own.little)).toEqual([
      { r0: 1n },
      { r0: 0xffffffffffffffffn },
      { r0low32: 5 },
      { r0: 42n },
    ]);
  });

  it('are in the byte order they say', () => {
    const [vector] = readJsonLines(line({ endian: 'big', bytes: 'b700000000000001 9500000000000000' }), 'f');
    expect(vector!.expect.big).toEqual({ r0: 1n });
    expect(vector!.build('big').insns[0]).toMatchObject({ imm: 1 });
  });

  it('name the line of a fault', () => {
    for (const text of [
      '{',
      line({ bytes: '9' }),
      line({ expect: {} }),
      line({ expect: { error: false } }),
      line({ expect: { r0: '2a' } }),
      line({ endian: 'middle' }),
      '5',
    ]) {
      expect(() => readJsonLines(`\n${text}`, 'f'), text).toThrow(
        expect.objectContaining({ code: 'E_VECTOR_FORMAT', at: { file: 'f', line: 2 } }),
      );
    }
  });
});

describe('hex', () => {
  it('is bytes in pairs of digits', () => {
    expect(parseHex('00 Ff\n10')).toEqual(Uint8Array.of(0, 255, 16));
    expect(parseHex('0')).toBeUndefined();
    expect(parseHex('0g')).toBeUndefined();
    expect(formatHex(Uint8Array.of(0, 255, 16))).toBe('00ff10');
    expect(formatU64(-1n)).toBe('0xffffffffffffffff');
  });
});
