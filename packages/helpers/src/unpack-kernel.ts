/** The probed 6.18 kernel out of its generated lines (tools/facts/pack-kernel.ts writes them). */
import { contextLayout, type Structs } from './context-layout.ts';
import { DERIVED_VARIANTS } from './derived-variants.ts';
import * as packed from './generated/kernel-6.18.ts';
import type {
  ContextAccess,
  ContextField,
  KfuncFlag,
  KfuncInfo,
  ProgramVariant,
  Release,
  ReturnRule,
} from './profile.ts';
import { helperFacts } from './unpack-helpers.ts';

/** Name, number and first release of a type. */
export interface TypeFacts {
  readonly name: string;
  readonly id: number;
  readonly since: Release | null;
}

export type VariantFacts = Omit<ProgramVariant, 'available' | 'basis' | 'since'> & { readonly derived?: true };
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
  const kfuncs = packed.KFUNCS.split('\n').map(parseKfunc);
  const helperNames = helperFacts().map(({ name }) => name);
  const kfuncNames = kfuncs.map(({ name }) => name);
  const tables = packed.CONTEXTS.split('\n').map(parseContext);
  const structs: Structs = new Map(packed.STRUCTS.split('\n').map(parseStruct));
  const helperSets = parseSets(packed.HELPER_SETS, helperNames);
  const kfuncSets = parseSets(packed.KFUNC_SETS, kfuncNames);
  const probed = packed.VARIANTS.split('\n').map((line) => parseVariant(line, tables, structs));
  return {
    variants: probed.map((variant) => completeVariant(variant, probed, helperSets, kfuncSets)),
    helperSets,
    kfuncSets,
    structs,
    isa: Object.fromEntries(packed.ISA.split('\n').map((line) => [line.slice(1), { ok: line.startsWith('+') }])),
    kfuncs,
    mapTypes: packed.MAP_TYPES.split('\n').map((line) => {
      const [name, id, , since] = line.split('|') as [string, string, string, string];
      return { name, id: Number(id), since: since === '' ? null : since };
    }),
    programTypes: packed.PROGRAM_TYPES.split('\n').map(parseType),
    attachTypes: packed.ATTACH_TYPES.split('\n').map(parseType),
    enums: Object.fromEntries(packed.ENUMS.split('\n').map(parseEnum)),
  };
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

function parseSets(lines: string, names: readonly string[]): Record<string, string[]> {
  return Object.fromEntries(
    lines.split('\n').map((line) => {
      const [name, digits] = line.split('|') as [string, string];
      const members = names.filter((_name, i) => ((parseInt(digits[i >> 2] ?? '0', 16) >> (i & 3)) & 1) === 1);
      return [name, members];
    }),
  );
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
  const derived = DERIVED_VARIANTS[variant.name];
  const like = probed.find(({ name }) => name === derived?.like);
  if (variant.loadable || derived === undefined || like === undefined) return variant;
  helperSets[variant.name] = [...new Set([...(helperSets[like.helperSet ?? ''] ?? []), ...derived.helpers])];
  kfuncSets[variant.name] = [...new Set([...(kfuncSets[like.kfuncSet ?? ''] ?? []), ...derived.kfuncs])];
  return { ...variant, returns: derived.returns, helperSet: variant.name, kfuncSet: variant.name, derived: true };
}

function parseVariant(line: string, tables: readonly (readonly ContextAccess[])[], structs: Structs): VariantFacts {
  const [name, type, typeId, attachType, attachTypeId, flags, target, returns, context, helperSet, kfuncSet] = line.split('|') as [string, string, string, string, string, string, string, string, string, string, string]; // prettier-ignore
  return {
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
    context: contextLayout(type, tables[Number(context)] ?? [], structs),
    helperSet: helperSet === '' ? undefined : helperSet,
    kfuncSet: kfuncSet === '' ? undefined : kfuncSet,
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
