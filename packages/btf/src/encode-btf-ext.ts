import type { BtfExt, BtfExtSection } from './parse-btf-ext.ts';
import { encodeBtf, type BtfInit } from './encode-btf.ts';
import { BTF_MAGIC } from './kinds.ts';
import { collectStrings } from './string-table.ts';

/**
 * Writes `.BTF` and `.BTF.ext` together: the strings of both are in the first. Sections without records are left out.
 *
 * @throws BpfError E_ENCODE_FIELD when a value does not fit its field
 */
export function encodeBtfWithExt(btf: BtfInit, ext: BtfExt): { readonly btf: Uint8Array; readonly ext: Uint8Array } {
  const strings = collectStrings(btf.strings ?? new Uint8Array(0), btf.base);
  const { offsetOf } = strings;
  const parts = [
    part(ext.funcInfo, 8, offsetOf, ({ insnOffset, type }) => [insnOffset, type]),
    part(ext.lineInfo, 16, offsetOf, ({ insnOffset, file, text, line, column }) => {
      return [insnOffset, offsetOf(file), offsetOf(text), line * 1024 + Math.min(column, 1023)];
    }),
    part(ext.coreRelocations, 16, offsetOf, ({ insnOffset, type, access, kind }) => {
      return [insnOffset, type, offsetOf(access), kind];
    }),
  ];
  const words = parts.flat();
  const bytes = new Uint8Array(32 + 4 * words.length);
  const view = new DataView(bytes.buffer);
  const little = btf.endian === 'little';
  view.setUint16(0, BTF_MAGIC, little);
  view.setUint8(2, 1);
  view.setUint32(4, 32, little);
  let at = 0;
  parts.forEach(({ length }, k) => {
    view.setUint32(8 + 8 * k, at, little);
    view.setUint32(12 + 8 * k, 4 * length, little);
    at += 4 * length;
  });
  words.forEach((word, k) => view.setUint32(32 + 4 * k, word, little));
  return { btf: encodeBtf({ ...btf, strings: strings.finish() }), ext: bytes };
}

function part<R>(
  sections: readonly BtfExtSection<R>[],
  recordSize: number,
  offsetOf: (text: string) => number,
  fields: (record: R) => number[],
): number[] {
  const filled = sections.filter(({ records }) => records.length > 0);
  if (filled.length === 0) return [];
  return [recordSize, ...filled.flatMap(({ section, records }) => [offsetOf(section), records.length, ...records.flatMap(fields)])]; // prettier-ignore
}
