/**
 * Schemas of what each command prints with `--json`. `apps/cli/schemas/*.schema.json` is generated from them
 * (`npm run schemas`); a test keeps both equal and checks real output against them.
 */
import { reportSchema, vectorTestSchema } from '@polybpf/conformance';
import { kernelProfileSchema } from '@polybpf/kernel';
import { explainSchema, verifySchema } from './verify-schema.ts';
import { hostileSchema } from './hostile-schema.ts';
import { z } from 'zod';
import { eventSchema, RECORDING_LINES, RESULT_SCHEMA, RUN_SCHEMA } from './event-schema.ts';
import { targetsFeaturesSchema } from './commands/targets-features.ts';

const hexBytes = z.string().regex(/^([0-9a-f]{2})*$/);
const hex64 = z.string().regex(/^0x[0-9a-f]{16}$/);
const endian = z.enum(['little', 'big']);
const programName = z.string();

const place = z
  .strictObject({
    file: z.string(),
    section: z.string(),
    symbol: z.string(),
    insn: z.number().int(),
    offset: z.number().int(),
    line: z.number().int(),
    column: z.number().int(),
    text: z.string(),
  })
  .partial();

/** Printed by any command that fails, instead of its own document. */
const error = z.strictObject({
  error: z.strictObject({
    code: z.string(),
    message: z.string(),
    at: place,
    expected: z.string().optional(),
    got: z.string().optional(),
  }),
});

const asm = z.strictObject({
  name: programName,
  endian,
  insns: z.number().int(),
  format: z.enum(['raw', 'hex', 'object']),
  bytes: hexBytes,
});

const disasm = z.strictObject({
  programs: z.array(
    z.strictObject({
      name: programName,
      section: z.string().nullable(),
      endian,
      insns: z.array(
        z.strictObject({
          insn: z.number().int(),
          bytes: hexBytes,
          row: z.string().nullable().describe('row of the instruction table; null for what is no instruction'),
          text: z.string(),
          source: z.strictObject({ file: z.string(), line: z.number().int(), text: z.string() }).optional(),
        }),
      ),
    }),
  ),
});

const map = z.strictObject({
  name: z.string(),
  kind: z.enum(['map', 'rodata', 'data', 'bss', 'kconfig']),
  type: z.number().int(),
  keySize: z.number().int(),
  valueSize: z.number().int(),
  maxEntries: z.number().int(),
  flags: z.number().int(),
});

const inspect = z.strictObject({
  endian,
  license: z.string().nullable(),
  btf: z.boolean(),
  programs: z.array(
    z.strictObject({
      name: programName,
      section: z.string().nullable(),
      type: z.string().nullable(),
      attachType: z.string().nullable(),
      attachTo: z.string().nullable(),
      insns: z.number().int(),
      functions: z.array(z.string()),
      helpers: z.array(z.number().int()).describe('ids of the helpers it calls'),
      maps: z.array(z.string()),
      cpu: z.string().describe('lowest LLVM -mcpu that has all its instructions'),
      linux: z.string().describe('first Linux release that knows all its instructions'),
      sourceLines: z.number().int(),
      coreRelocations: z.number().int().describe('CO-RE relocations, applied or not'),
      core: z
        .array(
          z.strictObject({
            insn: z.number().int(),
            kind: z.string(),
            outcome: z.enum(['patched', 'poisoned']),
            before: z.string().describe('decimal'),
            after: z.string().describe('decimal'),
            local: z.string().describe('place in the types of the object'),
            target: z.string().nullable().describe('place in the types of the kernel'),
          }),
        )
        .describe('those that were applied, with --btf'),
    }),
  ),
  maps: z.array(map),
  unresolved: z.array(
    z.strictObject({
      program: programName,
      insn: z.number().int(),
      kind: z.string(),
      symbol: z.string(),
      weak: z.boolean(),
    }),
  ),
  warnings: z.array(z.string()),
});

const run = z.strictObject({
  program: programName,
  engine: z.enum(['interpreter', 'native', 'wasm', 'wasm-interpreter', 'auto']),
  target: z.string().nullable(),
  r0: hex64,
  mem: hexBytes.describe('memory afterwards'),
  insnsExecuted: z.number().int().nullable().describe('of the last run; null for native code'),
  repeat: z.number().int(),
  elapsedNs: z.number().nullable().describe('wall time of all repetitions without start-up'),
});

