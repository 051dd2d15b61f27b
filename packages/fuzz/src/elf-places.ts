/** Where the fields of an ELF file are that readers must not trust, read without trusting them here either. */

/** Bytes of an entry of the tables, in ELF64. */
const SECTION_HEADER = 64;
const SYMBOL = 24;
const REL = 16;
const RELA = 24;
const ELF_HEADER = 64;

const SHT_SYMTAB = 2;
const SHT_RELA = 4;
const SHT_REL = 9;

/** Entries of one table that are looked at. */
const MAX_ENTRIES = 64;

/**
 * Offsets of the fields of the file header, the section headers, symbols and relocations of an ELF64 file; none for what
 * is no ELF64 file.
 */
export function elfPlaces(bytes: Uint8Array): number[] {
  if (bytes.length < ELF_HEADER || bytes[0] !== 0x7f || bytes[4] !== 2) return [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = bytes[5] === 1;
  const u16 = (at: number): number => (at + 2 <= bytes.length ? view.getUint16(at, little) : 0);
  const u32 = (at: number): number => (at + 4 <= bytes.length ? view.getUint32(at, little) : 0);
  const u64 = (at: number): number => (at + 8 <= bytes.length ? Number(view.getBigUint64(at, little)) : 0);
  // e_ident, e_type .. e_shstrndx
  const places = [4, 5, 6, 7, 16, 18, 20, 24, 32, 40, 48, 52, 54, 56, 58, 60, 62];
  const start = u64(40);
  for (let i = 0; i < Math.min(u16(60), MAX_ENTRIES); i++) {
    const header = start + i * SECTION_HEADER;
    // sh_name, sh_type, sh_flags, sh_addr, sh_offset, sh_size, sh_link, sh_info, sh_addralign, sh_entsize
    for (const field of [0, 4, 8, 16, 24, 32, 40, 44, 48, 56]) places.push(header + field);
    const type = u32(header + 4);
    const offset = u64(header + 24);
    const size = u64(header + 32);
    if (type === SHT_SYMTAB) places.push(...entries(offset, size, SYMBOL, [0, 4, 5, 6, 8, 16]));
    else if (type === SHT_REL) places.push(...entries(offset, size, REL, [0, 8, 12]));
    else if (type === SHT_RELA) places.push(...entries(offset, size, RELA, [0, 8, 12, 16]));
    else for (let at = 0; at < Math.min(size, 256); at += 4) places.push(offset + at);
  }
  return places.filter((at) => at < bytes.length);
}

function entries(offset: number, size: number, entry: number, fields: readonly number[]): number[] {
  const count = Math.min(Math.floor(size / entry), MAX_ENTRIES);
  return Array.from({ length: count }, (_, i) => fields.map((field) => offset + i * entry + field)).flat();
}
