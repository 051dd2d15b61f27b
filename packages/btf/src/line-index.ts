import type { BtfExt, BtfLineInfo } from './parse-btf-ext.ts';

/** Finds the line of an instruction: ELF section and bytes from its start. */
export type LineIndex = (section: string, insnOffset: number) => BtfLineInfo | undefined;

/**
 * Makes an index of the line info. A record holds from its instruction on until that of the next record; before the
 * first record of a section there is no line.
 */
export function createLineIndex(ext: BtfExt): LineIndex {
  const bySection = new Map<string, BtfLineInfo[]>();
  for (const { section, records } of ext.lineInfo) {
    const known = bySection.get(section);
    if (known === undefined) bySection.set(section, [...records]);
    else for (const record of records) known.push(record);
  }
  for (const records of bySection.values()) records.sort((a, b) => a.insnOffset - b.insnOffset);
  return (section, insnOffset) => {
    const records = bySection.get(section) ?? [];
    let low = 0;
    let high = records.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((records[middle]?.insnOffset ?? 0) <= insnOffset) low = middle + 1;
      else high = middle;
    }
    return records[low - 1];
  };
}
