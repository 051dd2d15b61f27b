import { defineConfig } from 'vitest/config';

/** `npx vitest` in the root watches every package; each one's own configuration decides what its tests are. */
export default defineConfig({
  test: { projects: ['packages/*/vitest.config.ts', 'apps/*/vitest.config.ts', 'tools/*/vitest.config.ts'] },
});
