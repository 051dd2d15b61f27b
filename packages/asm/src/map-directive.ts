/**
 * `.map NAME type=hash key=4 value=8 entries=16`: a map of the program, in both directions.
 *
 * Keys: `type` (name or number), `key`, `value` (bytes), `entries`, `flags`, `kind` (map, rodata, data, bss, kconfig),
 * `pinning`, `numa`, `extra`, `section`, `btf_key`, `btf_value`, `initial` (hexadecimal bytes), and the same with
 * `inner.` in front for the inner map of a map of maps.
 */
import type { MapDef, MapKind } from '@polybpf/isa';
import { nearest, type Assembly } from './assembly.ts';
import { readSymbol } from './operands.ts';
import { atStatementEnd, expectChar, fail, hexValue, readImm64, readInteger, readWord, skipBlank } from './scanner.ts';
import { quoteString, quoteSymbol } from './syntax.ts';

/** `enum bpf_map_type` of `include/uapi/linux/bpf.h`, from 1 on, in lower case without prefix. */
// prettier-ignore
const MAP_TYPES = [
  'hash', 'array', 'prog_array', 'perf_event_array', 'percpu_hash', 'percpu_array', 'stack_trace', 'cgroup_array',
  'lru_hash', 'lru_percpu_hash', 'lpm_trie', 'array_of_maps', 'hash_of_maps', 'devmap', 'sockmap', 'cpumap', 'xskmap',
  'sockhash', 'cgroup_storage', 'reuseport_sockarray', 'percpu_cgroup_storage', 'queue', 'stack', 'sk_storage',
  'devmap_hash', 'struct_ops', 'ringbuf', 'inode_storage', 'task_storage', 'bloom_filter', 'user_ringbuf',
  'cgrp_storage', 'arena', 'insn_array',
];
const KINDS: readonly MapKind[] = ['map', 'rodata', 'data', 'bss', 'kconfig'];
const UINT32 = 4294967295;

type Draft = { -readonly [key in keyof MapDef]?: MapDef[key] };

/** Reads what follows `.map`. */
export function readMapDirective(a: Assembly): void {
  const { s } = a;
  skipBlank(s);
  const at = s.pos;
  const name = readSymbol(s, 'map');
  if (a.mapIndex.has(name)) fail(s, 'E_ASM_DIRECTIVE', `map ${name} is declared twice`, at, { got: `"${name}"` });
  const draft: Draft = {};
  let inner: Draft | undefined;
  while (!atStatementEnd(s)) {
    const keyAt = s.pos;
    let key = readWord(s);
    const isInner = key.startsWith('inner.');
    if (isInner) key = key.slice('inner.'.length);
    expectChar(s, 0x3d);
    const reader = KEYS.get(key);
    if (reader === undefined) {
      const near = nearest(key, KEYS.keys());
      fail(s, 'E_ASM_DIRECTIVE', 'unknown key of .map', keyAt, { expected: near ?? [...KEYS.keys()].join(' ') });
    }
    reader(a, isInner ? (inner ??= {}) : draft);
  }
  const outer = complete(draft, name);
  const map = inner === undefined ? outer : { ...outer, inner: complete(inner, `${name}.inner`) };
  if (map.initial !== undefined && map.initial.length !== map.valueSize) {
    // prettier-ignore
    fail(s, 'E_ASM_DIRECTIVE', `initial bytes of map ${name}`, at, { expected: `${map.valueSize} bytes`, got: `${map.initial.length}` });
  }
  a.mapIndex.set(name, a.maps.length);
  a.maps.push(map);
}

/** What is not said is an array of one element; its size is that of the initial bytes. */
function complete(draft: Draft, name: string): MapDef {
  return {
    name,
    kind: 'map',
    type: MAP_TYPES.indexOf('array') + 1,
    keySize: 4,
    valueSize: draft.initial?.length ?? 8,
    maxEntries: 1,
    flags: 0,
    ...draft,
  };
}

