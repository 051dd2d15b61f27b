/** Variables of the data sections by name: where they are in their map and what type they have. */
import { BTF_VAR_LINKAGE, typeById } from '@polybpf/btf';
import { STB, STT, type ElfSymbol } from '@polybpf/elf';
import type { GlobalVariable } from './loaded-object.ts';
import type { LinkContext } from './symbol-targets.ts';

/** All variables, by map and place; those of `.kconfig` last. */
export function findVariables(link: LinkContext): GlobalVariable[] {
  const { cx, dataMapOf, kconfig, kconfigMap, maps } = link;
  const variables = [...dataMapOf].flatMap(([section, map]) => {
    const types = typesOf(link, maps[map]?.name ?? '');
    return (cx.symbolsOf.get(section) ?? []).flatMap((symbol): GlobalVariable[] => {
      const { name, value: offset, size, type } = symbol;
      if (type !== STT.STT_OBJECT || size === 0) return [];
      const btfTypeId = types(symbol);
      const common = { name, map, offset, size, isStatic: symbol.bind === STB.STB_LOCAL };
      return [btfTypeId === undefined ? common : { ...common, btfTypeId }];
    });
  });
  const externs = kconfig.variables.map(({ name, offset, size, btfTypeId }): GlobalVariable => {
    return { name, map: kconfigMap, offset, size, btfTypeId, isStatic: false };
  });
  return [...variables, ...externs];
}

/** Types of the variables of a section. Of static ones with one name the compiler wrote the offset. */
function typesOf({ cx }: LinkContext, section: string): (symbol: ElfSymbol) => number | undefined {
  const { btf } = cx;
  const datasec = cx.findType('DATASEC', section);
  if (btf === undefined || datasec === undefined) return () => undefined;
  const entries = datasec.variables.flatMap(({ type, offset }) => {
    const variable = typeById(btf, type);
    return variable.kind === 'VAR' ? [{ variable, offset }] : [];
  });
  return ({ name, value }) => {
    const named = entries.filter(({ variable }) => variable.name === name);
    const isStaticAt = ({ variable, offset }: (typeof named)[number]): boolean =>
      variable.linkage === BTF_VAR_LINKAGE.STATIC && offset === value;
    return (named.find(isStaticAt) ?? named[0])?.variable.type;
  };
}
