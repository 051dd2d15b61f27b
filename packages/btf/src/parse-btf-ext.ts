/**
 * Reads `.BTF.ext`: function info, line info and CO-RE relocations by ELF section (btf.rst, section ".BTF.ext
 * section"). Records may be longer than the fields known here, for which the format gives their size.
 *
 *   header: u16 magic | u8 version | u8 flags | u32 hdr_len | (u32 off, u32 len) of func_info, line_info, core_relo
 *   part:   u32 record size | { u32 section name | u32 count | count records }...
 */
import { BpfError } from '@polybpf/errors';
import type { Btf } from './btf-type.ts';
import { BTF_MAGIC } from './kinds.ts';
import { openStrings, type StringLookup } from './string-table.ts';

/** `struct bpf_func_info`: a function starts here. */
export interface BtfFuncInfo {
  /** Bytes from the start of the ELF section. */
  readonly insnOffset: number;
  /** Id of the FUNC. */
  readonly type: number;
}

/** `struct bpf_line_info`: the source position of the instructions from here on. */
export interface BtfLineInfo {
  /** Bytes from the start of the ELF section. */
  readonly insnOffset: number;
  readonly file: string;
  /** Text of the line. */
  readonly text: string;
  /** 1-based; 0 when unknown. */
  readonly line: number;
  readonly column: number;
}

/** `struct bpf_core_relo`, as recorded. */
export interface BtfCoreRelocation {
  /** Bytes from the start of the ELF section. */
  readonly insnOffset: number;
  /** Id of the root type. */
  readonly type: number;
  /** The access string, e.g. `0:1:2`. */
  readonly access: string;
  /** `enum bpf_core_relo_kind`. */
  readonly kind: number;
}

/** The records of one ELF section, in the order of the file. */
export interface BtfExtSection<R> {
  readonly section: string;
  readonly records: readonly R[];
}

/** A whole `.BTF.ext`. */
export interface BtfExt {
  readonly funcInfo: readonly BtfExtSection<BtfFuncInfo>[];
  readonly lineInfo: readonly BtfExtSection<BtfLineInfo>[];
  readonly coreRelocations: readonly BtfExtSection<BtfCoreRelocation>[];
}

/**
 * Parses the content of a `.BTF.ext` section.
 *
 * @param btf the `.BTF` of the same object, whose strings the records use
 * @throws BpfError E_BTF_FORMAT for malformed data, E_BTF_TYPE for a type id that does not exist
 */
export function parseBtfExt(bytes: Uint8Array, btf: Btf): BtfExt {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = readHeader(view);
  const nameAt = openStrings(btf.strings, btf.base);
  const typeCount = btf.firstId + btf.types.length;
  const typeId = (id: number, at: number): number => {
    if (id < typeCount) return id;
    throw new BpfError('E_BTF_TYPE', 'record refers to a type that does not exist', {
      at: { offset: at },
      expected: `below ${typeCount}`,
      got: String(id),
    });
  };
  const { little } = header;
  const word = (at: number): number => view.getUint32(at, little);
  return {
    funcInfo: readPart(view, header, 8, 8, nameAt, (at) => ({ insnOffset: word(at), type: typeId(word(at + 4), at) })),
    lineInfo: readPart(view, header, 16, 16, nameAt, (at) => {
      const position = word(at + 12);
      return {
        insnOffset: word(at),
        file: nameAt(word(at + 4)),
        text: nameAt(word(at + 8)),
        line: position >>> 10,
        column: position & 0x3ff,
      };
    }),
    coreRelocations: readPart(view, header, 24, 16, nameAt, (at) => ({
      insnOffset: word(at),
      type: typeId(word(at + 4), at),
      access: nameAt(word(at + 8)),
      kind: word(at + 12),
    })),
  };
}

interface ExtHeader {
  readonly little: boolean;
  readonly length: number;
}

function readHeader(view: DataView): ExtHeader {
  if (view.byteLength < 8) throw formatError('BTF.ext header is cut off', 0, '24 bytes', String(view.byteLength));
  const little = view.getUint16(0, true) === BTF_MAGIC;
  if (!little && view.getUint16(0, false) !== BTF_MAGIC) {
    throw formatError('not BTF.ext', 0, '0xeb9f', `0x${view.getUint16(0, true).toString(16)}`);
  }
  if (view.getUint8(2) !== 1) throw formatError('unknown BTF.ext version', 2, '1', String(view.getUint8(2)));
  const length = view.getUint32(4, little);
  if (length < 24 || length > view.byteLength) {
    throw formatError('wrong length of the BTF.ext header', 4, `24 to ${view.byteLength}`, String(length));
  }
  return { little, length };
}

function readPart<R>(
  view: DataView,
  { little, length: headerLength }: ExtHeader,
  field: number,
  minimum: number,
  nameAt: StringLookup,
  readRecord: (at: number) => R,
): BtfExtSection<R>[] {
  // A header that ends before the field comes from a compiler that does not know this part.
  if (field + 8 > headerLength) return [];
  const size = view.getUint32(field + 4, little);
  if (size === 0) return [];
  let at = headerLength + view.getUint32(field, little);
  const end = at + size;
  if (end > view.byteLength || size < 4) {
    throw formatError('part of BTF.ext reaches past the end', field, `at most ${view.byteLength}`, String(end));
  }
  const recordSize = view.getUint32(at, little);
  if (recordSize < minimum || recordSize % 4 !== 0) {
    throw formatError('wrong record size', at, `a multiple of 4 from ${minimum} on`, String(recordSize));
  }
  at += 4;
  const sections: BtfExtSection<R>[] = [];
  while (at < end) {
    if (end - at < 8) throw formatError('section of records is cut off', at);
    const section = nameAt(view.getUint32(at, little));
    const count = view.getUint32(at + 4, little);
    at += 8;
    if (count * recordSize > end - at) throw formatError(`records of section ${section} are cut off`, at);
    const records: R[] = [];
    for (let k = 0; k < count; k++, at += recordSize) records.push(readRecord(at));
    sections.push({ section, records });
  }
  return sections;
}

function formatError(message: string, offset: number, expected?: string, got?: string): BpfError {
  return new BpfError('E_BTF_FORMAT', message, {
    at: { section: '.BTF.ext', offset },
    ...(expected === undefined ? {} : { expected }),
    ...(got === undefined ? {} : { got }),
  });
}
