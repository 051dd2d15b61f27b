/** BPF_OBJ_GET_INFO_BY_FD of programs and maps. */
import { INSN_SIZE } from '@polybpf/isa';
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
  readonly mapIds: readonly number[];
  readonly btfId: number;
  readonly runTimeNs: number;
  readonly runCount: number;
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
  const view = cx.output.view;
  const sizes = {
    jited: view.getUint32(P.jited_prog_len, true),
    xlated: view.getUint32(P.xlated_prog_len, true),
    functions: view.getUint32(P.nr_jited_func_lens, true),
    maps: view.getUint32(P.nr_map_ids, true),
  };
  const at = { jited: 0, xlated: aligned(sizes.jited), functions: 0, maps: 0 };
  at.functions = at.xlated + aligned(sizes.xlated);
  at.maps = at.functions + aligned(4 * sizes.functions);
  const end = at.maps + aligned(4 * sizes.maps);
  growBlock(cx.libc, cx.extra, end);
  cx.extra.bytes.fill(0, 0, end);
  getInfo(cx, fd, PROG_INFO_SIZE, 'a program', (info) => {
    const ask = (count: number, countAt: number, pointerAt: number, place: number): void => {
      info.setUint32(countAt, count, true);
      if (count > 0) writePointer(info, pointerAt, cx.extra.address + place);
    };
    ask(sizes.jited, P.jited_prog_len, P.jited_prog_insns, at.jited);
    ask(sizes.xlated, P.xlated_prog_len, P.xlated_prog_insns, at.xlated);
    ask(sizes.functions, P.nr_jited_func_lens, P.jited_func_lens, at.functions);
    ask(sizes.maps, P.nr_map_ids, P.map_ids, at.maps);
  });
  const info = cx.output.view;
  // The kernel clears a pointer whose target it does not fill, because the caller may not see it.
  const hasJited = info.getUint32(P.jited_prog_insns, true) !== 0 || info.getUint32(P.jited_prog_insns + 4, true) !== 0;
  const hasXlated = info.getUint32(P.xlated_prog_insns, true) !== 0 || info.getUint32(P.xlated_prog_insns + 4, true) !== 0; // prettier-ignore
  const words = (place: number, count: number): number[] =>
    Array.from({ length: count }, (_, i) => cx.extra.view.getUint32(place + 4 * i, true));
  return {
    type: info.getUint32(P.type, true),
    id: info.getUint32(P.id, true),
    tag: Buffer.from(cx.output.bytes.slice(P.tag, P.tag + 8)).toString('hex'),
    name: readText(cx.output.bytes, P.name, 16),
    jitedLength: sizes.jited,
    jited: hasJited ? cx.extra.bytes.slice(at.jited, at.jited + sizes.jited) : new Uint8Array(0),
    jitedFunctionLengths: words(at.functions, sizes.functions),
    xlated: hasXlated ? cx.extra.bytes.slice(at.xlated, at.xlated + sizes.xlated - (sizes.xlated % INSN_SIZE)) : new Uint8Array(0), // prettier-ignore
    verifiedInsns: info.getUint32(P.verified_insns, true),
    mapIds: words(at.maps, sizes.maps),
    btfId: info.getUint32(P.btf_id, true),
    runTimeNs: Number(info.getBigUint64(P.run_time_ns, true)),
    runCount: Number(info.getBigUint64(P.run_cnt, true)),
  };
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
