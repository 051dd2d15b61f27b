/** Seeded bugs of BTF, CO-RE, linking and what is printed of types: no vector sees any of it. */
import type { Mutant } from './mutant.ts';

const CORE = 'packages/loader/test/core.test.ts';
const RULES = 'packages/btf/test/core.test.ts';
const EXTERNS = 'packages/loader/test/kernel-externs.test.ts';
const LINKING = 'packages/loader/test/link-objects.test.ts';
const TYPESCRIPT = 'packages/loader/test/generate-typescript.test.ts';
const PRINTING = 'packages/btf/test/print-c.test.ts';
const MERGING = 'packages/btf/test/merge-diff.test.ts';

/** File below packages, text, replacement, what is wrong, test file, name of the test. */
type Row = readonly [id: string, file: string, find: string, replace: string, what: string, test: string, name: string]; // prettier-ignore

const ROWS: readonly Row[] = [
  ['flavour', 'btf/src/name-index.ts', "name[at] !== '_' && name[at + 4] !== '_'", "name[at] !== '_' && name[at + 4] === '_'", 'flavours of names are not cut off', CORE, 'every kind of relocation'],
  ['core-field-kinds', 'btf/src/core-compat.ts', 'if (isComposite(a) && isComposite(b)) return true;', 'if (isComposite(a) && isComposite(b)) return false;', 'fields that are structs fit no field', RULES, 'structs of any name'],
  ['core-proto-params', 'btf/src/core-compat.ts', 'if (a.params.length !== other.params.length) return false;', '', 'functions of different parameters are alike', CORE, 'every kind of relocation'],
  ['core-match-pointer', 'btf/src/core-compat.ts', 'behindPointer = true;', 'behindPointer = false;', 'types behind pointers are compared member by member', CORE, 'every kind of relocation'],
  ['core-match-size', 'btf/src/core-compat.ts', "b.kind === 'INT' && a.size === b.size &&", "b.kind === 'INT' &&", 'integers of different sizes match', RULES, 'an integer of another size'],
  ['core-anonymous', 'btf/src/core-spec.ts', "if (member.name !== '' && member.name !== wanted.name) continue;", 'if (member.name !== wanted.name) continue;', 'members of anonymous structs are not found', CORE, 'every kind of relocation'],
  ['core-flexible', 'btf/src/core-spec.ts', 'return isComposite(owner) && accessor.index === owner.members.length - 1;', 'return false;', 'arrays without length have no elements', CORE, 'every kind of relocation'],
  ['core-array-offset', 'btf/src/core-spec.ts', 'walk.bitOffset += accessor.index * sizeOf(target, element.id) * 8;', 'walk.bitOffset += 0;', 'elements of arrays are all at the start', CORE, 'every kind of relocation'],
  ['core-enumerator-sign', 'btf/src/core-spec.ts', 'BigInt(type.values[index]!.value | 0)', 'BigInt(type.values[index]!.value >>> 0)', 'negative enumerators lose their sign', CORE, 'every kind of relocation'],
  ['core-bitfield-unit', 'btf/src/core-value.ts', 'bitOffset + bits - 8 * start() > 8 * size', 'bitOffset + bits - 8 * start() >= 8 * size', 'a bit field up to the end of its unit gets a larger unit', CORE, 'bit fields'],
  ['core-lshift-big', 'btf/src/core-value.ts', ': 8 * (8 - size) + within;', ': 64 - (within + bits);', 'bit fields of big-endian kernels are shifted as little-endian ones', CORE, 'bit fields, bpf'],
  ['core-ambiguity', 'btf/src/core-relocator.ts', 'answer.spec.bitOffset !== spec.bitOffset || ', '', 'candidates with different values of the same kind pass', RULES, 'candidates must have the field at one place'],
  ['core-element-size', 'btf/src/core-value.ts', "for (let depth = 0; type.kind === 'ARRAY' && depth < 32; depth++) type = resolveType(btf, type.type);", '', 'an access to an array is as wide as the array', RULES, 'an access to an array is as wide'],
  ['core-modules', 'btf/src/core-relocator.ts', 'kernel !== undefined && kernel.length > 0 ? kernel : modules.flat()', 'kernel ?? []', 'types of modules are never looked at', CORE, 'types of modules'],
  ['core-poison-pair', 'loader/src/apply-core.ts', 'if (rowOf(insns[index]!)?.slots === 2 && index + 1 < insns.length) insns[index + 1] = marker;', '', 'the second slot of a poisoned ld_imm64 stays', CORE, 'poisoned instructions'],
  ['core-width', 'loader/src/apply-core.ts', 'opcode = (opcode & ~0x18) | (bits << 3);', '', 'loads keep their width', CORE, 'loads are widened'],
  ['core-unsafe', 'loader/src/apply-core.ts', 'if (resolution.unsafeResize) return poison(insns, index);', '', 'signed fields are read in another width', CORE, 'every kind of relocation'],
  ['core-far', 'loader/src/apply-core.ts', 'if (value > 0x7fffn) {', 'if (value > 0x8000n) {', 'an offset of 32768 is taken', CORE, 'too far away'],
  ['core-validate', 'loader/src/apply-core.ts', 'if (!isCertain || got === original) return;', 'return;', 'instructions are not checked before they are patched', CORE, 'does not hold what'],
  ['kconfig-order', 'loader/src/kconfig-values.ts', "btf.endian === 'little' ? k : size - 1 - k", 'k', 'values of big-endian kernels are written in little-endian', EXTERNS, 'from the text of a configuration, bpf'],
  ['kconfig-range', 'loader/src/kconfig-values.ts', 'if (!fits && size !== 8)', 'if (false)', 'values that do not fit are cut', EXTERNS, 'CONFIG_SHORT=70000'],
  ['ksym-weak', 'loader/src/kernel-symbols.ts', 'if (found === undefined && !weak) {', 'if (false) {', 'strong symbols that are missing are 0', EXTERNS, 'a strong symbol that the kernel lacks'],
  ['ksym-type', 'loader/src/kernel-symbols.ts', 'if (!typesAreCompatible(', 'if (false && !typesAreCompatible(', 'the type of a kernel symbol does not matter', EXTERNS, 'a strong symbol that the kernel lacks'],
  ['link-weak', 'loader/src/link-symbols.ts', 'if (a.symbol.bind === STB.STB_WEAK) return b;', 'if (a.symbol.bind === STB.STB_WEAK) return a;', 'a weak definition wins over a strong one', LINKING, 'symbols of one object'],
  ['link-addend', 'loader/src/link-objects.ts', 'if (shift === 0 && explicit === undefined) return;', 'return;', 'static data of later objects is taken from the first', LINKING, 'data of both objects'],
  ['link-records', 'loader/src/link-types.ts', 'insnOffset: record.insnOffset + place.offset', 'insnOffset: record.insnOffset', 'lines of later objects are at the start of the section', LINKING, 'types: equal ones once'],
  ['dedup', 'btf/src/merge-btf.ts', 'const known = isPlace ? undefined : leader.get(group);', 'const known = undefined as number | undefined;', 'equal types stay apart', MERGING, 'equal types become one'],
  ['dedup-cycle', 'btf/src/merge-btf.ts', 'if (countOf(refined) === countOf(classes)) return refined;', 'return refined;', 'types are compared one step deep', MERGING, 'equal types become one'],
  ['c-packed', 'btf/src/c-layout.ts', 'if (type.size % align !== 0) return true;', '', 'packed structs are not called packed', PRINTING, 'layout'],
  ['c-padding', 'btf/src/c-layout.ts', 'const padding = start < place.offset ?', 'const padding = start > place.offset ?', 'gaps between members are not filled', PRINTING, 'layout'],
  ['c-declaration', 'btf/src/print-c.ts', "if (name !== '' && !complete) return this.#forward(type);", "if (name !== '' && !complete) return;", 'structs behind pointers are not declared', PRINTING, 'types come before'],
  ['c-function-pointer', 'btf/src/print-c.ts', 'if (this.#bindsTighter(current)) text = `(${text})`;', '', 'pointers to functions become functions', PRINTING, 'declarators'],
  ['ts-bits-big', 'btf/src/print-typescript.ts', 'bitPlace(at + (little ? bits - 1 - k : k), little);', 'bitPlace(at + (bits - 1 - k), little);', 'bit fields are read backwards in big-endian', TYPESCRIPT, 'values that the compiler wrote'],
  ['ts-order', 'btf/src/print-typescript.ts', "RUNTIME.replace('boolean = true'", "RUNTIME.replace('boolean == true'", 'types of big-endian objects are read in little-endian', TYPESCRIPT, 'values that the compiler wrote'],
  ['diff-place', 'btf/src/diff-btf.ts', 'const at = base + bitOffset;', 'const at = bitOffset;', 'members of anonymous structs are at the start', MERGING, 'differences'],
]; // prettier-ignore

export const BTF_MUTANTS: readonly Mutant[] = ROWS.map(([id, file, find, replace, what, test, name]) => ({
  id: `btf/${id}`,
  file: `packages/${file}`,
  find,
  replace,
  what,
  killedBy: { test, name },
}));
