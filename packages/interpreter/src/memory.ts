/**
 * Guest memory: regions of bytes behind 64-bit guest addresses.
 *
 * An address is a region number in the upper 32 bits and an offset into the region in the lower 32. No host address is
 * ever visible, so results are equal on every host and run. Region 0 does not exist: null and small integers fault by
 * themselves, and an access that leaves its region never reaches another one by a small step.
 *
 * The execution loop reads the three tables `views`, `readEnd` and `writeEnd` directly: a region without permission has
 * end 0, so bounds and permission are one compare. The compare is `at <= end - width` in signed 32-bit numbers with
 * `at >= 0`; it cannot underflow because regions are shorter than 2 GiB.
 *
 * With an {@link Arena} every region lies inside it and the tables are part of it, so that engines in WebAssembly read
 * the same numbers. Bytes from outside are then copied when they are added: `Region.data` is the copy.
 */
import { BpfError } from '@polybpf/errors';
import type { Endian } from '@polybpf/isa';
import { type Arena, ARENA_BASES, ARENA_READ_ENDS, ARENA_REGION_LIMIT, ARENA_WRITE_ENDS } from './arena.ts';
import { type Access, faultError, formatAddress } from './fault.ts';

/** What a region holds; for people and for helpers, the checks look at the permissions only. */
export type RegionKind =
  'stack' | 'ctx' | 'mem' | 'packet' | 'code' | 'map' | 'map_value' | 'rodata' | 'data' | 'arena' | 'extern';

/** A stretch of guest memory. */
export interface Region {
  /** Upper 32 bits of its addresses; 1 or more. */
  readonly number: number;
  readonly name: string;
  readonly kind: RegionKind;
  /** The bytes themselves, not a copy. */
  readonly data: Uint8Array;
  readonly readable: boolean;
  readonly writable: boolean;
}

/**
 * A region whose loads mean something else than its bytes: the value of a load of `width` bytes at `offset`, 64 bits
 * whatever the width, or undefined for what the bytes say. So a 4-byte field of a context gives a 64-bit pointer, as after
 * the kernel's rewriting of context accesses (`convert_ctx_access`).
 */
export type LoadHook = (offset: number, width: number) => bigint | undefined;

/** What {@link Memory.add} takes. */
export interface RegionInit {
  readonly name: string;
  readonly kind: RegionKind;
  /** The bytes, shorter than 2 GiB; used in place, or copied when the memory has an arena and they are not inside. */
  readonly data: Uint8Array;
  /** Default true. */
  readonly readable?: boolean;
  /** Default true. */
  readonly writable?: boolean;
  /** Asked at every load by a program; makes loads of this region slower. */
  readonly load?: LoadHook;
  /**
   * Wanted number, 1 to 65535 (1023 with an arena); a region of this number is replaced, and interpreters use 1 to 15 themselves. Default: the
   * lowest free one from 16 on.
   */
  readonly number?: number;
}

const FIRST_FREE_NUMBER = 16;
const NUMBER_LIMIT = 65536;
const EMPTY_VIEW: DataView = /* @__PURE__ */ new DataView(new ArrayBuffer(0));

/** Guest memory. See {@link createMemory}. */
export class Memory {
  /** Byte order of multi-byte accesses. */
  readonly endian: Endian;
  /** Where all regions lie, if in one place. */
  readonly arena: Arena | undefined;
  /** Bytes of each region by number; an empty view where there is none. For the execution loop. */
  views: DataView[] = [];
  /** Bytes that may be read, by region number. For the execution loop. */
  readEnd: Int32Array = new Int32Array(0);
  /** Bytes that may be written, by region number. For the execution loop. */
  writeEnd: Int32Array = new Int32Array(0);
  /** Hooks by region number. Such a region has end 0 in `readEnd`, so that its loads leave the fast path. */
  readonly loadHooks: Map<number, LoadHook> = new Map();
  #regions: (Region | undefined)[] = [];
  #nextNumber = FIRST_FREE_NUMBER;
  /** Host address of each region's first byte; only with an arena. */
  #bases: Int32Array | undefined;
  /** Regions whose bytes are a copy that goes with them. */
  readonly #copies: Set<Region> = new Set();

  constructor(endian: Endian, arena?: Arena) {
    this.endian = endian;
    this.arena = arena;
    if (arena === undefined) {
      this.#grow(32);
      return;
    }
    arena.reset();
    const table = (at: number): Int32Array => arena.words.subarray(at / 4, at / 4 + ARENA_REGION_LIMIT);
    this.#bases = table(ARENA_BASES);
    this.readEnd = table(ARENA_READ_ENDS);
    this.writeEnd = table(ARENA_WRITE_ENDS);
    this.views = new Array<DataView>(ARENA_REGION_LIMIT).fill(EMPTY_VIEW);
  }

