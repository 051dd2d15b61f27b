/**
 * Static linking: several relocatable eBPF objects become one, as `bpftool gen object` does it (libbpf, linker.c).
 * Sections of one name are put behind each other, symbols are resolved, types are merged.
 */
import { encodeBtfWithExt } from '@polybpf/btf';
import { EM, R_BPF, SHF, SHT, type ElfSectionDescription, type ElfSymbol, writeElf } from '@polybpf/elf';
import { BpfError } from '@polybpf/errors';
import { hasGnuAddends, relocationsIn } from './addend.ts';
import { linkTypes } from './link-types.ts';
import { type LinkedSymbols, linkSymbols } from './link-symbols.ts';
import { type ObjectContext, openObject } from './object-context.ts';

/** An object to be linked, with a name for messages. */
export interface LinkInput {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A section of the output, and what of each input is in it. */
export interface LinkedSection {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly align: number;
  readonly size: number;
  readonly parts: readonly SectionPart[];
}

/** A section of one input, at its place in the output. */
export interface SectionPart {
  readonly input: number;
  /** Index in that input. */
  readonly section: number;
  readonly offset: number;
}

/**
 * Links objects into one relocatable object.
 *
 * A symbol that one object defines and others refer to is bound. Of weak definitions the first holds, and a strong one
 * takes over; two strong definitions are refused, but for maps (in `.maps`) that are defined alike, which become one.
 * Equal types become one. Licence and version must agree.
 *
 * @returns the bytes of the object
 * @throws BpfError E_LOAD_LINK for objects that contradict each other, and what loading them throws
 */
export function linkObjects(inputs: readonly LinkInput[]): Uint8Array {
  if (inputs.length === 0) throw new BpfError('E_LOAD_LINK', 'there is no object to link');
  const contexts = inputs.map(({ name, bytes }) => open(name, bytes));
  const { endian } = contexts[0]!.elf;
  for (const [k, { elf }] of contexts.entries()) {
    if (elf.endian === endian) continue;
    throw new BpfError('E_LOAD_LINK', 'the objects have different byte orders', { at: { file: inputs[k]!.name }, expected: endian, got: elf.endian }); // prettier-ignore
  }
  const names = inputs.map(({ name }) => name);
  const sections = placeSections(contexts, names);
  const symbols = linkSymbols(contexts, names, sections);
  const described = sections.map((section) => describeSection(contexts, section, symbols));
  const types = linkTypes(contexts, sections, symbols);
  const info: ElfSectionDescription[] = [];
  if (types !== undefined) {
    const { btf, ext } = encodeBtfWithExt(types.btf, types.ext);
    info.push({ name: '.BTF', data: btf, addralign: 4 });
    if (types.hasExt) info.push({ name: '.BTF.ext', data: ext, addralign: 4 });
  }
  return writeElf({
    class: 64,
    endian,
    machine: EM.EM_BPF,
    relocationFormat: 'rel',
    sections: [...described, ...info],
    symbols: symbols.list,
  });
}

function open(name: string, bytes: Uint8Array): ObjectContext {
  const cx = openObject(bytes);
  if (!hasGnuAddends(cx)) return cx;
  throw new BpfError('E_UNSUPPORTED', 'linking objects of binutils up to 2.40', { at: { file: name } });
}

/** What is part of a program: code, data, maps, licence. */
function isLinked(cx: ObjectContext, index: number): boolean {
  const { type, flags, size, name } = cx.elf.sections[index]!;
  const hasContent = type === SHT.SHT_PROGBITS || type === SHT.SHT_NOBITS;
  return hasContent && size > 0 && (flags & SHF.SHF_ALLOC) !== 0 && name !== '.eh_frame';
}

/** Sections that are the same in all objects or wrong, and never put behind each other. */
const SINGLE: ReadonlySet<string> = new Set(['license', 'version']);

function placeSections(contexts: readonly ObjectContext[], names: readonly string[]): LinkedSection[] {
  const placed = new Map<string, { -readonly [K in keyof LinkedSection]: LinkedSection[K] } & { parts: SectionPart[] }>(); // prettier-ignore
  contexts.forEach((cx, input) => {
    for (const { index, name, type, flags, addralign, size, data } of cx.elf.sections) {
      if (!isLinked(cx, index)) continue;
      const align = Math.max(1, Number(addralign));
      const known = placed.get(name);
      if (known === undefined) {
        placed.set(name, { name, type, flags, align, size, parts: [{ input, section: index, offset: 0 }] });
        continue;
      }
      const at = { file: names[input]!, section: name };
      if (SINGLE.has(name)) {
        const first = contexts[known.parts[0]!.input]!.elf.sections[known.parts[0]!.section]!.data;
        if (first.length !== data.length || first.some((byte, k) => byte !== data[k])) {
          throw new BpfError('E_LOAD_LINK', `the objects do not agree in their ${name}`, { at });
        }
        known.parts.push({ input, section: index, offset: 0 });
        continue;
      }
      if (known.type !== type || (known.flags & SHF.SHF_EXECINSTR) !== (flags & SHF.SHF_EXECINSTR)) {
        throw new BpfError('E_LOAD_LINK', 'sections of one name are of different kinds', { at });
      }
      known.align = Math.max(known.align, align);
      const offset = Math.ceil(known.size / known.align) * known.align;
      known.parts.push({ input, section: index, offset });
      known.size = offset + size;
      known.flags |= flags;
    }
  });
  return [...placed.values()];
}

function describeSection(
  contexts: readonly ObjectContext[],
  { name, type, flags, align, size, parts }: LinkedSection,
  symbols: LinkedSymbols,
): ElfSectionDescription {
  const description = { name, type, flags, addralign: align };
  if (type === SHT.SHT_NOBITS) return { ...description, size };
  const data = new Uint8Array(size);
  const relocations = parts.flatMap(({ input, section, offset }) => {
    const cx = contexts[input]!;
    data.set(cx.elf.sections[section]!.data, offset);
    return [...relocationsIn(cx, section)].flatMap(({ entry, symbol }) => {
      if (entry.type === R_BPF.R_BPF_NONE || symbol === undefined || symbols.isDropped(input, section, entry.offset)) return []; // prettier-ignore
      const target = symbols.of(input, symbol);
      adjustField(cx, data, offset + entry.offset, entry.type, symbol, target.shift, entry.addend);
      return [{ offset: offset + entry.offset, type: entry.type, symbol: target.index }];
    });
  });
  return { ...description, data, relocations };
}

/** Objects use REL: the addend is in the bytes, and one that counts from the start of a section moves with it. */
function adjustField(
  cx: ObjectContext,
  data: Uint8Array,
  at: number,
  type: number,
  symbol: ElfSymbol,
  shift: number,
  explicit: number | undefined,
): void {
  if (shift === 0 && explicit === undefined) return;
  const view = new DataView(data.buffer);
  const { little } = cx;
  const place = { section: symbol.name, offset: at };
  const need = (bytes: number): void => {
    if (at + bytes > data.length) throw new BpfError('E_LOAD_RELOCATION', 'relocation is outside its section', { at: place }); // prettier-ignore
  };
  const put = (offset: number, value: number): void => {
    if ((value | 0) !== value) throw new BpfError('E_LOAD_RELOCATION', 'addend is out of range', { at: place, got: String(value) }); // prettier-ignore
    view.setInt32(offset, value, little);
  };
  switch (type) {
    case R_BPF.R_BPF_64_64:
      need(8);
      put(at + 4, (explicit ?? view.getInt32(at + 4, little)) + shift);
      return;
    case R_BPF.R_BPF_64_32:
      // The field counts slots from the next instruction (see code-section.ts).
      need(8);
      put(at + 4, (explicit === undefined ? view.getInt32(at + 4, little) : explicit / 8 - 1) + shift / 8);
      return;
    case R_BPF.R_BPF_64_ABS64: {
      need(8);
      const addend = explicit === undefined ? view.getBigInt64(at, little) : BigInt(explicit);
      view.setBigInt64(at, addend + BigInt(shift), little);
      return;
    }
    case R_BPF.R_BPF_64_ABS32:
    case R_BPF.R_BPF_64_NODYLD32:
      need(4);
      put(at, (explicit ?? view.getInt32(at, little)) + shift);
      return;
    default:
      throw new BpfError('E_UNSUPPORTED', `relocation type ${type}`, { at: place });
  }
}
