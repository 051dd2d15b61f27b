/** Guest memory as maps need it: stretches of bytes that have a guest address and never move. */
import { BpfError } from '@polybpf/errors';

/** A stretch of guest memory. */
export interface MapAllocation {
  /** The bytes themselves. They stay where they are for as long as the map lives. */
  readonly bytes: Uint8Array;
  /** Guest address of the first byte. */
  readonly address: bigint;
}

/** How a stretch is to be reachable by programs. */
export interface AllocationOptions {
  /** False for values of a map with `BPF_F_RDONLY_PROG`; maps write the bytes themselves all the same. */
  readonly writable: boolean;
  /** False for values of a map with `BPF_F_WRONLY_PROG`. */
  readonly readable: boolean;
  /** Wanted alignment of the address: 8, or a page for ring buffers. */
  readonly align: number;
}

/**
 * Where maps get guest memory from: the `Memory` of an interpreter, or a fixed `WebAssembly.Memory`. Bytes are zero at
 * first. What is allocated is bounded by the definition of the map; it is never given back, since elements reuse slots.
 */
export interface MapArena {
  /** Undefined when there is no room: the operation fails with ENOMEM. */
  allocate(name: string, size: number, options: AllocationOptions): MapAllocation | undefined;
}

/**
 * An arena of its own, for maps without a program: each allocation has a number in the upper 32 bits of its addresses.
 *
 * @param limit - bytes in all, default 256 MiB
 */
export function createMapArena(limit: number = 256 << 20): MapArena & PlainArena {
  const regions: MapAllocation[] = [];
  let used = 0;
  return {
    allocate(_name, size) {
      if (size > limit - used) return undefined;
      used += size;
      const allocation = { bytes: new Uint8Array(size), address: BigInt(regions.length + 1) << 32n };
      regions.push(allocation);
      return allocation;
    },
    view(address, length) {
      const region = regions[Number(BigInt.asUintN(64, address) >> 32n) - 1];
      const offset = Number(BigInt.asUintN(32, address));
      if (region !== undefined && offset + length <= region.bytes.length) {
        return region.bytes.subarray(offset, offset + length);
      }
      throw new BpfError('E_RUN_MEMORY', `${length} bytes at 0x${address.toString(16)}`, {
        expected: 'memory of a map',
        got: region === undefined ? 'no memory' : `${region.bytes.length - offset} bytes`,
      });
    },
    get used() {
      return used;
    },
  };
}

/** What {@link createMapArena} offers beside allocation. */
export interface PlainArena {
  /**
   * The bytes at an address, as a view.
   *
   * @throws BpfError `E_RUN_MEMORY`
   */
  view(address: bigint, length: number): Uint8Array;
  /** Bytes handed out. */
  readonly used: number;
}
