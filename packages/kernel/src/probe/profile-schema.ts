/** The schema of kernel profiles, for files that come from elsewhere. */
import { BpfError } from '@polybpf/errors';
import { z } from 'zod';
import type { KernelProfile } from './profile.ts';

const returnValue = z.strictObject({
  accepted: z.array(z.number().int()).describe('constants among those tried that a program may return'),
  rule: z
    .string()
    .nullable()
    .describe('`any scalar`, the range `[0, 1]`, or what the verifier says to an unknown number'),
});

const contextRow = z
  .tuple([z.number().int(), z.number().int(), z.string().nullable(), z.boolean()])
  .describe('offset, size, what a load gives (null: not readable), whether it may be stored to');

const programVariant = z.strictObject({
  progType: z.string(),
  progTypeId: z.number().int(),
  expectedAttachType: z.string().nullable().describe('`member X` for struct_ops'),
  expectedAttachTypeId: z.number().int().nullable(),
  sleepable: z.boolean(),
  loadable: z.boolean(),
  attachBtfTarget: z.string().optional().describe("function, tracepoint typedef or struct in the kernel's BTF"),
  error: z.string().optional().describe('errno when it is not loadable'),
  note: z.string().optional(),
  returnValue,
  testRun: z.boolean().optional().describe('whether BPF_PROG_TEST_RUN is there for it'),
  ctxAccess: z
    .union([z.array(contextRow), z.strictObject({ sameAs: z.string() })])
    .nullable()
    .optional(),
  helperSet: z.string().optional(),
  kfuncSet: z.string().optional(),
});

const callable = { allowedInProgTypes: z.array(z.string()), sleepableOnly: z.boolean().optional() };

const helper = z.strictObject({
  id: z.number().int(),
  gplOnly: z.boolean().nullable().describe('null when no variant may call it'),
  ...callable,
  allowedInVariants: z.number().int(),
  sometimesNotAllowedInProbe: z
    .boolean()
    .optional()
    .describe('known to a type, but refused at the place it was tried for'),
  arg1Expected: z.string().optional().describe('what the verifier wants of r1, told when it got the context'),
});

const kfunc = z.strictObject({
  ret: z.string(),
  params: z.array(z.strictObject({ name: z.string(), type: z.string() })),
  fastcall: z.boolean(),
  ...callable,
});

const isaRow = z.strictObject({ ok: z.boolean(), errno: z.string().optional(), log: z.string().optional() });

const limit = z.union([
  z.number().int(),
  z.null(),
  z.strictObject({ programExecutions: z.number().int(), tailCallsTaken: z.number().int(), retval: z.number().int() }),
]);

/** Schema of a kernel profile. */
export const kernelProfileSchema: z.ZodType<KernelProfile> = z.strictObject({
  kernel: z.strictObject({
    release: z.string(),
    machine: z.string(),
    config: z.record(z.string(), z.string()),
    jitEnable: z.string(),
    jitHarden: z.string(),
  }),
  method: z.string(),
  counts: z.strictObject({
    progTypes: z.number().int(),
    mapTypes: z.number().int(),
    attachTypes: z.number().int(),
    cmds: z.number().int(),
    linkTypes: z.number().int(),
    helpers: z.number().int(),
    kfuncs: z.number().int(),
    variantsProbed: z.number().int(),
    variantsLoadable: z.number().int(),
  }),
  helpersInEveryProbedVariant: z.array(z.string()),
  limits: z.record(z.string(), limit),
  isa: z.record(z.string(), isaRow),
  mapTypes: z.record(
    z.string(),
    z.strictObject({
      id: z.number().int(),
      available: z.boolean(),
      probeArgs: z.strictObject({
        keySize: z.number().int(),
        valueSize: z.number().int(),
        maxEntries: z.number().int(),
        flags: z.number().int(),
      }),
    }),
  ),
  programVariants: z.record(z.string(), programVariant),
  helpers: z.record(z.string(), helper),
  kfuncs: z.record(z.string(), kfunc),
  enums: z.record(z.string(), z.record(z.string(), z.number().int())),
  helperSets: z.record(z.string(), z.array(z.string())),
  kfuncSets: z.record(z.string(), z.array(z.string())),
  acceptedOpcodes: z.strictObject({
    count: z.number().int(),
    method: z.string(),
    bytes: z.array(z.string().regex(/^0x[0-9a-f]{1,2}$/)),
    atomicImm: z.array(z.number().int()),
  }),
});

/**
 * Checks that a parsed JSON document is a profile.
 *
 * @throws BpfError `E_INPUT` with the first thing that is wrong
 */
export function parseKernelProfile(value: unknown, file: string): KernelProfile {
  const parsed = kernelProfileSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new BpfError('E_INPUT', `kernel profile: ${issue.path.join('.')}: ${issue.message}`, { at: { file } });
}
