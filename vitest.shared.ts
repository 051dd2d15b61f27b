import { defaultServerConditions } from 'vite';
import { defineConfig, type ViteUserConfig } from 'vitest/config';

/**
 * The vitest configuration that every package shares. Sources of the other packages are resolved through the
 * `@polybpf/source` export condition, so tests need no build.
 */
export function packageConfig(root: string): ViteUserConfig {
  return defineConfig({
    root,
    ssr: { resolve: { conditions: ['@polybpf/source', ...defaultServerConditions] } },
    test: {
      include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
      exclude: ['**/*.native.test.ts', '**/node_modules/**'],
      pool: 'forks',
      reporters: process.env['CI'] ? ['default', 'json'] : ['default', 'json'],
      outputFile: { json: '.report/vitest.json' },
      testTimeout: 120_000,
    },
  });
}
