/**
 * Events as JSON: one record each, for event files (a record per line) and replay files. Bytes are hex; 64-bit integers are
 * numbers or text (`0x...` or decimal); text that stands for itself and not for a number is text where the field says so.
 */
import { BpfError } from '@polybpf/errors';
import type { FieldValue } from './context-layouts.ts';
import type { BpfEvent, EventFacts, TracepointField, TracepointValue } from './events.ts';

/** An integer: a number, or text for what a number cannot hold. */
export type IntegerRecord = number | string;
/** Text, or bytes. */
export type DataRecord = string | { readonly hex: string };
/** Value of a tracepoint field: a number, text, bytes, a list, or an integer that no number holds. */
export type TracepointValueRecord =
  number | string | { readonly hex: string } | { readonly int: string } | readonly IntegerRecord[];
/** Argument: an integer, or what it points to. */
export type ArgumentRecord = IntegerRecord | { readonly hex: string } | { readonly text: string };
type FieldsRecord = Readonly<Record<string, IntegerRecord | readonly IntegerRecord[]>>;

/** An event as JSON. What a kind does not have is not there. */
export interface EventRecord {
  readonly kind: BpfEvent['kind'];
  /** Which program it is for; without it all whose type and place fit. */
  readonly program?: string | undefined;
  readonly time?: IntegerRecord | undefined;
  readonly cpu?: number | undefined;
  readonly pid?: number | undefined;
  readonly tgid?: number | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  readonly comm?: string | undefined;
  readonly cgroupId?: IntegerRecord | undefined;
  readonly cgroupAncestors?: readonly IntegerRecord[] | undefined;
  readonly task?: string | undefined;
  readonly kernelStack?: readonly IntegerRecord[] | undefined;
  readonly userStack?: readonly IntegerRecord[] | undefined;
  readonly facts?: Readonly<Record<string, IntegerRecord>> | undefined;
  readonly packet?: string | undefined;
  readonly ingressIfindex?: number | undefined;
  readonly rxQueueIndex?: number | undefined;
  readonly egressIfindex?: number | undefined;
  readonly metadata?: string | undefined;
  readonly linkHeader?: boolean | undefined;
  readonly vlan?: { readonly protocol?: number | undefined; readonly tci: number } | undefined;
  readonly socket?: FieldsRecord | undefined;
  /** Of contexts that are structs; tracepoints have text here too. */
  readonly fields?: Readonly<Record<string, TracepointValueRecord>> | undefined;
  readonly name?: string | undefined;
  readonly layout?: readonly TracepointField[] | undefined;
  readonly arch?: string | undefined;
  readonly regs?: Readonly<Record<string, IntegerRecord>> | undefined;
  readonly memory?: Readonly<Record<string, DataRecord>> | undefined;
  readonly function?: IntegerRecord | undefined;
  readonly samplePeriod?: IntegerRecord | undefined;
  readonly addr?: IntegerRecord | undefined;
  readonly args?: readonly ArgumentRecord[] | undefined;
  readonly result?: IntegerRecord | undefined;
  readonly struct?: string | undefined;
  readonly data?: string | undefined;
  readonly texts?: Readonly<Record<string, string>> | undefined;
  readonly flags?: number | undefined;
  readonly context?: string | undefined;
}

/** Lower-case hex of bytes. */
export function toHexText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * Bytes of hex text; blanks are allowed.
 *
 * @throws BpfError `E_INPUT`
 */
export function fromHexText(text: string, what = 'bytes'): Uint8Array {
  const digits = text.replace(/\s+/g, '');
  if (digits.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(digits)) {
    throw new BpfError('E_INPUT', what, { expected: 'pairs of hex digits', got: text.slice(0, 40) });
  }
  return Uint8Array.from({ length: digits.length / 2 }, (_, k) => parseInt(digits.slice(2 * k, 2 * k + 2), 16));
}

function integer(value: IntegerRecord, what: string): bigint {
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) return BigInt(value);
  } else if (/^-?(0[xX][0-9a-fA-F]+|\d+)$/.test(value)) {
    return value.startsWith('-') ? -BigInt(value.slice(1)) : BigInt(value);
  }
  throw new BpfError('E_INPUT', what, { expected: 'an integer, decimal or 0x and hex digits', got: String(value) });
}

function integers<T extends string>(record: Readonly<Record<T, IntegerRecord>>, what: string): Record<string, bigint> {
  return Object.fromEntries(Object.entries<IntegerRecord>(record).map(([name, value]) => [name, integer(value, `${what} ${name}`)])); // prettier-ignore
}

