// What a kernel was probed for: variants, sets, context tables, kfuncs, map types, instructions.
import { flaggedKfuncs, kfuncFlags } from './kfunc-flags.ts';
import { KFUNC_SINCE } from './since-overlay.ts';
import type { Facts, KernelVariant } from './read-facts.ts';

/** Sets as bits over the sorted names: hexadecimal, four names a digit. */
export function packSet(all: readonly string[], members: readonly string[]): string {
  const wanted = new Set(members);
  for (const name of members) if (!all.includes(name)) throw new Error(`${name} is in a set and not in the list`);
  let text = '';
  for (let i = 0; i < all.length; i += 4) {
    let digit = 0;
    for (let bit = 0; bit < 4; bit++) if (all[i + bit] !== undefined && wanted.has(all[i + bit]!)) digit |= 1 << bit;
    text += digit.toString(16);
  }
  return text.replace(/0+$/, '');
}

/** Context tables, each once, and the index of each variant's. */
export interface PackedContexts {
  readonly tables: readonly string[];
  indexOf(name: string): number;
}

export function packContexts({ kernel }: Facts): PackedContexts {
  const tables: string[] = [];
  const indexes = new Map<string, number>();
  for (const [name, variant] of Object.entries(kernel.programVariants)) {
    const rows = variant.ctxAccess;
    if (rows === null || rows === undefined) indexes.set(name, -1);
    else if ('sameAs' in rows) indexes.set(name, indexes.get(rows.sameAs)!);
    else {
      const text = packRows(rows);
      if (!tables.includes(text)) tables.push(text);
      indexes.set(name, tables.indexOf(text));
    }
  }
  return { tables, indexOf: (name) => indexes.get(name)! };
}

type Row = readonly [offset: number, size: number, type: string | null, writable: boolean];

/**
 * Rows as runs: `first-end:sizes:type` is every aligned offset in the range with each of the sizes (bits of the number),
 * `w` before the type is writable, `-` no type at all. Runs that do not help are single rows.
 */
function packRows(rows: readonly Row[]): string {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = `${row[3] ? 'w' : ''}${row[2] ?? '-'}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  const parts: string[] = [];
  for (const [key, members] of groups) parts.push(`${key}=${packSizes(members)}`);
  return parts.join(';');
}

/** By size: offsets as `first` or `first-last` of a run that steps by the size. */
function packSizes(rows: readonly Row[]): string {
  const bySize = [1, 2, 4, 8].map((size) => {
    const offsets = rows.filter((row) => row[1] === size).map((row) => row[0]);
    const runs: string[] = [];
    for (let i = 0; i < offsets.length;) {
      let j = i;
      while (j + 1 < offsets.length && offsets[j + 1] === offsets[j]! + size) j++;
      runs.push(i === j ? `${offsets[i]}` : `${offsets[i]}-${offsets[j]}`);
      i = j + 1;
    }
    return runs.join(',');
  });
  return bySize.join('/');
}

/** Variants as lines: `name|type|typeId|attachType|attachTypeId|flags|target|returns|context|helperSet|kfuncSet`. */
export function packVariants({ kernel }: Facts, contexts: PackedContexts): string[] {
  return Object.entries(kernel.programVariants).map(([name, variant]) => {
    const type = variant.progType.replace('BPF_PROG_TYPE_', '');
    const flags =
      (variant.sleepable ? 's' : '') +
      (variant.loadable ? 'l' : '') +
      (variant.testRun === true ? 't' : variant.testRun === false ? 'n' : '');
    return [
      name,
      type,
      variant.progTypeId,
      variant.expectedAttachType ?? '',
      variant.expectedAttachTypeId ?? '',
      flags,
      variant.attachBtfTarget ?? '',
      packReturns(variant),
      contexts.indexOf(name),
      variant.helperSet ?? '',
      variant.kfuncSet ?? '',
    ].join('|');
  });
}

/** `any`, `0,1`, or nothing when it is not known. */
function packReturns({ returnValue, loadable }: KernelVariant): string {
  if (!loadable) return '';
  const range = /^\[(-?\d+), (-?\d+)\]$/.exec(returnValue.rule ?? '');
  if (range !== null) return `${range[1]},${range[2]}`;
  if (returnValue.rule !== 'any scalar' && returnValue.accepted.length < 12)
    throw new Error(`rule ${returnValue.rule}`);
  return 'any';
}

/** Kfuncs as lines: `name|since|ret|type\tname;...|flags`. */
export function packKfuncs({ kernel, since }: Facts): string[] {
  for (const name of flaggedKfuncs()) if (kernel.kfuncs[name] === undefined) throw new Error(`no kernel has ${name}`);
  return Object.keys(kernel.kfuncs)
    .sort()
    .map((name) => {
      const { ret, params, fastcall, sleepableOnly } = kernel.kfuncs[name]!;
      const flags = kfuncFlags(name, fastcall, sleepableOnly === true);
      const list = params.map((param) => `${param.type}\t${param.name}`).join(';');
      return [name, KFUNC_SINCE[name] ?? since['kfuncs']![name] ?? '', ret, list, flags.join(' ')].join('|');
    });
}
