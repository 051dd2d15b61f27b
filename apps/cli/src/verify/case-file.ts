/** Single cases of the verifier, one JSON document a line. */
import { BpfError, type ErrorPlace } from '@polybpf/errors';
import { decodeInsns } from '@polybpf/isa';
import { mapTypeNumber } from '@polybpf/kernel';
import type { VerifyInput, VerifyMap } from '@polybpf/verifier';
import { z } from 'zod';

const base64 = z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/);
const count = z.number().int().min(0).max(0xffffffff);
const insnIndex = z.number().int().min(0);
const nameOrNumber = z.union([z.string(), z.number().int()]);

const mapShape = {
  name: z.string().nullish(),
  type: nameOrNumber,
  keySize: count.nullish(),
  valueSize: count.nullish(),
  maxEntries: count.nullish(),
  flags: count.nullish(),
  mapExtra: z.union([count, z.string()]).nullish(),
  frozen: base64.nullish().describe('contents of a frozen array of one entry'),
  btf: base64.nullish(),
  btfKeyTypeId: count.nullish(),
  btfValueTypeId: count.nullish(),
};
const innerMap = z.object(mapShape);
const caseMap = z.object({
  ...mapShape,
  inner: z.union([innerMap, count]).nullish().describe('definition of the inner maps, or the index of a map'),
});

const caseShape = z.object({
  name: z.string(),
  type: nameOrNumber,
  attachType: nameOrNumber.nullish(),
  flags: count.nullish(),
  insns: base64.describe('little-endian'),
  maps: z.array(caseMap).nullish(),
  fixups: z.array(z.tuple([insnIndex, insnIndex])).nullish().describe('insn of an ld_imm64, index of its map'), // prettier-ignore
  license: z.string().nullish(),
  btf: base64.nullish(),
  funcInfo: z.array(z.tuple([insnIndex, insnIndex])).nullish().describe('insn of a function, its type in the BTF'), // prettier-ignore
  kfuncFixups: z.array(z.tuple([z.string(), insnIndex])).nullish().describe('kernel function, insn of its call'), // prettier-ignore
  attachBtfName: z.string().nullish(),
});

/** Schema of a line. */
export const verifyCaseSchema: z.ZodType = caseShape;

type CaseMap = z.infer<typeof caseMap>;

/**
 * Reads the cases of a text.
 *
 * @throws BpfError `E_INPUT` with the line of what is no case, when the iteration reaches it
 */
export function* readCases(text: string, file: string): Generator<VerifyInput> {
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() !== '') yield parseCase(line, { file, line: i + 1 });
  }
}

function parseCase(line: string, at: ErrorPlace): VerifyInput {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (cause) {
    throw new BpfError('E_INPUT', 'a case is one JSON object on a line', { at, got: (cause as Error).message, cause });
  }
  const parsed = caseShape.safeParse(json);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    throw new BpfError('E_INPUT', `case: ${path.join('.')}: ${message}`, { at });
  }
  const { name, type, insns, attachType, flags, fixups, license, btf, funcInfo, kfuncFixups, attachBtfName } = parsed.data; // prettier-ignore
  const bytes = decode(insns);
  if (bytes.length % 8 !== 0) {
    throw new BpfError('E_INPUT', `case ${name}: insns`, { at, expected: 'a multiple of 8 bytes', got: `${bytes.length}` }); // prettier-ignore
  }
  const maps = parsed.data.maps ?? [];
  return {
    name,
    type,
    insns: bytes.length === 0 ? [] : decodeInsns(bytes, 'little'),
    maps: maps.map((map) => mapOf(map, maps)),
    ...given('attachType', attachType),
    ...given('flags', flags),
    ...given('fixups', fixups),
    ...given('license', license),
    ...given('btf', converted(btf, decode)),
    ...given(
      'functions',
      funcInfo?.map(([insn, id]) => ({ insn, type: id })),
    ),
    ...given('kfuncs', kfuncFixups),
    ...given('attachBtfName', attachBtfName),
  };
}

/** A field that is there only when it has a value. */
function given<K extends string, T>(key: K, value: T | null | undefined): { [P in K]?: T } {
  return (value === null || value === undefined ? {} : { [key]: value }) as { [P in K]?: T };
}

function converted<T, R>(value: T | null | undefined, convert: (value: T) => R): R | undefined {
  return value === null || value === undefined ? undefined : convert(value);
}

function decode(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'));
}

function mapOf(map: CaseMap, all: readonly CaseMap[]): VerifyMap {
  const inner = typeof map.inner === 'number' ? all[map.inner] : map.inner;
  return {
    type: mapTypeNumber(map.type),
    keySize: map.keySize ?? 0,
    valueSize: map.valueSize ?? 0,
    maxEntries: map.maxEntries ?? 0,
    ...given('name', map.name),
    ...given('flags', map.flags),
    ...given('mapExtra', converted(map.mapExtra, BigInt)),
    ...given('frozen', converted(map.frozen, decode)),
    ...given('btf', converted(map.btf, decode)),
    ...given('btfKeyTypeId', map.btfKeyTypeId),
    ...given('btfValueTypeId', map.btfValueTypeId),
    ...given(
      'inner',
      converted(inner, (definition) => mapOf({ ...definition, inner: undefined }, all)),
    ),
  };
}
