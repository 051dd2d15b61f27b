/** What the registry says of capabilities, against the kernel in processes that lack them. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { openLiveKernel, probeLiveKernel } from '@polybpf/kernel';
import { describe, expect, it } from 'vitest';
import { profileByName } from '../src/kernel-profiles.ts';
import { createRegistry } from '../src/registry.ts';

const ROOT = join(import.meta.dirname, '../../..');
const registry = createRegistry(profileByName('6.18'));

/** Why the kernel cannot be asked here; undefined when it can. */
function obstacle(): string | undefined {
  const probe = probeLiveKernel();
  if (!probe.available) return probe.reason.message;
  using kernel = openLiveKernel();
  if (!kernel.host.release.startsWith('6.18')) return `no probed profile of ${kernel.host.release}`;
  if (process.getuid?.() !== 0) return 'not root';
  return spawnSync('setpriv', ['--version']).status === 0 ? undefined : 'no setpriv';
}

const why = obstacle();
if (why === 'no setpriv' && process.env['CI']) throw new Error('missing tools: setpriv (util-linux)');

/** Answers of a process that has these capabilities only. */
function answers(capabilities: string): Record<string, string[] | null> {
  const script = join(ROOT, 'tools/facts/capability-answers.ts');
  const node = [process.execPath, join(ROOT, 'node_modules/tsx/dist/cli.mjs'), '--conditions=@polybpf/source', script];
  const { stdout, stderr, status } = spawnSync('setpriv', [`--bounding-set=-all,${capabilities}`, '--inh-caps=-all', ...node], { cwd: ROOT, encoding: 'utf8' }); // prettier-ignore
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout) as Record<string, string[] | null>;
}

describe.skipIf(why !== undefined)(`capabilities${why === undefined ? '' : ` (skipped: ${why})`}`, () => {
  it.each([
    ['without CAP_PERFMON', '+bpf,+net_admin', ['CAP_PERFMON']],
    ['with CAP_BPF alone', '+bpf', ['CAP_PERFMON', 'CAP_NET_ADMIN']],
  ])('are what the registry says: %s', (_what, capabilities, lacking) => {
    const found = answers(capabilities);
    expect(Object.keys(found).length).toBeGreaterThan(50);
    const expected = Object.keys(found).map((name) => {
      const variant = registry.variantByName(name)!;
      const capability = registry.profile.programTypes[variant.type]!.capability;
      if (lacking.includes(capability ?? '')) return [name, null];
      const refused = registry
        .helpersOf(variant)
        .filter((helper) => registry.capabilityOf(variant, helper) === 'CAP_PERFMON');
      return [name, refused.map((helper) => helper.name)];
    });
    expect(found).toEqual(Object.fromEntries(expected));
  });
});