// prettier-ignore
const KEYS: ReadonlyMap<string, (a: Assembly, draft: Draft) => void> = new Map<string, (a: Assembly, draft: Draft) => void>([
  ['type', (a, draft) => void (draft.type = readType(a))],
  ['key', (a, draft) => void (draft.keySize = readSize(a))],
  ['value', (a, draft) => void (draft.valueSize = readSize(a))],
  ['entries', (a, draft) => void (draft.maxEntries = readSize(a))],
  ['flags', (a, draft) => void (draft.flags = readSize(a))],
  ['kind', (a, draft) => void (draft.kind = readKind(a))],
  ['pinning', (a, draft) => void (draft.pinning = readSize(a))],
  ['numa', (a, draft) => void (draft.numaNode = readSize(a))],
  ['extra', (a, draft) => void (draft.mapExtra = readExtra(a))],
  ['section', (a, draft) => void (draft.section = readSymbol(a.s, 'section'))],
  ['btf_key', (a, draft) => void (draft.btfKeyTypeId = readSize(a))],
  ['btf_value', (a, draft) => void (draft.btfValueTypeId = readSize(a))],
  ['initial', (a, draft) => void (draft.initial = readHexBytes(a))],
]);

function readSize(a: Assembly): number {
  return readInteger(a.s, 0, UINT32, 'value', a.octal);
}

function readExtra(a: Assembly): bigint {
  const { low, high } = readImm64(a.s, a.octal);
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

function readType(a: Assembly): number {
  const code = skipBlank(a.s);
  if (code >= 0x30 && code <= 0x39) return readSize(a);
  const at = a.s.pos;
  const word = readWord(a.s)
    .toLowerCase()
    .replace(/^bpf_map_type_/, '');
  const type = MAP_TYPES.indexOf(word);
  // prettier-ignore
  if (type === -1) fail(a.s, 'E_ASM_DIRECTIVE', 'map type', at, { expected: nearest(word, MAP_TYPES) ?? 'a type as in bpf_map_type' });
  return type + 1;
}

function readKind(a: Assembly): MapKind {
  skipBlank(a.s);
  const at = a.s.pos;
  const word = readWord(a.s);
  return (
    KINDS.find((kind) => kind === word) ?? fail(a.s, 'E_ASM_DIRECTIVE', 'map kind', at, { expected: KINDS.join(' ') })
  );
}

function readHexBytes(a: Assembly): Uint8Array {
  skipBlank(a.s);
  const at = a.s.pos;
  const digits = readWord(a.s);
  const bytes = new Uint8Array(digits.length >> 1);
  for (let i = 0; i < digits.length; i++) {
    const digit = hexValue(digits.charCodeAt(i));
    // prettier-ignore
    if (digit === -1 || digits.length % 2 !== 0) fail(a.s, 'E_ASM_DIRECTIVE', 'initial bytes', at, { expected: 'pairs of hexadecimal digits' });
    bytes[i >> 1]! |= i % 2 === 0 ? digit << 4 : digit;
  }
  return bytes;
}

/** The directive that declares `map`. */
export function formatMapDirective(map: MapDef): string {
  const inner = map.inner === undefined ? '' : formatKeys(map.inner, 'inner.');
  return `.map ${quoteSymbol(map.name)}${formatKeys(map, '')}${inner}`;
}

function formatKeys(map: MapDef, prefix: string): string {
  const values: [string, string | number | undefined][] = [
    ['type', MAP_TYPES[map.type - 1] ?? map.type],
    ['key', map.keySize],
    ['value', map.valueSize],
    ['entries', map.maxEntries],
    ['flags', map.flags === 0 ? undefined : `0x${map.flags.toString(16)}`],
    ['kind', map.kind === 'map' ? undefined : map.kind],
    ['pinning', map.pinning],
    ['numa', map.numaNode],
    ['extra', map.mapExtra === undefined ? undefined : `0x${map.mapExtra.toString(16)}`],
    ['section', map.section === undefined ? undefined : quoteString(map.section)],
    ['btf_key', map.btfKeyTypeId],
    ['btf_value', map.btfValueTypeId],
    ['initial', map.initial === undefined || map.initial.length === 0 ? undefined : hexOf(map.initial)],
  ];
  return values.map(([key, value]) => (value === undefined ? '' : ` ${prefix}${key}=${value}`)).join('');
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
