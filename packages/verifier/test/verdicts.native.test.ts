import { openLiveKernel, probeLiveKernel } from '@polybpf/kernel';
import { describe, expect, it } from 'vitest';
import { insnsOf, readCases, TOPICS } from './cases.ts';

/** Reasons and numbers are those of this series; another one may differ. */
const probe = probeLiveKernel();

describe.runIf(probe.available).each(TOPICS)('%s programs on the live kernel', (topic) => {
  it('still get the verdicts of the files', () => {
    using kernel = openLiveKernel();
    for (const one of readCases(topic)) {
      const fdArray = one.maps.map(([type, keySize, valueSize, maxEntries]) =>
        kernel.createMap({ type, keySize, valueSize, maxEntries }),
      );
      const loaded = kernel.load(insnsOf(one), {
        type: one.type as 'kprobe',
        flags: one.flags,
        fdArray: fdArray.map((map) => map.fd),
        logLevel: 4,
      });
      if (loaded.accepted) kernel.close(loaded.fd);
      for (const map of fdArray) map.close();
      const { name } = one;
      // Some reasons end without a line break, and the figures follow at once.
      const message = loaded.message.replace(/verification time \d+ usec$/, '');
      const processed = loaded.stats?.insnsProcessed ?? 0;
      expect({ name, errno: loaded.errno, message, processed }).toStrictEqual({
        name,
        errno: one.errno,
        message: one.message,
        processed: one.processed,
      });
    }
  });
});
