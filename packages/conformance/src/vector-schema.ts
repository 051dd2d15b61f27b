/**
 * The file format of `test-vectors/`: JSON, one file per topic, checked strictly (unknown keys are errors).
 * `test-vectors/vector.schema.json` is generated from this.
 */
import { BpfError } from '@polybpf/errors';
import { z } from 'zod';

const hexBytes = z.string().regex(/^([0-9a-f]{2}( ?[0-9a-f]{2})*)?$/, 'hex bytes, lower case');
const hex64 = z.string().regex(/^0x[0-9a-f]{1,16}$/, '0x and up to 16 hex digits, lower case');

const expectation = z
  .strictObject({
    r0: hex64.optional().describe('all 64 bits of r0'),
    mem: hexBytes.optional().describe('the memory afterwards; absent: unchanged'),
    error: z.string().regex(/^E_[A-Z0-9_]+$/).optional().describe('code of the error that refuses or ends the program'), // prettier-ignore
  })
  .refine((value) => value.r0 !== undefined || value.error !== undefined, 'r0 or error');

const vector = z
  .strictObject({
    id: z.string().regex(/^[a-z0-9][a-z0-9_.+-]*$/).describe('never changed, never reused'), // prettier-ignore
    comment: z.string().optional(),
    flags: z.array(z.string()).optional().describe('keys of the notes of the file'),
    asm: z.array(z.string()).optional().describe('kernel dialect, one instruction a line'),
    bytes: z
      .strictObject({ little: hexBytes.optional(), big: hexBytes.optional() })
      .optional()
      .describe('instead of asm, where the point is what no assembler writes'),
    mem: hexBytes.optional().describe('bytes at r1; r2 is their count'),
    endian: z.enum(['both', 'little', 'big']).describe('byte orders it is meant for'),
    expect: z.union([
      expectation,
      z
        .strictObject({ little: expectation.optional(), big: expectation.optional() })
        .refine((value) => value.little !== undefined || value.big !== undefined, 'little or big'),
    ]),
    source: z.string().min(1).describe('where the truth comes from; `self` does not count as conformance'),
    acceptedBy: z
      .strictObject({ linux: z.boolean(), reason: z.string().optional() })
      .optional()
      .describe('whether the live kernel loads it, and its message when not'),
  })
  .refine((value) => (value.asm === undefined) !== (value.bytes === undefined), 'either asm or bytes');

/** What one test expects. */
export interface VectorExpectation {
  readonly r0?: string | undefined;
  readonly mem?: string | undefined;
  readonly error?: string | undefined;
}

/** One test of a vector file. */
export interface VectorTest {
  readonly id: string;
  readonly comment?: string | undefined;
  readonly flags?: string[] | undefined;
  readonly asm?: string[] | undefined;
  readonly bytes?: { little?: string | undefined; big?: string | undefined } | undefined;
  readonly mem?: string | undefined;
  readonly endian: 'both' | 'little' | 'big';
  readonly expect: VectorExpectation | { little?: VectorExpectation | undefined; big?: VectorExpectation | undefined };
  readonly source: string;
  readonly acceptedBy?: { linux: boolean; reason?: string | undefined } | undefined;
}

/** Schema of one test. */
export const vectorTestSchema: z.ZodType<VectorTest> = vector;

/** A file of `test-vectors/`. */
export interface VectorFile {
  readonly schema: 'polybpf-vectors@1';
  readonly topic: string;
  readonly spec: string[];
  readonly notes: Record<string, string>;
  readonly tests: VectorTest[];
}

/** Schema of one vector file. */
export const vectorFileSchema: z.ZodType<VectorFile> = z
  .strictObject({
    schema: z.literal('polybpf-vectors@1'),
    topic: z.string().min(1),
    spec: z.array(z.string()).describe('sections of RFC 9669 or names in the kernel'),
    notes: z.record(z.string(), z.string()).describe('what the flags mean'),
    tests: z.array(vector).min(1),
  })
  .superRefine((file, context) => {
    const ids = new Set<string>();
    file.tests.forEach((test, index) => {
      if (ids.has(test.id))
        context.addIssue({ code: 'custom', message: `id ${test.id} twice`, path: ['tests', index, 'id'] });
      ids.add(test.id);
      for (const flag of test.flags ?? []) {
        if (!(flag in file.notes))
          context.addIssue({ code: 'custom', message: `flag ${flag} has no note`, path: ['tests', index, 'flags'] });
      }
    });
  });

/** The JSON Schema (draft 2020-12) of a vector file. */
export function vectorJsonSchema(): object {
  return z.toJSONSchema(vectorFileSchema);
}

/**
 * Checks the contents of a vector file.
 *
 * @param file - name for messages
 * @throws BpfError `E_VECTOR_FORMAT` with the path of the first fault
 */
export function parseVectorFile(value: unknown, file: string): VectorFile {
  const parsed = vectorFileSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new BpfError('E_VECTOR_FORMAT', `${issue.path.join('.') || 'file'}: ${issue.message}`, { at: { file } });
}
