/**
 * JSON lines: one vector a line, as other tools write them.
 *
 * `{"name", "bytes": hex, "endian"?: "little" | "big", "mem"?: hex, "expect": {"r0"?, "r0low32"?, "mem"?, "error"?}}`
 */
import { BpfError } from '@polybpf/errors';
import { decodeProgram, type Endian, makeProgram } from '@polybpf/isa';
import { z } from 'zod';
import { type Expectation, parseHex, type Vector } from './vector.ts';

/** 64 bits in full, as register dumps have them: hex without `0x`, which no decimal number looks like. */
const BARE_HEX = /^(?=0|.*[a-fA-F])[0-9a-fA-F]{16}$/;
const number64 = z.union([
  z
    .string()
    .refine(
      (text) => /^(0[xX][0-9a-fA-F]{1,16}|-?[0-9]{1,20})$/.test(text) || BARE_HEX.test(text),
      'expected hex with 0x, 16 hex digits, or a decimal number',
    ),
  z.number().int(),
]);
const hexText = z.string().refine((text) => parseHex(text.replace(/^0x/i, '')) !== undefined, 'hex bytes');

/** One line. */
export interface JsonLine {
  readonly name: string;
  readonly bytes: string;
  readonly endian?: Endian | undefined;
  readonly mem?: string | undefined;
  readonly expect: {
    readonly r0?: string | number | undefined;
    readonly r0low32?: string | number | undefined;
    readonly mem?: string | undefined;
    readonly error?: string | boolean | undefined;
  };
}

/** Schema of one line. */
export const jsonLineSchema: z.ZodType<JsonLine> = z.object({
  name: z.string().min(1),
  bytes: hexText.describe('instructions'),
  endian: z.enum(['little', 'big']).optional().describe('byte order of bytes and memory; little unless told'),
  mem: hexText.optional().describe('bytes at r1; r2 is their count'),
  expect: z
    .object({
      r0: number64.optional(),
      r0low32: number64.optional(),
      mem: hexText.optional(),
      error: z
        .union([z.string(), z.boolean()])
        .optional()
        .describe('the program must be refused or fault; an E_ code is compared'),
    })
    .refine(
      ({ r0, r0low32, mem, error }) =>
        [r0, r0low32, mem, error === false ? undefined : error].some((value) => value !== undefined),
      'nothing is expected',
    ),
});

/**
 * The vectors of a JSON-lines text; empty lines are skipped.
 *
 * @throws BpfError `E_VECTOR_FORMAT` with the line
 */
export function readJsonLines(text: string, file: string): Vector[] {
  const vectors: Vector[] = [];
  text.split('\n').forEach((line, index) => {
    if (line.trim() === '') return;
    const at = { file, line: index + 1 };
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (cause) {
      throw new BpfError('E_VECTOR_FORMAT', 'not JSON', { at, cause });
    }
    const parsed = jsonLineSchema.safeParse(value);
    if (!parsed.success) {
      const issue = parsed.error.issues[0]!;
      throw new BpfError('E_VECTOR_FORMAT', `${issue.path.join('.') || 'line'}: ${issue.message}`, { at });
    }
    vectors.push(vectorOfLine(parsed.data));
  });
  return vectors;
}

function bytesOf(text: string): Uint8Array {
  return parseHex(text.replace(/^0x/i, ''))!;
}

function numberOf(value: string | number): bigint {
  return BigInt(typeof value === 'string' && BARE_HEX.test(value) ? `0x${value}` : value);
}

function vectorOfLine(line: JsonLine): Vector {
  const order: Endian = line.endian ?? 'little';
  const { r0, r0low32, mem, error } = line.expect;
  const expectation: Expectation = {
    ...(r0 === undefined ? {} : { r0: BigInt.asUintN(64, numberOf(r0)) }),
    ...(r0low32 === undefined ? {} : { r0low32: Number(BigInt.asUintN(32, numberOf(r0low32))) }),
    ...(mem === undefined ? {} : { mem: bytesOf(mem) }),
    // An error that is not one of our codes is somebody else's wording: any refusal will do.
    ...(error === undefined || error === false
      ? {}
      : { error: typeof error === 'string' && error.startsWith('E_') ? error : '' }),
  };
  const bytes = bytesOf(line.bytes);
  return {
    name: line.name,
    source: 'json lines',
    mem: bytesOf(line.mem ?? ''),
    expect: { [order]: expectation },
    orders: ['little', 'big'],
    build: (endian) => makeProgram(decodeProgram(bytes, order), { endian }),
  };
}