function structFields(record: EventRecord['fields'] | FieldsRecord): Record<string, FieldValue> {
  return Object.fromEntries(
    Object.entries(record ?? {}).map(([name, value]): [string, FieldValue] => {
      if (Array.isArray(value))
        return [name, (value as readonly IntegerRecord[]).map((element) => integer(element, name))];
      if (typeof value === 'number' || typeof value === 'string') return [name, integer(value, name)];
      throw new BpfError('E_INPUT', `field ${name}`, { expected: 'an integer or a list', got: JSON.stringify(value) });
    }),
  );
}

function tracepointValue(value: TracepointValueRecord, name: string): TracepointValue {
  if (typeof value === 'number' || typeof value === 'string') return value;
  if (Array.isArray(value)) return (value as readonly IntegerRecord[]).map((element) => integer(element, name));
  return 'hex' in value ? fromHexText(value.hex, name) : integer((value as { int: string }).int, name);
}

function facts(record: EventRecord): EventFacts {
  const { time, cgroupId, cgroupAncestors, task, kernelStack, userStack, cpu, pid, tgid, uid, gid, comm } = record;
  return {
    ...(time === undefined ? {} : { time: integer(time, 'time') }),
    ...(cpu === undefined ? {} : { cpu }),
    ...(pid === undefined ? {} : { pid }),
    ...(tgid === undefined ? {} : { tgid }),
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
    ...(comm === undefined ? {} : { comm }),
    ...(cgroupId === undefined ? {} : { cgroupId: integer(cgroupId, 'cgroupId') }),
    ...(cgroupAncestors === undefined ? {} : { cgroupAncestors: cgroupAncestors.map((id) => integer(id, 'cgroupAncestors')) }), // prettier-ignore
    ...(task === undefined ? {} : { task: fromHexText(task, 'task') }),
    ...(kernelStack === undefined ? {} : { kernelStack: kernelStack.map((frame) => integer(frame, 'kernelStack')) }),
    ...(userStack === undefined ? {} : { userStack: userStack.map((frame) => integer(frame, 'userStack')) }),
    ...(record.facts === undefined ? {} : { facts: integers(record.facts, 'facts') }),
  };
}

function needed<T>(value: T | undefined, kind: string, name: string): T {
  if (value !== undefined) return value;
  throw new BpfError('E_INPUT', `event of kind ${kind}`, { expected: `a member ${name}`, got: 'none' });
}

/**
 * The event of a record.
 *
 * @throws BpfError `E_INPUT` for members that are missing or do not parse
 */
export function decodeEvent(record: EventRecord): BpfEvent {
  const base = facts(record);
  const { kind } = record;
  const socket = record.socket === undefined ? {} : { socket: structFields(record.socket) };
  const functionAddress = record.function === undefined ? {} : { function: integer(record.function, 'function') };
  const data = (value: DataRecord, name: string): string | Uint8Array =>
    typeof value === 'string' ? value : fromHexText(value.hex, name);
  switch (kind) {
    case 'xdp': {
      const { ingressIfindex, rxQueueIndex, egressIfindex, metadata } = record;
      return {
        kind,
        ...base,
        packet: fromHexText(needed(record.packet, kind, 'packet'), 'packet'),
        ...(ingressIfindex === undefined ? {} : { ingressIfindex }),
        ...(rxQueueIndex === undefined ? {} : { rxQueueIndex }),
        ...(egressIfindex === undefined ? {} : { egressIfindex }),
        ...(metadata === undefined ? {} : { metadata: fromHexText(metadata, 'metadata') }),
      };
    }
    case 'skb': {
      const { linkHeader, vlan, fields } = record;
      return {
        kind,
        ...base,
        packet: fromHexText(needed(record.packet, kind, 'packet'), 'packet'),
        ...(linkHeader === undefined ? {} : { linkHeader }),
        ...(fields === undefined ? {} : { fields: structFields(fields) }),
        ...(vlan === undefined ? {} : { vlan: { tci: vlan.tci, ...(vlan.protocol === undefined ? {} : { protocol: vlan.protocol }) } }), // prettier-ignore
        ...socket,
      };
    }
    case 'tracepoint': {
      const fields = Object.entries(record.fields ?? {}).map(([name, value]) => [name, tracepointValue(value, name)]);
      return {
        kind,
        ...base,
        name: needed(record.name, kind, 'name').replace('/', ':'),
        fields: Object.fromEntries(fields) as Record<string, TracepointValue>,
        ...(record.layout === undefined ? {} : { layout: record.layout }),
      };
    }
    case 'kprobe': {
      const memory = Object.entries(record.memory ?? {}).map(([name, value]) => [name, data(value, name)]);
      return {
        kind,
        ...base,
        arch: record.arch ?? 'x86_64',
        regs: integers(record.regs ?? {}, 'register'),
        ...(memory.length === 0 ? {} : { memory: Object.fromEntries(memory) as Record<string, string | Uint8Array> }),
        ...functionAddress,
      };
    }
    case 'perf_event':
      return {
        kind,
        ...base,
        arch: record.arch ?? 'x86_64',
        regs: integers(record.regs ?? {}, 'register'),
        ...(record.samplePeriod === undefined ? {} : { samplePeriod: integer(record.samplePeriod, 'samplePeriod') }),
        ...(record.addr === undefined ? {} : { addr: integer(record.addr, 'addr') }),
      };
    case 'arguments':
      return {
        kind,
        ...base,
        args: (record.args ?? []).map(
          (value, k) =>
          typeof value === 'object' ? ('hex' in value ? fromHexText(value.hex, `argument ${k}`) : value.text) : integer(value, `argument ${k}`), // prettier-ignore
        ),
        ...(record.result === undefined ? {} : { result: integer(record.result, 'result') }),
        ...functionAddress,
      };
    case 'struct':
      return {
        kind,
        ...base,
        struct: needed(record.struct, kind, 'struct') as 'bpf_sock_ops',
        fields: structFields(record.fields),
        ...(record.data === undefined ? {} : { data: fromHexText(record.data, 'data') }),
        ...(record.texts === undefined ? {} : { texts: record.texts }),
        ...socket,
      };
    case 'flow_dissector':
      return {
        kind,
        ...base,
        packet: fromHexText(needed(record.packet, kind, 'packet'), 'packet'),
        ...(record.flags === undefined ? {} : { flags: record.flags }),
      };
    case 'bytes':
      return { kind, ...base, context: fromHexText(record.context ?? '', 'context') };
  }
}

