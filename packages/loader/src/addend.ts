/**
 * Addends of relocations. eBPF objects use SHT_REL: the addend stands in the field that is to be relocated (kernel
 * Documentation/bpf/llvm_reloc.rst). LLVM writes the plain addend A there.
 *
 * GNU binutils up to 2.40 write S + A when the object itself defines the symbol (BFD installs the relocation partially,
 * `partial_inplace`), in calls to a named function even S - 1 with S in bytes, and number their relocations
 * differently. Which of the two wrote an object is told by what only one of them can have written.
 */
import { R_BPF, STT, type ElfRelocation, type ElfSymbol } from '@polybpf/elf';
import { isCode, relocationSymbol, type ObjectContext } from './object-context.ts';

/** Relocation types of binutils up to 2.40 (binutils include/elf/bpf.h) that LLVM does not have. */
export const R_BPF_GNU = { R_BPF_DATA_32: 11, R_BPF_DATA_64: 12 } as const;

/** Numbers that binutils up to 2.40 uses and LLVM never does: plain and pc-relative data of 8 to 64 bits. */
const GNU_ONLY: ReadonlySet<number> = new Set([5, 6, 7, 8, 9, 11, 12, 13]);

/** Do the fields of instructions that are to be relocated hold S + A rather than A? */
export function hasGnuAddends(cx: ObjectContext): boolean {
  const { sections, relocations } = cx.elf;
  if (relocations.some((part) => part.entries.some((entry) => GNU_ONLY.has(entry.type)))) return true;
  // LLVM keeps the names of sections and symbols in one table.
  if (!sections.some((section) => section.name === '.shstrtab')) return false;
  let isPossible = false;
  for (const part of relocations) {
    const target = sections[part.target];
    if (target === undefined || !isCode(target)) continue;
    for (const entry of part.entries) {
      const symbol = relocationSymbol(cx, part, entry.symbol);
      if (entry.addend !== undefined || symbol?.section === undefined || symbol.type === STT.STT_SECTION) continue;
      if (symbol.value === 0 || entry.offset + 8 > target.data.length) continue;
      const field = readInt32(cx, target.data, entry.offset + 4);
      if (entry.type === R_BPF.R_BPF_64_32) return field === symbol.value - 1;
      if (entry.type !== R_BPF.R_BPF_64_64) continue;
      if (field < symbol.value) return false;
      isPossible = true;
    }
  }
  return isPossible;
}

/** Reads a signed 32-bit field in the object's byte order; the caller has checked the range. */
export function readInt32(cx: ObjectContext, data: Uint8Array, at: number): number {
  return new DataView(data.buffer, data.byteOffset, data.byteLength).getInt32(at, cx.little);
}

/** Does the field hold S + A? Only for symbols that the object defines and that are not sections. */
export function includesSymbol(symbol: ElfSymbol | undefined, gnu: boolean): boolean {
  return gnu && symbol?.section !== undefined && symbol.type !== STT.STT_SECTION;
}

/** The addend of a relocation whose field holds `field`. */
export function addendOf(entry: ElfRelocation, symbol: ElfSymbol | undefined, field: number, gnu: boolean): number {
  if (entry.addend !== undefined) return entry.addend;
  return includesSymbol(symbol, gnu) ? field - (symbol?.value ?? 0) : field;
}

/** Every relocation of a section, with its symbol. */
export function* relocationsIn(
  cx: ObjectContext,
  section: number,
): Generator<{ entry: ElfRelocation; symbol: ElfSymbol | undefined }> {
  for (const part of cx.relocationsOf.get(section) ?? []) {
    for (const entry of part.entries) {
      yield { entry, symbol: relocationSymbol(cx, part, entry.symbol) };
    }
  }
}
