/** BPF_OBJ_GET_INFO_BY_FD of programs and maps. */
import { INFO_ATTR, MAP_INFO as M, MAP_INFO_SIZE, PROG_INFO as P, PROG_INFO_SIZE } from './attr-layout.ts';
import { growBlock, writePointer } from './native-block.ts';
import { beginAttr, callBpf, type BpfContext, demand, readText } from './syscall.ts';

/** What the kernel tells about a loaded program. */
export interface ProgramInfo {
  readonly type: number;
  readonly id: number;
  /** First 8 bytes of the SHA-1 of the program as loaded, map references blanked; hexadecimal. */
  readonly tag: string;
  readonly name: string;
  /** Bytes of machine code of all functions; 0 when the program is interpreted. */
  readonly jitedLength: number;
  /** Machine code, the functions one after the other; empty when the kernel hides it (see `host.canReadJited`). */
  readonly jited: Uint8Array;
  /** Bytes of machine code of each function. */
  readonly jitedFunctionLengths: readonly number[];
  /** The program after the verifier's rewrites, little-endian slots; map references are ids. */
  readonly xlated: Uint8Array;
  /** Instructions that the verifier went through; 0 before Linux 5.16. */
  readonly verifiedInsns: number;
  /** Lines of a program that was loaded with them and whose machine code may be seen, in order of code. */
  readonly jitedLines: readonly JitedLine[];
  readonly mapIds: readonly number[];
  readonly btfId: number;
  readonly runTimeNs: number;
  readonly runCount: number;
}

/** Where the machine code of a source line starts. */
export interface JitedLine {
  /** Line number, as it was given. */
  readonly line: number;
  /** Code offset in {@link ProgramInfo.jited}. */
  readonly codeOffset: number;
}

/** What the kernel tells about a map. */
export interface MapInfo {
  readonly type: number;
  readonly id: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly name: string;
  readonly btfId: number;
  readonly mapExtra: bigint;
}

/**
 * Describes a loaded program, code included.
 *
 * @throws BpfError `E_KERNEL_CALL`
 */
export function programInfo(cx: BpfContext, fd: number): ProgramInfo {
  getInfo(cx, fd, PROG_INFO_SIZE, 'a program');
  const parts = layOutParts(cx.output.view);
  const all = Object.values(parts);
  const end = all.reduce((sum, { bytes }) => sum + aligned(bytes), 0);
  growBlock(cx.libc, cx.extra, end);
  cx.extra.bytes.fill(0, 0, end);
  getInfo(cx, fd, PROG_INFO_SIZE, 'a program', (info) => {
    info.setUint32(P.line_info_rec_size, LINE_INFO_SIZE, true);
    info.setUint32(P.jited_line_info_rec_size, 8, true);
    for (const { count, countAt, pointerAt, at } of all) {
      info.setUint32(countAt, count, true);
      if (count > 0) writePointer(info, pointerAt, cx.extra.address + at);
    }
  });
  const info = cx.output.view;
  const words = ({ at, count }: Part): number[] =>
    Array.from({ length: count }, (_, i) => cx.extra.view.getUint32(at + 4 * i, true));
  const jitedFunctionLengths = words(parts.functions);
  return {
    type: info.getUint32(P.type, true),
    id: info.getUint32(P.id, true),
    tag: Buffer.from(cx.output.bytes.slice(P.tag, P.tag + 8)).toString('hex'),
    name: readText(cx.output.bytes, P.name, 16),
    jitedLength: parts.jited.bytes,
    jited: isFilled(info, parts.jited) ? copyPart(cx, parts.jited) : new Uint8Array(0),
    jitedFunctionLengths,
    xlated: isFilled(info, parts.xlated) ? copyPart(cx, parts.xlated) : new Uint8Array(0),
    verifiedInsns: info.getUint32(P.verified_insns, true),
    jitedLines: isFilled(info, parts.jitedLines) ? readLines(cx, parts, jitedFunctionLengths) : [],
    mapIds: words(parts.maps),
    btfId: info.getUint32(P.btf_id, true),
    runTimeNs: Number(info.getBigUint64(P.run_time_ns, true)),
    runCount: Number(info.getBigUint64(P.run_cnt, true)),
  };
}

/** `struct bpf_line_info`. */
const LINE_INFO_SIZE = 16;

