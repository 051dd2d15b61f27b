/** From vector files to vectors. */
import { assemble } from '@polybpf/asm';
import { BpfError } from '@polybpf/errors';
import { decodeProgram, type Endian, makeProgram, type Program } from '@polybpf/isa';
import { type Expectation, parseHex, type Vector } from './vector.ts';
import { parseVectorFile, type VectorExpectation, type VectorTest } from './vector-schema.ts';

/**
 * The vectors of one file of `test-vectors/`.
 *
 * @param text - JSON
 * @throws BpfError `E_VECTOR_FORMAT`
 */
export function readVectorFile(text: string, file: string): Vector[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new BpfError('E_VECTOR_FORMAT', 'not JSON', { at: { file }, cause });
  }
  const prefix = file.replace(/^.*\//, '').replace(/\.json$/, '');
  return parseVectorFile(value, file).tests.map((test) => vectorOf(test, `${prefix}/${test.id}`));
}

/** One test of a file as a vector called `name`. */
export function vectorOf(test: VectorTest, name: string): Vector {
  const mem = parseHex(test.mem ?? '')!;
  const orders: Endian[] = test.endian === 'both' ? ['little', 'big'] : [test.endian];
  const expect: Partial<Record<Endian, Expectation>> = {};
  for (const order of orders) {
    const given = isPlain(test.expect) ? test.expect : test.expect[order];
    if (given !== undefined) expect[order] = expectationOf(given, mem);
  }
  return { name, source: test.source, mem, expect, orders, build: (endian) => buildTest(test, name, endian) };
}

function isPlain(expect: VectorTest['expect']): expect is VectorExpectation {
  return 'r0' in expect || 'error' in expect;
}

function expectationOf(given: VectorExpectation, mem: Uint8Array): Expectation {
  return {
    ...(given.r0 === undefined ? {} : { r0: BigInt(given.r0) }),
    // Memory that is not mentioned must be as it was, unless the program ended in an error.
    ...(given.mem === undefined ? (given.error === undefined ? { mem } : {}) : { mem: parseHex(given.mem)! }),
    ...(given.error === undefined ? {} : { error: given.error }),
  };
}

function buildTest(test: VectorTest, name: string, endian: Endian): Program {
  if (test.asm !== undefined) return assemble(test.asm.join('\n'), { endian, name: 'main', file: name });
  const hex = test.bytes?.[endian];
  if (hex === undefined)
    throw new BpfError('E_VECTOR_FORMAT', `no bytes in ${endian}-endian order`, { at: { file: name } });
  return makeProgram(decodeProgram(parseHex(hex)!, endian), { endian });
}
