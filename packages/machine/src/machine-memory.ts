/** The runner's memory as helpers and callers see it: bytes of the shared file by address. */
import { BpfError } from '@polybpf/errors';
import type { Endian } from '@polybpf/isa';
import { arenaAddress, ARENA_BASE, CODE_BASE, SHARED_BASE, type SharedLayout } from './layout.ts';
import type { SharedFile } from './shared-file.ts';

/**
 * Memory as helpers see it: stack, maps, `mem`, allocations, and code (read only). Everything here is part of the
 * reference interpreter's `Memory` as well, so that one helper can serve both.
 */
export interface HelperMemory {
  readonly endian: Endian;
  /**
   * The bytes at an address. A view that was asked for with `helper_write` or `write` is written back when control
   * returns to the program.
   *
   * @throws BpfError `E_RUN_MEMORY` when they are not all in memory
   */
  view(address: bigint, length: number, access?: 'read' | 'write' | 'helper_read' | 'helper_write'): Uint8Array;
  /**
   * An unsigned integer of 1, 2, 4 or 8 bytes in the target's byte order.
   *
   * @throws BpfError `E_RUN_MEMORY`
   */
  read(address: bigint, width: 1 | 2 | 4 | 8): bigint;
  /**
   * Writes the low `width` bytes of an integer in the target's byte order.
   *
   * @throws BpfError `E_RUN_MEMORY`
   */
  write(address: bigint, width: 1 | 2 | 4 | 8, value: bigint): void;
  /**
   * The bytes of a zero-terminated string, without the zero; at most `limit` bytes are looked at.
   *
   * @throws BpfError `E_RUN_MEMORY`
   */
  readCString(address: bigint, limit?: number): Uint8Array;
}

/** Memory of the native program as the caller sees it. */
export interface MachineMemory extends HelperMemory {
  /**
   * Copies bytes in.
   *
   * @throws BpfError `E_RUN_MEMORY`
   */
  writeBytes(address: bigint, bytes: Uint8Array): void;
}

/** Memory and the views that wait to be written back. */
export interface FlushableMemory extends MachineMemory {
  /** Writes back what views were asked for to be written. */
  flush(): void;
}

/** Memory over the shared file. */
export function createMachineMemory(file: SharedFile, layout: SharedLayout, endian: Endian): FlushableMemory {
  const little = endian === 'little';
  let pending: { readonly offset: number; readonly bytes: Uint8Array }[] = [];

  const locate = (address: bigint, length: number, writes: boolean): number => {
    const unsigned = BigInt.asUintN(64, address);
    if (Number.isSafeInteger(length) && length >= 0 && unsigned <= BigInt(Number.MAX_SAFE_INTEGER)) {
      const at = Number(unsigned);
      if (at >= ARENA_BASE && at + length <= ARENA_BASE + layout.arenaBytes) return at - ARENA_BASE + layout.arena;
      if (at >= SHARED_BASE && at + length <= SHARED_BASE + layout.controlBytes) return at - SHARED_BASE;
      const isCode = at >= CODE_BASE && at + length <= CODE_BASE + layout.codeBytes;
      if (isCode && !writes) return at - CODE_BASE + layout.code;
    }
    throw new BpfError(
      'E_RUN_MEMORY',
      `helper ${writes ? 'write' : 'read'} of ${length} bytes at 0x${unsigned.toString(16)}`,
      {
        expected: 'memory of the native runner',
      },
    );
  };
  const readAt = (offset: number, length: number): Uint8Array => {
    const bytes = new Uint8Array(length);
    file.read(offset, bytes);
    for (const view of pending) overlay(bytes, offset, view.bytes, view.offset);
    return bytes;
  };
  const view = (address: bigint, length: number, access = 'helper_read'): Uint8Array => {
    const writes = access === 'write' || access === 'helper_write';
    const offset = locate(address, length, writes);
    const same = pending.find((entry) => entry.offset === offset && entry.bytes.length === length);
    if (same !== undefined) return same.bytes;
    const bytes = readAt(offset, length);
    if (writes) pending.push({ offset, bytes });
    return bytes;
  };
  const writeBytes = (address: bigint, bytes: Uint8Array): void => {
    const offset = locate(address, bytes.length, true);
    file.write(offset, bytes);
    for (const entry of pending) overlay(entry.bytes, entry.offset, bytes, offset);
  };
  return {
    endian,
    view,
    writeBytes,
    read(address, width) {
      const bytes = readAt(locate(address, width, false), width);
      let value = 0n;
      for (let i = 0; i < width; i++) value = (value << 8n) | BigInt(bytes[little ? width - 1 - i : i]!);
      return value;
    },
    write(address, width, value) {
      const bytes = new Uint8Array(width);
      let rest = BigInt.asUintN(width * 8, value);
      for (let i = 0; i < width; i++) {
        bytes[little ? i : width - 1 - i] = Number(rest & 0xffn);
        rest >>= 8n;
      }
      writeBytes(address, bytes);
    },
    readCString(address, limit = 4096) {
      const start = locate(address, 1, false);
      const bytes = readAt(
        start,
        Math.min(limit, (start < layout.controlBytes ? layout.controlBytes : layout.length) - start),
      );
      const end = bytes.indexOf(0);
      if (end < 0 && bytes.length < limit)
        throw new BpfError('E_RUN_MEMORY', 'string without end at the end of memory');
      return end < 0 ? bytes : bytes.subarray(0, end);
    },
    flush() {
      if (pending.length === 0) return;
      for (const { offset, bytes } of pending) file.write(offset, bytes);
      pending = [];
    },
  };
}

/** The part of memory that sandboxed programs, and so the helpers that they call, have business with. */
export function arenaMemory(memory: MachineMemory, layout: SharedLayout): MachineMemory {
  const first = BigInt(ARENA_BASE);
  const end = BigInt(arenaAddress(layout, layout.length));
  const check = (address: bigint, length: number): bigint => {
    const unsigned = BigInt.asUintN(64, address);
    if (unsigned >= first && length >= 0 && unsigned + BigInt(length) <= end) return unsigned;
    throw new BpfError('E_RUN_MEMORY', `helper access of ${length} bytes at 0x${unsigned.toString(16)}`, {
      expected: 'memory in the arena of the sandbox',
    });
  };
  return {
    endian: memory.endian,
    view: (address, length, access) => memory.view(check(address, length), length, access),
    read: (address, width) => memory.read(check(address, width), width),
    write: (address, width, value) => memory.write(check(address, width), width, value),
    readCString: (address, limit) => memory.readCString(check(address, 1), limit),
    writeBytes: (address, bytes) => memory.writeBytes(check(address, bytes.length), bytes),
  };
}

/** Copies the part of `from` that lies inside `to`; both are stretches of the same file. */
function overlay(to: Uint8Array, toOffset: number, from: Uint8Array, fromOffset: number): void {
  const start = Math.max(toOffset, fromOffset);
  const end = Math.min(toOffset + to.length, fromOffset + from.length);
  if (start < end) to.set(from.subarray(start - fromOffset, end - fromOffset), start - toOffset);
}