  /**
   * Zeroed bytes to make a region of: inside the arena, where there is one.
   *
   * @throws BpfError `E_INPUT` when the arena is full
   */
  allocate(length: number): Uint8Array {
    return this.arena === undefined ? new Uint8Array(length) : this.arena.allocate(length);
  }

  /** Zeroed 32-bit words, inside the arena where there is one. */
  allocateWords(length: number): Int32Array {
    if (this.arena === undefined) return new Int32Array(length);
    const { buffer, byteOffset } = this.arena.allocate(length * 4);
    return new Int32Array(buffer, byteOffset, length);
  }

  /** Every region, in order of number. */
  get regions(): readonly Region[] {
    return this.#regions.filter((region) => region !== undefined);
  }

  /** The region of this number, or undefined. */
  region(number: number): Region | undefined {
    return this.#regions[number];
  }

  /**
   * Adds a region, or replaces the one that has the wanted number.
   *
   * @throws BpfError `E_INPUT` when the bytes are too many or the number is out of range or none is free
   */
  add(init: RegionInit): Region {
    let { data } = init;
    if (data.length > 0x7fffffff) {
      throw new BpfError('E_INPUT', `length of region ${init.name}`, {
        expected: 'at most 2147483647 bytes',
        got: `${data.length} bytes`,
      });
    }
    const number = init.number ?? this.#freeNumber();
    const limit = this.arena === undefined ? NUMBER_LIMIT : ARENA_REGION_LIMIT;
    if (!Number.isInteger(number) || number < 1 || number >= limit) {
      throw new BpfError('E_INPUT', `number of region ${init.name}`, {
        expected: `1 to ${limit - 1}`,
        got: String(number),
      });
    }
    if (number >= this.views.length) this.#grow(number + 1);
    const readable = init.readable ?? true;
    const writable = init.writable ?? true;
    const replaced = this.#regions[number];
    if (replaced !== undefined) this.#forget(replaced);
    const { arena } = this;
    const copied = arena !== undefined && data.length > 0 && !arena.holds(data);
    if (copied) {
      const copy = arena.allocate(data.length, false);
      copy.set(data);
      data = copy;
    }
    const region: Region = { number, name: init.name, kind: init.kind, data, readable, writable };
    if (copied) this.#copies.add(region);
    if (this.#bases !== undefined) this.#bases[number] = data.length === 0 ? 0 : data.byteOffset;
    this.#regions[number] = region;
    this.views[number] = new DataView(data.buffer, data.byteOffset, data.byteLength);
    this.readEnd[number] = readable && init.load === undefined ? data.length : 0;
    this.writeEnd[number] = writable ? data.length : 0;
    if (init.load === undefined) this.loadHooks.delete(number);
    else this.loadHooks.set(number, init.load);
    return region;
  }

  /** Removes the region of this number; its addresses fault from now on. */
  remove(number: number): void {
    const region = this.#regions[number];
    if (region === undefined) return;
    this.#forget(region);
    this.#regions[number] = undefined;
    this.views[number] = EMPTY_VIEW;
    this.readEnd[number] = 0;
    this.writeEnd[number] = 0;
    this.loadHooks.delete(number);
    if (number >= FIRST_FREE_NUMBER && number < this.#nextNumber) this.#nextNumber = number;
  }

  /**
   * Makes a region reachable or unreachable without forgetting it: stack frames that are not live, objects that a
   * helper has released.
   */
  setAccessible(number: number, accessible: boolean): void {
    const region = this.#regions[number];
    if (region === undefined) return;
    this.readEnd[number] = accessible && region.readable ? region.data.length : 0;
    this.writeEnd[number] = accessible && region.writable ? region.data.length : 0;
  }

  /** The guest address of byte `offset` of a region. */
  addressOf(region: Region | number, offset = 0): bigint {
    const number = typeof region === 'number' ? region : region.number;
    return BigInt.asUintN(64, (BigInt(number) << 32n) + BigInt(offset));
  }

  /** The region and offset that an address stands for, without any check of the offset. */
  locate(address: bigint): { readonly region: Region; readonly offset: number } | undefined {
    const region = this.#regions[Number(BigInt.asUintN(64, address) >> 32n)];
    return region === undefined ? undefined : { region, offset: Number(BigInt.asUintN(32, address)) };
  }

  /**
   * The bytes at a guest address, as a view, after a check that all of them are in one region with the permission that
   * `access` needs. For helpers.
   *
   * @throws BpfError `E_RUN_MEMORY`
   */
  view(address: bigint, length: number, access: Access = 'helper_read'): Uint8Array {
    const unsigned = BigInt.asUintN(64, address);
    const found = this.locate(unsigned);
    if (found !== undefined && Number.isInteger(length) && length >= 0) {
      const { region, offset } = found;
      const writes = access === 'write' || access === 'helper_write' || access === 'atomic';
      const hooked = !writes && region.readable && this.loadHooks.has(region.number);
      const end = hooked ? region.data.length : (writes ? this.writeEnd : this.readEnd)[region.number]!;
      if (offset + length <= end) return region.data.subarray(offset, offset + length);
    }
    throw this.fault(unsigned, length, access);
  }

  /**
   * Reads an unsigned integer of 1, 2, 4 or 8 bytes in the memory's byte order.
   *
   * @throws BpfError `E_RUN_MEMORY`
   */
  read(address: bigint, width: 1 | 2 | 4 | 8, access: Access = 'helper_read'): bigint {
    const bytes = this.view(address, width, access);
    let value = 0n;
    for (let i = 0; i < width; i++) {
      const byte = bytes[this.endian === 'big' ? i : width - 1 - i]!;
      value = (value << 8n) | BigInt(byte);
    }
    return value;
  }

  /**
   * Writes the low `width` bytes of an integer in the memory's byte order.
   *
   * @throws BpfError `E_RUN_MEMORY`
   */
  write(address: bigint, width: 1 | 2 | 4 | 8, value: bigint, access: Access = 'helper_write'): void {
    const bytes = this.view(address, width, access);
    let rest = BigInt.asUintN(width * 8, value);
    for (let i = 0; i < width; i++) {
      bytes[this.endian === 'big' ? width - 1 - i : i] = Number(rest & 0xffn);
      rest >>= 8n;
    }
  }

  /**
   * The bytes of a zero-terminated string, without the zero; at most `limit` bytes are looked at.
   *
   * @throws BpfError `E_RUN_MEMORY` when the region ends before the string does
   */
  readCString(address: bigint, limit = 4096): Uint8Array {
    const unsigned = BigInt.asUintN(64, address);
    const found = this.locate(unsigned);
    const room = found === undefined ? 0 : this.readEnd[found.region.number]! - found.offset;
    const bytes = this.view(unsigned, Math.max(1, Math.min(limit, room)));
    const end = bytes.indexOf(0);
    if (end < 0 && bytes.length < limit) throw this.fault(unsigned + BigInt(bytes.length), 1, 'helper_read');
    return end < 0 ? bytes : bytes.subarray(0, end);
  }

  /** The error for an access of `width` bytes that is not allowed; says which region it hit and why. */
  fault(address: bigint, width: number, access: Access, insn?: number, program?: string): BpfError {
    const found = this.locate(address);
    const verb =
      access === 'helper_read' ? 'read by a helper' : access === 'helper_write' ? 'write by a helper' : access;
    const bytes = width === 1 ? '1 byte' : `${width} bytes`;
    const place = insn === undefined ? {} : { insn };
    const owner = program === undefined ? {} : { program };
    return faultError(
      found?.region.kind === 'extern' ? 'symbol' : 'memory',
      `${verb} of ${bytes} at ${formatAddress(address)}`,
      {
        ...place,
        ...owner,
        address,
        width,
        access,
        ...(found === undefined ? {} : { region: found.region.name }),
        expected: 'memory that the program may access so',
        got: describe(found, width, access, found === undefined ? 0 : this.readEnd[found.region.number]!),
      },
    );
  }

  /** Gives the copy of a region back that nobody reaches any more. */
  #forget(region: Region): void {
    if (this.#copies.delete(region)) this.arena!.release(region.data);
  }

  #grow(length: number): void {
    const capacity = Math.max(32, 2 ** Math.ceil(Math.log2(length)));
    const readEnd = new Int32Array(capacity);
    const writeEnd = new Int32Array(capacity);
    readEnd.set(this.readEnd);
    writeEnd.set(this.writeEnd);
    this.readEnd = readEnd;
    this.writeEnd = writeEnd;
    const views = this.views.slice();
    while (views.length < capacity) views.push(EMPTY_VIEW);
    this.views = views;
  }

  #freeNumber(): number {
    let number = this.#nextNumber;
    while (this.#regions[number] !== undefined) number++;
    this.#nextNumber = number + 1;
    return number;
  }
}

function describe(found: ReturnType<Memory['locate']>, width: number, access: Access, readEnd: number): string {
  if (found === undefined) return 'no region';
  const { region, offset } = found;
  const where = `${region.name}+0x${offset.toString(16)}`;
  if (region.kind === 'code' || region.kind === 'map') return `${where}, an address that cannot be dereferenced`;
  if (region.kind === 'extern') return `${where}, an unresolved symbol`;
  const writes = access !== 'read' && access !== 'packet' && access !== 'helper_read';
  if (writes && !region.writable) return `${where}, read-only`;
  if ((!writes || access === 'atomic') && !region.readable) return `${where}, not readable`;
  if (offset + width <= region.data.length && readEnd === 0) return `${where}, not live`;
  return `${where} of ${region.data.length} bytes`;
}

/**
 * New guest memory without regions.
 *
 * @param options - `endian`: byte order, default little; `arena`: where all regions are to lie, for engines in
 * WebAssembly; it is taken over and cleared
 */
export function createMemory(options: { readonly endian?: Endian; readonly arena?: Arena } = {}): Memory {
  return new Memory(options.endian ?? 'little', options.arena);
}
