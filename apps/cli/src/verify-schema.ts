/** What `verify --json` prints. */
import { z } from 'zod';

const index = z.number().int();
const source = z.strictObject({ file: z.string(), line: index, text: z.string() });
const named = z.strictObject({ name: z.string(), value: z.string() });
const placeShape = { insn: index, text: z.string().describe("as in the kernel's log"), source: source.nullable() };
const cause = z.strictObject({
  ...placeShape,
  kind: z.enum(['set', 'learnt']).describe('the instruction gave the value, or only said more about it'),
  name: z.string(),
  value: z.string(),
  before: z.string().nullable(),
});

const explanation = z.strictObject({
  code: z.string(),
  category: z.string(),
  title: z.string(),
  reason: z.string(),
  lines: z.array(z.string()).describe("the kernel's own lines"),
  message: z.string(),
  errno: index,
  at: z.strictObject(placeShape).nullable(),
  state: z.array(named).describe('registers and stack slots at that instruction'),
  subject: z.string().nullable().describe('register or slot that it is about'),
  required: z.string(),
  known: z.string(),
  lost: cause.nullable().describe('where what is required was lost'),
  causes: z.array(cause).describe('history of the subject, oldest first'),
  path: z.array(
    z.strictObject({ ...placeShape, branch: z.enum(['taken', 'not taken']).nullable(), changes: z.array(named) }),
  ),
  skipped: index.describe('steps in the middle of a long path that are left out'),
  suggestion: z.string(),
});

const annotation = z.strictObject({
  insns: z.array(
    z.strictObject({
      insn: index,
      text: z.string(),
      visits: index,
      states: index,
      registers: z.array(named).describe('joined over all visits'),
      source: source.nullable(),
    }),
  ),
  profile: z.array(
    z.strictObject({
      file: z.string(),
      line: index,
      text: z.string(),
      processed: index,
      states: index,
      differs: z.array(z.string()).describe('registers that most often kept a state from being like the one before it'),
    }),
  ),
  subprograms: z.array(z.strictObject({ start: index, stackDepth: index })),
});

/** Schema of the document. */
export const verifySchema: z.ZodType = z.strictObject({
  file: z.string(),
  programs: z.array(
    z.strictObject({
      name: z.string(),
      kernel: z.string(),
      verdict: z.enum(['accept', 'reject', 'unsupported']),
      code: z.string().nullable(),
      errno: index,
      message: z.string(),
      insn: index.nullable(),
      instruction: z.string().nullable(),
      source: source.nullable(),
      processed: index,
      totalStates: index,
      peakStates: index,
      maxStatesPerInsn: index,
      stackDepths: z.array(index),
      elapsedMs: z.number(),
      log: z.string().optional(),
      explanation: explanation.optional(),
      annotation: annotation.optional(),
    }),
  ),
});

const origin = z.strictObject({ name: z.string(), insn: index, text: z.string(), value: z.string() });

/** Schema of what `explain --json` prints. */
export const explainSchema: z.ZodType = z.strictObject({
  file: z.string(),
  level: z.union([z.literal(1), z.literal(2)]),
  accepted: z.boolean(),
  message: z.string(),
  insn: index.nullable(),
  advice: z
    .strictObject({
      code: z.string(),
      category: z.string(),
      title: z.string(),
      reason: z.string(),
      required: z.string(),
      suggestion: z.string(),
      register: index.nullable(),
    })
    .nullable(),
  report: z
    .strictObject({
      category: z.string(),
      title: z.string(),
      reason: z.string(),
      at: z.string(),
      causalPath: z.string(),
      suggestion: z.string(),
    })
    .nullable()
    .describe('sections of a report in the form of kernel 7.3'),
  origins: z.array(origin).describe('values of the register that the message is about, oldest first'),
  lines: z.array(
    z.strictObject({
      kind: z.enum(['insn', 'state', 'from', 'source', 'precision', 'figures', 'message', 'report', 'other']),
      line: index,
      text: z.string(),
      insn: index.nullable(),
      values: z.record(z.string(), z.string()),
      note: z.string(),
    }),
  ),
  compared: z.boolean(),
  divergence: z
    .strictObject({ equal: index, line: index.nullable(), theirs: z.string().nullable(), ours: z.string().nullable() })
    .nullable(),
});
