/** Types of several objects as one BTF: externs bound to definitions, sections put together, equal types found. */
import {
  type Btf,
  type BtfDatasec,
  type BtfExt,
  type BtfExtSection,
  BTF_FUNC_LINKAGE,
  BTF_VAR_LINKAGE,
  type BtfSectionVariable,
  type BtfType,
  dedupBtf,
  encodeBtf,
  mapReferences,
  mergeBtf,
  parseBtf,
  sizeOf,
  typeById,
} from '@polybpf/btf';
import type { LinkedSection } from './link-objects.ts';
import type { LinkedSymbols } from './link-symbols.ts';
import type { ObjectContext } from './object-context.ts';

/** Types of the output. */
export interface LinkedTypes {
  readonly btf: Btf;
  readonly ext: BtfExt;
  readonly hasExt: boolean;
}

/** Merges the types; undefined when no object has any. */
export function linkTypes(
  contexts: readonly ObjectContext[],
  sections: readonly LinkedSection[],
  symbols: LinkedSymbols,
): LinkedTypes | undefined {
  const typed = contexts.flatMap((cx, input) => (cx.btf === undefined ? [] : [{ cx, input, btf: cx.btf }]));
  if (typed.length === 0) return undefined;
  const merged = mergeBtf(typed.map(({ btf }) => btf));
  const bound = bindSymbols(merged.btf.types, typed, merged.ids, symbols);
  const kept = merged.btf.types.filter((type) => type.kind !== 'DATASEC' && bound(type.id) === type.id);
  const ids = new Map(kept.map(({ id }, k) => [id, k]));
  const renumber = (id: number): number => ids.get(bound(id)) ?? 0;
  const types: BtfType[] = kept.map((type, k) => ({ ...mapReferences(type, renumber), id: k }));
  const inputs = typed.map(({ cx, input, btf }, k) => ({ cx, input, btf, idOf: (id: number) => renumber(merged.ids[k]![id]!) })); // prettier-ignore
  const datasecs = joinSections(inputs, sections, symbols);
  for (const datasec of datasecs) types.push({ ...datasec, id: types.length });
  const { endian } = merged.btf;
  const deduped = dedupBtf(parseBtf(encodeBtf({ endian, types })));
  const ext = joinRecords(inputs, symbols, (id) => deduped.ids[id]!);
  return { btf: deduped.btf, ext, hasExt: contexts.some(({ btfExt }) => btfExt !== undefined) };
}

interface TypedInput {
  readonly cx: ObjectContext;
  readonly input: number;
  readonly btf: Btf;
  /** New id of a type of this input. */
  readonly idOf: (id: number) => number;
}

/** For each merged VAR or FUNC that is not the one of its name which holds, that one. */
function bindSymbols(
  types: readonly BtfType[],
  typed: readonly { readonly input: number; readonly btf: Btf }[],
  ids: readonly (readonly number[])[],
  symbols: LinkedSymbols,
): (id: number) => number {
  const holders = new Map<string, number>();
  const isGlobal = (type: BtfType): boolean =>
    (type.kind === 'VAR' && type.linkage !== BTF_VAR_LINKAGE.STATIC) ||
    (type.kind === 'FUNC' && type.linkage !== BTF_FUNC_LINKAGE.STATIC);
  typed.forEach(({ input, btf }, k) => {
    for (const type of btf.types) {
      if (!isGlobal(type)) continue;
      const key = `${type.kind} ${type.name}`;
      // Without a symbol (a `.kconfig` or `.ksyms` that is not used) the first one is as good as any.
      const owner = symbols.globals.get(type.name)?.input;
      if (owner === input || (owner === undefined && !holders.has(key))) holders.set(key, ids[k]![type.id]!);
    }
  });
  return (id) => {
    const type = types[id]!;
    return isGlobal(type) ? (holders.get(`${type.kind} ${type.name}`) ?? id) : id;
  };
}

