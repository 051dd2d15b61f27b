import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defaultServerConditions } from 'vite';
import { defineConfig, type ViteUserConfig } from 'vitest/config';

const SHARED = fileURLToPath(new URL('../shared', import.meta.url));
if (process.env['POLYBPF_SHARED'] === undefined && existsSync(SHARED)) process.env['POLYBPF_SHARED'] = SHARED;

/**
 * The vitest configuration that every package shares. Sources of the other packages are resolved through the
 * `@polybpf/source` export condition, so tests need no build. `*.native.test.ts` files are not part of it: they need
 * system tools and are never cached, see {@link nativeConfig}.
 */
export function packageConfig(root: string): ViteUserConfig {
  return defineConfig({
    root,
    ssr: { resolve: { conditions: ['@polybpf/source', ...defaultServerConditions] } },
    test: {
      include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
      exclude: ['**/*.native.test.ts', '**/node_modules/**'],
      pool: 'forks',
      reporters: ['default', 'json'],
      outputFile: { json: '.report/vitest.json' },
      testTimeout: 120_000,
      hookTimeout: 120_000,
    },
  });
}

/**
 * The configuration of `npm run test:native`: tests in `*.native.test.ts` that run QEMU, cross compilers, foreign
 * assemblers or bpf(2). They run in processes of their own (`forks`), because a crash of generated code inside a
 * worker thread would take vitest and its report down with it.
 */
export function nativeConfig(root: string): ViteUserConfig {
  return defineConfig({
    root,
    ssr: { resolve: { conditions: ['@polybpf/source', ...defaultServerConditions] } },
    test: {
      include: ['src/**/*.native.test.ts', 'test/**/*.native.test.ts'],
      exclude: ['**/node_modules/**'],
      pool: 'forks',
      reporters: ['default', 'json'],
      outputFile: { json: '.report/vitest-native.json' },
      testTimeout: 600_000,
      hookTimeout: 120_000,
    },
  });
}
