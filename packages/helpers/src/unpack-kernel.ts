/** The probed 6.18 kernel out of its generated lines (tools/facts/pack-kernel.ts writes them). */
import { contextLayout, type Structs } from './context-layout.ts';
import { DERIVED_VARIANTS } from './derived-variants.ts';
import * as packed from './generated/kernel-6.18.ts';
import type {
  ContextAccess,
  ContextField,
  ContextLayout,
  KfuncFlag,
  KfuncInfo,
  ProgramVariant,
  Release,
  ReturnRule,
} from './profile.ts';
import { addLazy, withLazy } from './lazy.ts';
import { helperFacts } from './unpack-helpers.ts';

/** Name, number and first release of a type. */
export interface TypeFacts {
  readonly name: string;
  readonly id: number;
  readonly since: Release | null;
}

export interface VariantFacts {
  readonly info: Omit<ProgramVariant, 'available' | 'basis' | 'since' | 'context'>;
  readonly derived: boolean;
  /** Its context, made when it is first asked for. */
  readonly layout: () => ContextLayout;
}
export type KfuncFacts = Omit<KfuncInfo, 'available' | 'basis'>;

/** What was probed, without what the kernel's release makes of it. */
export interface KernelFacts {
  readonly variants: readonly VariantFacts[];
  readonly helperSets: Readonly<Record<string, readonly string[]>>;
  readonly kfuncSets: Readonly<Record<string, readonly string[]>>;
  readonly kfuncs: readonly KfuncFacts[];
  readonly mapTypes: readonly TypeFacts[];
  readonly programTypes: readonly TypeFacts[];
  readonly attachTypes: readonly TypeFacts[];
  readonly enums: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly structs: Structs;
  /** What the verifier said to instructions. */
  readonly isa: Readonly<Record<string, { readonly ok: boolean }>>;
}

let unpacked: KernelFacts | undefined;

export function kernelFacts(): KernelFacts {
  unpacked ??= unpack();
  return unpacked;
}