function plainInteger(value: bigint | number): IntegerRecord {
  const wide = BigInt(value);
  const safe = wide <= BigInt(Number.MAX_SAFE_INTEGER) && wide >= -BigInt(Number.MAX_SAFE_INTEGER);
  return safe ? Number(wide) : wide < 0n ? wide.toString() : `0x${wide.toString(16)}`;
}

/** The members of an event that are 64-bit integers, by name; also the elements of their lists and records. */
function plainValue(value: unknown): unknown {
  if (typeof value === 'bigint') return plainInteger(value);
  if (Array.isArray(value)) return value.map(plainValue);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plainValue(member)]));
  }
  return value;
}

/** Members that are bytes as a whole. */
const BYTES: ReadonlySet<string> = /* @__PURE__ */ new Set(['packet', 'metadata', 'task', 'data', 'context']);

function dataRecord(value: string | Uint8Array): DataRecord {
  return typeof value === 'string' ? value : { hex: toHexText(value) };
}

function fieldRecord(value: TracepointValue): TracepointValueRecord {
  if (value instanceof Uint8Array) return { hex: toHexText(value) };
  if (typeof value === 'bigint') {
    const plain = plainInteger(value);
    return typeof plain === 'number' ? plain : { int: plain };
  }
  return Array.isArray(value) ? (plainValue(value) as IntegerRecord[]) : (value as string | number);
}

/** The record of an event; {@link decodeEvent} gives the same event again. */
export function encodeEvent(event: BpfEvent, program?: string): EventRecord {
  const members = Object.entries(event).flatMap(([name, value]: [string, unknown]): [string, unknown][] => {
    if (value === undefined) return [];
    if (BYTES.has(name)) return [[name, toHexText(value as Uint8Array)]];
    if (name === 'memory') {
      const memory = Object.entries(value as Record<string, string | Uint8Array>);
      return [[name, Object.fromEntries(memory.map(([key, part]) => [key, dataRecord(part)]))]];
    }
    if (name === 'fields' && event.kind === 'tracepoint') {
      return [[name, Object.fromEntries(Object.entries(event.fields).map(([key, part]) => [key, fieldRecord(part)]))]];
    }
    if (name === 'args') {
      const args = value as readonly (bigint | number | string | Uint8Array)[];
      return [[name, args.map((part) => (typeof part === 'string' ? { text: part } : part instanceof Uint8Array ? { hex: toHexText(part) } : plainInteger(part)))]]; // prettier-ignore
    }
    return [[name, plainValue(value)]];
  });
  return { ...(program === undefined ? {} : { program }), ...Object.fromEntries(members) } as EventRecord;
}
