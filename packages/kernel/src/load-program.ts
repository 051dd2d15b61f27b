/** BPF_PROG_LOAD: a program to the verifier, and what the verifier says. */
import { BpfError } from '@polybpf/errors';
import { encodeProgram, INSN_SIZE, type Insn } from '@polybpf/isa';
import { PROG_LOAD_ATTR as A } from './attr-layout.ts';
import { errnoName } from './errno.ts';
import { callWithLog } from './log-capture.ts';
import { growBlock, putBytes, writePointer, type NativeBlock } from './native-block.ts';
import { adopt, beginAttr, callBpf, type BpfContext, writeName } from './syscall.ts';
import { attachTypeNumber, type AttachTypeName, programTypeNumber, type ProgramTypeName } from './type-names.ts';
import { summariseLog, type VerifierStats } from './verifier-log.ts';

/** Verifier log: 0 none, 1 trace, 2 detailed trace, and 4 is added for figures. 4 alone has messages, but no trace. */
export type LogLevel = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7;

/** Records of a fixed size, as `.BTF.ext` and the kernel have them. */
export interface RecordTable {
  /** Bytes of one record. */
  readonly recordSize: number;
  readonly bytes: Uint8Array;
}

/** Bytes of `struct bpf_func_info`: insn index, BTF id. */
export const FUNC_INFO_SIZE = 8;
/** Bytes of `struct bpf_line_info`: insn index, offsets of file and text in the string section, line * 1024 + column. */
export const LINE_INFO_SIZE = 16;

/** Records from the 32-bit words of each. */
export function recordTable<R>(
  recordSize: number,
  rows: readonly R[],
  words: (row: R) => readonly number[],
): RecordTable {
  const bytes = new Uint8Array(rows.length * recordSize);
  const view = new DataView(bytes.buffer);
  rows.forEach((row, i) => words(row).forEach((word, k) => view.setUint32(i * recordSize + 4 * k, word, true)));
  return { recordSize, bytes };
}

/** How a program is loaded. */
export interface LoadOptions {
  /** Name or number; default `socket_filter`. */
  readonly type?: ProgramTypeName | (string & {}) | number;
  /** Name or number of `expected_attach_type`. */
  readonly attachType?: AttachTypeName | (string & {}) | number;
  /** Default `GPL`. */
  readonly license?: string;
  /** For people and bpftool; default `polybpf`. */
  readonly name?: string;
  /** Default 0: no log. */
  readonly logLevel?: LogLevel;
  /** Longest log in bytes; of a longer one only the end is kept. Default 64 MiB. */
  readonly maxLogBytes?: number;
  /** `BPF_F_*` of program loading, e.g. `BPF_F_SLEEPABLE`. */
  readonly flags?: number;
  /** File descriptors that `BPF_PSEUDO_MAP_IDX` and kfunc calls refer to by index. */
  readonly fdArray?: readonly number[];
  /** File descriptor of BTF that was loaded with `loadBtf`. */
  readonly btfFd?: number;
  /** `struct bpf_func_info`; needs `btfFd`. */
  readonly funcInfo?: RecordTable;
  /** `struct bpf_line_info`; needs `btfFd`. */
  readonly lineInfo?: RecordTable;
  /** `struct bpf_core_relo`, which the kernel applies itself; needs `btfFd` and `funcInfo`. */
  readonly coreRelocations?: RecordTable;
  /** BTF id of the kernel function, tracepoint, hook or struct that the program is for. It is not attached to it. */
  readonly attachBtfId?: number;
  /** File descriptor of the module BTF that `attachBtfId` is in, or of the program that an `ext` program replaces. */
  readonly attachFd?: number;
  /** `LINUX_VERSION_CODE` that kprobe programs had to name before 5.0. */
  readonly kernelVersion?: number;
}

/** What the verifier said. */
export type LoadOutcome =
  | {
      readonly accepted: true;
      readonly fd: number;
      readonly errno: 0;
      readonly log: string;
      readonly message: string;
      readonly stats?: VerifierStats;
      readonly logTruncated: boolean;
    }
  | {
      readonly accepted: false;
      readonly errno: number;
      /** E.g. `EACCES`. */
      readonly errnoName: string;
      readonly log: string;
      /** Last line of the log that says why, '' without a log or for what never reached the verifier. */
      readonly message: string;
      readonly stats?: VerifierStats;
      readonly logTruncated: boolean;
    };

/** BPF_F_STRICT_ALIGNMENT and so on: flags of `prog_flags` (uapi/linux/bpf.h). */
export const PROGRAM_FLAGS = {
  BPF_F_STRICT_ALIGNMENT: 1,
  BPF_F_ANY_ALIGNMENT: 2,
  BPF_F_TEST_RND_HI32: 4,
  BPF_F_TEST_STATE_FREQ: 8,
  BPF_F_SLEEPABLE: 16,
  BPF_F_XDP_HAS_FRAGS: 32,
  BPF_F_XDP_DEV_BOUND_ONLY: 64,
  BPF_F_TEST_REG_INVARIANTS: 128,
} as const;

const DEFAULT_MAX_LOG_BYTES = 64 << 20;
const LOG_FIELDS = { level: A.log_level, size: A.log_size, buffer: A.log_buf, trueSize: A.log_true_size };
/** Places in the block of small things. */
const LICENSE_AT = 0;
const LICENSE_ROOM = 256;

