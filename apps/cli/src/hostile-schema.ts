/** The document of `polybpf fuzz --hostile --json`. */
import { z } from 'zod';

export const hostileSchema: z.ZodType = z.strictObject({
  targets: z.array(
    z.strictObject({
      target: z.string(),
      seed: z.int(),
      first: z.int(),
      programs: z.int(),
      endings: z.record(z.string(), z.int()),
      escapes: z.array(z.strictObject({ index: z.int(), reason: z.string() })),
      elapsedMs: z.int(),
    }),
  ),
});
