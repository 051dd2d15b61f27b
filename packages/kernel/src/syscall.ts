/** bpf(2) with its reused buffers and the file descriptors that it handed out. */
import { BpfError } from '@polybpf/errors';
import { ATTR_SIZE, BPF_CMD, GET_ID_ATTR, NAME_SIZE, type BpfCommand } from './attr-layout.ts';
import { ENOENT, errnoName } from './errno.ts';
import type { Libc } from './libc.ts';
import { allocateBlock, type NativeBlock } from './native-block.ts';

/** What every operation of one open kernel shares. Operations do not nest, so each may use every block. */
export interface BpfContext {
  readonly libc: Libc;
  readonly attr: NativeBlock;
  /** Instructions, BTF, keys, input data. */
  readonly input: NativeBlock;
  /** Values, output data, info. */
  readonly output: NativeBlock;
  /** Contexts of test runs, function and line records. */
  readonly extra: NativeBlock;
  /** Licences and file descriptors. */
  readonly small: NativeBlock;
  readonly log: NativeBlock;
  readonly open: Set<number>;
  closed: boolean;
}

const FIRST_LOG_BYTES = 65536;

/** Fresh buffers; 200 KiB in all. */
export function createContext(libc: Libc): BpfContext {
  return {
    libc,
    attr: allocateBlock(libc, ATTR_SIZE),
    input: allocateBlock(libc, 65536),
    output: allocateBlock(libc, 65536),
    extra: allocateBlock(libc, 4096),
    small: allocateBlock(libc, 4096),
    log: allocateBlock(libc, FIRST_LOG_BYTES),
    open: new Set(),
    closed: false,
  };
}

/**
 * An empty attribute.
 *
 * @throws BpfError `E_INPUT` when the kernel has been closed
 */
export function beginAttr(cx: BpfContext): DataView {
  if (cx.closed) throw new BpfError('E_INPUT', 'the connection to the kernel is closed');
  cx.attr.bytes.fill(0, 0, ATTR_SIZE);
  return cx.attr.view;
}

/** Makes the call with the attribute as it stands; the result, or the negative errno. */
export function callBpf(cx: BpfContext, command: BpfCommand): number {
  return cx.libc.bpf(BPF_CMD[command], cx.attr.bytes, ATTR_SIZE);
}

/**
 * The result of a call, or its error.
 *
 * @throws BpfError `E_KERNEL_CALL`
 */
export function demand(command: BpfCommand, result: number, what: string): number {
  if (result >= 0) return result;
  throw callError(command, -result, what);
}

/** The error of a failed call: `what` says on what, e.g. the map's name and type. */
export function callError(command: BpfCommand, errno: number, what: string): BpfError {
  return new BpfError('E_KERNEL_CALL', `BPF_${command} of ${what}`, { got: errnoName(errno) });
}

/** Remembers a file descriptor until it is closed. */
export function adopt(cx: BpfContext, fd: number): number {
  cx.open.add(fd);
  return fd;
}

/** Closes a file descriptor of this connection; others are left alone, so that closing twice does no harm. */
export function closeFd(cx: BpfContext, fd: number): void {
  if (cx.open.delete(fd)) cx.libc.close(fd);
}

/**
 * Writes an object name: letters, digits, `_` and `.`, at most 15 (kernel: `bpf_obj_name_cpy`). Other characters become
 * `_` and the rest is cut, as libbpf does; names are for people and bpftool, nothing depends on them.
 */
export function writeName(bytes: Uint8Array, offset: number, name: string): void {
  const length = Math.min(name.length, NAME_SIZE - 1);
  for (let i = 0; i < length; i++) {
    const char = name.charCodeAt(i);
    const isWord = (char >= 48 && char <= 57) || (char >= 65 && char <= 90) || (char >= 97 && char <= 122);
    bytes[offset + i] = isWord || char === 0x2e ? char : 0x5f;
  }
}

/** The text before the first zero. */
export function readText(bytes: Uint8Array, offset: number, size: number): string {
  const end = bytes.indexOf(0, offset);
  const last = end < 0 || end > offset + size ? offset + size : end;
  return Buffer.from(bytes.buffer, bytes.byteOffset + offset, last - offset).toString('utf8');
}

/**
 * Ids of everything of a kind in the kernel, whoever loaded it.
 *
 * @throws BpfError `E_KERNEL_CALL`, EPERM without CAP_SYS_ADMIN
 */
export function listIds(cx: BpfContext, command: 'PROG_GET_NEXT_ID' | 'MAP_GET_NEXT_ID' | 'BTF_GET_NEXT_ID'): number[] {
  const ids: number[] = [];
  for (let id = 0; ;) {
    const attr = beginAttr(cx);
    attr.setUint32(GET_ID_ATTR.start_id, id, true);
    const result = callBpf(cx, command);
    if (result === -ENOENT) return ids;
    demand(command, result, `the one after id ${id}`);
    id = attr.getUint32(GET_ID_ATTR.next_id, true);
    ids.push(id);
  }
}
