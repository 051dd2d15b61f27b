import { BpfError } from '@polybpf/errors';
import { ET, PF, PT } from './constants.ts';
import type { ElfClass } from './elf-file.ts';
import { createFieldWriter, finishImage, padTo, writeBytes } from './field-writer.ts';
import {
  headerSize,
  programHeaderSize,
  writeHeader,
  writeProgramHeader,
  type ElfIdentity,
  type ProgramHeaderFields,
} from './write-header.ts';

/** One segment of a static executable. */
export interface ElfSegmentDescription {
  /** Address where `data` starts. */
  readonly vaddr: number;
  /** Bits of {@link PF}. */
  readonly flags: number;
  readonly data: Uint8Array;
  /** Bytes in memory, zeros after `data`; the length of `data` unless told. */
  readonly memsz?: number;
  /** Page size to which file offset and address must agree; 64 KiB unless told, which suits every CPU. */
  readonly align?: number;
  /** One of {@link PT}; PT_LOAD unless told. */
  readonly type?: number;
}

/** A static executable: no sections, no symbols, just what the kernel maps. */
export interface ElfExecutableDescription extends ElfIdentity {
  /** Address of the first instruction; must lie in a loaded segment with PF_X. */
  readonly entry: number;
  readonly segments: readonly ElfSegmentDescription[];
}

/**
 * Bytes that the headers of an executable take. A first segment whose `vaddr` is a multiple of its alignment plus this
 * number follows the headers with no gap.
 */
export function executableHeaderSize(elfClass: ElfClass, segmentCount: number): number {
  return headerSize(elfClass) + segmentCount * programHeaderSize(elfClass);
}

/**
 * Writes a static executable (ET_EXEC) with one program header for each segment. Each segment is placed at the first
 * free file offset that is congruent to its address modulo its alignment (gABI chapter 5, "Program Header", p_align).
 *
 * @throws BpfError E_ELF_WRITE when a value does not fit its field, the alignment is no power of two, `memsz` is
 *   smaller than `data`, loaded segments overlap, or the entry is in no executable segment
 */
export function writeElfExecutable(description: ElfExecutableDescription): Uint8Array {
  const { segments } = description;
  checkSegments(description);
  const writer = createFieldWriter(description.class, description.endian);
  let end = executableHeaderSize(description.class, segments.length);
  const headers: ProgramHeaderFields[] = segments.map((segment) => {
    const align = segment.align ?? 0x10000;
    const offset = segment.data.length === 0 && !isLoaded(segment) ? 0 : congruentOffset(end, segment.vaddr, align);
    end = Math.max(end, offset + segment.data.length);
    const memsz = segment.memsz ?? segment.data.length;
    const type = segment.type ?? PT.PT_LOAD;
    return { type, flags: segment.flags, offset, vaddr: segment.vaddr, filesz: segment.data.length, memsz, align };
  });
  const phoff = headerSize(description.class);
  const { entry } = description;
  const tables = { type: ET.ET_EXEC, entry, phoff, phnum: segments.length, shoff: 0, shnum: 0, shstrndx: 0 };
  writeHeader(writer, description, tables);
  for (const header of headers) writeProgramHeader(writer, header);
  segments.forEach((segment, index) => {
    if (segment.data.length === 0) return;
    padTo(writer, headers[index]?.offset ?? 0);
    writeBytes(writer, segment.data);
  });
  return finishImage(writer);
}

function isLoaded(segment: ElfSegmentDescription): boolean {
  return (segment.type ?? PT.PT_LOAD) === PT.PT_LOAD;
}

/** The smallest offset from `start` on with `offset % align === vaddr % align`. */
function congruentOffset(start: number, vaddr: number, align: number): number {
  if (align <= 1) return start;
  return start + ((((vaddr - start) % align) + align) % align);
}

function checkSegments({ segments, entry }: ElfExecutableDescription): void {
  if (segments.length === 0 || segments.length >= 0xffff) {
    throw writeError('number of segments', '1 to 65534', String(segments.length));
  }
  const loaded = segments.filter(isLoaded).sort((a, b) => a.vaddr - b.vaddr);
  let end = 0;
  for (const segment of segments) {
    const align = segment.align ?? 0x10000;
    if (!Number.isInteger(Math.log2(align))) throw writeError('segment alignment', 'a power of two', String(align));
    if ((segment.memsz ?? segment.data.length) < segment.data.length) {
      throw writeError(
        'segment memsz is smaller than its data',
        `at least ${segment.data.length}`,
        String(segment.memsz),
      );
    }
  }
  for (const segment of loaded) {
    if (segment.vaddr < end) throw writeError('segments overlap', `vaddr of at least ${end}`, String(segment.vaddr));
    end = segment.vaddr + (segment.memsz ?? segment.data.length);
  }
  const home = loaded.find((s) => entry >= s.vaddr && entry < s.vaddr + s.data.length && (s.flags & PF.PF_X) !== 0);
  if (home === undefined) {
    throw writeError(
      'entry is in no executable segment',
      'an address in a PT_LOAD with PF_X',
      `0x${entry.toString(16)}`,
    );
  }
}

function writeError(message: string, expected: string, got: string): BpfError {
  return new BpfError('E_ELF_WRITE', message, { expected, got });
}
