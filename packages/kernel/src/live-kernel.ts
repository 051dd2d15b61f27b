/** The face of the package: a connection to the running kernel that closes everything it opened. */
import { BpfError, isBpfError } from '@polybpf/errors';
import type { Insn } from '@polybpf/isa';
import { GET_ID_ATTR } from './attr-layout.ts';
import { type MapInit, tryCreateMap } from './create-map.ts';
import { ENOENT, ENOSYS, EPERM, errnoName } from './errno.ts';
import { type KernelHost, readHost } from './host.ts';
import { type BtfLoadOptions, type BtfLoadOutcome, type KernelBtf, listKernelBtf, loadBtf, openBtf } from './load-btf.ts'; // prettier-ignore
import { loadLibc, type MappedMemory } from './libc.ts';
import { type LoadOptions, type LoadOutcome, loadProgram } from './load-program.ts';
import { bindMap, createMap, type KernelMap } from './map-access.ts';
import { type MapInfo, mapInfo, type ProgramInfo, programInfo } from './object-info.ts';
import { adopt, beginAttr, callBpf, closeFd, type BpfContext, createContext, demand, listIds } from './syscall.ts';
import { type TestRunOptions, type TestRunResult, testRunProgram } from './test-run.ts';

/**
 * The running kernel. File descriptors are plain numbers that live until `close(fd)`, until the connection is disposed,
 * or until the process ends, whatever ends it: nothing is attached or pinned, so nothing stays in the kernel.
 */
export interface LiveKernel extends Disposable {
  readonly host: KernelHost;
  /** Gives a program to the verifier. A refusal is an outcome, not an error. */
  load(insns: Uint8Array | readonly Insn[], options?: LoadOptions): LoadOutcome;
  /** Runs a loaded program once or `repeat` times. */
  testRun(fd: number, options?: TestRunOptions): TestRunResult;
  programInfo(fd: number): ProgramInfo;
  createMap(init: MapInit): KernelMap;
  mapInfo(fd: number): MapInfo;
  /**
   * Maps the memory of an arena, or of a map made with `BPF_F_MMAPABLE`, into this process, until the connection is disposed:
   * after that the bytes must not be touched. An arena is then at the same address for programs.
   *
   * @throws BpfError `E_KERNEL_CALL`
   */
  mapMemory(fd: number, length: number): MappedMemory;
  /** A map that some other program of this machine has made, by id; undefined when there is none. */
  openMap(id: number): KernelMap | undefined;
  loadBtf(bytes: Uint8Array, options?: BtfLoadOptions): BtfLoadOutcome;
  /** BTF objects of the kernel and its modules. */
  kernelBtf(): readonly KernelBtf[];
  /** A file descriptor of BTF by id; undefined when there is none. */
  openBtf(id: number): number | undefined;
  /** Ids of all programs in the kernel, not only ours. */
  programIds(): readonly number[];
  /** Ids of all maps in the kernel, not only ours. */
  mapIds(): readonly number[];
  /** Number of file descriptors that are open here. */
  readonly openCount: number;
  close(fd: number): void;
}

/** Whether a kernel can be opened. */
export type KernelProbe = { readonly available: true } | { readonly available: false; readonly reason: BpfError };

/**
 * Opens the running kernel.
 *
 * @throws BpfError `E_UNSUPPORTED`, saying what is missing: Linux on x86_64 or arm64, koffi, the system call, privileges
 */
export function openLiveKernel(): LiveKernel {
  const cx = createContext(loadLibc());
  checkUsable(cx);
  const mapped: MappedMemory[] = [];
  return {
    host: readHost(),
    load: (insns, options) => loadProgram(cx, insns, options),
    testRun: (fd, options) => testRunProgram(cx, fd, options),
    programInfo: (fd) => programInfo(cx, fd),
    createMap: (init) => createMap(cx, init),
    mapInfo: (fd) => mapInfo(cx, fd),
    mapMemory(fd, length) {
      const memory = cx.libc.map(fd, length);
      if (typeof memory === 'number')
        throw new BpfError('E_KERNEL_CALL', `mmap of map ${fd}`, { got: errnoName(memory) });
      mapped.push(memory);
      return memory;
    },
    openMap: (id) => openMap(cx, id),
    loadBtf: (bytes, options) => loadBtf(cx, bytes, options),
    kernelBtf: () => listKernelBtf(cx),
    openBtf: (id) => openBtf(cx, id),
    programIds: () => listIds(cx, 'PROG_GET_NEXT_ID'),
    mapIds: () => listIds(cx, 'MAP_GET_NEXT_ID'),
    get openCount() {
      return cx.open.size;
    },
    close: (fd) => closeFd(cx, fd),
    [Symbol.dispose]() {
      for (const memory of mapped.splice(0)) cx.libc.unmap(memory);
      for (const fd of [...cx.open]) closeFd(cx, fd);
      cx.closed = true;
    },
  };
}

/** Says whether {@link openLiveKernel} works here, and why not. */
export function probeLiveKernel(): KernelProbe {
  try {
    openLiveKernel()[Symbol.dispose]();
    return { available: true };
  } catch (error) {
    if (isBpfError(error)) return { available: false, reason: error };
    throw error;
  }
}

/** Fails here, with a clear message, when bpf(2) is not allowed; a tiny map tells. */
function checkUsable(cx: BpfContext): void {
  const result = tryCreateMap(cx, { type: 'array', keySize: 4, valueSize: 8, maxEntries: 1 });
  if (result >= 0) return closeFd(cx, result);
  throw new BpfError('E_UNSUPPORTED', 'bpf(2)', { expected: missing(-result), got: errnoName(-result) });
}

function missing(errno: number): string {
  if (errno === ENOSYS) return 'a kernel with CONFIG_BPF_SYSCALL';
  if (errno !== EPERM) return 'a map to be created';
  const disabled = readHost().sysctls['kernel.unprivileged_bpf_disabled'];
  const why = disabled === undefined || disabled === '0' ? '' : ` (kernel.unprivileged_bpf_disabled = ${disabled})`;
  return `root, or CAP_BPF and CAP_PERFMON and CAP_NET_ADMIN${why}, and no seccomp filter in between`;
}

function openMap(cx: BpfContext, id: number): KernelMap | undefined {
  beginAttr(cx).setUint32(GET_ID_ATTR.start_id, id, true);
  const result = callBpf(cx, 'MAP_GET_FD_BY_ID');
  if (result === -ENOENT) return undefined;
  const fd = adopt(cx, demand('MAP_GET_FD_BY_ID', result, `map ${id}`));
  return bindMap(cx, fd, mapInfo(cx, fd));
}