/**
 * Loads a program.
 *
 * @param insns - slots, or their little-endian bytes
 * @throws BpfError `E_INPUT` for options that make no sense, `E_ENCODE_FIELD` for an insn that does not fit its fields
 */
export function loadProgram(
  cx: BpfContext,
  insns: Uint8Array | readonly Insn[],
  options: LoadOptions = {},
): LoadOutcome {
  const attr = beginAttr(cx);
  const bytes = insns instanceof Uint8Array ? insns : encodeProgram(insns, 'little');
  if (bytes.length % INSN_SIZE !== 0) {
    throw new BpfError('E_INPUT', 'program length', { expected: 'a multiple of 8 bytes', got: String(bytes.length) });
  }
  attr.setUint32(A.prog_type, programTypeNumber(options.type ?? 'socket_filter'), true);
  attr.setUint32(A.insn_cnt, bytes.length / INSN_SIZE, true);
  writePointer(attr, A.insns, putBytes(cx.libc, cx.input, bytes));
  writeLicense(cx, options.license ?? 'GPL');
  writePointer(attr, A.license, cx.small.address + LICENSE_AT);
  writeName(cx.attr.bytes, A.prog_name, options.name ?? 'polybpf');
  writeNumbers(attr, options);
  writeTables(cx, attr, options);
  const { result, log, truncated } = callWithLog(
    cx,
    LOG_FIELDS,
    options.logLevel ?? 0,
    options.maxLogBytes ?? DEFAULT_MAX_LOG_BYTES,
    () => callBpf(cx, 'PROG_LOAD'),
  );
  const { message, stats } = summariseLog(log);
  const told = stats === undefined ? {} : { stats };
  if (result >= 0) {
    const fd = adopt(cx, result);
    return { accepted: true, fd, errno: 0, log, message: '', ...told, logTruncated: truncated };
  }
  return {
    accepted: false,
    errno: -result,
    errnoName: errnoName(-result),
    log,
    message,
    ...told,
    logTruncated: truncated,
  };
}

function writeLicense(cx: BpfContext, license: string): void {
  // The kernel reads 128 bytes at most (bpf_prog_load) and compares names of ASCII characters.
  const { bytes } = cx.small;
  const length = Math.min(license.length, LICENSE_ROOM - 1);
  for (let i = 0; i < length; i++) bytes[LICENSE_AT + i] = license.charCodeAt(i) & 0x7f;
  bytes[LICENSE_AT + length] = 0;
}

function writeNumbers(attr: DataView, options: LoadOptions): void {
  if (options.attachType !== undefined) {
    attr.setUint32(A.expected_attach_type, attachTypeNumber(options.attachType), true);
  }
  if (options.flags !== undefined) attr.setUint32(A.prog_flags, options.flags, true);
  if (options.kernelVersion !== undefined) attr.setUint32(A.kern_version, options.kernelVersion, true);
  if (options.btfFd !== undefined) attr.setUint32(A.prog_btf_fd, options.btfFd, true);
  if (options.attachBtfId !== undefined) attr.setUint32(A.attach_btf_id, options.attachBtfId, true);
  if (options.attachFd !== undefined) attr.setUint32(A.attach_prog_fd, options.attachFd, true);
}

/** Lays the tables out one behind the other, then writes where they are: growing a block moves it. */
function writeTables(cx: BpfContext, attr: DataView, options: LoadOptions): void {
  const { funcInfo, lineInfo, coreRelocations } = options;
  const fdArray = options.fdArray?.length === 0 ? undefined : options.fdArray;
  if (fdArray === undefined && funcInfo === undefined && lineInfo === undefined && coreRelocations === undefined) {
    return;
  }
  const sizes = [4 * (fdArray?.length ?? 0), ...[funcInfo, lineInfo, coreRelocations].map((t) => t?.bytes.length ?? 0)];
  growBlock(
    cx.libc,
    cx.extra,
    sizes.reduce((sum, size) => sum + aligned(size), 8),
  );
  let at = 0;
  if (fdArray !== undefined) {
    fdArray.forEach((fd, i) => cx.extra.view.setInt32(4 * i, fd, true));
    writePointer(attr, A.fd_array, cx.extra.address);
    at = aligned(sizes[0]!);
  }
  at = writeTable(cx.extra, attr, at, funcInfo, A.func_info, A.func_info_cnt, A.func_info_rec_size);
  at = writeTable(cx.extra, attr, at, lineInfo, A.line_info, A.line_info_cnt, A.line_info_rec_size);
  writeTable(cx.extra, attr, at, coreRelocations, A.core_relos, A.core_relo_cnt, A.core_relo_rec_size);
}

function writeTable(
  block: NativeBlock,
  attr: DataView,
  at: number,
  table: RecordTable | undefined,
  pointer: number,
  count: number,
  recordSize: number,
): number {
  if (table === undefined || table.bytes.length === 0) return at;
  block.bytes.set(table.bytes, at);
  writePointer(attr, pointer, block.address + at);
  attr.setUint32(count, Math.floor(table.bytes.length / table.recordSize), true);
  attr.setUint32(recordSize, table.recordSize, true);
  return at + aligned(table.bytes.length);
}

function aligned(size: number): number {
  return (size + 7) & ~7;
}
