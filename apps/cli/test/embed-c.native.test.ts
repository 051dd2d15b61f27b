/** `examples/embed-c` on its three CPUs prints what its README says. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildCli, type Cli, repositoryFile } from './run-cli.ts';

const TOOLS = {
  x86_64: ['gcc'],
  arm64: ['aarch64-linux-gnu-gcc', 'qemu-aarch64'],
  s390x: ['s390x-linux-gnu-gcc', 'qemu-s390x'],
} as const;

let cli: Cli;
beforeAll(async () => {
  cli = await buildCli();
});
afterAll(() => cli.close());

describe('examples/embed-c', () => {
  const readme = readFileSync(repositoryFile('examples/embed-c/README.md'), 'utf8');
  const printed = /```text\n([^`]+)```/.exec(readme)![1];
  for (const [cpu, tools] of Object.entries(TOOLS)) {
    const missing = tools.filter((tool) => spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0);
    if (missing.length > 0 && process.env['CI']) throw new Error(`missing tools: ${missing.join(', ')}`);
    it.skipIf(missing.length > 0)(`links and runs for ${cpu} (missing: ${missing.join(', ') || 'nothing'})`, () => {
      const { status, stdout, stderr } = spawnSync('bash', [repositoryFile('examples/embed-c/build.sh'), cpu], {
        env: { ...process.env, OUT: cli.folder },
        encoding: 'utf8',
      });
      expect({ status, stderr, stdout }).toEqual({ status: 0, stderr: '', stdout: `--- ${cpu}\n${printed}` });
    });
  }
});