const json: z.ZodType = z.lazy(() =>
  z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(json), z.record(z.string(), json)]),
);
const dumpedMaps = z.array(
  z.strictObject({ name: z.string(), entries: z.array(z.strictObject({ key: json, value: json })) }),
);

/** `run` with --ctx, --packet, --pcap or --events. */
const runEvents = z.strictObject({
  runs: z.array(RUN_SCHEMA),
  records: z.record(z.string(), z.array(hexBytes)).describe('of ring buffers and perf event arrays'),
  intervals: z.array(z.strictObject({ time: z.string(), maps: dumpedMaps })),
  maps: dumpedMaps.nullable(),
});

const replay = z.strictObject({
  steps: z.number().int(),
  differences: z.array(
    z.strictObject({
      step: z.number().int().nullable(),
      what: z.string(),
      recorded: z.string(),
      replayed: z.string(),
    }),
  ),
  results: z.array(RESULT_SCHEMA),
});

const compile = z.strictObject({
  outputs: z.array(
    z.strictObject({
      target: z.string(),
      status: z.enum(['done', 'refused']),
      reason: z.string().optional(),
      file: z.string().nullable(),
      format: z.enum(['raw', 'object', 'listing']),
      programs: z.array(
        z.strictObject({
          name: programName,
          insns: z.number().int(),
          codeBytes: z.number().int(),
          code: hexBytes,
          relocations: z.array(
            z.strictObject({
              offset: z.number().int(),
              kind: z.string(),
              symbol: z.string(),
              addend: z.number().int(),
            }),
          ),
          functions: z.array(
            z.strictObject({
              name: z.string(),
              offset: z.number().int(),
              size: z.number().int(),
              frameSize: z.number().int(),
              registers: z
                .record(z.string(), z.string())
                .describe('where the BPF registers that the function uses live: a register of the CPU, or the frame'),
            }),
          ),
        }),
      ),
    }),
  ),
});

const plugin = z.strictObject({ r0: hex64 });

const targets = z.strictObject({
  targets: z.array(
    z.strictObject({
      name: z.string(),
      title: z.string(),
      endian,
      variants: z.array(
        z.strictObject({ name: z.string().describe('after a plus sign in the target'), what: z.string() }),
      ),
      rows: z.number().int().describe('instruction rows it compiles'),
      ofRows: z.number().int(),
      unsupported: z.array(z.string()).describe('rows it does not compile'),
      run: z.string().describe('how its code runs on this host'),
      available: z.boolean(),
    }),
  ),
  planned: z.array(z.string()),
});

const engineOutcome = z.array(z.strictObject({ engine: z.string(), outcome: z.string() }));
const counts = z.record(z.string(), z.record(z.string(), z.number().int()));

const fuzz = z.strictObject({
  seed: z.number().int(),
  first: z.number().int().describe('index of the first program'),
  programs: z.number().int(),
  isa: z.enum(['v1', 'v2', 'v3', 'v4']),
  flavour: z.enum(['kernel', 'any']),
  insns: z.number().int().describe('slots of all programs'),
  elapsedMs: z.number().int(),
  compared: z.array(z.strictObject({ engine: z.string(), endian, programs: z.number().int() })),
  refused: z.array(z.strictObject({ engine: z.string(), reason: z.string(), programs: z.number().int() })),
  coverage: z.strictObject({
    operands: counts.describe('row of the instruction table, class of operands: instructions'),
    values: counts.describe('row, classes of the values it was executed with: times, in a sample of the programs'),
    missing: z.array(z.string()).describe('rows that should be generated and were not'),
  }),
  disagreements: z.array(
    z.strictObject({
      index: z.number().int(),
      endian,
      insns: z.number().int(),
      outcomes: engineOutcome,
      shrunkOutcomes: engineOutcome,
      vector: vectorTestSchema.describe('the shrunk program, ready for a vector file'),
    }),
  ),
});

