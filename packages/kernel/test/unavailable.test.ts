// What users without Linux, without koffi or without privileges see.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'polybpf-kernel-'));
const bundle = join(folder, 'kernel.mjs');
beforeAll(async () => {
  await build({
    entryPoints: [fileURLToPath(new URL('../src/index.ts', import.meta.url))],
    outfile: bundle,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'es2022',
    conditions: ['@polybpf/source'],
  });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Imports the package where koffi cannot be found, and says why a kernel cannot be opened. */
function probe(before = ''): { code: string; message: string } {
  const script = `${before}
    const { probeLiveKernel, openLiveKernel } = await import(${JSON.stringify(bundle)});
    const { reason } = probeLiveKernel();
    let thrown; try { openLiveKernel(); } catch (error) { thrown = error.code; }
    console.log(JSON.stringify({ code: reason.code, message: reason.message, thrown }));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, NODE_PATH: '' },
  });
  expect(stderr).toBe('');
  const { thrown, ...reason } = JSON.parse(stdout) as { code: string; message: string; thrown: string };
  expect(thrown).toBe(reason.code);
  return reason;
}

describe('a kernel that cannot be opened', () => {
  test('another system or CPU', () => {
    for (const [key, value] of [
      ['platform', 'darwin'],
      ['arch', 's390x'],
    ]) {
      const { code, message } = probe(`Object.defineProperty(process, '${key}', { value: '${value}' });`);
      expect(code).toBe('E_UNSUPPORTED');
      expect(message).toMatch(/the live kernel on this host, expected Linux on x86_64 or arm64, got .*(darwin|s390x)/);
    }
  });

  test.skipIf(process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch))('no koffi', () => {
    const { code, message } = probe();
    expect(code).toBe('E_UNSUPPORTED');
    expect(message).toContain(`koffi with its binary for linux-${process.arch}`);
  });
});
