// Helpers as lines: `id|name|since|ret|type name;...|flags|prototypes`. `packed-helpers.ts` of the package reads them.
import { BTF_IDS, CHANGES_PACKET, FASTCALL, PROTOTYPE_CHANGES, PROTOTYPE_VARIANTS, SIZES } from './helper-overlay.ts';
import { HELPER_SINCE } from './since-overlay.ts';
import type { Facts, UapiHelper, UapiPrototype } from './read-facts.ts';

export interface PackedHelpers {
  readonly kinds: readonly string[];
  readonly lines: readonly string[];
}

/** Packs all helpers by id. */
export function packHelpers({ uapi, kernel, since }: Facts): PackedHelpers {
  const known = new Set(uapi.helpers.flatMap(({ kernelProtos }) => kernelProtos.map(({ symbol }) => symbol)));
  for (const symbol of [...Object.keys(PROTOTYPE_CHANGES), ...Object.keys(PROTOTYPE_VARIANTS)]) {
    if (!known.has(symbol)) throw new Error(`the fact file has no prototype ${symbol}`);
  }
  const kinds: string[] = [];
  const kindIndex = (kind: string): string => {
    if (!kinds.includes(kind)) kinds.push(kind);
    return kinds.indexOf(kind).toString(36);
  };
  const lines = [...uapi.helpers]
    .sort((a, b) => a.id - b.id)
    .map((helper) => {
      const probed = kernel.helpers[helper.name];
      if (probed === undefined) throw new Error(`${helper.name} is not in the kernel's profile`);
      const gpl = probed.gplOnly ?? helper.kernelProtos.every(({ gplOnly }) => gplOnly);
      const sleeps = probed.sleepableOnly === true || helper.kernelProtos.some(({ mightSleep }) => mightSleep);
      const flags = (gpl ? 'g' : '') + (sleeps ? 's' : '') + (CHANGES_PACKET.has(helper.name) ? 'c' : '');
      const variadic = helper.args.some(([type]) => type === '...');
      const params = helper.args.filter(([type]) => type !== '...').map(([type, name]) => `${type} ${name}`);
      return [
        helper.id,
        helper.name.replace(/^bpf_/, ''),
        HELPER_SINCE[helper.name] ?? since['helpers']![helper.name] ?? '',
        helper.ret,
        [...params, ...(variadic ? ['...'] : [])].join(';'),
        flags,
        packPrototypes(helper, kindIndex),
      ].join('|');
    });
  return { kinds, lines };
}

interface Packed {
  readonly symbols: string[];
  readonly content: string;
  readonly variants: readonly string[] | undefined;
}

function packPrototypes(helper: UapiHelper, kindIndex: (kind: string) => string): string {
  const packed: Packed[] = [];
  for (const prototype of helper.kernelProtos) {
    const { symbol } = prototype;
    const args = prototype.args.map((kind, i) => kindIndex(argumentKind(prototype, kind, i)));
    const flags =
      (prototype.gplOnly ? 'g' : '') +
      (prototype.pktAccess === true ? 'p' : '') +
      (prototype.mightSleep === true ? 's' : '') +
      (FASTCALL.has(symbol) ? 'f' : '');
    const content = [kindIndex(resultKind(prototype)), args.join('.'), flags].join(':');
    const same = packed.find((other) => other.content === content);
    if (same === undefined) packed.push({ symbols: [symbol], content, variants: PROTOTYPE_VARIANTS[symbol] });
    else same.symbols.push(symbol);
  }
  return packed
    .map(
      ({ symbols, content, variants }) =>
        `${symbols.map((s) => shortSymbol(s)).join(',')}:${content}:${variants?.join(',') ?? ''}`,
    ) // prettier-ignore
    .join(';');
}

function shortSymbol(symbol: string): string {
  return symbol.replace(/^bpf_/, '').replace(/_proto$/, '');
}

function argumentKind(prototype: UapiPrototype, spelled: string, index: number): string {
  const change = PROTOTYPE_CHANGES[prototype.symbol]?.find(({ arg }) => arg === index + 1);
  if (change !== undefined) return spellKind(change.kind, change.btf, change.size);
  const size = prototype.argSize?.[index];
  const btf = prototype.argBtf?.[index];
  return spellKind(spelled, lookUp(BTF_IDS, btf), lookUp(SIZES, size));
}

function resultKind(prototype: UapiPrototype): string {
  const change = PROTOTYPE_CHANGES[prototype.symbol]?.find(({ arg }) => arg === 0);
  if (change !== undefined) return spellKind(change.kind, change.btf, change.size);
  return spellKind(prototype.ret ?? 'RET_INTEGER', lookUp(BTF_IDS, prototype.retBtf), undefined);
}

function lookUp<T>(table: Readonly<Record<string, T>>, key: string | null | undefined): T | undefined {
  if (key === null || key === undefined) return undefined;
  if (!Object.hasOwn(table, key)) throw new Error(`unknown expression ${key} in a prototype`);
  return table[key];
}

/** What the kernel's combined names are made of. */
const COMBINED: Readonly<Record<string, string>> = {
  PTR_TO_UNINIT_MEM: 'PTR_TO_MEM UNINIT WRITE',
  PTR_TO_FIXED_SIZE_MEM: 'PTR_TO_MEM FIXED_SIZE',
  PTR_TO_ALLOC_MEM: 'PTR_TO_RINGBUF_MEM',
};

/** `ARG_PTR_TO_MEM | MEM_RDONLY` as `PTR_TO_MEM RDONLY`, with `#size` and `@struct`. */
function spellKind(spelled: string, btf: string | undefined, size: number | undefined): string {
  const words = spelled.split(' | ').flatMap((word) => {
    let name = word.replace(/^(ARG|RET)_/, '').replace(/^(MEM|PTR|DYNPTR)_(?!TO_)/, (_all, prefix: string) => (prefix === 'DYNPTR' ? 'DYNPTR_' : '')); // prettier-ignore
    name = name.replace(/^DYNPTR_TYPE_/, 'DYNPTR_');
    const orNull = /^(.*(?<!SIZE))_OR_NULL$/.exec(name);
    const base = orNull?.[1] ?? name;
    const parts = (COMBINED[base] ?? base).split(' ');
    return orNull === null ? parts : [...parts, 'MAYBE_NULL'];
  });
  if (size !== undefined) words.push(`#${size}`);
  if (btf !== undefined && btf !== '') words.push(`@${btf}`);
  return words.join(' ');
}
