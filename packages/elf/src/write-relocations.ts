import { BpfError } from '@polybpf/errors';
import { EM } from './constants.ts';
import {
  createFieldWriter,
  finishImage,
  writeAddress,
  writeSignedAddress,
  writeWord,
  type FieldWriter,
} from './field-writer.ts';
import type { ElfDescription, ElfSectionDescription } from './write-elf.ts';

/** A relocation to be written. */
export interface ElfRelocationDescription {
  /** Byte offset in the section. */
  readonly offset: number;
  /** Machine-specific type. */
  readonly type: number;
  /** Position in the description's `symbols`; absent: no symbol (index 0 of the table). */
  readonly symbol?: number;
  /** 0 unless told; must be 0 in the 'rel' format, which has no field for it. */
  readonly addend?: number;
}

/** The bytes of the relocation section that belongs to `section`. */
export function encodeRelocations(
  description: ElfDescription,
  section: ElfSectionDescription,
  positions: readonly number[],
): Uint8Array {
  const writer = createFieldWriter(description.class, description.endian);
  const explicit = (description.relocationFormat ?? 'rela') === 'rela';
  for (const relocation of section.relocations ?? []) {
    const symbol = relocation.symbol === undefined ? 0 : positions[relocation.symbol];
    const at = { section: section.name, offset: relocation.offset };
    if (symbol === undefined) {
      const expected = `below ${positions.length}`;
      throw new BpfError('E_ELF_WRITE', 'relocation names a symbol that is not described', {
        at,
        expected,
        got: String(relocation.symbol),
      });
    }
    const addend = relocation.addend ?? 0;
    if (!explicit && addend !== 0) {
      throw new BpfError('E_ELF_WRITE', "an addend has no place in the 'rel' format", { at, got: String(addend) });
    }
    writeAddress(writer, relocation.offset, 'r_offset');
    writeInfo(writer, description.machine, symbol, relocation.type);
    if (explicit) writeSignedAddress(writer, addend, 'r_addend');
  }
  return finishImage(writer);
}

/** `r_info`; the layout of MIPS64 is told at `readInfo` in read-relocations.ts. */
function writeInfo(writer: FieldWriter, machine: number, symbol: number, type: number): void {
  if (writer.class === 32) {
    if (type > 0xff || symbol > 0xff_ffff) {
      throw new BpfError('E_ELF_WRITE', 'r_info does not fit its field', { got: `symbol ${symbol}, type ${type}` });
    }
    writeWord(writer, symbol * 256 + type, 'r_info');
  } else if (machine === EM.EM_MIPS) {
    writeWord(writer, symbol, 'r_sym');
    writeWord(writer, writer.little ? swap32(type) : type, 'r_type');
  } else {
    writeWord(writer, writer.little ? type : symbol, 'r_info');
    writeWord(writer, writer.little ? symbol : type, 'r_info');
  }
}

function swap32(value: number): number {
  return ((value & 0xff) * 0x100_0000 + (value & 0xff00) * 0x100 + ((value >>> 8) & 0xff00) + (value >>> 24)) >>> 0;
}
