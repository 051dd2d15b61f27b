/** Which map types the kernel creates. */
import { encodeBtf } from '@polybpf/btf';
import { isBpfError } from '@polybpf/errors';
import { MAP_FLAGS, type MapInit } from '../create-map.ts';
import type { LiveKernel } from '../live-kernel.ts';
import type { KernelMap } from '../map-access.ts';
import type { MapTypeProfile } from './profile.ts';

interface MapArgs {
  readonly keySize?: number;
  readonly valueSize?: number;
  readonly maxEntries?: number;
  readonly flags?: number;
  /** Value and key have BTF. */
  readonly typed?: true;
  readonly inner?: true;
  /** The errno by which a kernel that knows the type refuses these arguments. */
  readonly knownBy?: string;
}

const LOCAL_STORAGE: MapArgs = { maxEntries: 0, flags: MAP_FLAGS.BPF_F_NO_PREALLOC, typed: true };
const RING: MapArgs = { keySize: 0, valueSize: 0, maxEntries: 4096 };

/** What differs from four 4-byte values by 4-byte keys. */
const ARGS: Readonly<Record<string, MapArgs>> = {
  STACK_TRACE: { valueSize: 8 },
  LPM_TRIE: { keySize: 8, valueSize: 8, flags: MAP_FLAGS.BPF_F_NO_PREALLOC },
  ARRAY_OF_MAPS: { inner: true },
  HASH_OF_MAPS: { inner: true },
  CPUMAP: { maxEntries: 1 },
  CGROUP_STORAGE: { keySize: 16, valueSize: 8, maxEntries: 0 },
  PERCPU_CGROUP_STORAGE: { keySize: 16, valueSize: 8, maxEntries: 0 },
  REUSEPORT_SOCKARRAY: { valueSize: 8 },
  QUEUE: { keySize: 0 },
  STACK: { keySize: 0 },
  SK_STORAGE: LOCAL_STORAGE,
  INODE_STORAGE: LOCAL_STORAGE,
  TASK_STORAGE: LOCAL_STORAGE,
  CGRP_STORAGE: LOCAL_STORAGE,
  // Without a struct of the kernel as value there is no map of this type; a kernel that knows it says so.
  STRUCT_OPS: { valueSize: 256, maxEntries: 1, knownBy: 'ENOTSUPP' },
  RINGBUF: RING,
  USER_RINGBUF: RING,
  BLOOM_FILTER: { keySize: 0 },
  ARENA: { keySize: 0, valueSize: 0, maxEntries: 1, flags: MAP_FLAGS.BPF_F_MMAPABLE },
};

/** Tries to create one map of each type. @param ids - types by name without prefix */
export function probeMapTypes(kernel: LiveKernel, ids: ReadonlyMap<string, number>): Record<string, MapTypeProfile> {
  const btfFd = loadIntBtf(kernel);
  const result: Record<string, MapTypeProfile> = {};
  for (const [name, id] of ids) {
    const args = ARGS[name] ?? {};
    const { keySize = 4, valueSize = 4, maxEntries = 4, flags = 0 } = args;
    const probeArgs = { keySize, valueSize, maxEntries, flags };
    result[name] = { id, available: isAvailable(kernel, id, args, probeArgs, btfFd), probeArgs };
  }
  if (btfFd !== undefined) kernel.close(btfFd);
  return result;
}

/**
 * A map of a type as the probe makes it, with values and keys of at least `size` bytes where the type leaves that open;
 * undefined where there is none.
 */
export function createMapOf(kernel: LiveKernel, name: string, size = 4): KernelMap | undefined {
  const { keySize = 4, valueSize = size, maxEntries = 4, flags = 0, ...args } = ARGS[name] ?? {};
  const inner = args.inner === true ? kernel.createMap({ type: 'hash', keySize: 4, valueSize: 4, maxEntries: 4 }) : undefined; // prettier-ignore
  try {
    return kernel.createMap(mapInit(name, args, { keySize, valueSize, maxEntries, flags }, inner?.fd, loadIntBtf(kernel))); // prettier-ignore
  } catch (error) {
    if (isBpfError(error)) return undefined;
    throw error;
  }
}

function mapInit(
  type: number | string,
  args: MapArgs,
  sizes: MapTypeProfile['probeArgs'],
  innerMapFd: number | undefined,
  btfFd: number | undefined,
): MapInit {
  return {
    type,
    ...sizes,
    name: 'probe',
    ...(innerMapFd === undefined ? {} : { innerMapFd }),
    ...(args.typed === true && btfFd !== undefined ? { btfFd, btfKeyTypeId: 1, btfValueTypeId: 1 } : {}),
    ...(args.knownBy === undefined ? {} : { btfVmlinuxValueTypeId: 1 }),
  };
}

function isAvailable(
  kernel: LiveKernel,
  type: number,
  args: MapArgs,
  sizes: MapTypeProfile['probeArgs'],
  btfFd: number | undefined,
): boolean {
  const inner = args.inner === true ? kernel.createMap({ type: 'hash', keySize: 4, valueSize: 4, maxEntries: 4 }) : undefined; // prettier-ignore
  try {
    kernel.createMap(mapInit(type, args, sizes, inner?.fd, btfFd)).close();
    return true;
  } catch (error) {
    if (!isBpfError(error)) throw error;
    return error.got === args.knownBy;
  } finally {
    inner?.close();
  }
}

/** BTF with one type, an int of 4 bytes. */
function loadIntBtf(kernel: LiveKernel): number | undefined {
  const int = { kind: 'INT', id: 1, name: 'int', size: 4, encoding: 1, bitOffset: 0, bits: 32 } as const;
  const outcome = kernel.loadBtf(encodeBtf({ endian: 'little', types: [int] }));
  return outcome.accepted ? outcome.fd : undefined;
}
