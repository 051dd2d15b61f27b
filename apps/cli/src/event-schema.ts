/** Events of the command line and of event files, and recordings: their schemas. */
import { BpfError } from '@polybpf/errors';
import type { EventRecord, Recording } from '@polybpf/runtime';
import { RECORDING_FORMAT } from '@polybpf/runtime';
import { z } from 'zod';

const hexBytes = z.string().regex(/^([0-9a-fA-F]{2}|\s)*$/, 'pairs of hex digits');
const integer = z.union([z.number().int(), z.string().regex(/^-?(0[xX][0-9a-fA-F]+|\d+)$/, 'an integer')]);
const record = <T extends z.ZodType>(value: T): z.ZodRecord<z.ZodString, T> => z.record(z.string(), value);
const hexData = z.strictObject({ hex: hexBytes });

/** One event. Members that are left out have the defaults of the VM. */
export const eventSchema: z.ZodType<Omit<EventRecord, 'kind'> & { readonly kind?: EventRecord['kind'] | undefined }> =
  z.strictObject({
    kind: z.enum(['xdp', 'skb', 'tracepoint', 'kprobe', 'perf_event', 'arguments', 'struct', 'flow_dissector', 'bytes']).optional(), // prettier-ignore
    program: z.string().optional().describe('which program; default: all whose type and place fit'),
    place: z.string().optional().describe('function or raw tracepoint, to find programs by their section'),
    time: integer.optional().describe('CLOCK_MONOTONIC in nanoseconds'),
    cpu: z.number().int().min(0).optional(),
    pid: z.number().int().optional(),
    tgid: z.number().int().optional(),
    uid: z.number().int().optional(),
    gid: z.number().int().optional(),
    comm: z.string().optional(),
    cgroupId: integer.optional(),
    cgroupAncestors: z.array(integer).optional(),
    task: hexBytes.optional().describe('bytes of the task_struct'),
    kernelStack: z.array(integer).optional(),
    userStack: z.array(integer).optional(),
    facts: record(integer).optional().describe('answers of helpers by name, e.g. socketCookie'),
    packet: hexBytes.optional(),
    ingressIfindex: z.number().int().optional(),
    rxQueueIndex: z.number().int().optional(),
    egressIfindex: z.number().int().optional(),
    metadata: hexBytes.optional(),
    linkHeader: z.boolean().optional(),
    vlan: z.strictObject({ protocol: z.number().int().optional(), tci: z.number().int() }).optional(),
    socket: record(z.union([integer, z.array(integer)])).optional(),
    fields: record(z.union([z.number(), z.string(), hexData, z.strictObject({ int: z.string() }), z.array(integer)])).optional(), // prettier-ignore
    name: z.string().optional().describe('tracepoint, group:name'),
    layout: z.array(z.strictObject({ name: z.string(), type: z.string(), offset: z.number().int(), size: z.number().int() })).optional(), // prettier-ignore
    arch: z.string().optional(),
    regs: record(integer).optional(),
    memory: record(z.union([z.string(), hexData])).optional(),
    function: integer.optional(),
    samplePeriod: integer.optional(),
    addr: integer.optional(),
    args: z.array(z.union([integer, hexData, z.strictObject({ text: z.string() })])).optional(),
    result: integer.optional(),
    struct: z.string().optional(),
    data: hexBytes.optional(),
    texts: record(z.string()).optional(),
    flags: z.number().int().optional(),
    context: hexBytes.optional(),
  });

/** An event as the command line has it: the kind may be left to the program, and `place` says where it happens. */
export type GivenEvent = z.infer<typeof eventSchema> & { readonly place?: string };

const resultSchema = z.strictObject({
  program: z.string(),
  r0: z.string().regex(/^0x[0-9a-f]{16}$/),
  verdict: z.string().nullable(),
  packet: hexBytes.nullable(),
  printed: z.array(z.string()),
  insnsExecuted: z.number().int(),
  fault: z.string().nullable(),
});

const headerSchema = z.strictObject({
  format: z.literal(RECORDING_FORMAT),
  object: hexBytes,
  programs: record(hexBytes),
  data: record(hexBytes),
  inputs: z.strictObject({
    profile: z.string(),
    cpus: z.number().int().min(1),
    time: z.string().regex(/^\d+$/),
    tick: z.string().regex(/^\d+$/),
    bootOffset: z.string().regex(/^-?\d+$/),
    taiOffset: z.string().regex(/^-?\d+$/),
    hz: z.number().int().min(1),
    seed: z.number().int(),
  }),
});

const stepSchema = z.strictObject({ event: eventSchema, result: resultSchema });
const mapsSchema = z.strictObject({ maps: record(record(hexBytes)) });

/** The lines of a recording: header, steps, maps. */
export const RECORDING_LINES: readonly z.ZodType[] = [headerSchema, stepSchema, mapsSchema];
/** What a run gave. */
export const RESULT_SCHEMA: z.ZodType = resultSchema;
/** The same with its time, and what helpers did beside. */
export const RUN_SCHEMA: z.ZodType = resultSchema.extend({
  time: z.string().describe('event time in nanoseconds'),
  effects: z.array(z.strictObject({ name: z.string(), value: z.string() })),
  redirects: z.array(z.record(z.string(), z.union([z.string(), z.number()]))),
});

function parseLine<T>(schema: z.ZodType<T>, text: string, what: string, file: string, line: number): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new BpfError('E_INPUT', `${what}: ${(error as Error).message}`, { at: { file, line }, expected: 'JSON' });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const got = issue!.path.reduce<unknown>(
    (node, key) => (node as Record<PropertyKey, unknown> | undefined)?.[key],
    value,
  );
  const { message, path } = issue!;
  const place = `${what}: ${path.join('.') || 'document'}`;
  // Of zod's own sentences those that say what they expect; the others stand as they are.
  const expected = /(?:^|: )expected (.*?)(?:, received .*)?$/.exec(message)?.[1];
  if (path.length === 0 || got === undefined)
    throw new BpfError('E_INPUT', `${place}: ${message}`, { at: { file, line } });
  throw new BpfError('E_INPUT', place, {
    at: { file, line },
    expected: expected ?? message,
    got: JSON.stringify(got).slice(0, 60),
  });
}

/**
 * An event from JSON text.
 *
 * @throws BpfError `E_INPUT`
 */
export function parseEvent(text: string, file: string, line = 1): GivenEvent {
  return parseLine(eventSchema, text, 'event', file, line) as GivenEvent;
}

/** Events of a file with one on each line; empty lines and lines that start with `#` are skipped. */
export function* parseEventFile(text: string, file: string): Generator<GivenEvent> {
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() !== '' && !line.startsWith('#')) yield parseEvent(line, file, index + 1);
  }
}

/**
 * A recording from its lines.
 *
 * @throws BpfError `E_INPUT`
 */
export function parseRecording(text: string, file: string): Recording {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (lines.length < 2) throw new BpfError('E_INPUT', 'recording', { at: { file }, expected: 'a header, steps and maps', got: `${lines.length} lines` }); // prettier-ignore
  const last = lines.length - 1;
  return {
    header: parseLine(headerSchema, lines[0]!, 'header of a recording', file, 1),
    steps: lines.slice(1, last).map((line, k) => parseLine(stepSchema, line, 'step of a recording', file, k + 2)) as Recording['steps'], // prettier-ignore
    maps: parseLine(mapsSchema, lines[last]!, 'maps of a recording', file, last + 1).maps,
  };
}