/** One of the arrays that the kernel fills, and its place in the block. */
interface Part {
  readonly count: number;
  readonly bytes: number;
  readonly countAt: number;
  readonly pointerAt: number;
  readonly at: number;
}

type ProgramParts = Readonly<
  Record<'jited' | 'xlated' | 'functions' | 'symbols' | 'lines' | 'jitedLines' | 'maps', Part>
>;

/** Lays the arrays out one behind the other, from the counts that the first call gave. */
function layOutParts(info: DataView): ProgramParts {
  let end = 0;
  const part = (countAt: number, pointerAt: number, size: number): Part => {
    const count = info.getUint32(countAt, true);
    const at = end;
    end += aligned(count * size);
    return { count, bytes: count * size, countAt, pointerAt, at };
  };
  return {
    jited: part(P.jited_prog_len, P.jited_prog_insns, 1),
    xlated: part(P.xlated_prog_len, P.xlated_prog_insns, 1),
    functions: part(P.nr_jited_func_lens, P.jited_func_lens, 4),
    symbols: part(P.nr_jited_ksyms, P.jited_ksyms, 8),
    lines: part(P.nr_line_info, P.line_info, LINE_INFO_SIZE),
    jitedLines: part(P.nr_jited_line_info, P.jited_line_info, 8),
    maps: part(P.nr_map_ids, P.map_ids, 4),
  };
}

/** The kernel clears a pointer whose target it does not fill, because the caller may not see it. */
function isFilled(info: DataView, { pointerAt }: Part): boolean {
  return info.getUint32(pointerAt, true) !== 0 || info.getUint32(pointerAt + 4, true) !== 0;
}

function copyPart(cx: BpfContext, { at, bytes }: Part): Uint8Array {
  return cx.extra.bytes.slice(at, at + bytes);
}

/** Lines with kernel addresses, which become code offsets by the function that each address is in. */
function readLines(cx: BpfContext, parts: ProgramParts, lengths: readonly number[]): JitedLine[] {
  const { view } = cx.extra;
  const count = Math.min(parts.lines.count, parts.jitedLines.count);
  let offset = 0;
  const functions = lengths.slice(0, parts.symbols.count).map((length, i) => {
    const start = view.getBigUint64(parts.symbols.at + 8 * i, true);
    offset += length;
    return { start, end: start + BigInt(length), offset: offset - length };
  });
  return Array.from({ length: count }, (_, i) => {
    const address = view.getBigUint64(parts.jitedLines.at + 8 * i, true);
    const home = functions.find(({ start, end }) => address >= start && address <= end);
    const line = view.getUint32(parts.lines.at + LINE_INFO_SIZE * i + 12, true) >>> 10;
    return home === undefined ? [] : [{ line, codeOffset: home.offset + Number(address - home.start) }];
  }).flat();
}

/**
 * Describes a map.
 *
 * @throws BpfError `E_KERNEL_CALL`
 */
export function mapInfo(cx: BpfContext, fd: number): MapInfo {
  getInfo(cx, fd, MAP_INFO_SIZE, 'a map');
  const info = cx.output.view;
  return {
    type: info.getUint32(M.type, true),
    id: info.getUint32(M.id, true),
    keySize: info.getUint32(M.key_size, true),
    valueSize: info.getUint32(M.value_size, true),
    maxEntries: info.getUint32(M.max_entries, true),
    flags: info.getUint32(M.map_flags, true),
    name: readText(cx.output.bytes, M.name, 16),
    btfId: info.getUint32(M.btf_id, true),
    mapExtra: info.getBigUint64(M.map_extra, true),
  };
}

/** Fills the output block with the info; `prepare` writes what the kernel reads of it first. */
export function getInfo(
  cx: BpfContext,
  fd: number,
  size: number,
  what: string,
  prepare?: (info: DataView) => void,
): void {
  const attr = beginAttr(cx);
  cx.output.bytes.fill(0, 0, size);
  prepare?.(cx.output.view);
  attr.setUint32(INFO_ATTR.bpf_fd, fd, true);
  attr.setUint32(INFO_ATTR.info_len, size, true);
  writePointer(attr, INFO_ATTR.info, cx.output.address);
  demand('OBJ_GET_INFO_BY_FD', callBpf(cx, 'OBJ_GET_INFO_BY_FD'), what);
}

function aligned(size: number): number {
  return (size + 7) & ~7;
}