function joinSections(
  inputs: readonly TypedInput[],
  sections: readonly LinkedSection[],
  symbols: LinkedSymbols,
): Omit<BtfDatasec, 'id'>[] {
  const joined = new Map<string, Map<number, BtfSectionVariable>>();
  for (const { cx, input, btf, idOf } of inputs) {
    for (const datasec of btf.types) {
      if (datasec.kind !== 'DATASEC') continue;
      const variables = joined.get(datasec.name) ?? new Map<number, BtfSectionVariable>();
      joined.set(datasec.name, variables);
      for (const { type: id, offset, size } of datasec.variables) {
        const variable = typeById(btf, id);
        if (variable.kind !== 'VAR' && variable.kind !== 'FUNC') continue;
        const owner = symbols.globals.get(variable.name);
        const isStatic = variable.kind === 'VAR' && variable.linkage === BTF_VAR_LINKAGE.STATIC;
        // Listed where it is defined.
        if (!isStatic && owner !== undefined && owner.input !== input) continue;
        const place = placeOfVariable(cx, input, datasec.name, variable.name, isStatic, offset, symbols);
        const bytes = size > 0 || variable.kind === 'FUNC' ? size : sizeOf(btf, variable.type);
        variables.set(idOf(id), { type: idOf(id), offset: place, size: bytes });
      }
    }
  }
  return [...joined].flatMap(([name, variables]) => {
    if (variables.size === 0) return [];
    const size = sections.find((section) => section.name === name)?.size ?? 0;
    const sorted = [...variables.values()].sort((a, b) => a.offset - b.offset);
    return [{ kind: 'DATASEC' as const, name, size, variables: sorted }];
  });
}

/** Bytes from the start of the joined section: compilers leave the offset of global variables to the symbol table. */
function placeOfVariable(
  { elf, symbolsOf }: ObjectContext,
  input: number,
  sectionName: string,
  name: string,
  isStatic: boolean,
  offset: number,
  symbols: LinkedSymbols,
): number {
  const section = elf.sections.find((candidate) => candidate.name === sectionName);
  const place = section === undefined ? undefined : symbols.placeOf(input, section.index);
  if (section === undefined || place === undefined) return 0;
  const symbol = (symbolsOf.get(section.index) ?? []).find((candidate) => candidate.name === name && (!isStatic || candidate.value === offset || offset === 0)); // prettier-ignore
  return place.offset + (symbol?.value ?? offset);
}

function joinRecords(inputs: readonly TypedInput[], symbols: LinkedSymbols, finalId: (id: number) => number): BtfExt {
  const join = <R extends { readonly insnOffset: number }>(
    part: (ext: BtfExt) => readonly BtfExtSection<R>[],
    change: (record: R, input: TypedInput) => R,
  ): BtfExtSection<R>[] => {
    const bySection = new Map<string, R[]>();
    for (const one of inputs) {
      for (const { section, records } of one.cx.btfExt === undefined ? [] : part(one.cx.btfExt)) {
        const found = one.cx.elf.sections.find((candidate) => candidate.name === section);
        const place = found === undefined ? undefined : symbols.placeOf(one.input, found.index);
        if (place === undefined) continue;
        const known = bySection.get(section) ?? [];
        bySection.set(section, known);
        for (const record of records) known.push({ ...change(record, one), insnOffset: record.insnOffset + place.offset }); // prettier-ignore
      }
    }
    return [...bySection].map(([section, records]) => ({ section, records }));
  };
  return {
    funcInfo: join(({ funcInfo }) => funcInfo, (record, { idOf }) => ({ ...record, type: finalId(idOf(record.type)) })), // prettier-ignore
    lineInfo: join(({ lineInfo }) => lineInfo, (record) => record), // prettier-ignore
    coreRelocations: join(({ coreRelocations }) => coreRelocations, (record, { idOf }) => ({ ...record, type: finalId(idOf(record.type)) })), // prettier-ignore
  };
}
