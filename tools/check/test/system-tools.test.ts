import { afterEach, describe, expect, test, vi } from 'vitest';
import { toolSteps } from '../../run/tasks.mjs';
import { hasProgram, missingPackages } from '../../setup/setup.mjs';
import { SYSTEM_TOOLS } from '../../setup/system-tools.mjs';

const nothing = (): boolean => false;
const everything = (): boolean => true;

describe('missingPackages', () => {
  test('names nothing when everything is there', () => {
    expect(missingPackages(['run', 'c', 'test'], everything, everything)).toEqual([]);
  });

  test('names every package of the table, and only those of the asked uses', () => {
    expect(missingPackages(['run', 'c', 'test'], nothing, nothing)).toEqual(
      SYSTEM_TOOLS.map((tool) => tool.debianPackage),
    );
    expect(missingPackages(['run'], nothing, nothing)).toEqual(['qemu-user']);
    expect(missingPackages([], nothing, nothing)).toEqual([]);
  });

  test('one missing program of several is enough, and so is a missing header', () => {
    expect(missingPackages(['run'], (name) => name !== 'qemu-s390x', everything)).toEqual(['qemu-user']);
    expect(missingPackages(['c'], everything, nothing)).toEqual(['libc6-dev']);
  });
});

describe('hasProgram', () => {
  test('finds what is executable on the path and nothing else', () => {
    expect(hasProgram('node', process.execPath.replace(/\/[^/]*$/, ''))).toBe(true);
    expect(hasProgram('no-such-program-anywhere')).toBe(false);
    expect(hasProgram('package.json', import.meta.dirname + '/..')).toBe(false);
  });
});

describe('a missing system tool', () => {
  afterEach(() => vi.unstubAllEnvs());

  test('is a named skip on a developer machine', () => {
    vi.stubEnv('CI', '');
    expect(toolSteps(['qemu-user'])).toEqual([
      { name: expect.stringContaining('qemu-user'), status: 'skipped', detail: 'it is not installed' },
    ]);
  });

  test('is a failure in CI', () => {
    vi.stubEnv('CI', 'true');
    expect(toolSteps(['qemu-user', 'gcc']).map((step) => step.status)).toEqual(['failed', 'failed']);
  });
});
