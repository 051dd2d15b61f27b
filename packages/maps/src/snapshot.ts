/** Contents of a map as plain data, for replay files and dumps: JSON holds it without loss. */
import { BpfError } from '@polybpf/errors';
import { mapTypeName } from './map-type.ts';

/** One element; bytes as hex digits, values as user space sees them (all CPUs of a per-CPU map). */
export interface SnapshotEntry {
  readonly key: string;
  readonly value: string;
}

/** State that is not in the elements: lists of LRU maps, positions of ring buffers. Numbers, strings and lists of them. */
export type SnapshotState = Readonly<
  Record<string, number | string | readonly number[] | readonly string[] | readonly (readonly number[])[]>
>;

/** All that a map holds. Objects in maps of objects are told by id and are not brought back. */
export interface MapSnapshot {
  readonly type: number;
  readonly name: string;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly frozen: boolean;
  /** In order of iteration. */
  readonly entries: readonly SnapshotEntry[];
  readonly state?: SnapshotState;
}

/** What a family of maps gives and takes. */
export interface SnapshotBody {
  readonly entries: readonly SnapshotEntry[];
  readonly state?: SnapshotState;
}

/** Bytes as hex digits. */
export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

/**
 * Bytes of hex digits.
 *
 * @throws BpfError `E_INPUT` when the digits are not `size` bytes
 */
export function fromHex(text: string, size: number): Uint8Array {
  if (text.length !== 2 * size || !/^[0-9a-f]*$/i.test(text)) {
    throw new BpfError('E_INPUT', 'bytes of a map snapshot', {
      expected: `${2 * size} hex digits`,
      got: text.length > 40 ? `${text.length} characters` : `"${text}"`,
    });
  }
  return Uint8Array.from({ length: size }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16));
}

/** Numbers of a field of the state. @throws BpfError `E_INPUT` */
export function stateNumbers(state: SnapshotState | undefined, field: string): readonly number[] {
  const value = state?.[field];
  if (Array.isArray(value) && value.every((item) => typeof item === 'number')) return value as readonly number[];
  throw stateError(field);
}

/** Lists of numbers of a field of the state. @throws BpfError `E_INPUT` */
export function stateLists(state: SnapshotState | undefined, field: string): readonly (readonly number[])[] {
  const value = state?.[field];
  if (Array.isArray(value) && value.every((item) => Array.isArray(item))) return value as readonly number[][];
  throw stateError(field);
}

/** A number of the state. @throws BpfError `E_INPUT` */
export function stateNumber(state: SnapshotState | undefined, field: string): number {
  const value = state?.[field];
  if (typeof value === 'number') return value;
  throw stateError(field);
}

/** A string of the state. @throws BpfError `E_INPUT` */
export function stateText(state: SnapshotState | undefined, field: string): string {
  const value = state?.[field];
  if (typeof value === 'string') return value;
  throw stateError(field);
}

function stateError(field: string): BpfError {
  return new BpfError('E_INPUT', `map snapshot without state.${field}`);
}

/** @throws BpfError `E_INPUT` when a snapshot is of a map with another definition */
export function checkSnapshot(
  map: Pick<MapSnapshot, 'type' | 'name' | 'keySize' | 'valueSize' | 'maxEntries'>,
  snapshot: MapSnapshot,
): void {
  const show = (m: typeof map): string =>
    `${mapTypeName(m.type)} (key ${m.keySize}, value ${m.valueSize}, ${m.maxEntries} entries)`;
  if (show(map) === show(snapshot)) return;
  throw new BpfError('E_INPUT', `snapshot for map ${map.name}`, { expected: show(map), got: show(snapshot) });
}