function unpack(): KernelFacts {
  const contexts = new Contexts();
  const kfuncs = once(() => packed.KFUNCS.split('\n').map(parseKfunc));
  const helperSets = parseSets(packed.HELPER_SETS, helperFacts);
  const kfuncSets = parseSets(packed.KFUNC_SETS, kfuncs);
  const probed = packed.VARIANTS.split('\n').map((line) => parseVariant(line, contexts));
  const facts = {
    variants: probed.map((variant) => completeVariant(variant, probed, helperSets, kfuncSets)),
    helperSets,
    kfuncSets,
    programTypes: packed.PROGRAM_TYPES.split('\n').map(parseType),
    attachTypes: packed.ATTACH_TYPES.split('\n').map(parseType),
  };
  return withLazy(facts, {
    kfuncs,
    mapTypes: () => packed.MAP_TYPES.split('\n').map(parseMapType),
    structs: () => contexts.structs(),
    isa: () => Object.fromEntries(packed.ISA.split('\n').map((line) => [line.slice(1), { ok: line.startsWith('+') }])),
    enums: () => Object.fromEntries(packed.ENUMS.split('\n').map(parseEnum)),
  });
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

function parseMapType(line: string): TypeFacts {
  const [name, id, , since] = line.split('|') as [string, string, string, string];
  return { name, id: Number(id), since: since === '' ? null : since };
}

/** Tables of what may be read and written, and the structs that they are of. */
class Contexts {
  readonly #lines = packed.CONTEXTS.split('\n');
  readonly #tables: (readonly ContextAccess[])[] = [];
  #structs: Structs | undefined;

  structs(): Structs {
    return (this.#structs ??= new Map(packed.STRUCTS.split('\n').map(parseStruct)));
  }

  table(index: number): readonly ContextAccess[] {
    const line = this.#lines[index];
    return line === undefined ? [] : (this.#tables[index] ??= parseContext(line));
  }
}

function parseType(line: string): TypeFacts {
  const [name, id, since] = line.split('|') as [string, string, string];
  return { name, id: Number(id), since: since === '' ? null : since };
}

function parseEnum(line: string): [string, Record<string, number>] {
  const [name, values] = line.split('|') as [string, string];
  const pairs = values.split(',').map((pair) => pair.split('=') as [string, string]);
  return [name, Object.fromEntries(pairs.map(([key, value]) => [key, Number(value)]))];
}

function parseSets(lines: string, all: () => readonly { readonly name: string }[]): Record<string, readonly string[]> {
  const isIn = (digits: string, i: number): boolean => ((parseInt(digits[i >> 2] ?? '0', 16) >> (i & 3)) & 1) === 1;
  const sets: Record<string, readonly string[]> = {};
  for (const line of lines.split('\n')) {
    const [name, digits] = line.split('|') as [string, string];
    addLazy(sets, name, () => all().filter((_one, i) => isIn(digits, i)).map((one) => one.name)); // prettier-ignore
  }
  return sets;
}

function parseKfunc(line: string): KfuncFacts {
  const [name, since, ret, params, flags] = line.split('|') as [string, string, string, string, string];
  return {
    name,
    since: since === '' ? null : since,
    ret,
    params: params === '' ? [] : params.split(';').map((item) => { const [type, parameter] = item.split('\t') as [string, string]; return { type, name: parameter }; }), // prettier-ignore
    flags: flags === '' ? [] : (flags.split(' ') as KfuncFlag[]),
    flagsKnown: true,
  };
}

/** `name|field\ttype\toffset\tsize;...` */
function parseStruct(line: string): [string, ContextField[]] {
  const [name, fields] = line.split('|') as [string, string];
  const parsed = fields.split(';').map((text) => {
    const [field, type, offset, size] = text.split('\t') as [string, string, string, string];
    return { name: field, type, offset: Number(offset), size: Number(size) };
  });
  return [name, parsed];
}

/** Gives a variant that the probed machine did not load what is concluded for it; its sets are named after it. */
function completeVariant(
  variant: VariantFacts,
  probed: readonly VariantFacts[],
  helperSets: Record<string, readonly string[]>,
  kfuncSets: Record<string, readonly string[]>,
): VariantFacts {
  const { name, loadable } = variant.info;
  const derived = DERIVED_VARIANTS[name];
  const like = derived === undefined ? undefined : probed.find(({ info }) => info.name === derived.like)?.info;
  if (loadable || derived === undefined || like === undefined) return variant;
  addLazy(helperSets, name, () => [...new Set([...(helperSets[like.helperSet ?? ''] ?? []), ...derived.helpers])]);
  addLazy(kfuncSets, name, () => [...new Set([...(kfuncSets[like.kfuncSet ?? ''] ?? []), ...derived.kfuncs])]);
  const info = { ...variant.info, returns: derived.returns, helperSet: name, kfuncSet: name };
  return { ...variant, info, derived: true };
}

function parseVariant(line: string, contexts: Contexts): VariantFacts {
  const [name, type, typeId, attachType, attachTypeId, flags, target, returns, context, helperSet, kfuncSet] = line.split('|') as [string, string, string, string, string, string, string, string, string, string, string]; // prettier-ignore
  let layout: ContextLayout | undefined;
  const info = {
    name,
    type,
    typeId: Number(typeId),
    attachType: attachType === '' ? null : attachType,
    attachTypeId: attachTypeId === '' ? null : Number(attachTypeId),
    sleepable: flags.includes('s'),
    loadable: flags.includes('l'),
    testRun: flags.includes('t') ? true : flags.includes('n') ? false : null,
    target: target === '' ? undefined : target,
    returns: parseReturns(returns),
    helperSet: helperSet === '' ? undefined : helperSet,
    kfuncSet: kfuncSet === '' ? undefined : kfuncSet,
  };
  return {
    info,
    derived: false,
    layout: () => (layout ??= contextLayout(type, contexts.table(Number(context)), contexts.structs())),
  };
}

function parseReturns(text: string): ReturnRule {
  if (text === '') return { range: null, known: false };
  if (text === 'any') return { range: null, known: true };
  const [min, max] = text.split(',').map(Number) as [number, number];
  return { range: [min, max], known: true };
}

/** `wscalar=0-3,8/0-2//;pkt=///0` is by type, then by size 1, 2, 4, 8. */
function parseContext(line: string): ContextAccess[] {
  const rows: ContextAccess[] = [];
  for (const group of line === '' ? [] : line.split(';')) {
    const [key, sizes] = group.split('=') as [string, string];
    const writable = key.startsWith('w');
    const type = key.slice(writable ? 1 : 0);
    sizes.split('/').forEach((runs, i) => {
      const size = 1 << i;
      for (const run of runs === '' ? [] : runs.split(',')) {
        const [first, last] = run.split('-').map(Number) as [number, number?];
        for (let offset = first; offset <= (last ?? first); offset += size) {
          rows.push({ offset, size, type: type === '-' ? null : type, writable });
        }
      }
    });
  }
  return rows.sort((a, b) => a.offset - b.offset || a.size - b.size);
}
