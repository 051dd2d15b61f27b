/** Helpers out of their generated lines (tools/facts/pack-helpers.ts writes them). */
import type { ArgumentBase, ArgumentKind, KindFlag, ResultBase, ResultKind } from './argument-kinds.ts';
import { helperCapability } from './capabilities.ts';
import { HELPERS, KINDS } from './generated/helper-table.ts';
import type { HelperInfo, HelperPrototype, Parameter } from './profile.ts';

/** A helper without what depends on a kernel. */
export type HelperFacts = Omit<HelperInfo, 'available' | 'basis'>;

let unpacked: readonly HelperFacts[] | undefined;

/** All helpers by id. */
export function helperFacts(): readonly HelperFacts[] {
  if (unpacked === undefined) {
    const kinds = KINDS.split('\n').map(parseKind);
    unpacked = HELPERS.split('\n').map((line) => parseHelper(line, kinds));
  }
  return unpacked;
}

type Kind = ArgumentKind & ResultKind;

function parseKind(text: string): Kind {
  const [base, ...words] = text.split(' ');
  const flags = words.filter((word) => !/^[#@]/.test(word)) as KindFlag[];
  const size = words.find((word) => word.startsWith('#'));
  const btf = words.find((word) => word.startsWith('@'));
  return {
    base: base as ArgumentBase & ResultBase,
    flags,
    ...(size === undefined ? {} : { size: Number(size.slice(1)) }),
    ...(btf === undefined ? {} : { btf: btf.slice(1) }),
  };
}

function parseHelper(line: string, kinds: readonly Kind[]): HelperFacts {
  const [id, name, since, ret, params, flags, prototypes] = line.split('|') as [string, string, string, string, string, string, string]; // prettier-ignore
  const list = params === '' ? [] : params.split(';');
  return {
    id: Number(id),
    name: `bpf_${name}`,
    since: since === '' ? null : since,
    ret,
    params: list.filter((item) => item !== '...').map(parseParameter),
    variadic: list.includes('...'),
    gplOnly: flags.includes('g'),
    sleepableOnly: flags.includes('s'),
    changesPacket: flags.includes('c'),
    capability: helperCapability(name),
    prototypes: prototypes.split(';').map((text) => parsePrototype(text, kinds)),
  };
}

function parseParameter(text: string): Parameter {
  const space = text.lastIndexOf(' ');
  return { type: text.slice(0, space), name: text.slice(space + 1) };
}

function parsePrototype(text: string, kinds: readonly Kind[]): HelperPrototype {
  const [symbols, result, args, flags, variants] = text.split(':') as [string, string, string, string, string];
  return {
    symbols: symbols.split(',').map((symbol) => `bpf_${symbol}_proto`),
    args: args === '' ? [] : args.split('.').map((index) => kinds[parseInt(index, 36)]!),
    result: kinds[parseInt(result, 36)]!,
    gplOnly: flags.includes('g'),
    pktAccess: flags.includes('p'),
    mightSleep: flags.includes('s'),
    fastcall: flags.includes('f'),
    variants: variants === '' ? undefined : variants.split(','),
  };
}