const hexOrNull = hex64.nullable();
const kernelInfo = z.strictObject({
  release: z.string(),
  machine: z.string(),
  cpus: z.number().int(),
  sysctls: z.record(z.string(), z.string().nullable()),
  capabilities: z.array(z.string()),
  lockdown: z.string().nullable(),
  abilities: z.array(z.strictObject({ name: z.string(), usable: z.boolean(), reason: z.string().nullable() })),
});

const kernelLoad = z.strictObject({
  kernel: z.string().describe('release'),
  btfProblem: z.string().nullable().describe("why the kernel did not take the object's BTF"),
  maps: z.array(
    z.strictObject({ name: z.string(), type: z.string(), created: z.boolean(), errno: z.string().nullable() }),
  ),
  programs: z.array(
    z.strictObject({
      program: programName,
      section: z.string().nullable(),
      type: z.string().nullable(),
      attachType: z.string().nullable(),
      verdict: z.enum(['accepted', 'refused', 'error']).describe('error: it did not get as far as the verifier'),
      insnsProcessed: z.number().int().nullable(),
      totalStates: z.number().int().nullable(),
      peakStates: z.number().int().nullable(),
      stackDepth: z.array(z.number().int()).nullable().describe('bytes by function'),
      verificationTimeUs: z.number().nullable(),
      errno: z.string().nullable(),
      message: z.string().describe('the line of the log that tells why'),
      log: z.string().optional(),
    }),
  ),
});

const kernelRun = z.strictObject({
  program: programName,
  type: z.string(),
  r0: hex64,
  complete: z
    .boolean()
    .describe('false when only the lower 32 bits of r0 are known: a tail call or exception ended it'),
  registers: z.array(hexOrNull).describe('r0 to r9 at the exit; null for those that may be uninitialised'),
  retval: z.number().int(),
  mem: hexBytes,
  data: hexBytes.describe('packet afterwards'),
  context: hexBytes,
  repeat: z.number().int(),
  durationNs: z.number().describe('mean of one run'),
});

const kernelDump = z.strictObject({
  program: programName,
  target: z.string(),
  tag: z.string(),
  verifiedInsns: z.number().int(),
  kernelBytes: z.number().int(),
  normalisedBytes: z.number().int().describe('without entry nops, with ret for the return thunk'),
  ownBytes: z.number().int().nullable(),
  ownProblem: z.string().nullable().describe('why there is no code of ours'),
  xlated: hexBytes.describe('the program after the verifier'),
  jited: hexBytes,
  kernel: z.array(
    z.strictObject({
      insn: z.number().int().describe('-1 for code that belongs to no insn'),
      entry: z.boolean().describe('starts with the entry sequence of a function'),
      offset: z.number().int(),
      bytes: hexBytes,
      normalised: hexBytes,
      notes: z.array(z.string()),
    }),
  ),
  own: z.array(z.strictObject({ insn: z.number().int(), offset: z.number().int(), bytes: hexBytes, text: z.string() })),
});

const kernelProbe = z.strictObject({
  kernel: z.string().describe('release'),
  counts: z.record(z.string(), z.number().int()),
  file: z.string().nullable().describe('the profile; kernel-profile.schema.json describes it'),
  comparedWith: z.string().nullable(),
  differences: z.array(
    z.strictObject({
      path: z.string(),
      ours: z.string().nullable().describe('JSON'),
      theirs: z.string().nullable().describe('JSON'),
      explanation: z.string().nullable().describe('why the kernels do not differ, where they do not'),
    }),
  ),
});

const callableFacts = {
  prototype: z.string().describe('in C'),
  since: z.string().nullable().describe('first mainline release'),
  available: z.boolean(),
  basis: z.enum(['probed', 'certain', 'derived']),
  callers: z.array(z.string()).describe('variants of program types that may call it'),
};
const helpers = z.strictObject({
  kernel: z.string(),
  basis: z.enum(['probed', 'derived']),
  variant: z.string().nullable(),
  helpers: z.array(
    z.strictObject({
      id: z.number().int(),
      name: z.string(),
      ...callableFacts,
      gplOnly: z.boolean(),
      sleepableOnly: z.boolean(),
      changesPacket: z.boolean(),
      prototypes: z.array(
        z.strictObject({
          symbols: z.array(z.string()),
          args: z.array(z.string()).describe('what the verifier wants of r1 to r5'),
          result: z.string(),
          pktAccess: z.boolean(),
          variants: z.array(z.string()).nullable().describe('null: all that no other prototype names'),
        }),
      ),
    }),
  ),
  kfuncs: z.array(z.strictObject({ name: z.string(), ...callableFacts, flags: z.array(z.string()) })),
});

