/** Records of tracepoints: what stands in `events/GROUP/NAME/format` of tracefs, and bytes made of it. */
import { BpfError } from '@polybpf/errors';
import type { Endian } from '@polybpf/isa';
import { fitInteger, writeInteger } from './byte-order.ts';
import type { TracepointEvent, TracepointField, TracepointValue } from './events.ts';
import { encodeText } from './text.ts';

/** Fields of a tracepoint by `group:name`; undefined for an unknown one. `tracepoint` of @polybpf/helpers/tracepoints is one. */
export type TracepointLayouts = (name: string) => { readonly fields: readonly TracepointField[] } | undefined;

/** Makes memory of a text or bytes that a field points to; gives the address. */
export type PlaceData = (field: string, value: string | Uint8Array) => bigint;

/** Bytes before the fields: type, flags, preemption count, pid. Programs may not read them. */
const HEADER_SIZE = 8;

/**
 * The record of a tracepoint. Dynamic arrays (`__data_loc`, `__rel_loc`) lie behind the fixed part.
 *
 * @throws BpfError `E_INPUT` for fields that the tracepoint has not or values that do not fit
 */
export function encodeTracepoint(
  name: string,
  layout: readonly TracepointField[],
  fields: TracepointEvent['fields'],
  endian: Endian,
  place: PlaceData,
): Uint8Array {
  const known = new Map(layout.map((field) => [field.name, field]));
  const stranger = Object.keys(fields).find((field) => !known.has(field));
  if (stranger !== undefined) {
    throw new BpfError('E_INPUT', `field ${stranger} of ${name}`, {
      expected: [...known.keys()].join(', '),
      got: stranger,
    });
  }
  const fixed = layout.reduce((end, { offset, size }) => Math.max(end, offset + size), HEADER_SIZE);
  const dynamic: number[] = [];
  const bytes = new Uint8Array(fixed);
  for (const field of layout) {
    const value = fields[field.name];
    if (value === undefined) continue;
    if (/^__(data|rel)_loc\b/.test(field.type)) {
      const content = contentOf(value);
      if (content === undefined) throw refused(name, field, 'text or bytes', value);
      const at = fixed + dynamic.length;
      const base = field.type.startsWith('__rel_loc') ? field.offset + field.size : 0;
      writeInteger(bytes, field.offset, 4, (content.length << 16) | (at - base), endian);
      dynamic.push(...content);
    } else encodeField(name, bytes, field, value, endian, place);
  }
  const record = new Uint8Array(fixed + dynamic.length);
  record.set(bytes);
  record.set(dynamic, fixed);
  return record;
}

function contentOf(value: TracepointValue): Uint8Array | undefined {
  if (typeof value === 'string') return encodeText(`${value}\0`);
  return value instanceof Uint8Array ? value : undefined;
}

function refused(name: string, field: TracepointField, expected: string, value: TracepointValue): BpfError {
  const got =
    value instanceof Uint8Array
      ? `${value.length} bytes`
      : JSON.stringify(value, (_k, v: unknown) => (typeof v === 'bigint' ? v.toString() : v));
  return new BpfError('E_INPUT', `field ${field.name} (${field.type}) of ${name}`, { expected, got });
}

function encodeField(
  name: string,
  bytes: Uint8Array,
  field: TracepointField,
  value: TracepointValue,
  endian: Endian,
  place: PlaceData,
): void {
  const { offset, size, type } = field;
  const isArray = type.includes('[');
  if (typeof value === 'number' || typeof value === 'bigint') {
    if (size > 8) throw refused(name, field, `${size} bytes`, value);
    writeInteger(bytes, offset, size, fitInteger(value, size, `field ${field.name} (${type}) of ${name}`), endian);
    return;
  }
  if (typeof value === 'string' || value instanceof Uint8Array) {
    if (isArray) {
      const content = typeof value === 'string' ? encodeText(value) : value;
      if (content.length > size) throw refused(name, field, `at most ${size} bytes`, value);
      bytes.set(content, offset);
    } else if (size === 8) writeInteger(bytes, offset, 8, place(field.name, value), endian);
    else throw refused(name, field, 'a number', value);
    return;
  }
  const count = Number(/\[(\d+)\]/.exec(type)?.[1] ?? 0);
  if (count === 0 || value.length > count)
    throw refused(name, field, count === 0 ? 'no array' : `at most ${count} elements`, value);
  value.forEach((element, k) => {
    const fit = fitInteger(element, size / count, `field ${field.name} (${type}) of ${name}`);
    writeInteger(bytes, offset + (k * size) / count, size / count, fit, endian);
  });
}
