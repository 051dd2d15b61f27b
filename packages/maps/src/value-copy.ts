/**
 * Copies of values around their special fields: users never see or write spin locks, timers and kernel pointers
 * (include/linux/bpf.h: `bpf_obj_memcpy`, `check_and_init_map_value`, `bpf_obj_free_fields`).
 */
import type { MapCore } from './map-core.ts';

/** Copies `size` bytes of a value, leaving the special fields of the target as they are. */
export function copyValue(
  core: MapCore,
  target: Uint8Array,
  to: number,
  source: Uint8Array,
  from: number,
  size: number,
): void {
  if (core.fields.length === 0) {
    target.set(source.subarray(from, from + size), to);
    return;
  }
  let at = 0;
  for (const { offset, size: fieldSize } of core.fields) {
    target.set(source.subarray(from + at, from + offset), to + at);
    at = offset + fieldSize;
  }
  if (at < size) target.set(source.subarray(from + at, from + size), to + at);
}

/** A copy for user space: special fields are zero. */
export function userCopy(core: MapCore, source: Uint8Array, from: number, size: number): Uint8Array {
  if (core.fields.length === 0) return source.slice(from, from + size);
  const copy = new Uint8Array(size);
  copyValue(core, copy, 0, source, from, size);
  return copy;
}

/** Zeroes a value but for its special fields. */
export function zeroValue(core: MapCore, target: Uint8Array, at: number): void {
  let start = 0;
  for (const { offset, size } of core.fields) {
    target.fill(0, at + start, at + offset);
    start = offset + size;
  }
  target.fill(0, at + start, at + core.valueSize);
}

/** Lets go of what the special fields of a dying value hold. Locks and reference counts hold nothing. */
export function freeFields(core: MapCore, bytes: Uint8Array, at: number, address: bigint): void {
  for (const field of core.fields) {
    if (field.kind === 'spin_lock' || field.kind === 'res_spin_lock' || field.kind === 'refcount') continue;
    core.environment.freeField?.(field, address + BigInt(field.offset), core.self!);
    bytes.fill(0, at + field.offset, at + field.offset + field.size);
  }
}