const need = z.strictObject({
  kind: z.enum(['program type', 'attach type', 'map type', 'helper', 'kfunc', 'instruction', 'feature']),
  name: z.string(),
  since: z.string().nullable().describe('first mainline release; null: none up to the newest profile'),
  optional: z.boolean().describe('loaders do without it on older kernels'),
  insn: z.number().int().nullable().describe('where it is needed first'),
  note: z.string(),
});
const compat = z.strictObject({
  object: z.string(),
  programs: z.array(
    z.strictObject({
      program: programName,
      section: z.string().nullable(),
      type: z.string().nullable(),
      attachType: z.string().nullable(),
      lowest: z.string().nullable().describe('lowest mainline release; null: none'),
      because: z.array(z.string()),
      needs: z.array(need),
    }),
  ),
  kernels: z.array(
    z.strictObject({
      kernel: z.string(),
      basis: z.enum(['probed', 'derived']),
      programs: z.array(z.strictObject({ program: programName, ok: z.boolean(), lacks: z.array(need) })),
    }),
  ),
});

const btfPart = z.record(z.string(), z.union([z.string(), z.number()]));
const btfDump = z.strictObject({
  endian,
  types: z.array(
    z
      .object({ id: z.number().int(), kind: z.string(), name: z.string() })
      .catchall(z.union([z.string(), z.number(), z.array(btfPart)]))
      .describe('as bpftool -j btf dump prints it; values of enumerations as text'),
  ),
});

const btfDiff = z.strictObject({
  differences: z.array(
    z.strictObject({
      kind: z.string(),
      name: z.string(),
      change: z.enum(['added', 'removed', 'changed']),
      details: z.array(
        z.strictObject({ what: z.string(), before: z.string().nullable(), after: z.string().nullable() }),
      ),
    }),
  ),
});

const genTs = z.strictObject({
  file: z.string().nullable(),
  programs: z.array(programName),
  maps: z.array(z.string()),
  globals: z.array(z.string()),
  types: z.array(z.string()).describe('names of classes and types in the module'),
  endians: z.array(endian).describe('byte orders of the embedded objects'),
  text: z.string().nullable().describe('the module, when it went to no file'),
});

const link = z.strictObject({
  output: z.string(),
  endian,
  size: z.number().int(),
  programs: z.array(programName),
  maps: z.array(z.string()),
  unresolved: z.array(z.string()),
});

/** Schema of the `--json` output of each command, and of `error`. */
export const OUTPUT_SCHEMAS: Readonly<Record<string, z.ZodType>> = { 'btf-dump': btfDump, 'btf-diff': btfDiff, 'gen-ts': genTs, link, error, asm, disasm, inspect, run, 'run-events': runEvents, replay, event: eventSchema, 'recording-header': RECORDING_LINES[0]!, 'recording-step': RECORDING_LINES[1]!, 'recording-maps': RECORDING_LINES[2]!, compile, conformance: reportSchema, plugin, targets, 'targets-features': targetsFeaturesSchema, verify: verifySchema, explain: explainSchema, fuzz, 'fuzz-hostile': hostileSchema, helpers, compat, 'kernel-info': kernelInfo, 'kernel-load': kernelLoad, 'kernel-run': kernelRun, 'kernel-dump': kernelDump, 'kernel-probe': kernelProbe, 'kernel-profile': kernelProfileSchema }; // prettier-ignore

/** JSON Schema documents by file name. */
export function schemaFiles(): Record<string, object> {
  return Object.fromEntries(
    Object.entries(OUTPUT_SCHEMAS).map(([name, schema]) => [`${name}.schema.json`, z.toJSONSchema(schema)]),
  );
}
