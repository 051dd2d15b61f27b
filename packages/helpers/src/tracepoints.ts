/**
 * `@polybpf/helpers/tracepoints`: events of the kernel's tracefs with their fields, of Linux 6.18 on x86-64. An entry of its
 * own, because few programs need the table (about 120 KB).
 */
import { FIELDS, GROUPS, LISTS } from './generated/tracepoint-table.ts';

/** Field of an event. */
export interface TracepointField {
  readonly name: string;
  /** C type; `__data_loc char[]` is a 32-bit length << 16 | offset of what follows the record. */
  readonly type: string;
  /** In the record that a program of type tracepoint gets. */
  readonly offset: number;
  readonly size: number;
  readonly signed: boolean;
}

/** One event. */
export interface Tracepoint {
  readonly group: string;
  readonly name: string;
  /** Without the common header; see {@link COMMON_FIELDS}. */
  readonly fields: readonly TracepointField[];
  /** Bytes up to the end of the last field. */
  readonly size: number;
}

/** The release that the table is of. */
export const TRACEPOINTS_RELEASE = '6.18';

/** The header of every record (`struct trace_entry`); programs cannot read it: their context shows these bytes as 0. */
export const COMMON_FIELDS: readonly TracepointField[] = [
  { name: 'common_type', type: 'unsigned short', offset: 0, size: 2, signed: false },
  { name: 'common_flags', type: 'unsigned char', offset: 2, size: 1, signed: false },
  { name: 'common_preempt_count', type: 'unsigned char', offset: 3, size: 1, signed: false },
  { name: 'common_pid', type: 'int', offset: 4, size: 4, signed: true },
];

const HEADER = 8;

interface Table {
  readonly fields: readonly string[];
  readonly lists: readonly string[];
  /** Number of the list by event, by group. */
  readonly groups: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

let table: Table | undefined;

/** The event, by `group:name` or `group/name`; undefined when there is none. */
export function tracepoint(name: string): Tracepoint | undefined {
  const parts = /^([^:/]+)[:/]([^:/]+)$/.exec(name);
  const list = parts === null ? undefined : openTable().groups.get(parts[1]!)?.get(parts[2]!);
  if (parts === null || list === undefined) return undefined;
  const fields = readFields(openTable(), list);
  const size = fields.reduce((end, field) => Math.max(end, field.offset + field.size), HEADER);
  return { group: parts[1]!, name: parts[2]!, fields, size };
}

/** Groups of events, in alphabetical order. */
export function tracepointGroups(): string[] {
  return [...openTable().groups.keys()];
}

/** `group:name` of all events, or of those of a group. */
export function tracepointNames(group?: string): string[] {
  const { groups } = openTable();
  const chosen = group === undefined ? [...groups.keys()] : [group];
  return chosen.flatMap((name) => [...(groups.get(name)?.keys() ?? [])].map((event) => `${name}:${event}`));
}

function openTable(): Table {
  table ??= {
    fields: FIELDS.split('\n'),
    lists: LISTS.split('\n'),
    groups: new Map(GROUPS.split('\n').map(parseGroup)),
  };
  return table;
}

function parseGroup(line: string): [string, Map<string, number>] {
  const [group, ...events] = line.split(' ') as [string, ...string[]];
  const pairs = events.map((text) => text.split(':') as [string, string]);
  return [group, new Map(pairs.map(([name, list]) => [name, parseInt(list, 36)]))];
}

function readFields({ fields, lists }: Table, list: number): TracepointField[] {
  let end = HEADER;
  const text = lists[list]!;
  return (text === '' ? [] : text.split(' ')).map((item) => {
    const [number, place] = item.split('@') as [string, string?];
    const [name, type, bytes, sign] = fields[parseInt(number, 36)]!.split('|') as [string, string, string, string?];
    const size = Number(bytes);
    const align = size === 1 || size === 2 || size === 4 || size === 8 ? size : 4;
    const offset = place === undefined ? Math.ceil(end / align) * align : Number(place);
    end = offset + size;
    return { name, type, offset, size, signed: sign === 's' };
  });
}
