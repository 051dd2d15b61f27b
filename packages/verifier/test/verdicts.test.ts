import { describe, expect, it } from 'vitest';
import { verify } from '../src/index.ts';
import { insnsOf, readCases, TOPICS } from './cases.ts';

describe.each(TOPICS)('%s programs', (topic) => {
  it('get the verdict, reason and effort of Linux 6.18', () => {
    const cases = readCases(topic);
    expect(cases.length).toBeGreaterThan(100);
    for (const one of cases) {
      const maps = one.maps.map(([type, keySize, valueSize, maxEntries]) => ({ type, keySize, valueSize, maxEntries }));
      const { errno, message, processed } = verify({ insns: insnsOf(one), maps, type: one.type, flags: one.flags });
      const { name } = one;
      expect({ name, errno, message, processed }).toStrictEqual({
        name,
        errno: one.errno,
        message: one.message,
        processed: one.processed,
      });
    }
  });
});
